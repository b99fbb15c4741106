//! Looks for an attempt's evidence: declared outputs and acceptance commands. Facts only.

use std::path::Path;

use miyabi_git::{GitError, Tree};
use miyabi_protocol::{AttemptSheet, Baseline, CommittedWork, EvidenceReport, MOST_FILES_TOLD, RunnerSpec};

use std::sync::Arc;

use super::checks;
use super::host::Host;
use super::work::{keeping, places};
use crate::outputs;

/// What is found. A rehearsal has no evidence to look for.
pub(crate) async fn look(
    host: &Arc<Host>,
    mut sheet: AttemptSheet,
    baseline: Option<Baseline>,
    state_dir: &str,
) -> EvidenceReport {
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
    if let Some(tree) = sheet.tree.clone() {
        let folder = tree.folder.clone();
        // Before the checks, which leave files of their own.
        match keeping::commit_claimed(host, tree, &sheet).await {
            Ok(work) => {
                // What a later attempt writes anew may be what the one before it left: the base decides.
                outputs::count_work(&mut report, &work);
                if let Err(error) = look_into_commit(&mut report, &sheet.outputs, folder, &work).await {
                    return problem(error);
                }
                report.work = Some(work.in_bounds());
            }
            Err(message) => return problem(message),
        }
    }
    report.changed.truncate(MOST_FILES_TOLD);
    // What is missing already decides; a test suite on half of the files would only waste time.
    if report.missing.is_empty() && report.unchanged.is_empty() {
        let there = host.clone();
        // Git is asked for the name of the repository's cache.
        let told = tokio::task::spawn_blocking(move || {
            places::tell_cache(&there.places, &mut sheet);
            sheet
        });
        match told.await {
            Ok(sheet) => report.checks = checks::run(&sheet, state_dir).await,
            Err(error) => return problem(error.to_string()),
        }
    }
    report
}

/// The outputs must be in the commit, and all that it links to within reach: it is all that others begin from.
async fn look_into_commit(
    report: &mut EvidenceReport,
    globs: &[String],
    folder: String,
    work: &CommittedWork,
) -> Result<(), String> {
    let (base, commit) = (work.base.clone(), work.commit.clone());
    let look = move || {
        let tree = Tree::at(Path::new(&folder));
        Ok::<_, GitError>((tree.files_of(&commit)?, tree.lost_links(&base, &commit)?))
    };
    let looked = tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())?;
    let (kept, lost) = looked.map_err(|error| error.message)?;
    outputs::miss_what_is_not_kept(report, globs, &kept);
    if lost.is_empty() {
        return Ok(());
    }
    let lost = lost.join(", ");
    Err(format!(
        "no remote has the new commits of the submodule {lost}: push them there, or leave it as it was"
    ))
}
