//! Checks and git, as a person writes them in `task_dag.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ID, MAX_EXIT_CODE, MAX_PORT, MAX_PORTS, MAX_SECONDS, MAX_TESTS};
use crate::git::ConflictsGo;

/// A check: the words of a command that must exit with 0, or an object that says more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CheckEntry {
    /// The program and its arguments; never a shell line.
    Words(#[schemars(length(min = 1))] Vec<String>),
    /// With a name, a time limit or an expectation of its own.
    Limited(LimitedCheckEntry),
}

impl CheckEntry {
    /// The program and its arguments.
    #[must_use]
    pub fn run(&self) -> &[String] {
        match self {
            Self::Words(words) => words,
            Self::Limited(limited) => &limited.run,
        }
    }
}

/// A check with a name, a time limit or an expectation of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitedCheckEntry {
    /// A word or two for people, as in `tests`; by default the command itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The program and its arguments; never a shell line.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// After how many seconds it counts as failed; 600 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub time_limit_seconds: Option<u32>,
    /// The exit code that it must end with; 0 by default. Not beside `number` or `tests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_EXIT_CODE))]
    pub exit_code: Option<u32>,
    /// What the last number that it prints must be, beside the exit code 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<NumberEntry>,
    /// Which tests must pass; the exit code is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsEntry>,
}

/// A bound of a number: `equals`; or `about` and `within_percent`; or `at_least`, `at_most` or both.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberEntry {
    /// Exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<f64>,
    /// Near this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<f64>,
    /// How near, in percent of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_percent: Option<f64>,
    /// This or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// This or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

/// Tests that must pass, and where they are told: in a JUnit XML file, or in what pytest prints.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestsEntry {
    /// The JUnit XML file that the command writes: a path below the work folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub junit: Option<String>,
    /// True where the command prints what `pytest -v` or `pytest -rA` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pytest: Option<bool>,
    /// How many must have passed; by default any number but none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_TESTS))]
    pub passed: Option<u32>,
}

/// Whether a run works on git: a word, or how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GitEntry {
    /// True: always; false: never.
    Flag(bool),
    /// Always, and how.
    Options(Box<GitOptionsEntry>),
}

/// How a run works on git.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitOptionsEntry {
    /// Files of the work folder that git does not keep and every work tree needs, as in `.env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<Vec<String>>,
    /// Checks that make a fresh work tree ready, in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Vec<CheckEntry>>,
    /// Ports of its own for each work tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortsEntry>,
    /// The remote of the repository to which branches are pushed, as in `origin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// The address of the forge's API, for one that is not GitHub's own, as in `https://git.example/api/v3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Who resolves a merge conflict; `agent` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ConflictsWord>")]
    pub conflicts: Option<ConflictsGo>,
    /// Which agent resolves it; by default the first `CCG` agent that reviews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = ID))]
    pub reviewer: Option<String>,
}

/// Ports that work trees share out among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortsEntry {
    /// The first one of all.
    #[schemars(range(min = 1, max = MAX_PORT))]
    pub first: u32,
    /// How many each work tree gets.
    #[schemars(range(min = 1, max = MAX_PORTS))]
    pub count: u32,
}

/// Who has to accept a task's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalBy {
    /// A person.
    Person,
}

/// The words of [`ApprovalBy`].
#[derive(JsonSchema)]
#[schemars(rename = "Approval", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum ApprovalWord {
    /// A person reads the work and accepts it or sends it back.
    Person,
}

/// The words of [`ConflictsGo`].
#[derive(JsonSchema)]
#[schemars(rename = "Conflicts", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum ConflictsWord {
    /// A task for an agent.
    Agent,
    /// The person.
    Person,
}
