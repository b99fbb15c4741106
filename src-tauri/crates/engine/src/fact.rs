//! What was decided: the only things that change a run, and the only things in its journal.
//!
//! Written once, read for ever: fields are added with a default, never renamed or removed.

use miyabi_plan::{AgentId, AttemptId, FailureCause, HostId, RunPhase, RunnerKind, Task, TaskId, Usd};
use miyabi_protocol::{
    ApprovalAnswer, ApprovalRequest, ApprovalScope, Baseline, CheckResult, EvidenceReport, ReviewComment,
    RunOpening, Timestamp, TreeAt, Usage,
};
use serde::{Deserialize, Serialize};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 without a gap.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided.
    pub fact: Fact,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fact")]
pub enum Fact {
    /// The run was opened. Always first.
    Opened {
        /// What was decided before.
        opening: Box<RunOpening>,
    },
    /// A backend took the run over.
    BackendStarted {
        /// Counts the backends of this run from 1.
        epoch: u32,
    },
    /// An agent that the plan does not name appeared.
    AgentJoined {
        /// Which.
        agent: AgentId,
        /// Where.
        host: HostId,
    },
    /// An attempt was given to an agent. Journaled before the agent can know.
    Assigned {
        /// The attempt.
        attempt: AttemptId,
        /// To whom.
        agent: AgentId,
        /// What it may cost, as its share of what is left of the budgets; none where none bounds it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<Usd>,
    },
    /// What the declared outputs were just before the attempt.
    BaselineTaken {
        /// The attempt.
        attempt: AttemptId,
        /// By path.
        baseline: Baseline,
    },
    /// The agent took it.
    Started {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The offer was taken back before the agent took it. No try is spent.
    Withdrawn {
        /// The attempt.
        attempt: AttemptId,
        /// For people.
        why: String,
    },
    /// The agent says how it ended.
    Claimed {
        /// The attempt.
        attempt: AttemptId,
        /// What it says.
        claim: Claim,
    },
    /// The evidence held.
    Completed {
        /// The attempt.
        attempt: AttemptId,
        /// What was found; none where nothing is looked for.
        evidence: Option<EvidenceReport>,
    },
    /// The attempt failed.
    AttemptFailed {
        /// The attempt.
        attempt: AttemptId,
        /// Why, for programs.
        cause: FailureCause,
        /// Why, for people.
        error: String,
        /// What was found, where it was looked for.
        evidence: Option<EvidenceReport>,
        /// What comes next.
        next: NextTry,
        /// Whether the agent may still be at it, and is kept from work until it shows its end.
        drains: bool,
    },
    /// An agent was seen at an attempt that does not count; it is kept from work until it shows
    /// its end.
    DrainBegan {
        /// Which.
        agent: AgentId,
    },
    /// An agent that was kept from work has shown its end.
    Drained {
        /// Which.
        agent: AgentId,
    },
    /// A claim of an attempt that does not count was thrown away.
    LateClaim {
        /// Whose.
        agent: AgentId,
        /// For which task, as the file says.
        task: String,
    },
    /// A task was given to another agent.
    Reassigned {
        /// Which.
        task: TaskId,
        /// From whom.
        from: AgentId,
        /// To whom.
        to: AgentId,
        /// By whose wish.
        by: By,
        /// What the next agent is told beside the task: the hand-over, as a person left it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        packet: Option<String>,
    },
    /// A task is to be tried again, with all its retries.
    Retried {
        /// Which.
        task: TaskId,
        /// By whose wish.
        by: By,
    },
    /// A task was taken out.
    TaskCancelled {
        /// Which.
        task: TaskId,
    },
    /// Nothing new starts.
    Paused,
    /// It goes on.
    Resumed,
    /// An edit of `task_queue.json` by other hands that is no command; it is undone.
    QueueEditUndone {
        /// What was changed, for people.
        what: String,
    },
    /// The agent program's session stands, and can be taken up again.
    SessionKnown {
        /// The attempt.
        attempt: AttemptId,
        /// The session, as the program names it.
        session: String,
    },
    /// What an attempt used so far; a later figure replaces an earlier one.
    Spent {
        /// The attempt.
        attempt: AttemptId,
        /// So far, with its cost where that is known.
        usage: Usage,
        /// The model, as the program names it.
        model: Option<String>,
    },
    /// An agent waits for permission.
    ApprovalAsked {
        /// The item's number in the inbox; counts from 1 within the run.
        number: u32,
        /// The attempt.
        attempt: AttemptId,
        /// What is asked.
        request: ApprovalRequest,
    },
    /// A request was answered.
    ApprovalAnswered {
        /// The item's number in the inbox; none where nobody had to be asked.
        number: Option<u32>,
        /// The attempt.
        attempt: AttemptId,
        /// The request.
        request: String,
        /// The tool.
        tool: String,
        /// The answer.
        answer: ApprovalAnswer,
        /// How far it reaches.
        scope: ApprovalScope,
        /// Who answered.
        by: AnsweredBy,
    },
    /// A request is not asked any more.
    ApprovalGone {
        /// The item's number in the inbox.
        number: u32,
    },
    /// An account is at its rate limit: none of its agents begins before this time.
    AccountRests {
        /// Which account.
        account: String,
        /// Until when.
        until: Timestamp,
        /// For people.
        why: String,
    },
    /// Agents of this runner cannot work: others stand in for them, where the plan allows it.
    RunnerLost {
        /// Which.
        runner: RunnerKind,
        /// Why, for programs; none in journals of before this was kept.
        #[serde(default)]
        cause: Option<FailureCause>,
        /// For people.
        why: String,
        /// When one task tries whether it is back.
        recheck_at: Timestamp,
    },
    /// One task tries whether the runner is back, or tried in vain.
    RunnerTried {
        /// Which.
        runner: RunnerKind,
        /// When the next one tries, should this one fail.
        recheck_at: Timestamp,
    },
    /// Agents of this runner work again.
    RunnerBack {
        /// Which.
        runner: RunnerKind,
    },
    /// A budget is reached: what it holds back waits for a person.
    BudgetReached {
        /// The item's number in the inbox.
        number: u32,
        /// Which.
        budget: BudgetOf,
        /// What was spent.
        spent: Usd,
        /// What may be spent.
        limit: Usd,
    },
    /// A person raised a budget.
    BudgetRaised {
        /// Which.
        budget: BudgetOf,
        /// What may be spent from now on.
        limit: Usd,
    },
    /// A person said something to an agent at its work.
    Said {
        /// Counts from 1 within the run.
        number: u32,
        /// The attempt.
        attempt: AttemptId,
        /// What was said.
        text: String,
    },
    /// The machine slept: that time counts for no running attempt.
    Slept {
        /// For how long.
        millis: i64,
    },
    /// A host cannot be reached: what its agents are at is unverified from here on.
    HostLost {
        /// Which.
        host: HostId,
        /// Why, for people.
        why: String,
    },
    /// A host is reached again, and has shown all that is there.
    HostBack {
        /// Which.
        host: HostId,
    },
    /// What was under way on a lost host is run elsewhere. Its attempts fail in the same step.
    HostGivenUp {
        /// Which.
        host: HostId,
        /// By whose wish.
        by: GivenUpBy,
    },
    /// An agent works on another host from here on, because its own was given up.
    AgentMoved {
        /// Which.
        agent: AgentId,
        /// Where to.
        host: HostId,
    },
    /// An attempt's work tree stands.
    TreeMade {
        /// The attempt.
        attempt: AttemptId,
        /// Where.
        tree: TreeAt,
        /// The commit that it began from: its base, or what the attempt before it left.
        start: String,
    },
    /// What an ended attempt left behind is committed, and here.
    WorkKept {
        /// The attempt.
        attempt: AttemptId,
        /// The last commit of its branch; none where nothing is left of it.
        commit: Option<String>,
    },
    /// Work was merged without a conflict.
    Merged {
        /// The task that begins from it; none for the result of the whole run.
        task: Option<TaskId>,
        /// What was merged, in this order.
        heads: Vec<String>,
        /// What came of it.
        commit: String,
        /// Its tree.
        tree: String,
    },
    /// A task that the plan does not name: one that resolves a conflict.
    TaskAdded {
        /// The task. What it is for needs it from here on, in the place of those that it merges.
        task: Box<Task>,
        /// What is in conflict.
        merge: MergeConflict,
    },
    /// A person resolved a conflict by a commit of their own: the merge task is done with it.
    CommitTaken {
        /// The merge task.
        task: TaskId,
        /// The commit.
        commit: String,
    },
    /// Two attempts at work have touched the same files.
    OverlapSeen {
        /// The attempts, in the plan's order.
        attempts: Vec<AttemptId>,
        /// The files, by path.
        files: Vec<String>,
    },
    /// The evidence held, and a person has to accept the work.
    ReviewAsked {
        /// The item's number in the inbox.
        number: u32,
        /// The attempt.
        attempt: AttemptId,
        /// What was found.
        evidence: Option<EvidenceReport>,
    },
    /// A person sent the work of a task back: it is done again.
    SentBack {
        /// The attempt that was read.
        attempt: AttemptId,
        /// What is to be done better.
        comments: Vec<ReviewComment>,
    },
    /// The plan's verification was run on all the work.
    Verified {
        /// Every check.
        checks: Vec<CheckResult>,
        /// Why there was nothing to run them in.
        problem: Option<String>,
    },
    /// A person wants the verification run once more.
    VerifyAgain,
    /// Something that a person should know.
    Noted {
        /// What it is about.
        kind: NoteKind,
        /// Which agent it is about.
        agent: Option<AgentId>,
        /// The particulars.
        detail: String,
    },
    /// The run ended.
    Ended {
        /// How.
        phase: RunPhase,
        /// Why each task that did not run did not: a line a task.
        reasons: Vec<String>,
    },
    /// A run that had ended goes on.
    Reopened,
}

/// What a merge task resolves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeConflict {
    /// The task that waits for it; none for the result of the whole run.
    pub waits: Option<TaskId>,
    /// The one side.
    pub ours: String,
    /// The other side.
    pub theirs: String,
    /// The files, by path.
    pub files: Vec<String>,
}

/// What an agent says of its attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "claim")]
pub enum Claim {
    /// Done.
    Completed {
        /// What it says it wrote.
        output_files: Vec<String>,
        /// Its last words, where its runner knows them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
    },
    /// Given up.
    Failed {
        /// Why.
        errors: Vec<String>,
        /// Why, for programs, where its runner can tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<FailureCause>,
        /// When a rate limit ends, where the program said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

/// What comes after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "next")]
pub enum NextTry {
    /// Tried again, not before this time.
    At {
        /// When.
        time: Timestamp,
    },
    /// Tried again, not before this time; no try was spent, because the task had no part in it.
    After {
        /// When.
        time: Timestamp,
    },
    /// Waits again at once; no try was spent.
    Free,
    /// Not tried again by itself.
    Never,
}

/// Who answered a request for permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// A person.
    Person,
    /// What a person allowed before, for the task or the run.
    Grant,
    /// The plan's rules.
    Plan,
    /// Nobody, within the time.
    TimeOut,
}

/// Whose budget.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "of")]
pub enum BudgetOf {
    /// The whole run's.
    Run,
    /// An agent's.
    Agent {
        /// Which.
        agent: AgentId,
    },
    /// A task's.
    Task {
        /// Which.
        task: TaskId,
    },
}

/// Who gave a lost host up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenUpBy {
    /// A person.
    Person,
    /// The plan, after the lease of its agents.
    Lease,
}

/// By whose wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A command.
    Person,
    /// An edit of `task_queue.json`.
    QueueFile,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// A status file is not readable, or says something impossible.
    BadStatus,
    /// An agent's window or runner cannot be made.
    AgentProblem,
    /// The state folder cannot be written.
    StateProblem,
    /// A helper is gone.
    HostLost,
}
