//! A timer by the clock that goes on in sleep, where the system has none to wait for: it looks again
//! now and then.

use std::io;
use std::time::Duration;

use super::{boot_millis, sleep};

/// How late it may ring after a sleep of the machine.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Rings at a time of [`boot_millis`].
pub(crate) struct BootTimer {
    at: Option<u64>,
}

impl BootTimer {
    /// A timer that is not set.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { at: None })
    }

    /// Sets it anew; none for never.
    pub(crate) fn set(&mut self, at: Option<u64>) {
        self.at = at;
    }

    /// Returns when its time has come, and again at once until it is set anew. Loses nothing when
    /// cancelled.
    pub(crate) async fn rings(&self) {
        let Some(at) = self.at else { return std::future::pending().await };
        loop {
            let left = at.saturating_sub(boot_millis());
            if left == 0 {
                return;
            }
            sleep(Duration::from_millis(left).min(LOOK_AGAIN)).await;
        }
    }
}
