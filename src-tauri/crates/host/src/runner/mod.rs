//! The runner: one long-lived process in each agent's tmux window. It takes the attempts that
//! are offered in its status file, carries them out, and alone writes that file meanwhile.
//!
//! It outlives links, helpers and backends. What it is at, it holds in memory, so that it can
//! make its file again when the state folder is wiped.

mod attempt;
mod child;
mod command;
mod decide;
mod lease;
mod log_file;
pub(crate) mod mcp;
mod output;
mod program;
mod raw;
mod serve;
mod setup;
mod signals;
mod sink;
mod socket;
mod state;

pub use serve::run;
pub use setup::{Setup, SetupError};
