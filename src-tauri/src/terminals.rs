//! The agents' windows that a person types into: each a task that carries what it draws to the
//! window, within the credit that the window gave, and what is typed back. A terminal that ends says
//! why and stays ended: only a person can know whether it is to be opened again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use miyabi_api::{AgentId, ApiError, TerminalSize};
use miyabi_client::{Connection, TerminalStream};
use tauri::async_runtime::JoinHandle;
use tauri::ipc::{Channel, InvokeResponseBody, IpcResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::shell::{lock, lost};

/// How many bytes may come before the window has drawn the first of them.
const FIRST_CREDIT: u32 = 256 * 1024;
/// How long drawn bytes wait for others to travel with them; shorter than an eye notices.
const GATHER: Duration = Duration::from_millis(8);
/// The most bytes that travel at once.
const MOST_BYTES: usize = 128 * 1024;

/// One message of a terminal: a 0 and what it draws, or a 1 and why it is over. It travels as it is,
/// not as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TerminalFrame {
    /// It draws these bytes.
    Drawn(Vec<u8>),
    /// It is over, for this reason.
    Ended(String),
}

impl TerminalFrame {
    fn into_bytes(self) -> Vec<u8> {
        let (kind, rest) = match self {
            Self::Drawn(bytes) => (0, bytes),
            Self::Ended(why) => (1, why.into_bytes()),
        };
        let mut message = Vec::with_capacity(1 + rest.len());
        message.push(kind);
        message.extend(rest);
        message
    }
}

impl IpcResponse for TerminalFrame {
    fn body(self) -> tauri::Result<InvokeResponseBody> {
        Ok(InvokeResponseBody::Raw(self.into_bytes()))
    }
}

impl specta::Type for TerminalFrame {
    fn definition(_: &mut specta::Types) -> specta::datatype::DataType {
        specta_typescript::define("ArrayBuffer").into()
    }
}

/// What the window does with a terminal.
enum Act {
    Type(String),
    Resize(TerminalSize),
    Credit(u32),
}

/// All terminals that are open.
#[derive(Default)]
pub(crate) struct Terminals {
    next: AtomicU32,
    open: Mutex<HashMap<u32, Terminal>>,
}

struct Terminal {
    acts: mpsc::UnboundedSender<Act>,
    carrying: JoinHandle<()>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl Terminals {
    /// Opens an agent's window. Answers the terminal's number.
    pub(crate) async fn open(
        &self,
        connection: &Connection,
        agent: AgentId,
        size: TerminalSize,
        channel: Channel<TerminalFrame>,
    ) -> Result<u32, ApiError> {
        let stream = connection.open_terminal(agent, size, FIRST_CREDIT).await?;
        let (sender, acts) = mpsc::unbounded_channel();
        let carrying = tauri::async_runtime::spawn(carry(stream, acts, channel));
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.open).insert(number, Terminal { acts: sender, carrying });
        Ok(number)
    }

    /// Types a text. A terminal that is over takes none.
    pub(crate) fn type_in(&self, number: u32, text: String) {
        self.act(number, Act::Type(text));
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, number: u32, size: TerminalSize) {
        self.act(number, Act::Resize(size));
    }

    /// Allows it more bytes.
    pub(crate) fn add_credit(&self, number: u32, bytes: u32) {
        self.act(number, Act::Credit(bytes));
    }

    /// Hangs up.
    pub(crate) fn close(&self, number: u32) {
        lock(&self.open).remove(&number);
    }

    /// Hangs up all of them.
    pub(crate) fn close_all(&self) {
        lock(&self.open).clear();
    }

    fn act(&self, number: u32, act: Act) {
        if let Some(terminal) = lock(&self.open).get(&number) {
            let _ = terminal.acts.send(act);
        }
    }
}

/// Carries both ways until the terminal or the window is gone.
async fn carry(
    mut stream: TerminalStream,
    mut acts: mpsc::UnboundedReceiver<Act>,
    channel: Channel<TerminalFrame>,
) {
    let mut drawn: Vec<u8> = Vec::new();
    let mut due = Instant::now();
    loop {
        tokio::select! {
            // What is typed goes first, so that a flood of output cannot hold up Ctrl-C.
            biased;
            act = acts.recv() => match act {
                None => return,
                Some(Act::Type(text)) => stream.type_in(text.as_bytes()),
                Some(Act::Resize(size)) => stream.resize(size),
                Some(Act::Credit(bytes)) => stream.add_credit(bytes),
            },
            () = sleep_until(due), if !drawn.is_empty() => {
                if channel.send(TerminalFrame::Drawn(std::mem::take(&mut drawn))).is_err() {
                    return;
                }
            }
            bytes = stream.recv() => {
                let Some(bytes) = bytes else { break };
                if drawn.is_empty() {
                    due = Instant::now() + GATHER;
                }
                drawn.extend(bytes);
                if drawn.len() >= MOST_BYTES {
                    due = Instant::now();
                }
            }
        }
    }
    if !drawn.is_empty() {
        let _ = channel.send(TerminalFrame::Drawn(drawn));
    }
    let why = stream.end().map_or_else(|| lost().message, str::to_owned);
    let _ = channel.send(TerminalFrame::Ended(why));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_and_why_it_ended_are_told_apart_by_their_first_byte() {
        assert_eq!(TerminalFrame::Drawn(vec![0x1b, b'[', 0xff]).into_bytes(), [0, 0x1b, b'[', 0xff]);
        assert_eq!(TerminalFrame::Ended("gone".to_owned()).into_bytes(), b"\x01gone");
        assert_eq!(TerminalFrame::Drawn(Vec::new()).into_bytes(), [0]);
    }
}
