//! How facts change the state: the only mutator, live and in replay.

use miyabi_plan::{AgentId, AttemptId, FailureCause, RunnerKind, TaskId, Usd};
use miyabi_protocol::{ApprovalAnswer, EvidenceReport, Timestamp, Usage};

use super::inbox::ReachedBudget;
use super::{Attempt, AttemptPhase, RunState, Said, Standing, TaskState};
use crate::fact::{AnsweredBy, Claim, Fact, NextTry};

impl RunState {
    /// Carries out a decision. Total: a fact that does not fit, from a journal written by a newer
    /// program, changes nothing.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::Opened { .. }
            | Fact::LateClaim { .. }
            | Fact::QueueEditUndone { .. }
            | Fact::Noted { .. } => {}
            Fact::TreeMade { .. }
            | Fact::WorkKept { .. }
            | Fact::Merged { .. }
            | Fact::TaskAdded { .. }
            | Fact::CommitTaken { .. }
            | Fact::OverlapSeen { .. }
            | Fact::ReviewAsked { .. }
            | Fact::SentBack { .. }
            | Fact::Verified { .. }
            | Fact::VerifyAgain => self.apply_to_work(fact, at),
            Fact::HostLost { host, why } => self.host_lost(host, why, at),
            Fact::HostBack { host } => self.host_back(host, at),
            Fact::HostGivenUp { host, by } => self.host_given_up(host, *by),
            Fact::AgentMoved { agent, host } => self.agent_moved(agent, host),
            Fact::SessionKnown { .. } | Fact::Spent { .. } | Fact::Said { .. } | Fact::Slept { .. } => {
                self.apply_to_attempts(fact, at);
            }
            Fact::ApprovalAsked { .. }
            | Fact::ApprovalAnswered { .. }
            | Fact::ApprovalGone { .. }
            | Fact::BudgetReached { .. }
            | Fact::BudgetRaised { .. } => self.apply_to_inbox(fact, at),
            Fact::AccountRests { account, until, why } => self.account_rests(account, *until, why),
            Fact::RunnerLost { runner, cause, why, recheck_at } => {
                self.runner_lost(*runner, *cause, why, *recheck_at, at);
            }
            Fact::RunnerTried { runner, recheck_at } => self.runner_tried(*runner, *recheck_at, at),
            Fact::RunnerBack { runner } => self.runner_back(*runner),
            Fact::BackendStarted { epoch } => self.epoch = *epoch,
            Fact::AgentJoined { agent, host } => {
                if self.agent_index(agent).is_none() {
                    self.add_agent(agent.clone(), host.clone(), RunnerKind::External);
                }
            }
            Fact::Paused => self.paused = true,
            Fact::Resumed => self.paused = false,
            Fact::Ended { phase, reasons } => {
                self.ended = Some((*phase, at));
                self.stuck.clone_from(reasons);
            }
            Fact::Reopened => self.reopen(),
            Fact::DrainBegan { agent } => self.set_draining(agent, Draining::Began),
            Fact::Drained { agent } => self.set_draining(agent, Draining::Over),
            Fact::Reassigned { task, to, packet, .. } => {
                if let Some(task) = self.task_mut(task) {
                    task.packet.clone_from(packet);
                    task.agent = to.clone();
                    task.pinned = true;
                }
            }
            Fact::Retried { task, .. } => self.retry(task),
            Fact::TaskCancelled { task } => {
                self.inbox.reviews.retain(|open| &open.attempt.task != task);
                if let Some(task) = self.task_mut(task) {
                    task.standing = Standing::Cancelled;
                    task.completed_at = Some(at);
                    task.error = Some("cancelled".to_owned());
                }
            }
            Fact::Assigned { attempt, agent, share } => self.assign(attempt, agent, *share, at),
            Fact::BaselineTaken { attempt, baseline } => {
                self.with_attempt(attempt, |a| a.baseline = Some(baseline.clone()));
            }
            Fact::Started { attempt } => self.with_attempt(attempt, |a| {
                a.phase = AttemptPhase::Running;
                a.started_at = Some(at);
            }),
            Fact::Claimed { attempt, claim } => self.claimed(attempt, claim, at),
            Fact::Withdrawn { attempt, why } => self.withdraw(attempt, why, at),
            Fact::Completed { attempt, evidence } => self.complete(attempt, evidence.as_ref(), at),
            Fact::AttemptFailed { attempt, cause, error, evidence, next, drains } => {
                let end = End { cause: *cause, error, evidence: evidence.as_ref(), next: *next };
                self.fail(attempt, &end, at);
                if *drains && let Some(agent) = self.attempt_agent(attempt) {
                    self.set_draining(&agent, Draining::Began);
                }
            }
        }
    }

    fn apply_to_attempts(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::SessionKnown { attempt, session } => {
                self.with_attempt(attempt, |a| a.session = Some(session.clone()));
            }
            Fact::Spent { attempt, usage, model } => self.spent(attempt, usage, model.as_deref(), at),
            Fact::Said { number, attempt, text } => {
                self.last_said = self.last_said.max(*number);
                let said = Said { number: *number, at, text: text.clone() };
                self.with_attempt(attempt, |a| a.said.push(said));
            }
            Fact::Slept { millis } => self.slept((*millis).max(0)),
            _ => {}
        }
    }

    fn apply_to_inbox(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::ApprovalAsked { number, attempt, request } => self.ask(*number, attempt, request, at),
            Fact::ApprovalAnswered { attempt, request, tool, answer, scope, by, .. } => {
                self.answered(attempt, request, answer, at);
                if *answer == ApprovalAnswer::Allow && *by == AnsweredBy::Person {
                    self.inbox.grant(&attempt.task, tool, *scope);
                }
            }
            Fact::ApprovalGone { number } => self.approval_gone(*number, at),
            Fact::BudgetReached { number, budget, spent, limit } => {
                let (budget, spent, limit) = (budget.clone(), *spent, *limit);
                self.budget_reached(ReachedBudget { number: *number, budget, spent, limit, at });
            }
            Fact::BudgetRaised { budget, limit } => self.raise_budget(budget, *limit),
            _ => {}
        }
    }

    fn claimed(&mut self, id: &AttemptId, claim: &Claim, at: Timestamp) {
        self.with_attempt(id, |a| {
            a.phase = AttemptPhase::Claimed;
            a.claim = Some(claim.clone());
        });
        self.clear_approvals(id, at);
        if let (Claim::Completed { .. }, Some(agent)) = (claim, self.attempt_agent(id)) {
            self.model_answered(&agent);
        }
    }

    fn spent(&mut self, id: &AttemptId, usage: &Usage, model: Option<&str>, at: Timestamp) {
        let before = self.attempt(id).and_then(|attempt| attempt.usage.cost);
        let mut answered = false;
        self.with_attempt(id, |a| {
            answered = usage.output_tokens > a.usage.output_tokens;
            (a.usage, a.spent_at) = (*usage, Some(at));
            if let Some(model) = model {
                a.model = Some(model.to_owned());
            }
        });
        self.enter_cost(id, before, usage.cost);
        if answered && let Some(agent) = self.attempt_agent(id) {
            self.model_answered(&agent);
        }
    }

    /// Nothing that runs and nobody who is asked had that time. An attempt that waits for a person, or
    /// whose host is lost, stands still anyhow.
    fn slept(&mut self, millis: i64) {
        let active = self.tasks.iter_mut().filter(|task| task.standing == Standing::Active);
        let running = active.filter_map(|task| task.attempts.last_mut());
        let moves = |a: &&mut Attempt| {
            a.phase == AttemptPhase::Running && a.waits_since.is_none() && a.lost_since.is_none()
        };
        for attempt in running.filter(moves) {
            attempt.stood_still_millis = attempt.stood_still_millis.saturating_add(millis);
        }
        let lost = self.lost_approvals();
        for open in self.inbox.approvals.iter_mut().filter(|open| !lost.contains(&open.number)) {
            open.counts_from = open.counts_from.plus_millis(millis);
        }
    }

    pub(super) fn task_mut(&mut self, id: &TaskId) -> Option<&mut TaskState> {
        let index = self.task_index(id)?;
        self.tasks.get_mut(index)
    }

    pub(super) fn with_attempt(&mut self, id: &AttemptId, change: impl FnOnce(&mut Attempt)) {
        let task = self.task_mut(&id.task);
        if let Some(attempt) = task.and_then(|t| t.attempts.iter_mut().find(|a| a.number == id.number)) {
            change(attempt);
        }
    }

    pub(super) fn attempt_agent(&self, id: &AttemptId) -> Option<AgentId> {
        let attempts = &self.task(&id.task)?.attempts;
        attempts.iter().find(|a| a.number == id.number).map(|a| a.agent.clone())
    }

    fn set_draining(&mut self, agent: &AgentId, draining: Draining) {
        if let Some(index) = self.agent_index(agent) {
            self.agents[index].draining = draining == Draining::Began;
        }
    }

    /// What an attempt held is given back when it ends.
    fn let_go(&mut self, attempt: &AttemptId, at: Timestamp) {
        self.free_agent_of(attempt);
        self.clear_approvals(attempt, at);
        self.end_trial(attempt);
        self.with_attempt(attempt, |a| {
            a.answered.clear();
            a.lost_since = None;
        });
    }

    fn free_agent_of(&mut self, attempt: &AttemptId) {
        if let Some(agent) = self.agents.iter_mut().find(|agent| agent.current.as_ref() == Some(attempt)) {
            agent.current = None;
        }
    }

    fn assign(&mut self, id: &AttemptId, agent: &AgentId, share: Option<Usd>, at: Timestamp) {
        let Some(index) = self.agent_index(agent) else { return };
        let host = self.agents[index].host.clone();
        self.agents[index].current = Some(id.clone());
        self.count_start(id, index, at);
        let resumes = self.task(&id.task).and_then(|task| self.session_for(task, agent));
        let slot = self.free_slot();
        if let Some(task) = self.task_mut(&id.task) {
            task.standing = Standing::Active;
            task.agent = agent.clone();
            task.started_at.get_or_insert(at);
            task.completed_at = None;
            task.error = None;
            task.attempts.push(Attempt { resumes, share, slot, ..Attempt::new(id.number, agent, &host, at) });
        }
    }

    fn withdraw(&mut self, id: &AttemptId, why: &str, at: Timestamp) {
        self.let_go(id, at);
        self.with_attempt(id, |a| {
            a.phase = AttemptPhase::Withdrawn;
            a.ended_at = Some(at);
            a.error = Some(why.to_owned());
        });
        if let Some(task) = self.task_mut(&id.task) {
            task.standing = Standing::Waiting;
        }
    }

    fn complete(&mut self, id: &AttemptId, evidence: Option<&EvidenceReport>, at: Timestamp) {
        self.end_well(id, evidence, at);
        self.inbox.reviews.retain(|open| open.attempt.task != id.task);
        let result = self.result_by(id);
        if let Some(task) = self.task_mut(&id.task) {
            task.standing = Standing::Completed;
            task.completed_at = Some(at);
            task.error = None;
            task.result = result;
        }
    }

    /// The evidence of an attempt held. One that a person has read ended before.
    pub(super) fn end_well(&mut self, id: &AttemptId, evidence: Option<&EvidenceReport>, at: Timestamp) {
        if self.attempt(id).is_some_and(|attempt| attempt.phase == AttemptPhase::Ended) {
            return;
        }
        self.let_go(id, at);
        self.enter_end(id);
        self.with_attempt(id, |a| {
            a.phase = AttemptPhase::Ended;
            a.ended_at = Some(at);
            a.evidence = evidence.cloned();
        });
    }

    fn fail(&mut self, id: &AttemptId, end: &End<'_>, at: Timestamp) {
        self.let_go(id, at);
        self.enter_end(id);
        self.with_attempt(id, |a| {
            a.phase = AttemptPhase::Ended;
            a.ended_at = Some(at);
            a.evidence = end.evidence.cloned();
            a.cause = Some(end.cause);
            a.error = Some(end.error.to_owned());
        });
        if is_counted(end.cause)
            && let Some(agent) = self.attempt_agent(id)
        {
            self.count_program_failure(&agent);
        }
        let Some(task) = self.task_mut(&id.task) else { return };
        task.error = Some(end.error.to_owned());
        match end.next {
            NextTry::At { time } => {
                task.tries_spent += 1;
                task.standing = Standing::BackOff(time);
            }
            NextTry::After { time } => task.standing = Standing::BackOff(time),
            NextTry::Free => task.standing = Standing::Waiting,
            NextTry::Never => {
                let cancelled = end.cause == FailureCause::Cancelled;
                task.standing = if cancelled { Standing::Cancelled } else { Standing::Failed };
                task.completed_at = Some(at);
            }
        }
    }

    fn retry(&mut self, id: &TaskId) {
        if let Some(task) = self.task_mut(id) {
            task.standing = Standing::Waiting;
            task.tries_spent = 0;
            task.completed_at = None;
            task.error = None;
        }
    }

    pub(super) fn reopen(&mut self) {
        self.ended = None;
        self.stuck.clear();
    }
}

/// Whether a failure speaks against the program: a rate limit speaks against its account alone.
fn is_counted(cause: FailureCause) -> bool {
    cause.is_the_programs() && cause != FailureCause::RateLimited
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    Began,
    Over,
}

struct End<'a> {
    cause: FailureCause,
    error: &'a str,
    evidence: Option<&'a EvidenceReport>,
    next: NextTry,
}
