//! Keeps what an ended attempt left behind, in a commit on its branch.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use miyabi_git::Tree;
use miyabi_plan::HostId;
use miyabi_protocol::link::Report;
use miyabi_protocol::{AttemptSheet, CommittedWork, Signature, TreeAt};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::on_a_thread;
use crate::clock;
use crate::helper::host::Host;

/// How long an attempt that was told to end may take for that.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often its runner is looked at: its state arrives here by itself, and is only read.
const LOOK: Duration = Duration::from_millis(50);
/// How soon a commit that failed is tried again, and how often in all. After that nothing is answered: the order
/// comes again with the next link, and to say that nothing is left would give the work up.
const AGAIN: Duration = Duration::from_secs(5);
const TRIES: u32 = 24;

pub(super) async fn keep(host: Arc<Host>, room: Arc<Semaphore>, tree: TreeAt, signature: Signature) {
    until_ended(&host, &signature).await;
    let attempt = signature.attempt.clone();
    let (tree, signature) = (Arc::new(tree), Arc::new(signature));
    let mut told = String::new();
    for _ in 0..TRIES {
        let (at, by) = (tree.clone(), signature.clone());
        let message = match on_a_thread(&room, move || commit(&at, &by)).await {
            Some(Ok(commit)) => {
                host.reports.send(&Report::WorkKept { attempt, commit });
                return;
            }
            Some(Err(message)) => message,
            None => {
                format!("what {attempt} left in {} cannot be kept: the helper's log says why", tree.folder)
            }
        };
        if message != told {
            host.reports.send(&Report::StateProblem { message: message.clone() });
            told = message;
        }
        clock::sleep(AGAIN).await;
    }
}

/// Waits until no runner is at the attempt any more: half-written files are nobody's work.
async fn until_ended(host: &Host, signature: &Signature) {
    let deadline = Instant::now() + PATIENCE;
    let is_at_it = || {
        let state = host.runners.state(&signature.agent);
        state.is_some_and(|state| state.attempt.as_ref() == Some(&signature.attempt))
    };
    while is_at_it() && Instant::now() < deadline {
        clock::sleep(LOOK).await;
    }
}

/// Commits the work of an attempt that claims to be done.
pub(crate) async fn commit_claimed(
    host: &Host,
    at: TreeAt,
    sheet: &AttemptSheet,
) -> Result<CommittedWork, String> {
    let place = HostId::new(sheet.host.as_str()).map_err(|error| error.to_string())?;
    let signature = Signature {
        run_id: sheet.run_id.clone(),
        attempt: sheet.attempt.clone(),
        agent: sheet.agent.clone(),
        host: place,
        subject: format!("{}: {}", sheet.attempt.task, sheet.title),
    };
    until_ended(host, &signature).await;
    let committed =
        move || Tree::at(Path::new(&at.folder)).commit(&at, &signature).map_err(|error| error.message);
    tokio::task::spawn_blocking(committed).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn commit(at: &TreeAt, signature: &Signature) -> Result<Option<String>, String> {
    let folder = Path::new(&at.folder);
    if !folder.is_dir() {
        return Ok(None);
    }
    let work = Tree::at(folder).commit(at, signature);
    work.map(|work| Some(work.commit))
        .map_err(|error| format!("what {} left in {} cannot be kept: {error}", signature.attempt, at.folder))
}
