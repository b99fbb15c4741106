//! The plan's verification: every check, in a folder of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use miyabi_git::{GitError, Tree};
use miyabi_plan::Check;
use miyabi_plan::git::result_branch;
use miyabi_protocol::link::{Report, VerifiedWork};
use tokio::sync::Semaphore;

use super::on_a_thread;
use crate::helper::checks::{self, CheckPlace};
use crate::helper::host::Host;

pub(super) async fn verify(
    host: Arc<Host>,
    room: Arc<Semaphore>,
    work: VerifiedWork,
    planned: Vec<Check>,
    mut environment: BTreeMap<String, String>,
) {
    let there = host.clone();
    let folder = match on_a_thread(&room, move || {
        folder_of(&there, &work, &mut environment).map(|folder| (folder, environment))
    })
    .await
    {
        Some(Ok(found)) => Ok(found),
        Some(Err(error)) => Err(error.message),
        None => Err("the helper itself failed; look into its log".to_owned()),
    };
    let report = match folder {
        Ok((folder, environment)) => {
            let marker = format!("{}/_result", host.hello.run_id);
            let folder = Some(folder.to_string_lossy().into_owned());
            let place = CheckPlace { folder, environment, marker };
            let mut results = Vec::new();
            for check in &planned {
                results.push(checks::run_one(&place, check).await);
            }
            Report::Verified { checks: results, problem: None }
        }
        Err(problem) => Report::Verified { checks: Vec::new(), problem: Some(problem) },
    };
    host.reports.send(&report);
}

fn folder_of(
    host: &Host,
    work: &VerifiedWork,
    environment: &mut BTreeMap<String, String>,
) -> Result<PathBuf, GitError> {
    let folder = match work {
        VerifiedWork::Folder { folder } => {
            let folder = PathBuf::from(folder);
            if !folder.is_dir() {
                return Err(GitError::new(format!("the work folder {} is not there", folder.display())));
            }
            folder
        }
        VerifiedWork::Commit { run_id, repository, commit } => {
            let at = host.places.repository(repository)?;
            let folder = host.places.result(run_id)?;
            Tree::check_out(&at, &folder, commit)?;
            let cache = host.places.cache(repository)?;
            environment.insert("MIYABI_CACHE_DIR".to_owned(), cache.to_string_lossy().into_owned());
            environment.insert("MIYABI_BRANCH".to_owned(), result_branch(run_id));
            folder
        }
    };
    environment.insert("MIYABI_TREE".to_owned(), folder.to_string_lossy().into_owned());
    Ok(folder)
}
