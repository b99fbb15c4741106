//! What travels over the backend's socket, in frames of `miyabi_protocol::frame`.

use miyabi_plan::{AgentId, HostId, TaskId};
use miyabi_protocol::link::TerminalSize;
use miyabi_protocol::{ApprovalAnswer, ApprovalScope, ReviewComment};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::view::{HostAnswer, Notice, RunPatch, RunSnapshot};
use crate::work::{HandOver, KeptTrees, Moment, TaskDiff};

/// What a client may ask of the backend of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Request {
    /// The whole run, and from then on [`Event`]s. Answered by [`Answer::Snapshot`].
    Subscribe,
    /// The whole run, once. Answered by [`Answer::Snapshot`].
    GetRun,
    /// Start nothing new.
    Pause,
    /// Go on.
    Resume,
    /// End the run; running attempts are stopped.
    CancelRun,
    /// Take one task out; a running attempt is stopped.
    CancelTask {
        /// Which.
        task: TaskId,
    },
    /// Try a failed or cancelled task again, with all its retries.
    RetryTask {
        /// Which.
        task: TaskId,
    },
    /// Give a task to another agent.
    Reassign {
        /// Which task.
        task: TaskId,
        /// To whom.
        agent: AgentId,
        /// Whether a running attempt may be stopped for it.
        stop_running: bool,
        /// Whether the agent may be of another kind than the task is planned for.
        #[serde(default)]
        across_kinds: bool,
        /// What the next agent is told beside the task, as the person left it; none for nothing.
        #[serde(default)]
        packet: Option<String>,
    },
    /// What would move with a task. Answered by [`Answer::HandOver`].
    HandOver {
        /// Which task.
        task: TaskId,
        /// To whom.
        agent: AgentId,
    },
    /// The differences that a task's attempt made. Answered by [`Answer::Diff`].
    Diff {
        /// Which task.
        task: TaskId,
        /// Which attempt; none for the last one that left anything.
        attempt: Option<u32>,
        /// One file whole, however long it is; none for all files, long ones left out.
        file: Option<String>,
    },
    /// Accept the work of a task that waits for that.
    Accept {
        /// Which.
        task: TaskId,
    },
    /// Send the work of a task back: it is done again with these comments.
    SendBack {
        /// Which.
        task: TaskId,
        /// What is to be done better.
        comments: Vec<ReviewComment>,
    },
    /// A conflict was resolved by hand: end the merge task with this commit.
    TakeCommit {
        /// The merge task.
        task: TaskId,
        /// A branch or commit of the repository.
        revision: String,
    },
    /// Run the plan's verification once more.
    VerifyAgain,
    /// Every moment of the run so far. Answered by [`Answer::History`].
    History,
    /// The run as it stood after a fact. Answered by [`Answer::Snapshot`].
    SnapshotAt {
        /// The fact's number.
        seq: u32,
    },
    /// The work trees and branches that are left of this run and of earlier ones. Answered by
    /// [`Answer::Trees`].
    Trees,
    /// Remove those of these branches that hold nothing that is nowhere else. Answered by [`Answer::Trees`].
    RemoveTrees {
        /// Which.
        branches: Vec<String>,
    },
    /// Answer a request for permission.
    Answer {
        /// The item's number in the inbox.
        number: u32,
        /// The answer.
        answer: ApprovalAnswer,
        /// How far an allowance reaches.
        scope: ApprovalScope,
    },
    /// Let more be spent, so that what a budget holds back goes on.
    RaiseBudget {
        /// The item's number in the inbox.
        number: u32,
        /// What may be spent from now on, in US dollars.
        limit_usd: f64,
    },
    /// Say something to an agent at its work.
    Say {
        /// To whom.
        agent: AgentId,
        /// What.
        text: String,
    },
    /// End every agent of ours and the backend. The journal stays; the run can be resumed.
    StopAll,
    /// The final report, or the report so far. Answered by [`Answer::Report`].
    Report {
        /// In which form.
        format: ReportFormat,
    },
    /// Send a log from this offset in bulk frames, then go on as it grows.
    FollowLog {
        /// Chosen by the client, unique on its connection.
        stream: u32,
        /// Whose log; none for the orchestrator's.
        agent: Option<AgentId>,
        /// In bytes; beyond the end means at the end.
        offset: u64,
        /// How many bytes may come before more credit is given.
        credit: u32,
    },
    /// Allow more bytes on a stream, be it a log or a terminal. Not answered.
    StreamCredit {
        /// Which.
        stream: u32,
        /// How many more.
        bytes: u32,
    },
    /// End a stream.
    CloseStream {
        /// Which.
        stream: u32,
    },
    /// Open a terminal on an agent's tmux window, wherever it is. What it draws comes in bulk frames;
    /// bulk frames of the same stream are typed into it.
    OpenTerminal {
        /// Chosen by the client, unique on its connection.
        stream: u32,
        /// Whose window.
        agent: AgentId,
        /// Its size.
        size: TerminalSize,
        /// How many bytes may come before more credit is given.
        credit: u32,
    },
    /// A terminal has another size. Not answered.
    ResizeTerminal {
        /// Which.
        stream: u32,
        /// Its size.
        size: TerminalSize,
    },
    /// Answer what a host asks before it can be reached, or have it tried now.
    AnswerHost {
        /// Which.
        host: HostId,
        /// The answer.
        answer: HostAnswer,
    },
    /// Run the tasks of a lost host elsewhere, under new attempts.
    GiveUpHost {
        /// Which.
        host: HostId,
    },
}

/// A report's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// Markdown.
    Markdown,
    /// One file that works offline.
    Html,
    /// For programs.
    Json,
}

/// A request with the number under which it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Chosen by the client, unique on its connection.
    pub id: u32,
    /// What is asked.
    pub request: Request,
}

/// The good answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer", content = "value")]
pub enum Answer {
    /// It is done and journaled.
    Done,
    /// The whole run.
    Snapshot(Box<RunSnapshot>),
    /// A report's text.
    Report(String),
    /// Differences.
    Diff(Box<TaskDiff>),
    /// What would move with a task.
    HandOver(Box<HandOver>),
    /// Every moment, oldest first.
    History(Vec<Moment>),
    /// Work trees and branches.
    Trees(KeptTrees),
    /// To [`Request::StopAll`]: done, but these hosts did not answer, and their agents may go on.
    StoppedExcept {
        /// Which.
        hosts: Vec<HostId>,
    },
}

/// What the backend tells a client unasked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case", tag = "event", content = "value")]
pub enum Event {
    /// Something changed.
    Changed(Box<RunPatch>),
    /// Something that a person should hear of at once.
    Notice(Notice),
}

/// All that the backend sends in control frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum FromBackend {
    /// The answer to a request.
    Answer {
        /// The request's number.
        id: u32,
        /// What came of it.
        result: Result<Answer, ApiError>,
    },
    /// Unasked.
    Event {
        /// What.
        event: Event,
    },
    /// A stream of the client is over.
    StreamEnded {
        /// Which.
        stream: u32,
        /// Why, for people.
        why: String,
    },
}
