//! Merges, without a work tree.

use miyabi_git::GitError;
use miyabi_protocol::{MergeOutcome, RepositoryAt};

use crate::helper::host::Host;

pub(super) struct Merge {
    pub(super) repository: RepositoryAt,
    pub(super) heads: Vec<String>,
    pub(super) branch: String,
    pub(super) subject: String,
}

pub(super) struct Taken {
    pub(super) repository: RepositoryAt,
    pub(super) revision: String,
    pub(super) holds: Vec<String>,
    pub(super) branch: String,
}

pub(super) fn merge(host: &Host, merge: &Merge) -> MergeOutcome {
    let merged = || -> Result<MergeOutcome, GitError> {
        let repository = host.places.repository(&merge.repository)?;
        let outcome = repository.merge(&merge.heads, &merge.subject);
        if let MergeOutcome::Clean { commit, .. } = &outcome {
            repository.set_branch(&merge.branch, commit)?;
        }
        Ok(outcome)
    };
    merged().unwrap_or_else(|error| MergeOutcome::Failed { message: error.message })
}

/// A commit that a person made, when it holds all that it must.
pub(super) fn take(host: &Host, taken: &Taken) -> MergeOutcome {
    let found = || -> Result<MergeOutcome, GitError> {
        let repository = host.places.repository(&taken.repository)?;
        let commit = repository.commit_of(&taken.revision)?;
        for side in &taken.holds {
            if !repository.holds(&commit, std::slice::from_ref(side))? {
                let (revision, side) = (&taken.revision, side.get(..12).unwrap_or(side));
                return Err(GitError::new(format!(
                    "{revision} does not hold {side}: merge it into {revision}, then say so again"
                )));
            }
        }
        repository.set_branch(&taken.branch, &commit)?;
        let tree = repository.merge(std::slice::from_ref(&commit), "");
        Ok(match tree {
            MergeOutcome::Clean { tree, .. } => MergeOutcome::Clean { commit, tree },
            other => other,
        })
    };
    found().unwrap_or_else(|error| MergeOutcome::Failed { message: error.message })
}
