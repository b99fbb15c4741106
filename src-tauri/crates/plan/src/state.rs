//! Words for where a task and a run stand, shared by the engine, the views and the report.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, HostId, Kind, TaskId};

/// Why a task that is not running does not run. Every such task has at least one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum WaitReason {
    /// These tasks are not COMPLETED.
    Need {
        /// Which.
        tasks: Vec<TaskId>,
    },
    /// Its agent is at another task, or cannot be given one.
    Agent {
        /// Which agent.
        agent: AgentId,
        /// What it is at, where it is at one.
        task: Option<TaskId>,
    },
    /// No agent of its kind is there.
    Kind {
        /// Which kind.
        kind: Kind,
    },
    /// Its host cannot be reached.
    Host {
        /// Which host.
        host: HostId,
    },
    /// As many tasks as may run at once are running.
    Capacity {
        /// Where; none for the whole run.
        host: Option<HostId>,
        /// How many may run.
        limit: u32,
    },
    /// A budget is used up.
    Budget,
    /// A person has to agree.
    Approval,
    /// It failed and is tried again later.
    BackOff {
        /// Seconds since 1970-01-01 UTC.
        until_seconds: f64,
        /// Which try comes next.
        attempt: u32,
    },
    /// A wave before its own has not ended.
    Wave {
        /// The wave that the run is at.
        wave: u32,
    },
    /// The run is paused.
    Pause,
    /// The run has ended; nothing starts any more.
    Ended,
}

/// Where a task stands, finer than the word in `task_queue.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum TaskPhase {
    /// Not started; its needs are not met.
    Pending,
    /// Not started; its needs are met.
    Ready,
    /// Offered to an agent that has not taken it yet.
    Offered,
    /// An agent works on it.
    Running,
    /// An agent claims to be done; its evidence is being looked for.
    Checking,
    /// Failed, and tried again after a while.
    BackOff,
    /// Its evidence held.
    Completed,
    /// Failed for good.
    Failed,
    /// Taken out by a person.
    Cancelled,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum FailureCause {
    /// The agent said so.
    AgentFailed,
    /// The agent claimed to be done; a promised output is missing or unchanged.
    MissingOutput,
    /// An acceptance command did not succeed.
    AcceptanceFailed,
    /// It took longer than it may.
    TimeLimit,
    /// Its runner, window or process is gone.
    AgentGone,
    /// The agent went back to IDLE in the midst of it.
    GaveUp,
    /// The runner could not start the program, or the work folder is unusable.
    NotStarted,
    /// A person cancelled it.
    Cancelled,
    /// A person moved it to another agent.
    Reassigned,
    /// A person stopped the run with all its agents.
    Stopped,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    /// Only a plan yet.
    Planned,
    /// Tasks may start.
    Running,
    /// Nothing new starts until a person resumes it.
    Paused,
    /// Every task is COMPLETED.
    Completed,
    /// Some task failed for good; all that could go on has.
    Failed,
    /// Nothing failed for good, and yet nothing can go on.
    Stuck,
    /// A person cancelled it.
    Cancelled,
}

impl RunPhase {
    /// Whether nothing will happen any more unless a person acts.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stuck | Self::Cancelled)
    }
}
