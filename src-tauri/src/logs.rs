//! The logs that the window follows: each a task that carries bytes from the backend to the
//! window, within the credit that the window gave, and goes on where it was when the backend was
//! gone and has come back.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use miyabi_api::{AgentId, ApiError};
use miyabi_client::{Connection, LogStream};
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::log_frames::{LogFrame, Waiting};
use crate::shell::{lock, lost};

/// How many bytes may come before the window has drawn the first of them.
const FIRST_CREDIT: u32 = 512 * 1024;
/// How long a piece waits for others to travel with it.
const GATHER: Duration = Duration::from_millis(16);

/// How long after the backend ended a log it is asked for again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// All streams that are open.
#[derive(Default)]
pub(crate) struct Logs {
    next: AtomicU32,
    streams: Mutex<HashMap<u32, Stream>>,
}

struct Stream {
    credits: mpsc::UnboundedSender<u32>,
    carrying: JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl Logs {
    /// Follows a log from an offset in bytes. Answers the stream's number.
    pub(crate) async fn follow(
        &self,
        connection: watch::Receiver<Option<Connection>>,
        agent: Option<AgentId>,
        offset: f64,
        channel: Channel<LogFrame>,
    ) -> Result<u32, ApiError> {
        let first = connection.borrow().clone().ok_or_else(lost)?;
        // The window's numbers are floating point; a cast saturates, and beyond the end is the end.
        let offset = offset.max(0.0) as u64;
        let stream = first.follow_log(agent.clone(), offset, FIRST_CREDIT).await?;
        let (sender, credits) = mpsc::unbounded_channel();
        let carrier = Carrier { connection, agent, channel, credits, offset, credit: FIRST_CREDIT };
        let carrying = tauri::async_runtime::spawn(carrier.carry(stream));
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.streams).insert(number, Stream { credits: sender, carrying });
        Ok(number)
    }

    /// Allows more bytes on a stream. One that was just dropped needs none.
    pub(crate) fn add_credit(&self, number: u32, bytes: u32) {
        if let Some(stream) = lock(&self.streams).get(&number) {
            let _ = stream.credits.send(bytes);
        }
    }

    /// Ends a stream.
    pub(crate) fn drop_stream(&self, number: u32) {
        lock(&self.streams).remove(&number);
    }

    /// Ends all streams.
    pub(crate) fn drop_all(&self) {
        lock(&self.streams).clear();
    }
}

struct Carrier {
    connection: watch::Receiver<Option<Connection>>,
    agent: Option<AgentId>,
    channel: Channel<LogFrame>,
    credits: mpsc::UnboundedReceiver<u32>,
    /// The next byte that the window does not have.
    offset: u64,
    /// How many bytes may still come.
    credit: u32,
}

impl Carrier {
    async fn carry(mut self, mut stream: LogStream) {
        loop {
            if self.forward(&mut stream).await.is_err() {
                return;
            }
            if stream.end().is_some() {
                // The log's host is lost, and the backend is there: it is asked again, but not in a rush.
                sleep(AGAIN_AFTER).await;
            }
            let Some(again) = self.reach_again().await else { return };
            stream = again;
        }
    }

    /// Carries bytes until the backend is gone. An error means that the window is.
    async fn forward(&mut self, stream: &mut LogStream) -> tauri::Result<()> {
        let mut waiting = Waiting::default();
        let mut due = Instant::now();
        loop {
            tokio::select! {
                Some(bytes) = self.credits.recv() => {
                    self.credit = self.credit.saturating_add(bytes);
                    stream.add_credit(bytes);
                }
                () = sleep_until(due), if !waiting.is_empty() => self.send(waiting.take())?,
                chunk = stream.recv() => {
                    let Some(chunk) = chunk else { return self.send(waiting.take()) };
                    let length = chunk.bytes.len();
                    self.offset = chunk.offset + length as u64;
                    self.credit = self.credit.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
                    if waiting.is_empty() {
                        due = Instant::now() + GATHER;
                    }
                    self.send(waiting.push(&chunk))?;
                }
            }
        }
    }

    fn send(&self, frame: Option<LogFrame>) -> tauri::Result<()> {
        frame.map_or(Ok(()), |frame| self.channel.send(frame))
    }

    /// Waits for the next connection and follows the log from where it was. None when the run was
    /// closed.
    async fn reach_again(&mut self) -> Option<LogStream> {
        loop {
            let connection = self.connection.wait_for(Option::is_some).await.ok()?.clone()?;
            while let Ok(bytes) = self.credits.try_recv() {
                self.credit = self.credit.saturating_add(bytes);
            }
            match connection.follow_log(self.agent.clone(), self.offset, self.credit).await {
                Ok(stream) => return Some(stream),
                // The old connection was still there; its end is told in a moment.
                Err(_) => self.connection.changed().await.ok()?,
            }
        }
    }
}
