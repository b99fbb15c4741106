//! Windows come and go; the run stays as it is.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, SOON, process};

use crate::notices::run_small_plan;

const WHOLE_RUN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_window_killed_in_mid_run_comes_back_to_the_run_as_it_is() -> Result<()> {
    let mut desk = Desk::make().await?;
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/level6").canonicalize()?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&plan.to_string_lossy(), &word, &state, "--rehearse=300"]).await?;
    page.completes(1, WHOLE_RUN).await?;
    let before = page.completed().await?;
    desk.crash_window();

    let page = desk.open(&[&word, &state]).await?;
    ensure!(page.completed().await? >= before, "the run went back");
    page.completes(15, WHOLE_RUN).await?;
    page.phase("completed", WHOLE_RUN).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_started_in_a_terminal_is_found_without_being_named() -> Result<()> {
    let mut desk = Desk::make().await?;
    run_small_plan(&desk)?;
    let page = desk.open(&[]).await?;
    page.phase("running", SOON).await?;
    page.see(&css("task-node", &[("data-task-id", "Task-2")])).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_died_is_told_and_found_again() -> Result<()> {
    let mut desk = Desk::make().await?;
    run_small_plan(&desk)?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&word, &state]).await?;
    page.phase("running", SOON).await?;

    process::crash(desk.backend().context("no backend is running")?);
    page.see(&css("connection-lost", &[])).await?;
    page.keep_picture("connection-lost").await?;
    let output = desk.miyabi(&["run", "--resume", &word, &state, "-d"])?;
    ensure!(output.status.success(), "{output:?}");
    page.miss(&css("connection-lost", &[])).await?;
    page.phase("running", SOON).await
}

#[tokio::test(flavor = "multi_thread")]
async fn quitting_in_mid_run_says_that_the_agents_go_on() -> Result<()> {
    let mut desk = Desk::make().await?;
    run_small_plan(&desk)?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&word, &state]).await?;
    page.phase("running", SOON).await?;
    let program = desk.program()?;

    // There is no tray on this desk, so closing the window means to quit.
    let window = desk.display.wait_for("Miyabi Orchestra").await?;
    desk.display.close(&window)?;
    desk.display.press("Quit the window", "Escape").await?;
    desk.display.wait_until_gone("Quit the window").await?;
    ensure!(process::is_alive(program), "the person thought again");

    desk.display.close(&window)?;
    desk.display.press("Quit the window", "Return").await?;
    let gone = || async { (!process::is_alive(program)).then_some(()) };
    miyabi_e2e::eventually("the end of the program", SOON, gone).await?;
    ensure!(desk.backend().is_some_and(process::is_alive), "the backend went with the window");
    Ok(())
}
