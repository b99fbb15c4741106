//! The journal's file: appended to, synced when something in the world depends on it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use miyabi_engine::{Entry, journal};
use miyabi_protocol::atomic;

use crate::error::BackendError;

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct JournalFile {
    path: PathBuf,
    file: File,
    /// How many bytes are sound: a write that failed half-way is cut off before the next.
    length: u64,
}

impl JournalFile {
    /// Opens the journal and reads what is in it; a torn last line is cut off.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Entry>), BackendError> {
        let mut file = atomic::open_private(path).map_err(BackendError::io("open", path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(BackendError::io("read", path))?;
        let (entries, length) = match journal::read(&bytes) {
            Ok(journal) => (journal.entries, journal.sound_bytes as u64),
            Err(journal::JournalError::Empty) => (Vec::new(), 0),
            Err(source) => return Err(BackendError::Journal { path: path.to_owned(), source }),
        };
        let mut journal = Self { path: path.to_owned(), file, length };
        journal.cut_to_sound()?;
        Ok((journal, entries))
    }

    fn cut_to_sound(&mut self) -> Result<(), BackendError> {
        self.file
            .set_len(self.length)
            .and_then(|()| self.file.seek(SeekFrom::Start(self.length)))
            .map(drop)
            .map_err(BackendError::io("cut", &self.path))
    }

    /// Appends entries. When this fails, nothing of them is in the journal.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), BackendError> {
        let text: String =
            entries.iter().map(|entry| journal::line(entry.seq, entry.at, &entry.fact)).collect();
        if let Err(source) = self.file.write_all(text.as_bytes()) {
            self.cut_to_sound()?;
            return Err(BackendError::io("write", &self.path)(source));
        }
        self.length += text.len() as u64;
        Ok(())
    }

    /// Returns when all that was appended is on the disk.
    pub(crate) fn sync(&self) -> Result<(), BackendError> {
        self.file.sync_data().map_err(BackendError::io("sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_engine::Fact;
    use miyabi_protocol::Timestamp;

    #[test]
    fn what_was_appended_is_read_back_and_a_torn_line_is_overwritten() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("journal.jsonl");
        let entry = |seq| Entry { seq, at: Timestamp::from_millis(0), fact: Fact::Paused };
        let (mut journal, entries) = JournalFile::open(&path).expect("new");
        assert!(entries.is_empty());
        journal.append(&[entry(1), entry(2)]).expect("appended");
        journal.sync().expect("synced");
        let mut torn = atomic::append_private(&path).expect("open");
        torn.write_all(b"{\"seq\":3,\"at\"").expect("torn line");
        let (mut journal, entries) = JournalFile::open(&path).expect("sound");
        assert_eq!(entries, [entry(1), entry(2)]);
        journal.append(&[entry(3)]).expect("appended");
        assert_eq!(JournalFile::open(&path).expect("sound").1.len(), 3);
    }
}
