//! What else happened, who was at work and what had been planned.

use crate::document::{Block, Cell, Column, Part, Table};
use crate::model::{HostFigures, Report};
use crate::sections::section;
use crate::words;

use Column::{Figure, Prose, Word};

/// What the journal tells besides.
pub(super) fn history(report: &Report) -> Vec<Block> {
    let heading = section("history", "What else happened");
    if report.run.journal_entries == 0 {
        return vec![heading, Block::Text("The journal was not at hand.".to_owned())];
    }
    let counts = &report.counts;
    let mut tally = vec![
        words::counted(counts.automatic_retries + counts.wished_retries, "retry", "retries"),
        words::counted(counts.reassignments, "reassignment", "reassignments"),
        format!("{} taken by an idle agent", words::counted(counts.stolen, "task", "tasks")),
        words::counted(counts.pauses, "pause", "pauses"),
        format!(
            "{} followed and {} undone",
            words::counted(counts.queue_edits_followed, "queue edit", "queue edits"),
            counts.queue_edits_undone
        ),
        words::counted(counts.late_claims, "late claim", "late claims"),
        words::counted(counts.notes, "note", "notes"),
        words::counted(counts.takeovers, "restart of the backend", "restarts of the backend"),
    ];
    if report.git.is_some() {
        tally.extend([
            words::counted(counts.merges, "merge", "merges"),
            words::counted(counts.conflicts, "conflict", "conflicts"),
            words::counted(counts.overlaps, "overlap", "overlaps"),
            words::counted(counts.sent_back, "piece of work sent back", "pieces of work sent back"),
        ]);
    }
    let mut blocks = vec![heading, Block::Text(format!("{}.", tally.join(", ")))];
    let length = report.time.actual_seconds.unwrap_or(0.0);
    let rows = report.history.iter().map(|line| {
        vec![
            Cell::text(words::moment(line.after_seconds, length)),
            Cell::text(words::history(line.kind)),
            Cell::text(&line.text),
        ]
    });
    if !report.history.is_empty() {
        blocks.push(Block::Table(Table::new(&[Figure("At"), Word("What"), Prose("Particulars")]).rows(rows)));
    }
    blocks
}

/// Agents and hosts with their utilisation.
pub(super) fn agents(report: &Report) -> Vec<Block> {
    let rehearsed = report.run.rehearsal_speed.is_some();
    let agents = report.agents.iter().map(|agent| {
        let runner = if rehearsed { "rehearsal" } else { words::runner(agent.runner) };
        vec![
            Cell::text(&agent.id).and(Part::Faint(agent.title.clone())),
            Cell::text(&agent.host),
            Cell::text(runner),
            Cell::text(&agent.window),
            Cell::text(agent.completed),
            Cell::text(agent.attempts),
            Cell::text(agent.failed_attempts),
            Cell::text(words::duration(agent.busy_seconds)),
            Cell::text(words::percent(agent.utilisation)),
        ]
    });
    let hosts = report.hosts.iter().map(|host| {
        vec![
            Cell::text(&host.id).and(Part::Faint(host.title.clone())),
            Cell::text(words::transport(host.transport)),
            Cell::text(host.agents),
            Cell::text(host.capacity),
            Cell::text(host.max_at_once),
            Cell::text(host.attempts),
            Cell::text(words::duration(host.busy_seconds)),
            Cell::text(words::percent(host.utilisation)),
            Cell::text(lost(host)),
        ]
    });
    let agent_columns = [
        Word("Agent"),
        Word("Host"),
        Word("Runner"),
        Word("Window"),
        Figure("Completed"),
        Figure("Attempts"),
        Figure("Failed"),
        Figure("At work"),
        Figure("Utilised"),
    ];
    let host_columns = [
        Word("Host"),
        Word("Reached"),
        Figure("Agents"),
        Figure("Capacity"),
        Figure("At once"),
        Figure("Attempts"),
        Figure("At work"),
        Figure("Utilised"),
        Word("Contact lost"),
    ];
    vec![
        section("agents", "Agents and hosts"),
        Block::Table(Table::new(&agent_columns).rows(agents)),
        Block::Table(Table::new(&host_columns).rows(hosts)),
        Block::Text("An agent is utilised by its time at work over the run's; a host by what was carried out there over the places that its capacity gives them.".to_owned()),
    ]
}

/// How often and how long a host was out of reach.
fn lost(host: &HostFigures) -> String {
    match host.times_lost {
        0 => "never".to_owned(),
        times => {
            let long = words::duration(host.lost_seconds);
            format!("{}, {long} in all", words::counted(times, "time", "times"))
        }
    }
}

/// What was planned.
pub(super) fn plan(report: &Report) -> Vec<Block> {
    let (plan, run) = (&report.plan, &report.run);
    let mut rows = vec![
        vec![Cell::text("Size"), Cell::text(size(report))],
        vec![Cell::text("Read"), Cell::text(words::choice(plan.choice))],
        vec![Cell::text("Levels"), Cell::text(plan.levels)],
        vec![Cell::text("Critical path"), Cell::text(arrows(&plan.critical_path))],
        vec![Cell::text("Needs left out"), dropped(report)],
        vec![Cell::text("Work folder"), Cell::code(&run.work_folder)],
        vec![Cell::text("State folder"), Cell::code(&run.state_dir)],
        vec![Cell::text("tmux session"), Cell::code(&run.session)],
    ];
    if let (Some(folder), Some(hash)) = (&plan.folder, &plan.hash) {
        rows.push(vec![Cell::text("Plan folder"), Cell::code(folder)]);
        rows.push(vec![Cell::text("Plan, SHA-256"), Cell::code(hash)]);
    }
    let table = Table::new(&[Word("Plan"), Prose("")]).rows(rows).narrow();
    vec![section("plan", "Plan"), Block::Table(table)]
}

fn size(report: &Report) -> String {
    let plan = &report.plan;
    format!(
        "{}, {}, {}, {}",
        words::counted(plan.tasks, "task", "tasks"),
        words::counted(plan.agents, "agent", "agents"),
        words::counted(plan.hosts, "host", "hosts"),
        words::counted(plan.acceptance_checks, "acceptance check", "acceptance checks")
    )
}

fn arrows<T: ToString>(path: &[T]) -> String {
    path.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
}

fn dropped(report: &Report) -> Cell {
    let edges = &report.plan.dropped_edges;
    if edges.is_empty() {
        return Cell::text("none");
    }
    let edges: Vec<String> =
        edges.iter().map(|edge| format!("{} does not wait for {}", edge.task, edge.need)).collect();
    Cell::text(edges.join("; "))
}
