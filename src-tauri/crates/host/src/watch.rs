//! Watches a folder for changes to its files. The folder is watched and not the files, because
//! every atomic write makes a file anew.
//!
//! A watch can be lost (a folder that is deleted and made again): whoever uses this also looks by itself
//! every [`FolderWatch::period`], and calls [`FolderWatch::renew`] then. inotify tells of everything that
//! happens to a folder of a local disk, and also when its queue was too short for it (inotify(7), `IN_Q_OVERFLOW`);
//! there the look is minutes apart, so that an idle host sleeps. It does not hear of other machines' writes to a
//! network's disk, and the other systems were not measured: there the look comes every [`SLOW_POLL`].

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

#[cfg_attr(target_os = "linux", path = "watch/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "watch/elsewhere.rs")]
mod source;

use source::Source;

/// How often a folder is looked at although no change was seen, where the watch may miss one.
pub(crate) const SLOW_POLL: Duration = Duration::from_secs(2);
/// The same where it misses none that is known of.
const RARE_POLL: Duration = Duration::from_secs(300);

/// What changed since the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The names of files that were made, written, renamed or removed.
    pub(crate) names: BTreeSet<OsString>,
    /// Whether anything may have changed: events were lost, or the folder itself is gone.
    pub(crate) all: bool,
    /// Whether the folder itself was deleted or renamed. Its number may come again at once.
    pub(crate) lost: bool,
}

/// Which names are worth waking for.
type Interest = Arc<dyn Fn(&OsStr) -> bool + Send + Sync>;

/// Which of the things that happen to a file count as a change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attention {
    /// It was put there, or its writer has finished with it.
    Written,
    /// It also grew while its writer holds it open.
    Growing,
}

/// A folder by its device, its number and its birth.
type Identity = (u64, u64, Option<SystemTime>);

/// A watch on one folder.
pub(crate) struct FolderWatch {
    folder: PathBuf,
    attention: Attention,
    interest: Interest,
    source: Option<Source>,
    identity: Option<Identity>,
    lost: AtomicBool,
}

impl FolderWatch {
    /// Begins to watch, now or as soon as the folder is there. A file that is written in place
    /// is told of when its writer closes it.
    pub(crate) fn new(folder: &Path, interest: impl Fn(&OsStr) -> bool + Send + Sync + 'static) -> Self {
        Self::of(folder, Attention::Written, Arc::new(interest))
    }

    /// The same for logs, which grow while they are open.
    pub(crate) fn growing(folder: &Path, interest: impl Fn(&OsStr) -> bool + Send + Sync + 'static) -> Self {
        Self::of(folder, Attention::Growing, Arc::new(interest))
    }

    fn of(folder: &Path, attention: Attention, interest: Interest) -> Self {
        let folder = folder.to_owned();
        let lost = AtomicBool::new(false);
        let mut watch = Self { folder, attention, interest, source: None, identity: None, lost };
        watch.renew();
        watch
    }

    /// Waits for changes and takes them.
    pub(crate) async fn changed(&self) -> Changes {
        let Some(source) = &self.source else { return std::future::pending().await };
        let changes = source.changed().await;
        self.lost.fetch_or(changes.lost, Ordering::Relaxed);
        changes
    }

    /// How long may pass until the folder is looked at by itself.
    pub(crate) fn period(&self) -> Duration {
        if self.source.is_some() && source::tells_all(&self.folder) { RARE_POLL } else { SLOW_POLL }
    }

    /// Watches the folder that now has this path, if it is not the one that is watched. Says
    /// whether it was another, so that everything in it has to be read.
    pub(crate) fn renew(&mut self) -> bool {
        let found = std::fs::metadata(&self.folder).ok();
        let identity = found.map(|found| (found.dev(), found.ino(), found.created().ok()));
        let lost = self.lost.swap(false, Ordering::Relaxed);
        if identity == self.identity && !lost {
            return false;
        }
        self.identity = None;
        self.source = None;
        if identity.is_some() {
            match Source::begin(&self.folder, self.attention, self.interest.clone()) {
                Ok(source) => {
                    self.source = Some(source);
                    self.identity = identity;
                }
                // The slow poll still finds every change.
                Err(error) => tracing::warn!(%error, folder = %self.folder.display(), "cannot watch"),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test(flavor = "current_thread")]
    async fn a_folder_that_is_deleted_and_made_again_is_watched_again() {
        let base = tempfile::tempdir().expect("folder");
        let folder = base.path().join("state");
        fs::create_dir(&folder).expect("made");
        let mut watch = FolderWatch::new(&folder, |name| name != "other");
        fs::write(folder.join("other"), "1").expect("written");
        fs::write(folder.join("mine"), "1").expect("written");
        assert!(watch.changed().await.names.contains(OsStr::new("mine")));

        fs::remove_dir_all(&folder).expect("removed");
        while !watch.changed().await.all {}
        fs::create_dir(&folder).expect("made");
        assert!(watch.renew(), "it is another folder");
        fs::write(folder.join("again"), "1").expect("written");
        while !watch.changed().await.names.contains(OsStr::new("again")) {}
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "current_thread")]
    async fn readers_wake_nobody_and_a_file_in_the_making_wakes_only_who_follows_it() {
        use std::io::Write as _;

        let base = tempfile::tempdir().expect("folder");
        let path = base.path().join("log");
        let written = FolderWatch::new(base.path(), |_| true);
        let growing = FolderWatch::growing(base.path(), |_| true);
        let mut file = fs::File::create(&path).expect("made");
        for watch in [&written, &growing] {
            assert!(watch.changed().await.names.contains(OsStr::new("log")), "it was made");
        }
        file.write_all(b"more").expect("written");
        assert!(growing.changed().await.names.contains(OsStr::new("log")), "it grew");
        assert_eq!(fs::read(&path).expect("read"), b"more");
        // All that came before a mark is told before it or with it.
        fs::write(base.path().join("mark"), "").expect("written");
        let first = written.changed().await.names;
        assert!(!first.contains(OsStr::new("log")), "neither grown nor read: {first:?}");
        drop(file);
        while !written.changed().await.names.contains(OsStr::new("log")) {}
    }
}
