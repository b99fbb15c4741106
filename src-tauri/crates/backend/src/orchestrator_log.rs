//! `logs/orchestrator.log` and the Orchestrator window: the same lines in both.

use std::io::Write as _;
use std::path::PathBuf;

use miyabi_protocol::{StateDir, atomic};

/// Where the lines go.
#[derive(Debug)]
pub(crate) struct OrchestratorLog {
    path: PathBuf,
}

impl OrchestratorLog {
    pub(crate) fn new(state_dir: &StateDir) -> Self {
        Self { path: state_dir.log(None) }
    }

    /// Adds lines. Opened anew each time, because the state folder may have been wiped and made
    /// again. A log that cannot be written stops nothing: the journal has every fact.
    pub(crate) fn add(&self, lines: &str) {
        let file = atomic::append_private(&self.path);
        if let Err(error) = file.and_then(|mut file| file.write_all(lines.as_bytes())) {
            tracing::debug!(%error, path = %self.path.display(), "cannot write the log");
        }
        // The window may be gone; the run goes on without it.
        let mut window = std::io::stdout().lock();
        if window.write_all(lines.as_bytes()).and_then(|()| window.flush()).is_err() {
            tracing::debug!("the Orchestrator window is gone");
        }
    }
}
