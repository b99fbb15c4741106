//! What every task of the helper shares.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use miyabi_agents::command::{AGENT_VARIABLE, ATTEMPT_VARIABLE, CHECK_VARIABLE};
use miyabi_plan::AgentId;
use miyabi_protocol::link::{Hello, Report};
use miyabi_protocol::runner_link::ToRunner;
use miyabi_protocol::{StateDir, StatusFile};
use miyabi_transport::LinkSender;

use super::folder::Stamp;
use super::runners::Runners;
use super::windows::Windows;
use super::work::places::Places;
use crate::process_tree::Marker;
use crate::{clock, disk};

/// How soon a failed write is tried again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// A queue file of our own.
pub(crate) struct OwnQueue {
    pub(crate) bytes: Vec<u8>,
    /// The file just after it was written.
    pub(crate) stamp: Option<Stamp>,
}

/// The helper's shared part.
pub(crate) struct Host {
    pub(crate) hello: Hello,
    pub(crate) dir: StateDir,
    /// The program of runners: this one.
    pub(crate) program: PathBuf,
    /// Where runners' sockets lie.
    pub(crate) sockets: PathBuf,
    pub(crate) reports: Reports,
    pub(crate) runners: Runners,
    pub(crate) windows: Windows,
    /// Where repositories, work trees and caches lie.
    pub(crate) places: Places,
    /// `task_queue.json` as we wrote it last.
    pub(crate) queue: Mutex<Option<OwnQueue>>,
    /// Agents whose files here are mirrors.
    pub(crate) elsewhere: Mutex<BTreeSet<AgentId>>,
    /// Until when agents may work, by the boot-time clock; none where nobody granted a lease.
    pub(crate) lease: Mutex<Option<u64>>,
}

impl Host {
    pub(crate) fn socket(&self, agent: &AgentId) -> PathBuf {
        self.sockets.join(format!("{agent}.sock"))
    }

    /// What every process of an agent's attempts in this run carries.
    pub(crate) fn attempt_marker(&self, run_id: &str, agent: &AgentId) -> Marker {
        Marker { entries: vec![format!("{ATTEMPT_VARIABLE}={run_id}/"), format!("{AGENT_VARIABLE}={agent}")] }
    }

    /// What every process of an acceptance check in this run carries.
    pub(crate) fn check_marker(&self) -> Marker {
        Marker { entries: vec![format!("{CHECK_VARIABLE}={}/", self.hello.run_id)] }
    }

    /// Writes a file, again and again until the disk takes it; says so once.
    pub(crate) async fn write(&self, path: &Path, bytes: &[u8]) {
        self.until_written(|| disk::write(&self.dir, path, bytes)).await;
    }

    /// The same for a file that only shows what is written elsewhere.
    pub(crate) async fn write_mirror(&self, path: &Path, bytes: &[u8]) {
        self.until_written(|| disk::write_mirror(&self.dir, path, bytes)).await;
    }

    async fn until_written(&self, write: impl Fn() -> Result<(), String>) {
        let mut told = false;
        while let Err(message) = write() {
            if !told {
                self.reports.send(&Report::StateProblem { message });
                told = true;
            }
            clock::sleep(RETRY).await;
        }
    }

    /// What an agent's file says now; none when it is missing or not sound.
    pub(crate) fn status(&self, agent: &AgentId) -> Option<StatusFile> {
        let bytes = disk::read(&self.dir.status(agent), disk::MAX_STATUS).ok()??;
        disk::parse_status(agent, &bytes).ok()
    }

    /// Whether an agent is at another site: nothing is reported of it.
    pub(crate) fn is_elsewhere(&self, agent: &AgentId) -> bool {
        self.elsewhere().contains(agent)
    }

    pub(crate) fn elsewhere(&self) -> MutexGuard<'_, BTreeSet<AgentId>> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when agents may work.
    pub(crate) fn lease(&self) -> Option<u64> {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets every runner go on until then, and those that come later.
    pub(crate) fn grant(&self, until_boot_millis: u64) {
        let lease = &mut *self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        *lease = (*lease).max(Some(until_boot_millis));
        for agent in self.runners.agents() {
            self.runners.tell(&agent, ToRunner::Lease { until_boot_millis });
        }
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Option<OwnQueue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the backend.
#[derive(Clone)]
pub(crate) struct Reports(pub(crate) LinkSender);

impl Reports {
    pub(crate) fn send(&self, report: &Report) {
        match self.0.message(report) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let message = format!("a report of this host is too long to be sent: {error}");
                // A short one fails only where the link has ended.
                let _ended = self.0.message(&Report::StateProblem { message });
            }
            // The end of stdin ends the helper in a moment.
            Err(error) => tracing::debug!(%error, ?report, "not sent"),
        }
    }

    pub(crate) fn problem(&self, agent: &AgentId, message: String) {
        self.send(&Report::AgentProblem { agent: agent.clone(), message });
    }
}
