//! The agents' windows in tmux (3.0 or newer).
//!
//! A session is joined or made, never killed. Windows are addressed by their id alone; ours carry
//! marks (`@miyabi_agent`, `@miyabi_state`), so that whoever comes later finds them. The person's
//! own windows, options and environment are never touched.
//!
//! Every command is built by a pure function in [`argv`]; nothing passes through a shell.

pub mod argv;
mod error;
mod session;

pub use argv::{Ended, Window, attach_argv, view_argv};
pub use error::TmuxError;
pub use session::{
    MONITOR, ORCHESTRATOR, Role, WindowPlan, ensure_session, find_window, is_installed, list_windows,
    open_windows, remove_view, remove_windows, set_options, wake_server,
};
