//! `miyabi status`: where the run and each of its tasks stand.

use std::fmt::Write as _;

use miyabi_api::{ApiError, HostContact, RunSnapshot, RunView, TaskView};
use miyabi_plan::TaskPhase;
use miyabi_protocol::Timestamp;

use super::{checks, history};
use crate::args::Status;
use crate::exit::Exit;
use crate::{terminal, text};

/// Prints the run.
pub(crate) async fn status(args: &Status) -> Result<Exit, ApiError> {
    let snapshot = match args.at {
        Some(seq) => history::snapshot_at(&args.target, seq).await?,
        None => args.target.snapshot().await?,
    };
    terminal::print(&if args.output.json { text::json(&snapshot)? } else { render(&snapshot) });
    Ok(Exit::of_phase(snapshot.run.phase))
}

fn render(snapshot: &RunSnapshot) -> String {
    let run = &snapshot.run;
    let mut out = head(snapshot);
    let width = |of: fn(&TaskView) -> usize, least: usize| {
        snapshot.tasks.iter().map(of).max().unwrap_or(0).max(least)
    };
    let (id, agent) = (width(|task| task.id.as_str().len(), 4), width(|task| task.agent.as_str().len(), 5));
    let _ =
        writeln!(out, "\n  {:<id$}  {:<16}  {:<agent$}  {:>5}  {:>9}", "TASK", "STATE", "AGENT", "", "TIME");
    for task in &snapshot.tasks {
        let progress = if task.phase == TaskPhase::Running {
            format!("{:.0} %", task.progress * 100.0)
        } else {
            String::new()
        };
        let line = format!(
            "{} {:<id$}  {:<16}  {:<agent$}  {progress:>5}  {:>9}  {}",
            text::task_glyph(task.phase),
            task.id,
            text::task_phase(task.phase),
            task.agent,
            spent(task, run.now),
            text::short(&remark(task, run.now), 80),
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push_str(&costs(snapshot));
    out.push_str(&on_git(run));
    out.push_str(&checks::line(run));
    for line in &run.stuck {
        let _ = writeln!(out, "stuck: {}", text::clean(line));
    }
    out.push_str(&hosts(snapshot));
    for problem in problems(snapshot) {
        let _ = writeln!(out, "! {}", text::clean(&problem));
    }
    out
}

/// The hosts that are not in contact as they should be, a line each.
fn hosts(snapshot: &RunSnapshot) -> String {
    let mut out = String::new();
    for host in &snapshot.hosts {
        let contact = text::contact(host, snapshot.run.now);
        if contact.is_empty() {
            continue;
        }
        let todo = match (&host.question, host.contact) {
            (Some(_), _) => format!("   → miyabi host answer {}", host.id),
            (None, HostContact::Reconnecting) => format!("   → miyabi host give-up {}", host.id),
            (None, _) => String::new(),
        };
        let _ = writeln!(out, "{} {}: {contact}{todo}", text::contact_glyph(host), host.id);
    }
    out
}

/// The run as a whole, in three lines.
fn head(snapshot: &RunSnapshot) -> String {
    let run = &snapshot.run;
    let expected = text::real_seconds(run.expected_seconds, run.rehearsal_speed);
    let speed = run.rehearsal_speed.map(|speed| format!(" at {speed}x")).unwrap_or_default();
    format!(
        "{}{}: {}{speed}\n{}  {}/{} done, {} running, {} failed, {} of {} expected\nrun {}  state folder {}  tmux session {}\n",
        text::mark(run),
        text::clean(&run.title),
        text::run_phase(run.phase),
        text::bar(run.progress, 24),
        run.completed,
        run.total,
        run.running,
        run.failed,
        text::duration(text::elapsed(snapshot, run.now).round()),
        text::duration(expected),
        run.run_id,
        run.state_dir,
        run.session,
    )
}

/// What was used, who stands in for whom, and what waits for a person: a line each.
fn costs(snapshot: &RunSnapshot) -> String {
    let run = &snapshot.run;
    let mut out = String::new();
    let used = text::used(&run.usage);
    if !used.is_empty() {
        let budget = run.budget_usd.map(|usd| format!(" of {}", text::usd(usd))).unwrap_or_default();
        let _ = writeln!(out, "used: {}{budget}", used.trim_start_matches(", "));
    }
    for lost in &run.stand_ins {
        let left = (lost.recheck_at.millis_since(run.now).max(0) as f64 / 1000.0).ceil();
        let _ = writeln!(
            out,
            "{} cannot work ({}): others take its tasks, expected to take 50 % longer; tried again in {}",
            lost.runner.word(),
            text::short(&lost.why, 80),
            text::duration(left)
        );
    }
    if !snapshot.inbox.is_empty() {
        let waiting = text::count(snapshot.inbox.len(), "item waits", "items wait");
        let _ = writeln!(out, "{waiting} for you: miyabi inbox");
    }
    out
}

/// Where the work comes together, and what was put aside for it.
fn on_git(run: &RunView) -> String {
    let Some(git) = &run.git else { return String::new() };
    let mut out = String::new();
    if let Some(result) = &git.result {
        let _ = writeln!(out, "result: {} at {}", git.result_branch, text::short(result, 12));
    }
    if let Some(stashed) = &git.stashed {
        let folder = text::clean(&git.repository);
        let _ =
            writeln!(out, "put aside before the run: git -C {folder} stash apply {stashed}   gives it back");
    }
    out
}

fn spent(task: &TaskView, now: Timestamp) -> String {
    task.started_at.map_or_else(String::new, |start| {
        let millis = task.completed_at.unwrap_or(now).millis_since(start).max(0);
        text::clock(millis as f64 / 1000.0)
    })
}

/// Why it does not run, or what went wrong with it.
fn remark(task: &TaskView, now: Timestamp) -> String {
    match (&task.error, task.waiting.is_empty()) {
        (Some(error), true) => error.clone(),
        (Some(error), false) => format!("{}; {error}", text::wait_reasons(task, now)),
        (None, _) => text::wait_reasons(task, now),
    }
}

fn problems(snapshot: &RunSnapshot) -> Vec<String> {
    let agents = snapshot.agents.iter().filter_map(|a| a.problem.as_ref().map(|p| format!("{}: {p}", a.id)));
    let hosts = snapshot.hosts.iter().filter_map(|h| h.problem.as_ref().map(|p| format!("{}: {p}", h.id)));
    agents.chain(hosts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::tests::{far_away, halfway};

    #[test]
    fn a_run_in_the_middle() {
        insta::assert_snapshot!(render(&halfway()));
    }

    #[test]
    fn a_run_with_a_lost_host_and_one_that_asks() {
        insta::assert_snapshot!(render(&far_away()));
    }
}
