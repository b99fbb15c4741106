//! An agent's request for permission, and the answer.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What an agent program asks before it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// Chosen by the program, unique within its attempt.
    pub id: String,
    /// The tool as the program names it, as in `Bash`.
    pub tool: String,
    /// What it would do, in a line, as in `pytest -q`: rules of the plan are matched with it.
    pub what: String,
    /// All that is known of it, for people; shortened.
    pub detail: String,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum ApprovalAnswer {
    /// It may.
    Allow,
    /// It may not.
    Deny {
        /// What the agent is told.
        reason: String,
    },
}

/// How far an allowance reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum ApprovalScope {
    /// This request.
    #[default]
    Once,
    /// The same tool, in all attempts of this task.
    Task,
    /// The same tool, for every agent of this run.
    Run,
}
