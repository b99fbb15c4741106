//! The helper and the runner as processes, with a real tmux, driven over frames.

mod agents;
mod attempts;
mod common;
mod ends;
mod folder;
mod windows;
