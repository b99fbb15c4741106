//! Failures with their causes, and the evidence of every attempt.

use miyabi_protocol::EvidenceReport;

use crate::document::{Block, Cell, Column, Mark, Part, Table};
use crate::measure::count;
use crate::model::{AttemptReport, Failure, Report};
use crate::sections::section;
use crate::words;

use Column::{Figure, Prose, Word};

/// How many changed files of an attempt are named; the JSON names all of them.
const FILES_NAMED: usize = 24;

/// Failed attempts, and what their checks printed.
pub(super) fn failures(report: &Report) -> Vec<Block> {
    if report.failures.is_empty() {
        let none = if report.counts.attempts == 0 { "No attempt was made." } else { "No attempt failed." };
        return vec![section("failures", "Failures"), Block::Text(none.to_owned())];
    }
    let length = report.time.actual_seconds.unwrap_or(0.0);
    let row = |failure: &Failure| {
        vec![
            Cell::marked(Mark::Bad, &failure.attempt),
            Cell::text(&failure.agent),
            Cell::text(words::moment(failure.after_seconds, length)),
            Cell::text(failure.cause.words()),
            Cell::text(&failure.error),
            consequence(failure),
            Cell::text(failure.cause.remedy()),
        ]
    };
    let columns = [
        Word("Attempt"),
        Word("Agent"),
        Figure("At"),
        Prose("Cause"),
        Prose("Error"),
        Prose("What came of it"),
        Prose("Remedy"),
    ];
    let table = Table::new(&columns).rows(report.failures.iter().map(row));
    let mut blocks = vec![section("failures", "Failures"), Block::Table(table)];
    for attempt in report.tasks.iter().flat_map(|task| &task.attempts) {
        blocks.extend(excerpts(attempt));
    }
    blocks
}

fn consequence(failure: &Failure) -> Cell {
    match (failure.overcome, failure.holds_back) {
        (true, _) => Cell::marked(Mark::Good, "the task is COMPLETED in spite of it"),
        (false, 0) => Cell::text("no other task waits behind it"),
        (false, held) => Cell::text(format!("holds back {}", words::counted(held, "task", "tasks"))),
    }
}

/// What the checks that did not pass printed last.
fn excerpts(attempt: &AttemptReport) -> Vec<Block> {
    let checks = attempt.evidence.iter().flat_map(|evidence| &evidence.checks);
    let failed = checks.filter(|check| !check.passed && !check.tail.trim().is_empty());
    let blocks = failed.map(|check| {
        let title = Cell::text(format!("{}: the last lines of", attempt.id))
            .and(Part::Code(words::command(&check.run)))
            .and(Part::Text(format!("({})", words::check_end(check))));
        Block::Excerpt(title, check.tail.clone())
    });
    blocks.collect()
}

/// What was found after each claim.
pub(super) fn evidence(report: &Report) -> Vec<Block> {
    let attempts = report.tasks.iter().flat_map(|task| &task.attempts);
    let rows: Vec<Vec<Cell>> = attempts
        .filter_map(|attempt| attempt.evidence.as_ref().map(|found| (attempt, found)))
        .flat_map(|(attempt, found)| evidence_rows(attempt, found))
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let table = Table::new(&[Word("Attempt"), Word("Evidence"), Prose("What"), Prose("Found")]).rows(rows);
    vec![section("evidence", "Evidence"), Block::Table(table)]
}

fn evidence_rows(attempt: &AttemptReport, found: &EvidenceReport) -> Vec<Vec<Cell>> {
    let row = |mark: Mark, what: &str, item: Cell, result: String| {
        vec![Cell::text(&attempt.id), Cell::marked(mark, what), item, Cell::text(result)]
    };
    let listed = |items: &[String]| {
        let named = items
            .iter()
            .take(FILES_NAMED)
            .fold(Cell::default(), |cell, item| cell.and(Part::Code(item.clone())));
        match items.len().saturating_sub(FILES_NAMED) {
            0 => named,
            more => named.and(Part::Faint(format!("and {more} more"))),
        }
    };
    let mut rows = Vec::new();
    if let Some(problem) = &found.problem {
        rows.push(row(Mark::Bad, "not possible", Cell::default(), problem.clone()));
    }
    if !found.changed.is_empty() {
        let result = format!("{} new or changed", words::counted(count(&found.changed), "file", "files"));
        rows.push(row(Mark::Good, "outputs", listed(&found.changed), result));
    }
    if !found.missing.is_empty() {
        rows.push(row(Mark::Bad, "outputs", listed(&found.missing), "no such file".to_owned()));
    }
    if !found.unchanged.is_empty() {
        rows.push(row(Mark::Bad, "outputs", listed(&found.unchanged), "as before the attempt".to_owned()));
    }
    rows.extend(found.checks.iter().map(|check| {
        let mark = if check.passed { Mark::Good } else { Mark::Bad };
        row(mark, "check", Cell::code(words::command(&check.run)), words::check_end(check))
    }));
    rows
}
