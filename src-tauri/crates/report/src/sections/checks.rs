//! What was checked: the verification of all the work, and tests one by one.

use miyabi_api::VerificationState;
use miyabi_protocol::{TestOutcome, TestResult};

use crate::document::{Block, Cell, Column, Mark, Part, Table};
use crate::git_figures;
use crate::measure::count;
use crate::model::{AttemptReport, CheckReport, Report, TestTally, VerificationReport};
use crate::sections::section;
use crate::words;

use Column::{Figure, Prose, Word};

/// A longer table of tests is folded.
const LONG: usize = 12;

/// The plan's verification, then the tests that tasks had to pass.
pub(super) fn checks(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(verification) = &report.verification {
        blocks.push(section("verification", "Verification"));
        blocks.extend(verified(report, verification));
    }
    let of_tasks = of_tasks(report);
    if !of_tasks.is_empty() {
        blocks.push(section("tests", "Tests of the tasks"));
        blocks.extend(of_tasks);
    }
    blocks
}

fn verified(report: &Report, verification: &VerificationReport) -> Vec<Block> {
    let planned = || words::joined(&verification.planned);
    let mut text = match verification.state {
        VerificationState::Waiting if report.run.rehearsal_speed.is_some() => {
            format!("A rehearsal verifies nothing. Planned: {}.", planned())
        }
        VerificationState::Waiting if report.run.ended => format!("It was not run. Planned: {}.", planned()),
        VerificationState::Waiting => format!("It is run when every task is COMPLETED: {}.", planned()),
        VerificationState::Running => format!("It is under way: {}.", planned()),
        VerificationState::Passed => "Everything holds of all the work together.".to_owned(),
        VerificationState::Failed => "Not everything holds of all the work together.".to_owned(),
    };
    if let Some(at) = verification.at {
        text.push_str(&format!(" Run at {}", words::time(at)));
        if verification.runs > 1 {
            text.push_str(&format!(", for the {} time", ordinal(verification.runs)));
        }
        text.push('.');
    }
    let mut blocks = vec![Block::Text(text)];
    blocks.extend(verification.problem.iter().map(|problem| Block::Text(format!("Not possible: {problem}"))));
    if !verification.checks.is_empty() {
        blocks.push(Block::Table(table(&verification.checks)));
    }
    for check in &verification.checks {
        blocks.extend(tests(&check.name, check));
    }
    blocks.extend(verification.checks.iter().filter_map(excerpt));
    blocks
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn table(checks: &[CheckReport]) -> Table {
    let rows = checks.iter().map(|check| {
        let (mark, word) = if check.passed { (Mark::Good, "holds") } else { (Mark::Bad, "does not hold") };
        let command = words::command(&check.run);
        let name = Cell::text(&check.name);
        vec![
            Cell::marked(mark, word),
            if check.name == command {
                Cell::code(shortened(&command))
            } else {
                name.and(Part::Code(shortened(&command)))
            },
            Cell::text(&check.expected),
            Cell::text(&check.measured),
            Cell::text(words::duration(check.seconds)),
        ]
    });
    let columns = [Word("Verdict"), Prose("Check"), Prose("Expected"), Prose("Measured"), Figure("Took")];
    Table::new(&columns).rows(rows).without_empty_columns()
}

/// A command that is a whole program is named by its beginning; the JSON has all of it.
fn shortened(command: &str) -> String {
    const LENGTH: usize = 96;
    let line = words::one_line(command);
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// What a check that does not hold printed last.
fn excerpt(check: &CheckReport) -> Option<Block> {
    let shown = !check.passed && !check.tail.trim().is_empty();
    let title = format!("{}: the last lines that it printed", check.name);
    shown.then(|| Block::Excerpt(Cell::text(title), check.tail.clone()))
}

/// The tests of a check as a table, those that failed first; a long one is folded, unless some failed.
fn tests(name: &str, check: &CheckReport) -> Option<Block> {
    let tally = check.tally?;
    let rows = check.tests.iter().map(row);
    let columns = [Word("Test"), Prose("Suite"), Prose("Name"), Figure("Took"), Prose("Why")];
    let table = Table::new(&columns).rows(rows).without_empty_columns();
    let title = format!("{name}: {}", words::tests(tally));
    let open = check.tests.len() <= LONG || tally.failed > 0;
    Some(Block::Folded { title, open, inside: vec![Block::Table(table)] })
}

fn row(test: &TestResult) -> Vec<Cell> {
    let (mark, word) = match test.outcome {
        TestOutcome::Passed => (Mark::Good, "passed"),
        TestOutcome::Failed => (Mark::Bad, "failed"),
        TestOutcome::Skipped => (Mark::Plain, "skipped"),
    };
    vec![
        Cell::marked(mark, word),
        Cell::text(&test.suite),
        Cell::text(&test.name),
        Cell::text(test.seconds.map(|seconds| format!("{seconds:.3} s")).unwrap_or_default()),
        Cell::text(&test.message),
    ]
}

/// Tests in the acceptance of tasks: those of each task's last attempt that has any.
fn of_tasks(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    for task in &report.tasks {
        let told = |attempt: &&AttemptReport| {
            attempt.evidence.iter().flat_map(|found| &found.checks).any(|check| !check.tests.is_empty())
        };
        let Some(attempt) = task.attempts.iter().rev().find(told) else { continue };
        for check in attempt.evidence.iter().flat_map(|found| &found.checks) {
            let check = git_figures::check(check);
            blocks.extend(tests(&format!("{}, {}", attempt.id, check.name), &check));
        }
    }
    blocks
}

/// Checks that hold, and all that there are.
pub(crate) fn holding(verification: &VerificationReport) -> (u32, u32) {
    let holding = count(verification.checks.iter().filter(|check| check.passed));
    (holding, count(&verification.planned).max(count(&verification.checks)))
}

/// All tests of the verification.
pub(crate) fn all_tests(verification: &VerificationReport) -> TestTally {
    verification.checks.iter().filter_map(|check| check.tally).fold(TestTally::default(), |sum, one| {
        TestTally {
            passed: sum.passed + one.passed,
            failed: sum.failed + one.failed,
            skipped: sum.skipped + one.skipped,
        }
    })
}
