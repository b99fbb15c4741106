//! The runtime of `miyabi orchestrate`: it carries out what the engine decides.
//!
//! Here are the journal's file, the socket for clients, the helper's process, the clock and the
//! views. No decision about a run is made here.

mod behind;
mod clients;
mod clock;
mod error;
mod helper;
mod hold;
mod inbox;
mod journal_file;
mod ledger;
mod log_streams;
mod narration;
mod notices;
pub mod offline;
mod orchestrator_log;
mod requests;
mod run_folder;
mod runtime;
mod server;
mod view;

use std::path::PathBuf;

pub use error::BackendError;
pub use runtime::orchestrate;

/// What a backend is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where runs are kept.
    pub state_home: PathBuf,
    /// Where sockets lie.
    pub runtime_dir: PathBuf,
    /// The run; its folder holds an opening.
    pub run_id: String,
    /// The helper's program.
    pub miyabi_host: PathBuf,
    /// The `miyabi` program, for the Monitor window.
    pub miyabi: PathBuf,
}
