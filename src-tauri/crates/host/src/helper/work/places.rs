//! Where repositories, work trees and caches lie on a host.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use miyabi_git::{GitError, Repository};
use miyabi_plan::AttemptId;
use miyabi_protocol::state_dir::make_private;
use miyabi_protocol::{AttemptSheet, RepositoryAt, RunnerSpec};

/// The places below a state home.
#[derive(Debug, Clone)]
pub(crate) struct Places(PathBuf);

impl Places {
    pub(crate) fn new(state_home: PathBuf) -> Self {
        Self(state_home)
    }

    /// The repository that is meant; a store is made when it is not there.
    pub(crate) fn repository(&self, at: &RepositoryAt) -> Result<Repository, GitError> {
        match at {
            RepositoryAt::Path(path) => Repository::open(Path::new(path)),
            RepositoryAt::Store(name) => {
                let name = plain(name)?;
                private(&self.0.join("repositories"))?;
                Repository::store(&self.0.join("repositories").join(format!("{name}.git")))
            }
        }
    }

    /// The folder of all work trees.
    pub(crate) fn trees(&self) -> PathBuf {
        self.0.join("trees")
    }

    /// The folder of an attempt's work tree.
    pub(crate) fn tree(&self, run_id: &str, attempt: &AttemptId) -> Result<PathBuf, GitError> {
        Ok(self.of_run(run_id)?.join(format!("{}-{}", attempt.task, attempt.number)))
    }

    /// Where all the work of a run is verified. No task has this name.
    pub(crate) fn result(&self, run_id: &str) -> Result<PathBuf, GitError> {
        Ok(self.of_run(run_id)?.join("_result"))
    }

    fn of_run(&self, run_id: &str) -> Result<PathBuf, GitError> {
        let folder = self.trees().join(plain(run_id)?);
        private(&self.trees())?;
        private(&folder)?;
        Ok(folder)
    }

    /// What is kept between attempts and runs, for those who work on this repository.
    pub(crate) fn cache(&self, at: &RepositoryAt) -> Result<PathBuf, GitError> {
        let name = match at {
            RepositoryAt::Store(name) => plain(name)?.to_owned(),
            RepositoryAt::Path(path) => Repository::open(Path::new(path))?.store_name(),
        };
        let folder = self.0.join("caches").join(name);
        private(&self.0.join("caches"))?;
        private(&folder)?;
        Ok(folder)
    }
}

/// The engine knows no place of this host: where things are kept between attempts is said here.
pub(crate) fn tell_cache(places: &Places, sheet: &mut AttemptSheet) {
    let Some(Ok(folder)) = sheet.tree.as_ref().map(|tree| places.cache(&tree.repository)) else { return };
    let environment = match &mut sheet.runner {
        RunnerSpec::Command { environment, .. } => environment,
        RunnerSpec::Agent(spec) => &mut spec.environment,
        RunnerSpec::Rehearsal { .. } | RunnerSpec::External => return,
    };
    environment.insert("MIYABI_CACHE_DIR".to_owned(), folder.to_string_lossy().into_owned());
}

fn private(folder: &Path) -> Result<(), GitError> {
    let above = folder.parent().unwrap_or(folder);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(above);
    made.map_err(|error| GitError::new(format!("cannot make {}: {error}", above.display())))?;
    make_private(folder).map_err(|error| GitError::new(error.to_string()))
}

/// A name that leads nowhere else.
fn plain(name: &str) -> Result<&str, GitError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !name.is_empty() && !name.starts_with('.') && name.len() <= 128 && name.bytes().all(plain) {
        true => Ok(name),
        false => Err(GitError::new(format!("`{name}` cannot be the name of a folder"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_state_home() {
        let home = tempfile::tempdir().expect("a folder");
        let places = Places::new(home.path().to_owned());
        for bad in ["", "..", "a/b", ".hidden", "a b", "a\nb"] {
            assert!(places.result(bad).is_err(), "{bad:?}");
            assert!(places.repository(&RepositoryAt::Store(bad.to_owned())).is_err(), "{bad:?}");
        }
        let tree = places.tree("run-1", &"Task-1.2".parse().expect("an attempt")).expect("a place");
        assert_eq!(tree, home.path().join("trees/run-1/Task-1-2"));
    }
}
