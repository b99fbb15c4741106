//! Writing a file so that a reader sees the old one or the new one, never half of either, and
//! reading one that others may not write so.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// Whether a write must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk before the call returns: for transitions.
    Synced,
    /// Left to the system: for heartbeats and projections that can be made again.
    Relaxed,
}

/// What went wrong with a file, and with which.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is not readable as JSON of the expected form: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong.
        source: serde_json::Error,
    },
}

impl FileError {
    /// Whether the file does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { action, path, source }
}

/// Writes bytes to a temporary file in the same folder, mode 0600, and renames it into place.
///
/// # Errors
/// When the folder is missing or not writable, or the disk is full; the old file is then intact.
pub fn write(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), FileError> {
    write_from(path.parent().unwrap_or(Path::new(".")), path, bytes, durability)
}

/// As [`write`], with the temporary file in another folder of the same disk: whoever watches the
/// file's folder is woken once, by the whole file, and not by each step of its making.
///
/// # Errors
/// As [`write`], and when that folder is missing.
pub fn write_from(
    workshop: &Path,
    path: &Path,
    bytes: &[u8],
    durability: Durability,
) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = in_the_making(workshop, path, bytes)?;
    if durability == Durability::Synced {
        temporary.as_file().sync_data().map_err(io_error("sync", path))?;
    }
    temporary.persist(path).map_err(|error| io_error("rename into", path)(error.error))?;
    if durability == Durability::Synced {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("sync", folder))?;
    }
    Ok(())
}

/// As [`write_from`] without a sync, and with mode 0400: a file that only shows what is written elsewhere.
///
/// # Errors
/// As [`write_from`].
pub fn write_read_only_from(workshop: &Path, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = in_the_making(workshop, path, bytes)?;
    let read_only = fs::Permissions::from_mode(0o400);
    temporary.as_file().set_permissions(read_only).map_err(io_error("write", path))?;
    temporary.persist(path).map_err(|error| io_error("rename into", path)(error.error))?;
    Ok(())
}

fn in_the_making(workshop: &Path, path: &Path, bytes: &[u8]) -> Result<NamedTempFile, FileError> {
    let mut temporary = tempfile::Builder::new()
        .prefix(".miyabi-")
        .suffix(".tmp")
        .tempfile_in(workshop)
        .map_err(io_error("write", path))?;
    temporary.write_all(bytes).map_err(io_error("write", path))?;
    Ok(temporary)
}

/// Writes a value as indented JSON with a final newline, atomically.
///
/// # Errors
/// As [`write`].
pub fn write_json<T: Serialize>(path: &Path, value: &T, durability: Durability) -> Result<(), FileError> {
    let json = |source| FileError::Json { path: path.to_owned(), source };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(json)?;
    bytes.push(b'\n');
    write(path, &bytes, durability)
}

/// Opens a file of this user alone (0600) for reading and writing in place, and creates it when it
/// is missing: journals and locks, which must keep their inode.
///
/// # Errors
/// When the system refuses.
pub fn open_private(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Opens a file of this user alone (0600) for appending, and creates it when it is missing: logs.
///
/// # Errors
/// When the system refuses.
pub fn append_private(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

/// Reads a value. A torn file, from a writer that does not rename, is an error here: the caller
/// reads again when it changes, and speaks of it only when it stays bad.
///
/// # Errors
/// When the file is missing, unreadable or not of the expected form.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let bytes = fs::read(path).map_err(io_error("read", path))?;
    serde_json::from_slice(&bytes).map_err(|source| FileError::Json { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_whole_private_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a.json");
        for value in [1, 2] {
            write_json(&path, &value, Durability::Synced).expect("written");
            assert_eq!(read_json::<i32>(&path).expect("read"), value);
        }
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("listing").count(), 1);

        let mode = || fs::metadata(&path).expect("metadata").permissions().mode() & 0o777;
        write_read_only_from(folder.path(), &path, b"3").expect("written");
        assert_eq!((mode(), read_json::<i32>(&path).expect("read")), (0o400, 3));
        write_json(&path, &4, Durability::Relaxed).expect("written");
        assert_eq!((mode(), read_json::<i32>(&path).expect("read")), (0o600, 4));
    }

    #[test]
    fn an_error_names_the_file_and_the_place() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("torn.json");
        fs::write(&path, "{\n  \"a\": ").expect("written");
        let error = read_json::<serde_json::Value>(&path).expect_err("torn").to_string();
        assert!(error.contains("torn.json") && error.contains("line 2"), "{error}");
        assert!(read_json::<i32>(&folder.path().join("none")).expect_err("missing").is_missing());
    }
}
