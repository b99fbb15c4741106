//! What the helper found when it looked for an attempt's evidence. Facts only; the engine judges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::tree::CommittedWork;

/// The declared outputs as they were before an attempt began: SHA-256 in hex, by path below the
/// work folder.
pub type Baseline = BTreeMap<String, String>;

/// What was found after a claim.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct EvidenceReport {
    /// Output globs that match no file.
    pub missing: Vec<String>,
    /// Output globs whose files are all as they were before the attempt.
    pub unchanged: Vec<String>,
    /// Files that match the output globs and are new or changed, sorted.
    pub changed: Vec<String>,
    /// The acceptance commands in their order; the rest is not run after one that failed.
    pub checks: Vec<CheckResult>,
    /// Why the look itself was not possible, as when the work folder is gone.
    pub problem: Option<String>,
    /// The work, committed; none where it is not on git.
    #[serde(default)]
    pub work: Option<CommittedWork>,
}

impl EvidenceReport {
    /// Whether everything that was promised is there.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problem.is_none()
            && self.missing.is_empty()
            && self.unchanged.is_empty()
            && self.checks.iter().all(|check| check.passed)
    }
}

/// How one check went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct CheckResult {
    /// A word or two for people; empty for the command itself.
    #[serde(default)]
    pub name: String,
    /// The program and its arguments.
    pub run: Vec<String>,
    /// Whether what was expected came of it in time.
    pub passed: bool,
    /// How it ended, for people: `exit code 1`, `killed by signal 9`, `over its limit of 60 s`.
    pub ended: String,
    /// How long it took, in milliseconds.
    pub millis: u32,
    /// The last lines of what it printed, at most 4 KiB.
    pub tail: String,
    /// The number that it printed, where one is expected.
    #[serde(default)]
    pub number: Option<f64>,
    /// What was expected, for people, as in `55` or `42 of 42`; empty for an exit code of 0.
    #[serde(default)]
    pub expected: String,
    /// The tests, one by one, where they are told; at most 5,000.
    #[serde(default)]
    pub tests: Vec<TestResult>,
}

/// How one test went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TestResult {
    /// The file or class that it is in.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took, in seconds; none where nothing is said of it.
    pub seconds: Option<f64>,
    /// Why it failed, at most 2 KiB; empty otherwise.
    pub message: String,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It did not.
    Failed,
    /// It was not run.
    Skipped,
}
