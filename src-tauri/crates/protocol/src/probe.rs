//! Whether the agent programs of a host are there, logged in and answer: what `miyabi doctor` asks
//! `miyabi-host probe`, and what that answers.
//!
//! On stdin one JSON array of [`ProbeRequest`], or a [`HostProbe`]; on stdout one line with a
//! [`ProbeAnswer`] for each program, in the same order. What is found of the host itself stands
//! before them, as one line with [`HostFacts`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::link::Load;
use crate::time::Timestamp;

/// The longest array of requests, in bytes.
pub const MAX_PROBE_BYTES: usize = 1024 * 1024;

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ProbeAsked {
    /// Programs alone.
    Programs(Vec<ProbeRequest>),
    /// The host, and programs.
    Host(HostProbe),
}

/// What is asked about a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostProbe {
    /// Where the state folder lies, or will lie; absolute.
    pub state_dir: String,
    /// The programs to look at.
    pub programs: Vec<ProbeRequest>,
}

/// What was found of a host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The version of `miyabi-host`.
    pub version: String,
    /// The host's name as it calls itself.
    pub host: String,
    /// The host's clock, read as the last of all.
    pub now: Timestamp,
    /// What its tmux says of itself; none where it cannot be started.
    pub tmux: Option<String>,
    /// Memory, and the disk where the state folder lies.
    pub load: Load,
    /// Why the state folder cannot lie where it should.
    pub state_problem: Option<String>,
    /// Whether the system ends what a person started when they are logged out, as when a link breaks.
    #[serde(default)]
    pub ends_at_logout: bool,
}

/// One program to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// How it is spoken to.
    pub agent_program: AgentProgram,
    /// The program, and arguments of the person's own: all of them for `acp` and `mcp`.
    pub argv: Vec<String>,
    /// Added to its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// The kinds of programs that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum AgentProgram {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Any agent that speaks the Agent Client Protocol.
    Acp,
    /// Any MCP server.
    Mcp,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ProbeAnswer {
    /// The program as it is called; shortened.
    pub name: String,
    /// Whether it could be started.
    pub installed: bool,
    /// Its version, as it says.
    pub version: Option<String>,
    /// Whether it is logged in.
    pub logged_in: LoggedIn,
    /// What it answered to a first word, in a line; none when it did not.
    pub handshake: Option<String>,
    /// What is wrong, in a line.
    pub problem: Option<String>,
    /// What a person can do about that.
    pub remedy: Option<String>,
}

/// Whether a program is logged in at its provider, as it says: no model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum LoggedIn {
    /// It is, or it needs no login.
    Yes,
    /// It is not.
    No,
    /// It does not say.
    #[default]
    Unknown,
}
