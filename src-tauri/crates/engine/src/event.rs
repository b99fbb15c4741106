//! All that can happen to a run, in one closed enum.

use miyabi_plan::{AgentId, HostId, Site, TaskId, Usd};
use miyabi_protocol::link::Report;
use miyabi_protocol::{ApprovalAnswer, ApprovalScope, Carriage, ReviewComment};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a report, and one lives at a time")]
pub enum Event {
    /// A helper reported.
    Reported {
        /// Which helper.
        site: Site,
        /// What.
        report: Report,
    },
    /// A helper cannot be reached; everything it would have told us is unknown until the next
    /// [`Report::Listed`]. Also told of one that was not reached before.
    LinkDown {
        /// Which.
        site: Site,
        /// Why, for people.
        why: String,
    },
    /// By the runners' own clocks the lease of every agent there is over: none of them works any more.
    /// Told only where the plan turned automatic failover on, and again with the loss of a host where
    /// it came before: it acts only while the host is lost.
    LeaseOver {
        /// Where.
        host: HostId,
    },
    /// A commit was carried, or could not be.
    Carried {
        /// What was to be carried.
        carriage: Carriage,
        /// What is wrong, for people; none when it has arrived.
        problem: Option<String>,
    },
    /// Time has passed; see [`crate::Engine::wake_at`].
    Tick,
    /// The machine slept, and nothing ran in that time. Handed in before any other event after the
    /// sleep, or time limits are over before it is known that nobody had the time.
    Slept {
        /// For how long.
        millis: i64,
    },
}

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Start nothing new.
    Pause,
    /// Go on.
    Resume,
    /// End the run.
    CancelRun,
    /// End every attempt without spending a try, because the backend and its agents are to stop. The
    /// run stays as it is and can be resumed.
    StopAll,
    /// Take one task out.
    CancelTask(TaskId),
    /// Try a failed or cancelled task again.
    RetryTask(TaskId),
    /// Give a task to another agent.
    Reassign {
        /// Which task.
        task: TaskId,
        /// To whom.
        agent: AgentId,
        /// Whether a running attempt may be stopped for it.
        stop_running: bool,
        /// Whether the agent may be of another kind than the task is planned for.
        across_kinds: bool,
        /// What the next agent is told beside the task, as the person left it; none for nothing.
        packet: Option<String>,
    },
    /// A person accepts the work of a task that waits for that.
    Accept(TaskId),
    /// A person sends the work of a task back.
    SendBack {
        /// Which task.
        task: TaskId,
        /// What is to be done better.
        comments: Vec<ReviewComment>,
    },
    /// A person resolved the conflict of a merge task by a commit of their own.
    TakeCommit {
        /// The merge task.
        task: TaskId,
        /// A branch or commit.
        revision: String,
    },
    /// Run the plan's verification once more.
    VerifyAgain,
    /// Answer a request for permission in the inbox.
    Answer {
        /// The item's number.
        number: u32,
        /// The answer.
        answer: ApprovalAnswer,
        /// How far an allowance reaches.
        scope: ApprovalScope,
    },
    /// Let more be spent.
    RaiseBudget {
        /// The item's number.
        number: u32,
        /// What may be spent from now on.
        limit: Usd,
    },
    /// Run the tasks of a lost host elsewhere, under new attempts.
    GiveUpHost(HostId),
    /// Say something to an agent at its work.
    Say {
        /// To whom.
        agent: AgentId,
        /// What.
        text: String,
    },
}
