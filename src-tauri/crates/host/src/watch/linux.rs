//! A folder's changes from inotify.
//!
//! Read here and not through a crate for all systems, which also asks for every opening of every
//! file: each look at a status file would then wake every runner and every window of the run.

use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use super::{Attention, Changes, Interest};

/// Room for the events of some dozen files at once.
const BUFFER: usize = 8 * 1024;

/// One watched folder.
pub(super) struct Source {
    inotify: AsyncFd<OwnedFd>,
    interest: Interest,
}

impl Source {
    /// Begins to watch. Must be called within a tokio runtime.
    pub(super) fn begin(folder: &Path, attention: Attention, interest: Interest) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&inotify, folder, flags(attention))?;
        #[expect(deprecated, reason = "safe here: what it warns of are types that lend changing descriptors")]
        let inotify = AsyncFd::new(inotify)?;
        Ok(Self { inotify, interest })
    }

    /// Waits for changes of interest and takes them. Loses nothing when cancelled.
    pub(super) async fn changed(&self) -> Changes {
        loop {
            let Ok(mut ready) = self.inotify.readable().await else {
                // The runtime ends, and with it whoever waits here.
                return std::future::pending().await;
            };
            let (changes, end) = self.read();
            if end == End::Drained {
                ready.clear_ready();
            }
            if changes != Changes::default() {
                return changes;
            }
        }
    }

    /// Takes what is there, up to a buffer that holds something of interest.
    fn read(&self) -> (Changes, End) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(self.inotify.get_ref(), &mut buffer);
        let mut changes = Changes::default();
        loop {
            if reader.is_buffer_empty() && changes != Changes::default() {
                return (changes, End::More);
            }
            match reader.next() {
                Ok(event) => self.take_in(event.events(), event.file_name(), &mut changes),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return (changes, End::Drained),
                Err(error) => {
                    tracing::warn!(%error, "a watch cannot be read");
                    return (Changes { all: true, lost: true, ..changes }, End::Drained);
                }
            }
        }
    }

    fn take_in(&self, events: ReadFlags, name: Option<&std::ffi::CStr>, changes: &mut Changes) {
        let gone = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT | ReadFlags::IGNORED;
        changes.lost |= events.intersects(gone);
        changes.all |= events.intersects(gone | ReadFlags::QUEUE_OVERFLOW);
        let name = name.map(|name| OsStr::from_bytes(name.to_bytes()));
        if let Some(name) = name.filter(|name| (self.interest)(name)) {
            changes.names.insert(name.to_owned());
        }
    }
}

/// Whether every change of a folder is told: those that other machines make on a network's disk are not,
/// nor are those behind a file system that is a program.
pub(super) fn tells_all(folder: &Path) -> bool {
    /// statfs(2): NFS, SMB and its successors, 9P, FUSE, Ceph, AFS, Lustre, GPFS.
    const ELSEWHERE: [u32; 10] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x6573_5546,
        0x00c3_6400,
        0x5346_414f,
        0x0bd0_0bd0,
        0x4750_4653,
    ];
    rustix::fs::statfs(folder).is_ok_and(|found| {
        // A type is 32 bits wide, in a field that is wider here and there, and signed.
        !ELSEWHERE.iter().any(|kind| i128::from(found.f_type) & 0xffff_ffff == i128::from(*kind))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing more is there.
    Drained,
    /// There may be more.
    More,
}

fn flags(attention: Attention) -> WatchFlags {
    // A link to a file that is there already is told as its making alone.
    let made = WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
    // One that could not be read can be with other rights.
    let written = made | WatchFlags::CLOSE_WRITE | WatchFlags::ATTRIB;
    let itself = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
    match attention {
        Attention::Written => written | itself,
        Attention::Growing => written | itself | WatchFlags::MODIFY,
    }
}
