//! The backend is killed and started again, with the folder as it was and with the folder wiped.

use AgentStatus::{Busy, Completed, Failed, Idle, InProgress};
use miyabi_engine::{Fact, Order, Standing};
use miyabi_plan::FailureCause;
use miyabi_plan::Site;
use miyabi_protocol::AgentStatus;
use miyabi_protocol::link::{Command, Report};

use crate::bench::{Bench, opening, plan, task, with_runners};

fn external() -> Bench {
    Bench::begun(opening(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")])))
}

fn ours() -> Bench {
    Bench::begun(opening(with_runners(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")]))))
}

#[test]
fn nothing_is_decided_or_written_before_everything_was_seen() {
    let mut bench = ours();
    bench.restart();
    bench.says("CG-1", Completed, "A.1");
    bench.runner_gone("CG-1");
    bench.pass(3600);
    assert!(bench.done.is_empty());
    assert_eq!(bench.standing("A"), Standing::Active);
}

#[test]
fn an_offer_that_lies_there_is_waited_for_and_one_that_does_not_is_made_again() {
    let mut bench = external();
    bench.restart();
    bench.says("CG-1", Busy, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue"]);
    bench.restart();
    bench.says("CG-1", Idle, "");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue", "BUSY CG-1 A.1"], "the same attempt");
    bench.works("CG-1", "A.1");
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn an_agent_of_ours_that_is_alive_is_adopted_with_its_attempt() {
    let mut bench = ours();
    bench.takes("CG-1", "A.1");
    bench.restart();
    bench.runner_up("CG-1", "A.1");
    bench.says("CG-1", InProgress, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue"]);
    assert_eq!(bench.task("A").attempts.len(), 1);
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn one_that_did_not_survive_has_failed_its_attempt() {
    let mut bench = ours();
    bench.takes("CG-1", "A.1");
    bench.restart();
    bench.says("CG-1", InProgress, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::AgentGone));
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1"]);
}

#[test]
fn a_claim_that_was_made_meanwhile_counts_and_nothing_completed_is_run_again() {
    let mut bench = ours();
    bench.takes("CG-1", "A.1");
    bench.restart();
    bench.says("CG-1", Completed, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1", "BUSY CG-1 B.1"]);
    // Killed again before any of that was carried out.
    bench.restart();
    bench.runner_up("CG-1", "");
    bench.says("CG-1", Completed, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1", "BUSY CG-1 B.1"], "acknowledged, and the same offer");
    assert!(!bench.has(|fact| matches!(fact, Fact::LateClaim { .. })));
}

#[test]
fn a_claim_whose_verdict_was_lost_is_judged_again() {
    for (status, standing) in [(Completed, "Completed"), (Failed, "BackOff")] {
        let mut bench = external();
        bench.works("CG-1", "A.1");
        if status == Failed {
            bench = external();
            bench.takes("CG-1", "A.1");
            bench.says("CG-1", Failed, "A.1");
        }
        bench.lose_from(|fact| matches!(fact, Fact::Completed { .. } | Fact::AttemptFailed { .. }));
        bench.restart();
        bench.says("CG-1", status, "A.1");
        bench.report(Report::Listed);
        assert!(format!("{:?}", bench.standing("A")).starts_with(standing));
    }
}

#[test]
fn after_a_wipe_a_started_attempt_comes_back_as_in_progress_and_never_as_busy() {
    let mut bench = external();
    bench.takes("CG-1", "A.1");
    bench.restart();
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue", "IN_PROGRESS CG-1"]);
    let Some(Command::WriteStatus { status, .. }) =
        bench.done.iter().find(|c| matches!(c, Command::WriteStatus { .. }))
    else {
        panic!("a file")
    };
    assert_eq!(status.task_id.as_deref(), Some("A"));
    assert_eq!(status.miyabi.as_ref().map(|stamp| stamp.attempt), Some(1));
    assert!(status.started_at.is_some());
}

#[test]
fn after_a_wipe_a_living_runner_keeps_its_attempt() {
    let mut bench = ours();
    bench.takes("CG-1", "A.1");
    bench.restart();
    bench.runner_up("CG-1", "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue"], "it writes its own file again");
    assert_eq!(bench.standing("A"), Standing::Active);
}

#[test]
fn after_a_wipe_an_offer_to_a_runner_that_is_at_it_has_started() {
    let mut bench = ours();
    bench.restart();
    bench.runner_up("CG-1", "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue"]);
    assert!(bench.has(|fact| matches!(fact, Fact::Started { .. })));
}

#[test]
fn after_a_reboot_an_offer_that_may_have_been_taken_gets_a_new_number_and_costs_no_try() {
    let mut bench = ours();
    bench.offered("A.1");
    bench.restart();
    bench.report(Report::Listed);
    bench.pass(5);
    assert_eq!(bench.task("A").attempts.len(), 2);
    assert_eq!(bench.task("A").tries_spent, 0);
}

#[test]
fn the_busy_of_an_offer_that_was_taken_back_is_cleared_first() {
    let mut bench = Bench::begun(opening(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "")])));
    bench.offered("A.1");
    bench.order(Order::CancelTask(task("A"))).expect("fits");
    bench.pass(3);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 B.1"]);
    bench.restart();
    bench.says("CG-1", Busy, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1", "BUSY CG-1 B.1"]);
}

#[test]
fn a_stop_that_was_lost_is_said_again() {
    let mut bench = ours();
    bench.takes("CG-1", "A.1");
    bench.order(Order::CancelTask(task("A"))).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["stop CG-1 A.1"]);
    bench.restart();
    bench.runner_up("CG-1", "A.1");
    bench.says("CG-1", InProgress, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted_of_agents(), ["stop CG-1 A.1"]);
    bench.says("CG-1", Failed, "A.1");
    assert!(bench.wanted_of_agents().starts_with(&["IDLE CG-1".to_owned()]));
}

#[test]
fn a_runner_that_dies_in_the_midst_has_failed_and_one_that_dies_over_an_offer_has_not() {
    let mut bench = ours();
    bench.offered("A.1");
    bench.runner_gone("CG-1");
    assert_eq!(bench.task("A").tries_spent, 0);
    assert!(matches!(bench.done.last(), Some(Command::EnsureAgent { .. })), "after IDLE, a new runner");
    bench.runner_up("CG-1", "");
    bench.pass(15);
    bench.takes("CG-1", "A.2");
    bench.runner_gone("CG-1");
    assert_eq!(bench.task("A").attempts[1].cause, Some(FailureCause::AgentGone));
    assert_eq!(bench.task("A").tries_spent, 1);
}

#[test]
fn a_runner_that_dies_over_every_offer_is_not_started_for_ever() {
    let mut bench = ours();
    for number in 1..=4 {
        bench.offered(&format!("A.{number}"));
        bench.runner_gone("CG-1");
        bench.runner_up("CG-1", "");
        bench.pass(15);
    }
    bench.pass(300);
    assert_eq!(bench.task("A").attempts.len(), 4);
    assert_eq!(bench.phase(), miyabi_plan::RunPhase::Stuck);
    let again = Order::Reassign {
        task: task("A"),
        agent: crate::bench::agent("CG-1"),
        stop_running: false,
        across_kinds: false,
        packet: None,
    };
    bench.order(again).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.5"], "a person may want it tried again");
}

#[test]
fn a_runner_that_dies_over_one_offer_is_offered_work_as_soon_as_it_is_back() {
    let mut bench = ours();
    bench.offered("A.1");
    bench.runner_gone("CG-1");
    bench.says("CG-1", Idle, "");
    bench.runner_up("CG-1", "");
    assert_eq!(bench.task("A").attempts.len(), 2);
}

#[test]
fn a_runner_that_ends_as_soon_as_it_is_up_is_not_started_for_ever() {
    let mut bench = Bench::begun(opening(with_runners(plan(&["CG-1", "CG-2"], &[("A", "CG-1", "")]))));
    bench.takes("CG-1", "A.1");
    let mut started = 0;
    loop {
        bench.runner_gone("CG-2");
        if !bench.done.iter().any(|command| matches!(command, Command::EnsureAgent { .. })) {
            break;
        }
        started += 1;
        assert!(started < 10);
        bench.runner_up("CG-2", "");
    }
    assert!(bench.has(|fact| matches!(fact, Fact::Noted { .. })), "and a person is told");
}

#[test]
fn a_claim_stands_by_itself_when_its_runner_is_gone() {
    let mut sketch = with_runners(plan(&["CG-1"], &[("A", "CG-1", "")]));
    sketch.tasks[0].outputs = vec!["a.txt".to_owned()];
    let mut bench = Bench::begun(opening(sketch));
    bench.works("CG-1", "A.1");
    bench.runner_gone("CG-1");
    assert_eq!(bench.standing("A"), Standing::Active);
    bench.evidence("A.1", miyabi_protocol::EvidenceReport::default());
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn a_lost_link_fails_nothing_and_wakes_nobody_for_nothing() {
    let mut bench = ours();
    bench.takes("CG-1", "A.1");
    bench.event(miyabi_engine::Event::LinkDown { site: Site::Here, why: "the helper ended".to_owned() });
    assert_eq!(bench.engine.wake_at(), None);
    assert!(!bench.engine.is_reached(&Site::Here));
    bench.pass(7200);
    assert_eq!(bench.standing("A"), Standing::Active);
    bench.runner_up("CG-1", "");
    bench.says("CG-1", Completed, "A.1");
    bench.report(Report::Listed);
    assert_eq!(
        bench.standing("A"),
        Standing::Completed,
        "its claim is older than the look at its time limit"
    );
}
