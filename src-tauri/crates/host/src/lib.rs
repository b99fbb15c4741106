//! What runs on every host: the helper that serves the backend (`miyabi-host serve`), the runner
//! in each agent's tmux pane (`miyabi-host run`), and the log view of a window without a runner
//! (`miyabi-host show-log`).
//!
//! Both carry out and report; what happens next is the engine's decision. [`tmux`] is also used
//! by whoever launches a backend.

mod clock;
mod disk;
pub mod git_pipe;
pub mod helper;
mod outputs;
pub mod probe;
mod process;
mod process_tree;
pub mod runner;
pub mod show_log;
pub mod tmux;
mod watch;
