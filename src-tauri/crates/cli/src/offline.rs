//! A run whose backend is gone, read from its journal.

use miyabi_api::{ApiError, ReportFormat, RunSnapshot};
use miyabi_backend::offline::{self, Offline};
use miyabi_client::KeptRun;

use crate::orchestrate;

/// The run as it was last journaled.
pub(crate) fn snapshot(run: &KeptRun) -> Result<RunSnapshot, ApiError> {
    load(run).map(|offline| offline.snapshot)
}

/// Its report.
pub(crate) fn report(run: &KeptRun, format: ReportFormat) -> Result<String, ApiError> {
    load(run).map(|offline| offline.report(format))
}

fn load(run: &KeptRun) -> Result<Offline, ApiError> {
    offline::load(&run.folder).map_err(|error| orchestrate::told(&error))
}
