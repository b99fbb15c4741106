//! The one command surface: what the terminal and the window may ask, and what they are told.
//!
//! Types only. The backend answers [`Request`]s over its socket; the window's TypeScript types are
//! generated from here. Texts for people are made by the client; here are codes and figures.

pub mod drafts;
pub mod error;
pub mod hosts;
pub mod inbox;
pub mod preview;
pub mod request;
pub mod view;
pub mod work;

pub use drafts::{GoalPlan, PromptPlan};
pub use error::{ApiError, ErrorCode};
pub use hosts::{HostSaid, HostWay, NewHost, TestHost};
pub use inbox::{InboxItem, InboxKind, StandInView, UsageView};
pub use preview::{PreviewAbout, preview};
pub use request::{Answer, Envelope, Event, FromBackend, ReportFormat, Request};
pub use view::{
    AgentView, AttemptView, ChoiceView, DoctorLine, HostAnswer, HostContact, HostTest, HostView, Notice,
    NoticeKind, PlanView, Point, RunPatch, RunSnapshot, RunSummary, RunView, StartOptions, Started, TaskView,
};

pub use work::{
    ConflictView, FilePatch, GitView, HandOver, KeptAt, KeptTrees, MergeView, Moment, NewPullRequest,
    OverlapView, PullRequest, TaskDiff, TreeView, VerificationState, VerificationView,
};

/// The words of the plan that commands and views are made of, so that a client needs this crate alone.
pub use miyabi_plan::{AgentId, Choice, HostId, RunPhase, TaskId, TransportKind};
/// The words of the protocol that requests are made of.
pub use miyabi_protocol::link::TerminalSize;
pub use miyabi_protocol::{ApprovalAnswer, ApprovalScope, HostQuestion, ReviewComment, Secret};
