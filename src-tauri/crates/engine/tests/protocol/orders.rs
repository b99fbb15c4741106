//! What a person may want of a run.

use AgentStatus::{Completed, Failed, InProgress};
use miyabi_engine::{Event, Order, OrderError, Standing, Step};
use miyabi_plan::Site;
use miyabi_plan::{FailureCause, RunPhase};
use miyabi_protocol::AgentStatus;
use miyabi_protocol::link::Report;

use crate::bench::{Bench, agent, opening, plan, task, with_runners};

fn crew() -> Bench {
    let tasks = [("A", "CG-1", ""), ("B", "CG-2", "A"), ("C", "CCG-1", "A")];
    Bench::begun(opening(with_runners(plan(&["CG-1", "CG-2", "CCG-1"], &tasks))))
}

fn reassign(id: &str, to: &str, stop_running: bool) -> Order {
    Order::Reassign { task: task(id), agent: agent(to), stop_running, across_kinds: false, packet: None }
}

#[test]
fn a_paused_run_lets_running_tasks_end_and_starts_nothing_new() {
    let mut bench = crew();
    bench.takes("CG-1", "A.1");
    bench.order(Order::Pause).expect("fits");
    assert_eq!(bench.phase(), RunPhase::Paused);
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1"]);
    bench.pass(3600);
    assert_eq!(bench.phase(), RunPhase::Paused, "a paused run is not stuck");
    bench.order(Order::Resume).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-2 B.1", "BUSY CCG-1 C.1"]);
}

#[test]
fn a_waiting_task_moves_at_once_and_stays_where_it_was_put() {
    let mut bench = crew();
    bench.order(reassign("B", "CG-1", false)).expect("fits");
    bench.takes("CG-1", "A.1");
    bench.order(reassign("A", "CG-2", true)).expect("fits");
    assert_eq!(bench.task("B").agent, agent("CG-1"));
    bench.offered("A.2");
    bench.works("CG-2", "A.2");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-2", "BUSY CCG-1 C.1"], "CG-2 is idle and does not take B");
    bench.says("CG-1", Failed, "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-1 B.1"]);
}

#[test]
fn a_running_task_asks_first_and_costs_no_try() {
    let mut bench = crew();
    bench.takes("CG-1", "A.1");
    let refused = bench.order(reassign("A", "CG-2", false)).expect_err("it runs");
    assert_eq!(refused, OrderError::IsRunning { task: task("A"), agent: agent("CG-1") });
    bench.order(reassign("A", "CG-2", true)).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["stop CG-1 A.1", "BUSY CG-2 A.2"]);
    assert_eq!(bench.task("A").tries_spent, 0);
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::Reassigned));
}

#[test]
fn an_offer_that_nobody_took_yet_moves_without_asking() {
    let mut bench = crew();
    bench.order(reassign("A", "CG-2", false)).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["stop CG-1 A.1", "IDLE CG-1", "BUSY CG-2 A.2"]);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut bench = crew();
    bench.works("CG-1", "A.1");
    let before = bench.engine.state().clone();
    let refused = [
        reassign("A", "CG-2", true),
        reassign("B", "CCG-1", true),
        reassign("B", "CG-7", true),
        reassign("Z", "CG-1", true),
        Order::CancelTask(task("A")),
        Order::RetryTask(task("Z")),
    ];
    for order in refused {
        assert!(bench.order(order.clone()).is_err(), "{order:?}");
        assert_eq!(bench.engine.state(), &before, "{order:?}");
    }
}

#[test]
fn a_cancelled_task_is_stopped_and_only_a_person_brings_it_back() {
    let mut bench = crew();
    bench.takes("CG-1", "A.1");
    bench.order(Order::CancelTask(task("A"))).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["stop CG-1 A.1"]);
    assert_eq!((bench.standing("A"), bench.phase()), (Standing::Cancelled, RunPhase::Cancelled));
    bench.says("CG-1", Failed, "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1"]);
    bench.order(Order::RetryTask(task("A"))).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.2"]);
}

#[test]
fn a_cancelled_run_has_ended_and_its_agents_are_stopped() {
    let mut bench = crew();
    bench.takes("CG-1", "A.1");
    bench.order(Order::CancelRun).expect("fits");
    assert_eq!(bench.phase(), RunPhase::Cancelled);
    assert_eq!(bench.wanted_of_agents(), ["stop CG-1 A.1"]);
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1"], "a late claim is acknowledged");
    assert_eq!(bench.standing("A"), Standing::Cancelled);
    bench.runner_gone("CG-1");
    assert!(!bench.wanted().iter().any(|word| word.starts_with("BUSY")));
    assert!(bench.order(Order::CancelRun).is_err());
}

#[test]
fn a_run_that_is_stopped_with_its_agents_writes_nothing_more_and_can_be_taken_up_again() {
    let mut bench = crew();
    bench.takes("CG-1", "A.1");
    bench.order(Order::StopAll).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["stop CG-1 A.1"]);
    assert_eq!(bench.engine.wake_at(), None);
    for report in [Report::Listed, Report::RunnerGone { agent: agent("CG-1"), how: "stopped".to_owned() }] {
        let step = bench
            .engine
            .handle(miyabi_protocol::Timestamp::from_millis(1), Event::Reported { site: Site::Here, report });
        assert_eq!(step, Step::default());
    }
    assert!(bench.order(Order::Resume).is_err());
    bench.restart();
    bench.says("CG-1", InProgress, "A.1");
    bench.report(Report::Listed);
    assert_eq!(bench.wanted_of_agents()[..1], ["IDLE CG-1"], "nobody is behind that file any more");
    assert_eq!((bench.task("A").attempts.len(), bench.task("A").tries_spent), (2, 0));
}

#[test]
fn a_run_that_was_over_starts_nobody_when_it_is_looked_at_again() {
    let mut bench = crew();
    bench.order(Order::CancelRun).expect("fits");
    bench.restart();
    bench.report(Report::Listed);
    assert!(!bench.done.iter().any(|c| matches!(c, miyabi_protocol::link::Command::EnsureAgent { .. })));
    bench.order(Order::RetryTask(task("A"))).expect("fits");
    let ensured =
        bench.done.iter().filter(|c| matches!(c, miyabi_protocol::link::Command::EnsureAgent { .. }));
    assert_eq!(ensured.count(), 3, "opened again, they are");
}
