//! The pictures of `docs/images`, taken in the real window. Made anew by
//! `cargo nextest run -p miyabi-e2e --run-ignored only pictures`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page};

use crate::level6::{plan, rehearse};

const HALF_WAY: Duration = Duration::from_secs(120);
const FOLDER: &str = "docs/images";
/// So many bytes a picture may take.
const MOST: u64 = 300_000;

async fn take(page: &Page, name: &str) -> Result<()> {
    // What fades in is there by then.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let file = page.picture_into(FOLDER, name).await?;
    let bytes = file.metadata()?.len();
    ensure!(bytes < MOST, "{} takes {bytes} bytes", file.display());
    Ok(())
}

async fn escape(page: &Page) -> Result<()> {
    page.client().active_element().await?.send_keys("\u{e00c}").await.context("Escape closes the sheet")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the pictures of the documentation"]
async fn pictures_of_a_run() -> Result<()> {
    let mut desk = Desk::make().await?;
    let page = rehearse(&mut desk, "120").await?;
    page.completes(7, HALF_WAY).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    page.click(&css("pause-run", &[])).await?;
    page.click(&css("agent-target", &[("data-agent-id", "CG-7")])).await.ok();
    take(&page, "run-light").await?;
    page.click(&css("theme-toggle", &[])).await?;
    take(&page, "run-dark").await?;

    page.click(&css("task-node", &[("data-task-id", "Task-7")])).await?;
    page.see(&css("inspector", &[("data-task-id", "Task-7")])).await?;
    take(&page, "inspector").await?;

    page.click(&css("theme-toggle", &[])).await?;
    page.click(&css("settings-button", &[])).await?;
    page.click(&css("language-ja", &[])).await?;
    escape(&page).await?;
    take(&page, "japanese").await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the pictures of the documentation"]
async fn pictures_of_a_plan() -> Result<()> {
    let mut desk = Desk::make().await?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&plan(), &word, &state]).await?;
    page.see(&css("task-node", &[("data-task-id", "Task-15")])).await?;
    take(&page, "plan-review").await
}
