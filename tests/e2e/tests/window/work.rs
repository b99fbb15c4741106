//! Work on git in the window: what a task changed is read, sent back with a comment on a line, done again, accepted, and
//! verified; and the run is looked at as it stood before.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page, eventually, process};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const COMMENT: &str = "Greet all of them, please.";

/// A task that a person accepts, one that follows it, and a verification of both.
fn write_plan(folder: &Path) -> Result<()> {
    let work = folder.join("work");
    std::fs::create_dir_all(&work)?;
    std::fs::write(work.join("README.md"), "# Greetings\n")?;
    // The second try is told the comment, in the text behind its task.
    let greet = "case \"$MIYABI_PROMPT\" in *'Greet all'*) echo 'hello, all' > greeting.txt;; \
                 *) echo 'hello, you' > greeting.txt;; esac";
    let end = "grep -q all greeting.txt; echo done > end.txt";
    let script = format!("if [ \"$MIYABI_TASK\" = Greet ]; then {greet}; else {end}; fi");
    let task = |id: &str, needs: &[&str], output: &str| {
        json!({ "id": id, "title": id, "prompt": "Write it.", "agent": "CG-1", "needs": needs, "outputs": [output],
            "estimated_seconds": 5 })
    };
    let mut greet = task("Greet", &[], "greeting.txt");
    greet["approval"] = json!("person");
    let dag = json!({ "version": "1.0.0", "name": "work", "title": "Greetings", "work_folder": "work", "git": true,
        "tasks": [greet, task("End", &["Greet"], "end.txt")],
        "verification": [{ "name": "files", "run": ["sh", "-c", "ls | wc -l"], "number": { "equals": 3 } }] });
    let agent =
        json!({ "id": "CG-1", "title": "Core", "runner": "command", "command": ["sh", "-ec", script] });
    let config = json!({ "version": "1.0.0", "agents": [agent] });
    for (name, file) in [("task_dag.json", dag), ("agent_config.json", config)] {
        std::fs::write(folder.join(name), serde_json::to_vec_pretty(&file)?)?;
    }
    Ok(())
}

fn git(folder: &Path, words: &[&str]) -> Result<String> {
    let output = process::command("git").arg("-C").arg(folder).args(words).output()?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn status(desk: &Desk) -> Result<Value> {
    let [word, state] = desk.state_words();
    Ok(serde_json::from_slice(&desk.miyabi(&["status", "--json", &word, &state])?.stdout)?)
}

async fn escape(page: &Page) -> Result<()> {
    page.client().active_element().await?.send_keys("\u{e00c}").await.context("Escape closes what is open")
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_read_sent_back_accepted_verified_and_its_past_looked_at() -> Result<()> {
    let mut desk = Desk::make().await?;
    let plan = desk.path("plans/work");
    write_plan(&plan)?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&plan.to_string_lossy(), &word, &state]).await?;
    page.click(&css("start-run", &[])).await?;
    page.click(&css("confirm-yes", &[])).await?;

    let node = css("task-node", &[("data-task-id", "Greet"), ("data-phase", "review")]);
    page.see_within(&node, PATIENCE).await?;
    page.click(&node).await?;
    page.click(&css("open-review", &[])).await?;
    page.says(&css("diff", &[]), "hello, you").await?;
    page.keep_picture("work-review").await?;
    page.click(&css("diff-line", &[("data-line", "1")])).await?;
    page.fill(&format!("{} textarea", css("comment-form", &[])), COMMENT).await?;
    page.click(&css("comment-add", &[])).await?;
    page.click(&css("send-back", &[])).await?;

    // The second try is in review, too, and did what it was told.
    let second = || async {
        let status = status(&desk).ok()?;
        let attempts = status["tasks"][0]["attempts"].as_array()?;
        let told = &attempts.first()?["comments"][0];
        let is_told = told["text"] == COMMENT && told["file"] == "greeting.txt" && told["line"] == 1;
        (is_told && attempts.len() == 2 && status["tasks"][0]["phase"] == "review").then_some(())
    };
    eventually("the second try, which was told the comment", PATIENCE, second).await?;
    page.see(&node).await?;
    page.click(&css("open-review", &[])).await?;
    page.says(&css("diff", &[]), "hello, all").await?;
    page.click(&css("accept", &[])).await?;
    page.completes(2, PATIENCE).await?;
    page.phase("completed", PATIENCE).await?;
    page.click(&css("verification", &[])).await?;
    page.says(&css("check-found", &[]), "3").await?;
    page.keep_picture("work-verification").await?;
    escape(&page).await?;

    page.click(&css("history-button", &[])).await?;
    page.click(&css("history-previous", &[])).await?;
    page.see(&css("history-bar", &[])).await?;
    page.keep_picture("work-history").await?;
    page.click(&css("history-back", &[])).await?;
    page.miss(&css("history-bar", &[])).await?;

    let status = status(&desk)?;
    let result = status["run"]["git"]["result_branch"].as_str().context("a result")?;
    let shown = git(&plan.join("work"), &["show", &format!("{result}:greeting.txt")])?;
    ensure!(shown == "hello, all\n", "{shown}");
    ensure!(!plan.join("work/greeting.txt").exists(), "the person's folder was touched");
    Ok(())
}
