//! A run read from its folder, while no backend is at work.

use std::path::Path;

use miyabi_api::{ReportFormat, RunSnapshot};
use miyabi_engine::{Engine, Entry};

use crate::error::BackendError;
use crate::notices::NoticeMaker;
use crate::run_folder::RunFolder;
use crate::view::Views;

/// A run as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Offline {
    /// The run as it stood at the last entry.
    pub snapshot: RunSnapshot,
    /// The whole journal.
    pub entries: Vec<Entry>,
}

impl Offline {
    /// The run's report.
    #[must_use]
    pub fn report(&self, format: ReportFormat) -> String {
        miyabi_report::render(&self.snapshot, &self.entries, format)
    }
}

/// Reads a run without changing anything.
///
/// # Errors
/// When its folder holds no run, or the journal is broken.
pub fn load(run_folder: &Path) -> Result<Offline, BackendError> {
    let folder = RunFolder::at(run_folder);
    let opening = folder.opening()?;
    let entries = folder.entries()?;
    let mut views = Views::new(&opening);
    let mut notices = NoticeMaker::new(&opening);
    if let (Some(engine), Some(last)) = (Engine::replay(&entries), entries.last()) {
        for notice in entries.iter().filter_map(|entry| notices.make(entry, engine.state())) {
            views.add_notice(notice);
        }
        views.patch(&engine, last.at);
    }
    Ok(Offline { snapshot: views.snapshot(), entries })
}
