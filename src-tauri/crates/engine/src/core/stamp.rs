//! What a runner adds to its agent's status file: session, use, and how it failed.

use miyabi_plan::{AttemptId, FailureCause, Usd};
use miyabi_protocol::{AgentStatus, Failure, MiyabiStamp, StatusFile, Usage};

use super::Engine;
use super::prompt::shorten;
use crate::fact::{Claim, Fact};

/// How far apart figures of use are journaled while an attempt goes on, in seconds.
const SPENT_EVERY_SECONDS: u32 = 10;
/// A longer text is no session's id, in bytes.
const LONGEST_SESSION: usize = 300;

impl Engine {
    /// Takes in what the file says of an attempt by an agent with a model, whether the attempt
    /// still counts or not: what it used was used.
    pub(super) fn read_stamp(&mut self, agent: usize, file: &StatusFile) {
        let Some(stamp) = file.miyabi.as_ref().filter(|stamp| stamp.run_id == self.state.opening.run_id)
        else {
            return;
        };
        let task = file.task_id.as_deref().and_then(|task| task.parse().ok());
        let Some(task) = task.filter(|_| self.state.agents[agent].runner.has_model()) else { return };
        let id = AttemptId { task, number: stamp.attempt };
        let Some(attempt) = self.state.attempt(&id).filter(|it| it.agent == self.state.agents[agent].id)
        else {
            return;
        };
        let is_first_session = attempt.session.is_none();
        if let Some(session) =
            stamp.session.as_ref().filter(|session| is_first_session && is_session(session))
        {
            self.decide(Fact::SessionKnown { attempt: id.clone(), session: session.clone() });
        }
        let seen = &mut self.seen.agents[agent];
        seen.activity = stamp.activity.as_deref().map(|activity| shorten(activity, 300));
        seen.usage =
            stamp.usage.map(|usage| (id, usage, stamp.model.as_deref().map(|model| shorten(model, 200))));
        let is_end = file.status != AgentStatus::InProgress;
        self.note_usage(agent, if is_end { Moment::End } else { Moment::Midst });
    }

    /// What an attempt used until now is journaled with its end, whatever that is.
    pub(super) fn note_last_usage(&mut self, attempt: &AttemptId) {
        let Some(agent) = self.state.attempt(attempt).map(|attempt| attempt.agent.clone()) else { return };
        if let Some(agent) = self.state.agent_index(&agent) {
            self.note_usage(agent, Moment::End);
        }
    }

    /// Before more is spent, all that is known to be spent counts.
    pub(super) fn note_all_usage(&mut self) {
        for agent in 0..self.state.agents.len() {
            self.note_usage_of(agent);
        }
    }

    /// What an agent used until now, as far as it was told.
    pub(super) fn note_usage_of(&mut self, agent: usize) {
        self.note_usage(agent, Moment::End);
    }

    fn note_usage(&mut self, agent: usize, moment: Moment) {
        let Some((id, usage, model)) = self.seen.agents[agent].usage.clone() else { return };
        let Some(attempt) = self.state.attempt(&id) else { return };
        let figure = never_less(self.priced(agent, usage, model.as_deref()), attempt.usage);
        let is_due = attempt.spent_at.is_none_or(|at| at.plus_seconds(SPENT_EVERY_SECONDS) <= self.now);
        if figure == attempt.usage || (moment == Moment::Midst && !is_due) {
            return;
        }
        let has_answered = figure.output_tokens > attempt.usage.output_tokens;
        self.decide(Fact::Spent { attempt: id.clone(), usage: figure, model });
        if has_answered {
            self.answers(&id);
        }
    }

    /// The use as it was last seen, with its cost from the plan's price table where the program
    /// names none.
    fn priced(&self, agent: usize, usage: Usage, model: Option<&str>) -> Usage {
        let plan = &self.state.opening.plan;
        let named = model.or_else(|| plan.agents.get(agent)?.model.as_deref());
        let by_table =
            |model| plan.prices.cost(model, usage.input_tokens, usage.cached_tokens, usage.output_tokens);
        Usage { cost: usage.cost.or_else(|| named.and_then(by_table)), ..usage }
    }

    /// What an agent claims with FAILED. Only a runner of ours is believed when it says why.
    pub(super) fn failed_claim(&self, agent: usize, file: &StatusFile) -> Claim {
        let failure = file.miyabi.as_ref().and_then(|stamp: &MiyabiStamp| stamp.failure);
        let has_leases = self.state.opening.plan.failover.lease_seconds().is_some();
        let is_known = |failure: &Failure| {
            is_a_runners(failure) && (has_leases || failure.cause != FailureCause::HostLost)
        };
        let failure = failure.filter(|failure| self.state.agents[agent].is_ours() && is_known(failure));
        Claim::Failed {
            errors: file.errors.clone(),
            cause: failure.map(|failure| failure.cause),
            until: failure.and_then(|failure| failure.until),
        }
    }

    pub(super) fn completed_claim(&self, agent: usize, file: &StatusFile) -> Claim {
        let words = file.miyabi.as_ref().and_then(|stamp| stamp.activity.as_deref());
        let words =
            words.filter(|words| self.state.agents[agent].runner.has_model() && !words.trim().is_empty());
        let summary = words.map(|words| shorten(words, 1_000));
        Claim::Completed { output_files: file.output_files.clone(), summary }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Midst,
    End,
}

/// What was used stays used, whatever is said later.
fn never_less(usage: Usage, before: Usage) -> Usage {
    let cost = match (usage.cost, before.cost) {
        (Some(now), Some(before)) => Some::<Usd>(now.max(before)),
        (now, before) => now.or(before),
    };
    Usage {
        input_tokens: usage.input_tokens.max(before.input_tokens),
        cached_tokens: usage.cached_tokens.max(before.cached_tokens),
        output_tokens: usage.output_tokens.max(before.output_tokens),
        cost,
    }
}

fn is_session(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_SESSION && !text.chars().any(char::is_control)
}

/// Whether a runner can know this cause: what a person did, it cannot.
const fn is_a_runners(failure: &Failure) -> bool {
    use FailureCause::{Cancelled, Reassigned, Stopped};
    !matches!(failure.cause, Cancelled | Reassigned | Stopped)
}
