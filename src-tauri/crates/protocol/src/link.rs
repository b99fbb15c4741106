//! Messages between the backend and a helper, over one byte stream (see [`crate::frame`]).
//!
//! The helper carries out and reports; it decides nothing. Commands arrive in their order and are
//! carried out in their order, agent by agent. Every message that changes a host carries nothing
//! that a shell would see.

use miyabi_plan::{AgentId, AttemptId, Check, HostId, TaskId};
use serde::{Deserialize, Serialize};

use crate::approval::{ApprovalAnswer, ApprovalRequest};
use crate::evidence::{Baseline, CheckResult, EvidenceReport};
use crate::queue::{QueueFile, QueueTask};
use crate::sheet::AttemptSheet;
use crate::status::StatusFile;
use crate::time::Timestamp;
use crate::tree::{GitService, KeptTree, MergeOutcome, RepositoryAt, Signature, TreeAt, TreeLook, TreeOrder};

/// Raised with every incompatible change of these messages.
pub const LINK_VERSION: u32 = 3;

/// The most bytes before its end that a log can be followed from.
const MAX_BACK: u32 = 16 * 1024 * 1024;

/// The offset that means this many bytes before the end of a log, or its beginning.
#[must_use]
pub fn before_the_end(bytes: u32) -> u64 {
    u64::MAX - u64::from(bytes.min(MAX_BACK))
}

/// Where a log of this length is followed from: an offset beyond the end means at the end, or, as
/// [`before_the_end`] says, so many bytes before it.
#[must_use]
pub fn log_start(offset: u64, length: u64) -> u64 {
    let back = u64::MAX - offset;
    if back <= u64::from(MAX_BACK) { length.saturating_sub(back) } else { offset.min(length) }
}

/// From the backend to a helper.
///
/// Tagged from outside: serde then reads a long queue straight into place, without a copy in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Always first. The helper locks the folder, opens the session and answers [`Report::Welcome`].
    Hello(Hello),
    /// Write `task_queue.json`. Always the first word on it, and the answer to an edit of it.
    WriteQueue {
        /// The file.
        queue: QueueFile,
    },
    /// Write `task_queue.json` as it was commanded last, but for these entries: a long queue is
    /// not sent anew for each change of a task.
    UpdateQueue {
        /// When the file was last written, from now on.
        updated_at: Timestamp,
        /// In the place of those with the same ids.
        tasks: Vec<QueueTask>,
    },
    /// Make sure that the agent's window and runner are there, ready to take work. Idempotent.
    EnsureAgent {
        /// The agent.
        agent: AgentId,
        /// The window's name.
        window: String,
        /// Whether a runner of ours stands behind it; otherwise the window shows its log.
        ours: bool,
    },
    /// Take the baseline, write the sheet, make sure that the runner is there, then write BUSY.
    /// Answered by [`Report::Offered`], before anything else is told of the attempt.
    ///
    /// BUSY is never written over the IN_PROGRESS of an agent that may be alive: the file is told
    /// once more by [`Report::Status`] instead.
    Offer {
        /// What the runner is to do.
        sheet: Box<AttemptSheet>,
        /// The BUSY file.
        status: StatusFile,
    },
    /// Write a status file as it is: IDLE after an end or a withdrawal, IN_PROGRESS after a wipe.
    ///
    /// IDLE is never written over the IN_PROGRESS of an agent that may be alive (its runner
    /// answers, or nothing is known of it), and IN_PROGRESS only where there is no file: the file
    /// is told once more by [`Report::Status`] instead.
    WriteStatus {
        /// The agent.
        agent: AgentId,
        /// The file.
        status: StatusFile,
    },
    /// Have the runner end the attempt and every child of it. It then writes FAILED.
    StopAttempt {
        /// The agent.
        agent: AgentId,
        /// The attempt; a runner that is at another one ignores this.
        attempt: AttemptId,
        /// For people, as in `cancelled by a person`.
        reason: String,
    },
    /// Answer an agent's request for permission. One that is not asked any more is ignored.
    Answer {
        /// The agent.
        agent: AgentId,
        /// The attempt; a runner that is at another one ignores this.
        attempt: AttemptId,
        /// The request.
        request: String,
        /// The answer.
        answer: ApprovalAnswer,
    },
    /// Say something to an agent at its work. Said again after a lost link; heard once.
    Say {
        /// The agent.
        agent: AgentId,
        /// The attempt; a runner that is at another one ignores this.
        attempt: AttemptId,
        /// Counts within the run.
        number: u32,
        /// What is said.
        text: String,
    },
    /// Look for the evidence of a claim. Answered by [`Report::Evidence`].
    CheckEvidence {
        /// The sheet of the attempt.
        sheet: Box<AttemptSheet>,
        /// The outputs as they were before; none when that is not known any more.
        baseline: Option<Baseline>,
    },
    /// Send an agent's log from this offset, then go on as it grows.
    FollowLog {
        /// Chosen by the backend; names the stream in [`crate::frame::Lane::Bulk`] frames.
        stream: u32,
        /// Whose log; none for `orchestrator.log`.
        agent: Option<AgentId>,
        /// Where to begin, in bytes; beyond the end means at the end.
        offset: u64,
        /// How many bytes may be sent before more credit is given.
        credit: u32,
    },
    /// Allow more bytes on a stream, be it a log or a terminal.
    StreamCredit {
        /// The stream.
        stream: u32,
        /// How many more bytes.
        bytes: u32,
    },
    /// End a stream; a terminal's program is hung up.
    CloseStream {
        /// The stream.
        stream: u32,
    },
    /// Open a terminal on the tmux session, in a view of its own that shows this agent's window: what
    /// it draws comes back in bulk frames, and bulk frames of the same stream are typed into it.
    /// Answered by [`Report::StreamEnded`] when it is over.
    OpenTerminal {
        /// Chosen by the backend, unique among all streams.
        stream: u32,
        /// Whose window; none for the first one.
        agent: Option<AgentId>,
        /// Its size.
        size: TerminalSize,
        /// How many bytes may be sent before more credit is given.
        credit: u32,
    },
    /// The person's window has another size.
    ResizeTerminal {
        /// The stream.
        stream: u32,
        /// The new size.
        size: TerminalSize,
    },
    /// Show the status file of an agent that is elsewhere: written read-only, and never reported.
    Mirror {
        /// The agent.
        agent: AgentId,
        /// Its file there.
        status: StatusFile,
    },
    /// Make sure that there is a window for an agent that is elsewhere. Idempotent.
    ShowElsewhere {
        /// The agent.
        agent: AgentId,
        /// The window's name.
        window: String,
        /// What it shows: a program of ours and its arguments.
        argv: Vec<String>,
    },
    /// The answer to [`Report::LeaseAsked`]: agents here may go on for so long, counted from when it
    /// was asked for.
    Lease {
        /// As it was asked with.
        token: u32,
        /// For how long.
        seconds: u32,
    },
    /// Make a work tree. Answered by [`Report::TreeMade`] or [`Report::TreeProblem`]. Idempotent: a tree that
    /// stands is told of again.
    MakeTree {
        /// Which.
        order: Box<TreeOrder>,
    },
    /// Commit what an attempt that has ended left behind, once its runner is not at it any more. Answered by
    /// [`Report::WorkKept`].
    KeepWork {
        /// Its tree.
        tree: TreeAt,
        /// What the commit says.
        signature: Signature,
    },
    /// Merge commits in their order, without a work tree. Answered by [`Report::Merged`].
    MergeHeads {
        /// The task that begins from the result; none for the result of the whole run.
        task: Option<TaskId>,
        /// Where.
        repository: RepositoryAt,
        /// At least one. Those that another one holds already add nothing.
        heads: Vec<String>,
        /// The branch that is to point to the result.
        branch: String,
        /// The first line of merge commits.
        subject: String,
    },
    /// Whether a commit that a person made holds these others. Answered by [`Report::Merged`] of the task:
    /// clean, or failed with what it lacks.
    TakeCommit {
        /// The merge task that it ends.
        task: TaskId,
        /// Where.
        repository: RepositoryAt,
        /// A branch or commit, as the person names it.
        revision: String,
        /// What it must hold.
        holds: Vec<String>,
        /// The branch that is to point to it.
        branch: String,
    },
    /// Look what these work trees touched so far. Answered by [`Report::Touched`], for those where it
    /// changed and those that somebody asked for.
    LookAtTrees {
        /// All that are at work here.
        trees: Vec<TreeLook>,
    },
    /// Run the plan's verification. Answered by [`Report::Verified`].
    Verify {
        /// The work: a commit to check out into a folder of its own, or the folder itself.
        work: VerifiedWork,
        /// The checks, all of which are run.
        checks: Vec<Check>,
        /// Variables for their environment.
        environment: std::collections::BTreeMap<String, String>,
    },
    /// Run a service of git on a repository here: bulk frames of this stream go both ways, each side within
    /// the credit that the other one gave. Answered by [`Report::StreamEnded`] when it is over.
    OpenGit {
        /// Chosen by the backend, unique among all streams.
        stream: u32,
        /// Which.
        service: GitService,
        /// Where; made when it is not there yet.
        repository: RepositoryAt,
        /// How many bytes may be sent before more credit is given.
        credit: u32,
    },
    /// The backend has sent all that it had to say on a stream.
    EndInput {
        /// The stream.
        stream: u32,
    },
    /// List the work trees and branches of all runs in a repository. Answered by [`Report::Trees`].
    ListTrees {
        /// Where.
        repository: RepositoryAt,
        /// Branches and commits that what is merged is merged into, by run: those of the other runs are the
        /// result branches that lie there.
        keep: Vec<String>,
    },
    /// Remove work trees and branches of a run, but none with work in it that is nowhere else. Answered by
    /// [`Report::Trees`] with what is left.
    RemoveTrees {
        /// Where.
        repository: RepositoryAt,
        /// The branches.
        branches: Vec<String>,
        /// As in [`Command::ListTrees`].
        keep: Vec<String>,
    },
    /// End every runner and its children, and remove our windows.
    StopAll,
    /// Answered at once by [`Report::Pong`] and [`Report::Load`]. A helper that was promised pings and
    /// gets none for [`Hello::silent_seconds`] takes its link for dead and exits; runners go on.
    Ping {
        /// Comes back.
        token: u32,
    },
}

/// What a verification is run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedWork {
    /// A commit, checked out into a folder of its own.
    Commit {
        /// The run.
        run_id: String,
        /// Where.
        repository: RepositoryAt,
        /// Which.
        commit: String,
    },
    /// A folder as it is.
    Folder {
        /// Absolute.
        folder: String,
    },
}

/// Who speaks, for which run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`LINK_VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: String,
    /// Counts the backends of this run; a helper refuses an older one.
    pub epoch: u32,
    /// Counts the links of this backend to this site: the newest one takes the folder over from a
    /// helper that serves a dead one.
    pub link: u32,
    /// Whose run it is, for people: `me@macbook`.
    pub owner: String,
    /// The host that this helper serves, as the plan calls it; none on the backend's own machine.
    pub host: Option<HostId>,
    /// Agents that are at other sites: their files here are mirrors, and not reported.
    pub elsewhere: Vec<AgentId>,
    /// After how many seconds without a ping the helper takes its link for dead; none where a link
    /// cannot die unseen.
    pub silent_seconds: Option<u32>,
    /// For how many seconds agents go on without contact; none for ever. The helper then asks for a
    /// lease at least three times in that time.
    pub lease_seconds: Option<u32>,
    /// Absolute.
    pub state_dir: String,
    /// The tmux session.
    pub session: String,
    /// Window options from the plan's allow-list.
    pub window_options: Vec<(String, String)>,
    /// The window that the Monitor shows, as a command; empty for none.
    pub monitor: Vec<String>,
    /// Agents whose windows shall stand in this order.
    pub windows: Vec<(AgentId, String)>,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TerminalSize {
    /// Across.
    pub columns: u16,
    /// Down.
    pub rows: u16,
}

/// From a helper to the backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The folder is ours and the session stands.
    Welcome {
        /// The helper's version, as in `0.1.0`.
        version: String,
        /// The host's name as it calls itself.
        host: String,
    },
    /// The helper cannot serve; it exits after this.
    Refused {
        /// What is wrong, with the place and the remedy.
        message: String,
    },
    /// Sent after [`Report::Welcome`] and the first full look at the folder, runners included.
    Listed,
    /// A status file was read and is sound.
    Status {
        /// The agent of the file's name.
        agent: AgentId,
        /// The file.
        status: StatusFile,
    },
    /// A status file stays unreadable.
    BadStatus {
        /// The agent of the file's name.
        agent: AgentId,
        /// What is wrong with it, with the file's path.
        message: String,
    },
    /// A status file is gone.
    StatusGone {
        /// The agent of the file's name.
        agent: AgentId,
    },
    /// `task_queue.json` is not what we wrote last.
    QueueEdited {
        /// What it says now; none when it is gone or unreadable.
        queue: Option<QueueFile>,
    },
    /// A runner of ours answers.
    RunnerUp {
        /// Its agent.
        agent: AgentId,
        /// Its process.
        pid: u32,
        /// The attempt that it is at.
        attempt: Option<AttemptId>,
    },
    /// A runner of ours is gone, and so is every child of it.
    RunnerGone {
        /// Its agent.
        agent: AgentId,
        /// How, for people.
        how: String,
    },
    /// The requests for permission of an agent that wait for an answer, all of them, whenever they
    /// change; and what of all that was said to it has reached it.
    Asks {
        /// The agent.
        agent: AgentId,
        /// The attempt.
        attempt: AttemptId,
        /// Every one that waits.
        asks: Vec<ApprovalRequest>,
        /// The highest number of what was said and reached it.
        heard: u32,
    },
    /// An agent's window, session or runner cannot be made.
    AgentProblem {
        /// The agent.
        agent: AgentId,
        /// What is wrong, with the remedy.
        message: String,
    },
    /// BUSY is written.
    Offered {
        /// The attempt.
        attempt: AttemptId,
        /// The outputs as they were just before.
        baseline: Baseline,
    },
    /// What was found after a claim.
    Evidence {
        /// The attempt.
        attempt: AttemptId,
        /// The findings.
        report: EvidenceReport,
    },
    /// A work tree stands.
    TreeMade {
        /// Whose.
        attempt: AttemptId,
        /// Its folder, absolute.
        folder: String,
        /// The files that are in conflict, where something was merged into it.
        conflicts: Vec<String>,
    },
    /// A work tree cannot be made, or not be made ready.
    TreeProblem {
        /// Whose.
        attempt: AttemptId,
        /// What is wrong, with the place and the remedy; the last lines of the command that failed.
        message: String,
    },
    /// What an ended attempt left behind is committed.
    WorkKept {
        /// Whose.
        attempt: AttemptId,
        /// The last commit of its branch; none where there is no such branch any more.
        commit: Option<String>,
    },
    /// What came of merging.
    Merged {
        /// As it was asked.
        task: Option<TaskId>,
        /// What.
        outcome: MergeOutcome,
    },
    /// The files that an attempt touched so far: all of them, by path, at most 5,000.
    Touched {
        /// Whose.
        attempt: AttemptId,
        /// Which.
        files: Vec<String>,
    },
    /// How the plan's verification went.
    Verified {
        /// Every check.
        checks: Vec<CheckResult>,
        /// Why there was nothing to run them in.
        problem: Option<String>,
    },
    /// A stream may be given more bytes.
    Credit {
        /// The stream.
        stream: u32,
        /// How many more.
        bytes: u32,
    },
    /// The work trees and branches that are here.
    Trees {
        /// Where.
        repository: RepositoryAt,
        /// All of them.
        trees: Vec<KeptTree>,
        /// What could not be looked at or removed.
        problem: Option<String>,
    },
    /// Files could not be written: a full disk, a folder that was taken away.
    StateProblem {
        /// What is wrong, with the place and the remedy.
        message: String,
    },
    /// The host's load, every few seconds.
    Load(Load),
    /// The answer to [`Command::Ping`].
    Pong {
        /// As it was sent.
        token: u32,
        /// The host's clock.
        now: Timestamp,
    },
    /// [`Command::StopAll`] is done.
    Stopped,
    /// Agents here need a new lease. Answered by [`Command::Lease`].
    LeaseAsked {
        /// Comes back.
        token: u32,
    },
    /// A terminal is over, or could not be opened.
    StreamEnded {
        /// The stream.
        stream: u32,
        /// Why, for people.
        why: String,
    },
}

/// How busy a host is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Load {
    /// The average number of processes that want to run, over one minute.
    pub load_1m: f64,
    /// Logical processors.
    pub cpus: u32,
    /// In MiB.
    pub memory_total_mib: u32,
    /// In MiB.
    pub memory_free_mib: u32,
    /// Where the state folder lies, in MiB.
    pub disk_free_mib: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_followed_from_a_place_or_from_so_far_before_its_end() {
        for (offset, length, start) in [
            (0, 10, 0),
            (4, 10, 4),
            (11, 10, 10),
            (u64::MAX, 10, 10),
            (before_the_end(3), 10, 7),
            (before_the_end(30), 10, 0),
            (before_the_end(u32::MAX), 1 << 30, (1 << 30) - u64::from(MAX_BACK)),
        ] {
            assert_eq!(log_start(offset, length), start, "{offset} of {length}");
        }
    }
}
