//! The one place that reads clocks and sleeps.
//!
//! Two clocks: the wall clock, for what people and files are told, and the boot-time clock, which nobody
//! sets and which goes on while the machine sleeps: promises between machines are counted by it.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use miyabi_protocol::Timestamp;
use rustix::time::{ClockId, clock_gettime};

#[cfg_attr(target_os = "linux", path = "clock/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "clock/elsewhere.rs")]
mod boot_timer;

pub(crate) use boot_timer::BootTimer;

/// For tests alone: moves the wall clock of a helper or a runner by so many milliseconds, so that a host
/// whose clock is wrong can be played.
const OFFSET_VARIABLE: &str = "MIYABI_CLOCK_OFFSET_MS";

static OFFSET: LazyLock<i64> = LazyLock::new(|| {
    std::env::var(OFFSET_VARIABLE).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
});

/// What the wall clock shows.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this module is the crate's one clock")]
    let now = SystemTime::now();
    let offset = Duration::from_millis(OFFSET.unsigned_abs());
    let moved = if *OFFSET < 0 { now.checked_sub(offset) } else { now.checked_add(offset) };
    moved.unwrap_or(now).into()
}

/// Milliseconds since the machine started, with those in which it slept.
///
/// Linux counts sleep in `CLOCK_BOOTTIME` alone (clock_gettime(2)); macOS does in `CLOCK_MONOTONIC`, which
/// "will continue to increment while the system is asleep" (clock_gettime(3)).
pub(crate) fn boot_millis() -> u64 {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    // Neither is ever negative on a clock that began at 0.
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

/// Sleeps by the clock of tokio, which stands still while the machine sleeps.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_timer_rings_at_its_time_and_not_at_one_that_was_put_off() {
        let begun = boot_millis();
        let mut timer = BootTimer::new().expect("a timer");
        timer.set(Some(begun + 10));
        timer.set(Some(begun + 60));
        timer.rings().await;
        assert!(boot_millis() >= begun + 60);
        timer.set(Some(begun));
        timer.rings().await;
        timer.set(None);
        assert!(tokio::time::timeout(Duration::from_millis(30), timer.rings()).await.is_err());
    }
}
