//! Hosts that a person tries out, and adds to a plan.

use miyabi_plan::{HostId, TransportKind};
use miyabi_protocol::HostQuestion;
use serde::{Deserialize, Serialize};

use crate::view::HostAnswer;

/// A host to try out. Nothing of it is kept but a key that was trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct TestHost {
    /// The plan whose agent programs are looked for; none for Claude Code and Codex, neither of which
    /// has to be there.
    pub plan: Option<String>,
    /// The host.
    pub host: HostWay,
    /// The answer to what the last test asked.
    pub answer: Option<HostAnswer>,
    /// What the person had answered in the tests before that one, with what was asked.
    #[serde(default)]
    pub before: Vec<HostSaid>,
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct HostWay {
    /// Its id in the plan; none while it has none.
    pub id: Option<HostId>,
    /// How it is reached.
    pub transport: TransportKind,
    /// For SSH: the name under which `ssh` knows it.
    #[serde(default)]
    pub address: String,
    /// For a command: its words.
    #[serde(default)]
    pub command: Vec<String>,
    /// Where the state folder will lie there; none for the same path as here.
    #[serde(default)]
    pub state_dir: Option<String>,
}

/// A question of a host, and what a person said to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct HostSaid {
    /// What was asked.
    pub question: HostQuestion,
    /// What was said.
    pub answer: HostAnswer,
}

/// A host to write into a plan's `agent_config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct NewHost {
    /// Its id in the plan.
    pub id: HostId,
    /// A line for people; empty for none.
    #[serde(default)]
    pub title: String,
    /// How it is reached.
    pub transport: TransportKind,
    /// For SSH: the name under which `ssh` knows it.
    #[serde(default)]
    pub address: String,
    /// For a command: its words.
    #[serde(default)]
    pub command: Vec<String>,
    /// How many tasks may run there at once; none for as many as there are agents.
    pub capacity: Option<u32>,
    /// Words for people and for choosing.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Where the state folder lies there, absolute; none for the same path as here.
    #[serde(default)]
    pub state_dir: Option<String>,
    /// Where the work is done there, absolute; none for the same path as here.
    #[serde(default)]
    pub work_folder: Option<String>,
}
