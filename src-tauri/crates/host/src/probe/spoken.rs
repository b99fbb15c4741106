//! A program that is spoken to for a moment, and ended with all that it started.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use miyabi_agents::Launch;
use miyabi_agents::json_lines::{JsonLine, JsonLines};
use miyabi_protocol::ProbeRequest;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;

use super::Problem;
use crate::process;
use crate::process_tree::{self, Marker, Target};

/// Marks every process of a probe.
const PROBE_VARIABLE: &str = "MIYABI_PROBE";
/// How much of a stream is kept.
const MAX_KEPT: usize = 64 * 1024;
/// How much may be printed before the answer that is awaited.
pub(super) const MAX_READ: u64 = 1024 * 1024;

/// Tells the probes of one process apart.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The running program.
pub(super) struct Spoken {
    child: Child,
    marker: String,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    lines: JsonLines,
    waiting: Vec<Value>,
}

impl Spoken {
    /// Starts the program with these arguments behind its own.
    pub(super) fn start(request: &ProbeRequest, more: &[&str]) -> Result<Self, Problem> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let marker = format!("{}/{number}", std::process::id());
        let mut environment = request.environment.clone();
        environment.insert(PROBE_VARIABLE.to_owned(), marker.clone());
        let argv = request.argv.iter().cloned().chain(more.iter().map(|&word| word.to_owned())).collect();
        let launch = Launch { argv, environment, work_folder: None, stdin: String::new() };
        let mut child =
            process::start(&launch, process::Input::Piped).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Problem::NotInstalled,
                _ => Problem::Mute(super::handshake::line(&format!("it cannot be started: {error}"))),
            })?;
        let stderr = child.stderr.take().map(|stderr| tokio::spawn(keep(stderr)));
        Ok(Self {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            child,
            marker,
            stderr,
            lines: JsonLines::default(),
            waiting: Vec::new(),
        })
    }

    /// Writes a line of JSON.
    pub(super) async fn say(&mut self, message: &Value) {
        if let Some(stdin) = &mut self.stdin {
            // A program that has ended is seen by what it does not answer.
            let _unread = stdin.write_all(format!("{message}\n").as_bytes()).await;
        }
    }

    /// The first message that fits; none when the program says no more.
    pub(super) async fn hear(&mut self, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut buffer = vec![0; 32 * 1024];
        let mut read = 0;
        while read < MAX_READ {
            if let Some(at) = self.waiting.iter().position(&fits) {
                return Some(self.waiting.swap_remove(at));
            }
            self.waiting.clear();
            let count = self.stdout.as_mut()?.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
            read += u64::try_from(count).unwrap_or(MAX_READ);
            let waiting = &mut self.waiting;
            self.lines.push(&buffer[..count], |line| {
                if let JsonLine::Value(message) = line {
                    waiting.push(message);
                }
            });
        }
        None
    }

    /// All that it prints until it ends, and its exit code.
    pub(super) async fn rest(&mut self) -> (String, Option<i32>) {
        self.stdin = None;
        let printed = match self.stdout.take() {
            Some(stdout) => keep(stdout).await,
            None => Vec::new(),
        };
        let code = self.child.wait().await.ok().and_then(|status| status.code());
        (String::from_utf8_lossy(&printed).into_owned(), code)
    }

    /// Ends the program and all that it started; gives back what it complained of.
    pub(super) async fn end(mut self) -> String {
        self.stdin = None;
        self.stdout = None;
        let target = Target {
            root: self.child.id(),
            marker: Some(Marker { entries: vec![format!("{PROBE_VARIABLE}={}", self.marker)] }),
            awaited: self.child.id(),
            below: None,
        };
        let _left = process_tree::end(&target).await;
        // It is dead by now; this takes leave of it.
        let _status = self.child.wait().await;
        let Some(stderr) = self.stderr.take() else { return String::new() };
        String::from_utf8_lossy(&stderr.await.unwrap_or_default()).into_owned()
    }
}

/// Reads a stream to its end and keeps its beginning.
async fn keep(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let room = MAX_KEPT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
    }
    kept
}
