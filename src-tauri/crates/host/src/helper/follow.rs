//! Sends logs as they grow: from any offset, many at once, never more than there is credit for.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use miyabi_plan::AgentId;
use miyabi_protocol::StateDir;
use miyabi_protocol::frame::{Chunk, Frame, MAX_CHUNK};
use miyabi_protocol::link::log_start;
use miyabi_transport::LinkSender;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::watch::{FolderWatch, SLOW_POLL};

/// Whom to wake for a log of this name.
type Wakers = Arc<Mutex<HashMap<OsString, Arc<Notify>>>>;

/// All logs that are followed.
pub(crate) struct Logs {
    dir: StateDir,
    sender: LinkSender,
    wakers: Wakers,
    streams: HashMap<u32, mpsc::UnboundedSender<u32>>,
    /// Rings when another log is followed; none while none was.
    added: Option<Arc<Notify>>,
}

impl Logs {
    pub(crate) fn new(dir: &StateDir, sender: LinkSender) -> Self {
        let (wakers, streams) = (Wakers::default(), HashMap::new());
        Self { dir: dir.clone(), sender, wakers, streams, added: None }
    }

    /// Begins a stream; one of the same name ends.
    pub(crate) fn follow(&mut self, stream: u32, agent: Option<&AgentId>, offset: u64, credit: u32) {
        let path = self.dir.log(agent);
        let name = path.file_name().map(OsString::from).unwrap_or_default();
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        let wake = wakers.entry(name).or_default().clone();
        drop(wakers);
        let (folder, wakers) = (self.dir.logs(), self.wakers.clone());
        self.added
            .get_or_insert_with(|| {
                let added = Arc::<Notify>::default();
                tokio::spawn(wake_followers(folder, wakers, added.clone()));
                added
            })
            .notify_one();
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

async fn wake_followers(folder: PathBuf, wakers: Wakers, added: Arc<Notify>) {
    let mut watch = FolderWatch::growing(&folder, |_| true);
    let mut looked_at = Instant::now();
    let mut seen: HashSet<OsString> = HashSet::new();
    let mut missing = false;
    loop {
        // A log that is gone went with its folder, mostly; that is told late, or never, while somebody
        // holds the log open. One that was never there is told of when it comes.
        let period = if missing { SLOW_POLL } else { watch.period() };
        let (names, all) = tokio::select! {
            changes = watch.changed() => {
                if changes.all {
                    watch.renew();
                }
                (changes.names, changes.all)
            }
            () = added.notified() => Default::default(),
            () = sleep_until(looked_at + period) => {
                watch.renew();
                looked_at = Instant::now();
                (Default::default(), true)
            }
        };
        let mut wakers = wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.retain(|_, wake| Arc::strong_count(wake) > 1);
        missing = !folder.exists();
        for name in wakers.keys() {
            if folder.join(name).exists() {
                seen.insert(name.clone());
            } else {
                missing |= seen.contains(name);
            }
        }
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
                () = woken => {}
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
            self.position = log_start(self.position, length);
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
