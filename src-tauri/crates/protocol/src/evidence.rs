//! What the helper found when it looked for an attempt's evidence. Facts only; the engine judges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The declared outputs as they were before an attempt began: SHA-256 in hex, by path below the
/// work folder.
pub type Baseline = BTreeMap<String, String>;

/// What was found after a claim.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// How one acceptance command went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct CheckResult {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// Whether it exited with 0 in time.
    pub passed: bool,
    /// How it ended, for people: `exit code 1`, `killed by signal 9`, `over its limit of 60 s`.
    pub ended: String,
    /// How long it took, in milliseconds.
    pub millis: u32,
    /// The last lines of what it printed, at most 4 KiB.
    pub tail: String,
}
