//! The run that this program exists for, rehearsed in the window from its start to its report.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page};

/// 6,600 s of estimates at 600 times their speed take 11 s; a busy machine may take its time.
const WHOLE_RUN: Duration = Duration::from_secs(120);

pub(crate) fn plan() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/level6");
    folder.canonicalize().unwrap_or(folder).to_string_lossy().into_owned()
}

pub(crate) async fn rehearse(desk: &mut Desk, speed: &str) -> Result<Page> {
    let [word, state] = desk.state_words();
    desk.open(&[&plan(), &word, &state, &format!("--rehearse={speed}")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rehearsal_reaches_fifteen_of_fifteen_and_its_report_is_saved() -> Result<()> {
    let mut desk = Desk::make().await?;
    let page = rehearse(&mut desk, "600").await?;
    page.see(&css("rehearsal-badge", &[])).await?;
    page.see(&css("task-node", &[("data-task-id", "Task-15")])).await?;
    page.watch(&css("task-node", &[])).await?;
    for done in [1, 3, 6] {
        page.completes(done, WHOLE_RUN).await?;
        let missing = page.not_painted(&css("task-node", &[])).await?;
        ensure!(missing.is_empty(), "the page has {missing:?}, the window does not show them");
    }
    page.keep_picture("level6-under-way").await?;

    page.completes(15, WHOLE_RUN).await?;
    page.phase("completed", WHOLE_RUN).await?;
    ensure!(page.fewest_seen().await? == 15, "a task was missing from the graph for a while");
    ensure!(page.number(&css("progress-count", &[]), "data-total").await? == 15, "fifteen tasks");
    desk.state().queue_says("Task-15", "status", "COMPLETED").await?;
    page.keep_picture("level6-completed").await?;
    desk.bus.notification(WHOLE_RUN, |told| told.title == "The run is complete").await?;

    for (kind, must_hold) in [("markdown", "rehearsal"), ("html", "<svg"), ("json", "\"Task-15\"")] {
        let file = desk.path("home").join(format!("report.{kind}"));
        let report = save_report(&desk, &page, kind, &file).await?;
        ensure!(report.contains(must_hold), "{kind}: {report}");
    }
    Ok(())
}

async fn save_report(desk: &Desk, page: &Page, kind: &str, file: &PathBuf) -> Result<String> {
    page.click(&css("export-button", &[])).await?;
    page.click(&css(&format!("export-{kind}"), &[])).await?;
    desk.display.save_as("Save the report", file).await?;
    let saved = || async { std::fs::read_to_string(file).ok() };
    let report = miyabi_e2e::eventually("the saved report", miyabi_e2e::SOON, saved).await?;
    page.client().active_element().await?.send_keys("\u{e00c}").await.context("Escape closes the sheet")?;
    Ok(report)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_dropped_on_an_agent_is_its_task_from_then_on() -> Result<()> {
    let mut desk = Desk::make().await?;
    // Slow enough that Task-2 still waits for Task-1 while a hand moves it.
    let page = rehearse(&mut desk, "20").await?;
    let node = css("task-node", &[("data-task-id", "Task-2")]);
    let agent = css("agent-target", &[("data-agent-id", "CG-4")]);
    page.see(&css("task-node", &[("data-task-id", "Task-1"), ("data-phase", "running")])).await?;
    desk.state().queue_says("Task-2", "agent", "CG-1").await?;

    page.drag(&node, &agent).await?;
    desk.state().queue_says("Task-2", "agent", "CG-4").await?;
    page.keep_picture("level6-reassigned").await?;

    let bar = css("timeline-bar", &[("data-task-id", "Task-3")]);
    let agent = css("agent-target", &[("data-agent-id", "CG-1")]);
    page.drag(&bar, &agent).await?;
    desk.state().queue_says("Task-3", "agent", "CG-1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_while_a_task_is_in_the_hand_does_not_take_it_away() -> Result<()> {
    let mut desk = Desk::make().await?;
    // Task-1 takes 10 s, and every second of it something changes.
    let page = rehearse(&mut desk, "60").await?;
    page.see(&css("task-node", &[("data-task-id", "Task-1"), ("data-phase", "running")])).await?;
    let node = css("task-node", &[("data-task-id", "Task-6")]);
    let agent = css("agent-target", &[("data-agent-id", "CG-9")]);
    let much_happens = async {
        page.see(&css("drag-ghost", &[("data-task-id", "Task-6")])).await?;
        page.see(&css("task-node", &[("data-task-id", "Task-2"), ("data-phase", "running")])).await?;
        page.see(&css("drag-ghost", &[("data-task-id", "Task-6")])).await.map(drop)
    };
    page.drag_while(&node, &agent, much_happens).await?;
    desk.state().queue_says("Task-6", "agent", "CG-9").await
}
