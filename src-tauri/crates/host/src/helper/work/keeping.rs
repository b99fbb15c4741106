//! Keeps what an ended attempt left behind, in a commit on its branch.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use miyabi_git::Tree;
use miyabi_plan::{AttemptId, HostId};
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
/// How soon a commit that failed is tried again, and how often in all: for two minutes, and less long where the
/// folder is no work tree any more. After that the run goes on without what is there, and the files stay.
const AGAIN: Duration = Duration::from_secs(5);
const TRIES: u32 = 24;
const TRIES_WITHOUT_TIE: u32 = 3;

pub(super) async fn keep(host: Arc<Host>, room: Arc<Semaphore>, tree: TreeAt, signature: Signature) {
    until_ended(&host, &signature).await;
    let attempt = signature.attempt.clone();
    let (tree, signature) = (Arc::new(tree), Arc::new(signature));
    let mut told = String::new();
    let mut tries = 0;
    let why = loop {
        let (there, at, by) = (host.clone(), tree.clone(), signature.clone());
        let why = match on_a_thread(&room, move || commit(&there, &at, &by)).await {
            Some(Ok(commit)) => {
                host.reports.send(&Report::WorkKept { attempt, commit });
                return;
            }
            Some(Err(error)) => error,
            None => "the helper's log says why".to_owned(),
        };
        tries += 1;
        let is_tree = Tree::at(Path::new(&tree.folder)).is_tied();
        if tries >= if is_tree { TRIES } else { TRIES_WITHOUT_TIE } {
            break why;
        }
        if why != told {
            let message = format!("what {attempt} left in {} cannot be kept yet: {why}", tree.folder);
            host.reports.send(&Report::StateProblem { message });
            told = why;
        }
        clock::sleep(AGAIN).await;
    };
    give_up(&host, &room, &tree, &attempt, &why).await;
}

/// Says where the files are, and answers with what is committed, so that the next attempt can begin from that.
async fn give_up(host: &Arc<Host>, room: &Semaphore, tree: &Arc<TreeAt>, attempt: &AttemptId, why: &str) {
    let (there, at) = (host.clone(), tree.clone());
    let branch = on_a_thread(room, move || standing(&there, &at)).await;
    let commit = branch.and_then(Result::ok).flatten();
    let TreeAt { folder, branch, .. } = &**tree;
    let begins = commit.as_ref().map_or("without it".to_owned(), |_| format!("from what {branch} holds"));
    let message = format!(
        "what {attempt} left in {folder} could not be kept: {why}\nThe files stay there, copy what you need; the \
         next attempt begins {begins}"
    );
    tracing::warn!(%attempt, folder, why, "work is not kept");
    host.reports.send(&Report::StateProblem { message });
    host.reports.send(&Report::WorkKept { attempt: attempt.clone(), commit });
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

/// Commits what is in the folder. Where that is gone, the branch still has what the agent committed itself.
fn commit(host: &Host, at: &TreeAt, signature: &Signature) -> Result<Option<String>, String> {
    let folder = Path::new(&at.folder);
    if !folder.is_dir() {
        return standing(host, at);
    }
    let work = Tree::at(folder).commit(at, signature);
    work.map(|work| Some(work.commit)).map_err(|error| error.message)
}

/// Where the attempt's branch stands.
fn standing(host: &Host, at: &TreeAt) -> Result<Option<String>, String> {
    let repository = host.places.repository(&at.repository);
    repository.and_then(|repository| repository.branch_commit(&at.branch)).map_err(|error| error.message)
}
