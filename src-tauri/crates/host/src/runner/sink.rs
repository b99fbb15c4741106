//! Where an agent's words go: its window and its log file.
//!
//! The log file is the record. The window is a view: a person may freeze it (Ctrl-S), so it is
//! written by a thread of its own and loses text rather than hold up the agent.

use std::io::{self, Write as _};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use miyabi_agents::shown::is_hidden;
use miyabi_plan::AgentId;
use miyabi_protocol::StateDir;

use super::log_file::LogFile;

/// How many pieces of text wait for a frozen window.
const WINDOW_QUEUE: usize = 256;

/// The window and the log of one agent.
pub(crate) struct Sink {
    window: SyncSender<Vec<u8>>,
    /// Whether a program has the window for its own screen.
    lent: bool,
    file: LogFile,
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
        Self { window, lent: false, file: LogFile::new(dir, dir.log(Some(agent))) }
    }

    /// The agent's own bytes, to both.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.show(bytes);
        self.log(bytes);
    }

    /// A line of ours for people, to both; the window shows it in a colour.
    ///
    /// Parts of it may come from a program, and nothing of it reaches the terminal as a command.
    pub(crate) fn say(&mut self, prefix: &str, line: &str) {
        let line: String = line.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
        self.show(format!("\x1b[1;36m{prefix} {line}\x1b[0m\n").as_bytes());
        self.log(format!("{prefix} {line}\n").as_bytes());
    }

    /// Text for the window alone.
    pub(crate) fn show(&self, text: &[u8]) {
        if !self.lent {
            // A full queue is a frozen or closed window.
            let _frozen = self.window.try_send(text.to_owned());
        }
    }

    /// From now on text goes to the log alone.
    pub(crate) fn lend_window(&mut self) {
        self.lent = true;
    }

    pub(crate) fn take_window_back(&mut self) {
        self.lent = false;
    }

    /// A warning for the window alone.
    pub(crate) fn warn(&self, text: &str) {
        self.show(format!("\x1b[1;31m{text}\x1b[0m\n").as_bytes());
    }

    /// Opens the log again where its file is gone, as after the state folder was wiped.
    pub(crate) fn renew(&mut self) {
        self.file.renew();
    }

    fn log(&mut self, bytes: &[u8]) {
        if let Some(complaint) = self.file.append(bytes) {
            self.warn(&complaint);
        }
    }
}
