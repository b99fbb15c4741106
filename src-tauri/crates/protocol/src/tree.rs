//! Work trees: where an attempt works, and what becomes of that work. Commits are full hashes in hex.

use miyabi_plan::{AgentId, AttemptId, Check, HostId, TaskId};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The git side of a run, settled when it was set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunGit {
    /// The person's repository here: the top of its work tree, absolute. All branches of the run come here.
    pub repository: String,
    /// What every task without needs begins from.
    pub base: String,
    /// The branch that was checked out; none on a detached head.
    pub base_branch: Option<String>,
    /// The name of this repository's store on other hosts: the same for every run on it.
    pub store: String,
    /// Where what was not committed was put before the run, as git names it; none where nothing was.
    #[serde(default)]
    pub stashed: Option<String>,
}

/// Where the objects and branches of a run lie at a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepositoryAt {
    /// The person's own, on this machine: the top of its work tree, absolute.
    Path(String),
    /// A bare one that the helper keeps below its state home, under this name.
    Store(String),
}

/// A work tree to be made for an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeOrder {
    /// The run.
    pub run_id: String,
    /// The attempt.
    pub attempt: AttemptId,
    /// Who will work in it.
    pub agent: AgentId,
    /// Where its objects are.
    pub repository: RepositoryAt,
    /// The attempt's branch.
    pub branch: String,
    /// The commit that it begins from.
    pub start: String,
    /// A commit to merge into it without committing: where they conflict, both sides are left in the files.
    pub merge: Option<String>,
    /// The folder of an attempt before it at this site, to go on in: a program takes its session up again in
    /// the same folder only. None for a folder of its own.
    pub folder: Option<String>,
    /// Files that git does not keep, put into it.
    pub copies: Vec<CopiedFile>,
    /// Commands that make it ready.
    pub setup: Vec<Check>,
    /// Variables for those commands.
    pub environment: std::collections::BTreeMap<String, String>,
}

/// A file that git does not keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedFile {
    /// Its path below the work tree.
    pub path: String,
    /// Its bytes, in base64: filled in by the backend just before the order is sent, never journaled.
    #[serde(default)]
    pub content: String,
    /// Whether it may be executed.
    #[serde(default)]
    pub executable: bool,
}

/// A work tree that stands, on an attempt's sheet and in orders about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeAt {
    /// Where its objects are.
    pub repository: RepositoryAt,
    /// Its folder, absolute.
    pub folder: String,
    /// The attempt's branch.
    pub branch: String,
    /// What the task began from: differences are counted from here.
    pub base: String,
    /// The files that were in conflict when it was made: none of them may hold a conflict marker.
    #[serde(default)]
    pub conflicts: Vec<String>,
}

/// What to write into a commit that keeps an attempt's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The run.
    pub run_id: String,
    /// The attempt.
    pub attempt: AttemptId,
    /// Whose work it is.
    pub agent: AgentId,
    /// Where it was done.
    pub host: HostId,
    /// The first line.
    pub subject: String,
}

/// The work of an attempt, committed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct CommittedWork {
    /// The attempt's branch.
    pub branch: String,
    /// What its differences are counted from.
    pub base: String,
    /// The last commit of the branch.
    pub commit: String,
    /// The files that differ from the base, by path; as they are told, at most [`MOST_FILES_TOLD`].
    pub files: Vec<FileChange>,
    /// Files that were in conflict and still hold a conflict marker.
    #[serde(default)]
    pub unresolved: Vec<String>,
}

/// As many files are told of an attempt's work, at most: what is judged is judged where all of them are known.
pub const MOST_FILES_TOLD: usize = 5_000;

impl CommittedWork {
    /// The same with no more files than are told.
    #[must_use]
    pub fn in_bounds(mut self) -> Self {
        self.files.truncate(MOST_FILES_TOLD);
        self.unresolved.truncate(MOST_FILES_TOLD);
        self
    }

    /// How many lines were added and removed, in all.
    #[must_use]
    pub fn lines(&self) -> (u32, u32) {
        let sum = |one: fn(&FileChange) -> u32| self.files.iter().map(one).fold(0, u32::saturating_add);
        (sum(|file| file.added), sum(|file| file.removed))
    }
}

/// One file of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct FileChange {
    /// Its path, below the repository.
    pub path: String,
    /// The path that it had before; none where it had the same.
    pub from: Option<String>,
    /// What became of it.
    pub kind: ChangeKind,
    /// Lines added; 0 for a binary file.
    pub added: u32,
    /// Lines removed; 0 for a binary file.
    pub removed: u32,
    /// Whether its lines cannot be counted.
    pub binary: bool,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its bytes or its mode differ.
    Modified,
    /// It is gone.
    Removed,
    /// It has another path.
    Renamed,
}

/// What came of merging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum MergeOutcome {
    /// One commit that holds all of it.
    Clean {
        /// Which.
        commit: String,
        /// Its tree: the same whatever order things were merged in.
        tree: String,
    },
    /// Two of them contradict each other.
    Conflict {
        /// The one side: all heads before the other one, merged.
        ours: String,
        /// The other side, one of the heads.
        theirs: String,
        /// The files, by path.
        files: Vec<String>,
    },
    /// It was not possible at all.
    Failed {
        /// What is wrong, with the place and the remedy.
        message: String,
    },
}

/// Where a work tree is looked at for what it touched so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeLook {
    /// Whose tree.
    pub attempt: AttemptId,
    /// Its folder.
    pub folder: String,
    /// What its differences are counted from.
    pub base: String,
    /// Whether somebody waits for the answer: it is given also where nothing changed.
    #[serde(default)]
    pub is_asked: bool,
}

/// A service of git that a helper runs for the other end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitService {
    /// `git upload-pack`: the other end fetches.
    UploadPack,
    /// `git receive-pack`: the other end pushes.
    ReceivePack,
}

/// A commit on its way between a host and this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carriage {
    /// The attempt that it is for.
    pub attempt: AttemptId,
    /// Which way.
    pub way: CarriageWay,
    /// The host.
    pub host: HostId,
    /// The store there.
    pub store: String,
    /// The branch, of the same name at both ends.
    pub branch: String,
    /// The commit that the branch has at the end that it comes from.
    pub commit: String,
}

/// Which way a commit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarriageWay {
    /// To the host, for an attempt to begin from.
    There,
    /// From the host: what an attempt made.
    Here,
}

/// A work tree or a branch of a run, for those who clean up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct KeptTree {
    /// The run.
    pub run_id: String,
    /// The task; none for a branch that is no task's.
    pub task: Option<TaskId>,
    /// The branch; empty for a folder whose branch is gone.
    pub branch: String,
    /// The folder; none where only the branch is left.
    pub folder: Option<String>,
    /// How much the folder holds, in KiB.
    pub size_kib: u32,
    /// Why it is not removed: work that is not committed, or not merged. None where nothing is lost with it.
    pub unmerged: Option<String>,
    /// When it was last written.
    pub at: Option<Timestamp>,
}

/// What a person says of a piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ReviewComment {
    /// The file; none for the work as a whole.
    pub file: Option<String>,
    /// The line of the new file, from 1; none for the file as a whole.
    pub line: Option<u32>,
    /// What is said.
    pub text: String,
}
