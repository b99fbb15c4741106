//! Support for the end-to-end tests: the real programs, the real window, real tmux.
//!
//! A [`Desk`] is a machine of its own as far as the programs can see: a home, a display, a session
//! bus, a tmux server, all made for one test and gone with it. Nothing of the person's is touched.
//! The programs are taken from the folder in which the tests were built.

pub mod agents;
pub mod bus;
pub mod desk;
pub mod files;
pub mod native;
pub mod page;
pub mod picture;
pub mod process;
pub mod tray;

pub use desk::Desk;
pub use page::Page;

use std::time::Duration;

/// How long anything that should happen soon may take on a machine that is busy with other work.
pub const SOON: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer. For what sends no event of its own: the page,
/// the list of windows, other programs' files.
///
/// # Errors
/// When there is none in time; `what` says what was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> F,
) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
