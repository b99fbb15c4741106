//! One process of an attempt: its streams, and the end of it and of all that it started.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use miyabi_agents::{Exit, Launch, command};
use miyabi_protocol::AttemptSheet;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::attempt::Orphans;
use crate::process;
use crate::process_tree::{self, Marker, Target};

/// How much is read from a program at once.
const READ_SIZE: usize = 32 * 1024;
/// How many such reads wait to be taken.
const READ_QUEUE: usize = 8;
/// How much may wait for a program to read it. Beyond that it is not heard either: one that asks
/// and asks and never reads an answer would fill the memory.
const MAX_UNREAD: usize = 32 * 1024 * 1024;
/// How long the last output is waited for when every process is gone.
const DRAIN: Duration = Duration::from_millis(300);

/// Where a program's words came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// What happens to a program.
#[derive(Debug)]
pub(crate) enum Happening {
    /// It printed this.
    Printed(Stream, Vec<u8>),
    /// It has ended; its children may live.
    Ended(io::Result<Exit>),
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The work folder cannot be used.
    #[error("cannot make the work folder {folder}: {source}")]
    Folder { folder: String, source: io::Error },
    /// The system refused.
    #[error("cannot start `{program}`: {source}; is it installed, executable and on the PATH?")]
    Refused { program: String, source: io::Error },
}

impl StartError {
    /// Whether there is no such program.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    received: Option<mpsc::Receiver<(Stream, Vec<u8>)>>,
    /// To the task that writes its stdin, so that a program that does not read holds up nobody.
    stdin: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// How many bytes that task has not written yet.
    unread: watch::Receiver<usize>,
    count: Arc<watch::Sender<usize>>,
    /// The tasks at its streams, which end with this.
    _streams: JoinSet<()>,
}

impl Program {
    /// Starts a program in its work folder. Its stdin stays open until it is closed.
    pub(crate) fn start(launch: &Launch) -> Result<Self, StartError> {
        let mut child = spawn(launch, process::Input::Piped)?;
        let (chunks, received) = mpsc::channel(READ_QUEUE);
        let (count, unread) = watch::channel(0);
        let count = Arc::new(count);
        let mut streams = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            streams.spawn(pump(stdout, Stream::Out, chunks.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            streams.spawn(pump(stderr, Stream::Err, chunks));
        }
        let stdin = child.stdin.take().map(|stdin| {
            let (texts, unwritten) = mpsc::unbounded_channel();
            streams.spawn(feed(stdin, unwritten, count.clone()));
            texts
        });
        Ok(Self { child, received: Some(received), stdin, unread, count, _streams: streams })
    }

    /// Starts a program with our own terminal as its own. Nothing of what it prints comes here.
    pub(crate) fn in_the_pane(launch: &Launch) -> Result<Self, StartError> {
        let child = spawn(launch, process::Input::Terminal)?;
        let (count, unread) = watch::channel(0);
        let (count, streams) = (Arc::new(count), JoinSet::new());
        Ok(Self { child, received: None, stdin: None, unread, count, _streams: streams })
    }

    /// Its process, while it lives.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Writes to its stdin, in order, without waiting.
    pub(crate) fn write(&self, bytes: Vec<u8>) {
        if let Some(stdin) = self.stdin.as_ref().filter(|_| !bytes.is_empty()) {
            self.count.send_modify(|unread| *unread += bytes.len());
            // A program that has closed its stdin is free to.
            if let Err(unwritten) = stdin.send(bytes) {
                self.count.send_modify(|unread| *unread = unread.saturating_sub(unwritten.0.len()));
            }
        }
    }

    /// Closes its stdin when all is written.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// What happens next.
    pub(crate) async fn next(&mut self) -> Happening {
        loop {
            let is_behind = *self.unread.borrow_and_update() > MAX_UNREAD;
            tokio::select! {
                chunk = receive(&mut self.received), if !is_behind => match chunk {
                    Some((stream, bytes)) => return Happening::Printed(stream, bytes),
                    None => self.received = None,
                },
                _ = self.unread.changed(), if is_behind => {}
                status = self.child.wait() => {
                    let exit = status.map(|status| {
                        let (code, signal) = process::code_and_signal(status);
                        Exit { code, signal }
                    });
                    return Happening::Ended(exit);
                }
            }
        }
    }

    /// Ends every process of the attempt and reads what they say meanwhile. Gives back what the
    /// system would not end.
    pub(crate) async fn end(&mut self, reach: &Reach, mut heard: impl FnMut(Stream, &[u8])) -> Vec<u32> {
        self.close_stdin();
        let target = Target {
            below: Some(std::process::id()),
            marker: reach.marker.clone(),
            root: None,
            awaited: self.child.id(),
        };
        let left = {
            let mut end = pin!(process_tree::end(&target));
            loop {
                tokio::select! {
                    left = &mut end => break left,
                    chunk = receive(&mut self.received) => match chunk {
                        Some((stream, bytes)) => heard(stream, &bytes),
                        None => self.received = None,
                    },
                }
            }
        };
        // It is dead by now; this takes leave of it.
        let _status = timeout(DRAIN, self.child.wait()).await;
        let deadline = Instant::now() + DRAIN;
        while self.received.is_some() {
            match timeout_at(deadline, receive(&mut self.received)).await {
                Ok(Some((stream, bytes))) => heard(stream, &bytes),
                Ok(None) | Err(_) => self.received = None,
            }
        }
        left
    }
}

/// How far the end of an attempt looks for its processes.
pub(crate) struct Reach {
    /// None where parents alone lead to every process.
    marker: Option<Marker>,
}

impl Reach {
    /// All that belongs to the attempt, also what hides from its parents.
    pub(crate) fn everything(sheet: &AttemptSheet) -> Self {
        let marker = format!("{}={}", command::ATTEMPT_VARIABLE, command::marker(sheet));
        Self { marker: Some(Marker { entries: vec![marker] }) }
    }

    /// What is left when a program has ended by itself: orphans are ours where the system says so.
    pub(crate) fn leftovers(sheet: &AttemptSheet, orphans: Orphans) -> Self {
        match orphans {
            Orphans::Ours => Self { marker: None },
            Orphans::TheSystems => Self::everything(sheet),
        }
    }
}

fn spawn(launch: &Launch, input: process::Input) -> Result<Child, StartError> {
    if let Some(folder) = &launch.work_folder {
        std::fs::create_dir_all(folder)
            .map_err(|source| StartError::Folder { folder: folder.clone(), source })?;
    }
    process::start(launch, input).map_err(|source| {
        let program = launch.argv.first().cloned().unwrap_or_default();
        StartError::Refused { program, source }
    })
}

async fn feed(
    mut stdin: ChildStdin,
    mut texts: mpsc::UnboundedReceiver<Vec<u8>>,
    count: Arc<watch::Sender<usize>>,
) {
    while let Some(text) = texts.recv().await {
        if stdin.write_all(&text).await.is_err() {
            break;
        }
        count.send_modify(|unread| *unread = unread.saturating_sub(text.len()));
    }
    drop(texts);
    count.send_replace(0);
}

async fn pump(mut from: impl AsyncRead + Unpin, stream: Stream, chunks: mpsc::Sender<(Stream, Vec<u8>)>) {
    let mut buffer = vec![0; READ_SIZE];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if chunks.send((stream, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

/// What is there to read; waits for ever when all was read.
async fn receive(received: &mut Option<mpsc::Receiver<(Stream, Vec<u8>)>>) -> Option<(Stream, Vec<u8>)> {
    match received {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_reads_nothing_is_not_heard_before_it_does() {
        let folder = tempfile::tempdir().expect("folder");
        let gate = folder.path().join("gate");
        let made = process::ask(&["mkfifo".to_owned(), gate.to_string_lossy().into_owned()], DRAIN * 10);
        assert!(made.expect("mkfifo").succeeded);
        let script = "echo early; read -r _ < \"$0\"; cat > /dev/null; echo late";
        let argv = ["sh", "-c", script, &gate.to_string_lossy()].map(str::to_owned).to_vec();
        let launch = Launch { argv, environment: [].into(), work_folder: None, stdin: String::new() };
        let mut program = Program::start(&launch).expect("sh");
        program.write(vec![b'x'; MAX_UNREAD + 1024 * 1024]);
        let heard = timeout(DRAIN, program.next()).await;
        assert!(heard.is_err(), "it was heard: {heard:?}");

        std::fs::write(&gate, "go on\n").expect("the gate");
        program.close_stdin();
        let mut said = Vec::new();
        while let Happening::Printed(_, bytes) = program.next().await {
            said.extend(bytes);
        }
        // Its end may be known before its last words are, or after both streams have ended.
        if let Some(mut received) = program.received.take() {
            while let Some((_, bytes)) = received.recv().await {
                said.extend(bytes);
            }
        }
        assert!(said.starts_with(b"early"), "{}", String::from_utf8_lossy(&said));
    }
}
