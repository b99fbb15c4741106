//! The real window under a display of its own, driven as a person would.

mod agents;
mod clean_up;
// The forge of the forge's own tests: there is one that speaks as GitHub does.
#[path = "../../../../src-tauri/crates/forge/tests/loopback/mod.rs"]
mod forge;
mod great;
mod hand_over;
mod hosts;
mod level6;
mod notices;
mod on_git;
mod pictures;
mod pull_request;
mod shell;
mod survival;
mod work;
