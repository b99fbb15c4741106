//! The report as a document: which sections there are, and what stands in each.

pub(crate) mod checks;
mod cost;
mod crew;
mod git;
mod proof;
mod time;
mod work;

use miyabi_plan::RunPhase;

use crate::document::{Block, Cell, Column, Mark, Table, Tile};
use crate::model::{DoneLine, Report, Verdict};
use crate::{done_means, words};

use Column::{Prose, Word};

/// The whole document, without its title.
pub(crate) fn document(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    blocks.extend(rehearsal_banner(report));
    blocks.extend(label_banner(report));
    blocks.push(Block::Tiles(tiles(report)));
    blocks.extend(done(report));
    blocks.extend([Block::Section("timeline", "Timeline".to_owned()), Block::Timeline]);
    blocks.extend(time::forecast(report));
    blocks.extend(checks::checks(report));
    blocks.extend(proof::failures(report));
    blocks.extend(work::waiting(report));
    blocks.extend(work::tasks(report));
    blocks.extend(work::attempts(report));
    blocks.extend(git::changes(report));
    blocks.extend(git::merges(report));
    blocks.extend(git::reviews(report));
    blocks.extend(proof::evidence(report));
    blocks.extend(cost::cost(report));
    blocks.extend(crew::history(report));
    blocks.extend(crew::agents(report));
    blocks.extend(crew::plan(report));
    blocks
}

fn section(id: &'static str, title: impl Into<String>) -> Block {
    Block::Section(id, title.into())
}

fn rehearsal_banner(report: &Report) -> Option<Block> {
    let speed = words::times(report.run.rehearsal_speed?);
    Some(Block::Banner(format!(
        "Rehearsal at {speed}. The agents played the plan's estimates and did no work: this run measures nothing."
    )))
}

fn label_banner(report: &Report) -> Option<Block> {
    let label = report.run.label.as_ref()?;
    Some(Block::Banner(format!("This run is marked by its plan: {label}.")))
}

/// The state of the run in a mark.
pub(crate) fn run_mark(phase: RunPhase) -> Mark {
    match phase {
        RunPhase::Completed => Mark::Good,
        RunPhase::Failed | RunPhase::Stuck => Mark::Bad,
        RunPhase::Running => Mark::Running,
        RunPhase::Paused | RunPhase::Planned => Mark::Open,
        RunPhase::Cancelled => Mark::Stopped,
    }
}

fn tiles(report: &Report) -> Vec<Tile> {
    let (time, parallel) = (&report.time, &report.parallel);
    let rehearsed = report.run.rehearsal_speed.is_some();
    let tile = |label, value: String, note: String| Tile { label, value, note, mark: Mark::Plain };
    let took = time.actual_seconds.map_or("not begun".to_owned(), words::rough);
    let forecast = format!("forecast {}", words::rough(time.forecast.expected_seconds));
    let speed_up = if rehearsed { time.speed_up_estimated } else { time.speed_up_measured };
    let speed_note = match (rehearsed, speed_up, report.run.ended) {
        (true, _, _) => "played, not measured",
        (false, Some(_), _) => "as fast as one agent",
        (false, None, false) => "can be told at the end",
        (false, None, true) => "the run did not complete",
    };
    let (met, judged) = done_means::tally(report);
    let promised = match (rehearsed, judged) {
        (true, _) => tile("Done means", "–".to_owned(), words::NOT_MEASURED.to_owned()),
        (false, _) => tile("Done means", format!("{met} of {judged}"), "lines met".to_owned()),
    };
    let failed = words::counted(report.counts.failed_attempts, "failed attempt", "failed attempts");
    vec![
        Tile {
            mark: if rehearsed { Mark::Plain } else { run_mark(report.run.phase) },
            ..tile(
                if rehearsed { "Tasks played" } else { "Tasks completed" },
                format!("{} of {}", report.counts.completed, report.plan.tasks),
                failed,
            )
        },
        tile(if report.run.ended { "Took" } else { "So far" }, took, forecast),
        tile("Against one agent", speed_up.map_or("–".to_owned(), words::times), speed_note.to_owned()),
        tile("At once", parallel.max_at_once.to_string(), format!("{:.1} on average", parallel.mean_at_once)),
        tile("Agents used", format!("{} of {}", parallel.agents_used, parallel.agents), hosts_note(report)),
        promised,
    ]
}

fn hosts_note(report: &Report) -> String {
    format!("on {}", words::counted(report.plan.hosts, "host", "hosts"))
}

fn verdict_mark(line: &DoneLine) -> Mark {
    match line.verdict {
        Verdict::Met => Mark::Good,
        Verdict::NotMet => Mark::Bad,
        Verdict::Open => Mark::Open,
        Verdict::Figure | Verdict::NotMeasured => Mark::Plain,
        Verdict::NotRecorded => Mark::Unknown,
    }
}

fn done(report: &Report) -> Vec<Block> {
    let rows = report.done_means.iter().map(|line| {
        let verdict = Cell::marked(verdict_mark(line), words::verdict(line.verdict));
        vec![verdict, Cell::text(&line.asked), Cell::text(&line.measured)]
    });
    let table = Table::new(&[Word("Verdict"), Prose("Done means"), Prose("What was measured")]).rows(rows);
    vec![section("done-means", "Done means"), Block::Table(table)]
}
