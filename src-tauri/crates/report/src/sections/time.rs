//! How long it was to take, and how long it took.

use crate::document::{Block, Cell, Column, Table};
use crate::measure::share;
use crate::model::{CriticalStep, ForecastTimes, Report};
use crate::sections::section;
use crate::words;

use Column::{Figure, Prose};

/// Forecast against actual.
pub(super) fn forecast(report: &Report) -> Vec<Block> {
    let time = &report.time;
    let mut columns = vec![Prose("What"), Figure("By the estimates")];
    let speed = report.run.rehearsal_speed;
    if speed.is_some() {
        columns.push(Figure("At this speed"));
    }
    columns.push(Figure("Actual"));
    let estimate = |label: &str, pick: fn(&ForecastTimes) -> f64, actual: String| {
        let mut row = vec![Cell::text(label), Cell::text(words::duration(pick(&time.estimated)))];
        if speed.is_some() {
            row.push(Cell::text(words::duration(pick(&time.forecast))));
        }
        row.push(Cell::text(actual));
        row
    };
    let actual = time.actual_seconds.map_or("not begun".to_owned(), |took| {
        let more = if report.run.ended { "" } else { " so far" };
        format!("{}{more}", words::duration(took))
    });
    let rows = [
        estimate("Until the last task's end", |t| t.expected_seconds, actual),
        estimate("Lower bound: no schedule is shorter", |t| t.lower_bound_seconds, String::new()),
        estimate("Critical path", |t| t.critical_path_seconds, String::new()),
        estimate("One agent alone", |t| t.one_agent_seconds, one_agent(report)),
    ];
    let mut blocks = vec![
        section("forecast", "Forecast against actual"),
        Block::Table(Table::new(&columns).rows(rows).narrow()),
    ];
    if let Some(speed) = speed {
        let speed = words::times(speed);
        blocks.push(Block::Text(format!(
            "A rehearsal at {speed} plays each estimate {speed} faster; it says nothing about real agents."
        )));
    }
    blocks.extend(comparison(report).map(Block::Text));
    blocks.extend(as_it_came_to_be(report).map(Block::Text));
    blocks
}

/// The chain of tasks that the end waited for.
fn as_it_came_to_be(report: &Report) -> Option<String> {
    let path = &report.critical_path;
    if path.len() < 2 {
        return None;
    }
    let step = |step: &CriticalStep| format!("{} ({})", step.task, words::duration(step.took_seconds));
    let steps: Vec<String> = path.iter().map(step).collect();
    let waited: f64 = path.iter().map(|step| step.waited_seconds).sum();
    Some(format!(
        "The critical path as it came to be: {}; between its tasks {} went by.",
        steps.join(" → "),
        words::duration(waited)
    ))
}

fn one_agent(report: &Report) -> String {
    match (report.time.work_seconds, report.run.rehearsal_speed) {
        (work, Some(_)) if work > 0.0 => format!("{}, as played", words::duration(work)),
        (work, None) if work > 0.0 => format!("{} of completing attempts, added up", words::duration(work)),
        _ => String::new(),
    }
}

fn comparison(report: &Report) -> Option<String> {
    let time = &report.time;
    let took = time.actual_seconds?;
    let mut parts = Vec::new();
    if let Some(against) = time.against_forecast.filter(|against| *against > 0.0) {
        parts.push(match against {
            over if over >= 1.005 => {
                format!("The run took {} more than its forecast.", words::percent(over - 1.0))
            }
            under if under <= 0.995 => {
                format!("The run took {} less than its forecast.", words::percent(1.0 - under))
            }
            _ => "The run took what its forecast said.".to_owned(),
        });
    }
    let rehearsed = report.run.rehearsal_speed.is_some();
    if let (Some(estimated), Some(measured)) = (time.speed_up_estimated, time.speed_up_measured) {
        let against_estimates =
            format!("Against one agent's estimates it was {} as fast", words::times(estimated));
        parts.push(match rehearsed {
            true => format!("{against_estimates}, as played."),
            false => format!(
                "{against_estimates}; against the time of its own completing attempts, one after the other, {}.",
                words::times(measured)
            ),
        });
    }
    if time.failed_seconds > 0.0 {
        parts.push(format!(
            "Attempts that failed or were stopped took {}.",
            words::duration(time.failed_seconds)
        ));
    }
    if time.paused_seconds > 0.0 {
        let paused = share(time.paused_seconds, took);
        parts.push(format!(
            "It was paused for {} ({}).",
            words::duration(time.paused_seconds),
            words::percent(paused)
        ));
    }
    if time.ended_seconds > 0.0 {
        parts.push(format!("It had ended, and stood still, for {}.", words::duration(time.ended_seconds)));
    }
    if parts.is_empty() { None } else { Some(parts.join(" ")) }
}
