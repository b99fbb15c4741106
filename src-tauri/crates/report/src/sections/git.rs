//! The work: what each task changed, what was merged and how, who looked at it.

use miyabi_protocol::ReviewComment;

use crate::document::{Block, Cell, Column, Mark, Part, Table};
use crate::measure::count;
use crate::model::{ConflictReport, GitReport, Report, ResolvedBy, ReviewVerdict, TaskReport, WorkReport};
use crate::sections::section;
use crate::words::{self, short};

use Column::{Figure, Prose, Word};

/// How many files are named in a cell; the JSON names all of them.
const FILES_NAMED: usize = 24;

/// What changed, task by task and in all; nothing where all agents share a folder.
pub(super) fn changes(report: &Report) -> Vec<Block> {
    let Some(git) = &report.git else { return Vec::new() };
    let row = |task: &TaskReport| {
        let work = task.work.as_ref()?;
        Some(vec![
            Cell::text(&task.id),
            Cell::text(&task.title),
            by(task, work),
            Cell::text(work.files),
            Cell::text(format!("+{}", work.added)),
            Cell::text(format!("−{}", work.removed)),
            if work.branch.is_empty() { Cell::default() } else { Cell::code(&work.branch) },
            Cell::code(short(&work.commit)),
        ])
    };
    let rows: Vec<Vec<Cell>> = report.tasks.iter().filter_map(row).collect();
    let heading = section("changes", "What changed");
    if rows.is_empty() {
        return vec![heading, Block::Text("No task has left anything yet.".to_owned())];
    }
    let columns = [
        Word("Task"),
        Prose("Title"),
        Word("By"),
        Figure("Files"),
        Figure("Added"),
        Figure("Removed"),
        Prose("Branch"),
        Word("Commit"),
    ];
    vec![heading, Block::Text(in_all(git)), Block::Table(Table::new(&columns).rows(rows))]
}

fn by(task: &TaskReport, work: &WorkReport) -> Cell {
    if work.attempt.is_some() { Cell::text(&task.agent) } else { Cell::text("a person") }
}

fn in_all(git: &GitReport) -> String {
    let changed = &git.changed;
    let mut text = format!(
        "In all: {} changed, {} of them new",
        words::counted(changed.files, "file", "files"),
        changed.new_files
    );
    if changed.removed_files > 0 {
        text.push_str(&format!(", and {} gone", changed.removed_files));
    }
    text.push_str(&format!(
        "; {} added and {} removed, task by task. A task's differences are counted from what it began with.",
        words::counted(changed.added, "line", "lines"),
        changed.removed
    ));
    text
}

/// How the work came together: the picture, then merges, conflicts and overlaps.
pub(super) fn merges(report: &Report) -> Vec<Block> {
    let Some(git) = &report.git else { return Vec::new() };
    let mut blocks = vec![section("merges", "How the work came together"), Block::MergeHistory];
    let base = git.base_branch.as_deref().map(|branch| format!(" ({branch})")).unwrap_or_default();
    let result = match &git.result {
        Some(commit) => format!("all work is merged in {} on {}", short(commit), git.result_branch),
        None => format!("all work is to be merged on {}", git.result_branch),
    };
    blocks.push(Block::Text(format!(
        "The run began from {}{base} of {}; {result}.",
        short(&git.base),
        git.repository
    )));
    blocks.extend(merge_table(report, git));
    blocks.extend(conflicts(git));
    blocks.extend(overlaps(git));
    blocks
}

fn merge_table(report: &Report, git: &GitReport) -> Option<Block> {
    let length = report.time.actual_seconds.unwrap_or(0.0);
    let rows = git.merges.iter().map(|merge| {
        let heads = merge.heads.iter().fold(Cell::default(), |cell, head| cell.and(Part::Code(short(head))));
        vec![
            Cell::text(words::moment(merge.after_seconds, length)),
            Cell::text(merge.task.as_ref().map_or("the result".to_owned(), ToString::to_string)),
            Cell::text(words::joined(&merge.of)),
            heads,
            Cell::code(short(&merge.commit)),
        ]
    });
    let columns = [Figure("At"), Word("For"), Prose("Work of"), Prose("Merged"), Word("Commit")];
    let table = Table::new(&columns).rows(rows).without_empty_columns();
    (!table.rows.is_empty()).then_some(Block::Table(table))
}

fn conflicts(git: &GitReport) -> Vec<Block> {
    if git.conflicts.is_empty() {
        return vec![Block::Text("No merge met a conflict.".to_owned())];
    }
    let rows = git.conflicts.iter().map(|found| {
        let waits = found.conflict.waits.as_ref().map_or("the result".to_owned(), ToString::to_string);
        vec![
            Cell::marked(if found.resolved_by.is_some() { Mark::Good } else { Mark::Open }, &found.task),
            Cell::text(waits),
            sides(found),
            files(&found.conflict.files),
            Cell::text(resolved(found)),
            found.commit.as_deref().map(short).map(Cell::code).unwrap_or_default(),
        ]
    });
    let columns =
        [Word("Conflict"), Word("For"), Prose("Between"), Prose("Files"), Prose("Resolved"), Word("Commit")];
    vec![Block::Table(Table::new(&columns).rows(rows).without_empty_columns())]
}

fn sides(found: &ConflictReport) -> Cell {
    let (ours, theirs) = &found.sides;
    let side = |task: &Option<miyabi_plan::TaskId>, commit: &str| match task {
        Some(task) => task.to_string(),
        None => short(commit),
    };
    Cell::text(format!("{} and {}", side(ours, &found.conflict.ours), side(theirs, &found.conflict.theirs)))
}

fn resolved(found: &ConflictReport) -> String {
    match (&found.resolved_by, found.conflict.by_person) {
        (Some(ResolvedBy::Agent(agent)), _) => format!("by {agent}"),
        (Some(ResolvedBy::Person), _) => "by a person's own commit".to_owned(),
        (None, true) => "not yet; it is left to the person".to_owned(),
        (None, false) => "not yet".to_owned(),
    }
}

fn overlaps(git: &GitReport) -> Option<Block> {
    let rows =
        git.overlaps.iter().map(|found| vec![Cell::text(words::joined(&found.tasks)), files(&found.files)]);
    let table = Table::new(&[Word("At work at once"), Prose("Both touched")]).rows(rows).narrow();
    (!table.rows.is_empty()).then_some(Block::Table(table))
}

fn files(files: &[String]) -> Cell {
    let named = files.iter().take(FILES_NAMED);
    let cell = named.fold(Cell::default(), |cell, file| cell.and(Part::Code(file.clone())));
    match files.len().saturating_sub(FILES_NAMED) {
        0 => cell,
        more => cell.and(Part::Faint(format!("and {more} more"))),
    }
}

/// Who looked at the work, and what went along when it moved; nothing where neither happened.
pub(super) fn reviews(report: &Report) -> Vec<Block> {
    let Some(git) = &report.git else { return Vec::new() };
    if git.reviews.is_empty() && git.hand_overs.is_empty() {
        return Vec::new();
    }
    let length = report.time.actual_seconds.unwrap_or(0.0);
    let mut blocks = vec![section("reviews", "Reviews and hand-overs")];
    let rows = git.reviews.iter().map(|review| {
        let (mark, verdict) = match review.verdict {
            ReviewVerdict::Accepted => (Mark::Good, "accepted"),
            ReviewVerdict::SentBack => (Mark::Stopped, "sent back"),
            ReviewVerdict::Asked => (Mark::Open, "waits for a person"),
        };
        let comments = review.comments.iter().fold(Cell::default(), said);
        vec![
            Cell::text(&review.attempt),
            Cell::text(words::moment(review.after_seconds, length)),
            Cell::marked(mark, verdict),
            comments,
        ]
    });
    let columns = [Word("Attempt"), Figure("At"), Word("Review"), Prose("Comments")];
    let table = Table::new(&columns).rows(rows).without_empty_columns();
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    for moved in &git.hand_overs {
        let lines = words::counted(count(moved.packet.lines()), "line", "lines");
        let at = words::moment(moved.after_seconds, length);
        let title = format!("{} went from {} to {} at {at} with {lines}", moved.task, moved.from, moved.to);
        let told = Block::Excerpt(Cell::text("What the next agent was told:"), moved.packet.clone());
        blocks.push(Block::Folded { title, open: false, inside: vec![told] });
    }
    blocks
}

/// A comment, with the place that it is about.
fn said(cell: Cell, comment: &ReviewComment) -> Cell {
    let place = match (&comment.file, comment.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => String::new(),
    };
    cell.and(Part::Code(place)).and(Part::Text(comment.text.clone()))
}
