//! Tasks and their attempts.

use miyabi_plan::{RunPhase, TaskPhase};

use crate::document::{Block, Cell, Column, Mark, Part, Table};
use crate::measure::count;
use crate::model::{AttemptReport, Outcome, Report, TaskReport};
use crate::sections::section;
use crate::words;

use Column::{Figure, Prose, Word};

/// Why tasks did not run, and do not.
pub(super) fn waiting(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !report.run.reasons.is_empty() {
        let title =
            if report.run.phase == RunPhase::Stuck { "Why nothing goes on" } else { "Why tasks did not run" };
        let rows = report.run.reasons.iter().map(|reason| vec![Cell::text(reason)]);
        blocks.push(section("reasons", title));
        blocks.push(Block::Table(Table::new(&[Prose("Reason, as the run ended")]).rows(rows)));
    }
    if !report.waiting.is_empty() {
        let rows = report.waiting.iter().map(|task| {
            let reasons: Vec<String> = task.reasons.iter().map(words::waiting).collect();
            vec![Cell::text(&task.task), Cell::text(&task.title), Cell::text(reasons.join("; "))]
        });
        let table = Table::new(&[Word("Task"), Prose("Title"), Prose("Why it does not run")]).rows(rows);
        blocks.extend([section("waiting", "Waiting"), Block::Table(table)]);
    }
    blocks
}

fn task_mark(phase: TaskPhase) -> Mark {
    match phase {
        TaskPhase::Completed => Mark::Good,
        TaskPhase::Failed => Mark::Bad,
        TaskPhase::Cancelled => Mark::Stopped,
        TaskPhase::Preparing | TaskPhase::Running | TaskPhase::Unverified | TaskPhase::Checking => {
            Mark::Running
        }
        TaskPhase::Pending
        | TaskPhase::Ready
        | TaskPhase::Offered
        | TaskPhase::Review
        | TaskPhase::BackOff => Mark::Open,
    }
}

/// A row a task.
pub(super) fn tasks(report: &Report) -> Vec<Block> {
    let time = &report.time;
    let length = time.actual_seconds.unwrap_or(0.0).max(time.forecast.expected_seconds);
    let at =
        |seconds: Option<f64>| seconds.map_or("–".to_owned(), |seconds| words::moment(seconds, length));
    let row = |task: &TaskReport| {
        let id = Cell::text(&task.id);
        let taken = task.attempts.iter().filter(|attempt| attempt.outcome != Outcome::Withdrawn);
        vec![
            if task.critical { Cell { mark: Some(Mark::Critical), ..id } } else { id },
            Cell::text(&task.title),
            agent_cell(task),
            Cell::text(taken.count()),
            Cell::text(at(Some(task.planned.start_seconds))),
            Cell::text(at(task.started_after_seconds)),
            Cell::text(words::duration(task.planned.end_seconds - task.planned.start_seconds)),
            Cell::text(task.took_seconds.map_or("–".to_owned(), words::duration)),
            Cell::marked(task_mark(task.phase), words::task_status(task)),
        ]
    };
    let columns = [
        Word("Task"),
        Prose("Title"),
        Word("Agent"),
        Figure("Tries"),
        Figure("Planned start"),
        Figure("Start"),
        Figure("Planned"),
        Figure("Took"),
        Word("Status"),
    ];
    let table = Table::new(&columns).rows(report.tasks.iter().map(row));
    let mut note = "◆ stands on the critical path of the forecast.".to_owned();
    if let Some(speed) = report.run.rehearsal_speed {
        note.push_str(&format!(" Planned times are those of a rehearsal at {}.", words::times(speed)));
    }
    vec![section("tasks", "Tasks"), Block::Table(table), Block::Text(note)]
}

fn agent_cell(task: &TaskReport) -> Cell {
    let cell = Cell::text(&task.agent);
    if task.agent == task.planned_agent {
        return cell;
    }
    let stood_in = if task.stood_in { ", stood in" } else { "" };
    cell.and(Part::Faint(format!("planned: {}{stood_in}", task.planned_agent)))
}

fn outcome_mark(outcome: Outcome) -> Mark {
    match outcome {
        Outcome::Completed => Mark::Good,
        Outcome::Failed => Mark::Bad,
        Outcome::Stopped => Mark::Stopped,
        Outcome::Withdrawn => Mark::Plain,
        Outcome::Running => Mark::Running,
        Outcome::Offered => Mark::Open,
    }
}

/// A row an attempt.
pub(super) fn attempts(report: &Report) -> Vec<Block> {
    let length = report.time.actual_seconds.unwrap_or(0.0);
    let row = |attempt: &AttemptReport| {
        let took = words::duration(attempt.end_seconds - attempt.start_seconds);
        vec![
            Cell::text(&attempt.id),
            Cell::text(&attempt.agent),
            Cell::text(&attempt.host),
            Cell::text(words::moment(attempt.start_seconds, length)),
            Cell::text(took),
            Cell::marked(outcome_mark(attempt.outcome), words::outcome(attempt.outcome)),
            Cell::text(attempt.cause.map_or("", miyabi_plan::FailureCause::words)),
            Cell::text(attempt.error.as_deref().unwrap_or_default()),
            Cell::text(summary(attempt)),
        ]
    };
    let all: Vec<&AttemptReport> = report.tasks.iter().flat_map(|task| &task.attempts).collect();
    if all.is_empty() {
        return vec![section("attempts", "Attempts"), Block::Text("No attempt was made.".to_owned())];
    }
    let columns = [
        Word("Attempt"),
        Word("Agent"),
        Word("Host"),
        Figure("Start"),
        Figure("Took"),
        Word("Outcome"),
        Prose("Cause"),
        Prose("Error"),
        Prose("Evidence"),
    ];
    let table = Table::new(&columns).rows(all.into_iter().map(row)).without_empty_columns();
    vec![section("attempts", "Attempts"), Block::Table(table)]
}

/// An attempt's evidence in a line.
fn summary(attempt: &AttemptReport) -> String {
    let Some(found) = &attempt.evidence else {
        return match attempt.outcome {
            Outcome::Completed => "none was looked for".to_owned(),
            _ => String::new(),
        };
    };
    let mut parts = Vec::new();
    if !found.changed.is_empty() {
        parts.push(format!("{} changed", words::counted(count(&found.changed), "output", "outputs")));
    }
    if !found.missing.is_empty() {
        parts.push(format!("{} missing", found.missing.len()));
    }
    if !found.unchanged.is_empty() {
        parts.push(format!("{} unchanged", found.unchanged.len()));
    }
    if !found.checks.is_empty() {
        let passed = found.checks.iter().filter(|check| check.passed).count();
        parts.push(format!(
            "{passed} of {}",
            words::counted(count(&found.checks), "check passed", "checks passed")
        ));
    }
    parts.extend(found.problem.as_ref().map(|_| "it could not be looked for".to_owned()));
    if parts.is_empty() { "nothing was promised".to_owned() } else { parts.join(", ") }
}
