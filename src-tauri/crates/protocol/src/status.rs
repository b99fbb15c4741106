//! `agent_{ID}_status.json`: the hand-shake between the orchestrator and an agent.
//!
//! The status in the file says who may write next, so that no lock is needed:
//! the orchestrator after IDLE, COMPLETED and FAILED, the agent after BUSY and IN_PROGRESS.

use miyabi_plan::{AgentId, AttemptId, FailureCause};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::usage::Usage;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusFile {
    /// Whose file it is.
    pub agent_id: String,
    /// The task it has; null when IDLE.
    #[serde(default)]
    pub task_id: Option<String>,
    /// Where the agent stands.
    pub status: AgentStatus,
    /// From 0 to 1.
    #[serde(default)]
    pub progress: f64,
    /// When the agent began the task.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When the file was last written.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    /// What the agent says it wrote.
    #[serde(default)]
    pub output_files: Vec<String>,
    /// Why it gave up.
    #[serde(default)]
    pub errors: Vec<String>,
    /// What the agent would do next; a hint that we pass on and never follow.
    #[serde(default)]
    pub next_task: Option<String>,
    /// What we add. Writers that do not know it drop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miyabi: Option<MiyabiStamp>,
}

impl StatusFile {
    /// The file of an agent that is free.
    #[must_use]
    pub fn idle(agent: &AgentId, now: Timestamp) -> Self {
        Self {
            agent_id: agent.to_string(),
            task_id: None,
            status: AgentStatus::Idle,
            progress: 0.0,
            started_at: None,
            updated_at: Some(now),
            output_files: Vec::new(),
            errors: Vec::new(),
            next_task: None,
            miyabi: None,
        }
    }

    /// The file that offers an attempt to an agent.
    #[must_use]
    pub fn busy(agent: &AgentId, attempt: &AttemptId, stamp: MiyabiStamp, now: Timestamp) -> Self {
        Self {
            task_id: Some(attempt.task.to_string()),
            status: AgentStatus::Busy,
            miyabi: Some(stamp),
            ..Self::idle(agent, now)
        }
    }
}

/// What an agent's file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgentStatus {
    /// Free; the orchestrator writes next.
    Idle,
    /// A task is offered; the agent writes next.
    Busy,
    /// Working; the agent writes next.
    InProgress,
    /// Claims to be done; the orchestrator writes next.
    Completed,
    /// Gave up; the orchestrator writes next.
    Failed,
}

/// Our object in the status file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MiyabiStamp {
    /// The run.
    #[serde(default)]
    pub run_id: String,
    /// The number of the attempt, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// Counts the writes of one attempt.
    #[serde(default)]
    pub seq: u64,
    /// The host of the agent.
    #[serde(default)]
    pub host: String,
    /// The session or thread of the agent program, with which it can go on after an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The model, as the program names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What this attempt used so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it is doing, in a line; in COMPLETED its last words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// How it failed, for programs; `errors` says it for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// How an attempt failed, as far as its runner can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub cause: FailureCause,
    /// When a rate limit ends, where the program said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// The name of an agent's status file.
#[must_use]
pub fn status_file_name(agent: &AgentId) -> String {
    format!("agent_{agent}_status.json")
}

/// The agent whose status file has this name, if it is one.
#[must_use]
pub fn agent_of_file_name(name: &str) -> Option<AgentId> {
    AgentId::new(name.strip_prefix("agent_")?.strip_suffix("_status.json")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_drops_our_object_is_understood() {
        let text = r#"{"agent_id":"CG-1","task_id":"Task-2","status":"IN_PROGRESS","progress":0.75,
            "started_at":"2026-11-22T15:34:00Z","updated_at":"2026-11-22T15:34:00Z",
            "output_files":[],"errors":[],"next_task":"Task-6"}"#;
        let status: StatusFile = serde_json::from_str(text).expect("valid");
        assert_eq!(status.status, AgentStatus::InProgress);
        assert_eq!(status.miyabi, None);
        assert!(!serde_json::to_string(&status).expect("json").contains("miyabi"));
    }

    #[test]
    fn names_of_status_files_read_back() {
        let agent = AgentId::new("CG-10").expect("valid");
        assert_eq!(agent_of_file_name(&status_file_name(&agent)), Some(agent));
        for other in
            ["agent__status.json", "agent_a.b_status.json", "task_queue.json", "agent_CG-1_status.json.tmp"]
        {
            assert_eq!(agent_of_file_name(other), None, "{other}");
        }
    }
}
