//! A run's folder in the state home: what was decided when the run was set up, and where it stands.
//!
//! `runs/<run_id>/opening.json` is written once by whoever starts the run, before the backend;
//! `journal.jsonl` and `summary.json` are the backend's. All of it outlives the state folder.

use std::path::{Path, PathBuf};

use miyabi_plan::{Choice, HostId, Plan, RunPhase, Site};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::tree::RunGit;

/// The name of the opening in a run's folder.
pub const OPENING_FILE: &str = "opening.json";
/// The name of the journal in a run's folder.
pub const JOURNAL_FILE: &str = "journal.jsonl";
/// The name of the summary in a run's folder.
pub const SUMMARY_FILE: &str = "summary.json";

/// All that was decided before a run began. The plan is held whole: what a person approved is
/// what runs, whatever becomes of its files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunOpening {
    /// The run, as in `20261122-153400-4f2a`; safe in a file name.
    pub run_id: String,
    /// When it was set up.
    pub created_at: Timestamp,
    /// The plan.
    pub plan: Plan,
    /// The plan's folder, absolute.
    pub plan_dir: String,
    /// SHA-256 of the plan's files, in hex.
    pub plan_hash: String,
    /// Where the work is done, absolute.
    pub work_folder: String,
    /// The state folder, absolute.
    pub state_dir: String,
    /// The tmux session.
    pub session: String,
    /// How waves and edges are read.
    pub choice: Choice,
    /// How fast a rehearsal plays; none for a real run.
    pub rehearse: Option<f64>,
    /// Whether all agents are loops of their own over their status files.
    pub external: bool,
    /// Whether the claims of external agents are checked by acceptance commands: true where the
    /// work folder was there when the run was set up.
    #[serde(default)]
    pub checks_external: bool,
    /// Whether hosts are really reached; otherwise all of them are played on this machine, as in a
    /// rehearsal.
    #[serde(default)]
    pub on_hosts: bool,
    /// The repository, where each attempt has a work tree of its own.
    #[serde(default)]
    pub git: Option<RunGit>,
}

impl RunOpening {
    /// The state folder and helper that serve a host in this run.
    #[must_use]
    pub fn site(&self, host: &HostId) -> Site {
        if self.on_hosts { self.plan.site(host) } else { Site::Here }
    }

    /// Every site of this run: this machine, then the hosts that are reached, in the plan's order.
    #[must_use]
    pub fn sites(&self) -> Vec<Site> {
        let hosts = self.plan.hosts.iter().map(|host| self.site(&host.id));
        std::iter::once(Site::Here).chain(hosts.filter(|site| *site != Site::Here)).collect()
    }

    /// Where the state folder lies at a site, absolute.
    #[must_use]
    pub fn state_dir_at(&self, site: &Site) -> &str {
        let host = site.host().and_then(|host| self.plan.host(host));
        host.and_then(|host| host.state_dir.as_deref()).unwrap_or(&self.state_dir)
    }

    /// Where the work of an agent on this host is done, absolute.
    #[must_use]
    pub fn work_folder_on(&self, host: &HostId) -> &str {
        let there = self.site(host).host().and_then(|host| self.plan.host(host));
        there.and_then(|host| host.work_folder.as_deref()).unwrap_or(&self.work_folder)
    }
}

/// Where a run stands, for the list of runs: a projection that can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryFile {
    /// Where it stands.
    pub phase: RunPhase,
    /// How many tasks are COMPLETED.
    pub completed: u32,
    /// How many tasks there are.
    pub total: u32,
    /// When this was written.
    pub updated_at: Timestamp,
}

/// The folder where everything that must outlive a reboot lies, from the environment's values:
/// `$XDG_STATE_HOME/miyabi`, else `~/.local/state/miyabi`, on macOS `~/Library/Application
/// Support/miyabi`.
#[must_use]
pub fn state_home(xdg_state_home: Option<&Path>, home: &Path) -> PathBuf {
    match xdg_state_home {
        Some(base) if base.is_absolute() => base.join("miyabi"),
        _ if cfg!(target_os = "macos") => home.join("Library/Application Support/miyabi"),
        _ => home.join(".local/state/miyabi"),
    }
}

/// The folder of all runs.
#[must_use]
pub fn runs_folder(state_home: &Path) -> PathBuf {
    state_home.join("runs")
}

/// The backend's socket for a state folder.
#[must_use]
pub fn backend_socket(runtime_dir: &Path, short_name: &str) -> PathBuf {
    runtime_dir.join(format!("{short_name}.sock"))
}
