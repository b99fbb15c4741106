//! Watches a folder for changes to its files. The folder is watched and not the files, because
//! every atomic write makes a file anew.
//!
//! A watch can be lost (a full event queue, a folder that is deleted and made again): whoever
//! uses this also looks by itself every [`SLOW_POLL`], and calls [`FolderWatch::renew`] then.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// How often a folder is looked at although no change was seen.
pub(crate) const SLOW_POLL: Duration = Duration::from_secs(2);

/// What changed since the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The names of files that were made, written, renamed or removed.
    pub(crate) names: BTreeSet<OsString>,
    /// Whether anything may have changed: events were lost, or the folder itself is gone.
    pub(crate) all: bool,
}

#[derive(Default)]
struct Shared {
    changes: Mutex<Changes>,
    wake: Notify,
    /// Whether the watched folder was deleted or renamed. Its number may come again at once.
    lost: AtomicBool,
}

/// A folder by its device, its number and its birth.
type Identity = (u64, u64, Option<SystemTime>);

/// A watch on one folder.
pub(crate) struct FolderWatch {
    folder: PathBuf,
    interest: Arc<dyn Fn(&OsStr) -> bool + Send + Sync>,
    watcher: Option<RecommendedWatcher>,
    identity: Option<Identity>,
    shared: Arc<Shared>,
}

impl FolderWatch {
    /// Begins to watch, now or as soon as the folder is there.
    pub(crate) fn new(folder: &Path, interest: impl Fn(&OsStr) -> bool + Send + Sync + 'static) -> Self {
        let mut watch = Self {
            folder: folder.to_owned(),
            interest: Arc::new(interest),
            watcher: None,
            identity: None,
            shared: Arc::default(),
        };
        watch.renew();
        watch
    }

    /// Waits for changes and takes them.
    pub(crate) async fn changed(&self) -> Changes {
        loop {
            let changes = std::mem::take(&mut *self.shared.lock());
            if changes != Changes::default() {
                return changes;
            }
            self.shared.wake.notified().await;
        }
    }

    /// Watches the folder that now has this path, if it is not the one that is watched. Says
    /// whether it was another, so that everything in it has to be read.
    pub(crate) fn renew(&mut self) -> bool {
        let found = std::fs::metadata(&self.folder).ok();
        let identity = found.map(|found| (found.dev(), found.ino(), found.created().ok()));
        let lost = self.shared.lost.swap(false, Ordering::Relaxed);
        if identity == self.identity && !lost {
            return false;
        }
        self.identity = None;
        self.watcher = None;
        if identity.is_some() {
            match self.start() {
                Ok(watcher) => {
                    self.watcher = Some(watcher);
                    self.identity = identity;
                }
                // The slow poll still finds every change.
                Err(error) => tracing::warn!(%error, folder = %self.folder.display(), "cannot watch"),
            }
        }
        true
    }

    fn start(&self) -> notify::Result<RecommendedWatcher> {
        let (shared, interest, folder) = (self.shared.clone(), self.interest.clone(), self.folder.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if shared.take_in(event, &folder, &*interest) {
                shared.wake.notify_one();
            }
        })?;
        watcher.watch(&self.folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether the event is worth waking for.
    fn take_in(
        &self,
        event: notify::Result<Event>,
        folder: &Path,
        interest: &(dyn Fn(&OsStr) -> bool + Send + Sync),
    ) -> bool {
        let Ok(event) = event else {
            self.lock().all = true;
            return true;
        };
        // Reading a file is an event too, and readers are many.
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        if event.kind.is_access() && event.kind != written {
            return false;
        }
        let mut changes = self.lock();
        if event.need_rescan() || event.paths.iter().any(|path| path == folder) {
            let gone = event.kind.is_remove() || matches!(event.kind, EventKind::Modify(ModifyKind::Name(_)));
            self.lost.fetch_or(gone, Ordering::Relaxed);
            changes.all = true;
            return true;
        }
        let before = changes.names.len();
        let names = event.paths.iter().filter_map(|path| path.file_name()).filter(|name| interest(name));
        changes.names.extend(names.map(OsStr::to_owned));
        changes.names.len() > before
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
}
