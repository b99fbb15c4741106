//! The open run: followed for as long as it is open, found again when its backend was gone.
//!
//! Nothing here knows Tauri. [`follow`] is given where a run comes from and where to tell of it.

use std::future::Future;
use std::time::Duration;

use miyabi_api::{ApiError, Event, Notice, RunPhase, RunSnapshot};
use tokio::sync::mpsc;

/// How often a backend that is gone is looked for.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// A run as it is, and what happens from then on. The receiver ends with the backend.
pub(crate) type Subscription = (RunSnapshot, mpsc::Receiver<Event>);

/// Where a run comes from.
pub(crate) trait RunSource: Send + Sync {
    /// Reaches the backend and subscribes.
    fn subscribe(&self) -> impl Future<Output = Result<Subscription, ApiError>> + Send;
}

/// What is told of the open run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    /// Something happened.
    Event(Box<Event>),
    /// Its backend is gone.
    Lost,
    /// Its backend is back, or another one in its place.
    Back(Box<RunSnapshot>),
}

/// Tells of a run from its subscription on, for ever: it ends by being dropped.
pub(crate) async fn follow<S: RunSource>(
    source: S,
    mut events: mpsc::Receiver<Event>,
    mut tell: impl FnMut(Told),
) {
    loop {
        while let Some(event) = events.recv().await {
            tell(Told::Event(Box::new(event)));
        }
        tell(Told::Lost);
        let (snapshot, fresh) = reach_again(&source).await;
        events = fresh;
        tell(Told::Back(Box::new(snapshot)));
    }
}

async fn reach_again<S: RunSource>(source: &S) -> Subscription {
    loop {
        tokio::time::sleep(RETRY_EVERY).await;
        match source.subscribe().await {
            Ok(subscription) => return subscription,
            Err(error) => tracing::debug!(%error, "the backend is still gone"),
        }
    }
}

/// What the desktop itself keeps in mind of the open run: where it stands, for menus and the
/// farewell, and which notices were already told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    /// The run.
    pub(crate) run_id: String,
    /// Its tmux session.
    pub(crate) session: String,
    /// Where it stands.
    pub(crate) phase: RunPhase,
    last_notice: u32,
}

impl Memory {
    /// A run that was just opened: what happened before is shown in the window, not told again.
    pub(crate) fn of(snapshot: &RunSnapshot) -> Self {
        Self {
            run_id: snapshot.run.run_id.clone(),
            session: snapshot.run.session.clone(),
            phase: snapshot.run.phase,
            last_notice: snapshot.notices.iter().map(|notice| notice.id).max().unwrap_or(0),
        }
    }

    /// Takes in what was told, and gives back the notices that are new.
    pub(crate) fn take(&mut self, told: &Told) -> Vec<Notice> {
        match told {
            Told::Lost => Vec::new(),
            Told::Back(snapshot) => self.catch_up(snapshot),
            Told::Event(event) => match &**event {
                Event::Notice(notice) => self.fresh(std::slice::from_ref(notice)),
                Event::Changed(patch) => {
                    self.phase = patch.run.phase;
                    self.fresh(&patch.notices)
                }
            },
        }
    }

    /// Takes in the run whole, and gives back the notices that were missed. Another run in the
    /// place of this one starts afresh.
    pub(crate) fn catch_up(&mut self, snapshot: &RunSnapshot) -> Vec<Notice> {
        if snapshot.run.run_id != self.run_id {
            *self = Self::of(snapshot);
        }
        self.phase = snapshot.run.phase;
        self.fresh(&snapshot.notices)
    }

    /// A notice comes by an event of its own and in a patch: the first one counts.
    fn fresh(&mut self, notices: &[Notice]) -> Vec<Notice> {
        let fresh: Vec<Notice> =
            notices.iter().filter(|notice| notice.id > self.last_notice).cloned().collect();
        self.last_notice = fresh.iter().map(|notice| notice.id).fold(self.last_notice, u32::max);
        fresh
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
pub(crate) mod tests;
