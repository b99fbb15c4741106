//! Which plans' commands a person has agreed to, by the hash of the plan's files.

use std::path::{Path, PathBuf};

use miyabi_protocol::Timestamp;
use miyabi_protocol::atomic::{self, Durability, FileError};
use serde::{Deserialize, Serialize};

/// The name of the file in the state home.
const TRUST_FILE: &str = "trusted.json";

/// `trusted.json` in the state home, mode 0600.
#[derive(Debug, Clone)]
pub struct TrustStore {
    file: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TrustFile {
    trusted: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    hash: String,
    /// For people who read the file: a plan is known by its hash alone.
    path: String,
    at: Timestamp,
}

impl TrustStore {
    /// The store of this state home.
    #[must_use]
    pub fn of(state_home: &Path) -> Self {
        Self { file: state_home.join(TRUST_FILE) }
    }

    /// Whether a person has agreed to the plan of this hash. An unreadable store trusts nothing.
    #[must_use]
    pub fn trusts(&self, hash: &str) -> bool {
        self.read().is_ok_and(|file| file.trusted.iter().any(|entry| entry.hash == hash))
    }

    /// Remembers that a person agreed.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn trust(&self, hash: &str, plan: &Path, at: Timestamp) -> Result<(), FileError> {
        let mut file = self.read()?;
        if file.trusted.iter().any(|entry| entry.hash == hash) {
            return Ok(());
        }
        file.trusted.push(Entry { hash: hash.to_owned(), path: plan.display().to_string(), at });
        atomic::write_json(&self.file, &file, Durability::Synced)
    }

    fn read(&self) -> Result<TrustFile, FileError> {
        match atomic::read_json(&self.file) {
            Err(error) if error.is_missing() => Ok(TrustFile::default()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn trust_is_by_hash_private_and_never_guessed() {
        let home = tempfile::tempdir().expect("folder");
        let store = TrustStore::of(home.path());
        assert!(!store.trusts("ab"));
        for _ in 0..2 {
            store.trust("ab", Path::new("/plans/x"), Timestamp::from_millis(0)).expect("written");
        }
        assert!(store.trusts("ab") && !store.trusts("ac"));
        let file = home.path().join(TRUST_FILE);
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).expect("read").matches("\"ab\"").count(), 1);

        std::fs::write(&file, "{ torn").expect("written");
        assert!(!store.trusts("ab"), "a broken store trusts nothing");
        assert!(
            store.trust("ac", Path::new("/p"), Timestamp::from_millis(0)).is_err(),
            "and is not overwritten"
        );
    }
}
