//! `task_queue.json`: written before BUSY; edits by other hands.

use AgentStatus::Failed;
use miyabi_engine::{Event, Fact, Standing};
use miyabi_plan::RunPhase;
use miyabi_plan::Site;
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{AgentStatus, QueueFile, TaskStatus};

use crate::bench::{Bench, opening, plan};

type Edit = fn(&mut QueueFile);

fn edited(bench: &mut Bench, edit: impl FnOnce(&mut QueueFile)) {
    let mut queue = bench.queue();
    edit(&mut queue);
    bench.report(Report::QueueEdited { queue: Some(queue) });
}

fn undone(bench: &Bench) -> Vec<String> {
    let what = bench.facts().into_iter().filter_map(|fact| match fact {
        Fact::QueueEditUndone { what } => Some(what.clone()),
        _ => None,
    });
    what.collect()
}

fn three() -> Bench {
    let mut plan = plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-1", "A"), ("C", "CG-1", "A")]);
    plan.tasks[0].retries = 0;
    Bench::begun(opening(plan))
}

#[test]
fn the_queue_shows_the_assignment_before_busy_is_written() {
    let bench = three();
    let Some(Command::WriteQueue { queue }) =
        bench.done.iter().find(|c| matches!(c, Command::WriteQueue { .. }))
    else {
        panic!("a queue")
    };
    assert_eq!((queue.tasks[0].agent.as_str(), queue.tasks[0].status), ("CG-1", TaskStatus::InProgress));
    assert!(queue.tasks[0].started_at.is_some(), "only the orchestrator stamps times");
    assert_eq!(queue.tasks[1].status, TaskStatus::Pending);
    assert_eq!(queue.tasks[1].dependencies, ["A"]);
    let words = bench.wanted();
    let at = |word: &str| words.iter().position(|other| other.starts_with(word));
    assert!(at("queue") < at("BUSY"));
}

#[test]
fn a_change_sends_the_tasks_that_changed_and_a_new_helper_gets_them_all() {
    let mut bench = three();
    bench.takes("CG-1", "A.1");
    bench.says("CG-1", AgentStatus::Completed, "A.1");
    let changed = bench.done.iter().find_map(|command| match command {
        Command::UpdateQueue { tasks, .. } => Some(tasks.clone()),
        _ => None,
    });
    let changed = changed.expect("the tasks that changed");
    let ids: Vec<_> = changed.iter().map(|task| task.task_id.as_str()).collect();
    assert_eq!(ids, ["A", "B", "C"], "A ended, and B and C begin");
    assert_eq!(changed, bench.queue().tasks);

    bench.takes("CG-1", "B.1");
    bench.says("CG-1", AgentStatus::Completed, "B.1");
    let sent = bench.done.iter().find_map(|command| match command {
        Command::UpdateQueue { tasks, .. } => Some(tasks.len()),
        _ => None,
    });
    assert_eq!(sent, Some(1), "the others are as they were");

    bench.event(Event::LinkDown { site: Site::Here, why: "the helper was killed".to_owned() });
    bench.report(Report::Listed);
    assert!(bench.done.iter().any(
        |command| matches!(command, Command::WriteQueue { queue } if queue.tasks == bench.queue().tasks)
    ));
}

#[test]
fn nothing_is_written_when_nothing_in_it_changed() {
    let mut bench = three();
    bench.takes("CG-1", "A.1");
    assert!(bench.wanted().is_empty());
}

#[test]
fn failed_made_pending_is_a_retry() {
    let mut bench = three();
    bench.takes("CG-1", "A.1");
    bench.says("CG-1", Failed, "A.1");
    assert_eq!(bench.phase(), RunPhase::Failed);
    edited(&mut bench, |queue| queue.tasks[0].status = TaskStatus::Pending);
    assert_eq!(bench.phase(), RunPhase::Running);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.2"]);
    assert!(undone(&bench).is_empty());
}

#[test]
fn a_changed_agent_of_a_waiting_task_is_a_reassignment() {
    let mut bench = three();
    edited(&mut bench, |queue| queue.tasks[1].agent = "CG-2".to_owned());
    assert!(bench.task("B").pinned);
    assert_eq!(bench.task("B").agent.as_str(), "CG-2");
    assert!(undone(&bench).is_empty());
    assert!(bench.wanted().contains(&"queue".to_owned()));
}

#[test]
fn every_other_edit_is_recorded_and_undone() {
    let edits: [(&str, Edit); 6] = [
        ("priority", |queue| queue.tasks[1].priority = 9),
        ("status", |queue| queue.tasks[1].status = TaskStatus::Completed),
        ("agent", |queue| queue.tasks[0].agent = "CG-2".to_owned()),
        ("removed", |queue| drop(queue.tasks.remove(2))),
        ("added", |queue| {
            let mut more = queue.tasks[2].clone();
            more.task_id = "Z".to_owned();
            queue.tasks.push(more);
        }),
        ("CG-7", |queue| queue.tasks[1].agent = "CG-7".to_owned()),
    ];
    for (about, edit) in edits {
        let mut bench = three();
        let before = bench.queue();
        edited(&mut bench, edit);
        let undone = undone(&bench);
        assert!(undone.iter().any(|what| what.contains(about)), "{about}: {undone:?}");
        assert_eq!(bench.queue().tasks, before.tasks, "{about}");
        assert_eq!(bench.wanted(), ["queue"], "{about}: written as it was");
    }
}

#[test]
fn a_queue_that_was_removed_is_written_again() {
    let mut bench = three();
    bench.report(Report::QueueEdited { queue: None });
    assert_eq!(bench.wanted(), ["queue"]);
    assert_eq!(undone(&bench).len(), 1);
}

#[test]
fn the_old_queue_of_a_dead_backend_is_no_edit() {
    let mut bench = three();
    bench.takes("CG-1", "A.1");
    let mut old = bench.queue();
    old.tasks[0].status = TaskStatus::Pending;
    bench.says("CG-1", Failed, "A.1");
    bench.restart();
    bench.report(Report::QueueEdited { queue: Some(old) });
    assert_eq!(bench.standing("A"), Standing::Failed);
    bench.report(Report::Listed);
    assert_eq!(bench.wanted_of_agents(), Vec::<String>::new());
    assert_eq!(bench.wanted(), ["queue"]);
}
