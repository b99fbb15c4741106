//! What the journal adds up to. Changed by [`RunState::apply`] alone, live and in replay.

use std::collections::{BTreeMap, HashMap};

use miyabi_plan::{AgentId, AttemptId, FailureCause, HostId, Kind, RunPhase, RunnerKind, TaskId};
use miyabi_protocol::{Baseline, EvidenceReport, RunOpening, Timestamp};

use crate::fact::{Claim, Fact, NextTry};

/// A run as it was decided so far.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    /// What was decided before it began.
    pub opening: RunOpening,
    /// Counts the backends.
    pub epoch: u32,
    /// Whether a person paused it.
    pub paused: bool,
    /// How it ended; none while it goes on.
    pub ended: Option<(RunPhase, Timestamp)>,
    /// Why it is stuck.
    pub stuck: Vec<String>,
    /// When it began.
    pub opened_at: Timestamp,
    /// In the plan's order.
    pub tasks: Vec<TaskState>,
    /// In the plan's order; those that joined come last.
    pub agents: Vec<AgentState>,
    task_index: HashMap<TaskId, usize>,
    agent_index: BTreeMap<AgentId, usize>,
}

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskState {
    /// Its id.
    pub id: TaskId,
    /// The agent that has it, last had it, or is meant to have it.
    pub agent: AgentId,
    /// Whether a person chose that agent: then no other one takes it by itself.
    pub pinned: bool,
    /// What must be COMPLETED before it, as indices into [`RunState::tasks`].
    pub needs: Vec<usize>,
    /// Where it stands.
    pub standing: Standing,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
    /// How many failed attempts count against its retries.
    pub tries_spent: u32,
    /// When it was first handed out.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it, or its last attempt, failed.
    pub error: Option<String>,
}

impl TaskState {
    /// The attempt that counts, while the task has one.
    #[must_use]
    pub fn current(&self) -> Option<&Attempt> {
        match self.standing {
            Standing::Active => self.attempts.last(),
            _ => None,
        }
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits for something.
    Waiting,
    /// It failed, and waits for the time of its next try.
    BackOff(Timestamp),
    /// Its last attempt is under way.
    Active,
    /// Its evidence held.
    Completed,
    /// It is not tried again by itself.
    Failed,
    /// A person took it out.
    Cancelled,
}

/// One try of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// Whose it is.
    pub agent: AgentId,
    /// How far it got.
    pub phase: AttemptPhase,
    /// When it was handed out.
    pub assigned_at: Timestamp,
    /// When the agent took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The outputs as they were before; none when that was never learnt.
    pub baseline: Option<Baseline>,
    /// What the agent says.
    pub claim: Option<Claim>,
    /// What was found.
    pub evidence: Option<EvidenceReport>,
    /// Why it failed.
    pub cause: Option<FailureCause>,
    /// Why it failed, for people.
    pub error: Option<String>,
}

/// How far an attempt got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptPhase {
    /// The agent has not taken it yet.
    Offered,
    /// The agent works on it.
    Running,
    /// The agent claims an end; nothing is decided yet.
    Claimed,
    /// It was taken back before it began.
    Withdrawn,
    /// It succeeded or failed.
    Ended,
}

/// One agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentState {
    /// Its id.
    pub id: AgentId,
    /// Its kind.
    pub kind: Kind,
    /// Where it runs.
    pub host: HostId,
    /// How it is run in this run: a rehearsal and `--external` change what the plan says.
    pub runner: RunnerKind,
    /// What it is at.
    pub current: Option<AttemptId>,
    /// Whether it is kept from work until it shows the end of an attempt that does not count.
    pub draining: bool,
}

impl AgentState {
    /// Whether a runner of ours stands behind it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.runner != RunnerKind::External
    }
}

impl RunState {
    /// The state just after a run was opened.
    #[must_use]
    pub fn open(opening: RunOpening, at: Timestamp) -> Self {
        let needs = miyabi_plan::graph::effective_needs(&opening.plan, opening.choice);
        let task_index: HashMap<TaskId, usize> =
            opening.plan.tasks.iter().enumerate().map(|(index, task)| (task.id.clone(), index)).collect();
        let indices = |id: &TaskId| -> Vec<usize> {
            needs.get(id).into_iter().flatten().filter_map(|need| task_index.get(need).copied()).collect()
        };
        let tasks = opening
            .plan
            .tasks
            .iter()
            .map(|task| TaskState::new(&task.id, &task.agent, indices(&task.id)))
            .collect();
        let mut state = Self {
            epoch: 0,
            paused: false,
            ended: None,
            stuck: Vec::new(),
            opened_at: at,
            tasks,
            agents: Vec::new(),
            task_index,
            agent_index: BTreeMap::new(),
            opening,
        };
        let planned: Vec<_> =
            state.opening.plan.agents.iter().map(|a| (a.id.clone(), a.host.clone(), a.runner)).collect();
        for (id, host, planned) in planned {
            let runner = state.effective_runner(planned);
            state.add_agent(id, host, runner);
        }
        state
    }

    fn effective_runner(&self, planned: RunnerKind) -> RunnerKind {
        match (self.opening.rehearse, self.opening.external) {
            (Some(_), _) => RunnerKind::Rehearsal,
            (None, true) => RunnerKind::External,
            (None, false) => planned,
        }
    }

    fn add_agent(&mut self, id: AgentId, host: HostId, runner: RunnerKind) {
        self.agent_index.insert(id.clone(), self.agents.len());
        self.agents.push(AgentState { kind: id.kind(), id, host, runner, current: None, draining: false });
    }

    /// The index of a task.
    #[must_use]
    pub fn task_index(&self, id: &TaskId) -> Option<usize> {
        self.task_index.get(id).copied()
    }

    /// A task by its id.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<&TaskState> {
        self.task_index(id).and_then(|index| self.tasks.get(index))
    }

    /// The index of an agent.
    #[must_use]
    pub fn agent_index(&self, id: &AgentId) -> Option<usize> {
        self.agent_index.get(id).copied()
    }

    /// An agent by its id.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<&AgentState> {
        self.agent_index(id).and_then(|index| self.agents.get(index))
    }

    /// The attempt of this id, if it is its task's current one.
    #[must_use]
    pub fn current(&self, id: &AttemptId) -> Option<&Attempt> {
        self.task(&id.task)?.current().filter(|attempt| attempt.number == id.number)
    }

    /// Where the run stands.
    #[must_use]
    pub fn phase(&self) -> RunPhase {
        match self.ended {
            Some((phase, _)) => phase,
            None if self.paused => RunPhase::Paused,
            None => RunPhase::Running,
        }
    }

    /// Whether all needs of a task are COMPLETED.
    #[must_use]
    pub fn needs_met(&self, task: &TaskState) -> bool {
        task.needs.iter().all(|need| self.tasks[*need].standing == Standing::Completed)
    }

    /// Carries out a decision. Total: a fact that does not fit, from a journal written by a newer
    /// program, changes nothing.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::Opened { .. }
            | Fact::LateClaim { .. }
            | Fact::QueueEditUndone { .. }
            | Fact::Noted { .. } => {}
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
            Fact::Reassigned { task, to, .. } => {
                if let Some(task) = self.task_mut(task) {
                    task.agent = to.clone();
                    task.pinned = true;
                }
            }
            Fact::Retried { task, .. } => self.retry(task),
            Fact::TaskCancelled { task } => {
                if let Some(task) = self.task_mut(task) {
                    task.standing = Standing::Cancelled;
                    task.completed_at = Some(at);
                    task.error = Some("cancelled".to_owned());
                }
            }
            Fact::Assigned { attempt, agent } => self.assign(attempt, agent, at),
            Fact::BaselineTaken { attempt, baseline } => {
                self.with_attempt(attempt, |a| a.baseline = Some(baseline.clone()));
            }
            Fact::Started { attempt } => self.with_attempt(attempt, |a| {
                a.phase = AttemptPhase::Running;
                a.started_at = Some(at);
            }),
            Fact::Claimed { attempt, claim } => self.with_attempt(attempt, |a| {
                a.phase = AttemptPhase::Claimed;
                a.claim = Some(claim.clone());
            }),
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

    fn task_mut(&mut self, id: &TaskId) -> Option<&mut TaskState> {
        let index = self.task_index(id)?;
        self.tasks.get_mut(index)
    }

    fn with_attempt(&mut self, id: &AttemptId, change: impl FnOnce(&mut Attempt)) {
        let task = self.task_mut(&id.task);
        if let Some(attempt) = task.and_then(|t| t.attempts.iter_mut().find(|a| a.number == id.number)) {
            change(attempt);
        }
    }

    fn attempt_agent(&self, id: &AttemptId) -> Option<AgentId> {
        let attempts = &self.task(&id.task)?.attempts;
        attempts.iter().find(|a| a.number == id.number).map(|a| a.agent.clone())
    }

    fn set_draining(&mut self, agent: &AgentId, draining: Draining) {
        if let Some(index) = self.agent_index(agent) {
            self.agents[index].draining = draining == Draining::Began;
        }
    }

    fn free_agent_of(&mut self, attempt: &AttemptId) {
        if let Some(agent) = self.agents.iter_mut().find(|agent| agent.current.as_ref() == Some(attempt)) {
            agent.current = None;
        }
    }

    fn assign(&mut self, id: &AttemptId, agent: &AgentId, at: Timestamp) {
        if let Some(index) = self.agent_index(agent) {
            self.agents[index].current = Some(id.clone());
        }
        if let Some(task) = self.task_mut(&id.task) {
            task.standing = Standing::Active;
            task.agent = agent.clone();
            task.started_at.get_or_insert(at);
            task.completed_at = None;
            task.error = None;
            task.attempts.push(Attempt::new(id.number, agent, at));
        }
    }

    fn withdraw(&mut self, id: &AttemptId, why: &str, at: Timestamp) {
        self.free_agent_of(id);
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
        self.free_agent_of(id);
        self.with_attempt(id, |a| {
            a.phase = AttemptPhase::Ended;
            a.ended_at = Some(at);
            a.evidence = evidence.cloned();
        });
        if let Some(task) = self.task_mut(&id.task) {
            task.standing = Standing::Completed;
            task.completed_at = Some(at);
            task.error = None;
        }
    }

    fn fail(&mut self, id: &AttemptId, end: &End<'_>, at: Timestamp) {
        self.free_agent_of(id);
        self.with_attempt(id, |a| {
            a.phase = AttemptPhase::Ended;
            a.ended_at = Some(at);
            a.evidence = end.evidence.cloned();
            a.cause = Some(end.cause);
            a.error = Some(end.error.to_owned());
        });
        let Some(task) = self.task_mut(&id.task) else { return };
        task.error = Some(end.error.to_owned());
        match end.next {
            NextTry::At { time } => {
                task.tries_spent += 1;
                task.standing = Standing::BackOff(time);
            }
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

    fn reopen(&mut self) {
        self.ended = None;
        self.stuck.clear();
    }
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

impl TaskState {
    fn new(id: &TaskId, agent: &AgentId, needs: Vec<usize>) -> Self {
        Self {
            id: id.clone(),
            agent: agent.clone(),
            pinned: false,
            needs,
            standing: Standing::Waiting,
            attempts: Vec::new(),
            tries_spent: 0,
            started_at: None,
            completed_at: None,
            error: None,
        }
    }
}

impl Attempt {
    fn new(number: u32, agent: &AgentId, at: Timestamp) -> Self {
        Self {
            number,
            agent: agent.clone(),
            phase: AttemptPhase::Offered,
            assigned_at: at,
            started_at: None,
            ended_at: None,
            baseline: None,
            claim: None,
            evidence: None,
            cause: None,
            error: None,
        }
    }
}
