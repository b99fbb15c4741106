//! The work on git: trees, commits, merges, and what is told of them. Git is waited for on threads of its own,
//! so that the helper's loop never stands still.

mod git_streams;
pub(crate) mod keeping;
mod kept;
mod looking;
mod making;
mod merging;
pub(crate) mod places;
mod verifying;

use std::sync::Arc;

use miyabi_protocol::frame::Chunk;
use miyabi_protocol::link::{Command, Report};
use miyabi_transport::LinkSender;
use tokio::sync::{Mutex, Semaphore};

use super::host::Host;
use git_streams::GitStreams;
use looking::Looks;
use making::UnderWay;

/// How many calls of git run at once.
const AT_ONCE: usize = 4;

/// All that a helper does about git for one link.
pub(crate) struct Works {
    host: Arc<Host>,
    room: Arc<Semaphore>,
    looks: Arc<Looks>,
    under_way: Arc<UnderWay>,
    /// They share one folder: held by the one that is under way.
    verification: Arc<Mutex<()>>,
    streams: GitStreams,
}

impl Works {
    pub(crate) fn new(host: &Arc<Host>, sender: LinkSender) -> Self {
        Self {
            host: host.clone(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            looks: Arc::default(),
            under_way: Arc::default(),
            verification: Arc::default(),
            streams: GitStreams::new(host, sender),
        }
    }

    /// Carries a command out, or gives it back when it is none of these.
    pub(crate) fn take(&mut self, command: Command) -> Option<Command> {
        let (host, room) = (self.host.clone(), self.room.clone());
        match command {
            Command::MakeTree { order } => {
                if let Some(begun) = self.under_way.begin(&order) {
                    tokio::spawn(making::make(host, room, begun, *order));
                }
            }
            Command::KeepWork { tree, signature } => {
                drop(tokio::spawn(keeping::keep(host, room, tree, signature)));
            }
            Command::MergeHeads { task, repository, heads, branch, subject } => {
                let merge = merging::Merge { repository, heads, branch, subject };
                self.answer(move |host| Report::Merged { task, outcome: merging::merge(host, &merge) });
            }
            Command::TakeCommit { task, repository, revision, holds, branch } => {
                let taken = merging::Taken { repository, revision, holds, branch };
                self.answer(move |host| Report::Merged {
                    task: Some(task),
                    outcome: merging::take(host, &taken),
                });
            }
            Command::LookAtTrees { trees } => {
                let looks = self.looks.clone();
                tokio::spawn(async move { looks.look(&host, &room, trees).await });
            }
            Command::Verify { work, checks, environment } => {
                let turn = self.verification.clone();
                tokio::spawn(async move {
                    let _turn = turn.lock().await;
                    verifying::verify(host, room, work, checks, environment).await;
                });
            }
            Command::ListTrees { repository, keep } => {
                self.answer(move |host| kept::list(host, repository, &keep, None));
            }
            Command::RemoveTrees { repository, branches, keep } => {
                self.answer(move |host| kept::remove(host, repository, &branches, &keep));
            }
            Command::OpenGit { stream, service, repository, credit } => {
                self.streams.open(stream, service, repository, credit);
            }
            Command::EndInput { stream } => self.streams.end_input(stream),
            other => return Some(other),
        }
        None
    }

    /// Has git do something on a thread of its own, and reports what came of it.
    fn answer(&self, act: impl FnOnce(&Host) -> Report + Send + 'static) {
        let (host, room) = (self.host.clone(), self.room.clone());
        tokio::spawn(async move {
            let there = host.clone();
            if let Some(report) = on_a_thread(&room, move || act(&there)).await {
                host.reports.send(&report);
            }
        });
    }

    /// Bytes for a stream; given back when they are for none of these.
    pub(crate) fn input(&mut self, chunk: Chunk) -> Option<Chunk> {
        self.streams.input(chunk)
    }

    pub(crate) fn credit(&self, stream: u32, bytes: u32) {
        self.streams.credit(stream, bytes);
    }

    pub(crate) fn close(&mut self, stream: u32) {
        self.streams.close(stream);
    }

    /// Ends what would go on without a link.
    pub(crate) async fn leave(&mut self) {
        self.streams.close_all().await;
    }
}

/// Waits for room, then for what git does. None only when that broke.
async fn on_a_thread<T: Send + 'static>(
    room: &Semaphore,
    act: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // It is never closed.
    let _permit = room.acquire().await;
    match tokio::task::spawn_blocking(act).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "a thread that worked on a repository broke");
            None
        }
    }
}
