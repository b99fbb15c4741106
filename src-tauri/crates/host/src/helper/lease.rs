//! Asks for the leases of this host's agents, and counts them from the asking: theirs then ends before
//! that of the backend, which counts from its answer.

use std::collections::VecDeque;
use std::io;

use miyabi_protocol::link::Report;

use super::host::Reports;
use crate::clock::{BootTimer, boot_millis};

/// How often a lease is asked for while one lasts.
const ASKED_PER_LEASE: u64 = 4;
/// How many questions may be without an answer.
const KEPT: usize = 16;

/// The leases of one link; of no use where agents go on for ever.
pub(crate) struct Leases {
    seconds: Option<u32>,
    timer: BootTimer,
    /// Tokens, and when they were asked with.
    asked: VecDeque<(u32, u64)>,
    next: u32,
}

impl Leases {
    pub(crate) fn new(seconds: Option<u32>) -> io::Result<Self> {
        let seconds = seconds.filter(|seconds| *seconds > 0);
        Ok(Self { seconds, timer: BootTimer::new()?, asked: VecDeque::new(), next: 1 })
    }

    /// Asks, and sets the time for the next asking.
    pub(crate) fn ask(&mut self, reports: &Reports) {
        let Some(seconds) = self.seconds else { return };
        let (token, now) = (self.next, boot_millis());
        self.next = self.next.wrapping_add(1);
        self.asked.push_back((token, now));
        if self.asked.len() > KEPT {
            self.asked.pop_front();
        }
        self.timer.set(Some(now + u64::from(seconds) * 1_000 / ASKED_PER_LEASE));
        reports.send(&Report::LeaseAsked { token });
    }

    /// Returns when it is time to ask.
    pub(crate) async fn due(&self) {
        self.timer.rings().await;
    }

    /// Until when agents may go on; none for an answer to a question that was not asked.
    pub(crate) fn granted(&mut self, token: u32, seconds: u32) -> Option<u64> {
        let place = self.asked.iter().position(|(asked, _)| *asked == token)?;
        // An answer to an earlier question is worth less.
        let asked_at = self.asked.drain(..=place).next_back()?.1;
        Some(asked_at + u64::from(seconds) * 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_lease_counts_from_its_asking_and_is_granted_once() {
        let mut leases = Leases::new(Some(60)).expect("a timer");
        leases.asked.extend([(1, 1_000), (2, 16_000), (3, 31_000)]);
        assert_eq!(leases.granted(2, 60), Some(76_000));
        assert_eq!(leases.granted(2, 60), None, "twice");
        assert_eq!(leases.granted(1, 60), None, "late");
        assert_eq!(leases.granted(9, 60), None, "never asked");
        assert_eq!(leases.granted(3, 60), Some(91_000));
    }
}
