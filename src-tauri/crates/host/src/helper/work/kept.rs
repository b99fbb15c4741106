//! What is left of runs, for those who clean up.

use miyabi_git::GitError;
use miyabi_protocol::link::Report;
use miyabi_protocol::{KeptTree, RepositoryAt};

use crate::helper::host::Host;

pub(super) fn list(host: &Host, repository: RepositoryAt, keep: &[String], also: Option<String>) -> Report {
    let trees = found(host, &repository, keep);
    let problems = also.into_iter().chain(trees.as_ref().err().map(|error| error.message.clone()));
    let problem = problems.collect::<Vec<_>>().join("\n");
    Report::Trees {
        repository,
        trees: trees.unwrap_or_default(),
        problem: Some(problem).filter(|problem| !problem.is_empty()),
    }
}

fn found(host: &Host, repository: &RepositoryAt, keep: &[String]) -> Result<Vec<KeptTree>, GitError> {
    host.places.repository(repository)?.kept_trees(&host.places.trees(), keep)
}

pub(super) fn remove(host: &Host, repository: RepositoryAt, branches: &[String], keep: &[String]) -> Report {
    let removed = || -> Result<Vec<String>, GitError> {
        let at = host.places.repository(&repository)?;
        let trees = at.kept_trees(&host.places.trees(), keep)?;
        let meant = trees.iter().filter(|tree| branches.contains(&tree.branch));
        let mut problems: Vec<String> =
            meant.filter_map(|tree| at.remove_kept(tree, keep).err()).map(|error| error.message).collect();
        // The person's own repository is theirs to tidy.
        if let RepositoryAt::Store(_) = &repository {
            problems.extend(at.collect_garbage().err().map(|error| error.message));
        }
        Ok(problems)
    };
    let problems = removed().unwrap_or_else(|error| vec![error.message]);
    let problem = (!problems.is_empty()).then(|| problems.join("\n"));
    list(host, repository, keep, problem)
}
