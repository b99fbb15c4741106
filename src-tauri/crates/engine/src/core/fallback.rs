//! A program that cannot work, whatever it is given: others stand in for it, and after a while one
//! task tries whether it is back.

use miyabi_plan::{AttemptId, FailureCause, RunnerKind};
use miyabi_protocol::Timestamp;

use super::Engine;
use crate::fact::{Fact, NextTry};
use crate::state::LostRunner;

/// The longest pause between two trials, in ms.
const LONGEST_PAUSE_MILLIS: i64 = 30 * 60 * 1000;

impl Engine {
    /// What follows a failure that is the program's: the task is tried again without a try being
    /// spent, and after so many in a row the program counts as lost.
    pub(super) fn program_failed(
        &self,
        runner: RunnerKind,
        attempt: &AttemptId,
        cause: FailureCause,
        why: &str,
    ) -> (NextTry, Option<Fact>) {
        let fallback = &self.state.opening.plan.fallback;
        let lost = |pause: i64| {
            let recheck_at = self.now.plus_millis(pause);
            Some(Fact::RunnerLost { runner, cause: Some(cause), why: why.to_owned(), recheck_at })
        };
        if let Some(known) = self.state.lost_runner(runner) {
            let is_trial = known.trial.as_ref() == Some(attempt);
            return (NextTry::Free, if is_trial { lost(known.pause_millis) } else { None });
        }
        let count = self.state.failures_in_a_row(runner) + 1;
        if count >= fallback.after_failures.max(1) {
            return (NextTry::Free, lost(i64::from(fallback.recheck_seconds.max(1)) * 1000));
        }
        (NextTry::After { time: self.now.plus_millis(self.back_off_millis(count - 1, attempt)) }, None)
    }

    /// Whether an agent's program is lost, and it is not yet time to try it, or another one tries.
    pub(super) fn is_runner_barred(&self, agent: usize) -> bool {
        let lost = self.state.lost_runner(self.state.agents[agent].runner);
        lost.is_some_and(|lost| lost.trial.is_some() || lost.recheck_at > self.now)
    }

    /// Said before an attempt by a lost program is handed out: it is the one that tries.
    pub(super) fn begin_trial(&mut self, agent: usize) {
        let runner = self.state.agents[agent].runner;
        let Some(lost) = self.state.lost_runner(runner) else { return };
        let pause = lost.pause_millis.saturating_mul(2).min(LONGEST_PAUSE_MILLIS.max(lost.pause_millis));
        self.decide(Fact::RunnerTried { runner, recheck_at: self.now.plus_millis(pause) });
    }

    /// Whether the program of a task's own agent is lost, and nothing tries it.
    pub(super) fn is_own_runner_lost(&self, task: usize) -> bool {
        self.lost_by(task).is_some_and(|lost| lost.trial.is_none())
    }

    fn lost_by(&self, task: usize) -> Option<&LostRunner> {
        let own = self.own_agent(task)?;
        self.state.lost_runner(self.state.agents[own].runner)
    }

    /// A person who retries a task that waits for a lost program has mended it, or hopes so.
    pub(super) fn try_runner_now(&mut self, task: usize) {
        if let Some(lost) = self.lost_by(task).cloned() {
            let LostRunner { runner, cause, why, .. } = lost;
            self.decide(Fact::RunnerLost { runner, cause, why, recheck_at: self.now });
        }
    }

    /// A model answered in this attempt: its program works.
    pub(super) fn answers(&mut self, attempt: &AttemptId) {
        let back = self.state.lost_runners().iter().find(|lost| lost.trial.as_ref() == Some(attempt));
        if let Some(runner) = back.map(|lost| lost.runner) {
            self.decide(Fact::RunnerBack { runner });
        }
    }

    /// An agent came to the end of its work, trial or not: its program works.
    pub(super) fn program_works(&mut self, agent: usize) {
        let runner = self.state.agents[agent].runner;
        if self.state.lost_runner(runner).is_some() {
            self.decide(Fact::RunnerBack { runner });
        }
    }

    pub(super) fn rechecks(&self) -> impl Iterator<Item = Timestamp> {
        self.state.lost_runners().iter().map(|lost| lost.recheck_at)
    }

    /// Whether a program that cannot work may be back without a person.
    pub(super) fn may_a_runner_return(&self) -> bool {
        let lost = self.state.lost_runners().iter();
        lost.filter(|lost| lost.may_return_by_itself()).any(|lost| lost.recheck_at > self.now)
    }
}
