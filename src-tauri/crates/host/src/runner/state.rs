//! The status file of a runner's agent: what it ought to say, and whether it does.

use std::path::PathBuf;
use std::time::Duration;

use miyabi_plan::AgentId;
use miyabi_protocol::{AgentStatus, StateDir, StatusFile};
use tokio::time::Instant;

use super::attempt::Live;
use super::decide::Seen;
use crate::{clock, disk};

/// The shortest time between two writes for progress alone.
const PROGRESS_PAUSE: Duration = Duration::from_millis(250);
/// How often a working agent shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How soon a failed write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A number that reads back from JSON as it is: a file that differs from what we wrote in its last
/// digit would be taken for somebody else's, and written again for ever.
fn readable(progress: f64) -> f64 {
    (progress * 10_000.0).round() / 10_000.0
}

/// How soon the file wants to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once: without the session in it, an attempt that dies could not go on.
    Now,
    /// Together with what comes in the next moment.
    Soon,
}

/// The file, as it ought to be.
pub(crate) struct Status {
    dir: StateDir,
    agent: AgentId,
    path: PathBuf,
    mine: Option<StatusFile>,
    written_at: Instant,
    /// Whether there is something new that was not written yet.
    fresh: bool,
    /// Why the last write failed.
    unsaved: Option<String>,
}

impl Status {
    pub(crate) fn new(dir: &StateDir, agent: &AgentId) -> Self {
        Self {
            dir: dir.clone(),
            agent: agent.clone(),
            path: dir.status(agent),
            mine: None,
            written_at: Instant::now(),
            fresh: false,
            unsaved: None,
        }
    }

    /// What the file ought to say; none while the orchestrator writes it.
    pub(crate) fn mine(&self) -> Option<&StatusFile> {
        self.mine.as_ref()
    }

    /// Looks at the file.
    pub(crate) fn look(&self) -> Seen {
        match disk::read(&self.path, disk::MAX_STATUS) {
            Ok(None) => Seen::Missing,
            Ok(Some(bytes)) => match disk::parse_status(&self.agent, &bytes) {
                Ok(status) => Seen::File(Box::new(status)),
                Err(why) => Seen::Bad(format!("{} cannot be read: {why}", self.path.display())),
            },
            Err(error) => Seen::Bad(format!("{} cannot be read: {error}", self.path.display())),
        }
    }

    /// Shows that the agent is there and free, where there is no file.
    pub(crate) fn appear(&self) -> Result<(), String> {
        disk::appear(&self.dir, &self.agent, &StatusFile::idle(&self.agent, clock::now()))
    }

    /// From now on the file says this.
    pub(crate) fn set(&mut self, status: StatusFile) -> Result<(), String> {
        self.mine = Some(status);
        self.save()
    }

    /// The orchestrator writes next.
    pub(crate) fn release(&mut self) {
        self.mine = None;
        self.fresh = false;
        self.unsaved = None;
    }

    /// Writes the file with the next number.
    pub(crate) fn save(&mut self) -> Result<(), String> {
        let Some(mine) = &mut self.mine else { return Ok(()) };
        mine.updated_at = Some(clock::now());
        if let Some(stamp) = &mut mine.miyabi {
            stamp.seq += 1;
        }
        self.fresh = false;
        self.written_at = Instant::now();
        let bytes = disk::json(mine).map_err(|error| error.to_string());
        let result = bytes.and_then(|bytes| disk::write(&self.dir, &self.path, &bytes));
        self.unsaved = result.clone().err();
        result
    }

    /// Takes in what is known of the attempt, and says how soon it wants to be written.
    pub(crate) fn note(&mut self, live: &Live) -> Pace {
        let Some(mine) = self.mine.as_mut().filter(|mine| mine.status == AgentStatus::InProgress) else {
            return Pace::Soon;
        };
        let before = mine.clone();
        mine.progress = readable(live.progress);
        if let Some(stamp) = &mut mine.miyabi {
            stamp.session.clone_from(&live.session);
            stamp.model.clone_from(&live.model);
            stamp.usage = live.usage;
            stamp.activity.clone_from(&live.activity);
        }
        self.fresh |= *mine != before;
        let session = |file: &StatusFile| file.miyabi.as_ref().map(|stamp| stamp.session.clone());
        if session(mine) == session(&before) { Pace::Soon } else { Pace::Now }
    }

    /// Whether a write failed and was not made up for.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved.is_some()
    }

    /// Why the last write failed, until it is made up for.
    pub(crate) fn unsaved(&self) -> Option<&str> {
        self.unsaved.as_deref()
    }

    /// When the file wants to be written next.
    pub(crate) fn due(&self) -> Option<Instant> {
        let working = self.mine.as_ref().is_some_and(|mine| mine.status == AgentStatus::InProgress);
        if self.unsaved.is_some() {
            return Some(self.written_at + RETRY);
        }
        if self.fresh {
            return Some(self.written_at + PROGRESS_PAUSE);
        }
        working.then(|| self.written_at + HEARTBEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_progress_reads_back_as_it_was_written() {
        for number in 0..20_000_u32 {
            let progress = readable(f64::from(number).sqrt() / 142.0);
            let text = serde_json::to_string(&progress).expect("json");
            let read: f64 = serde_json::from_str(&text).expect("a number");
            assert!(progress.to_bits() == read.to_bits(), "{text}");
        }
    }
}
