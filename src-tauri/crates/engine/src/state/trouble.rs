//! Accounts at their rate limits, runners that cannot work, and who stands in for whom.

use miyabi_plan::{AgentId, AttemptId, FailureCause, RunnerKind, TaskId};
use miyabi_protocol::Timestamp;

use super::{Attempt, RunState, TaskState};

/// An account that was at its rate limit.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountRest {
    /// Until when none of its agents begins.
    pub until: Timestamp,
    /// For people.
    pub why: String,
    /// How often in a row it came to its limit, without a word from a model in between.
    pub in_a_row: u32,
    /// How many of its agents began since.
    starts: u32,
    last_start: Option<Timestamp>,
}

/// A runner whose agents cannot work.
#[derive(Debug, Clone, PartialEq)]
pub struct LostRunner {
    /// Which.
    pub runner: RunnerKind,
    /// Why, for programs.
    pub cause: Option<FailureCause>,
    /// For people.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// When one task tries whether it is back.
    pub recheck_at: Timestamp,
    /// The attempt that tries it now.
    pub trial: Option<AttemptId>,
    /// Whether the next attempt by it is the one that tries.
    awaits_trial: bool,
    /// How long it was left alone before.
    pub(crate) pause_millis: i64,
}

impl LostRunner {
    /// Whether time alone may bring it back. A program that is not installed or not logged in waits
    /// for a person.
    #[must_use]
    pub const fn may_return_by_itself(&self) -> bool {
        !matches!(self.cause, Some(FailureCause::NotInstalled | FailureCause::NotLoggedIn))
    }
}

impl RunState {
    /// Runners whose agents cannot work now.
    #[must_use]
    pub fn lost_runners(&self) -> &[LostRunner] {
        &self.lost
    }

    /// A runner that cannot work now.
    #[must_use]
    pub fn lost_runner(&self, runner: RunnerKind) -> Option<&LostRunner> {
        self.lost.iter().find(|lost| lost.runner == runner)
    }

    /// How many attempts in a row failed because of the program and not of the task.
    pub(crate) fn failures_in_a_row(&self, runner: RunnerKind) -> u32 {
        self.program_failures.get(&runner).copied().unwrap_or_default()
    }

    /// The account that an agent works on; none without a model behind it.
    #[must_use]
    pub fn account_of(&self, agent: usize) -> Option<&str> {
        let runner = self.agents.get(agent)?.runner;
        let planned = self.opening.plan.agents.get(agent).filter(|_| runner.has_model())?;
        Some(if planned.account.is_empty() { runner.word() } else { &planned.account })
    }

    /// The account of this name, if it ever was at its rate limit.
    #[must_use]
    pub fn account(&self, account: &str) -> Option<&AccountRest> {
        self.accounts.get(account)
    }

    /// Accounts that rest at this time, with the end of their rest.
    pub fn resting_accounts(&self, now: Timestamp) -> impl Iterator<Item = (&str, &AccountRest)> {
        self.accounts
            .iter()
            .filter(move |(_, rest)| rest.until > now)
            .map(|(name, rest)| (name.as_str(), rest))
    }

    /// Before when none of an account's agents begins: its rest, and then one agent after the other.
    #[must_use]
    pub fn account_starts_at(&self, account: &str) -> Option<Timestamp> {
        let rest = self.accounts.get(account)?;
        let agents = (0..self.agents.len()).filter(|agent| self.account_of(*agent) == Some(account)).count();
        let next = rest.last_start.map(|last| last.plus_seconds(self.opening.plan.limits.stagger_seconds));
        match next {
            Some(_) if rest.starts as usize >= agents => None,
            Some(next) => Some(next.max(rest.until)),
            None => Some(rest.until),
        }
    }

    /// The agent that a task belongs to: the one that has it, unless that one only stands in.
    #[must_use]
    pub fn home_agent(&self, task: usize) -> &AgentId {
        let (state, planned) = (&self.tasks[task], &self.opening.plan.tasks[task]);
        if state.pinned || state.agent.kind() == planned.kind() { &state.agent } else { &planned.agent }
    }

    /// Whether an agent of another kind may take a task, because all agents of the task's own kind
    /// are run by a program that cannot work, and the plan allows it.
    #[must_use]
    pub fn may_cross(&self, task: usize, agent: usize) -> bool {
        if self.lost.is_empty() {
            return false;
        }
        let planned = &self.opening.plan.tasks[task];
        let may_run = self.may_run_at(task, agent);
        let agent = &self.agents[agent];
        if agent.kind == planned.kind() || !may_run {
            return false;
        }
        let Some(own) = self.runner_of_kind(task) else { return false };
        let fallback = &self.opening.plan.fallback;
        let allowed = match (own, agent.runner) {
            (RunnerKind::Codex, RunnerKind::Claude) => fallback.codex_to_claude,
            (RunnerKind::Claude, RunnerKind::Codex) => fallback.claude_to_codex,
            _ => false,
        };
        allowed && self.lost_runner(own).is_some() && self.lost_runner(agent.runner).is_none()
    }

    /// The one program by which all agents of a task's kind are run.
    fn runner_of_kind(&self, task: usize) -> Option<RunnerKind> {
        let kind = self.opening.plan.tasks[task].kind();
        let mut runners = self.agents.iter().filter(|agent| agent.kind == kind).map(|agent| agent.runner);
        let first = runners.next()?;
        runners.all(|runner| runner == first).then_some(first)
    }

    /// Whether an attempt is, or was, made by an agent of another kind than the task's.
    #[must_use]
    pub fn stands_in(&self, task: &TaskState, attempt: &Attempt) -> bool {
        let planned = self.task_index(&task.id).map(|index| self.opening.plan.tasks[index].kind());
        planned.is_some_and(|kind| kind != attempt.agent.kind())
    }

    /// Whether another kind of agent has, or last had, a task.
    #[must_use]
    pub fn stood_in(&self, task: &TaskId) -> bool {
        self.task(task)
            .is_some_and(|task| task.attempts.last().is_some_and(|last| self.stands_in(task, last)))
    }

    pub(super) fn account_rests(&mut self, account: &str, until: Timestamp, why: &str) {
        let in_a_row = self.accounts.get(account).map_or(1, |rest| rest.in_a_row.saturating_add(1));
        let rest = AccountRest { until, why: why.to_owned(), in_a_row, starts: 0, last_start: None };
        self.accounts.insert(account.to_owned(), rest);
    }

    pub(super) fn runner_lost(
        &mut self,
        runner: RunnerKind,
        cause: Option<FailureCause>,
        why: &str,
        recheck_at: Timestamp,
        at: Timestamp,
    ) {
        let known = self.lost_runner(runner);
        let since = known.map_or(at, |lost| lost.since);
        // A person may ask for the next trial at once; the pause after it is none the shorter.
        let pause_millis = recheck_at.millis_since(at).max(known.map_or(0, |lost| lost.pause_millis));
        self.lost.retain(|lost| lost.runner != runner);
        let (why, trial, awaits_trial) = (why.to_owned(), None, false);
        self.lost.push(LostRunner {
            runner,
            cause,
            why,
            since,
            recheck_at,
            trial,
            awaits_trial,
            pause_millis,
        });
    }

    pub(super) fn runner_tried(&mut self, runner: RunnerKind, recheck_at: Timestamp, at: Timestamp) {
        if let Some(lost) = self.lost.iter_mut().find(|lost| lost.runner == runner) {
            lost.pause_millis = recheck_at.millis_since(at).max(0);
            (lost.recheck_at, lost.awaits_trial) = (recheck_at, true);
        }
    }

    pub(super) fn runner_back(&mut self, runner: RunnerKind) {
        self.lost.retain(|lost| lost.runner != runner);
        self.program_failures.remove(&runner);
    }

    /// An attempt begins: it may be a trial, and its account counts it.
    pub(super) fn count_start(&mut self, attempt: &AttemptId, agent: usize, at: Timestamp) {
        let runner = self.agents[agent].runner;
        if let Some(lost) = self.lost.iter_mut().find(|lost| lost.runner == runner && lost.awaits_trial) {
            (lost.trial, lost.awaits_trial) = (Some(attempt.clone()), false);
        }
        let Some(account) = self.account_of(agent).map(str::to_owned) else { return };
        if let Some(rest) = self.accounts.get_mut(&account) {
            (rest.starts, rest.last_start) = (rest.starts.saturating_add(1), Some(at));
        }
    }

    /// A model answered this agent: what failed in a row before does not count any more.
    pub(super) fn model_answered(&mut self, agent: &AgentId) {
        let Some(agent) = self.agent_index(agent) else { return };
        let runner = self.agents[agent].runner;
        self.program_failures.remove(&runner);
        let Some(account) = self.account_of(agent).map(str::to_owned) else { return };
        if let Some(rest) = self.accounts.get_mut(&account) {
            rest.in_a_row = 0;
        }
    }

    pub(super) fn count_program_failure(&mut self, agent: &AgentId) {
        if let Some(runner) = self.agent(agent).map(|agent| agent.runner) {
            let count = self.program_failures.entry(runner).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn end_trial(&mut self, attempt: &AttemptId) {
        for lost in self.lost.iter_mut().filter(|lost| lost.trial.as_ref() == Some(attempt)) {
            lost.trial = None;
        }
    }
}
