//! The runtime of `miyabi orchestrate`: it carries out what the engine decides.
//!
//! Here are the journal's file, the socket for clients, the helper's process, the clock and the
//! views. No decision about a run is made here.

mod behind;
mod clients;
mod clock;
mod contact;
mod diff;
mod door;
mod error;
mod far;
mod git;
mod git_streams;
mod hand_over;
mod hello;
mod history;
mod hold;
mod host_views;
mod inbox;
mod inbox_hosts;
mod inbox_work;
mod journal_file;
mod lease;
mod ledger;
mod narration;
mod notices;
pub mod offline;
mod orchestrator_log;
mod requests;
mod run_folder;
mod runtime;
mod server;
mod site;
mod sites;
mod stopping;
mod streams;
mod task_views;
mod trees;
mod view;
mod work;
mod work_views;

use std::path::PathBuf;

use miyabi_reach::Helpers;

pub use error::BackendError;
pub use hello::owner;
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
    /// The `miyabi` program, for the Monitor window and those of agents that are elsewhere.
    pub miyabi: PathBuf,
    /// The programs that may be put on other hosts.
    pub helpers: Helpers,
    /// Whose runs these are, for people on other hosts; see [`owner`].
    pub owner: String,
}
