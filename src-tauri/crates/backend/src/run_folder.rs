//! A run's folder in the state home.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use miyabi_engine::{Entry, journal};
use miyabi_protocol::atomic::{self, Durability};
use miyabi_protocol::opening::{JOURNAL_FILE, OPENING_FILE, SUMMARY_FILE, runs_folder};
use miyabi_protocol::{AttemptSheet, RunOpening, RunnerSpec, SummaryFile};

use crate::error::BackendError;

/// The places of a run's own files.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// The folder of a run that was set up.
    pub(crate) fn of(state_home: &Path, run_id: &str) -> Result<Self, BackendError> {
        let is_name = run_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !run_id.is_empty();
        let root = runs_folder(state_home).join(run_id);
        if !is_name || !root.join(OPENING_FILE).is_file() {
            return Err(BackendError::NoRun(run_id.to_owned()));
        }
        Ok(Self { root })
    }

    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn opening(&self) -> Result<RunOpening, BackendError> {
        Ok(atomic::read_json(&self.root.join(OPENING_FILE))?)
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join(JOURNAL_FILE)
    }

    /// The whole journal, without touching it; empty before the first entry.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, BackendError> {
        let path = self.journal();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(BackendError::Io { action: "read", path, source }),
        };
        match journal::read(&bytes) {
            Ok(journal) => Ok(journal.entries),
            Err(journal::JournalError::Empty) => Ok(Vec::new()),
            Err(source) => Err(BackendError::Journal { path, source }),
        }
    }

    pub(crate) fn helper_log(&self) -> PathBuf {
        self.root.join("helper.log")
    }

    /// Keeps the exact text that an attempt's agent is told: `prompts/Task-6.2.md`, and what is said
    /// where it goes on in a session beside it.
    pub(crate) fn keep_prompt(&self, sheet: &AttemptSheet) -> std::io::Result<()> {
        let RunnerSpec::Agent(spec) = &sheet.runner else { return Ok(()) };
        let folder = self.root.join("prompts");
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        std::fs::write(folder.join(format!("{}.md", sheet.attempt)), &sheet.prompt)?;
        match &spec.resume {
            Some(resume) => {
                std::fs::write(folder.join(format!("{}.resumed.md", sheet.attempt)), &resume.prompt)
            }
            None => Ok(()),
        }
    }

    pub(crate) fn report(&self, extension: &str) -> PathBuf {
        self.root.join(format!("report.{extension}"))
    }

    pub(crate) fn write_summary(&self, summary: &SummaryFile) -> Result<(), BackendError> {
        Ok(atomic::write_json(&self.root.join(SUMMARY_FILE), summary, Durability::Relaxed)?)
    }
}
