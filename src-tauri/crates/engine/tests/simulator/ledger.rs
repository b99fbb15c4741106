//! A second set of books beside the engine's: money, accounts, programs and answers.

use std::collections::{BTreeMap, BTreeSet};

use miyabi_engine::{AnsweredBy, BudgetOf, Entry, Fact, GivenUpBy, RunState};
use miyabi_plan::{AgentId, AttemptId, FailureCause, HostId, RunnerKind, Usd};
use miyabi_protocol::Timestamp;

use crate::rules::Broken;

/// The time of an attempt.
#[derive(Debug)]
struct Clock {
    started: Timestamp,
    stood_still: i64,
    /// Since when it stands still.
    stands_since: Timestamp,
    asks: BTreeSet<u32>,
    agent: Option<AgentId>,
    is_lost: bool,
}

impl Clock {
    fn stands(&self) -> bool {
        self.is_lost || !self.asks.is_empty()
    }

    /// Something changes that may make it stand still or go on.
    fn change(&mut self, at: Timestamp, change: impl FnOnce(&mut Self)) {
        let stood = self.stands();
        change(self);
        match (stood, self.stands()) {
            (false, true) => self.stands_since = at,
            (true, false) => self.stood_still += at.millis_since(self.stands_since),
            _ => {}
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    clocks: BTreeMap<AttemptId, Clock>,
    rests: BTreeMap<String, Timestamp>,
    spent: BTreeMap<AttemptId, Usd>,
    limits: BTreeMap<BudgetOf, Usd>,
    /// Of the attempts under way.
    shares: BTreeMap<AttemptId, Usd>,
    /// Programs that are lost, and whether a trial was announced.
    lost: BTreeMap<&'static str, bool>,
    answered: BTreeSet<(AttemptId, String)>,
    numbers: BTreeSet<u32>,
    hosts: BTreeMap<AgentId, HostId>,
    takers: BTreeMap<AttemptId, AgentId>,
    /// Attempts that were given up because the leases of their host were over.
    pub(crate) failed_over: BTreeSet<AttemptId>,
    /// What happened, how often.
    pub(crate) seen: BTreeMap<&'static str, u32>,
}

impl Ledger {
    /// The books of a journal.
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut ledger = Self::default();
        for entry in entries {
            let kept = ledger.keep(entry);
            debug_assert!(kept.is_ok(), "it was checked when it was decided");
        }
        ledger
    }

    /// Checks a fact before it is applied to this state, and enters it.
    pub(crate) fn enter(&mut self, entry: &Entry, state: &RunState) -> Result<(), Broken> {
        if let Fact::Assigned { attempt, agent, share } = &entry.fact {
            self.check_start(attempt, agent, entry.at, state)?;
            self.check_share(attempt, agent, *share, state)?;
        }
        if let Fact::AttemptFailed { attempt, cause: FailureCause::TimeLimit, .. } = &entry.fact {
            self.check_time(attempt, entry.at, state)?;
        }
        self.keep(entry)
    }

    fn check_start(
        &self,
        attempt: &AttemptId,
        agent: &AgentId,
        at: Timestamp,
        state: &RunState,
    ) -> Result<(), Broken> {
        let runner = state.agent(agent).ok_or("an unknown agent")?.runner;
        let planned = state.opening.plan.agent(agent).filter(|_| runner.has_model());
        let Some(planned) = planned else { return Ok(()) };
        let account = if planned.account.is_empty() { runner.word() } else { &planned.account };
        if self.rests.get(account).is_some_and(|until| *until > at) {
            return Err(format!("{attempt} begins while the account {account} rests"));
        }
        if self.lost.get(runner.word()) == Some(&false) {
            return Err(format!("{attempt} begins while {} is lost, and is no trial", runner.word()));
        }
        self.check_budgets(attempt, agent, state)
    }

    fn check_budgets(&self, attempt: &AttemptId, agent: &AgentId, state: &RunState) -> Result<(), Broken> {
        let budget = &state.opening.plan.budget;
        let of_agent = |spent: &AttemptId| {
            let attempts = state.task(&spent.task).map(|task| &task.attempts);
            attempts
                .is_some_and(|all| all.iter().any(|one| one.number == spent.number && &one.agent == agent))
        };
        let sum = |counts: &dyn Fn(&AttemptId) -> bool| -> Usd {
            self.spent.iter().filter(|(id, _)| counts(id)).map(|(_, cost)| *cost).sum()
        };
        for (of, planned, spent) in [
            (BudgetOf::Run, budget.run, sum(&|_| true)),
            (BudgetOf::Agent { agent: agent.clone() }, budget.agent, sum(&of_agent)),
            (BudgetOf::Task { task: attempt.task.clone() }, budget.task, sum(&|id| id.task == attempt.task)),
        ] {
            let limit = self.limits.get(&of).copied().or(planned);
            if limit.is_some_and(|limit| spent >= limit) {
                return Err(format!("{attempt} begins, and {of:?} is used up: {spent} of {limit:?}"));
            }
        }
        Ok(())
    }

    /// All shares of those at work together are never more than what is left of the run's budget.
    fn check_share(
        &self,
        attempt: &AttemptId,
        agent: &AgentId,
        share: Option<Usd>,
        state: &RunState,
    ) -> Result<(), Broken> {
        let limit = self.limits.get(&BudgetOf::Run).copied().or(state.opening.plan.budget.run);
        let runner = state.agent(agent).ok_or("an unknown agent")?.runner;
        let Some(limit) = limit.filter(|_| runner.has_model()) else { return Ok(()) };
        let share = share.ok_or_else(|| format!("{attempt} begins without a limit"))?;
        let spent: Usd = self.spent.values().copied().sum();
        let of_others = |other: &AttemptId, share: &Usd| share.less(self.spent_by(other));
        let others: Usd = self.shares.iter().map(|(other, share)| of_others(other, share)).sum();
        if spent + others + share > limit {
            return Err(format!(
                "{attempt} begins with {share}: {spent} is spent, and {others} of {limit} is in other shares"
            ));
        }
        Ok(())
    }

    fn spent_by(&self, attempt: &AttemptId) -> Usd {
        self.spent.get(attempt).copied().unwrap_or_default()
    }

    /// The time in which a person was asked, and that of the machine's sleep, count against nobody.
    fn check_time(&self, attempt: &AttemptId, at: Timestamp, state: &RunState) -> Result<(), Broken> {
        let limit = state.opening.plan.task(&attempt.task).ok_or("an unknown task")?.time_limit_seconds;
        let clock = self.clocks.get(attempt).ok_or("what never began is over its time")?;
        if clock.stands() || clock.started.plus_seconds(limit).plus_millis(clock.stood_still) > at {
            return Err(format!("{attempt} is stopped before its time"));
        }
        Ok(())
    }

    fn tell_time(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.fact {
            Fact::Started { attempt } => {
                let agent = self.takers.get(attempt).cloned();
                let (asks, is_lost) = (BTreeSet::new(), false);
                let clock = Clock { started: at, stood_still: 0, stands_since: at, asks, agent, is_lost };
                self.clocks.insert(attempt.clone(), clock);
            }
            Fact::ApprovalAsked { number, attempt, .. } => {
                if let Some(clock) = self.clocks.get_mut(attempt) {
                    clock.change(at, |clock| {
                        clock.asks.insert(*number);
                    });
                }
            }
            Fact::ApprovalGone { number } | Fact::ApprovalAnswered { number: Some(number), .. } => {
                for clock in self.clocks.values_mut() {
                    clock.change(at, |clock| {
                        clock.asks.remove(number);
                    });
                }
            }
            Fact::HostLost { host, .. } | Fact::HostBack { host } => {
                let is_lost = matches!(&entry.fact, Fact::HostLost { .. });
                let hosts = &self.hosts;
                let is_there = |clock: &&mut Clock| {
                    clock.agent.as_ref().is_some_and(|agent| hosts.get(agent) == Some(host))
                };
                for clock in self.clocks.values_mut().filter(is_there) {
                    clock.change(at, |clock| clock.is_lost = is_lost);
                }
            }
            Fact::Slept { millis } => {
                for clock in self.clocks.values_mut().filter(|clock| !clock.stands()) {
                    clock.stood_still += millis;
                }
            }
            _ => {}
        }
    }

    /// Who is where, and what was given up there.
    fn tell_hosts(&mut self, fact: &Fact) {
        match fact {
            Fact::Opened { opening } => {
                let agents = opening.plan.agents.iter();
                self.hosts = agents.map(|agent| (agent.id.clone(), agent.host.clone())).collect();
            }
            Fact::AgentJoined { agent, host } | Fact::AgentMoved { agent, host } => {
                self.hosts.insert(agent.clone(), host.clone());
            }
            Fact::Assigned { attempt, agent, .. } => drop(self.takers.insert(attempt.clone(), agent.clone())),
            Fact::AttemptFailed { attempt, cause: FailureCause::HostLost, error, drains: true, .. }
                if error.contains("for longer than") =>
            {
                self.failed_over.insert(attempt.clone());
            }
            _ => {}
        }
    }

    fn keep(&mut self, entry: &Entry) -> Result<(), Broken> {
        self.tell_hosts(&entry.fact);
        self.tell_time(entry);
        let fact = &entry.fact;
        let what = match fact {
            Fact::AccountRests { .. } => "account rests",
            Fact::RunnerLost { .. } => "program lost",
            Fact::RunnerTried { .. } => "trial",
            Fact::RunnerBack { .. } => "program back",
            Fact::ApprovalAsked { .. } => "asked",
            Fact::ApprovalAnswered { by: AnsweredBy::Person, .. } => "answered by a person",
            Fact::ApprovalAnswered { by: AnsweredBy::TimeOut, .. } => "timed out",
            Fact::BudgetReached { .. } => "budget reached",
            Fact::BudgetRaised { .. } => "budget raised",
            Fact::HostLost { .. } => "host lost",
            Fact::HostBack { .. } => "host back",
            Fact::HostGivenUp { by: GivenUpBy::Person, .. } => "host given up by a person",
            Fact::HostGivenUp { by: GivenUpBy::Lease, .. } => "host given up after its leases",
            Fact::AgentMoved { .. } => "agent moved",
            Fact::LateClaim { .. } => "late claim",
            Fact::TreeMade { .. } => "tree made",
            Fact::WorkKept { .. } => "work kept",
            Fact::Merged { .. } => "merged",
            Fact::TaskAdded { .. } => "merge task",
            Fact::CommitTaken { .. } => "commit taken",
            Fact::OverlapSeen { .. } => "overlap",
            Fact::ReviewAsked { .. } => "review",
            Fact::SentBack { .. } => "sent back",
            Fact::Verified { .. } => "verified",
            Fact::VerifyAgain => "verified again",
            _ => "other",
        };
        *self.seen.entry(what).or_default() += 1;
        match fact {
            Fact::AccountRests { account, until, .. } => drop(self.rests.insert(account.clone(), *until)),
            Fact::Spent { attempt, usage, .. } => {
                let cost = usage.cost.unwrap_or_default();
                if self.spent.insert(attempt.clone(), cost).is_some_and(|before| before > cost) {
                    return Err(format!("{attempt} gets money back"));
                }
            }
            Fact::BudgetRaised { budget, limit } => drop(self.limits.insert(budget.clone(), *limit)),
            Fact::RunnerLost { runner, .. } => drop(self.lost.insert(runner.word(), false)),
            Fact::RunnerTried { runner, .. } if self.lost.insert(runner.word(), true).is_none() => {
                return Err("what is not lost is tried".to_owned());
            }
            Fact::RunnerBack { runner } if self.lost.remove(runner.word()).is_none() => {
                return Err("what was not lost is back".to_owned());
            }
            Fact::Assigned { attempt, share, .. } => {
                self.shares.extend(share.map(|share| (attempt.clone(), share)));
                self.lost.values_mut().for_each(|announced| *announced = false);
            }
            Fact::Completed { attempt, .. }
            | Fact::AttemptFailed { attempt, .. }
            | Fact::Withdrawn { attempt, .. } => drop(self.shares.remove(attempt)),
            Fact::ApprovalAnswered { attempt, request, .. }
                if !self.answered.insert((attempt.clone(), request.clone())) =>
            {
                return Err(format!("{request} of {attempt} is answered twice"));
            }
            Fact::ReviewAsked { number, attempt, .. } => {
                self.shares.remove(attempt);
                if !self.numbers.insert(*number) {
                    return Err(format!("the number {number} stands twice in the inbox"));
                }
            }
            Fact::ApprovalAsked { number, .. } | Fact::BudgetReached { number, .. }
                if !self.numbers.insert(*number) =>
            {
                return Err(format!("the number {number} stands twice in the inbox"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether an agent run by this program may stand in for the agents of a task's kind.
    pub(crate) fn may_cross(&self, task: usize, by: RunnerKind, state: &RunState) -> bool {
        let plan = &state.opening.plan;
        let kind = plan.tasks[task].kind();
        let mut own = state.agents.iter().filter(|agent| agent.kind == kind).map(|agent| agent.runner);
        let Some(first) = own.next() else { return false };
        let allowed = match (first, by) {
            (RunnerKind::Codex, RunnerKind::Claude) => plan.fallback.codex_to_claude,
            (RunnerKind::Claude, RunnerKind::Codex) => plan.fallback.claude_to_codex,
            _ => false,
        };
        allowed && own.all(|runner| runner == first) && self.lost.contains_key(first.word())
    }
}
