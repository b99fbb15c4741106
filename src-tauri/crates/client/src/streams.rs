//! What flows on a connection beside requests and events: logs as they grow, and terminals.

use miyabi_api::{Request, TerminalSize};
use tokio::sync::mpsc;

use crate::connection::Connection;

/// The most bytes of input in one frame.
const MAX_INPUT: usize = 16 * 1024;

/// Bytes of a log with their place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// The offset of the first byte.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What comes on a stream.
#[derive(Debug)]
pub(crate) enum Part {
    Bytes(LogChunk),
    /// It is over, for this reason.
    Ended(String),
}

/// A stream that is taken back when it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream {
    number: u32,
    parts: mpsc::UnboundedReceiver<Part>,
    connection: Connection,
    /// Why it is over, once the backend has said so.
    why: Option<String>,
}

impl OpenStream {
    pub(crate) fn new(number: u32, parts: mpsc::UnboundedReceiver<Part>, connection: Connection) -> Self {
        Self { number, parts, connection, why: None }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    async fn recv(&mut self) -> Option<LogChunk> {
        let part = self.parts.recv().await;
        self.take(part)
    }

    fn try_recv(&mut self) -> Option<LogChunk> {
        let part = self.parts.try_recv().ok();
        self.take(part)
    }

    fn take(&mut self, part: Option<Part>) -> Option<LogChunk> {
        match part? {
            Part::Bytes(chunk) => Some(chunk),
            Part::Ended(why) => {
                self.why = Some(why);
                None
            }
        }
    }

    fn add_credit(&self, bytes: u32) {
        // Not answered; when the backend is gone, `recv` says so.
        self.connection.tell(Request::StreamCredit { stream: self.number, bytes });
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.connection.close_stream(self.number);
    }
}

/// A log as it grows. Dropping it ends the stream.
#[derive(Debug)]
pub struct LogStream(OpenStream);

impl LogStream {
    pub(crate) fn new(open: OpenStream) -> Self {
        Self(open)
    }

    /// The next bytes; none when the backend went away, or the stream is over.
    pub async fn recv(&mut self) -> Option<LogChunk> {
        self.0.recv().await
    }

    /// The next bytes if they are already here.
    pub fn try_recv(&mut self) -> Option<LogChunk> {
        self.0.try_recv()
    }

    /// Why the stream is over, for people; none while it goes on, and when the backend went away.
    #[must_use]
    pub fn end(&self) -> Option<&str> {
        self.0.why.as_deref()
    }

    /// Allows more bytes.
    pub fn add_credit(&self, bytes: u32) {
        self.0.add_credit(bytes);
    }
}

/// A terminal on an agent's window. Dropping it hangs up.
#[derive(Debug)]
pub struct TerminalStream {
    open: OpenStream,
    /// How many bytes were typed.
    typed: u64,
}

impl TerminalStream {
    pub(crate) fn new(open: OpenStream) -> Self {
        Self { open, typed: 0 }
    }

    /// The next bytes that it draws; none when it is over.
    pub async fn recv(&mut self) -> Option<Vec<u8>> {
        self.open.recv().await.map(|chunk| chunk.bytes)
    }

    /// The next bytes if they are already here.
    pub fn try_recv(&mut self) -> Option<Vec<u8>> {
        self.open.try_recv().map(|chunk| chunk.bytes)
    }

    /// Why it is over, for people; none while it goes on, and when the backend went away.
    #[must_use]
    pub fn end(&self) -> Option<&str> {
        self.open.why.as_deref()
    }

    /// Allows more bytes.
    pub fn add_credit(&self, bytes: u32) {
        self.open.add_credit(bytes);
    }

    /// Types these bytes.
    pub fn type_in(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(MAX_INPUT) {
            self.open.connection.send_bytes(self.open.number, self.typed, part.to_vec());
            self.typed += part.len() as u64;
        }
    }

    /// Tells it that the person's window has another size.
    pub fn resize(&self, size: TerminalSize) {
        self.open.connection.tell(Request::ResizeTerminal { stream: self.open.number, size });
    }
}
