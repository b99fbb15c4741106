//! How a plan's work travels: on git branches, a work tree an attempt, merged as the tasks need it.

use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, TaskId};
use crate::model::Check;

/// When a run works on git, and what makes a work tree ready.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GitPlan {
    /// Whether each attempt has a work tree of its own.
    pub when: GitWhen,
    /// Files of the work folder that git does not keep and every work tree needs, as `.env`: paths below it.
    pub copy: Vec<String>,
    /// Commands that make a fresh work tree ready, in their order.
    pub setup: Vec<Check>,
    /// Ports of its own for each work tree.
    pub ports: Option<PortRange>,
    /// The remote of the repository to which branches are pushed, as `origin`.
    pub remote: Option<String>,
    /// The address of the forge's API, for one that is not GitHub's own.
    pub api: Option<String>,
    /// Who resolves a merge conflict.
    pub conflicts: ConflictsGo,
    /// Which agent resolves it, where an agent does; none for the first one that reviews.
    pub reviewer: Option<AgentId>,
}

/// When a run works on git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitWhen {
    /// Where the work folder is a repository.
    #[default]
    Repository,
    /// Always: a work folder that is none becomes one.
    Always,
    /// Never: all agents share the work folder.
    Never,
}

/// Who resolves a merge conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictsGo {
    /// A task for an agent.
    #[default]
    Agent,
    /// The person.
    Person,
}

/// Ports that work trees share out among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The first one of all.
    pub first: u16,
    /// How many each work tree gets.
    pub count: u16,
}

/// The branch of an attempt. Ids are safe for git, paths and shells as they are.
#[must_use]
pub fn attempt_branch(run_id: &str, task: &TaskId, attempt: u32) -> String {
    format!("miyabi/{run_id}/{task}/{attempt}")
}

/// The branch on which a run's work is merged. No task has this name: an id begins with a letter.
#[must_use]
pub fn result_branch(run_id: &str) -> String {
    format!("miyabi/{run_id}/_result")
}

/// The branch that holds what a task's needs produced, merged, where they are several.
#[must_use]
pub fn base_branch(run_id: &str, task: &TaskId) -> String {
    format!("miyabi/{run_id}/_base/{task}")
}

/// What a check expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "expect")]
pub enum Expect {
    /// This exit code.
    Exit {
        /// Which.
        code: i32,
    },
    /// Exit code 0, and a number within bounds: the last one that was printed.
    Number {
        /// At least this; none for no lower bound.
        at_least: Option<f64>,
        /// At most this; none for no upper bound.
        at_most: Option<f64>,
    },
    /// Tests that all pass, each told one by one. The exit code is not looked at: the tests are.
    Tests {
        /// Where they are told.
        source: TestSource,
        /// How many must have passed; none for any number but none.
        passed: Option<u32>,
    },
}

impl Default for Expect {
    fn default() -> Self {
        Self::Exit { code: 0 }
    }
}

/// Where the results of tests are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "source")]
pub enum TestSource {
    /// A JUnit XML file that the command writes.
    Junit {
        /// Its path below the work tree.
        file: String,
    },
    /// What `pytest -v` or `pytest -rA` prints.
    Pytest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_of_a_run_never_stand_in_each_others_way() {
        let task: TaskId = "Task-1".parse().expect("an id");
        let names = [
            attempt_branch("20261122-153400-4f2a", &task, 2),
            result_branch("20261122-153400-4f2a"),
            base_branch("20261122-153400-4f2a", &task),
        ];
        for (at, one) in names.iter().enumerate() {
            let others = names.iter().enumerate().filter(|(other, _)| *other != at);
            for (_, other) in others {
                assert!(!other.starts_with(&format!("{one}/")), "{one} is a file and a folder");
            }
        }
        assert!(TaskId::new("_result").is_err() && TaskId::new("_base").is_err());
    }
}
