//! A file that is only ever appended to, and made again where it was taken away.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use miyabi_protocol::{StateDir, atomic, state_dir};

/// One such file below the state folder's `logs/`.
pub(crate) struct LogFile {
    dir: StateDir,
    path: PathBuf,
    file: Option<File>,
    complained: bool,
}

impl LogFile {
    /// A file that is made with its first bytes.
    pub(crate) fn new(dir: &StateDir, path: PathBuf) -> Self {
        Self { dir: dir.clone(), path, file: None, complained: false }
    }

    /// Opens it again where it is gone, as after the state folder was wiped.
    pub(crate) fn renew(&mut self) {
        let now = std::fs::metadata(&self.path).ok().map(|found| (found.dev(), found.ino()));
        let held =
            self.file.as_ref().and_then(|file| file.metadata().ok()).map(|found| (found.dev(), found.ino()));
        if now != held {
            self.file = None;
        }
    }

    /// Appends. Gives back a complaint for people the first time that this is not possible.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Option<String> {
        let error = self.write(bytes).err()?;
        self.file = None;
        let first = !std::mem::replace(&mut self.complained, true);
        first.then(|| format!("{} cannot be written: {error}; the work goes on", self.path.display()))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(self.open()?);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        }
    }

    fn open(&self) -> io::Result<File> {
        let open = || atomic::append_private(&self.path);
        open().or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            StateDir::open(self.dir.root()).map_err(io::Error::other)?;
            self.make_folders()?;
            open()
        })
    }

    /// The folders between `logs/` and the file.
    fn make_folders(&self) -> io::Result<()> {
        let logs = self.dir.logs();
        let between: Vec<_> =
            self.path.ancestors().skip(1).take_while(|folder| *folder != logs.as_path()).collect();
        for folder in between.into_iter().rev() {
            if folder.starts_with(&logs) {
                state_dir::make_private(folder).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}
