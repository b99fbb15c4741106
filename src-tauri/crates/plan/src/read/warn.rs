//! The warnings: a plan that has them can run, but a person should know them first.

use std::cmp::Ordering;
use std::collections::HashMap;

use globset::GlobMatcher;

use crate::dag::Dag;
use crate::graph::conflicts;
use crate::ids::TaskId;
use crate::model::{Plan, RunnerKind};
use crate::outputs::glob;
use crate::read::crew::Crew;
use crate::read::report::Report;
use crate::read::source::Step;
use crate::read::tasks::{Format, Tasks};

/// Of how many tasks a summary gives the id.
const NAMED_AT_MOST: usize = 5;

pub(crate) fn warn(plan: &Plan, tasks: &Tasks, crew: &Crew, report: &mut Report) {
    let index: HashMap<&TaskId, usize> =
        plan.tasks.iter().enumerate().map(|(nth, task)| (&task.id, nth)).collect();
    crate::read::policy::unpriced(plan, crew, report);
    wave_conflicts(plan, tasks, &index, report);
    shared_outputs(plan, tasks, &index, report);
    no_acceptance(plan, tasks, report);
    for (place, agent) in crew.without_task(tasks) {
        let message = format!("No task is given to {agent}.");
        report.warning(
            "idle-agent",
            place,
            message,
            "Give it one, or remove it; it may still take over tasks of its kind.",
        );
    }
}

fn wave_conflicts(plan: &Plan, tasks: &Tasks, index: &HashMap<&TaskId, usize>, report: &mut Report) {
    for edge in conflicts(plan) {
        let (Some(task), Some(need)) = (index.get(&edge.task), index.get(&edge.need)) else { continue };
        let wave = |nth: usize| plan.tasks[nth].wave.unwrap_or_default();
        let (mine, its) = (wave(*task), wave(*need));
        let message = if mine == its {
            format!("{} stands in wave {mine} beside {}, which it needs.", edge.task, edge.need)
        } else {
            format!(
                "{} stands in wave {mine}, before wave {its} of {}, which it needs.",
                edge.task, edge.need
            )
        };
        let place = tasks.need_place(tasks.entries[*task].0, edge.need.as_str());
        let remedy = format!(
            "The need counts unless you drop it at the start; put {} into a later wave to settle it.",
            edge.task
        );
        report.warning("wave-conflict", place, message, remedy);
    }
}

fn shared_outputs(plan: &Plan, tasks: &Tasks, index: &HashMap<&TaskId, usize>, report: &mut Report) {
    let claims = plan.tasks.iter().enumerate();
    let claims = claims.flat_map(|(task, entry)| entry.outputs.iter().map(move |text| Claim { task, text }));
    let mut pairs = overlaps(&claims.collect::<Vec<_>>());
    if pairs.is_empty() {
        return;
    }
    let edges = plan.tasks.iter().enumerate().flat_map(|(nth, task)| {
        task.needs.iter().filter_map(|need| index.get(need)).map(move |need| (*need, nth)).collect::<Vec<_>>()
    });
    let reach = Dag::new(plan.tasks.len(), edges).reach();
    pairs.retain(|(first, second)| reach.may_overlap(first.task, second.task));
    // The first of each later task is enough: the rest reads the same.
    pairs.sort_by_key(|(first, second)| (second.task, first.task));
    pairs.dedup_by_key(|(_, second)| second.task);
    for (first, second) in pairs {
        let (one, other) = (&plan.tasks[first.task].id, &plan.tasks[second.task].id);
        let message = if first.text == second.text {
            format!("{one} and {other} may run at the same time, and both write `{}`.", second.text)
        } else {
            format!(
                "{one} and {other} may run at the same time, and `{}` and `{}` overlap.",
                first.text, second.text
            )
        };
        let remedy = format!("Let {other} need {one}, or give them different outputs.");
        let place = tasks.output_place(tasks.entries[second.task].0, second.text);
        report.warning("shared-output", place, message, remedy);
    }
}

/// An output, and the task that promises it.
#[derive(Debug, Clone, Copy)]
struct Claim<'a> {
    task: usize,
    text: &'a str,
}

impl Claim<'_> {
    /// What every file of this output begins with.
    fn literal(&self) -> &str {
        &self.text[..self.text.find(['*', '?', '[', '{']).unwrap_or(self.text.len())]
    }

    fn is_glob(&self) -> bool {
        self.literal().len() < self.text.len()
    }
}

/// The pairs of different tasks' outputs that are equal, or of which one matches the other; the
/// earlier task first. Only outputs whose literal beginnings agree are compared.
fn overlaps<'a>(claims: &[Claim<'a>]) -> Vec<(Claim<'a>, Claim<'a>)> {
    let mut by_literal: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, claim) in claims.iter().enumerate() {
        by_literal.entry(claim.literal()).or_default().push(at);
    }
    let mut compiled: HashMap<usize, Option<GlobMatcher>> = HashMap::new();
    let mut matches = |at: usize, text: &str| {
        let compile = || glob(claims[at].text).ok().map(|glob| glob.compile_matcher());
        compiled.entry(at).or_insert_with(compile).as_ref().is_some_and(|matcher| matcher.is_match(text))
    };
    let mut pairs = Vec::new();
    for (at, claim) in claims.iter().enumerate() {
        let literal = claim.literal();
        let beginnings = (0..=literal.len()).filter_map(|end| literal.get(..end));
        for other in beginnings.filter_map(|text| by_literal.get(text)).flatten().copied() {
            let theirs = &claims[other];
            let overlap = claim.text == theirs.text
                || (theirs.is_glob() && matches(other, claim.text))
                || (claim.is_glob() && theirs.literal() == literal && matches(at, theirs.text));
            match claim.task.cmp(&theirs.task) {
                Ordering::Less if overlap => pairs.push((*claim, *theirs)),
                Ordering::Greater if overlap => pairs.push((*theirs, *claim)),
                _ => {}
            }
        }
    }
    pairs
}

fn no_acceptance(plan: &Plan, tasks: &Tasks, report: &mut Report) {
    // A queue has no way to write one, and a rehearsal shows none. A plan of one task is a prompt:
    // nothing builds on its work, and the person who gave it looks at that.
    if tasks.format == Format::Queue || plan.tasks.len() == 1 {
        return;
    }
    let runner: HashMap<_, _> = plan.agents.iter().map(|agent| (&agent.id, agent.runner)).collect();
    let rehearsed = |agent| runner.get(agent).is_some_and(|runner| *runner == RunnerKind::Rehearsal);
    let bare: Vec<&str> = plan
        .tasks
        .iter()
        .zip(&tasks.entries)
        .filter(|(task, (at, _))| !tasks.has_acceptance(*at) && !rehearsed(&task.agent))
        .map(|(task, _)| task.id.as_str())
        .collect();
    if bare.is_empty() {
        return;
    }
    let mut named = bare.iter().take(NAMED_AT_MOST).copied().collect::<Vec<_>>().join(", ");
    if bare.len() > NAMED_AT_MOST {
        named.push_str(&format!(" and {} more", bare.len() - NAMED_AT_MOST));
    }
    let message = match bare.len() {
        1 => format!("{named} has no acceptance command."),
        count => format!("{count} of {} tasks have no acceptance command: {named}.", plan.tasks.len()),
    };
    let remedy =
        "Add a command that shows the work to be right: without one, only the outputs are looked for.";
    report.warning("no-acceptance", tasks.source.place(&[Step::Key("tasks")]), message, remedy);
}
