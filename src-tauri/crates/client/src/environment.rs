//! What the process was started with, read once: the only place that looks at the environment.

use std::env;
use std::path::{Path, PathBuf};

use miyabi_api::{ApiError, ErrorCode};
use miyabi_protocol::opening::{runs_folder, state_home};
use miyabi_protocol::state_dir::runtime_dir;
use miyabi_reach::Helpers;

/// Places and programs.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Where runs are kept.
    pub state_home: PathBuf,
    /// Where sockets lie.
    pub runtime_dir: PathBuf,
    /// The `miyabi` program.
    pub miyabi: PathBuf,
    /// The `miyabi-host` program.
    pub miyabi_host: PathBuf,
    /// Where programs are looked for, in their order.
    pub path: Vec<PathBuf>,
}

impl Environment {
    /// Reads the environment of this process and makes the runtime folder.
    ///
    /// # Errors
    /// [`ErrorCode::Environment`] when there is no home or no safe runtime folder.
    pub fn from_process() -> Result<Self, ApiError> {
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let xdg_state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
        if home.is_none() && xdg_state.is_none() {
            return Err(ApiError::new(
                ErrorCode::Environment,
                "neither HOME nor XDG_STATE_HOME names a folder, so there is no place to keep runs in",
            )
            .hint("export HOME=/path/to/your/home"));
        }
        let xdg_runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime_dir = runtime_dir(xdg_runtime.as_deref()).map_err(|error| {
            ApiError::new(ErrorCode::Environment, format!("no place for sockets: {error}"))
                .hint("set XDG_RUNTIME_DIR to a folder of yours with mode 0700")
        })?;
        let path: Vec<PathBuf> =
            env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
        Ok(Self {
            state_home: state_home(xdg_state.as_deref(), home.as_deref().unwrap_or(Path::new("/"))),
            runtime_dir,
            miyabi: program("miyabi", beside.as_deref(), &path),
            miyabi_host: program("miyabi-host", beside.as_deref(), &path),
            path,
        })
    }

    /// The folder of all runs.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        runs_folder(&self.state_home)
    }

    /// The folder of one run.
    #[must_use]
    pub fn run(&self, run_id: &str) -> PathBuf {
        self.runs().join(run_id)
    }

    /// The programs that may be put on other hosts: beside our own, as they are shipped, or in the folder
    /// that `MIYABI_HELPERS` names.
    #[must_use]
    pub fn helpers(&self) -> Helpers {
        let beside = || self.miyabi_host.parent().unwrap_or(Path::new("/")).join("helpers");
        let named = env::var_os("MIYABI_HELPERS").map(PathBuf::from).filter(|folder| folder.is_absolute());
        Helpers { own: self.miyabi_host.clone(), folder: named.unwrap_or_else(beside) }
    }

    /// Where a program lies on the search path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(name)).find(|file| is_program(file))
    }
}

/// A program of ours: beside this one, else on the search path, else beside this one all the
/// same, so that the error names where it should have been.
fn program(name: &str, beside: Option<&Path>, path: &[PathBuf]) -> PathBuf {
    let neighbour = beside.map(|folder| folder.join(name));
    if let Some(file) = neighbour.as_ref().filter(|file| is_program(file)) {
        return file.clone();
    }
    let found = path.iter().map(|folder| folder.join(name)).find(|file| is_program(file));
    found.or(neighbour).unwrap_or_else(|| PathBuf::from(name))
}

/// Whether a file is there and may be executed.
#[must_use]
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn our_programs_are_found_beside_us_before_the_search_path() {
        let base = tempfile::tempdir().expect("folder");
        let [beside, path] = ["beside", "path"].map(|name| base.path().join(name));
        for folder in [&beside, &path] {
            fs::create_dir(folder).expect("folder");
            let file = folder.join("miyabi-host");
            fs::write(&file, "").expect("file");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("mode");
        }
        let found = |beside: &Path| program("miyabi-host", Some(beside), std::slice::from_ref(&path));
        assert_eq!(found(&beside), beside.join("miyabi-host"));
        fs::set_permissions(beside.join("miyabi-host"), fs::Permissions::from_mode(0o644)).expect("mode");
        assert_eq!(found(&beside), path.join("miyabi-host"), "a file without the mode is no program");
        assert_eq!(program("none", Some(&beside), &[]), beside.join("none"));
    }
}
