//! Frames on a byte stream: `[length: u32 BE][lane: u8][payload]`.
//!
//! Control frames carry one JSON message. Bulk frames carry raw log bytes behind a small header
//! and are kept short, so that they never delay a status for long.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest payload that is read: a peer that announces more is broken or hostile.
pub const MAX_FRAME: usize = 64 * 1024 * 1024;
/// The longest run of log bytes in one frame.
pub const MAX_CHUNK: usize = 32 * 1024;

/// How many bytes stand before those of a log: the stream and the offset.
const CHUNK_HEAD: usize = 12;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One JSON message.
    Control(Vec<u8>),
    /// Bytes of a log.
    Bulk(Chunk),
}

/// Bytes of a log, with their place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The stream they belong to.
    pub stream: u32,
    /// The offset of the first byte in the file.
    pub offset: u64,
    /// At most [`MAX_CHUNK`] bytes.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// A control frame of a message.
    ///
    /// # Errors
    /// When the message cannot be written as JSON, or is longer than a frame may be: it is refused here, as its sender
    /// lives on without it and a link would not.
    pub fn control<T: Serialize>(message: &T) -> io::Result<Self> {
        let json = serde_json::to_vec(message).map_err(io::Error::other)?;
        // The lane takes a byte, too.
        if json.len() >= MAX_FRAME {
            let length = json.len();
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a message of {length} bytes")));
        }
        Ok(Self::Control(json))
    }

    /// The message of a control frame.
    ///
    /// # Errors
    /// When it is a bulk frame or not the expected message.
    pub fn message<T: DeserializeOwned>(&self) -> io::Result<T> {
        match self {
            Self::Control(json) => serde_json::from_slice(json)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
            Self::Bulk(_) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a log chunk where a message was expected"))
            }
        }
    }

    fn lane(&self) -> u8 {
        match self {
            Self::Control(_) => 0,
            Self::Bulk(_) => 1,
        }
    }
}

/// Reads one frame; none at a clean end of the stream.
///
/// # Errors
/// When the stream breaks, ends within a frame, or carries something that is not a frame.
pub async fn read<R: AsyncRead + Unpin>(stream: &mut R) -> io::Result<Option<Frame>> {
    let mut length = [0; 4];
    // Only an end before the first byte is a clean one.
    if stream.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut length[1..]).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length == 0 || length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    let lane = stream.read_u8().await?;
    let length = length - 1;
    match lane {
        0 => {
            let mut json = vec![0; length];
            stream.read_exact(&mut json).await?;
            Ok(Some(Frame::Control(json)))
        }
        1 if length >= CHUNK_HEAD => {
            // Straight into their place: a log is many of these.
            let (of, offset) = (stream.read_u32().await?, stream.read_u64().await?);
            let mut bytes = vec![0; length - CHUNK_HEAD];
            stream.read_exact(&mut bytes).await?;
            Ok(Some(Frame::Bulk(Chunk { stream: of, offset, bytes })))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("an unknown lane {lane}"))),
    }
}

/// Writes one frame; the caller flushes.
///
/// # Errors
/// When the stream breaks or the frame is too long.
pub async fn write<W: AsyncWrite + Unpin>(stream: &mut W, frame: &Frame) -> io::Result<()> {
    let mut head = vec![0, 0, 0, 0, frame.lane()];
    let body = match frame {
        Frame::Control(json) => json,
        Frame::Bulk(chunk) => {
            head.extend(chunk.stream.to_be_bytes());
            head.extend(chunk.offset.to_be_bytes());
            &chunk.bytes
        }
    };
    let length = head.len() - 4 + body.len();
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a frame of {length} bytes")));
    }
    let length = u32::try_from(length).map_err(io::Error::other)?;
    head[..4].copy_from_slice(&length.to_be_bytes());
    stream.write_all(&head).await?;
    stream.write_all(body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_no_frame_holds_is_refused_before_it_is_sent() {
        let refused = Frame::control(&"x".repeat(MAX_FRAME)).expect_err("too long");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert!(Frame::control(&"x".repeat(MAX_FRAME - 3)).is_ok(), "two quotes and the lane");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn frames_read_back_and_a_cut_stream_is_an_error() {
        let frames = [
            Frame::control(&"hello").expect("json"),
            Frame::Bulk(Chunk { stream: 7, offset: 1 << 40, bytes: b"\x00\xff log".to_vec() }),
            Frame::Bulk(Chunk { stream: 8, offset: 0, bytes: Vec::new() }),
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            write(&mut bytes, frame).await.expect("written");
        }
        let mut reader = bytes.as_slice();
        for frame in &frames {
            assert_eq!(read(&mut reader).await.expect("sound").as_ref(), Some(frame));
        }
        assert_eq!(read(&mut reader).await.expect("end"), None);

        let mut cut = &bytes[..bytes.len() - 14];
        while let Ok(frame) = read(&mut cut).await {
            assert!(frame.is_some(), "a cut within a frame must be an error");
        }
        let mut hostile: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0];
        assert!(read(&mut hostile).await.is_err());
    }
}
