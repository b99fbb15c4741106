//! The attempt sheet: all that a runner must know to carry out one attempt. A file of our own,
//! `miyabi/attempts/<attempt>.json`, because known readers forbid new keys in the queue.

use std::collections::BTreeMap;

use miyabi_plan::{Access, AgentId, AttemptId, Check, McpTools, PriceTable, Usd};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::tree::TreeAt;
use crate::usage::Usage;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptSheet {
    /// The run.
    pub run_id: String,
    /// The attempt.
    pub attempt: AttemptId,
    /// Who is to carry it out.
    pub agent: AgentId,
    /// The agent's host as the plan names it.
    pub host: String,
    /// The task's line for people.
    pub title: String,
    /// What the agent is told, whole.
    pub prompt: String,
    /// The part of the work it belongs to.
    pub module: String,
    /// Absolute; created when absent. None where the agent works elsewhere (`external` without one).
    pub work_folder: Option<String>,
    /// Globs of promised files below the work folder.
    pub outputs: Vec<String>,
    /// Commands that must succeed before a claim counts.
    pub acceptance: Vec<Check>,
    /// How the agent is run.
    pub runner: RunnerSpec,
    /// How long it is expected to take, in seconds.
    pub estimated_seconds: u32,
    /// When the attempt was assigned.
    pub assigned_at: Timestamp,
    /// The work tree, which is then the work folder too; none where the agents share a folder.
    #[serde(default)]
    pub tree: Option<TreeAt>,
}

/// How the agent of a sheet is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum RunnerSpec {
    /// Any program.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Variables added to its environment.
        environment: BTreeMap<String, String>,
    },
    /// An agent program with a model behind it.
    Agent(Box<AgentSpec>),
    /// Plays the estimate.
    Rehearsal {
        /// How many seconds of the estimate pass in one real second.
        speed: f64,
    },
    /// Somebody else's loop: nothing is started.
    External,
}

impl RunnerSpec {
    /// Whether a runner of ours stands behind the agent and alone writes its status file.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        !matches!(self, Self::External)
    }
}

/// How an agent program with a model behind it is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSpec {
    /// How it is spoken to.
    pub protocol: AgentProtocol,
    /// The program, and arguments of the person's own.
    pub argv: Vec<String>,
    /// Variables added to its environment.
    pub environment: BTreeMap<String, String>,
    /// The model, as the program names it; none for the program's own choice.
    pub model: Option<String>,
    /// What it may do without asking.
    pub access: Access,
    /// What this attempt may still cost.
    pub budget: Option<Usd>,
    /// What tokens cost, for a program that does not tell; empty where no budget bounds the attempt.
    #[serde(default)]
    pub prices: PriceTable,
    /// After how many seconds without a word it is stopped.
    pub silent_seconds: u32,
    /// The session to go on in; the sheet's prompt is for a fresh one.
    pub resume: Option<Resume>,
}

/// The ways to speak to an agent program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "protocol")]
pub enum AgentProtocol {
    /// Claude Code, JSON lines both ways.
    ClaudeStream,
    /// `codex exec --json`.
    CodexExec,
    /// `codex app-server`.
    CodexAppServer,
    /// The Agent Client Protocol.
    Acp,
    /// An MCP server.
    Mcp {
        /// Its tools.
        tools: McpTools,
    },
    /// Claude Code's own screen.
    ClaudeTerminal,
    /// Codex's own screen.
    CodexTerminal,
}

/// A session to go on in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Its id, as the program names it.
    pub session: String,
    /// What is said in it.
    pub prompt: String,
    /// What it had used before, because programs count over a whole session.
    pub used: Usage,
}
