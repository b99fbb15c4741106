//! For how long the agents of a host that is lost may still be at work. Their own clocks count from
//! when the lease was asked for, ours from when it was answered: theirs always ends before ours.

use crate::clock::Unsleeping;

/// Added to every lease, for clocks that do not go alike and for a runner that is slow to stop.
const MARGIN_SECONDS: u32 = 5;
/// And one second more for so many: two clocks that are being put right may drift apart by a thousandth.
const SECONDS_PER_DRIFT: u32 = 1000;

/// The lease of one host's agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    seconds: u32,
    /// Agents may have been given as long as this allows, and not longer.
    counted_from: Unsleeping,
    is_linked: bool,
    is_told: bool,
}

impl Lease {
    /// A backend that begins does not know what the one before it answered: a whole lease may just
    /// have been given.
    pub(crate) fn new(seconds: u32, now: Unsleeping) -> Self {
        Self { seconds, counted_from: now, is_linked: false, is_told: false }
    }

    /// For how long agents may go on, counted from when they asked.
    pub(crate) const fn seconds(&self) -> u32 {
        self.seconds
    }

    /// A link stands: what is handed out over it may be as new as this.
    pub(crate) fn linked(&mut self, now: Unsleeping) {
        self.counted_from = self.counted_from.max(now);
        (self.is_linked, self.is_told) = (true, false);
    }

    /// A lease was answered.
    pub(crate) fn answered(&mut self, now: Unsleeping) {
        self.counted_from = self.counted_from.max(now);
    }

    /// The link is gone.
    pub(crate) fn lost(&mut self) {
        self.is_linked = false;
    }

    /// When no agent there works any more; none while the host is linked, or when that was told.
    pub(crate) fn ends_at(&self) -> Option<Unsleeping> {
        let waits = !self.is_linked && !self.is_told;
        let margin = MARGIN_SECONDS + self.seconds / SECONDS_PER_DRIFT;
        waits.then(|| self.counted_from.plus_seconds(self.seconds.saturating_add(margin)))
    }

    /// Whether it is over by now; said once for every loss.
    pub(crate) fn is_over(&mut self, now: Unsleeping) -> bool {
        let over = self.ends_at().is_some_and(|end| end <= now);
        self.is_told |= over;
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Unsleeping {
        Unsleeping(seconds * 1000)
    }

    #[test]
    fn a_lease_ends_later_here_than_there_and_once() {
        let mut lease = Lease::new(60, at(0));
        lease.linked(at(10));
        lease.answered(at(30));
        assert_eq!(lease.ends_at(), None, "linked");
        assert!(!lease.is_over(at(1000)), "a host that answers is not lost");
        lease.lost();
        assert_eq!(lease.ends_at(), Some(at(95)), "60 s from the answer, and the margin");
        assert!(!lease.is_over(at(94)));
        assert!(lease.is_over(at(95)));
        assert!(!lease.is_over(at(96)), "told once");
        lease.linked(at(200));
        lease.lost();
        assert_eq!(lease.ends_at(), Some(at(265)), "work may have been handed out over the new link");
    }

    #[test]
    fn a_backend_that_begins_counts_a_whole_lease() {
        let mut lease = Lease::new(60, at(500));
        assert!(!lease.is_over(at(564)));
        assert!(lease.is_over(at(565)), "also of a host that it never reached");
        let day = Lease::new(86_400, at(0));
        assert_eq!(day.ends_at(), Some(at(86_400 + 5 + 86)), "clocks drift apart in a long one");
    }
}
