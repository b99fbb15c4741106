//! Sends logs as they grow: from any offset, many at once, never more than there is credit for.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use miyabi_plan::AgentId;
use miyabi_protocol::StateDir;
use miyabi_protocol::frame::{Chunk, Frame, MAX_CHUNK};
use miyabi_transport::LinkSender;
use tokio::sync::{Notify, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::watch::{FolderWatch, SLOW_POLL};

/// Whom to wake for a log of this name.
type Wakers = Arc<Mutex<HashMap<OsString, Arc<Notify>>>>;

/// All logs that are followed.
pub(crate) struct Logs {
    dir: StateDir,
    sender: LinkSender,
    wakers: Wakers,
    streams: HashMap<u32, mpsc::UnboundedSender<u32>>,
    watching: bool,
}

impl Logs {
    pub(crate) fn new(dir: &StateDir, sender: LinkSender) -> Self {
        let (wakers, streams) = (Wakers::default(), HashMap::new());
        Self { dir: dir.clone(), sender, wakers, streams, watching: false }
    }

    /// Begins a stream; one of the same name ends.
    pub(crate) fn follow(&mut self, stream: u32, agent: Option<&AgentId>, offset: u64, credit: u32) {
        if !self.watching {
            self.watching = true;
            tokio::spawn(wake_followers(self.dir.logs(), self.wakers.clone()));
        }
        let path = self.dir.log(agent);
        let name = path.file_name().map(OsString::from).unwrap_or_default();
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        let wake = wakers.entry(name).or_default().clone();
        let (credits, received) = mpsc::unbounded_channel();
        let follower = Follower {
            stream,
            path,
            open: None,
            position: offset,
            begun: false,
            credit: u64::from(credit),
            wake,
        };
        tokio::spawn(follower.run(self.sender.clone(), received));
        self.streams.insert(stream, credits);
    }

    pub(crate) fn credit(&mut self, stream: u32, bytes: u32) {
        if let Some(credits) = self.streams.get(&stream) {
            // The stream ends with the link alone.
            let _ended = credits.send(bytes);
        }
    }

    pub(crate) fn end(&mut self, stream: u32) {
        self.streams.remove(&stream);
    }
}

async fn wake_followers(folder: PathBuf, wakers: Wakers) {
    let mut watch = FolderWatch::growing(&folder, |_| true);
    let mut poll = interval(SLOW_POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (names, all) = tokio::select! {
            changes = watch.changed() => (changes.names, changes.all),
            _ = poll.tick() => (Default::default(), watch.renew()),
        };
        let wakers = wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // A permit is kept for a follower that is just sending: with a stream each, `notify_one`
        // would wake one of several, so that every one is given the chance.
        for (_, wake) in wakers.iter().filter(|(name, _)| all || names.contains(*name)) {
            wake.notify_waiters();
            wake.notify_one();
        }
    }
}

struct Follower {
    stream: u32,
    path: PathBuf,
    open: Option<File>,
    position: u64,
    /// Whether the place to begin at is settled: beyond the end means at the end.
    begun: bool,
    credit: u64,
    wake: Arc<Notify>,
}

impl Follower {
    async fn run(mut self, sender: LinkSender, mut credits: mpsc::UnboundedReceiver<u32>) {
        loop {
            let wake = self.wake.clone();
            let mut woken = std::pin::pin!(wake.notified());
            // Listening begins before the look, so that what is written after it wakes.
            woken.as_mut().enable();
            if let Some(bytes) = self.read_some() {
                let length = bytes.len() as u64;
                let chunk = Chunk { stream: self.stream, offset: self.position, bytes };
                if credits.is_closed() || sender.send(Frame::Bulk(chunk)).await.is_err() {
                    return;
                }
                self.position += length;
                self.credit -= length;
                while let Ok(more) = credits.try_recv() {
                    self.credit += u64::from(more);
                }
                continue;
            }
            tokio::select! {
                _ = timeout(SLOW_POLL, woken) => {}
                more = credits.recv() => match more {
                    Some(more) => self.credit += u64::from(more),
                    None => return,
                },
            }
        }
    }

    /// The next bytes that may be sent, if there are any.
    fn read_some(&mut self) -> Option<Vec<u8>> {
        if self.credit == 0 {
            return None;
        }
        self.look_for_file();
        let file = self.open.as_ref()?;
        let length = usize::try_from(self.credit).unwrap_or(MAX_CHUNK).min(MAX_CHUNK);
        let mut bytes = vec![0; length];
        match file.read_at(&mut bytes, self.position) {
            Ok(0) => None,
            Ok(count) => {
                bytes.truncate(count);
                Some(bytes)
            }
            Err(error) => {
                tracing::warn!(%error, path = %self.path.display(), "a log cannot be read");
                None
            }
        }
    }

    /// Opens the log, and opens it again where another file took its place.
    fn look_for_file(&mut self) {
        let now = identity(std::fs::metadata(&self.path));
        let held = self.open.as_ref().and_then(|file| identity(file.metadata()));
        if now.map(|(id, _)| id) != held.map(|(id, _)| id) {
            self.open = open(&self.path);
            if held.is_some() && now.is_some() {
                self.position = 0;
            }
        }
        let length =
            self.open.as_ref().and_then(|file| identity(file.metadata())).map_or(0, |(_, length)| length);
        if !self.begun {
            self.begun = true;
            self.position = self.position.min(length);
        } else if length < self.position {
            self.position = 0;
        }
    }
}

fn identity(found: io::Result<std::fs::Metadata>) -> Option<((u64, u64), u64)> {
    found.ok().map(|found| ((found.dev(), found.ino()), found.len()))
}

fn open(path: &Path) -> Option<File> {
    File::open(path).ok()
}
