//! Frames over one byte stream, both ways, with a control lane that goes before the bulk lane.
//!
//! Both ends use it: the backend over a child's pipes, the helper over its own stdin and stdout.

use std::io;

use miyabi_protocol::frame::{self, Chunk, Frame, MAX_CHUNK};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::sync::{mpsc, oneshot};

/// How many log chunks wait for a slow peer before their senders have to wait.
const BULK_QUEUE: usize = 4;
/// How many received frames wait for a slow consumer before the peer is held back.
const RECEIVE_QUEUE: usize = 64;
/// Small, so that a control frame never stands behind much that was written before it.
const WRITE_BUFFER: usize = 8 * 1024;

/// One connection, before it is split into its two directions.
#[derive(Debug)]
pub struct Link {
    sender: LinkSender,
    receiver: LinkReceiver,
}

impl Link {
    /// Starts to carry frames. Must be called within a tokio runtime.
    #[must_use]
    pub fn new<R, W>(reader: R, writer: W) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (control, control_queue) = mpsc::unbounded_channel();
        let (bulk, bulk_queue) = mpsc::channel(BULK_QUEUE);
        let (received, frames) = mpsc::channel(RECEIVE_QUEUE);
        tokio::spawn(async move {
            if let Err(error) = write_frames(writer, control_queue, bulk_queue).await {
                tracing::debug!(%error, "the peer no longer reads");
            }
        });
        tokio::spawn(read_frames(reader, received));
        Self { sender: LinkSender { control, bulk }, receiver: LinkReceiver { frames } }
    }

    /// The two directions, for use by different tasks.
    #[must_use]
    pub fn split(self) -> (LinkSender, LinkReceiver) {
        (self.sender, self.receiver)
    }

    /// As [`LinkSender::send`].
    ///
    /// # Errors
    /// When the peer no longer reads.
    pub async fn send(&self, frame: Frame) -> io::Result<()> {
        self.sender.send(frame).await
    }

    /// As [`LinkReceiver::recv`].
    ///
    /// # Errors
    /// When the stream broke.
    pub async fn recv(&mut self) -> io::Result<Option<Frame>> {
        self.receiver.recv().await
    }
}

/// The sending direction. When the last clone is dropped, what waits is still written and the
/// peer then sees the end of the stream.
#[derive(Debug, Clone)]
pub struct LinkSender {
    control: mpsc::UnboundedSender<Outgoing>,
    bulk: mpsc::Sender<OutgoingBulk>,
}

/// What goes through the control queue.
#[derive(Debug)]
enum Outgoing {
    Frame(Frame),
    /// Everything before this is written: tell whoever waits.
    Written(oneshot::Sender<()>),
}

/// What goes through the bulk queue.
#[derive(Debug)]
enum OutgoingBulk {
    Chunk(Chunk),
    /// Every chunk before this is written: tell whoever waits.
    Written(oneshot::Sender<()>),
}

impl LinkSender {
    /// Sends a message on the control lane. Never waits: messages are small, and a sender that
    /// waited for a peer that waits for it would hang both.
    ///
    /// # Errors
    /// When the message cannot be written as JSON, or the peer no longer reads.
    pub fn message<T: Serialize>(&self, message: &T) -> io::Result<()> {
        self.control.send(Outgoing::Frame(Frame::control(message)?)).map_err(|_| closed())
    }

    /// Sends a frame; on the bulk lane this waits for a slow peer, and long chunks are cut.
    ///
    /// # Errors
    /// When the peer no longer reads.
    pub async fn send(&self, frame: Frame) -> io::Result<()> {
        match frame {
            Frame::Control(_) => self.control.send(Outgoing::Frame(frame)).map_err(|_| closed()),
            Frame::Bulk(chunk) => {
                for piece in cut(chunk) {
                    self.bulk.send(OutgoingBulk::Chunk(piece)).await.map_err(|_| closed())?;
                }
                Ok(())
            }
        }
    }

    /// Waits until every message that was sent before is written, or the peer no longer reads.
    pub async fn written(&self) {
        let (done, wait) = oneshot::channel();
        if self.control.send(Outgoing::Written(done)).is_ok() {
            // The writer is gone when the peer is; nothing is left to wait for then.
            let _gone = wait.await;
        }
    }

    /// Waits until every chunk that was sent before is written, or the peer no longer reads. A message
    /// that is sent then does not overtake them.
    pub async fn bulk_written(&self) {
        let (done, wait) = oneshot::channel();
        if self.bulk.send(OutgoingBulk::Written(done)).await.is_ok() {
            // As above.
            let _gone = wait.await;
        }
    }

    /// Returns when the peer no longer reads.
    pub async fn closed(&self) {
        self.control.closed().await;
    }
}

/// The receiving direction.
#[derive(Debug)]
pub struct LinkReceiver {
    frames: mpsc::Receiver<io::Result<Frame>>,
}

impl LinkReceiver {
    /// The next frame; none at the end of the stream. Loses nothing when cancelled.
    ///
    /// # Errors
    /// When the stream broke or carried something that is not a frame; none follows.
    pub async fn recv(&mut self) -> io::Result<Option<Frame>> {
        self.frames.recv().await.transpose()
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the other end of the link is gone")
}

fn cut(chunk: Chunk) -> impl Iterator<Item = Chunk> {
    let Chunk { stream, offset, bytes } = chunk;
    let pieces: Vec<Vec<u8>> = if bytes.len() <= MAX_CHUNK {
        vec![bytes]
    } else {
        bytes.chunks(MAX_CHUNK).map(<[u8]>::to_vec).collect()
    };
    pieces.into_iter().scan(offset, move |offset, bytes| {
        let piece = Chunk { stream, offset: *offset, bytes };
        *offset += piece.bytes.len() as u64;
        Some(piece)
    })
}

async fn read_frames<R: AsyncRead + Unpin>(reader: R, received: mpsc::Sender<io::Result<Frame>>) {
    let mut reader = BufReader::new(reader);
    loop {
        let next = tokio::select! {
            next = frame::read(&mut reader) => next,
            () = received.closed() => return,
        };
        let Some(next) = next.transpose() else { return };
        let broken = next.is_err();
        if received.send(next).await.is_err() || broken {
            return;
        }
    }
}

async fn write_frames<W: AsyncWrite + Unpin>(
    writer: W,
    mut control: mpsc::UnboundedReceiver<Outgoing>,
    mut bulk: mpsc::Receiver<OutgoingBulk>,
) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(WRITE_BUFFER, writer);
    loop {
        let next = tokio::select! {
            biased;
            Some(outgoing) = control.recv() => match outgoing {
                Outgoing::Frame(frame) => frame,
                Outgoing::Written(wait) => {
                    writer.flush().await?;
                    // Whoever asked may not wait any more.
                    let _left = wait.send(());
                    continue;
                }
            },
            Some(outgoing) = bulk.recv() => match outgoing {
                OutgoingBulk::Chunk(chunk) => Frame::Bulk(chunk),
                OutgoingBulk::Written(wait) => {
                    writer.flush().await?;
                    // Whoever asked may not wait any more.
                    let _left = wait.send(());
                    continue;
                }
            },
            else => break,
        };
        frame::write(&mut writer, &next).await?;
        if control.is_empty() && bulk.is_empty() {
            writer.flush().await?;
        }
    }
    writer.flush().await?;
    writer.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(offset: u64, length: usize) -> Frame {
        Frame::Bulk(Chunk { stream: 1, offset, bytes: vec![7; length] })
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_status_overtakes_logs_that_wait_for_a_slow_reader() {
        let (near, far) = tokio::io::duplex(16 * 1024);
        let (read, write) = tokio::io::split(near);
        let (sender, _receiver) = Link::new(read, write).split();
        let bulk = sender.clone();
        let logs = tokio::spawn(async move {
            for number in 0..64 {
                bulk.send(chunk(number * MAX_CHUNK as u64, MAX_CHUNK)).await.expect("sent");
            }
        });
        tokio::task::yield_now().await;
        sender.message(&"status").expect("sent");

        let (read, write) = tokio::io::split(far);
        let mut far = Link::new(read, write);
        let mut before = 0;
        while let Some(frame) = far.recv().await.expect("sound") {
            if frame.message::<String>().is_ok() {
                break;
            }
            before += 1;
        }
        assert!(before <= 2, "{before} chunks went before the status");
        logs.abort();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_said_after_the_bulk_was_written_comes_after_it() {
        let (near, far) = tokio::io::duplex(1024);
        let (read, write) = tokio::io::split(near);
        let (sender, _receiver) = Link::new(read, write).split();
        let send = tokio::spawn(async move {
            sender.send(chunk(0, MAX_CHUNK)).await.expect("sent");
            sender.bulk_written().await;
            sender.message(&"the end").expect("sent");
        });
        let (read, write) = tokio::io::split(far);
        let mut far = Link::new(read, write);
        let first = far.recv().await.expect("sound").expect("a frame");
        assert!(matches!(first, Frame::Bulk(_)), "the end overtook what was before it");
        let then = far.recv().await.expect("sound").expect("a frame");
        assert_eq!(then.message::<String>().expect("a message"), "the end");
        send.await.expect("task");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn long_chunks_are_cut_and_the_end_comes_after_the_last_frame() {
        let (near, far) = tokio::io::duplex(1024);
        let (read, write) = tokio::io::split(near);
        let (sender, _receiver) = Link::new(read, write).split();
        let send = tokio::spawn(async move { sender.send(chunk(5, MAX_CHUNK * 2 + 1)).await });
        let (read, write) = tokio::io::split(far);
        let mut far = Link::new(read, write);
        let mut offset = 5;
        while let Some(frame) = far.recv().await.expect("sound") {
            let Frame::Bulk(chunk) = frame else { panic!("only chunks were sent") };
            assert_eq!(chunk.offset, offset);
            assert!(chunk.bytes.len() <= MAX_CHUNK);
            offset += chunk.bytes.len() as u64;
        }
        assert_eq!(offset, 5 + MAX_CHUNK as u64 * 2 + 1);
        send.await.expect("task").expect("sent");
    }
}
