//! The state folder: where its files lie, and whether it is safe to use.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use miyabi_plan::{AgentId, AttemptId};

use crate::queue::QUEUE_FILE;
use crate::result::RESULTS_FOLDER;
use crate::status::status_file_name;

/// Where a run's files lie unless a person chooses another place.
pub const DEFAULT_STATE_DIR: &str = "/tmp/miyabi-level6";
/// Where a rehearsal's files lie.
pub const REHEARSAL_STATE_DIR: &str = "/tmp/miyabi-level6-rehearsal";
/// The tmux session of [`DEFAULT_STATE_DIR`].
pub const DEFAULT_SESSION: &str = "miyabi-level6-orchestra";

/// Why a folder is refused as a state folder.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It is a symbolic link.
    #[error("the state folder {} is a symbolic link; remove it or choose another with --state-dir", .0.display())]
    Link(PathBuf),
    /// It is not a folder.
    #[error("the state folder {} is not a folder; remove it or choose another with --state-dir", .0.display())]
    NotAFolder(PathBuf),
    /// It belongs to somebody else.
    #[error("the state folder {} belongs to another user (uid {owner}); choose another with --state-dir", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// The path is relative.
    #[error("the state folder {} is not an absolute path", .0.display())]
    Relative(PathBuf),
    /// The system refused.
    #[error("cannot use the state folder {}: {source}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// A state folder that was checked, and the places of the files in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// Creates the folder and those below it (0700) where they are missing, and checks that it is
    /// a real folder of this user. Only the last component is checked: `/tmp` itself is a link on
    /// macOS.
    ///
    /// # Errors
    /// When the folder is a link, somebody else's, or cannot be made.
    pub fn open(root: &Path) -> Result<Self, StateDirError> {
        if !root.is_absolute() {
            return Err(StateDirError::Relative(root.to_owned()));
        }
        let dir = Self { root: root.to_owned() };
        make_private(&dir.root)?;
        for folder in [dir.results(), dir.logs(), dir.private(), dir.attempts()] {
            make_private(&folder)?;
        }
        Ok(dir)
    }

    /// Looks at a folder that must already be there, without changing it.
    ///
    /// # Errors
    /// As [`StateDir::open`], and when it does not exist.
    pub fn existing(root: &Path) -> Result<Self, StateDirError> {
        if !root.is_absolute() {
            return Err(StateDirError::Relative(root.to_owned()));
        }
        check_private(root)?;
        Ok(Self { root: root.to_owned() })
    }

    /// The places of a folder that was not looked at: for naming files, sockets and sessions
    /// only. Before anything is written, [`StateDir::open`] has to agree.
    #[must_use]
    pub fn unchecked(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `task_queue.json`.
    #[must_use]
    pub fn queue(&self) -> PathBuf {
        self.root.join(QUEUE_FILE)
    }

    /// `agent_{ID}_status.json`.
    #[must_use]
    pub fn status(&self, agent: &AgentId) -> PathBuf {
        self.root.join(status_file_name(agent))
    }

    /// `results/`.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.root.join(RESULTS_FOLDER)
    }

    /// `logs/`.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// `logs/agent_{ID}.log`, or `logs/orchestrator.log` for none.
    #[must_use]
    pub fn log(&self, agent: Option<&AgentId>) -> PathBuf {
        let name = agent.map_or_else(|| "orchestrator.log".to_owned(), |agent| format!("agent_{agent}.log"));
        self.logs().join(name)
    }

    /// `miyabi/`: files of our own, which no other tool needs to know.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.root.join("miyabi")
    }

    /// `miyabi/attempts/`.
    #[must_use]
    pub fn attempts(&self) -> PathBuf {
        self.private().join("attempts")
    }

    /// `miyabi/attempts/<attempt>.json`.
    #[must_use]
    pub fn sheet(&self, attempt: &AttemptId) -> PathBuf {
        self.attempts().join(format!("{attempt}.json"))
    }

    /// `miyabi/helper.lock`: held by the one helper of this folder.
    #[must_use]
    pub fn helper_lock(&self) -> PathBuf {
        self.private().join("helper.lock")
    }

    /// A short name for this folder, stable over restarts: for sockets and sessions, whose names
    /// must be short (104 bytes for a socket on macOS).
    #[must_use]
    pub fn short_name(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The tmux session that belongs to this folder: every folder has one of its own.
    #[must_use]
    pub fn session(&self) -> String {
        if self.root == Path::new(DEFAULT_STATE_DIR) {
            return DEFAULT_SESSION.to_owned();
        }
        if self.root == Path::new(REHEARSAL_STATE_DIR) {
            return "miyabi-level6-rehearsal".to_owned();
        }
        let name = self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name: String = name.chars().filter(|c| safe(*c)).take(24).collect();
        format!("miyabi-{name}-{}", &self.short_name()[..6])
    }
}

/// Creates one folder with mode 0700, or checks the one that is there.
///
/// # Errors
/// When it is a link, somebody else's, or cannot be made.
pub fn make_private(path: &Path) -> Result<(), StateDirError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check_private(path)?;
            let io = |source| StateDirError::Io { path: path.to_owned(), source };
            let mode = fs::symlink_metadata(path).map_err(io)?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io)?;
            }
            Ok(())
        }
        Err(source) => Err(StateDirError::Io { path: path.to_owned(), source }),
    }
}

fn check_private(path: &Path) -> Result<(), StateDirError> {
    let metadata =
        fs::symlink_metadata(path).map_err(|source| StateDirError::Io { path: path.to_owned(), source })?;
    if metadata.file_type().is_symlink() {
        return Err(StateDirError::Link(path.to_owned()));
    }
    if !metadata.is_dir() {
        return Err(StateDirError::NotAFolder(path.to_owned()));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(StateDirError::Foreign { path: path.to_owned(), owner: metadata.uid() });
    }
    Ok(())
}

/// Where sockets lie: the session's runtime folder, else a private folder in `/tmp`.
///
/// # Errors
/// When the folder cannot be made or is not this user's.
pub fn runtime_dir(xdg_runtime_dir: Option<&Path>) -> Result<PathBuf, StateDirError> {
    let path = match xdg_runtime_dir {
        Some(base) if base.is_absolute() && base.is_dir() => base.join("miyabi"),
        _ => shared_runtime_dir(),
    };
    make_private(&path)?;
    Ok(path)
}

/// Where sockets lie that must be found again after their person was logged out, as over a link that
/// breaks: systemd takes `/run/user/UID` away then, and gives it to some log-ins and not to others.
///
/// # Errors
/// As [`runtime_dir`].
pub fn lasting_runtime_dir(runtime_dir: &Path) -> Result<PathBuf, StateDirError> {
    if !runtime_dir.starts_with("/run/user") {
        return Ok(runtime_dir.to_owned());
    }
    let path = shared_runtime_dir();
    make_private(&path)?;
    Ok(path)
}

fn shared_runtime_dir() -> PathBuf {
    PathBuf::from(format!("/tmp/miyabi-run-{}", rustix::process::geteuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_a_file_is_refused_and_a_new_folder_is_private() {
        let base = tempfile::tempdir().expect("folder");
        let root = base.path().join("state");
        let dir = StateDir::open(&root).expect("made");
        assert_eq!(fs::metadata(&root).expect("metadata").permissions().mode() & 0o777, 0o700);
        assert!(dir.attempts().is_dir());

        let link = base.path().join("link");
        std::os::unix::fs::symlink(&root, &link).expect("link");
        assert!(matches!(StateDir::open(&link), Err(StateDirError::Link(_))));
        let file = base.path().join("file");
        fs::write(&file, "").expect("file");
        assert!(matches!(StateDir::open(&file), Err(StateDirError::NotAFolder(_))));
        assert!(matches!(StateDir::open(Path::new("x")), Err(StateDirError::Relative(_))));
    }

    #[test]
    fn sockets_of_a_host_do_not_lie_where_a_logout_takes_them_away() {
        let lasting = |path: &str| lasting_runtime_dir(Path::new(path)).expect("a folder");
        assert_eq!(lasting("/run/user/1000/miyabi"), shared_runtime_dir());
        let mode = fs::metadata(shared_runtime_dir()).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(lasting("/home/me/run/miyabi"), Path::new("/home/me/run/miyabi"));
    }

    #[test]
    fn every_folder_has_a_session_of_its_own() {
        let session = |path: &str| StateDir { root: path.into() }.session();
        assert_eq!(session(DEFAULT_STATE_DIR), "miyabi-level6-orchestra");
        assert_ne!(session("/tmp/a/x"), session("/tmp/b/x"));
        assert!(session("/tmp/a/my: folder.1").starts_with("miyabi-myfolder1-"));
    }
}
