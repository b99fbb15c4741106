//! Services of git for the other end of the link, each a stream both ways. Each side sends within the credit
//! that the other one gave, in frames that wait behind every status.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use miyabi_git::service_argv;
use miyabi_protocol::frame::{Chunk, Frame, MAX_CHUNK};
use miyabi_protocol::link::Report;
use miyabi_protocol::{GitService, RepositoryAt};
use miyabi_transport::LinkSender;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::helper::host::Host;
use crate::process;

/// How many streams a helper holds open.
const MOST: usize = 16;
/// How many bytes the other end may send before they are taken.
const WINDOW: u32 = 1024 * 1024;
/// How long a service may take to end when its stream was closed.
const FAREWELL: Duration = Duration::from_secs(2);
/// How much of what a service complains about is kept.
const WORDS: usize = 4 * 1024;

/// All that are open over one link.
pub(super) struct GitStreams {
    host: Arc<Host>,
    sender: LinkSender,
    open: HashMap<u32, Open>,
}

struct Open {
    /// None once the other end has said all that it had to say.
    input: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// How much the other end may still send, less what it sent.
    allowed: Arc<std::sync::atomic::AtomicI64>,
    credits: mpsc::UnboundedSender<u32>,
    task: JoinHandle<()>,
}

impl GitStreams {
    pub(super) fn new(host: &Arc<Host>, sender: LinkSender) -> Self {
        Self { host: host.clone(), sender, open: HashMap::new() }
    }

    pub(super) fn open(&mut self, stream: u32, service: GitService, repository: RepositoryAt, credit: u32) {
        self.open.retain(|_, open| !open.task.is_finished());
        let refused = if self.open.contains_key(&stream) {
            Some(format!("another transfer is under way on stream {stream}: open this one on a new number"))
        } else if self.open.len() >= MOST {
            Some(format!("{MOST} transfers are under way on this host already: wait for one to end"))
        } else {
            None
        };
        if let Some(why) = refused {
            self.host.reports.send(&Report::StreamEnded { stream, why });
            return;
        }
        let (input, typed) = mpsc::unbounded_channel();
        let (credits, more_credit) = mpsc::unbounded_channel();
        let allowed = Arc::new(std::sync::atomic::AtomicI64::new(i64::from(WINDOW)));
        let (host, sender, room) = (self.host.clone(), self.sender.clone(), allowed.clone());
        let task = tokio::spawn(async move {
            let output =
                Output { stream, sender: sender.clone(), credit: u64::from(credit), more_credit, sent: 0 };
            let why = serve(&host, service, repository, output, typed, room).await.err().unwrap_or_default();
            // The end goes by the fast lane, and would come before the last bytes.
            sender.bulk_written().await;
            host.reports.send(&Report::StreamEnded { stream, why });
        });
        self.open.insert(stream, Open { input: Some(input), allowed, credits, task });
    }

    pub(super) fn input(&mut self, chunk: Chunk) -> Option<Chunk> {
        let Some(open) = self.open.get_mut(&chunk.stream) else { return Some(chunk) };
        let length = i64::try_from(chunk.bytes.len()).unwrap_or(i64::MAX);
        let left = open.allowed.fetch_sub(length, std::sync::atomic::Ordering::Relaxed) - length;
        if left < 0 {
            tracing::warn!("more came on a stream of git than was allowed; it is ended");
            self.close(chunk.stream);
        } else if let Some(input) = &open.input {
            // A service that has ended is told of in a moment.
            let _ended = input.send(chunk.bytes);
        }
        None
    }

    pub(super) fn end_input(&mut self, stream: u32) {
        if let Some(open) = self.open.get_mut(&stream) {
            open.input = None;
        }
    }

    pub(super) fn credit(&self, stream: u32, bytes: u32) {
        if let Some(open) = self.open.get(&stream) {
            // It may just have ended by itself.
            let _ended = open.credits.send(bytes);
        }
    }

    /// Ends a stream: its service is killed with it.
    pub(super) fn close(&mut self, stream: u32) {
        if let Some(open) = self.open.remove(&stream) {
            open.task.abort();
        }
    }

    pub(super) async fn close_all(&mut self) {
        for (_, open) in self.open.drain() {
            open.task.abort();
            // What was aborted has nothing left to say.
            let _aborted = open.task.await;
        }
    }
}

/// From its start to its good end; otherwise why not, for people.
async fn serve(
    host: &Arc<Host>,
    service: GitService,
    repository: RepositoryAt,
    output: Output,
    input: mpsc::UnboundedReceiver<Vec<u8>>,
    allowed: Arc<std::sync::atomic::AtomicI64>,
) -> Result<(), String> {
    let there = host.clone();
    let found = tokio::task::spawn_blocking(move || there.places.repository(&repository)).await;
    let repository = found.map_err(|error| error.to_string())?.map_err(|error| error.message)?;
    let line = service_argv(service, repository.path());
    let mut child = process::start_service(&line, [Stdio::piped(), Stdio::piped(), Stdio::piped()])
        .map_err(|error| format!("git cannot be started on this host: {error}; install it there"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err("git has no streams".to_owned());
    };
    let stream = output.stream;
    let words = tokio::spawn(words_of(stderr));
    let taking = tokio::spawn(take(host.clone(), stream, stdin, input, allowed));
    let sent = output.send(stdout).await;
    taking.abort();
    ended(&mut child, words, sent).await
}

async fn ended(child: &mut Child, words: JoinHandle<String>, sent: Result<(), String>) -> Result<(), String> {
    sent?;
    let status = match timeout(FAREWELL, child.wait()).await {
        Ok(status) => status.map_err(|error| error.to_string())?,
        Err(_) => return Err("git did not end".to_owned()),
    };
    if status.success() {
        return Ok(());
    }
    let words = timeout(FAREWELL, words).await.ok().and_then(Result::ok).unwrap_or_default();
    let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(format!("git ended with {status}: {last}"))
}

async fn words_of(mut stderr: impl AsyncRead + Unpin) -> String {
    let (mut words, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        words.extend_from_slice(&buffer[..count]);
        let excess = words.len().saturating_sub(WORDS);
        words.drain(..excess);
    }
    String::from_utf8_lossy(&words).into_owned()
}

/// What the other end sends, on its way in; what was taken may come again.
async fn take(
    host: Arc<Host>,
    stream: u32,
    mut stdin: ChildStdin,
    mut input: mpsc::UnboundedReceiver<Vec<u8>>,
    allowed: Arc<std::sync::atomic::AtomicI64>,
) {
    host.reports.send(&Report::Credit { stream, bytes: WINDOW });
    while let Some(bytes) = input.recv().await {
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        allowed.fetch_add(i64::from(count), std::sync::atomic::Ordering::Relaxed);
        host.reports.send(&Report::Credit { stream, bytes: count });
    }
}

/// What a service says, on its way out.
struct Output {
    stream: u32,
    sender: LinkSender,
    credit: u64,
    more_credit: mpsc::UnboundedReceiver<u32>,
    sent: u64,
}

impl Output {
    async fn send(mut self, mut stdout: ChildStdout) -> Result<(), String> {
        let mut buffer = vec![0; MAX_CHUNK];
        loop {
            while let Ok(more) = self.more_credit.try_recv() {
                self.credit += u64::from(more);
            }
            if self.credit == 0 {
                let more = self.more_credit.recv().await.ok_or("closed")?;
                self.credit += u64::from(more);
                continue;
            }
            let room = usize::try_from(self.credit).unwrap_or(MAX_CHUNK).min(MAX_CHUNK);
            let count = stdout.read(&mut buffer[..room]).await.map_err(|error| error.to_string())?;
            if count == 0 {
                return Ok(());
            }
            let chunk = Chunk { stream: self.stream, offset: self.sent, bytes: buffer[..count].to_vec() };
            self.sender.send(Frame::Bulk(chunk)).await.map_err(|_| "the link is gone")?;
            self.sent += count as u64;
            self.credit -= count as u64;
        }
    }
}
