//! What the journal adds up to. Changed by [`RunState::apply`] alone, live and in replay.

mod apply;
mod hosts;
mod inbox;
mod session;
mod trouble;
mod usage;
mod work;

use std::collections::{BTreeMap, HashMap};

use miyabi_plan::{AgentId, AttemptId, FailureCause, HostId, Kind, RunPhase, RunnerKind, TaskId, Usd};
use miyabi_protocol::{
    ApprovalAnswer, Baseline, EvidenceReport, ReviewComment, RunOpening, Timestamp, TreeAt, Usage,
};

use crate::fact::{BudgetOf, Claim, MergeConflict};
pub use hosts::HostState;
pub use inbox::{InboxItem, OpenApproval, ReachedBudget};
pub use trouble::{AccountRest, LostRunner};
pub use work::{MergeMade, OpenReview, Verification};

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
    /// In the plan's order; those that resolve conflicts come last.
    pub tasks: Vec<TaskState>,
    /// In the plan's order; those that joined come last.
    pub agents: Vec<AgentState>,
    lost_hosts: hosts::LostHosts,
    inbox: inbox::Inbox,
    spending: usage::Spending,
    work: work::Work,
    /// Budgets that a person raised.
    raised: BTreeMap<BudgetOf, Usd>,
    accounts: BTreeMap<String, AccountRest>,
    lost: Vec<LostRunner>,
    /// How many attempts in a row failed because of the program, by runner.
    program_failures: HashMap<RunnerKind, u32>,
    /// The number of what was last said to an agent.
    pub(crate) last_said: u32,
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
    /// What is in conflict, where it resolves one.
    pub merge: Option<MergeConflict>,
    /// The hand-over, as a person left it: what its next agents are told beside the task.
    pub packet: Option<String>,
    /// The results of its needs that were merged, and what came of it.
    base: Option<(Vec<String>, String)>,
    /// The commit that holds its work.
    result: Option<String>,
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
    /// Its evidence held, and a person has to accept its work.
    Review,
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
    /// Where that agent was then.
    pub host: HostId,
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
    /// The session that it was to go on in, as the program names it.
    pub resumes: Option<String>,
    /// Its session, once that stands.
    pub session: Option<String>,
    /// What it used so far.
    pub usage: Usage,
    /// What it may cost; none where no budget bounds it.
    pub share: Option<Usd>,
    /// The model, as the program names it.
    pub model: Option<String>,
    /// What a person said to it.
    pub said: Vec<Said>,
    /// Its work tree, once that stands.
    pub(crate) tree: Option<TreeAt>,
    /// The commit that its tree began from.
    pub start: Option<String>,
    /// What it left behind when it ended otherwise than well: none while that is not known, and none in
    /// it where there is nothing.
    pub kept: Option<Option<String>>,
    /// What a person said of its work when it was sent back.
    pub comments: Vec<ReviewComment>,
    /// Which of the plan's ports are its own.
    pub(crate) slot: u32,
    /// Since when it waits for a person's answer, while it does.
    pub waits_since: Option<Timestamp>,
    /// For how long it stood still, waiting for a person, in the machine's sleep or without contact
    /// with its host: that time does not count against its limit.
    pub stood_still_millis: i64,
    /// Since when contact with its host is lost, while it is.
    pub(crate) lost_since: Option<Timestamp>,
    /// When its use was last journaled.
    pub(crate) spent_at: Option<Timestamp>,
    /// The answers that it got, by request, while it is under way.
    pub(crate) answered: BTreeMap<String, ApprovalAnswer>,
}

/// What a person said to an agent at its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Counts within the run.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
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
            lost_hosts: hosts::LostHosts::new(),
            inbox: inbox::Inbox::default(),
            spending: usage::Spending::default(),
            work: work::Work::default(),
            raised: BTreeMap::new(),
            accounts: BTreeMap::new(),
            lost: Vec::new(),
            program_failures: HashMap::new(),
            last_said: 0,
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
            merge: None,
            packet: None,
            base: None,
            result: None,
        }
    }
}

impl Attempt {
    fn new(number: u32, agent: &AgentId, host: &HostId, at: Timestamp) -> Self {
        Self {
            number,
            agent: agent.clone(),
            host: host.clone(),
            phase: AttemptPhase::Offered,
            assigned_at: at,
            started_at: None,
            ended_at: None,
            baseline: None,
            claim: None,
            evidence: None,
            cause: None,
            error: None,
            resumes: None,
            session: None,
            usage: Usage::default(),
            share: None,
            model: None,
            said: Vec::new(),
            tree: None,
            start: None,
            kept: None,
            comments: Vec::new(),
            slot: 0,
            waits_since: None,
            stood_still_millis: 0,
            lost_since: None,
            spent_at: None,
            answered: BTreeMap::new(),
        }
    }
}
