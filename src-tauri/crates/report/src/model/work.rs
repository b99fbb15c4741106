//! The work itself in the report: what changed, what was merged, what was checked, who looked at it.

use miyabi_api::{ConflictView, VerificationState};
use miyabi_plan::{AgentId, TaskId};
use miyabi_protocol::{ReviewComment, TestResult, Timestamp};
use serde::{Deserialize, Serialize};

/// The git side of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GitReport {
    /// The person's repository.
    pub repository: String,
    /// What the run began from.
    pub base: String,
    /// The branch that was checked out; none on a detached head.
    pub base_branch: Option<String>,
    /// The remote to which branches are pushed, where the plan names one.
    pub remote: Option<String>,
    /// The branch on which all work is merged.
    pub result_branch: String,
    /// All work merged; none before the last task has ended.
    pub result: Option<String>,
    /// All that the tasks changed.
    pub changed: WholeDiff,
    /// Every merge, oldest first.
    pub merges: Vec<MergeReport>,
    /// Every conflict, in the order in which it was found.
    pub conflicts: Vec<ConflictReport>,
    /// Files that two tasks at work had both touched: a line a pair.
    pub overlaps: Vec<OverlapReport>,
    /// Work that a person had to accept or sent back, oldest first.
    pub reviews: Vec<ReviewReport>,
    /// Tasks that moved to another agent with something to tell, oldest first.
    pub hand_overs: Vec<HandOverReport>,
}

/// All that the tasks changed. A conflict's resolution is not counted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WholeDiff {
    /// How many files are there that were not, or differ from what they were.
    pub files: u32,
    /// How many of them are new.
    pub new_files: u32,
    /// How many files are gone.
    pub removed_files: u32,
    /// Lines added, task by task.
    pub added: u32,
    /// Lines removed, task by task.
    pub removed: u32,
}

/// What a task's completed attempt left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkReport {
    /// As in `Task-2.1`; none where a person's own commit was taken.
    pub attempt: Option<String>,
    /// The attempt's branch; empty where it is not known.
    pub branch: String,
    /// What its differences are counted from; empty where it is not known.
    pub base: String,
    /// The commit.
    pub commit: String,
    /// How many files differ.
    pub files: u32,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
}

/// A merge that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergeReport {
    /// The task that begins from it; none for the result of the whole run.
    pub task: Option<TaskId>,
    /// What was merged.
    pub heads: Vec<String>,
    /// The tasks whose work that is, as far as it is known.
    pub of: Vec<TaskId>,
    /// What came of it.
    pub commit: String,
    /// When, after the start.
    pub after_seconds: f64,
}

/// A conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictReport {
    /// The task that resolves it.
    pub task: TaskId,
    /// What contradicts itself.
    pub conflict: ConflictView,
    /// Whose work each side is, as far as it is known.
    pub sides: (Option<TaskId>, Option<TaskId>),
    /// Who resolved it; none while nobody has.
    pub resolved_by: Option<ResolvedBy>,
    /// With which commit.
    pub commit: Option<String>,
}

/// Who resolved a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedBy {
    /// An agent.
    Agent(AgentId),
    /// A person, by a commit of their own.
    Person,
}

/// Files that two tasks at work had both touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlapReport {
    /// The tasks.
    pub tasks: Vec<TaskId>,
    /// The files.
    pub files: Vec<String>,
}

/// Work that a person looked at, or has to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReviewReport {
    /// As in `Task-2.1`.
    pub attempt: String,
    /// When it was last decided, or asked for, after the start.
    pub after_seconds: f64,
    /// What came of it.
    pub verdict: ReviewVerdict,
    /// What is to be done better.
    pub comments: Vec<ReviewComment>,
}

/// What came of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    /// It was accepted.
    Accepted,
    /// It was sent back.
    SentBack,
    /// It waits for a person.
    Asked,
}

/// A task that moved with something to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandOverReport {
    /// The task.
    pub task: TaskId,
    /// From whom.
    pub from: AgentId,
    /// To whom.
    pub to: AgentId,
    /// When, after the start.
    pub after_seconds: f64,
    /// What the next agent was told.
    pub packet: String,
}

/// What must hold of all the work together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationReport {
    /// Where it stands.
    pub state: VerificationState,
    /// What is checked: a name, or the command.
    pub planned: Vec<String>,
    /// How it went, check by check; empty before.
    pub checks: Vec<CheckReport>,
    /// Why there was nothing to run them in.
    pub problem: Option<String>,
    /// When it was run.
    pub at: Option<Timestamp>,
    /// How often it was run.
    pub runs: u32,
}

/// A check with what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// What people call it: its name, or the command.
    pub name: String,
    /// The program and its arguments.
    pub run: Vec<String>,
    /// Whether what was expected came of it.
    pub passed: bool,
    /// What was expected, for people; empty for an exit code of 0.
    pub expected: String,
    /// What was measured, for people: a number, tests, or how it ended.
    pub measured: String,
    /// How long it took.
    pub seconds: f64,
    /// The last lines of what it printed.
    pub tail: String,
    /// The number that it printed, where one is expected.
    pub number: Option<f64>,
    /// How many tests there are of each outcome, where they are told.
    pub tally: Option<TestTally>,
    /// The tests, those that failed first.
    pub tests: Vec<TestResult>,
}

/// How many tests ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TestTally {
    /// They passed.
    pub passed: u32,
    /// They did not.
    pub failed: u32,
    /// They were not run.
    pub skipped: u32,
}

impl TestTally {
    /// All of them.
    #[must_use]
    pub fn all(self) -> u32 {
        self.passed + self.failed + self.skipped
    }
}
