//! Repositories and work trees: everything that a run does to them, by the git program itself.
//!
//! All calls block until git has ended; callers that must not wait run them on a thread of their own. No
//! hook of a repository is run, nothing asks for a password, and no word of data reaches a shell.

mod caches;
mod changes;
mod error;
mod identity;
mod kept;
mod locks;
mod merging;
mod process;
mod refs;
pub mod repository;
pub mod settings;
pub mod state;
pub mod tree;

pub use error::GitError;
pub use repository::Repository;
pub use settings::{CommandLine, command_line, service_argv};
pub use state::RepositoryState;
pub use tree::Tree;

/// The first version of git that merges without a work tree; needed on the orchestrator's machine alone.
pub const MERGES_SINCE: (u32, u32) = (2, 38);

/// The version of the git program on the PATH.
///
/// # Errors
/// When there is none.
pub fn version() -> Result<(u32, u32), GitError> {
    process::version()
}
