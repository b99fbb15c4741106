//! How long the agent may work without a word from its backend, where there is a limit at all.

use std::io;

use crate::clock::{BootTimer, boot_millis};

/// The lease of one runner.
pub(crate) struct Lease {
    /// By the boot-time clock; none when none was ever heard of.
    until: Option<u64>,
    timer: BootTimer,
}

impl Lease {
    /// One that is needed was over before it began: what is offered before the first grant is not begun,
    /// for the link may die in between, and then nobody would ever end it. Where none is needed, none is
    /// until one is heard of.
    pub(crate) fn new(is_needed: bool) -> io::Result<Self> {
        Ok(Self { until: is_needed.then_some(0), timer: BootTimer::new()? })
    }

    /// Whether the first one is still to come.
    pub(crate) fn is_awaited(&self) -> bool {
        self.until == Some(0)
    }

    /// A word of an earlier helper may come after that of a later one: the longest counts.
    pub(crate) fn renew(&mut self, until: u64) {
        self.until = self.until.max(Some(until));
        self.timer.set(self.until);
    }

    /// Whether no work may be begun.
    pub(crate) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| boot_millis() >= until)
    }

    /// Returns when it is over, until it is put to [`Lease::rest`].
    pub(crate) async fn over(&self) {
        self.timer.rings().await;
    }

    /// Its end was heard; the next one is that of the next lease.
    pub(crate) fn rest(&mut self) {
        self.timer.set(None);
    }
}
