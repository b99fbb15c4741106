//! One end of a carriage: the connection of git's transport, passed on to a stream of the site's link. Each
//! side sends within the credit that the other one gave, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use miyabi_plan::Site;
use miyabi_protocol::frame::{Chunk, MAX_CHUNK};
use miyabi_protocol::link::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc};

use crate::git_streams::GitStream;
use crate::site::ToSite;
use crate::streams::Streams;

/// How many chunks may wait for the link.
const AHEAD: usize = 32;
/// Credit goes back once so many bytes were taken.
const CREDIT_BACK: u32 = 128 * 1024;
/// Without any byte for so long a carriage is ended.
const STALLED_AFTER: Duration = Duration::from_secs(300);

/// A stream of a site's link.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) stream: GitStream,
    pub(super) site: mpsc::UnboundedSender<ToSite>,
    pub(super) streams: Streams,
    pub(super) of: Site,
}

impl Pipe {
    /// Passes everything on, both ways. Returns when nothing has moved for long; after both sides have
    /// ended it waits for its caller, who knows how git ended.
    pub(super) async fn pass(self, connection: UnixStream) -> String {
        let (reader, writer) = connection.into_split();
        let moved = Arc::new(AtomicU64::new(0));
        let GitStream { id, from_site, credit, .. } = self.stream;
        let there = to_site(reader, (id, credit), self.site.clone(), &moved);
        let allow = |bytes| {
            self.streams.allow_git(&self.of, id, bytes);
            let credit = Command::StreamCredit { stream: id, bytes };
            drop(self.site.send(ToSite::Command(Box::new(credit))));
        };
        let here = from_the_site(writer, from_site, allow, &moved);
        let both = async {
            tokio::join!(there, here);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = both => String::new(),
            () = stalled(&moved) => format!("nothing came for {} s", STALLED_AFTER.as_secs()),
        }
    }
}

async fn stalled(moved: &AtomicU64) {
    let mut before = None;
    loop {
        let now = moved.load(Ordering::Relaxed);
        if before.replace(now) == Some(now) {
            return;
        }
        tokio::time::sleep(STALLED_AFTER).await;
    }
}

async fn to_site(
    mut reader: OwnedReadHalf,
    (stream, credit): (u32, Arc<Semaphore>),
    site: mpsc::UnboundedSender<ToSite>,
    moved: &AtomicU64,
) {
    let room = Arc::new(Semaphore::new(AHEAD));
    let mut offset = 0_u64;
    let mut buffer = vec![0; MAX_CHUNK];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        let Ok(bytes) = u32::try_from(count) else { return };
        // Both are closed by nobody; a stream that is over ends this future with its carriage.
        let Ok(used) = credit.acquire_many(bytes).await else { return };
        used.forget();
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let chunk = Chunk { stream, offset, bytes: buffer[..count].to_vec() };
        if site.send(ToSite::Bytes(chunk, place)).is_err() {
            return;
        }
        offset += u64::from(bytes);
        moved.fetch_add(u64::from(bytes), Ordering::Relaxed);
    }
    // The loop is gone where this fails, and all carriages with it.
    drop(site.send(ToSite::EndInput(stream)));
}

async fn from_the_site(
    mut writer: OwnedWriteHalf,
    mut bytes: mpsc::UnboundedReceiver<Vec<u8>>,
    allow: impl Fn(u32),
    moved: &AtomicU64,
) {
    let mut taken = 0_u32;
    while let Some(next) = bytes.recv().await {
        if writer.write_all(&next).await.is_err() {
            return;
        }
        let length = u32::try_from(next.len()).unwrap_or(u32::MAX);
        moved.fetch_add(u64::from(length), Ordering::Relaxed);
        taken = taken.saturating_add(length);
        if taken >= CREDIT_BACK {
            allow(std::mem::take(&mut taken));
        }
    }
    // Git may have gone before.
    drop(writer.shutdown().await);
}
