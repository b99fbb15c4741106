//! Waiting until a backend that was just started answers, or is known to have died.

use std::path::Path;
use std::time::Duration;

use miyabi_api::{ApiError, ErrorCode};
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::environment::Environment;
use crate::runs;
use crate::session::Window;

/// How long a backend may take from its start to its first answer.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// The slow look behind the watch: for a watch that failed, and for a window that died, which no
/// file tells.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Returns when the backend of this run answers.
pub(crate) async fn until_it_answers(
    environment: &Environment,
    state_dir: &Path,
    run_id: &str,
    window: &Window,
) -> Result<(), ApiError> {
    let (changed, mut changes) = mpsc::unbounded_channel();
    // Without a watch the slow look alone goes on.
    let _watch = notify::recommended_watcher(move |_| {
        let _ = changed.send(());
    })
    .and_then(|mut watcher| {
        watcher.watch(&environment.runtime_dir, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    })
    .inspect_err(|error| tracing::debug!(%error, "no watch on the runtime folder"));
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if let Some((_, snapshot)) = runs::who_answers(environment, state_dir).await {
            return match snapshot.run.run_id {
                id if id == run_id => Ok(()),
                id => Err(held(&id, state_dir)),
            };
        }
        if let Some(how) = window.died().await {
            return Err(did_not_start(&format!("the backend ended at once ({how})"), state_dir, window).await);
        }
        if Instant::now() >= deadline {
            let seconds = START_DEADLINE.as_secs();
            return Err(did_not_start(
                &format!("the backend did not answer within {seconds} s"),
                state_dir,
                window,
            )
            .await);
        }
        // Either the folder changes or it is time to look again; then everything that changed
        // in the meantime is seen by one look.
        let _ = timeout(LOOK_AGAIN, changes.recv()).await;
        while changes.try_recv().is_ok() {}
    }
}

/// Another backend has the folder.
pub(crate) fn held(run_id: &str, state_dir: &Path) -> ApiError {
    let shown = state_dir.display();
    ApiError::new(
        ErrorCode::Held,
        format!("the state folder {shown} is held by run {run_id}, which is at work"),
    )
    .hint(format!("miyabi status --state-dir {shown}   shows it"))
    .hint(format!("miyabi stop --all --state-dir {shown}   ends it"))
    .hint("--state-dir DIR   runs this one beside it")
}

/// What can be found out about a backend that did not come up: its log's and its window's end.
async fn did_not_start(what: &str, state_dir: &Path, window: &Window) -> ApiError {
    let log = miyabi_protocol::StateDir::unchecked(state_dir).log(None);
    let mut error = ApiError::new(ErrorCode::Environment, what);
    let written = std::fs::read_to_string(&log).unwrap_or_default();
    for (place, text) in
        [(log.display().to_string(), written), ("its window".to_owned(), window.text().await)]
    {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in &lines[lines.len().saturating_sub(6)..] {
            error = error.hint(format!("{place}: {line}"));
        }
    }
    error.hint("miyabi doctor   looks for what is missing")
}
