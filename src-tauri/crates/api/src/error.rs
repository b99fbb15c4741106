//! Errors at the edge. Programs match the code; people read the message and the hints.

use std::fmt;

use miyabi_plan::{Finding, HostId};
use serde::{Deserialize, Serialize};

/// What a program can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The plan has errors; they are in `findings`.
    BadPlan,
    /// An argument is wrong: an unknown task, or an agent of another kind without `across_kinds`.
    BadInput,
    /// The command does not fit where the task or run stands.
    Conflict,
    /// A running task would be stopped: ask the person and send again with `stop_running`.
    NeedsConfirmation,
    /// The plan's commands are not trusted yet: ask the person and send again with `trust`.
    NeedsTrust,
    /// Another backend holds the state folder.
    Held,
    /// An unfinished run is there: it wants `resume` or `new_run`.
    Unfinished,
    /// No run is there.
    NoRun,
    /// The machine lacks something: tmux, a writable folder, disk space.
    Environment,
    /// The connection to the backend broke.
    Disconnected,
    /// A defect of ours.
    Internal,
}

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong, with the file and the place.
    pub message: String,
    /// For people: what they can do.
    pub hints: Vec<String>,
    /// The plan's findings, for [`ErrorCode::BadPlan`].
    pub findings: Vec<Finding>,
}

impl ApiError {
    /// A stop that did not reach these hosts; everything else has stopped.
    #[must_use]
    pub fn stopped_except(hosts: &[HostId]) -> Self {
        let names: Vec<&str> = hosts.iter().map(HostId::as_str).collect();
        let names = names.join(", ");
        let message = format!(
            "stopped, but not on {names}: no answer from there, and agents go on there until they end or their lease does"
        );
        Self::new(ErrorCode::Environment, message)
            .hint(format!("once {names} can be reached: miyabi run --resume, then miyabi stop --all"))
            .hint("or log in there and end the run's tmux session")
    }

    /// An error without hints.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hints: Vec::new(), findings: Vec::new() }
    }

    /// The same error with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}
