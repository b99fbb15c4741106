//! Where an agent's words go: its window and its log file.
//!
//! The log file is the record. The window is a view: a person may freeze it (Ctrl-S), so it is
//! written by a thread of its own and loses text rather than hold up the agent.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use miyabi_plan::AgentId;
use miyabi_protocol::{StateDir, atomic};

/// How many pieces of text wait for a frozen window.
const WINDOW_QUEUE: usize = 256;

/// The window and the log of one agent.
pub(crate) struct Sink {
    window: SyncSender<Vec<u8>>,
    dir: StateDir,
    path: PathBuf,
    file: Option<File>,
    complained: bool,
}

impl Sink {
    pub(crate) fn new(dir: &StateDir, agent: &AgentId) -> Self {
        let (window, texts) = sync_channel::<Vec<u8>>(WINDOW_QUEUE);
        thread::spawn(move || {
            let mut stdout = io::stdout();
            for text in texts {
                if stdout.write_all(&text).and_then(|()| stdout.flush()).is_err() {
                    return;
                }
            }
        });
        Self { window, dir: dir.clone(), path: dir.log(Some(agent)), file: None, complained: false }
    }

    /// The agent's own bytes, to both.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.show(bytes);
        self.log(bytes);
    }

    /// A line of ours for people, to both; the window shows it in a colour.
    pub(crate) fn say(&mut self, prefix: &str, line: &str) {
        self.show(format!("\x1b[1;36m{prefix} {line}\x1b[0m\n").as_bytes());
        self.log(format!("{prefix} {line}\n").as_bytes());
    }

    /// Text for the window alone.
    pub(crate) fn show(&self, text: &[u8]) {
        // A full queue is a frozen or closed window.
        let _frozen = self.window.try_send(text.to_owned());
    }

    /// A warning for the window alone.
    pub(crate) fn warn(&self, text: &str) {
        self.show(format!("\x1b[1;31m{text}\x1b[0m\n").as_bytes());
    }

    /// Opens the log again where its file is gone, as after the state folder was wiped.
    pub(crate) fn renew(&mut self) {
        let now = std::fs::metadata(&self.path).ok().map(|found| (found.dev(), found.ino()));
        let held =
            self.file.as_ref().and_then(|file| file.metadata().ok()).map(|found| (found.dev(), found.ino()));
        if now != held {
            self.file = None;
        }
    }

    fn log(&mut self, bytes: &[u8]) {
        if let Err(error) = self.append(bytes) {
            self.file = None;
            if !self.complained {
                self.warn(&format!("{} cannot be written: {error}; the work goes on", self.path.display()));
            }
            self.complained = true;
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
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
            open()
        })
    }
}
