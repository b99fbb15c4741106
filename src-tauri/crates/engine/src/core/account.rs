//! Rate limits: they count for an account, and all agents that share it wait.

use miyabi_protocol::Timestamp;

use super::{Engine, Weakening};
use crate::fact::Fact;

/// The shortest rest where the program did not say when its limit ends, in seconds; doubled with
/// each further one.
const FIRST_REST_SECONDS: u32 = 30;
/// Where the limit's end is said, more than this is not believed, in seconds.
const LONGEST_REST_SECONDS: u32 = 8 * 24 * 3600;
/// From so many rests in a row on, a program that says that the limit is over is not believed.
const BELIEVED_IN_A_ROW: u32 = 2;

impl Engine {
    /// That an agent's account is at its limit; none where that is known, or it has no account.
    pub(super) fn rests(&self, agent: usize, until: Option<Timestamp>, why: &str) -> Option<Fact> {
        let account = self.state.account_of(agent)?;
        let known = self.state.account(account);
        let in_a_row = known.map_or(0, |rest| rest.in_a_row);
        let least = self.now.plus_seconds(self.rest_seconds(in_a_row));
        let said = until.filter(|until| *until > self.now);
        let said = said.map(|until| until.min(self.now.plus_seconds(LONGEST_REST_SECONDS)));
        let until = match said {
            Some(until) if in_a_row < BELIEVED_IN_A_ROW => until,
            Some(until) => until.max(least),
            None => least,
        };
        let resting = known.map(|rest| rest.until).filter(|until| *until > self.now);
        let is_news = match (resting, said) {
            (None, _) => true,
            // Others of the account come to its limit at the same time.
            (Some(_), None) => false,
            (Some(resting), Some(_)) => until > resting,
        };
        is_news.then(|| Fact::AccountRests { account: account.to_owned(), until, why: why.to_owned() })
    }

    fn rest_seconds(&self, in_a_row: u32) -> u32 {
        let longest = self.state.opening.plan.limits.back_off_max_seconds.max(FIRST_REST_SECONDS);
        (FIRST_REST_SECONDS << in_a_row.min(16)).min(longest)
    }

    /// Until when an agent's account lets it begin nothing.
    pub(super) fn account_bars(&self, agent: usize) -> Option<(&str, Timestamp)> {
        let account = self.state.account_of(agent)?;
        let next = self.state.account_starts_at(account)?;
        let bars = next > self.now && self.weakening != Some(Weakening::IgnoreRests);
        bars.then_some((account, next))
    }

    pub(super) fn next_account_start(&self) -> impl Iterator<Item = Timestamp> {
        (0..self.state.agents.len()).filter_map(|agent| Some(self.account_bars(agent)?.1))
    }
}
