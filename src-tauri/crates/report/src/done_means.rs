//! What being done means, line by line, each with what was measured.
//!
//! Ten agents and four tasks at once are asked of a plan that has that many agents; a smaller one
//! shows its figures without a verdict. A rehearsal measures nothing, and every line says so.

use std::collections::BTreeSet;

use miyabi_plan::{RunnerKind, TaskPhase};

use miyabi_api::VerificationState;

use crate::model::{CheckReport, DoneId, DoneLine, Outcome, Report, TaskReport, Verdict, VerificationReport};
use crate::replay::Replay;
use crate::sections::checks;
use crate::words;

/// From how many agents on a plan is asked to use them.
const MANY_AGENTS: u32 = 10;
/// How many tasks such a plan is to run at once.
const MANY_AT_ONCE: u32 = 4;
/// Which part of one agent's time a run may take.
const PART_OF_ONE_AGENT: f64 = 0.5;

/// All lines, for a report whose other figures are complete.
pub(crate) fn lines(report: &Report, replay: &Replay) -> Vec<DoneLine> {
    let mut lines = vec![
        agents_used(report),
        tasks_at_once(report),
        evidence(report),
        acceptance(report),
        half_the_time(report),
        seen_in_tmux(report),
        state_in_files(replay),
    ];
    lines.extend(one_tree(report));
    if let Some(verification) = &report.verification {
        lines.push(verified(report, verification));
        lines.extend(verification.checks.iter().filter_map(|check| measured(report, check)));
    }
    if report.run.rehearsal_speed.is_none() {
        return lines;
    }
    let unmeasured =
        |line| DoneLine { measured: words::NOT_MEASURED.to_owned(), verdict: Verdict::NotMeasured, ..line };
    lines.into_iter().map(unmeasured).collect()
}

fn line(id: DoneId, asked: impl Into<String>, measured: String, verdict: Verdict) -> DoneLine {
    DoneLine { id, asked: asked.into(), measured, verdict }
}

/// What is not reached can still be, while the run goes on.
fn reached(report: &Report, enough: bool) -> Verdict {
    match (enough, report.run.ended) {
        (true, _) => Verdict::Met,
        (false, true) => Verdict::NotMet,
        (false, false) => Verdict::Open,
    }
}

fn is_big(report: &Report) -> bool {
    report.plan.agents >= MANY_AGENTS
}

fn agents_used(report: &Report) -> DoneLine {
    let used = report.parallel.agents_used;
    let measured = format!("{used} of {}", words::counted(report.parallel.agents, "agent", "agents"));
    if is_big(report) {
        let asked = format!("{MANY_AGENTS} or more agents used");
        return line(DoneId::AgentsUsed, asked, measured, reached(report, used >= MANY_AGENTS));
    }
    line(DoneId::AgentsUsed, "Agents used", measured, Verdict::Figure)
}

fn tasks_at_once(report: &Report) -> DoneLine {
    let figures = &report.parallel;
    let measured = match figures.max_at_seconds {
        Some(at) => format!(
            "{} at once at the most, first {} after the start; {:.1} on average",
            figures.max_at_once,
            words::duration(at),
            figures.mean_at_once
        ),
        None => "none was taken".to_owned(),
    };
    if is_big(report) {
        let asked = format!("{MANY_AT_ONCE} or more tasks at once");
        return line(
            DoneId::TasksAtOnce,
            asked,
            measured,
            reached(report, figures.max_at_once >= MANY_AT_ONCE),
        );
    }
    line(DoneId::TasksAtOnce, "Tasks at once", measured, Verdict::Figure)
}

/// Whether something was looked for after the claim that completed a task, and was found.
fn is_proved(task: &TaskReport) -> bool {
    let done = task.attempts.iter().rev().find(|attempt| attempt.outcome == Outcome::Completed);
    let evidence = done.and_then(|attempt| attempt.evidence.as_ref());
    evidence.is_some_and(|found| found.holds() && !(found.changed.is_empty() && found.checks.is_empty()))
}

fn evidence(report: &Report) -> DoneLine {
    let total = report.plan.tasks;
    let done: Vec<&TaskReport> =
        report.tasks.iter().filter(|task| task.phase == TaskPhase::Completed).collect();
    let claimed: Vec<_> = done.iter().filter(|task| !is_proved(task)).map(|task| &task.id).collect();
    let mut measured = format!("{} of {total} COMPLETED", done.len());
    if claimed.is_empty() && !done.is_empty() {
        measured.push_str(", each on evidence");
    } else if !claimed.is_empty() {
        let names = words::joined(&claimed);
        measured.push_str(&format!(
            "; {} on evidence, {} on the agent's claim alone ({names})",
            done.len() - claimed.len(),
            claimed.len()
        ));
    }
    let all_done = u32::try_from(done.len()) == Ok(total);
    let verdict = match (all_done, claimed.is_empty()) {
        (true, true) => Verdict::Met,
        // A COMPLETED task is not run again: what rests on a claim stays so.
        (_, false) => Verdict::NotMet,
        (false, true) => reached(report, false),
    };
    let asked = match total {
        1 => "The task COMPLETED on evidence".to_owned(),
        _ => format!("All {total} tasks COMPLETED on evidence"),
    };
    line(DoneId::Evidence, asked, measured, verdict)
}

fn checks_passed<'a>(tasks: impl Iterator<Item = &'a TaskReport>) -> (usize, usize) {
    tasks.fold((0, 0), |(passed, all), task| {
        let last = task.attempts.iter().rev().find_map(|attempt| attempt.evidence.as_ref());
        let good = last.map_or(0, |found| found.checks.iter().filter(|check| check.passed).count());
        (passed + good.min(task.acceptance.len()), all + task.acceptance.len())
    })
}

fn acceptance(report: &Report) -> DoneLine {
    let asked = "Acceptance checks passed, those of the last phase included";
    let (passed, all) = checks_passed(report.tasks.iter());
    if all == 0 {
        let measured = "the plan names no acceptance check".to_owned();
        return line(DoneId::AcceptanceChecks, asked, measured, Verdict::Figure);
    }
    let last = report.tasks.iter().filter_map(|task| task.wave).max();
    let deepest = report.tasks.iter().map(|task| task.level).max();
    let is_last = |task: &&TaskReport| match last {
        Some(_) => task.wave == last,
        None => Some(task.level) == deepest,
    };
    let mut measured = format!("{passed} of {all}");
    let (late_passed, late) = checks_passed(report.tasks.iter().filter(is_last));
    if late > 0 {
        measured.push_str(&format!("; in the last phase {late_passed} of {late}"));
    }
    line(DoneId::AcceptanceChecks, asked, measured, reached(report, passed == all))
}

/// A work tree for each attempt that completed a task, and all of it merged into one.
fn one_tree(report: &Report) -> Option<DoneLine> {
    let git = report.git.as_ref()?;
    let done: Vec<&TaskReport> =
        report.tasks.iter().filter(|task| task.phase == TaskPhase::Completed).collect();
    let kept = done.iter().filter(|task| task.work.is_some()).count();
    let mut measured = format!("{kept} of {} COMPLETED in a work tree of their own", done.len());
    measured.push_str(&match &git.result {
        Some(commit) => format!("; merged in {}", words::short(commit)),
        None => "; not merged".to_owned(),
    });
    let open = git.conflicts.iter().filter(|conflict| conflict.resolved_by.is_none()).count();
    if !git.conflicts.is_empty() {
        measured.push_str(&format!(
            "; {} of {} conflicts resolved",
            git.conflicts.len() - open,
            git.conflicts.len()
        ));
    }
    let enough = git.result.is_some() && kept == done.len() && open == 0;
    Some(line(
        DoneId::OneTree,
        "A work tree an attempt, and all of it merged",
        measured,
        reached(report, enough),
    ))
}

fn verified(report: &Report, verification: &VerificationReport) -> DoneLine {
    let (holding, all) = checks::holding(verification);
    let asked = match all {
        1 => "The check of all the work together holds".to_owned(),
        _ => format!("All {all} checks of all the work together hold"),
    };
    let mut measured = match verification.checks.is_empty() {
        true => "not run".to_owned(),
        false => format!("{holding} of {all} hold"),
    };
    let tests = checks::all_tests(verification);
    if tests.all() > 0 {
        measured.push_str(&format!("; tests: {}", words::tests(tests)));
    }
    measured.extend(verification.problem.iter().map(|problem| format!("; not possible: {problem}")));
    let verdict = reached(report, verification.state == VerificationState::Passed);
    line(DoneId::Verification, asked, measured, verdict)
}

/// A check that measures something has a line of its own.
fn measured(report: &Report, check: &CheckReport) -> Option<DoneLine> {
    if check.number.is_none() && check.tally.is_none() {
        return None;
    }
    let asked = format!("Of all the work together: {}, expected {}", check.name, check.expected);
    Some(line(DoneId::Check, asked, check.measured.clone(), reached(report, check.passed)))
}

fn half_the_time(report: &Report) -> DoneLine {
    let asked = "Half the time, or less, of one agent";
    let time = &report.time;
    let (Some(took), Some(_)) = (time.actual_seconds, time.speed_up_measured) else {
        let measured = match report.run.ended {
            true => "the run did not complete: there is nothing to compare",
            false => "can be told at the end",
        };
        return line(DoneId::HalfTheTime, asked, measured.to_owned(), reached(report, false));
    };
    let part = took / time.work_seconds.max(f64::MIN_POSITIVE);
    let mut measured = if time.work_seconds > 0.0 {
        format!(
            "took {}, {} of the {} that the same attempts take one after the other",
            words::duration(took),
            words::percent(part),
            words::duration(time.work_seconds)
        )
    } else {
        format!("took {}; the attempts themselves took no time", words::duration(took))
    };
    let forecast = &time.forecast;
    if forecast.lower_bound_seconds > forecast.one_agent_seconds * PART_OF_ONE_AGENT {
        measured.push_str("; by its estimates this plan's lower bound does not allow half");
    }
    line(DoneId::HalfTheTime, asked, measured, reached(report, part <= PART_OF_ONE_AGENT))
}

fn seen_in_tmux(report: &Report) -> DoneLine {
    let asked = "Every agent seen in tmux";
    let agents = &report.agents;
    let seen = agents.iter().filter(|agent| agent.pid.is_some()).count();
    let windows: BTreeSet<&str> =
        agents.iter().map(|agent| agent.window.as_str()).filter(|w| !w.is_empty()).collect();
    let own_windows = windows.len() == agents.len();
    if seen == 0 {
        let measured = match own_windows {
            true => {
                "not recorded: no runner process was seen when this report was made; each agent has a window name of its own"
            }
            false => "not recorded: no runner process was seen when this report was made",
        };
        return line(DoneId::SeenInTmux, asked, measured.to_owned(), Verdict::NotRecorded);
    }
    let names = if own_windows {
        "each with a window name of its own"
    } else {
        "not all with a window name of their own"
    };
    let mut measured = format!(
        "runner processes, which live in tmux windows, seen of {seen} of {} agents, {names}",
        agents.len()
    );
    let outside = |runner: RunnerKind| runner == RunnerKind::External;
    let unseen: Vec<_> = agents.iter().filter(|agent| agent.pid.is_none()).map(|agent| &agent.id).collect();
    if !unseen.is_empty() {
        measured.push_str(&format!("; not recorded of {}", words::joined(&unseen)));
    }
    if agents.iter().any(|agent| agent.pid.is_none() && outside(agent.runner)) {
        measured.push_str(" (an external agent has no runner of ours)");
    }
    let verdict = if unseen.is_empty() && own_windows { Verdict::Met } else { Verdict::NotRecorded };
    line(DoneId::SeenInTmux, asked, measured, verdict)
}

fn state_in_files(replay: &Replay) -> DoneLine {
    let (measured, verdict) = match replay {
        Replay::NoJournal => ("the journal was not at hand".to_owned(), Verdict::NotRecorded),
        Replay::Same { entries } => (
            format!("the journal's {entries} lines alone, replayed, give this very run, task by task"),
            Verdict::Met,
        ),
        Replay::Gap { after } => (format!("the journal has a gap after line {after}"), Verdict::NotMet),
        Replay::Differs { tasks } => (
            format!("the journal, replayed, gives something else for {}", words::joined(tasks)),
            Verdict::NotMet,
        ),
    };
    line(DoneId::StateInFiles, "No state but in files", measured, verdict)
}

/// How many lines of each verdict that judges, for the head of the report: met, and judged at all.
pub(crate) fn tally(report: &Report) -> (usize, usize) {
    let of = |verdicts: &[Verdict]| {
        report.done_means.iter().filter(|line| verdicts.contains(&line.verdict)).count()
    };
    (of(&[Verdict::Met]), of(&[Verdict::Met, Verdict::NotMet, Verdict::Open]))
}
