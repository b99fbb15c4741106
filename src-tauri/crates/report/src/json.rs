//! The report for programs: [`Report`] as it is, under a name and a version.
//!
//! Within one version keys are only added. Durations are in seconds, times are RFC 3339 in UTC,
//! shares go from 0 to 1, and words are in `snake_case`; what is not known is `null`.

use crate::model::Report;

/// What stands under `format`.
pub const FORMAT: &str = "miyabi-report";
/// What stands under `version`: raised when a key is renamed, removed or changes its meaning.
pub const VERSION: u32 = 1;

/// The report as JSON.
pub(crate) fn write(report: &Report) -> String {
    // A report holds no map with keys that are not texts, the only thing that JSON refuses.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_else(|error| format!("\"{error}\""));
    text.push('\n');
    text
}
