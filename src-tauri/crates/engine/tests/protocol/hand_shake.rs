//! The hand-shake by status files: who writes when, and what each word means.

use AgentStatus::{Busy, Completed, Failed, Idle, InProgress};
use miyabi_engine::{Fact, Standing};
use miyabi_plan::FailureCause;
use miyabi_protocol::AgentStatus;
use miyabi_protocol::link::{Command, Report};

use crate::bench::{Bench, agent, attempt, file, opening, plan, with_runners};

fn two_in_a_row() -> Bench {
    Bench::begun(opening(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")])))
}

#[test]
fn a_task_goes_through_the_five_words_in_turn() {
    let mut bench = two_in_a_row();
    assert_eq!(
        bench.wanted(),
        ["queue", "BUSY CG-1 A.1"],
        "IDLE: the orchestrator writes BUSY, after the queue"
    );
    bench.offered("A.1");
    bench.says("CG-1", Busy, "A.1");
    assert!(bench.wanted().is_empty(), "BUSY: the agent writes next");
    bench.says("CG-1", InProgress, "A.1");
    assert!(bench.wanted().is_empty(), "IN_PROGRESS: the agent writes next");
    let mut half = file("CG-1", InProgress, "A.1");
    half.progress = 0.5;
    bench.writes(half);
    assert!(bench.wanted().is_empty());
    assert_eq!(bench.engine.seen(&agent("CG-1")).expect("seen").progress, 0.5);
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(
        bench.wanted(),
        ["queue", "IDLE CG-1", "BUSY CG-1 B.1"],
        "COMPLETED: acknowledged, then new work"
    );
    bench.takes("CG-1", "B.1");
    bench.says("CG-1", Failed, "B.1");
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1"], "FAILED: acknowledged");
    assert!(matches!(bench.standing("B"), Standing::BackOff(_)));
}

#[test]
fn the_busy_file_names_the_task_and_the_attempt_and_idle_names_none() {
    let mut bench = two_in_a_row();
    let Some(Command::Offer { status, sheet }) = bench.done.last().cloned() else { panic!("an offer") };
    assert_eq!(status.task_id.as_deref(), Some("A"));
    assert_eq!(status.miyabi.map(|stamp| (stamp.run_id, stamp.attempt)), Some(("run-1".to_owned(), 1)));
    assert_eq!((sheet.attempt, sheet.prompt), (attempt("A.1"), "do it".to_owned()));
    bench.works("CG-1", "A.1");
    let idle = bench.done.iter().find_map(|command| match command {
        Command::WriteStatus { status, .. } => Some(status.clone()),
        _ => None,
    });
    assert_eq!(idle.map(|idle| (idle.status, idle.task_id)), Some((Idle, None)));
}

#[test]
fn what_an_agent_says_in_failure_is_the_error_and_is_told_to_the_next_attempt() {
    let mut bench = two_in_a_row();
    bench.takes("CG-1", "A.1");
    let mut gave_up = file("CG-1", Failed, "A.1");
    gave_up.errors = vec!["no disk".to_owned(), "no luck".to_owned()];
    bench.writes(gave_up);
    assert_eq!(bench.task("A").error.as_deref(), Some("no disk; no luck"));
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::AgentFailed));
    bench.pass(10);
    let Some(Command::Offer { sheet, .. }) = bench.done.last() else { panic!("offered again") };
    assert_eq!(sheet.attempt, attempt("A.2"));
    assert!(sheet.prompt.contains("no disk; no luck"), "{}", sheet.prompt);
}

#[test]
fn busy_that_falls_back_to_idle_is_offered_again_as_the_same_attempt() {
    let mut bench = two_in_a_row();
    bench.offered("A.1");
    bench.says("CG-1", Idle, "");
    assert_eq!(bench.wanted(), ["BUSY CG-1 A.1"]);
    bench.takes("CG-1", "A.1");
    assert_eq!(bench.task("A").attempts.len(), 1);
}

#[test]
fn an_idle_from_before_the_offer_is_not_taken_for_a_fall_back() {
    let mut bench = two_in_a_row();
    bench.says("CG-1", Idle, "");
    assert!(bench.wanted().is_empty(), "BUSY is on its way; the agent may take it any moment");
    bench.offered("A.1");
    bench.says("CG-1", Idle, "");
    bench.says("CG-1", Idle, "");
    assert!(bench.wanted().is_empty(), "one offer at a time");
}

#[test]
fn busy_that_is_not_taken_is_withdrawn_after_15_s_and_costs_no_try() {
    let mut bench = Bench::begun(opening(plan(&["CG-1", "CG-2"], &[("A", "CG-1", "")])));
    bench.pass(60);
    assert!(bench.done.is_empty(), "counted from when BUSY is on the disk");
    bench.offered("A.1");
    bench.pass(14);
    assert!(bench.done.is_empty());
    bench.pass(1);
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1", "BUSY CG-2 A.2"], "it goes to another agent");
    assert_eq!(bench.task("A").tries_spent, 0);
}

#[test]
fn an_agent_that_always_falls_back_is_not_offered_work_for_ever() {
    let mut bench = two_in_a_row();
    for _ in 0..40 {
        bench.offered("A.1");
        bench.says("CG-1", Idle, "");
        bench.pass(1);
        if bench.has(|fact| matches!(fact, Fact::Withdrawn { .. })) {
            return;
        }
    }
    panic!("the 15 s count from the first BUSY of the attempt");
}

#[test]
fn an_agent_that_took_three_offers_in_a_row_nowhere_counts_as_absent_until_it_shows_life() {
    let mut bench = two_in_a_row();
    for number in 1..=3 {
        bench.offered(&format!("A.{number}"));
        bench.pass(15);
        bench.writes(last_idle(&bench));
        bench.pass(15);
    }
    assert_eq!(bench.standing("A"), Standing::Waiting);
    let asked_for = |bench: &Bench| bench.task("A").attempts.len();
    assert_eq!(asked_for(&bench), 3, "our own IDLE, read back, is no sign of life");
    bench.says("CG-1", Idle, "");
    assert_eq!(asked_for(&bench), 4, "an IDLE of its own is");
}

fn last_idle(bench: &Bench) -> miyabi_protocol::StatusFile {
    let written = bench.done.iter().rev().find_map(|command| match command {
        Command::WriteStatus { status, .. } => Some(status.clone()),
        _ => None,
    });
    written.expect("IDLE was written")
}

#[test]
fn in_progress_that_becomes_idle_is_a_failed_attempt() {
    let mut bench = two_in_a_row();
    bench.takes("CG-1", "A.1");
    bench.says("CG-1", Idle, "");
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::GaveUp));
    assert_eq!(bench.task("A").tries_spent, 1);
    assert!(bench.wanted_of_agents().is_empty(), "the file says IDLE already");
    bench.pass(10);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.2"]);
}

#[test]
fn a_claim_without_a_word_before_counts() {
    let mut bench = two_in_a_row();
    bench.offered("A.1");
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn the_idle_that_acknowledges_comes_only_after_the_verdict() {
    let mut plan = with_runners(plan(&["CG-1"], &[("A", "CG-1", "")]));
    plan.tasks[0].outputs = vec!["a.txt".to_owned()];
    let mut bench = Bench::begun(opening(plan));
    bench.runner_up("CG-1", "A.1");
    bench.works("CG-1", "A.1");
    assert_eq!(bench.wanted(), ["check A.1"]);
    bench.says("CG-1", Completed, "A.1");
    assert!(bench.wanted().is_empty(), "the same claim again asks for nothing");
    bench.evidence("A.1", miyabi_protocol::EvidenceReport::default());
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1"]);
}

#[test]
fn a_claim_for_another_attempt_is_thrown_away() {
    let mut bench = two_in_a_row();
    bench.takes("CG-1", "A.1");
    bench.says("CG-1", Failed, "A.1");
    bench.pass(10);
    bench.offered("A.2");
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.standing("A"), Standing::Active);
    assert_eq!(bench.wanted(), ["IDLE CG-1", "BUSY CG-1 A.2"], "its file is cleared and it is offered again");
    bench.takes("CG-1", "A.2");
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.standing("A"), Standing::Active, "also in the midst of the next one");
    bench.says("CG-1", Completed, "A.2");
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn a_claim_of_another_run_is_thrown_away() {
    let mut bench = two_in_a_row();
    bench.offered("A.1");
    let mut old = file("CG-1", Completed, "A.1");
    old.miyabi.as_mut().expect("a stamp").run_id = "run-0".to_owned();
    bench.writes(old);
    assert_eq!(bench.standing("A"), Standing::Active);
    assert!(bench.has(|fact| matches!(fact, Fact::LateClaim { .. })));
}

#[test]
fn a_writer_that_drops_our_object_is_believed_by_its_task() {
    let mut bench = two_in_a_row();
    bench.offered("A.1");
    for status in [InProgress, Completed] {
        let mut plain = file("CG-1", status, "A.1");
        plain.miyabi = None;
        bench.writes(plain);
    }
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn an_agent_at_something_else_is_left_alone_until_it_shows_its_end() {
    let mut bench = two_in_a_row();
    bench.offered("A.1");
    bench.says("CG-1", InProgress, "Z.1");
    assert_eq!(bench.standing("A"), Standing::Waiting);
    assert!(bench.wanted_of_agents().is_empty());
    bench.pass(3600);
    assert!(bench.wanted_of_agents().is_empty());
    bench.says("CG-1", Completed, "Z.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-1 A.2"]);
}

#[test]
fn an_agent_that_begins_again_during_the_verdict_keeps_its_file() {
    let mut plan = plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")]);
    plan.tasks[0].acceptance = vec![miyabi_plan::Check {
        run: vec!["check".to_owned()],
        time_limit_seconds: 5,
        ..Default::default()
    }];
    let mut opening = opening(plan);
    opening.checks_external = true;
    let mut bench = Bench::begun(opening);
    bench.works("CG-1", "A.1");
    bench.says("CG-1", InProgress, "A.1");
    bench.evidence("A.1", miyabi_protocol::EvidenceReport::default());
    assert_eq!(bench.standing("A"), Standing::Completed);
    assert!(bench.wanted_of_agents().is_empty(), "IN_PROGRESS is the agent's to end");
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-1 B.1"]);
}

#[test]
fn an_agent_that_appears_is_given_work_of_its_kind() {
    let mut bench = Bench::begun(opening(plan(
        &["CG-1", "CCG-1"],
        &[("A", "CG-1", ""), ("B", "CG-1", ""), ("C", "CCG-1", ""), ("D", "CCG-1", "")],
    )));
    bench.says("CG-9", Idle, "");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-9 B.1"], "what CG-1 has not begun, and nothing of CCG's");
    bench.says("XY-1", Idle, "");
    assert!(bench.wanted_of_agents().is_empty());
    assert_eq!(bench.engine.state().agents.len(), 4, "there, and without work of its kind");
}

#[test]
fn a_stranger_that_is_not_idle_is_left_alone_and_noted_once() {
    let mut bench = two_in_a_row();
    for _ in 0..3 {
        bench.says("CG-9", InProgress, "Z.1");
    }
    assert!(bench.wanted().is_empty());
    assert_eq!(bench.facts().iter().filter(|fact| matches!(fact, Fact::Noted { .. })).count(), 1);
    bench.says("cg-1", Idle, "");
    assert_eq!(bench.engine.state().agents.len(), 1, "ids are unique ignoring case");
}

#[test]
fn a_missing_or_broken_file_loses_nothing() {
    let mut bench = two_in_a_row();
    bench.takes("CG-1", "A.1");
    bench.report(Report::BadStatus { agent: agent("CG-1"), message: "cut".to_owned() });
    assert_eq!(bench.standing("A"), Standing::Active);
    bench.report(Report::StatusGone { agent: agent("CG-1") });
    assert_eq!(bench.wanted(), ["IN_PROGRESS CG-1"], "rebuilt as it was, never as BUSY");
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.standing("A"), Standing::Completed);
}
