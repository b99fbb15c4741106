//! The helper and the runner as processes, with a real tmux, driven over frames.

mod agents;
mod attempts;
mod carriage;
mod common;
mod elsewhere;
mod ends;
mod folder;
mod leases;
mod links;
mod quiet;
mod terminals;
mod windows;
mod works;
