//! What the threads of one process used, and when the account's limits end.

use std::collections::BTreeMap;

use miyabi_protocol::{Timestamp, Usage};
use serde_json::Value;

use super::{shortened, text, usage};

/// How many threads' use is counted: its own, and those of agents that it starts itself.
const MAX_THREADS: usize = 64;

/// The account of one process.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// The use of every thread, by its id.
    used: BTreeMap<String, Usage>,
    /// When the limits that are used up end.
    limit_until: Option<Timestamp>,
}

impl Account {
    /// Takes `thread/tokenUsage/updated`, and gives what all threads used together.
    pub(super) fn count(&mut self, params: &Value) -> Option<Usage> {
        let totals = params.get("tokenUsage")?.get("total")?;
        let thread = shortened(text(params, "threadId"));
        if self.used.len() < MAX_THREADS || self.used.contains_key(&thread) {
            self.used.insert(thread, usage(totals));
        }
        Some(self.used.values().fold(Usage::default(), |sum, one| sum.plus(one)))
    }

    /// Takes `account/rateLimits/updated`, which comes before the failure that a limit causes.
    pub(super) fn limits(&mut self, params: &Value) {
        let limits = params.get("rateLimits").unwrap_or(&Value::Null);
        let windows = ["primary", "secondary"].iter().filter_map(|window| limits.get(window));
        let used_up =
            windows.filter(|window| window.get("usedPercent").and_then(Value::as_f64) >= Some(100.0));
        let ends = used_up.filter_map(|window| window.get("resetsAt").and_then(Value::as_i64));
        let latest = ends.max().map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
        self.limit_until = latest.or(self.limit_until);
    }

    /// When the limits end that are used up, if that is still to come.
    pub(super) fn limit_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.limit_until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_latest_limit_that_is_used_up_counts() {
        let mut account = Account::default();
        let limits = |primary: f64, secondary: f64| {
            json!({"rateLimits": {
                "primary": {"usedPercent": primary, "resetsAt": 100},
                "secondary": {"usedPercent": secondary, "resetsAt": 900},
            }})
        };
        let until = |account: &Account, now| {
            account.limit_until(Timestamp::from_millis(now)).map(Timestamp::as_millis)
        };
        account.limits(&limits(99.0, 50.0));
        assert_eq!(until(&account, 0), None);
        account.limits(&limits(100.0, 50.0));
        assert_eq!(until(&account, 0), Some(100_000));
        account.limits(&limits(100.0, 100.0));
        assert_eq!(until(&account, 0), Some(900_000));
        assert_eq!(until(&account, 900_000), None, "it is over");
    }

    #[test]
    fn no_more_threads_are_counted_than_are_remembered() {
        let mut account = Account::default();
        let count = |thread: usize| json!({"threadId": thread.to_string(), "tokenUsage": {"total": {"inputTokens": 1}}});
        let sums: Vec<Option<Usage>> =
            (0..MAX_THREADS * 2).map(|thread| account.count(&count(thread))).collect();
        let last = sums.last().copied().flatten().map(|used| used.input_tokens);
        assert_eq!(last, Some(MAX_THREADS as u64));
        assert_eq!(account.count(&json!({})), None);
    }
}
