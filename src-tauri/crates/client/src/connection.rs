//! One connection to a backend: requests with their answers, events, logs and terminals, on one socket.
//!
//! A reading task sorts what comes in; a writing task sends what callers hand it. When the backend
//! goes away, every waiting request is answered with [`ErrorCode::Disconnected`] and every
//! receiver ends; nothing waits for ever.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use miyabi_api::{
    Answer, ApiError, Envelope, ErrorCode, Event, FromBackend, Request, RunSnapshot, TerminalSize,
};
use miyabi_plan::AgentId;
use miyabi_protocol::frame::{self, Chunk, Frame};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use crate::streams::{LogChunk, LogStream, OpenStream, Part, TerminalStream};

/// How long a request may go unanswered. The longest, `StopAll`, ends processes that may resist.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// How many events may lie unread. A subscriber who falls further behind is cut off, so that it
/// subscribes again and gets the whole, instead of holding up the answers of everyone else.
const EVENT_BACKLOG: usize = 4096;

/// A connection to the backend of one run; clones share it. It closes with the last clone.
#[derive(Debug, Clone)]
pub struct Connection {
    outgoing: mpsc::UnboundedSender<Frame>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU32,
    sorted: Mutex<Sorted>,
}

/// To whom what comes in belongs.
#[derive(Debug, Default)]
struct Sorted {
    waiting: HashMap<u32, Waiting>,
    subscribers: Vec<mpsc::Sender<Event>>,
    streams: HashMap<u32, mpsc::UnboundedSender<Part>>,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    answer: oneshot::Sender<Result<Answer, ApiError>>,
    /// Becomes a subscriber with the answer, so that no event before the snapshot reaches it and
    /// none after it is lost.
    subscriber: Option<mpsc::Sender<Event>>,
}

impl Shared {
    fn sorted(&self) -> MutexGuard<'_, Sorted> {
        // Nothing panics while the lock is held; a poisoned one is as good as any.
        self.sorted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

fn gone() -> ApiError {
    ApiError::new(ErrorCode::Disconnected, "the backend of this run went away")
        .hint("miyabi run --resume   goes on with the run from its journal")
}

impl Connection {
    /// Connects to a backend's socket.
    ///
    /// # Errors
    /// [`ErrorCode::NoRun`] when nothing answers there.
    pub async fn open(socket: &Path) -> Result<Self, ApiError> {
        let stream = UnixStream::connect(socket).await.map_err(|error| {
            ApiError::new(ErrorCode::NoRun, format!("no backend answers at {}: {error}", socket.display()))
        })?;
        let (reader, writer) = stream.into_split();
        Ok(Self::over(reader, writer))
    }

    /// A connection over any pair of byte streams.
    pub fn over<R, W>(reader: R, writer: W) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::new(Shared::default());
        let (outgoing, queue) = mpsc::unbounded_channel();
        let writing = tokio::spawn(write_all(writer, queue));
        let sorted = Arc::clone(&shared);
        tokio::spawn(async move {
            read_all(reader, sorted).await;
            // Nobody is left to write to; ending the task tells those who wait for that.
            writing.abort();
        });
        Self { outgoing, shared }
    }

    /// Asks the backend and waits for its answer.
    ///
    /// # Errors
    /// What the backend says, or [`ErrorCode::Disconnected`].
    pub async fn request(&self, request: Request) -> Result<Answer, ApiError> {
        self.ask(request, None).await
    }

    /// The whole run, and from then on what changes. The receiver ends when the backend goes away,
    /// and when it was left unread for too long: subscribe again then.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn subscribe(&self) -> Result<(RunSnapshot, mpsc::Receiver<Event>), ApiError> {
        let (sender, receiver) = mpsc::channel(EVENT_BACKLOG);
        match self.ask(Request::Subscribe, Some(sender)).await? {
            Answer::Snapshot(snapshot) => Ok((*snapshot, receiver)),
            other => Err(unexpected(&other)),
        }
    }

    /// The whole run, once.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn snapshot(&self) -> Result<RunSnapshot, ApiError> {
        match self.request(Request::GetRun).await? {
            Answer::Snapshot(snapshot) => Ok(*snapshot),
            other => Err(unexpected(&other)),
        }
    }

    /// An agent's log, or the orchestrator's, from an offset and then as it grows. No more than
    /// `credit` bytes come before [`LogStream::add_credit`] allows more.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn follow_log(
        &self,
        agent: Option<AgentId>,
        offset: u64,
        credit: u32,
    ) -> Result<LogStream, ApiError> {
        let open = self.stream();
        let stream = open.number();
        // From here on the drop of this value takes the stream back, also when the request fails.
        let log = LogStream::new(open);
        self.request(Request::FollowLog { stream, agent, offset, credit }).await?;
        Ok(log)
    }

    /// A terminal on an agent's tmux window, wherever it is. No more than `credit` bytes of what it
    /// draws come before more are allowed.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn open_terminal(
        &self,
        agent: AgentId,
        size: TerminalSize,
        credit: u32,
    ) -> Result<TerminalStream, ApiError> {
        let open = self.stream();
        let stream = open.number();
        let terminal = TerminalStream::new(open);
        self.request(Request::OpenTerminal { stream, agent, size, credit }).await?;
        Ok(terminal)
    }

    fn stream(&self) -> OpenStream {
        let number = self.shared.number();
        let (sender, parts) = mpsc::unbounded_channel();
        self.shared.sorted().streams.insert(number, sender);
        OpenStream::new(number, parts, self.clone())
    }

    /// Takes a stream back; the backend is told, too.
    pub(crate) fn close_stream(&self, stream: u32) {
        self.shared.sorted().streams.remove(&stream);
        self.tell(Request::CloseStream { stream });
    }

    /// Sends a request whose answer nobody waits for. When the backend is gone, the streams say so.
    pub(crate) fn tell(&self, request: Request) {
        let _ = self.send(self.shared.number(), request);
    }

    /// Sends bytes on a stream.
    pub(crate) fn send_bytes(&self, stream: u32, offset: u64, bytes: Vec<u8>) {
        let _ = self.outgoing.send(Frame::Bulk(Chunk { stream, offset, bytes }));
    }

    /// Returns when the backend has gone away.
    pub async fn closed(&self) {
        self.outgoing.closed().await;
    }

    async fn ask(
        &self,
        request: Request,
        subscriber: Option<mpsc::Sender<Event>>,
    ) -> Result<Answer, ApiError> {
        let id = self.shared.number();
        let (answer, answered) = oneshot::channel();
        {
            let mut sorted = self.shared.sorted();
            if sorted.closed {
                return Err(gone());
            }
            sorted.waiting.insert(id, Waiting { answer, subscriber });
        }
        self.send(id, request)?;
        match tokio::time::timeout(ANSWER_DEADLINE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(gone()),
            Err(_) => {
                self.shared.sorted().waiting.remove(&id);
                let seconds = ANSWER_DEADLINE.as_secs();
                let message = format!("the backend did not answer within {seconds} s");
                Err(ApiError::new(ErrorCode::Disconnected, message)
                    .hint("its window shows what it is at: miyabi attach"))
            }
        }
    }

    fn send(&self, id: u32, request: Request) -> Result<(), ApiError> {
        let frame = Frame::control(&Envelope { id, request })
            .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
        self.outgoing.send(frame).map_err(|_| gone())
    }
}

fn unexpected(answer: &Answer) -> ApiError {
    ApiError::new(
        ErrorCode::Internal,
        format!("the backend answered something else than was asked: {answer:?}"),
    )
}

async fn write_all<W: AsyncWrite + Unpin>(writer: W, mut queue: mpsc::UnboundedReceiver<Frame>) {
    let mut writer = BufWriter::new(writer);
    while let Some(frame) = queue.recv().await {
        if frame::write(&mut writer, &frame).await.is_err() {
            return;
        }
        if queue.is_empty() && writer.flush().await.is_err() {
            return;
        }
    }
    // The last clone is gone: the backend sees the end of the stream and closes its side.
    let _ = writer.shutdown().await;
}

async fn read_all<R: AsyncRead + Unpin>(reader: R, shared: Arc<Shared>) {
    let mut reader = BufReader::new(reader);
    loop {
        match frame::read(&mut reader).await {
            Ok(Some(frame)) => sort(&shared, frame),
            Ok(None) => break,
            Err(error) => {
                tracing::debug!(%error, "the backend's stream broke");
                break;
            }
        }
    }
    let mut sorted = shared.sorted();
    sorted.closed = true;
    sorted.waiting.clear();
    sorted.subscribers.clear();
    sorted.streams.clear();
}

fn sort(shared: &Shared, frame: Frame) {
    let message = match frame {
        Frame::Bulk(Chunk { stream, offset, bytes }) => {
            if let Some(reader) = shared.sorted().streams.get(&stream) {
                // A reader that has just been dropped is no error: its stream ends in a moment.
                let _ = reader.send(Part::Bytes(LogChunk { offset, bytes }));
            }
            return;
        }
        control @ Frame::Control(_) => control.message::<FromBackend>(),
    };
    match message {
        Ok(FromBackend::Answer { id, result }) => {
            let mut sorted = shared.sorted();
            let Some(waiting) = sorted.waiting.remove(&id) else { return };
            if let (true, Some(subscriber)) = (result.is_ok(), waiting.subscriber) {
                sorted.subscribers.push(subscriber);
            }
            drop(sorted);
            let _ = waiting.answer.send(result);
        }
        Ok(FromBackend::Event { event }) => {
            shared.sorted().subscribers.retain(|subscriber| subscriber.try_send(event.clone()).is_ok());
        }
        Ok(FromBackend::StreamEnded { stream, why }) => {
            if let Some(reader) = shared.sorted().streams.remove(&stream) {
                let _ = reader.send(Part::Ended(why));
            }
        }
        Err(error) => tracing::warn!(%error, "a message of the backend is not understood"),
    }
}
