//! The raw record of one attempt: what its program printed and what it was told, byte for byte.
//!
//! `logs/raw/agent_{ID}/{attempt}.jsonl` is its stdout, `.stderr` its stderr, `.stdin` what was
//! written to it. All processes of the attempt append to the same files. Of a program with a screen
//! of its own the first holds what its hooks told.

use std::path::PathBuf;

use miyabi_protocol::{AttemptSheet, StateDir};

use super::child::Stream;
use super::log_file::LogFile;

/// Where a part of the record lies.
pub(crate) fn path(dir: &StateDir, sheet: &AttemptSheet, end: &str) -> PathBuf {
    let folder = dir.logs().join("raw").join(format!("agent_{}", sheet.agent));
    folder.join(format!("{}.{end}", sheet.attempt))
}

/// The three files.
pub(crate) struct RawLog {
    stdout: LogFile,
    stderr: LogFile,
    stdin: LogFile,
}

impl RawLog {
    pub(crate) fn new(dir: &StateDir, sheet: &AttemptSheet) -> Self {
        let file = |end: &str| LogFile::new(dir, path(dir, sheet, end));
        Self { stdout: file("jsonl"), stderr: file("stderr"), stdin: file("stdin") }
    }

    /// What the program printed. Gives back a complaint for people, once.
    pub(crate) fn printed(&mut self, stream: Stream, bytes: &[u8]) -> Option<String> {
        let file = match stream {
            Stream::Out => &mut self.stdout,
            Stream::Err => &mut self.stderr,
        };
        file.renew();
        file.append(bytes)
    }

    /// What the program was told. Gives back a complaint for people, once.
    pub(crate) fn told(&mut self, bytes: &[u8]) -> Option<String> {
        if bytes.is_empty() {
            return None;
        }
        self.stdin.renew();
        self.stdin.append(bytes)
    }
}
