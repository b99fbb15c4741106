//! The run as a client sees it: figures and codes, ready to draw. Times are RFC 3339 texts in UTC,
//! durations are in seconds, progress goes from 0 to 1.

use miyabi_plan::{
    AgentId, Choice, FailureCause, Finding, Forecast, HostId, Kind, RunPhase, RunnerKind, TaskId, TaskPhase,
    TransportKind, WaitReason,
};
use miyabi_protocol::link::Load;
use miyabi_protocol::{AgentStatus, EvidenceReport, TaskStatus, Timestamp};
use miyabi_protocol::{HostQuestion, ReviewComment, Secret};
use serde::{Deserialize, Serialize};

use crate::inbox::{InboxItem, StandInView, UsageView};
use crate::work::{ConflictView, GitView, OverlapView, TreeView, VerificationView};

/// Everything about a run, or about a plan before its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct RunSnapshot {
    /// Counts the changes; a patch carries the next number.
    pub revision: u32,
    /// The run as a whole.
    pub run: RunView,
    /// In the plan's order.
    pub tasks: Vec<TaskView>,
    /// In the plan's order; those that joined later come last.
    pub agents: Vec<AgentView>,
    /// In the plan's order.
    pub hosts: Vec<HostView>,
    /// What needs a person, oldest first.
    pub inbox: Vec<InboxItem>,
    /// What should be known, oldest first.
    pub notices: Vec<Notice>,
}

/// What changed since the last revision. Entries replace those of the same id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct RunPatch {
    /// The revision after this patch.
    pub revision: u32,
    /// The run as a whole, always.
    pub run: RunView,
    /// Changed tasks.
    pub tasks: Vec<TaskView>,
    /// Changed and new agents.
    pub agents: Vec<AgentView>,
    /// Changed hosts.
    pub hosts: Vec<HostView>,
    /// The whole inbox, where it changed.
    pub inbox: Option<Vec<InboxItem>>,
    /// New notices.
    pub notices: Vec<Notice>,
}

/// The run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct RunView {
    /// Empty for a plan without a run.
    pub run_id: String,
    /// The plan's short name.
    pub name: String,
    /// The plan's line for people.
    pub title: String,
    /// Where it stands.
    pub phase: RunPhase,
    /// How fast a rehearsal plays; none for a real run.
    pub rehearsal_speed: Option<f64>,
    /// The plan's mark, as in `scripted model`; shown wherever the run is.
    pub label: Option<String>,
    /// How waves and edges are read.
    pub choice: Choice,
    /// The state folder.
    pub state_dir: String,
    /// The tmux session.
    pub session: String,
    /// The work folder.
    pub work_folder: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The backend's clock when this was made: clients draw the now line by it.
    pub now: Timestamp,
    /// From 0 to 1, weighted by estimates.
    pub progress: f64,
    /// How many tasks are COMPLETED.
    pub completed: u32,
    /// How many tasks are FAILED.
    pub failed: u32,
    /// How many agents work at this moment.
    pub running: u32,
    /// How many tasks there are.
    pub total: u32,
    /// When the last task was expected to end, before the start; in seconds of the plan's
    /// estimates (a rehearsal at 60x takes a sixtieth of them).
    pub forecast: Forecast,
    /// How long the whole run is expected to take now, in seconds of the plan's estimates: tasks that
    /// others stand in for take half as long again.
    pub expected_seconds: f64,
    /// Why nothing goes on, when the run is stuck: a line a task.
    pub stuck: Vec<String>,
    /// What all attempts used.
    pub usage: UsageView,
    /// What may be spent, in US dollars.
    pub budget_usd: Option<f64>,
    /// Whose tasks others take at this moment.
    pub stand_ins: Vec<StandInView>,
    /// How the work travels; none where all agents share a folder.
    pub git: Option<GitView>,
    /// What must hold of all the work together; none where the plan says nothing of it.
    pub verification: Option<VerificationView>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// A line for people.
    pub title: String,
    /// What the agent is told.
    pub prompt: String,
    /// The part of the work it belongs to.
    pub module: String,
    /// Which kind of agent may take it.
    pub kind: Kind,
    /// The agent that has it, last had it, or is meant to have it.
    pub agent: AgentId,
    /// The agent that the plan named.
    pub planned_agent: AgentId,
    /// The host it must run on, where the plan says so.
    pub host: Option<HostId>,
    /// Its needs, without dropped edges.
    pub needs: Vec<TaskId>,
    /// Lower goes first.
    pub priority: i32,
    /// In seconds.
    pub estimated_seconds: u32,
    /// The wave as written.
    pub wave: Option<u32>,
    /// How many tasks stand before it on its longest chain of needs.
    pub level: u32,
    /// Whether it stands on the critical path.
    pub critical: bool,
    /// Globs of promised files.
    pub outputs: Vec<String>,
    /// Commands that must succeed, each as its words.
    pub acceptance: Vec<Vec<String>>,
    /// How often a failed attempt is tried again.
    pub retries: u32,
    /// In seconds.
    pub time_limit_seconds: u32,
    /// The word in `task_queue.json`.
    pub status: TaskStatus,
    /// Finer than the word.
    pub phase: TaskPhase,
    /// From 0 to 1.
    pub progress: f64,
    /// Why it does not run; empty while it runs and after its end.
    pub waiting: Vec<WaitReason>,
    /// When it was first handed out.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
    /// What its attempts used.
    pub usage: UsageView,
    /// Whether an agent of another kind stands in for its own.
    pub stood_in: bool,
    /// Oldest first.
    pub attempts: Vec<AttemptView>,
    /// In seconds from the start of the run, by the forecast.
    pub planned_start_seconds: f64,
    /// In seconds from the start of the run, by the forecast.
    pub planned_end_seconds: f64,
    /// Where the graph draws it.
    pub position: Point,
    /// Whether a person has to accept its work.
    pub needs_approval: bool,
    /// What it resolves, where it is a merge task.
    pub conflict: Option<ConflictView>,
    /// Files that other tasks at work have touched, too.
    pub overlaps: Vec<OverlapView>,
}

/// A place in the graph: the middle of a node, in units of one node height.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, specta::Type)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// One try of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct AttemptView {
    /// Counts from 1.
    pub number: u32,
    /// Who carried it out.
    pub agent: AgentId,
    /// Where that agent was then.
    pub host: HostId,
    /// When it was handed out.
    pub assigned_at: Timestamp,
    /// When the agent took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it failed; none while it runs and when it succeeded.
    pub cause: Option<FailureCause>,
    /// For people: what was missing, what the agent said.
    pub error: Option<String>,
    /// What the agent says it wrote.
    pub output_files: Vec<String>,
    /// What was found after its claim.
    pub evidence: Option<EvidenceReport>,
    /// The session of the agent program.
    pub session: Option<String>,
    /// The model, as the program names it.
    pub model: Option<String>,
    /// What it used.
    pub usage: UsageView,
    /// Its place on git; none where the agents share a folder.
    pub tree: Option<TreeView>,
    /// What a person said of its work when it was sent back.
    pub comments: Vec<ReviewComment>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct AgentView {
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
    /// The word in its file; none while no file was seen.
    pub status: Option<AgentStatus>,
    /// What it is at.
    pub task: Option<TaskId>,
    /// From 0 to 1.
    pub progress: f64,
    /// When its file was last written.
    pub updated_at: Option<Timestamp>,
    /// Its tmux window's name.
    pub window: String,
    /// Its runner's process; none where it has none.
    pub pid: Option<u32>,
    /// Whether it is kept from work until a stopped attempt of it has shown its end.
    pub draining: bool,
    /// What is wrong with it, with the remedy.
    pub problem: Option<String>,
    /// Agents of one account share its rate limit; empty for those without a model.
    pub account: String,
    /// What it is doing, in a line; empty where nothing is known.
    pub activity: String,
    /// Whether something can be said to it at this moment.
    pub listens: bool,
    /// Until when its account is at a rate limit.
    pub rests_until: Option<Timestamp>,
    /// What its attempts used.
    pub usage: UsageView,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct HostView {
    /// Its id.
    pub id: HostId,
    /// A line for people.
    pub title: String,
    /// How it is reached, by the plan.
    pub transport: TransportKind,
    /// How many tasks may run there at once.
    pub capacity: u32,
    /// How many run there.
    pub running: u32,
    /// Whether its helper answers.
    pub connected: bool,
    /// How busy it is.
    pub load: Option<Load>,
    /// What is wrong with it, with the remedy.
    pub problem: Option<String>,
    /// The name under which `ssh` knows it, or the command that reaches it; empty here.
    pub address: String,
    /// Words for people and for choosing, as in `cpu`.
    pub labels: Vec<String>,
    /// How contact with it stands.
    pub contact: HostContact,
    /// Since when it stands so.
    pub contact_since: Option<Timestamp>,
    /// While it reconnects: when it is tried next.
    pub next_try_at: Option<Timestamp>,
    /// What a person has to say before it can be reached.
    pub question: Option<HostQuestion>,
    /// How many tasks there are unverified.
    pub unverified: u32,
    /// How far its clock is ahead of ours, in seconds; none while it was not asked.
    pub clock_ahead_seconds: Option<f64>,
    /// How long its last answer took, in milliseconds.
    pub round_trip_ms: Option<f64>,
}

/// How contact with a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum HostContact {
    /// Nobody has tried yet.
    #[default]
    Unknown,
    /// It is being reached for the first time.
    Connecting,
    /// Its helper answers.
    Ready,
    /// An answer is overdue.
    Probing,
    /// It was lost, and is being reached again.
    Reconnecting,
    /// It turned us away, or a person must say something first.
    Refused,
    /// It was lost and given up; it is still tried.
    Gone,
}

/// A person's answer to a [`HostQuestion`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum HostAnswer {
    /// The key with this fingerprint is the right one: keep it.
    Trust {
        /// The fingerprint that the person was shown.
        fingerprint: String,
    },
    /// The passphrase or password. Kept in memory only, while the backend lives.
    Secret {
        /// It.
        secret: Secret,
    },
    /// Try again now.
    TryAgain,
}

/// What trying a host out brought to light.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct HostTest {
    /// Line by line: reach, log-in, helper, tmux, disk, clock, agent programs.
    pub lines: Vec<DoctorLine>,
    /// What a person has to say before it goes on.
    pub question: Option<HostQuestion>,
}

/// Something that a person should hear of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct Notice {
    /// Counts from 1 within a run.
    pub id: u32,
    /// When.
    pub at: Timestamp,
    /// What it is about, for programs and for translation.
    pub kind: NoticeKind,
    /// The task it is about.
    pub task: Option<TaskId>,
    /// The agent it is about.
    pub agent: Option<AgentId>,
    /// The particulars, as in the attempt's error.
    pub detail: String,
    /// How many tasks wait behind it.
    pub blocks: u32,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// An attempt failed and will be tried again.
    AttemptFailed,
    /// A task failed for good.
    TaskFailed,
    /// Nothing can go on.
    RunStuck,
    /// Every task is COMPLETED.
    RunCompleted,
    /// The run ended with failed tasks.
    RunFailed,
    /// A status file is not readable, or says something impossible.
    BadStatus,
    /// An edit of `task_queue.json` by other hands was undone.
    QueueEditUndone,
    /// An edit of `task_queue.json` by other hands was followed.
    QueueEditFollowed,
    /// A claim of an attempt that no longer counts was thrown away.
    LateClaim,
    /// An agent that the plan does not name has appeared.
    AgentJoined,
    /// An agent's window or runner cannot be made.
    AgentProblem,
    /// The state folder cannot be written.
    StateProblem,
    /// A helper is gone and is being started again, or a host cannot be reached.
    HostLost,
    /// A host is reached again.
    HostBack,
    /// A lost host's tasks are run elsewhere.
    HostGivenUp,
    /// An agent waits for permission.
    ApprovalAsked,
    /// A budget is reached.
    BudgetReached,
    /// An account is at its rate limit.
    AccountRests,
    /// Agents of a runner cannot work; others stand in for them.
    RunnerLost,
    /// Agents of a runner work again.
    RunnerBack,
    /// Two attempts at work have touched the same files.
    Overlap,
    /// What tasks produced contradicts itself; a merge task was added.
    MergeConflict,
    /// A task's work waits for a person to accept it.
    ReviewAsked,
    /// The plan's verification does not hold.
    VerificationFailed,
}

/// A plan before its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct PlanView {
    /// The folder or file.
    pub path: String,
    /// What validation says, errors first.
    pub findings: Vec<Finding>,
    /// SHA-256 of all its files, in hex.
    pub hash: String,
    /// Whether it holds commands that a real run would start.
    pub holds_commands: bool,
    /// Whether a person has agreed to those commands.
    pub trusted: bool,
    /// Why a real run is not possible here, as when a runner is missing; empty when it is.
    pub obstacles: Vec<String>,
    /// The forecast of each choice; the chosen one is in `preview.run.forecast`.
    pub choices: Vec<ChoiceView>,
    /// The plan drawn as a run that has not begun; none when it has errors.
    pub preview: Option<Box<RunSnapshot>>,
    /// The state folder's unfinished run, if one is there.
    pub unfinished: Option<RunSummary>,
}

/// What one choice would give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct ChoiceView {
    /// The choice.
    pub choice: Choice,
    /// How many levels.
    pub levels: u32,
    /// In seconds.
    pub expected_seconds: f64,
    /// In seconds.
    pub lower_bound_seconds: f64,
    /// How many needs it leaves out.
    pub dropped_edges: u32,
}

/// How a run is to be started.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, specta::Type)]
pub struct StartOptions {
    /// The plan's folder or file; none to resume.
    pub plan: Option<String>,
    /// Where its files lie; none for the default.
    pub state_dir: Option<String>,
    /// Play the estimates this many times faster; none for a real run.
    pub rehearse: Option<f64>,
    /// Start no agents: all are loops of their own over their status files.
    pub external: bool,
    /// Play a rehearsal on the plan's own hosts, and not on this machine alone.
    #[serde(default)]
    pub on_hosts: bool,
    /// How waves and edges are read.
    pub choice: Choice,
    /// Leave an unfinished run behind and begin anew.
    pub new_run: bool,
    /// Go on with the unfinished run.
    pub resume: bool,
    /// A person agreed to the plan's commands.
    pub trust: bool,
    /// Put what is not committed aside first, by `git stash`; a run on such a repository is refused otherwise.
    #[serde(default)]
    pub stash: bool,
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct Started {
    /// The run.
    pub run_id: String,
    /// Where its files lie.
    pub state_dir: String,
    /// Its tmux session.
    pub session: String,
}

/// One run in the list of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct RunSummary {
    /// The run.
    pub run_id: String,
    /// The plan's line for people.
    pub title: String,
    /// Where its files lie.
    pub state_dir: String,
    /// When it was set up.
    pub created_at: Timestamp,
    /// Where it stood when it was last journaled.
    pub phase: RunPhase,
    /// How many tasks are COMPLETED.
    pub completed: u32,
    /// How many tasks there are.
    pub total: u32,
    /// How fast a rehearsal plays; none for a real run.
    pub rehearsal_speed: Option<f64>,
    /// The plan's mark, as in `scripted model`.
    pub label: Option<String>,
    /// Whether its backend is at work at this moment.
    pub alive: bool,
}

/// One line of the check-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct DoctorLine {
    /// What was looked for, as in `tmux`.
    pub name: String,
    /// Whether it is there and good.
    pub ok: bool,
    /// Whether the program cannot run without it.
    pub required: bool,
    /// Whether it is a program of the agents, which a rehearsal does without.
    pub for_agents: bool,
    /// What was found, as in `tmux 3.3a`.
    pub found: String,
    /// The line that installs or mends it; empty when all is well.
    pub remedy: String,
}
