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
    /// None is needed until one is heard of.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { until: None, timer: BootTimer::new()? })
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
