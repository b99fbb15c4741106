//! In which order ready tasks go. The engine and the forecast both ask here, so that the forecast
//! promises what the engine does.
//!
//! The hand-out itself, as both carry it out: ready tasks are looked at in this order. A task goes
//! to its own agent when that one is idle and its host has room; otherwise, with work stealing on,
//! to the first idle agent of its kind, in the plan's order, that has no ready task of its own and
//! whose host has room. A task's `host` binds it to that host.

use std::cmp::Ordering;

use crate::model::Order;

/// What decides when a ready task goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Lower goes first.
    pub priority: i32,
    /// The longest remaining path in seconds, its own estimate included; longer goes first.
    pub rank_seconds: f64,
    /// The task's place in the plan: decides between equal ones.
    pub index: usize,
}

/// Which of two ready tasks goes first: `Less` means `one`.
#[must_use]
pub fn compare(order: Order, one: &Standing, other: &Standing) -> Ordering {
    let priority = one.priority.cmp(&other.priority);
    let rank = other.rank_seconds.total_cmp(&one.rank_seconds);
    let index = one.index.cmp(&other.index);
    match order {
        Order::Priority => priority.then(rank).then(index),
        Order::CriticalPath => rank.then(priority).then(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(order: Order) -> Vec<usize> {
        let standing = |index, priority, rank_seconds| Standing { priority, rank_seconds, index };
        let mut all =
            [standing(0, 2, 90.0), standing(1, 1, 10.0), standing(2, 1, 50.0), standing(3, 1, 50.0)];
        all.sort_by(|one, other| compare(order, one, other));
        all.iter().map(|standing| standing.index).collect()
    }

    #[test]
    fn priority_then_rank_then_place_or_the_other_way_round() {
        assert_eq!(sorted(Order::Priority), [2, 3, 1, 0]);
        assert_eq!(sorted(Order::CriticalPath), [0, 2, 3, 1]);
    }
}
