//! A folder's changes from whatever the system has, as FSEvents on macOS.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::{Attention, Changes, Interest};

/// One watched folder.
pub(super) struct Source {
    shared: Arc<Shared>,
    _watcher: RecommendedWatcher,
}

#[derive(Default)]
struct Shared {
    changes: Mutex<Changes>,
    wake: Notify,
}

impl Source {
    /// Begins to watch. These systems tell of growth as of any other change.
    pub(super) fn begin(folder: &Path, _attention: Attention, interest: Interest) -> notify::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (told, of) = (shared.clone(), folder.to_owned());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if told.take_in(event, &of, &*interest) {
                told.wake.notify_one();
            }
        })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self { shared, _watcher: watcher })
    }

    /// Waits for changes of interest and takes them. Loses nothing when cancelled.
    pub(super) async fn changed(&self) -> Changes {
        loop {
            let changes = std::mem::take(&mut *self.shared.lock());
            if changes != Changes::default() {
                return changes;
            }
            self.shared.wake.notified().await;
        }
    }
}

/// Whether every change of a folder is told: not known of these systems.
pub(super) fn tells_all(_folder: &Path) -> bool {
    false
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
            changes.lost |= gone;
            changes.all = true;
            return true;
        }
        let before = changes.names.len();
        let names = event.paths.iter().filter_map(|path| path.file_name()).filter(|name| interest(name));
        changes.names.extend(names.map(OsStr::to_owned));
        changes.names.len() > before
    }
}
