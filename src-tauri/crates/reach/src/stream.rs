//! The byte streams of a program on a host, and how they ended.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// How much of what a program says on its stderr is kept for error messages.
const KEPT: usize = 4 * 1024;
/// How long the last words on a stderr may come after the end of stdout.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How much of a text of others a message quotes.
const QUOTED: usize = 400;

/// A program on a host, before it has said anything.
pub(crate) struct Streams {
    pub(crate) stdout: Box<dyn AsyncRead + Unpin + Send>,
    pub(crate) stdin: Box<dyn AsyncWrite + Unpin + Send>,
    pub(crate) said: Said,
}

/// What a program said on its stderr, the last of it, and why its stdout ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    words: Arc<Mutex<Words>>,
    /// How many still listen to a stderr.
    listening: watch::Sender<usize>,
}

/// Held by whoever listens to a stderr, until its end.
#[derive(Debug)]
pub(crate) struct Listening(Said);

impl Listening {
    pub(crate) fn hear(&self, stderr: &[u8]) {
        self.0.hear(stderr);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.send_modify(|count| *count -= 1);
    }
}

#[derive(Debug, Default)]
struct Words {
    stderr: VecDeque<u8>,
    broken: Option<String>,
}

impl Said {
    fn words(&self) -> std::sync::MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listen(&self) -> Listening {
        self.listening.send_modify(|count| *count += 1);
        Listening(self.clone())
    }

    /// Waits for the last words of a stderr, which come beside the end of stdout; not for long, for a
    /// program may leave others behind that hold it open.
    pub(crate) async fn heard_all(&self) {
        let mut listening = self.listening.subscribe();
        let all = listening.wait_for(|count| *count == 0);
        // What was heard until then will do.
        let _late = tokio::time::timeout(LAST_WORDS, all).await;
    }

    pub(crate) fn hear(&self, stderr: &[u8]) {
        let mut words = self.words();
        words.stderr.extend(stderr);
        let over = words.stderr.len().saturating_sub(KEPT);
        words.stderr.drain(..over);
    }

    /// The first cause stands: what follows from it says less.
    pub(crate) fn broke(&self, why: String) {
        self.words().broken.get_or_insert(why);
    }

    pub(crate) fn stderr(&self) -> String {
        let mut words = self.words();
        readable(words.stderr.make_contiguous())
    }

    pub(crate) fn broken(&self) -> Option<String> {
        self.words().broken.clone()
    }
}

/// The last words of a text of others, in one line without control characters.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let over = line.chars().count().saturating_sub(QUOTED);
    if over == 0 { line } else { format!("…{}", line.chars().skip(over).collect::<String>()) }
}

/// The stdout of a program: its end is an error when it did not end well.
pub(crate) struct Stdout<R> {
    pub(crate) from: R,
    pub(crate) said: Said,
}

impl<R: AsyncRead + Unpin> AsyncRead for Stdout<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.from).poll_read(context, buffer))?;
        let ended = buffer.filled().len() == before && buffer.remaining() > 0;
        match self.said.broken().filter(|_| ended) {
            Some(why) => Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why))),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// The stdin of a program on a pipe: a shutdown closes it, which a pipe's own does not.
pub(crate) struct Stdin<W> {
    to: Option<W>,
}

impl<W> Stdin<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to: Some(to) }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Stdin<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.to {
            Some(to) => Pin::new(to).poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.to {
            Some(to) => Pin::new(to).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(to) = &mut self.to {
            ready!(Pin::new(to).poll_shutdown(context))?;
            self.to = None;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[test]
    fn what_others_say_is_quoted_in_one_bounded_line_without_control_characters() {
        assert_eq!(readable(b"a\x1b[2J\r\n  b\0"), "a [2J b");
        let long = readable(&[b'x'; 10_000]);
        assert!(long.starts_with('…') && long.chars().count() == QUOTED + 1);
        let said = Said::default();
        said.hear(&[b'a'; KEPT]);
        said.hear(b" end");
        assert!(said.stderr().ends_with("a end"));
    }

    #[tokio::test]
    async fn the_end_of_a_broken_stream_is_an_error_with_its_first_cause() {
        let said = Said::default();
        let mut stdout = Stdout { from: &b"bytes"[..], said: said.clone() };
        said.broke("the link was cut".to_owned());
        said.broke("later".to_owned());
        let mut text = Vec::new();
        let error = stdout.read_to_end(&mut text).await.expect_err("broken");
        assert_eq!((text.as_slice(), error.to_string().as_str()), (&b"bytes"[..], "the link was cut"));
    }
}
