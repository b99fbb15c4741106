//! A failure reaches the person by a native notification, and a click on it opens the task.

use std::process::Output;

use anyhow::{Result, ensure};
use miyabi_e2e::files::write_small_plan;
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, SOON};
use serde_json::json;

/// Starts the small plan in the terminal; its one agent is played by the test.
pub(crate) fn run_small_plan(desk: &Desk) -> Result<Output> {
    let plan = desk.path("plans/small");
    write_small_plan(&plan)?;
    let [word, state] = desk.state_words();
    let output = desk.miyabi(&["run", &plan.to_string_lossy(), &word, &state, "--external", "-d"])?;
    ensure!(output.status.success(), "{output:?}");
    desk.state().agent_appears("CG-1")?;
    Ok(output)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_is_notified_and_a_click_opens_it() -> Result<()> {
    let mut desk = Desk::make().await?;
    run_small_plan(&desk)?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&word, &state]).await?;
    page.phase("running", SOON).await?;

    ensure!(desk.state().is_given_work("CG-1").await? == "Task-1", "the first task comes first");
    desk.state().agent_says("CG-1", "IN_PROGRESS", &[])?;
    page.see(&css("task-node", &[("data-task-id", "Task-1"), ("data-phase", "running")])).await?;
    desk.state().agent_says("CG-1", "FAILED", &["the disk <full> & the dog ate it"])?;

    let told = desk.bus.notification(SOON, |told| told.title == "Task-1 failed").await?;
    ensure!(told.body.contains("the disk &lt;full&gt; &amp; the dog"), "{told:?}");
    ensure!(told.actions.first().is_some_and(|action| action == "default"), "{told:?}");
    desk.bus.click(&told).await?;
    page.see(&css("inspector", &[("data-task-id", "Task-1")])).await?;
    page.click(&css("inbox-button", &[])).await?;
    page.see(&css("notice", &[("data-kind", "task_failed")])).await?;
    page.keep_picture("failed-task").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_switched_notifications_off_gets_none() -> Result<()> {
    let mut desk = Desk::make().await?;
    run_small_plan(&desk)?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&word, &state]).await?;
    page.phase("running", SOON).await?;
    page.command("set_notifications", json!({ "enabled": false })).await?;

    desk.state().is_given_work("CG-1").await?;
    desk.state().agent_says("CG-1", "IN_PROGRESS", &[])?;
    desk.state().agent_says("CG-1", "FAILED", &["no"])?;
    // The window shows the end of the run, and by then a notification would have been sent.
    page.phase("failed", SOON).await?;
    let none = desk.bus.notification(std::time::Duration::from_secs(1), |_| true).await;
    ensure!(none.is_err(), "{none:?}");
    Ok(())
}
