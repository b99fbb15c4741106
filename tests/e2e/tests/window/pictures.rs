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
    let page = rehearse(&mut desk, "60").await?;
    page.completes(7, HALF_WAY).await?;
    page.click(&css("task-node", &[("data-task-id", "Task-8")])).await?;
    // Far enough for something to be seen of it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    take(&page, "run-light").await?;
    page.click(&css("theme-toggle", &[])).await?;
    take(&page, "run-dark").await?;

    // A second attempt, with an agent that has nothing to do yet.
    let node = css("task-node", &[("data-task-id", "Task-8")]);
    page.drag(&node, &css("agent-target", &[("data-agent-id", "CG-9")])).await?;
    page.click(&css("hand-over-yes", &[])).await?;
    page.see(&css("task-node", &[("data-task-id", "Task-8"), ("data-phase", "running")])).await?;
    page.click(&node).await?;
    page.see(&css("inspector", &[("data-task-id", "Task-8")])).await?;
    // Until the messages about it are gone.
    tokio::time::sleep(Duration::from_secs(9)).await;
    let first = "[...document.querySelectorAll('[data-testid=attempt]')].at(-1).click()";
    page.client().execute(first, Vec::new()).await?;
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
    // A copy: its place is in the picture.
    let here = desk.path("plans/level6");
    std::fs::create_dir_all(&here)?;
    for file in std::fs::read_dir(plan())? {
        let file = file?;
        if file.file_type()?.is_file() {
            std::fs::copy(file.path(), here.join(file.file_name()))?;
        }
    }
    let page = desk.open(&[&here.to_string_lossy(), &word, &state]).await?;
    page.see(&css("task-node", &[("data-task-id", "Task-15")])).await?;
    take(&page, "plan-review").await
}
