//! The report: every figure of it, before anything is written down. This is the shape of the JSON.
//!
//! Durations are in seconds. "After the start" is by the run's own clock, also in a rehearsal;
//! only what is named an estimate is in the plan's seconds.

mod work;

use miyabi_api::{OverlapView, TreeView, UsageView};
use miyabi_engine::By;
use miyabi_plan::{
    AgentId, Choice, Edge, FailureCause, HostId, Kind, RunPhase, RunnerKind, TaskId, TaskPhase,
    TransportKind, WaitReason,
};
use miyabi_protocol::{EvidenceReport, ReviewComment, TaskStatus, Timestamp};
use serde::{Deserialize, Serialize};

pub use work::*;

/// A run, finished or so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Always [`crate::FORMAT`].
    pub format: String,
    /// [`crate::VERSION`].
    pub version: u32,
    /// The run as a whole.
    pub run: RunFacts,
    /// What was planned.
    pub plan: PlanFacts,
    /// How long it was to take, and how long it took.
    pub time: TimeFigures,
    /// How much went on at once.
    pub parallel: ParallelFigures,
    /// The chain of tasks that the run's end waited for, as it came to be; empty before a task is COMPLETED.
    #[serde(default)]
    pub critical_path: Vec<CriticalStep>,
    /// What being done means, each with what was measured.
    pub done_means: Vec<DoneLine>,
    /// How often what happened.
    pub counts: Counts,
    /// What all attempts used.
    #[serde(default)]
    pub usage: UsageView,
    /// What might be spent, in US dollars.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// How the work travelled; none where all agents share a folder.
    #[serde(default)]
    pub git: Option<GitReport>,
    /// What must hold of all the work together; none where the plan says nothing of it.
    #[serde(default)]
    pub verification: Option<VerificationReport>,
    /// In the plan's order.
    pub tasks: Vec<TaskReport>,
    /// Failed attempts, in the order in which they ended.
    pub failures: Vec<Failure>,
    /// Tasks that do not run and have not ended.
    pub waiting: Vec<Waiting>,
    /// What was decided besides the attempts themselves, oldest first.
    pub history: Vec<HistoryLine>,
    /// In the plan's order; those that joined come last.
    pub agents: Vec<AgentFigures>,
    /// In the plan's order.
    pub hosts: Vec<HostFigures>,
}

/// The run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// The run.
    pub run_id: String,
    /// The plan's short name.
    pub name: String,
    /// The plan's line for people.
    pub title: String,
    /// Where it stands.
    pub phase: RunPhase,
    /// Whether nothing will happen any more unless a person acts.
    pub ended: bool,
    /// How fast a rehearsal played; none for a real run. A rehearsal measures nothing.
    pub rehearsal_speed: Option<f64>,
    /// The plan's mark, as in `scripted model`.
    #[serde(default)]
    pub label: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When this report was made.
    pub reported_at: Timestamp,
    /// The work folder.
    pub work_folder: String,
    /// The state folder.
    pub state_dir: String,
    /// The tmux session.
    pub session: String,
    /// Why nothing goes on, or why tasks did not run: a line a task.
    pub reasons: Vec<String>,
    /// How many lines the journal has; 0 when it was not at hand.
    pub journal_entries: u64,
}

/// What was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFacts {
    /// The plan's folder; none when the journal was not at hand.
    pub folder: Option<String>,
    /// SHA-256 of its files, in hex; none when the journal was not at hand.
    pub hash: Option<String>,
    /// How many tasks.
    pub tasks: u32,
    /// How many agents it names.
    pub agents: u32,
    /// How many hosts.
    pub hosts: u32,
    /// How many acceptance commands.
    pub acceptance_checks: u32,
    /// How waves and edges are read.
    pub choice: Choice,
    /// How many tasks stand on the longest chain of needs.
    pub levels: u32,
    /// The chain that takes longest.
    pub critical_path: Vec<TaskId>,
    /// The needs that the choice left out.
    pub dropped_edges: Vec<Edge>,
}

/// How long it was to take, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimeFigures {
    /// By the plan's estimates.
    pub estimated: ForecastTimes,
    /// The same by the run's own clock: a rehearsal at 60x takes a sixtieth.
    pub forecast: ForecastTimes,
    /// From the start to the end, or until now; none before the start.
    pub actual_seconds: Option<f64>,
    /// How much of it the run was paused, as a person wished.
    pub paused_seconds: f64,
    /// How much of it lay between an end and the moment when the run was taken up again.
    pub ended_seconds: f64,
    /// The time of the attempts that completed a task, added up: what one agent would have taken
    /// for the same attempts, one after the other.
    pub work_seconds: f64,
    /// The time of the attempts that failed.
    pub failed_seconds: f64,
    /// `actual / forecast`; only for a completed run.
    pub against_forecast: Option<f64>,
    /// `one agent's forecast / actual`; only for a completed run.
    pub speed_up_estimated: Option<f64>,
    /// `work / actual`; only for a completed run.
    pub speed_up_measured: Option<f64>,
}

/// What the forecast says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ForecastTimes {
    /// Until the last task's end.
    pub expected_seconds: f64,
    /// No schedule can be shorter.
    pub lower_bound_seconds: f64,
    /// The chain that takes longest.
    pub critical_path_seconds: f64,
    /// One agent alone.
    pub one_agent_seconds: f64,
}

/// How much went on at once, computed from the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ParallelFigures {
    /// How many agents there are, those that joined included.
    pub agents: u32,
    /// How many took at least one attempt.
    pub agents_used: u32,
    /// The most attempts under way at one moment.
    pub max_at_once: u32,
    /// The first such moment, after the start.
    pub max_at_seconds: Option<f64>,
    /// Attempts under way, averaged over the run.
    pub mean_at_once: f64,
}

/// A task of the chain that the run's end waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalStep {
    /// The task.
    pub task: TaskId,
    /// Who completed it.
    pub agent: AgentId,
    /// How long it waited after the end of the step before it.
    pub waited_seconds: f64,
    /// How long it took, from its first attempt to its end.
    pub took_seconds: f64,
}

/// One line of what being done means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DoneLine {
    /// A stable word for programs.
    pub id: DoneId,
    /// What is asked.
    pub asked: String,
    /// What was measured.
    pub measured: String,
    /// Whether that is enough.
    pub verdict: Verdict,
}

/// What a line of what being done means is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoneId {
    /// Enough agents.
    AgentsUsed,
    /// Enough tasks at once.
    TasksAtOnce,
    /// Every task on evidence.
    Evidence,
    /// The acceptance commands.
    AcceptanceChecks,
    /// Against one agent.
    HalfTheTime,
    /// Every agent in tmux.
    SeenInTmux,
    /// No state but in files.
    StateInFiles,
    /// A work tree an attempt, and all of it merged.
    OneTree,
    /// The plan's verification as a whole.
    Verification,
    /// A check of the verification that measures something: a line a check.
    Check,
}

/// Whether what was measured is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    NotMet,
    /// It is not yet; the run goes on.
    Open,
    /// A figure alone: the plan is too small for a threshold, or asks for nothing.
    Figure,
    /// Nothing was written down that would tell.
    NotRecorded,
    /// A rehearsal measures nothing.
    NotMeasured,
}

/// How often what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// COMPLETED tasks.
    pub completed: u32,
    /// FAILED tasks, cancelled ones included.
    pub failed: u32,
    /// Tasks that have not ended.
    pub unfinished: u32,
    /// Attempts, withdrawn offers left out.
    pub attempts: u32,
    /// Attempts that failed.
    pub failed_attempts: u32,
    /// Offers taken back before an agent took them.
    pub withdrawn: u32,
    /// Tries after a failed one, by the plan.
    pub automatic_retries: u32,
    /// Tries after a failure, by a person's wish.
    pub wished_retries: u32,
    /// Tasks given to another agent.
    pub reassignments: u32,
    /// Tasks that an idle agent took from another one.
    pub stolen: u32,
    /// Pauses.
    pub pauses: u32,
    /// Foreign edits of the queue file that were undone.
    pub queue_edits_undone: u32,
    /// Foreign edits of the queue file that were followed.
    pub queue_edits_followed: u32,
    /// Claims that did not count any more.
    pub late_claims: u32,
    /// Notes.
    pub notes: u32,
    /// Backends after the first.
    pub takeovers: u32,
    /// Merges.
    #[serde(default)]
    pub merges: u32,
    /// Conflicts.
    #[serde(default)]
    pub conflicts: u32,
    /// Pairs of tasks at work that touched the same files.
    #[serde(default)]
    pub overlaps: u32,
    /// Pieces of work that a person sent back.
    #[serde(default)]
    pub sent_back: u32,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    /// Its id.
    pub id: TaskId,
    /// A line for people.
    pub title: String,
    /// The part of the work it belongs to.
    pub module: String,
    /// The wave as written.
    pub wave: Option<u32>,
    /// How many tasks stand before it on its longest chain of needs.
    pub level: u32,
    /// Whether it stands on the critical path.
    pub critical: bool,
    /// Its needs, without dropped edges.
    pub needs: Vec<TaskId>,
    /// The agent that has it, last had it, or is meant to have it.
    pub agent: AgentId,
    /// The agent that the plan named.
    pub planned_agent: AgentId,
    /// The word in the queue file.
    pub status: TaskStatus,
    /// Finer than the word.
    pub phase: TaskPhase,
    /// From 0 to 1.
    pub progress: f64,
    /// In the plan's seconds.
    pub estimated_seconds: u32,
    /// By the forecast.
    pub planned: PlannedSlot,
    /// When it was first taken, after the start.
    pub started_after_seconds: Option<f64>,
    /// When it ended, after the start.
    pub ended_after_seconds: Option<f64>,
    /// How long the attempt that completed it took.
    pub took_seconds: Option<f64>,
    /// Globs of promised files.
    pub outputs: Vec<String>,
    /// Commands that must succeed.
    pub acceptance: Vec<Vec<String>>,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether an agent of another kind stood in for its own.
    #[serde(default)]
    pub stood_in: bool,
    /// Whether a person has to accept its work.
    #[serde(default)]
    pub needs_approval: bool,
    /// What it left behind, once it is COMPLETED on git.
    #[serde(default)]
    pub work: Option<WorkReport>,
    /// Files that other tasks at work have touched, too.
    #[serde(default)]
    pub overlaps: Vec<OverlapView>,
    /// What its attempts used.
    #[serde(default)]
    pub usage: UsageView,
    /// Oldest first.
    pub attempts: Vec<AttemptReport>,
}

/// When and where the forecast has a task, after the start of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedSlot {
    /// By whom.
    pub agent: AgentId,
    /// From when.
    pub start_seconds: f64,
    /// Until when.
    pub end_seconds: f64,
}

/// One try of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptReport {
    /// As in `Task-2.1`.
    pub id: String,
    /// Counts from 1.
    pub number: u32,
    /// Who carried it out.
    pub agent: AgentId,
    /// Where that agent was then.
    pub host: HostId,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was handed out.
    pub assigned_at: Timestamp,
    /// When the agent took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it was taken, after the start of the run.
    pub start_seconds: f64,
    /// When it ended, after the start of the run; now, while it is under way.
    pub end_seconds: f64,
    /// Why it failed.
    pub cause: Option<FailureCause>,
    /// Why it failed, for people.
    pub error: Option<String>,
    /// What the agent says it wrote: a claim.
    pub claimed_files: Vec<String>,
    /// What was found.
    pub evidence: Option<EvidenceReport>,
    /// The session of the agent program.
    #[serde(default)]
    pub session: Option<String>,
    /// The model, as the program names it.
    #[serde(default)]
    pub model: Option<String>,
    /// What it used.
    #[serde(default)]
    pub usage: UsageView,
    /// Its place on git; none where the agents share a folder.
    #[serde(default)]
    pub tree: Option<TreeView>,
    /// What a person said of its work when it was sent back.
    #[serde(default)]
    pub comments: Vec<ReviewComment>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its task is COMPLETED by it.
    Completed,
    /// It failed.
    Failed,
    /// A person stopped it: cancelled the task, moved it to another agent, or stopped the run.
    Stopped,
    /// It was taken back before the agent took it.
    Withdrawn,
    /// It is under way.
    Running,
    /// The agent has not taken it yet.
    Offered,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The task.
    pub task: TaskId,
    /// As in `Task-2.1`.
    pub attempt: String,
    /// Whose attempt it was.
    pub agent: AgentId,
    /// When it ended, after the start.
    pub after_seconds: f64,
    /// Why.
    pub cause: FailureCause,
    /// Why, for people.
    pub error: String,
    /// Whether the task is COMPLETED in spite of it.
    pub overcome: bool,
    /// How many tasks that have not ended wait behind it, directly or not.
    pub holds_back: u32,
}

/// A task that does not run and has not ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which.
    pub task: TaskId,
    /// A line for people.
    pub title: String,
    /// Why.
    pub reasons: Vec<WaitReason>,
}

/// Something that was decided, from the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// Its line in the journal.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// When, after the start.
    pub after_seconds: f64,
    /// What it is about.
    pub kind: HistoryKind,
    /// The task it is about.
    pub task: Option<TaskId>,
    /// The agent it is about.
    pub agent: Option<AgentId>,
    /// By whose wish a task was tried again or given to another agent.
    pub by: Option<By>,
    /// A sentence for people.
    pub text: String,
}

/// What a line of the history is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryKind {
    /// A task is tried again by the plan.
    AutomaticRetry,
    /// A task is tried again by a person's wish.
    WishedRetry,
    /// A task was given to another agent.
    Reassignment,
    /// An idle agent took a task that another one was to have.
    Stolen,
    /// An offer was taken back.
    Withdrawn,
    /// A task was taken out.
    Cancelled,
    /// Nothing new starts.
    Paused,
    /// It goes on.
    Resumed,
    /// A foreign edit of the queue file was undone.
    QueueEditUndone,
    /// A claim that did not count any more.
    LateClaim,
    /// An agent is kept from work until it shows an end, or has shown it.
    Drain,
    /// An agent that the plan does not name.
    AgentJoined,
    /// Something that a person should know.
    Note,
    /// Agents of a runner cannot work, and others stand in for them; or they work again.
    StandIn,
    /// An account is at its rate limit.
    AccountRests,
    /// A request for permission was answered.
    Approval,
    /// A budget was reached or raised.
    Budget,
    /// A person said something to an agent at its work.
    Said,
    /// Contact with a host was lost.
    HostLost,
    /// A host was reached again.
    HostBack,
    /// A lost host was given up, and its tasks run elsewhere.
    HostGivenUp,
    /// An agent works on another host from here on.
    AgentMoved,
    /// What tasks produced was merged.
    Merged,
    /// What tasks produced contradicts itself, or somebody resolved that.
    Conflict,
    /// Two tasks at work have touched the same files.
    Overlap,
    /// A person has to accept a piece of work, or sent it back.
    Review,
    /// The plan's verification was run.
    Verified,
    /// A backend took the run over.
    Takeover,
    /// The run ended.
    Ended,
    /// A run that had ended goes on.
    Reopened,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentFigures {
    /// Its id.
    pub id: AgentId,
    /// Its kind.
    pub kind: Kind,
    /// What it does, in a word or two.
    pub title: String,
    /// Where it runs.
    pub host: HostId,
    /// How it is run, by the plan.
    pub runner: RunnerKind,
    /// Its tmux window's name.
    pub window: String,
    /// Its runner's process, as it was last seen.
    pub pid: Option<u32>,
    /// How many tasks it completed.
    pub completed: u32,
    /// How many attempts it took.
    pub attempts: u32,
    /// How many of them failed.
    pub failed_attempts: u32,
    /// How long it was at work.
    pub busy_seconds: f64,
    /// `busy / actual`.
    pub utilisation: f64,
    /// What its attempts used.
    #[serde(default)]
    pub usage: UsageView,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostFigures {
    /// Its id.
    pub id: HostId,
    /// A line for people.
    pub title: String,
    /// How it is reached, by the plan.
    pub transport: TransportKind,
    /// How many tasks may run there at once.
    pub capacity: u32,
    /// How many agents it has.
    pub agents: u32,
    /// How many attempts were carried out there.
    pub attempts: u32,
    /// The most of them at one moment.
    pub max_at_once: u32,
    /// Their time added up.
    pub busy_seconds: f64,
    /// `busy / (actual x places)`, a place being an agent that its capacity allows to work.
    pub utilisation: f64,
    /// How often contact with it was lost.
    #[serde(default)]
    pub times_lost: u32,
    /// How long it was out of reach, all added up.
    #[serde(default)]
    pub lost_seconds: f64,
}
