//! Messages between a helper and a runner, over the runner's socket, one JSON object a line.
//!
//! The runner listens and outlives its helpers; a new helper connects and learns where it stands.
//! The end of the connection is the end of the runner. Unknown messages are ignored by both.

use miyabi_plan::{AgentId, AttemptId};
use serde::{Deserialize, Serialize};

use crate::approval::{ApprovalAnswer, ApprovalRequest};

/// From a helper to a runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum ToRunner {
    /// End the attempt and every child of it, then write FAILED.
    Stop {
        /// The attempt; another one is ignored.
        attempt: AttemptId,
        /// For people.
        reason: String,
    },
    /// The answer to a request for permission. One that is not asked any more is ignored.
    Answer {
        /// The attempt; another one is ignored.
        attempt: AttemptId,
        /// The request.
        request: String,
        /// The answer.
        answer: ApprovalAnswer,
    },
    /// Something that a person says to the agent at its work.
    Say {
        /// The attempt; another one is ignored.
        attempt: AttemptId,
        /// Counts within the run, so that what is said twice is heard once.
        number: u32,
        /// What is said.
        text: String,
    },
    /// The agent may go on until then: milliseconds of the clock that also counts while the machine
    /// sleeps (`CLOCK_BOOTTIME`, `mach_continuous_time`), which helper and runner share. A runner that
    /// never hears of a lease needs none, unless it was started as one that does and begins no work before;
    /// one that heard of one ends its attempt when the last one is over.
    Lease {
        /// Until when.
        until_boot_millis: u64,
    },
    /// End everything and exit.
    Exit,
}

/// From a runner to its helper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum FromRunner {
    /// Sent at once after a connection is made, and whenever the attempt changes.
    State {
        /// The runner's agent.
        agent: AgentId,
        /// Its process.
        pid: u32,
        /// Its version, as in `0.1.0`.
        version: String,
        /// The run that it serves.
        run_id: String,
        /// The attempt that it is at.
        attempt: Option<AttemptId>,
        /// Why its status file cannot be written at this moment, with the remedy.
        #[serde(default)]
        problem: Option<String>,
        /// The process of its agent program.
        #[serde(default)]
        program: Option<u32>,
        /// The requests for permission that wait for an answer.
        #[serde(default)]
        asks: Vec<ApprovalRequest>,
        /// The highest number of what was said to the attempt and reached it.
        #[serde(default)]
        heard: u32,
    },
}
