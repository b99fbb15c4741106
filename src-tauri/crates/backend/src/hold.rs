//! One backend a state folder: a lock in the state home, which no reboot wipes.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use miyabi_protocol::StateDir;
use miyabi_protocol::atomic;
use miyabi_protocol::state_dir::make_private;
use rustix::fs::{FlockOperation, flock};

use crate::error::BackendError;

/// The lock; given up when it is dropped, or when the process dies.
#[derive(Debug)]
pub(crate) struct Hold {
    _file: File,
}

impl Hold {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(state_home: &Path, state_dir: &StateDir, run_id: &str) -> Result<Self, BackendError> {
        let folder = state_home.join("holds");
        make_private(&folder)?;
        let path = folder.join(format!("{}.lock", state_dir.short_name()));
        let mut file = atomic::open_private(&path).map_err(BackendError::io("open", &path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(BackendError::io("read", &path))?;
            let state_dir = state_dir.root().display().to_string();
            return Err(BackendError::Held { state_dir, holder: holder.trim().to_owned() });
        }
        let holder = format!("process {}, run {run_id}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(BackendError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Removes a socket that a dead backend left behind: the lock is ours, so nobody listens on it.
pub(crate) fn remove_stale_socket(path: &Path) -> Result<(), BackendError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(BackendError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_backend_is_told_who_has_the_folder() {
        let base = tempfile::tempdir().expect("folder");
        let state_dir = StateDir::open(&base.path().join("state")).expect("state folder");
        let first = Hold::take(base.path(), &state_dir, "run-1").expect("free");
        let error = Hold::take(base.path(), &state_dir, "run-2").expect_err("held").to_string();
        assert!(error.contains("run run-1") && error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        Hold::take(base.path(), &state_dir, "run-2").expect("free again");
    }
}
