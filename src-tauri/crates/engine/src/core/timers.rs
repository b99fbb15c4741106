//! Everything that happens because time has passed.

use miyabi_plan::{AttemptId, FailureCause};
use miyabi_protocol::Timestamp;

use super::Engine;
use super::places::HERE;
use super::seen::UNSURE_SECONDS;
use crate::fact::Fact;
use crate::state::{Attempt, AttemptPhase, Standing};

impl Engine {
    pub(super) fn next_timer(&self) -> Option<Timestamp> {
        if self.is_stopped || !self.is_listed(HERE) {
            return None;
        }
        let attempts = self.state.tasks.iter().enumerate().filter_map(|(index, task)| match task.standing {
            Standing::BackOff(until) => Some(until),
            Standing::Active => self.deadline(index, task.attempts.last()?),
            _ => None,
        });
        let rests = self.seen.agents.iter().flat_map(|seen| [seen.rests_until, seen.unsure_until]).flatten();
        let others = self.next_account_start().chain(self.rechecks()).chain(self.approval_timers());
        let others = others.chain(self.room_timers()).chain(self.look_timer());
        let others = others.chain(self.merge_timers()).chain(self.carry_timers());
        // What is due already was looked at; it waits for something else than time.
        attempts.chain(rests).chain(others).chain(self.stuck_at()).filter(|due| *due > self.now).min()
    }

    /// What runs had none of the time that the machine slept.
    pub(super) fn on_slept(&mut self, millis: i64) {
        let is_at_work = self.state.tasks.iter().any(|task| task.standing == Standing::Active);
        if millis > 0 && is_at_work {
            self.decide(Fact::Slept { millis });
        }
        let later = |since: Timestamp| since.plus_millis(millis.max(0)).min(self.now);
        self.quiet_since = self.quiet_since.map(later);
        for seen in &mut self.seen.agents {
            seen.busy_since = seen.busy_since.map(later);
        }
    }

    /// When an attempt has had its time; none while nothing is measured, as on a host that is lost.
    fn deadline(&self, task: usize, attempt: &Attempt) -> Option<Timestamp> {
        let plan = &self.state.opening.plan;
        let agent = self.state.agent_index(&attempt.agent)?;
        if !self.is_agent_listed(agent) {
            return None;
        }
        match attempt.phase {
            AttemptPhase::Offered => {
                // Counted from when BUSY was on the disk, not from when it was decided.
                Some(self.seen.agents[agent].busy_since?.plus_seconds(plan.limits.offer_seconds))
            }
            // While a person is asked, its time stands still.
            AttemptPhase::Running if attempt.waits_since.is_some() => None,
            AttemptPhase::Running => {
                let limit = attempt.started_at?.plus_seconds(plan.tasks[task].time_limit_seconds);
                Some(limit.plus_millis(attempt.stood_still_millis))
            }
            _ => None,
        }
    }

    pub(super) fn expire_timers(&mut self) {
        for seen in &mut self.seen.agents {
            seen.rests_until = seen.rests_until.filter(|until| *until > self.now);
            seen.unsure_until = seen.unsure_until.filter(|until| *until > self.now);
        }
        if !self.is_listed(HERE) {
            return;
        }
        self.expire_approvals();
        for (agent, attempt, phase) in self.overdue() {
            match phase {
                AttemptPhase::Offered => self.on_offer_not_taken(agent, &attempt),
                _ => self.on_time_limit(agent, &attempt),
            }
        }
    }

    fn overdue(&self) -> Vec<(usize, AttemptId, AttemptPhase)> {
        let active = self.state.tasks.iter().enumerate().filter_map(|(at, task)| Some((at, task.current()?)));
        let is_over = |(task, attempt): &(usize, &Attempt)| {
            self.deadline(*task, attempt).is_some_and(|due| due <= self.now)
        };
        active
            .filter(is_over)
            .filter_map(|(task, attempt)| {
                let id = AttemptId { task: self.state.tasks[task].id.clone(), number: attempt.number };
                Some((self.state.agent_index(&attempt.agent)?, id, attempt.phase))
            })
            .collect()
    }

    fn on_offer_not_taken(&mut self, agent: usize, attempt: &AttemptId) {
        let seconds = self.state.opening.plan.limits.offer_seconds;
        self.rest(agent);
        self.withdraw(agent, attempt, format!("not taken within {seconds} s"));
    }

    /// Takes an offer back. Should the agent take it at this very moment, its file will say so,
    /// and it is kept from other work until it shows its end.
    pub(super) fn withdraw(&mut self, agent: usize, attempt: &AttemptId, why: String) {
        self.stop_runner(agent, attempt, &why);
        self.decide(Fact::Withdrawn { attempt: attempt.clone(), why });
        self.take_offer_back(agent);
    }

    /// Writes IDLE over an offer, and waits a moment for what the agent's file says then.
    pub(super) fn take_offer_back(&mut self, agent: usize) {
        self.write_idle(agent);
        self.seen.agents[agent].unsure_until = Some(self.now.plus_seconds(UNSURE_SECONDS));
    }

    /// Leaves an agent alone for a while after an offer that came to nothing.
    pub(super) fn rest(&mut self, agent: usize) {
        let seconds = self.state.opening.plan.limits.offer_seconds;
        let seen = &mut self.seen.agents[agent];
        seen.refusals += 1;
        seen.rests_until = Some(self.now.plus_seconds(seconds));
    }

    fn on_time_limit(&mut self, agent: usize, attempt: &AttemptId) {
        let limit = self.state.opening.plan.task(&attempt.task).map_or(0, |task| task.time_limit_seconds);
        let error = format!("over its time limit of {limit} s");
        self.stop_runner(agent, attempt, &error);
        self.note_last_usage(attempt);
        let next = self.next_try(attempt);
        self.decide(Fact::AttemptFailed {
            attempt: attempt.clone(),
            cause: FailureCause::TimeLimit,
            error,
            evidence: None,
            next,
            drains: true,
        });
    }
}
