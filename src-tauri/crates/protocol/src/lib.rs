//! The JSON files that other people's tools share with us, their atomic reading and writing, and
//! the messages between backend, helper and runner.
//!
//! Nothing here decides anything. A file format changes only in a way that old readers survive.

pub mod approval;
pub mod atomic;
pub mod evidence;
pub mod frame;
pub mod host_question;
pub mod link;
pub mod opening;
pub mod probe;
pub mod queue;
pub mod result;
pub mod runner_link;
pub mod sheet;
pub mod state_dir;
pub mod status;
pub mod time;
pub mod tree;
pub mod usage;

pub use approval::{ApprovalAnswer, ApprovalRequest, ApprovalScope};
pub use evidence::{Baseline, CheckResult, EvidenceReport, TestOutcome, TestResult};
pub use host_question::{HostQuestion, Secret};
pub use opening::{RunOpening, SummaryFile};
pub use probe::{AgentProgram, HostFacts, HostProbe, LoggedIn, ProbeAnswer, ProbeAsked, ProbeRequest};
pub use queue::{QueueFile, QueueTask, TaskStatus};
pub use sheet::{AgentProtocol, AgentSpec, AttemptSheet, Resume, RunnerSpec};
pub use state_dir::StateDir;
pub use status::{AgentStatus, Failure, MiyabiStamp, StatusFile};
pub use time::Timestamp;
pub use tree::{
    Carriage, CarriageWay, ChangeKind, CommittedWork, CopiedFile, FileChange, GitService, KeptTree,
    MOST_FILES_TOLD, MergeOutcome, RepositoryAt, ReviewComment, RunGit, Signature, TreeAt, TreeLook,
    TreeOrder,
};
pub use usage::Usage;
