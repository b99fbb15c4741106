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
    /// Its host has too little left of something to start anything.
    Room {
        /// Which host.
        host: HostId,
        /// Too little of what.
        of: RoomOf,
        /// How much there is, in MiB.
        free_mib: u32,
        /// How much there must be, in MiB.
        wanted_mib: u32,
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
    /// The account of its agents is at a rate limit.
    Account {
        /// Which account.
        account: String,
        /// Seconds since 1970-01-01 UTC.
        until_seconds: f64,
    },
    /// A wave before its own has not ended.
    Wave {
        /// The wave that the run is at.
        wave: u32,
    },
    /// What its needs produced is being merged.
    Merge {
        /// Whose work.
        tasks: Vec<TaskId>,
    },
    /// What the attempt before it left behind is being fetched from its host.
    HandOver {
        /// From where.
        host: HostId,
    },
    /// The run is paused.
    Pause,
    /// The run has ended; nothing starts any more.
    Ended,
}

/// What a host may have too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum RoomOf {
    /// Free memory.
    Memory,
    /// Free space where the state folder lies.
    Disk,
}

impl RoomOf {
    /// Its word in a sentence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
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
    /// Given to an agent; its work tree is being made.
    Preparing,
    /// Offered to an agent that has not taken it yet.
    Offered,
    /// An agent works on it.
    Running,
    /// An agent worked on it when contact with its host was lost; what became of it is not known.
    Unverified,
    /// An agent claims to be done; its evidence is being looked for.
    Checking,
    /// Its evidence held; a person has to accept it.
    Review,
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
    /// The agent program is not installed.
    NotInstalled,
    /// The agent program is not logged in, or its key is refused.
    NotLoggedIn,
    /// The account's rate limit or quota is reached.
    RateLimited,
    /// The model's provider does not answer, or answers with errors.
    ProviderDown,
    /// The conversation is too long for the model, or has had as many turns as it may.
    ContextLimit,
    /// It needed a permission that was refused.
    PermissionRefused,
    /// No word came from it for longer than it may be silent.
    Silent,
    /// Its program ended in the midst of the work, without a word.
    Crashed,
    /// Its program was killed by a signal.
    Killed,
    /// Its budget is used up; it goes on when a person raises that.
    BudgetReached,
    /// Its host was lost and given up; it is run elsewhere.
    HostLost,
    /// A person read its work and sent it back.
    SentBack,
}

impl FailureCause {
    /// Whether the task itself had no part in it: the program, its account or its provider cannot
    /// work at this moment, whatever it is given.
    #[must_use]
    pub const fn is_the_programs(self) -> bool {
        matches!(self, Self::NotInstalled | Self::NotLoggedIn | Self::RateLimited | Self::ProviderDown)
    }

    /// What it is, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::AgentFailed => "the agent gave up",
            Self::MissingOutput => "a promised output is missing or unchanged",
            Self::AcceptanceFailed => "an acceptance check failed",
            Self::TimeLimit => "over its time limit",
            Self::AgentGone => "the agent is gone",
            Self::GaveUp => "the agent went back to IDLE",
            Self::NotStarted => "it could not be started",
            Self::Cancelled => "cancelled by a person",
            Self::Reassigned => "moved to another agent by a person",
            Self::Stopped => "stopped with the whole run by a person",
            Self::NotInstalled => "its program is not installed",
            Self::NotLoggedIn => "its program is not logged in",
            Self::RateLimited => "its account is at a rate limit",
            Self::ProviderDown => "the model's provider does not answer",
            Self::ContextLimit => "the conversation was too long",
            Self::PermissionRefused => "a permission was refused",
            Self::Silent => "no word for too long",
            Self::Crashed => "its program ended without a word",
            Self::Killed => "its program was killed",
            Self::BudgetReached => "its budget was used up",
            Self::HostLost => "its host was lost and given up",
            Self::SentBack => "a person sent it back",
        }
    }

    /// What a person can do about it, in a sentence.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::AgentFailed | Self::GaveUp => {
                "Read the end of its log, change the prompt or the plan, then retry."
            }
            Self::MissingOutput => {
                "Look whether the declared outputs are right, then retry; the next attempt is told what was missing."
            }
            Self::AcceptanceFailed => {
                "Run the acceptance command in the work folder, then retry; the next attempt is told its output."
            }
            Self::TimeLimit => "Raise `time_limit_seconds` or cut the task smaller, then retry.",
            Self::AgentGone => "Nothing: it is started again. If that goes on, look into its tmux window.",
            Self::NotStarted => "Look whether the program and the work folder are there, then retry.",
            Self::Cancelled => "Retry it when it is wanted after all.",
            Self::Reassigned => "Nothing: its new agent takes it.",
            Self::Stopped => "Resume the run.",
            Self::NotInstalled => {
                "Install the program on that host (`miyabi doctor` prints the line), then retry."
            }
            Self::NotLoggedIn => {
                "Log the program in on that host (`claude` and `/login`, or `codex login`), or set its key, then retry."
            }
            Self::RateLimited => {
                "Nothing: its account rests until the limit ends, then it goes on by itself."
            }
            Self::ProviderDown => {
                "Look at the provider's status page and the network; it is tried again, and then given to the other kind of agent."
            }
            Self::ContextLimit => {
                "Cut the task smaller; the next attempt starts a fresh session with a summary."
            }
            Self::PermissionRefused => {
                "Allow the tool in `approvals` or raise the agent's `access` in agent_config.json, then retry."
            }
            Self::Silent => {
                "Nothing: its session is taken up again. Raise `silent_seconds` if it only thinks long."
            }
            Self::Crashed => {
                "Nothing: its session is taken up again. If that goes on, read the end of its raw log."
            }
            Self::Killed => {
                "Nothing: its session is taken up again. If nobody killed it, look at the host's memory."
            }
            Self::BudgetReached => "Raise the budget in the inbox; it goes on in the same session.",
            Self::HostLost => {
                "Nothing: it is run elsewhere. What the lost host still writes is kept there and not taken."
            }
            Self::SentBack => "Nothing: it is done again with the comments.",
        }
    }
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
