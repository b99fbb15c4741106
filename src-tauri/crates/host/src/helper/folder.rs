//! Watches the state folder and tells what others wrote there.
//!
//! A file that is torn, missing or senseless is read again before anything is said of it: not
//! every writer renames.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use miyabi_plan::AgentId;
use miyabi_protocol::link::Report;
use miyabi_protocol::queue::QUEUE_FILE;
use miyabi_protocol::status::agent_of_file_name;
use miyabi_protocol::{QueueFile, StateDir, StatusFile};
use tokio::time::{Instant, sleep_until};

use super::host::Host;
use super::lock::FolderLock;
use crate::watch::{Changes, FolderWatch, SLOW_POLL};
use crate::{clock, disk};

/// A writer that does not rename has finished by then.
const SECOND_LOOK: Duration = Duration::from_millis(250);
/// `rm -rf` has finished by then, mostly.
const BEFORE_REPAIR: Duration = Duration::from_millis(100);

/// A file by its time, size and number: it changed when one of them did.
pub(crate) type Stamp = (i64, i64, u64, u64);

pub(crate) fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
}

/// A file that others write too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Subject {
    Status(AgentId),
    Queue,
}

/// What was last said of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Said {
    #[default]
    Nothing,
    Sound(Vec<u8>),
    Bad(Vec<u8>),
    Gone,
}

#[derive(Debug, Default)]
struct Known {
    said: Said,
    stamp: Option<Stamp>,
    look_again: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Second,
}

/// The eyes on the folder.
pub(crate) struct Folder {
    host: Arc<Host>,
    lock: FolderLock,
    watch: FolderWatch,
    known: HashMap<Subject, Known>,
    problem: Option<String>,
}

impl Folder {
    /// Begins to watch, and tells of every file that is there.
    pub(crate) async fn list(host: Arc<Host>, lock: FolderLock) -> Self {
        // The end of the folder itself is told late, or never; that of a folder in it is not.
        let private = host.dir.private().file_name().map(OsStr::to_owned);
        // Also of files whose writer never closes them: no look comes by itself for long.
        let watch = FolderWatch::growing(host.dir.root(), move |name| {
            Some(name) == private.as_deref() || name.to_str().and_then(subject_of).is_some()
        });
        let mut folder = Self { host, lock, watch, known: HashMap::new(), problem: None };
        folder.look_at_all();
        while let Some(at) = folder.next_look() {
            sleep_until(at).await;
            folder.look_again();
        }
        folder
    }

    /// The agents whose sound files tell of an attempt of this run that has not ended.
    pub(crate) fn at_work(&self) -> Vec<AgentId> {
        use miyabi_protocol::AgentStatus::{Busy, InProgress};
        let works = |agent: &AgentId, bytes: &[u8]| {
            disk::parse_status(agent, bytes).is_ok_and(|status: StatusFile| {
                matches!(status.status, Busy | InProgress)
                    && status.miyabi.is_some_and(|stamp| stamp.run_id == self.host.hello.run_id)
            })
        };
        let agent = |(subject, known): (&Subject, &Known)| match (subject, &known.said) {
            (Subject::Status(agent), Said::Sound(bytes)) if works(agent, bytes) => Some(agent.clone()),
            _ => None,
        };
        self.known.iter().filter_map(agent).collect()
    }

    /// Watches on; ends only when the folder was taken by another helper, and says so.
    pub(crate) async fn watch(mut self) -> String {
        let mut looked_at = Instant::now();
        loop {
            let again = self.next_look();
            let period = if self.problem.is_some() { SLOW_POLL } else { self.watch.period() };
            let repaired = tokio::select! {
                changes = self.watch.changed() => self.on_change(changes).await,
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {
                    self.look_again();
                    Ok(())
                }
                () = sleep_until(looked_at + period) => {
                    let result = self.on_poll().await;
                    looked_at = Instant::now();
                    result
                }
            };
            if let Err(taken) = repaired {
                return taken;
            }
        }
    }

    async fn on_change(&mut self, changes: Changes) -> Result<(), String> {
        for name in changes.names.iter().filter_map(|name| name.to_str()) {
            if let Some(subject) = subject_of(name) {
                self.look(&subject, Look::First);
            }
        }
        if changes.all || !self.host.dir.private().is_dir() {
            self.repair().await?;
            self.look_at_all();
        }
        Ok(())
    }

    async fn on_poll(&mut self) -> Result<(), String> {
        if !self.host.dir.private().is_dir() {
            self.repair().await?;
        }
        if self.watch.renew() {
            self.look_at_all();
            return Ok(());
        }
        for subject in self.subjects() {
            let now = stamp(&self.path(&subject));
            if self.known.get(&subject).and_then(|known| known.stamp) != now {
                self.look(&subject, Look::First);
            }
        }
        Ok(())
    }

    /// Makes the folder again where it was taken away, and watches the new one.
    async fn repair(&mut self) -> Result<(), String> {
        if !self.host.dir.private().is_dir() {
            clock::sleep(BEFORE_REPAIR).await;
            let opened = StateDir::open(self.host.dir.root()).map_err(|error| error.to_string());
            if opened.as_ref().err() != self.problem.as_ref()
                && let Err(message) = &opened
            {
                self.host.reports.send(&Report::StateProblem { message: message.clone() });
            }
            self.problem = opened.err();
        }
        if self.problem.is_none() {
            self.lock.renew(&self.host.dir)?;
        }
        self.watch.renew();
        Ok(())
    }

    fn look_at_all(&mut self) {
        for subject in self.subjects() {
            self.look(&subject, Look::First);
        }
    }

    /// Every file that is there or was.
    fn subjects(&self) -> BTreeSet<Subject> {
        let mut subjects: BTreeSet<Subject> = self.known.keys().cloned().collect();
        // A folder that is not there for a moment holds no files.
        let entries = fs::read_dir(self.host.dir.root()).into_iter().flatten().flatten();
        subjects.extend(entries.filter_map(|entry| subject_of(entry.file_name().to_str()?)));
        subjects
    }

    fn next_look(&self) -> Option<Instant> {
        self.known.values().filter_map(|known| known.look_again).min()
    }

    fn look_again(&mut self) {
        let now = Instant::now();
        let due = |known: &Known| known.look_again.is_some_and(|at| at <= now);
        let subjects: Vec<_> =
            self.known.iter().filter(|(_, known)| due(known)).map(|(subject, _)| subject.clone()).collect();
        for subject in subjects {
            if let Some(known) = self.known.get_mut(&subject) {
                known.look_again = None;
            }
            self.look(&subject, Look::Second);
        }
    }

    fn path(&self, subject: &Subject) -> PathBuf {
        match subject {
            Subject::Status(agent) => self.host.dir.status(agent),
            Subject::Queue => self.host.dir.queue(),
        }
    }

    fn look(&mut self, subject: &Subject, look: Look) {
        if let Subject::Status(agent) = subject
            && self.host.is_elsewhere(agent)
        {
            // A mirror of ours, or what somebody made of it: it says nothing of this host.
            self.known.remove(subject);
            return;
        }
        let path = self.path(subject);
        // The time before the bytes: a write in between is seen by the next poll.
        let now = stamp(&path);
        if *subject == Subject::Queue && look == Look::First && self.is_own_queue(now) {
            let look_again = self.known.get(subject).and_then(|known| known.look_again);
            let look_again = look_again.or_else(|| Some(Instant::now() + SECOND_LOOK));
            self.known.insert(subject.clone(), Known { said: Said::Nothing, stamp: now, look_again });
            return;
        }
        let limit = if *subject == Subject::Queue { disk::MAX_QUEUE } else { disk::MAX_STATUS };
        let read = disk::read(&path, limit).map_err(|error| error.to_string());
        let said = self.known.entry(subject.clone()).or_default();
        said.stamp = now;
        let said = said.said.clone();
        let next = match subject {
            Subject::Status(agent) => self.judge_status(agent, &path, read, &said, look),
            Subject::Queue => self.judge_queue(read, &said, look),
        };
        let known = self.known.entry(subject.clone()).or_default();
        match next {
            Some(next) => {
                known.said = next;
                known.look_again = None;
            }
            None => {
                known.look_again.get_or_insert_with(|| Instant::now() + SECOND_LOOK);
            }
        }
    }

    /// What is said now; none to look again first.
    fn judge_status(
        &self,
        agent: &AgentId,
        path: &Path,
        read: Result<Option<Vec<u8>>, String>,
        said: &Said,
        look: Look,
    ) -> Option<Said> {
        let agent = agent.clone();
        let (bytes, wrong) = match read {
            Ok(Some(bytes)) if *said == Said::Sound(bytes.clone()) => return Some(said.clone()),
            Ok(Some(bytes)) => match disk::parse_status(&agent, &bytes) {
                Ok(status) => {
                    self.host.reports.send(&Report::Status { agent, status });
                    return Some(Said::Sound(bytes));
                }
                Err(wrong) => (bytes, wrong),
            },
            Ok(None) if matches!(said, Said::Nothing | Said::Gone) => return Some(Said::Gone),
            Ok(None) if look == Look::First => return None,
            Ok(None) => {
                self.host.reports.send(&Report::StatusGone { agent });
                return Some(Said::Gone);
            }
            Err(wrong) => (wrong.clone().into_bytes(), wrong),
        };
        let bad = Said::Bad(bytes);
        if *said != bad {
            if look == Look::First {
                return None;
            }
            let message = format!("{} cannot be read: {wrong}", path.display());
            self.host.reports.send(&Report::BadStatus { agent, message });
        }
        Some(bad)
    }

    /// Whether the queue is as we left it, by its stamp: a long one is not read after each write
    /// of our own. An edit may have come so soon that it has the same stamp, so that its bytes
    /// are looked at as well, a little later and once for many writes.
    fn is_own_queue(&self, now: Option<Stamp>) -> bool {
        now.is_some() && self.host.queue().as_ref().is_some_and(|ours| ours.stamp == now)
    }

    fn judge_queue(&self, read: Result<Option<Vec<u8>>, String>, said: &Said, look: Look) -> Option<Said> {
        let bytes = read.ok().flatten();
        if self.host.queue().as_ref().is_none_or(|ours| Some(&ours.bytes) == bytes.as_ref()) {
            return Some(Said::Nothing);
        }
        let queue = bytes.as_deref().and_then(|bytes| serde_json::from_slice::<QueueFile>(bytes).ok());
        let next = match (&queue, bytes) {
            (Some(_), Some(bytes)) => Said::Sound(bytes),
            (_, Some(bytes)) => Said::Bad(bytes),
            (_, None) => Said::Gone,
        };
        if *said != next {
            if queue.is_none() && look == Look::First {
                return None;
            }
            self.host.reports.send(&Report::QueueEdited { queue });
        }
        Some(next)
    }
}

fn subject_of(name: &str) -> Option<Subject> {
    if name == QUEUE_FILE {
        return Some(Subject::Queue);
    }
    agent_of_file_name(name).map(Subject::Status)
}
