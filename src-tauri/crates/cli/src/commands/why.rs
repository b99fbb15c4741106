//! `miyabi why`: everything that bears on one task.

use std::fmt::Write as _;

use miyabi_api::{ApiError, AttemptView, ErrorCode, HostId, HostView, RunSnapshot, TaskView};
use miyabi_plan::{TaskId, TaskPhase, WaitReason};

use crate::args::OneTask;
use crate::exit::Exit;
use crate::{terminal, text};

/// Tells where a task stands, why, and what was tried.
pub(crate) async fn why(args: &OneTask) -> Result<Exit, ApiError> {
    let snapshot = args.target.snapshot().await?;
    let task = find(&snapshot, &args.task)?;
    terminal::print(&render(&snapshot, task));
    Ok(Exit::Done)
}

fn find<'a>(snapshot: &'a RunSnapshot, id: &TaskId) -> Result<&'a TaskView, ApiError> {
    let found = snapshot.tasks.iter().find(|task| task.id.folded() == id.folded());
    found.ok_or_else(|| {
        let ids: Vec<&TaskId> = snapshot.tasks.iter().map(|task| &task.id).collect();
        let shown =
            if ids.len() > 20 { format!("{} to {}", ids[0], ids[ids.len() - 1]) } else { text::list(&ids) };
        ApiError::new(ErrorCode::BadInput, format!("the run has no task {id}"))
            .hint(format!("it has {shown}"))
    })
}

fn render(snapshot: &RunSnapshot, task: &TaskView) -> String {
    let run = &snapshot.run;
    let mark = text::mark(run);
    let mut out = format!("{mark}{} {}\n", task.id, text::clean(&task.title));
    let _ = writeln!(out, "{} {}", text::task_glyph(task.phase), standing(task));
    for reason in &task.waiting {
        let _ = writeln!(out, "  waits: {}", text::wait_reason(reason, run.now));
    }
    for line in of_git(task) {
        let _ = writeln!(out, "  {}", text::clean(&line));
    }
    for line in hosts(snapshot, task) {
        let _ = writeln!(out, "  {line}");
    }
    for need in &task.needs {
        if let Some(need) =
            snapshot.tasks.iter().find(|other| &other.id == need && other.phase != TaskPhase::Completed)
        {
            let _ = writeln!(out, "  {} {}: {}", text::task_glyph(need.phase), need.id, standing(need));
        }
    }
    if let Some(error) = &task.error {
        let _ = writeln!(out, "  error: {}", text::clean(error).trim_end().replace('\n', "\n         "));
    }
    for attempt in &task.attempts {
        out.push_str(&tried(attempt));
    }
    if matches!(task.phase, TaskPhase::Failed | TaskPhase::Cancelled) {
        let _ = writeln!(out, "  → miyabi retry {}   tries it again", task.id);
    }
    out
}

/// What the work itself has to do with it, and what can be done.
fn of_git(task: &TaskView) -> Vec<String> {
    let mut lines = Vec::new();
    let id = &task.id;
    if let Some(conflict) = &task.conflict {
        let waits =
            conflict.waits.as_ref().map_or_else(|| "the run's result".to_owned(), ToString::to_string);
        lines.push(format!(
            "resolves a merge conflict that {waits} waits for, in {}",
            conflict.files.join(", ")
        ));
        if conflict.by_person && task.phase != TaskPhase::Completed {
            lines.push(format!("→ miyabi inbox   says how; then miyabi merged {id} BRANCH"));
        }
    }
    if task.phase == TaskPhase::Review {
        lines.push(format!("→ miyabi diff {id}   miyabi accept {id}   miyabi send-back {id} -m TEXT"));
    }
    for reason in &task.waiting {
        lines.extend(match reason {
            WaitReason::Merge { .. } => Some(
                "a conflict between them would become a task of its own, and stand among its needs"
                    .to_owned(),
            ),
            WaitReason::HandOver { host } => {
                Some(format!("it goes on by itself once {host} has answered: nothing that was done is lost"))
            }
            _ => None,
        });
    }
    for overlap in &task.overlaps {
        lines.push(format!("{} has touched the same files: {}", overlap.task, overlap.files.join(", ")));
    }
    lines
}

/// How contact stands with the hosts that the task hangs on, where it is not as it should be.
fn hosts(snapshot: &RunSnapshot, task: &TaskView) -> Vec<String> {
    let mut wanted: Vec<&HostId> = Vec::new();
    if task.phase == TaskPhase::Unverified {
        wanted.extend(snapshot.agents.iter().filter(|agent| agent.id == task.agent).map(|agent| &agent.host));
    }
    wanted.extend(task.waiting.iter().filter_map(|reason| match reason {
        WaitReason::Host { host } => Some(host),
        _ => None,
    }));
    let hosts = snapshot.hosts.iter().filter(|host| wanted.contains(&&host.id));
    let line = |host: &HostView| {
        let contact = text::contact(host, snapshot.run.now);
        let todo = match (&host.question, task.phase) {
            (Some(_), _) => format!("\n    → miyabi host answer {}", host.id),
            (None, TaskPhase::Unverified) => {
                format!("\n    → miyabi host give-up {}   runs it elsewhere, under a new attempt", host.id)
            }
            (None, _) => String::new(),
        };
        (!contact.is_empty()).then(|| format!("{}: {contact}{todo}", host.id))
    };
    hosts.filter_map(line).collect()
}

fn standing(task: &TaskView) -> String {
    let agent = &task.agent;
    match task.phase {
        TaskPhase::Running => format!("runs at {agent}, {:.0} %", task.progress * 100.0),
        TaskPhase::Preparing => format!("is given to {agent}; its work tree is being made"),
        TaskPhase::Offered => format!("is offered to {agent}"),
        TaskPhase::Review => format!("is done by {agent}, its evidence holds; a person has to accept it"),
        TaskPhase::Unverified => {
            format!(
                "{agent} was at it when contact with its host was lost; it is not known what became of it"
            )
        }
        TaskPhase::Checking => format!("{agent} says it is done; its evidence is being looked for"),
        other => format!("{}, meant for {agent}", text::task_phase(other)),
    }
}

fn tried(attempt: &AttemptView) -> String {
    let took = attempt.ended_at.map(|end| {
        let millis = end.millis_since(attempt.started_at.unwrap_or(attempt.assigned_at));
        format!(" after {}", text::duration(millis.max(0) as f64 / 1000.0))
    });
    let outcome = match (attempt.cause, attempt.ended_at) {
        (Some(cause), _) => cause.words(),
        (None, Some(_)) => "succeeded",
        (None, None) => "is under way",
    };
    let (number, agent) = (attempt.number, &attempt.agent);
    let mut out = format!("  attempt {number} by {agent}: {outcome}{}\n", took.unwrap_or_default());
    for line in attempt.error.iter().flat_map(|error| error.lines()) {
        let _ = writeln!(out, "      {}", text::clean(line));
    }
    if let Some(cause) = attempt.cause {
        let _ = writeln!(out, "      → {}", cause.remedy());
    }
    for comment in &attempt.comments {
        let line = comment.line.map(|line| format!(":{line}")).unwrap_or_default();
        let place = comment.file.as_ref().map(|file| format!("{file}{line}: ")).unwrap_or_default();
        let _ = writeln!(out, "      “{}{}”", text::clean(&place), text::short(&comment.text, 100));
    }
    if let Some(tree) = &attempt.tree {
        let _ =
            writeln!(out, "      branch {}   in {}", text::clean(&tree.branch), text::clean(&tree.folder));
    }
    if let Some(session) = &attempt.session {
        let _ = writeln!(out, "      session {}{}", text::clean(session), text::used(&attempt.usage));
    }
    out
}

#[cfg(test)]
mod tests {
    use miyabi_api::{ConflictView, OverlapView};

    use super::*;
    use crate::follow::tests::{far_away, halfway};

    #[test]
    fn a_task_on_a_lost_host_and_one_that_waits_for_a_host() {
        let run = far_away();
        let of = |id: &str| render(&run, find(&run, &id.parse().expect("id")).expect("there"));
        insta::assert_snapshot!(format!("{}\n{}", of("Task-2"), of("Task-4")));
    }

    #[test]
    fn a_conflict_a_review_and_an_overlap_say_what_can_be_done() {
        let mut run = halfway();
        run.tasks[1].overlaps = vec![OverlapView {
            task: run.tasks[2].id.clone(),
            files: vec!["a.py".into(), "b\u{1b}[2J.py".into()],
        }];
        run.tasks[1].phase = TaskPhase::Review;
        run.tasks[1].waiting = vec![WaitReason::Approval];
        run.tasks[3].waiting = vec![WaitReason::Merge { tasks: run.tasks[3].needs.clone() }];
        run.tasks[3].conflict = Some(ConflictView {
            waits: None,
            ours: "1".into(),
            theirs: "2".into(),
            files: vec!["a.py".into()],
            by_person: true,
        });
        let of = |id: &str| render(&run, find(&run, &id.parse().expect("id")).expect("there"));
        insta::assert_snapshot!(format!("{}\n{}", of("Task-2"), of("Task-4")));
    }

    #[test]
    fn a_task_that_waits_and_one_that_failed() {
        let run = halfway();
        let of = |id: &str| render(&run, find(&run, &id.parse().expect("id")).expect("there"));
        insta::assert_snapshot!(format!("{}\n{}", of("task-4"), of("Task-3")));
        let error = find(&run, &"Task-99".parse().expect("id")).expect_err("unknown");
        assert!(error.hints[0].contains("Task-1, Task-2"), "{error:?}");
    }
}
