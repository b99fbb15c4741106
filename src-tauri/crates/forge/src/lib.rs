//! Opens a run's result as a pull request, on GitHub or any forge with that API.
//!
//! The branch is pushed by git with the person's own access; the token comes from `gh` or from git's own
//! credential helper, and is told to nobody but the forge that it is for.

mod address;
mod error;
mod github;
mod process;
mod token;

use std::path::PathBuf;

pub use error::ForgeError;

use address::{Api, Project};

/// A pull request that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The person's repository, absolute.
    pub repository: PathBuf,
    /// The remote that is pushed to, as `origin`.
    pub remote: String,
    /// The address of the forge's API; none to find it from the remote's.
    pub api: Option<String>,
    /// The branch with the work.
    pub branch: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// Its first line.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Whether it is a draft.
    pub draft: bool,
}

/// A pull request that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub number: u32,
    /// Where to read it.
    pub url: String,
    /// Whether it was open before.
    pub existed: bool,
}

/// Pushes the branch and opens a pull request for it; where one is open already, gives that one.
///
/// # Errors
/// When the remote is none of a forge, git cannot push, there is no token, or the forge refuses; each with what
/// helps.
pub async fn open(proposal: &Proposal) -> Result<Opened, ForgeError> {
    let url = process::remote_url(&proposal.repository, &proposal.remote).await?;
    let project = Project::of_remote(&url)?;
    let api = match &proposal.api {
        Some(address) => Api::at(address)?,
        None => project.api(),
    };
    // Whoever has no token should not find a branch pushed for nothing.
    let token = token::find(&proposal.repository, &api).await?;
    process::push(&proposal.repository, &proposal.remote, &proposal.branch).await?;
    github::open(&api, &project, token, proposal).await
}
