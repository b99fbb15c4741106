//! All that can happen to a run, in one closed enum.

use miyabi_plan::{AgentId, TaskId};
use miyabi_protocol::link::Report;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a report, and one lives at a time")]
pub enum Event {
    /// A helper reported.
    Reported(Report),
    /// The helper is gone; everything it would have told us is unknown until the next
    /// [`Report::Listed`].
    LinkDown {
        /// Why, for people.
        why: String,
    },
    /// Time has passed; see [`crate::Engine::wake_at`].
    Tick,
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
    },
}
