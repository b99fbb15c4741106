//! Plans that are made for a person: from one prompt, or from a goal.

use miyabi_plan::RunnerKind;
use serde::{Deserialize, Serialize};

/// A plan of one task, made from a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct PromptPlan {
    /// What the agent is told.
    pub prompt: String,
    /// The agent program: `claude` or `codex`.
    pub agent: RunnerKind,
    /// Where it works.
    pub work_folder: String,
}

/// A plan that an agent drafts from a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct GoalPlan {
    /// What is to be reached, in the person's words.
    pub goal: String,
    /// The repository that the agent reads; none for an empty start.
    pub repo: Option<String>,
    /// The folder that the plan is written to.
    pub out: String,
    /// The agent program: `claude` or `codex`.
    pub agent: RunnerKind,
}
