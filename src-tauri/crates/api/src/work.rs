//! The work itself, as clients see it: branches, differences, overlaps, the verification, the hand-over.

use miyabi_plan::{HostId, Kind, TaskId};
use miyabi_protocol::{ChangeKind, CheckResult, CommittedWork, KeptTree, Timestamp};
use serde::{Deserialize, Serialize};

/// The git side of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct GitView {
    /// The person's repository.
    pub repository: String,
    /// What the run began from.
    pub base: String,
    /// The branch that was checked out; none on a detached head.
    pub base_branch: Option<String>,
    /// Where what was not committed was put before the run, as git names it.
    pub stashed: Option<String>,
    /// The remote to which branches are pushed, where the plan names one.
    pub remote: Option<String>,
    /// The address of the forge's API, for one that is not GitHub's own.
    pub api: Option<String>,
    /// The branch on which all work is merged.
    pub result_branch: String,
    /// All work merged; none before the last task has ended.
    pub result: Option<String>,
    /// Every merge so far, oldest first.
    pub merges: Vec<MergeView>,
}

/// One merge that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct MergeView {
    /// The task that begins from it; none for the result of the whole run.
    pub task: Option<TaskId>,
    /// What was merged.
    pub heads: Vec<String>,
    /// What came of it.
    pub commit: String,
    /// When.
    pub at: Timestamp,
}

/// The plan's verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct VerificationView {
    /// Where it stands.
    pub state: VerificationState,
    /// What is checked: a name, or the command.
    pub planned: Vec<String>,
    /// How it went, check by check; empty before.
    pub checks: Vec<CheckResult>,
    /// Why there was nothing to run them in.
    pub problem: Option<String>,
    /// When it was run.
    pub at: Option<Timestamp>,
}

/// Where a verification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum VerificationState {
    /// Tasks are still to be done.
    Waiting,
    /// It is under way.
    Running,
    /// Everything holds.
    Passed,
    /// Something does not.
    Failed,
}

/// What a merge task resolves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct ConflictView {
    /// The task that waits for it; none for the result of the whole run.
    pub waits: Option<TaskId>,
    /// The one side.
    pub ours: String,
    /// The other side.
    pub theirs: String,
    /// The files.
    pub files: Vec<String>,
    /// Whether the person is to resolve it, and not an agent.
    pub by_person: bool,
}

/// Files that another task at work has touched, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct OverlapView {
    /// The other task.
    pub task: TaskId,
    /// The files.
    pub files: Vec<String>,
}

/// An attempt's place on git.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct TreeView {
    /// Its branch.
    pub branch: String,
    /// What its differences are counted from.
    pub base: String,
    /// Its folder on its host.
    pub folder: String,
    /// The last commit that is here; none before there is one.
    pub commit: Option<String>,
}

/// The differences that an attempt made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct TaskDiff {
    /// The task.
    pub task: TaskId,
    /// The attempt.
    pub attempt: u32,
    /// All files and where they are counted from.
    pub work: CommittedWork,
    /// The texts, in the order of `work.files`.
    pub patches: Vec<FilePatch>,
}

/// The text of one file's differences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct FilePatch {
    /// The file.
    pub path: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// In git's unified form, from its `diff --git` line on; empty where it was left out for its size.
    pub text: String,
    /// How many bytes the text has, where it was left out; none otherwise.
    pub left_out_bytes: Option<u32>,
}

/// What moves with a task to another agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct HandOver {
    /// The task.
    pub task: TaskId,
    /// The branch that goes along; none where nothing was begun.
    pub branch: Option<String>,
    /// From where.
    pub host: Option<HostId>,
    /// The kind of agent that the task is planned for, where the new one is of another kind and only the
    /// person's own word (`across_kinds`) moves it there.
    pub planned_kind: Option<Kind>,
    /// The files that were touched so far, as far as is known.
    pub files: Vec<String>,
    /// What the next agent is told: what was said so far, why it moves, the last lines of the log. The person
    /// may edit it.
    pub text: String,
}

/// A moment of a run that can be looked at again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct Moment {
    /// The number of the fact after which the run stood so.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// What happened, for people; empty where it says nothing to them.
    pub what: String,
    /// The task that it is about.
    pub task: Option<TaskId>,
}

/// Work trees and branches that are left of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct KeptTrees {
    /// By place.
    pub places: Vec<KeptAt>,
}

/// Those of one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct KeptAt {
    /// The host; none for this machine.
    pub host: Option<HostId>,
    /// All of them.
    pub trees: Vec<KeptTree>,
    /// What could not be looked at or removed.
    pub problem: Option<String>,
}

/// A pull request that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct PullRequest {
    /// Its number.
    pub number: u32,
    /// Where to read it.
    pub url: String,
}

/// A pull request to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct NewPullRequest {
    /// Its first line; empty for the plan's title.
    pub title: String,
    /// Its text; empty for a summary of the run.
    pub body: String,
    /// Whether it is a draft.
    pub draft: bool,
}
