//! Terminals for people far away: each a tmux client of its own, on a session of its own over the same
//! windows, so that two people do not share a cursor.
//!
//! What tmux draws is read only as far as there is credit for it; tmux itself leaves out what a slow
//! terminal cannot take. Nothing here keeps more than one frame each way and a bounded line of typed ones.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use miyabi_plan::AgentId;
use miyabi_protocol::frame::{Chunk, Frame, MAX_CHUNK};
use miyabi_protocol::link::{Report, TerminalSize};
use miyabi_transport::LinkSender;
use pty_process::{OwnedReadPty, OwnedWritePty, Size};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::host::Host;
use crate::process;

/// How many terminals a helper holds open.
const MOST: usize = 32;
/// How many typed frames wait for a program that does not read.
const TYPED_AHEAD: usize = 256;
/// How long a program may take to hang up.
const HANG_UP: Duration = Duration::from_secs(1);
/// A terminal smaller or larger than this is a mistake.
const SIDES: std::ops::RangeInclusive<u16> = 2..=2_000;

/// All terminals of one link.
pub(crate) struct Terminals {
    host: Arc<Host>,
    sender: LinkSender,
    open: HashMap<u32, Terminal>,
}

/// One that is open, until this is dropped.
struct Terminal {
    told: mpsc::Sender<Told>,
    credits: mpsc::UnboundedSender<u32>,
    /// Ends it, and says why.
    end: oneshot::Sender<String>,
    task: JoinHandle<()>,
}

enum Told {
    Typed(Vec<u8>),
    Resized(Size),
}

impl Terminals {
    pub(crate) fn new(host: &Arc<Host>, sender: LinkSender) -> Self {
        Self { host: host.clone(), sender, open: HashMap::new() }
    }

    pub(crate) fn open(&mut self, stream: u32, agent: Option<AgentId>, size: TerminalSize, credit: u32) {
        self.open.retain(|_, terminal| !terminal.task.is_finished());
        if self.open.contains_key(&stream) || self.open.len() >= MOST {
            let why = format!("{MOST} terminals are open on this host already; close one, then try again");
            self.host.reports.send(&Report::StreamEnded { stream, why });
            return;
        }
        let (told, received) = mpsc::channel(TYPED_AHEAD);
        let (credits, more_credit) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let (host, sender, size) = (self.host.clone(), self.sender.clone(), size_of(size));
        let task = tokio::spawn(async move {
            let screen = Screen { stream, sender, credit: u64::from(credit), more_credit, drawn: 0 };
            let drawn = screen.sender.clone();
            let why = run(&host, agent, size, screen, received, ended).await;
            let why = why.unwrap_or_else(|problem| problem);
            // The end goes by the fast lane, and would come before the last of what was drawn.
            drawn.bulk_written().await;
            host.reports.send(&Report::StreamEnded { stream, why });
        });
        self.open.insert(stream, Terminal { told, credits, end, task });
    }

    pub(crate) fn resize(&self, stream: u32, size: TerminalSize) {
        if let Some(terminal) = self.open.get(&stream) {
            // Of many sizes in a row one that is left out does not matter; the next is soon there.
            let _full = terminal.told.try_send(Told::Resized(size_of(size)));
        }
    }

    /// What a person typed.
    pub(crate) fn typed(&mut self, chunk: Chunk) {
        let Some(terminal) = self.open.get(&chunk.stream) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = terminal.told.try_send(Told::Typed(chunk.bytes)) {
            self.end(chunk.stream, "tmux does not take what is typed; open the terminal again");
        }
    }

    pub(crate) fn credit(&self, stream: u32, bytes: u32) {
        if let Some(terminal) = self.open.get(&stream) {
            // It may just have ended by itself.
            let _ended = terminal.credits.send(bytes);
        }
    }

    pub(crate) fn close(&mut self, stream: u32) {
        self.end(stream, "closed");
    }

    fn end(&mut self, stream: u32, why: &str) {
        if let Some(terminal) = self.open.remove(&stream) {
            // It may just have ended by itself.
            let _ended = terminal.end.send(why.to_owned());
        }
    }

    /// Hangs all of them up.
    pub(crate) async fn close_all(&mut self) {
        let mut tasks = Vec::new();
        for (_, terminal) in self.open.drain() {
            let _ended = terminal.end.send("the helper is ending".to_owned());
            tasks.push(terminal.task);
        }
        for task in tasks {
            // What does not end by itself is killed with the runtime.
            let _late = timeout(HANG_UP * 2, task).await;
        }
    }
}

fn size_of(size: TerminalSize) -> Size {
    let side = |length: u16| length.clamp(*SIDES.start(), *SIDES.end());
    Size::new(side(size.rows), side(size.columns))
}

/// From its opening to its end; both ways to end are words for people.
async fn run(
    host: &Host,
    agent: Option<AgentId>,
    size: Size,
    screen: Screen,
    told: mpsc::Receiver<Told>,
    ended: oneshot::Receiver<String>,
) -> Result<String, String> {
    let view = format!("miyabi-view-{}-{}", std::process::id(), screen.stream);
    let argv = host.windows.view(agent, view.clone()).await?;
    let (pty, mut child) = process::start_on_terminal(&argv, size)
        .map_err(|error| format!("cannot open a terminal on this host: {error}"))?;
    let (reader, writer) = pty.into_split();
    let why = tokio::select! {
        why = screen.draw(reader) => why,
        why = take_typed(writer, told) => why,
        why = ended => why.unwrap_or_else(|_| "the helper is ending".to_owned()),
    };
    // With both of its ends the terminal is gone, which hangs the program up.
    hang_up(&mut child).await;
    host.windows.remove_view(view).await;
    Ok(why)
}

async fn hang_up(child: &mut Child) {
    if timeout(HANG_UP, child.wait()).await.is_err() {
        // It may be ending just now.
        let _gone = child.kill().await;
    }
}

/// What tmux draws, on its way out.
struct Screen {
    stream: u32,
    sender: LinkSender,
    credit: u64,
    more_credit: mpsc::UnboundedReceiver<u32>,
    drawn: u64,
}

impl Screen {
    async fn draw(mut self, mut reader: OwnedReadPty) -> String {
        let mut buffer = vec![0; MAX_CHUNK];
        loop {
            while let Ok(more) = self.more_credit.try_recv() {
                self.credit += u64::from(more);
            }
            if self.credit == 0 {
                match self.more_credit.recv().await {
                    Some(more) => self.credit += u64::from(more),
                    None => return "closed".to_owned(),
                }
                continue;
            }
            let room = usize::try_from(self.credit).unwrap_or(MAX_CHUNK).min(MAX_CHUNK);
            // The end of the program is an error here on Linux, and an end of file elsewhere.
            let Ok(count @ 1..) = reader.read(&mut buffer[..room]).await else {
                return "tmux closed the terminal: it was detached, or its session ended".to_owned();
            };
            let bytes = buffer[..count].to_vec();
            let chunk = Chunk { stream: self.stream, offset: self.drawn, bytes };
            if self.sender.send(Frame::Bulk(chunk)).await.is_err() {
                return "the link is gone".to_owned();
            }
            self.drawn += count as u64;
            self.credit -= count as u64;
        }
    }
}

async fn take_typed(mut writer: OwnedWritePty, mut told: mpsc::Receiver<Told>) -> String {
    while let Some(told) = told.recv().await {
        let done = match told {
            Told::Typed(bytes) => writer.write_all(&bytes).await,
            Told::Resized(size) => writer.resize(size).map_err(std::io::Error::other),
        };
        if let Err(error) = done {
            return format!("tmux closed the terminal: {error}");
        }
    }
    // Whoever closes it says so by the other way.
    std::future::pending().await
}
