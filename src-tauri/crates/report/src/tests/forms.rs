//! What stands in each form, and that no text breaks out of any.

use miyabi_api::ReportFormat;

use super::story::{HOSTILE, Story, hostile, level6, rehearsal, small_run};
use crate::{Report, render, report};

fn written(story: &Story, seconds: f64, format: ReportFormat) -> String {
    render(&story.snapshot(seconds), &story.entries, format)
}

#[test]
fn a_run_with_a_retry_a_failure_and_a_reassignment() {
    let story = small_run();
    insta::assert_snapshot!("small_run_markdown", written(&story, 290.0, ReportFormat::Markdown));
    insta::assert_snapshot!("small_run_html", body(&written(&story, 290.0, ReportFormat::Html)));
    insta::assert_snapshot!("small_run_json", written(&story, 290.0, ReportFormat::Json));
}

#[test]
fn a_rehearsal_says_so() {
    let story = rehearsal();
    insta::assert_snapshot!("rehearsal_markdown", written(&story, 31.0, ReportFormat::Markdown));
    let html = written(&story, 31.0, ReportFormat::Html);
    assert!(html.contains("class=\"banner\""));
    assert!(html.contains("[rehearsal at 60x]"), "the timeline says so, too: it may be cut out");
    assert_eq!(html.matches("<td>not measured (rehearsal)</td>").count(), 7);
}

#[test]
fn hostile_texts_stay_texts() {
    let story = hostile();
    insta::assert_snapshot!("hostile_markdown", written(&story, 9.0, ReportFormat::Markdown));
    insta::assert_snapshot!("hostile_html", body(&written(&story, 9.0, ReportFormat::Html)));
    let json = written(&story, 9.0, ReportFormat::Json);
    let read: Report = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read.run.title, HOSTILE, "a program gets the text as it is");
    assert_eq!(read, report(&story.snapshot(9.0), &story.entries));
}

#[test]
fn hostile_texts_make_no_tag_no_cell_and_no_link() {
    let html = written(&hostile(), 9.0, ReportFormat::Html);
    assert!(!html.contains("<script"), "no script");
    assert!(!html.contains("onload='"), "no attribute");
    assert!(!html.contains("</pre>\n```"), "no end of the excerpt");
    assert!(!html.contains('\u{202e}'), "nothing that turns the reading round");
    assert_eq!(html.matches("<!--").count(), 0);
    let markdown = written(&hostile(), 9.0, ReportFormat::Markdown);
    let mut columns = None;
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        if let Some(open) = fence {
            fence = if line == open { None } else { fence };
            continue;
        }
        if let Some(open) = line.strip_suffix("text").filter(|open| open.starts_with("```")) {
            fence = Some(open);
            continue;
        }
        assert!(!line.contains("<script"), "{line}");
        assert!(!line.replace(r"\]", "").contains("]("), "{line}");
        let pipes = line.matches('|').count();
        columns = match columns {
            None if pipes > 0 => Some(pipes),
            Some(wanted) if pipes > 0 => {
                assert_eq!(pipes, wanted, "{line}");
                columns
            }
            _ => None,
        };
    }
    assert_eq!(fence, None, "the excerpt ends where it should");
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let html = written(&level6(1.0), 6600.0, ReportFormat::Html);
    for outside in ["<script", "<link", "<img", "src=", "@import", "url(http", "https://"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("prefers-color-scheme: dark"));
    assert!(html.contains("@media print"));
}

#[test]
fn the_timeline_has_a_row_an_agent_and_a_bar_an_attempt() {
    let html = written(&level6(1.04), 6864.0, ReportFormat::Html);
    assert_eq!(html.matches("class=\"t t-agent\"").count(), 15);
    assert_eq!(html.matches("class=\"t t-host\"").count(), 2);
    assert_eq!(html.matches(" planned: ").count(), 15);
    assert_eq!(html.matches("class=\"crit-link\"").count(), 7, "eight tasks on the critical path");
    let html = written(&small_run(), 290.0, ReportFormat::Html);
    assert_eq!(html.matches("class=\"badge failed\"").count(), 2 + 1, "two failed attempts, and the legend");
    assert!(html.contains("paused for 10 s"));
}

/// Without the style sheet, which is a file of its own.
fn body(html: &str) -> &str {
    html.split_once("<body>").map_or(html, |(_, body)| body)
}
