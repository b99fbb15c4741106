//! A run's report, finished or so far: Markdown, one HTML file that works offline, and JSON.
//!
//! All figures are computed first, into one [`Report`]; the renderers only write it down. Every
//! text of a plan, an agent or a check is untrusted, and is escaped where it is written.

mod document;
mod done_means;
mod figures;
mod git_figures;
mod history;
mod html;
mod json;
mod lineage;
mod markdown;
mod measure;
mod merge_svg;
mod model;
mod replay;
mod sections;
mod timeline_svg;
mod words;

#[cfg(test)]
mod tests;

use miyabi_api::{ReportFormat, RunSnapshot};
use miyabi_engine::Entry;

pub use figures::report;
pub use json::{FORMAT, VERSION};
pub use model::*;

/// Writes the report of a run that has ended, or of one so far.
///
/// `entries` is the run's whole journal. Without it the report has no history, and says so.
#[must_use]
pub fn render(snapshot: &RunSnapshot, entries: &[Entry], format: ReportFormat) -> String {
    let report = figures::report(snapshot, entries);
    match format {
        ReportFormat::Markdown => markdown::write(&report),
        ReportFormat::Html => html::write(&report),
        ReportFormat::Json => json::write(&report),
    }
}
