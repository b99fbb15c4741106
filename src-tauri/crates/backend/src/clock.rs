//! The one place of this crate that reads clocks.

use miyabi_protocol::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// On macOS this clock goes on while the machine sleeps; on Linux it does not, and another one does.
#[cfg(not(target_os = "linux"))]
const UNSLEEPING: ClockId = ClockId::Monotonic;
/// As the name says.
#[cfg(target_os = "linux")]
const UNSLEEPING: ClockId = ClockId::Boottime;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this module owns the clocks of the backend")]
pub(crate) fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

/// A point on a clock that nobody sets, and that goes on while the machine sleeps; in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unsleeping(pub(crate) u64);

impl Unsleeping {
    /// Later by so many seconds.
    pub(crate) fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0 + u64::from(seconds) * 1000)
    }

    /// How many milliseconds it is until this point; none when it is over.
    pub(crate) fn millis_after(self, now: Self) -> u64 {
        self.0.saturating_sub(now.0)
    }
}

/// The time on that clock.
pub(crate) fn unsleeping() -> Unsleeping {
    let time = clock_gettime(UNSLEEPING);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    Unsleeping(seconds * 1000 + nanos / 1_000_000)
}
