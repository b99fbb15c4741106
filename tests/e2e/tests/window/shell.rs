//! The window itself: it opens, its page reaches the program, it goes to the tray and comes back.

use anyhow::{Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::tray::Tray;
use miyabi_e2e::{Desk, Page, SOON, process};
use serde_json::json;

const TITLE: &str = "Miyabi Orchestra";

#[tokio::test(flavor = "multi_thread")]
async fn the_window_opens_and_its_page_reaches_the_program() -> Result<()> {
    let mut desk = Desk::make().await?;
    let page = desk.open(&[]).await?;
    page.see(&css("app-root", &[])).await?;
    page.see(&css("welcome", &[])).await?;
    page.keep_picture("welcome").await?;

    let target = page.command("initial_target", json!({})).await?;
    ensure!(target == json!({ "plan": null, "stateDir": null, "rehearse": null }), "{target}");
    let lines = page.command("doctor", json!({})).await?;
    ensure!(lines.as_array().is_some_and(|lines| lines.iter().any(|line| line["name"] == "tmux")), "{lines}");
    let nowhere = desk.state().0;
    let refused =
        page.command("open_run", json!({ "stateDir": nowhere })).await.expect_err("no run is there");
    ensure!(refused.to_string().contains("\"code\":\"no_run\""), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_window_leaves_it_in_the_tray_and_quitting_ends_it() -> Result<()> {
    let mut desk = Desk::make().await?;
    let tray = Tray::open(&desk.bus).await?;
    desk.open(&[]).await?;
    tray.icon(SOON).await?;

    let window = desk.display.wait_for(TITLE).await?;
    desk.display.close(&window)?;
    desk.bus.notification(SOON, |told| told.title == "Miyabi Orchestra is in the tray").await?;
    desk.display.wait_until_gone(TITLE).await?;
    let program = desk.program()?;
    ensure!(process::is_alive(program), "the program went with its window");

    tray.choose("Show").await?;
    desk.display.wait_for(TITLE).await?;
    tray.choose("Quit").await?;
    let gone = || async { (!process::is_alive(program)).then_some(()) };
    miyabi_e2e::eventually("the end of the program", SOON, gone).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_hands_its_words_to_the_first_window() -> Result<()> {
    let mut desk = Desk::make().await?;
    let words = desk.state_words();
    let page = desk.open(&[&words[0], &words[1]]).await?;
    // No run is there: the page has been told what it was started with.
    page.see(&css("app-root", &[("data-screen", "failed")])).await?;
    second_start(&desk, &page).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_while_the_first_window_still_opens_hands_its_words_to_it() -> Result<()> {
    let mut desk = Desk::make().await?;
    let words = desk.state_words();
    let page = desk.open(&[&words[0], &words[1]]).await?;
    second_start(&desk, &page).await
}

/// Starts the program again with a plan; the window that is there shows it.
async fn second_start(desk: &Desk, page: &Page) -> Result<()> {
    let plan = desk.path("plans/small");
    miyabi_e2e::files::write_small_plan(&plan)?;
    let mut words = desk.state_words().to_vec();
    words.push(plan.to_string_lossy().into_owned());
    let output = desk.start_again(&words).await?;
    ensure!(output.status.success(), "{output:?}");
    page.see(&css("plan-review", &[])).await?;
    Ok(())
}
