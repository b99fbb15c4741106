//! The helper: one process a host and state folder, child of the backend, speaking frames.
//!
//! It carries out and reports; it decides nothing. It owns tmux on its host, starts runners,
//! watches the state folder and sends logs. It may be killed at any moment: runners go on, and
//! the next helper finds them.

mod checks;
mod evidence;
mod expect;
mod folder;
mod follow;
mod holder;
mod host;
mod lane;
mod lease;
pub(crate) mod load;
mod lock;
mod queue;
mod runners;
mod serve;
mod silence;
mod terminals;
mod windows;
mod work;

pub use serve::{Place, serve};
