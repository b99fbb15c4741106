//! Work on git in the window: what a task changed is read, sent back with a comment on a line, done again, accepted, and
//! verified; and the run is looked at as it stood before.

use std::path::Path;

use anyhow::{Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, eventually};
use serde_json::json;

use crate::on_git;
use crate::on_git::{PATIENCE, agent, begin, escape, git, result_branch, status, task};

const COMMENT: &str = "Greet all of them, please.";

/// A task that a person accepts, one that follows it, and a verification of both.
fn write_plan(folder: &Path) -> Result<()> {
    // The second try is told the comment, in the text behind its task.
    let greet = "case \"$MIYABI_PROMPT\" in *'Greet all'*) echo 'hello, all' > greeting.txt;; \
                 *) echo 'hello, you' > greeting.txt;; esac";
    let end = "grep -q all greeting.txt; echo done > end.txt";
    let script = format!("if [ \"$MIYABI_TASK\" = Greet ]; then {greet}; else {end}; fi");
    let mut greet = task("Greet", &[], "greeting.txt");
    greet["approval"] = json!("person");
    let files = json!({ "name": "files", "run": ["sh", "-c", "ls | wc -l"], "number": { "equals": 3 } });
    let dag = json!({ "title": "Greetings", "git": true, "tasks": [greet, task("End", &["Greet"], "end.txt")],
        "verification": [files] });
    on_git::write_plan(folder, dag, &[agent("CG-1", &script)])
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_read_sent_back_accepted_verified_and_its_past_looked_at() -> Result<()> {
    let mut desk = Desk::make().await?;
    let plan = desk.path("plans/work");
    write_plan(&plan)?;
    let page = begin(&mut desk, &plan).await?;

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

    let result = result_branch(&desk)?;
    let shown = git(&plan.join("work"), &["show", &format!("{result}:greeting.txt")])?;
    ensure!(shown == "hello, all\n", "{shown}");
    ensure!(!plan.join("work/greeting.txt").exists(), "the person's folder was touched");
    Ok(())
}
