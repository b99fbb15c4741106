//! Looks for an attempt's evidence: declared outputs and acceptance commands. Facts only.

use std::path::Path;

use miyabi_protocol::{AttemptSheet, Baseline, EvidenceReport, RunnerSpec};

use super::checks;
use crate::outputs;

/// What is found. A rehearsal has no evidence to look for.
pub(crate) async fn look(sheet: AttemptSheet, baseline: Option<Baseline>, state_dir: &str) -> EvidenceReport {
    if matches!(sheet.runner, RunnerSpec::Rehearsal { .. }) {
        return EvidenceReport::default();
    }
    let problem = |problem: String| EvidenceReport { problem: Some(problem), ..EvidenceReport::default() };
    let Some(folder) = sheet.work_folder.clone() else {
        if sheet.outputs.is_empty() && sheet.acceptance.is_empty() {
            return EvidenceReport::default();
        }
        return problem(format!(
            "{} has outputs or acceptance commands, and no work folder",
            sheet.attempt.task
        ));
    };
    if !Path::new(&folder).is_dir() {
        return problem(format!("the work folder {folder} is not there"));
    }
    let (globs, since) = (sheet.outputs.clone(), sheet.assigned_at);
    let compare = move || outputs::compare(Path::new(&folder), &globs, baseline.as_ref(), since);
    let mut report = match tokio::task::spawn_blocking(compare).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => return problem(error),
        Err(error) => return problem(error.to_string()),
    };
    // What is missing already decides; a test suite on half of the files would only waste time.
    if report.missing.is_empty() && report.unchanged.is_empty() {
        report.checks = checks::run(&sheet, state_dir).await;
    }
    report
}
