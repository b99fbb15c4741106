//! How the backend reaches a helper: a child process here; later any command, and ssh.
//!
//! A [`Link`] is one byte stream that carries frames both ways. Nothing here knows what the
//! messages mean.

mod link;
pub mod local;

pub use link::{Link, LinkReceiver, LinkSender};
