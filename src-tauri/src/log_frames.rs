//! Log bytes on their way into the window: pieces that follow each other are put together, so
//! that the window is woken some tens of times a second and not for every line.

use miyabi_client::LogChunk;
use tauri::ipc::{InvokeResponseBody, IpcResponse};

/// One message of a log: the offset of its first byte (8 bytes, most significant first), then the
/// bytes. It travels as it is, not as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFrame(pub(crate) Vec<u8>);

impl IpcResponse for LogFrame {
    fn body(self) -> tauri::Result<InvokeResponseBody> {
        Ok(InvokeResponseBody::Raw(self.0))
    }
}

impl specta::Type for LogFrame {
    fn definition(_: &mut specta::Types) -> specta::datatype::DataType {
        specta_typescript::define("ArrayBuffer").into()
    }
}

/// The most bytes that travel at once.
const MOST_BYTES: usize = 256 * 1024;

/// Pieces of a log that wait to be sent together.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    offset: u64,
    bytes: Vec<u8>,
}

impl Waiting {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a piece. Gives back what has to be sent first: all that waited, when the piece does
    /// not follow it or would make it too long.
    pub(crate) fn push(&mut self, chunk: &LogChunk) -> Option<LogFrame> {
        let follows = self.offset + self.bytes.len() as u64 == chunk.offset;
        let fits = self.bytes.len() + chunk.bytes.len() <= MOST_BYTES;
        let first = if self.is_empty() || (follows && fits) { None } else { self.take() };
        if self.is_empty() {
            self.offset = chunk.offset;
        }
        self.bytes.extend_from_slice(&chunk.bytes);
        first
    }

    /// All that waits, as one message.
    pub(crate) fn take(&mut self) -> Option<LogFrame> {
        if self.is_empty() {
            return None;
        }
        let mut frame = Vec::with_capacity(8 + self.bytes.len());
        frame.extend_from_slice(&self.offset.to_be_bytes());
        frame.append(&mut self.bytes);
        Some(LogFrame(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(offset: u64, bytes: &[u8]) -> LogChunk {
        LogChunk { offset, bytes: bytes.to_vec() }
    }

    fn frame(bytes: &[u8]) -> Option<LogFrame> {
        Some(LogFrame(bytes.to_vec()))
    }

    #[test]
    fn pieces_that_follow_each_other_travel_together() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.push(&chunk(5, b"ab")), None);
        assert_eq!(waiting.push(&chunk(7, b"c")), None);
        assert_eq!(waiting.take(), frame(b"\0\0\0\0\0\0\0\x05abc"));
        assert_eq!(waiting.take(), None);
    }

    #[test]
    fn a_gap_is_never_closed() {
        let mut waiting = Waiting::default();
        waiting.push(&chunk(0, b"ab"));
        assert_eq!(waiting.push(&chunk(9, b"c")), frame(b"\0\0\0\0\0\0\0\0ab"));
        assert_eq!(waiting.take(), frame(b"\0\0\0\0\0\0\0\x09c"));
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut waiting = Waiting::default();
        let big = vec![b'x'; MOST_BYTES];
        assert_eq!(waiting.push(&chunk(0, &big)), None);
        let sent = waiting.push(&chunk(big.len() as u64, b"y")).expect("is full");
        assert_eq!(sent.0.len(), 8 + MOST_BYTES);
    }
}
