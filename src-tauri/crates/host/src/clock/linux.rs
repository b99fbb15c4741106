//! A timer of the kernel's boot-time clock: it also rings when its time passed in sleep, and wakes
//! nobody before.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::boot_millis;

/// Rings at a time of [`boot_millis`].
pub(crate) struct BootTimer {
    timer: AsyncFd<OwnedFd>,
    at: Option<u64>,
}

impl BootTimer {
    /// A timer that is not set. Must be called within a tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        #[expect(deprecated, reason = "safe here: what it warns of are types that lend changing descriptors")]
        let timer = AsyncFd::new(timer)?;
        Ok(Self { timer, at: None })
    }

    /// Sets it anew; none for never.
    pub(crate) fn set(&mut self, at: Option<u64>) {
        self.at = at;
        let millis = at.map_or(0, |at| at.max(1));
        let value = Timespec {
            tv_sec: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(millis % 1_000 * 1_000_000).unwrap_or(0),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        if let Err(error) = timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once) {
            tracing::error!(%error, "a timer cannot be set");
        }
    }

    /// Returns when its time has come, and again at once until it is set anew. Loses nothing when
    /// cancelled.
    pub(crate) async fn rings(&self) {
        let Some(at) = self.at else { return std::future::pending().await };
        while boot_millis() < at {
            let Ok(mut ready) = self.timer.readable().await else { return std::future::pending().await };
            // Nothing is read from it: setting it anew takes back what it has to say.
            ready.clear_ready();
        }
    }
}
