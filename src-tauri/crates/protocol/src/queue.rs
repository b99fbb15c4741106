//! `task_queue.json`: the eleven keys a task that known readers insist on, no more and no fewer.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The file's name in the state folder.
pub const QUEUE_FILE: &str = "task_queue.json";
/// What we write under `version`.
pub const QUEUE_VERSION: &str = "1.0.0";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueFile {
    /// The format's version; some writers leave it out.
    #[serde(default = "default_version")]
    pub version: String,
    /// When the run was set up.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When this file was last written.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// In the plan's order.
    pub tasks: Vec<QueueTask>,
}

fn default_version() -> String {
    QUEUE_VERSION.to_owned()
}

/// One task, exactly as known readers build it. Never add a key here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueTask {
    /// The task's id.
    pub task_id: String,
    /// The agent that has, or last had, the task.
    pub agent: String,
    /// A line for people.
    pub description: String,
    /// The ids of the tasks that it needs.
    pub dependencies: Vec<String>,
    /// Where it stands.
    pub status: TaskStatus,
    /// Lower comes first.
    pub priority: i32,
    /// In seconds.
    pub estimated_time: u32,
    /// The part of the work it belongs to; some writers leave it out.
    #[serde(default)]
    pub module: String,
    /// When the orchestrator handed it out.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// A task's status as the files write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskStatus {
    /// Something that it needs is not there yet.
    Pending,
    /// It could start.
    Ready,
    /// An agent has it.
    InProgress,
    /// Its evidence held.
    Completed,
    /// It will not be tried again by itself.
    Failed,
}
