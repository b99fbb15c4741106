//! A task that is under way moves to another agent: what moves with it is read, edited and sent, and what was begun
//! goes along. Or it is called off, and the task stays where it is.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page, SOON, eventually, process};
use serde_json::{Value, json};

use crate::on_git;
use crate::on_git::{PATIENCE, agent, begin, escape, git, result_branch, status, task};

/// What the first agent prints. It names no file, so that whatever names one has looked into the work tree.
const LOG_LINE: &str = "so much for the first verse";
/// Of another kind than the task is planned for.
const OTHER: &str = "CCG-1";
const ADVICE: &str = "The second verse is about the sea.";

/// An agent of each kind, one task, and the gate that the first agent waits at.
struct Poem {
    plan: PathBuf,
    gate: PathBuf,
}

impl Poem {
    fn write(desk: &Desk) -> Result<Self> {
        let poem = Self { plan: desk.path("plans/poem"), gate: desk.path("gate") };
        let gate = process::command("mkfifo").arg(&poem.gate).status()?;
        ensure!(gate.success(), "no gate");
        // It reads from the gate until the test opens it, or until it is ended.
        let first = format!(
            "echo 'first verse' > draft.txt; echo '{LOG_LINE}'; read -r word < '{}'; mv draft.txt poem.txt",
            poem.gate.display()
        );
        let second = "printf %s \"$MIYABI_PROMPT\" > told.txt; cat draft.txt > poem.txt; \
                      rm draft.txt; echo 'second verse' >> poem.txt";
        let dag = json!({ "title": "A poem", "git": true, "tasks": [task("Poem", &[], "poem.txt")] });
        on_git::write_plan(&poem.plan, dag, &[agent("CG-1", &first), agent(OTHER, second)])?;
        Ok(poem)
    }

    /// Waits until the first agent has come as far as it does by itself.
    async fn is_begun(&self, desk: &Desk, page: &Page) -> Result<()> {
        page.see_within(&node("running"), PATIENCE).await?;
        let drafted = || async {
            let attempts = attempts(desk).ok()?;
            let tree = attempts[0]["tree"]["folder"].as_str()?.to_owned();
            Path::new(&tree).join("draft.txt").exists().then_some(())
        };
        eventually("the draft in the work tree", SOON, drafted).await
    }

    /// Lets the first agent go on. An agent that is gone would hold the test for ever.
    async fn open_gate(&self) -> Result<()> {
        let gate = self.gate.clone();
        let opened = tokio::task::spawn_blocking(move || std::fs::write(gate, "on\n"));
        Ok(tokio::time::timeout(SOON, opened).await???)
    }

    fn shows(&self, desk: &Desk, file: &str) -> Result<String> {
        git(&self.plan.join("work"), &["show", &format!("{}:{file}", result_branch(desk)?)])
    }
}

fn node(phase: &str) -> String {
    css("task-node", &[("data-task-id", "Poem"), ("data-phase", phase)])
}

fn attempts(desk: &Desk) -> Result<Value> {
    Ok(status(desk)?["tasks"][0]["attempts"].clone())
}

/// Waits until the graph is fitted into its pane: before that, the only task lies half beyond the window's edge.
async fn is_in_sight(page: &Page, css: &str) -> Result<()> {
    let script = "return document.querySelector(arguments[0]).getBoundingClientRect().x > 0;";
    let fitted = || async {
        let inside = page.client().execute(script, vec![json!(css)]).await.ok()?;
        (inside == true).then_some(())
    };
    eventually(&format!("{css} in sight"), SOON, fitted).await
}

/// Drops the task on the other agent, which opens the dialog.
async fn drop_on_other(page: &Page) -> Result<()> {
    is_in_sight(page, &node("running")).await?;
    page.drag(&node("running"), &css("agent-target", &[("data-agent-id", OTHER)])).await?;
    page.see(&css("hand-over", &[])).await.map(drop)
}

/// What stands in the field for the next agent's words.
async fn packet(page: &Page) -> Result<String> {
    Ok(page.see(&css("hand-over-text", &[])).await?.prop("value").await?.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_under_way_is_handed_over_with_its_files_and_a_persons_words() -> Result<()> {
    let mut desk = Desk::make().await?;
    let poem = Poem::write(&desk)?;
    let page = begin(&mut desk, &poem.plan).await?;
    poem.is_begun(&desk, &page).await?;

    drop_on_other(&page).await?;
    let run = status(&desk)?["run"]["run_id"].as_str().unwrap_or_default().to_owned();
    page.says(&css("hand-over", &[]), &format!("miyabi/{run}/Poem/1")).await?;
    page.says(&css("hand-over", &[]), "draft.txt").await?;
    page.says(&css("hand-over-across", &[]), "planned for an agent of kind CG").await?;
    let text = packet(&page).await?;
    ensure!(text.contains("moves from CG-1 on local to you, CCG-1") && text.contains(LOG_LINE), "{text}");
    page.keep_picture("hand-over").await?;
    page.fill(&css("hand-over-text", &[]), ADVICE).await?;
    page.keep_picture("hand-over-edited").await?;
    page.click(&css("hand-over-yes", &[])).await?;
    page.miss(&css("hand-over", &[])).await?;

    page.completes(1, PATIENCE).await?;
    page.phase("completed", PATIENCE).await?;
    page.click(&node("completed")).await?;
    page.see(&css("inspector", &[("data-task-id", "Poem")])).await?;
    page.keep_picture("hand-over-completed").await?;
    let told = poem.shows(&desk, "told.txt")?;
    // What the person took out is not told; the task itself is.
    ensure!(told.contains(ADVICE) && told.contains("Write it.") && !told.contains(LOG_LINE), "{told}");
    ensure!(
        poem.shows(&desk, "poem.txt")? == "first verse\nsecond verse\n",
        "{}",
        poem.shows(&desk, "poem.txt")?
    );
    let attempts = attempts(&desk)?;
    let tries: Vec<[&Value; 2]> =
        attempts.as_array().into_iter().flatten().map(|one| [&one["agent"], &one["cause"]]).collect();
    ensure!(tries == [[&json!("CG-1"), &json!("reassigned")], [&json!(OTHER), &json!(null)]], "{tries:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_that_is_called_off_leaves_the_task_where_it_is() -> Result<()> {
    let mut desk = Desk::make().await?;
    let poem = Poem::write(&desk)?;
    let page = begin(&mut desk, &poem.plan).await?;
    poem.is_begun(&desk, &page).await?;

    drop_on_other(&page).await?;
    escape(&page).await?;
    page.miss(&css("hand-over", &[])).await?;
    // Were the task the other agent's by now, it could not be dropped there once more.
    drop_on_other(&page).await?;
    page.click(&css("hand-over-no", &[])).await?;
    page.miss(&css("hand-over", &[])).await?;
    page.see(&node("running")).await?;
    page.keep_picture("hand-over-called-off").await?;

    poem.open_gate().await?;
    page.completes(1, PATIENCE).await?;
    page.phase("completed", PATIENCE).await?;
    ensure!(poem.shows(&desk, "poem.txt")? == "first verse\n", "{}", poem.shows(&desk, "poem.txt")?);
    let attempts = attempts(&desk)?;
    let is_one = attempts.as_array().is_some_and(|all| all.len() == 1);
    ensure!(is_one && attempts[0]["agent"] == "CG-1", "{attempts}");
    Ok(())
}
