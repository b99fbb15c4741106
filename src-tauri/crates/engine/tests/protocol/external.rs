//! Agents that know nothing but their files: slow, late, or silent.

use AgentStatus::{Completed, Idle, InProgress};
use miyabi_engine::{Fact, Order, Standing};
use miyabi_plan::{FailureCause, RunPhase};
use miyabi_protocol::AgentStatus;

use crate::bench::{Bench, opening, plan, task};

#[test]
fn a_silent_agent_gets_the_time_of_its_limit_and_no_heartbeat_timeout() {
    let mut bench = Bench::begun(opening(plan(&["CG-1"], &[("A", "CG-1", "")])));
    bench.takes("CG-1", "A.1");
    bench.pass(599);
    assert_eq!(bench.standing("A"), Standing::Active);
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.phase(), RunPhase::Completed);
}

#[test]
fn after_its_time_limit_its_file_is_left_alone_and_the_task_goes_elsewhere() {
    let mut bench = Bench::begun(opening(plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-1", "A")])));
    bench.takes("CG-1", "A.1");
    bench.pass(700);
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::TimeLimit));
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-2 A.2"], "CG-1's file is not written");
    bench.says("CG-1", InProgress, "A.1");
    assert!(bench.wanted_of_agents().is_empty());
    bench.works("CG-2", "A.2");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-2", "BUSY CG-2 B.1"], "CG-1 has not shown its end");
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1"], "the late claim is acknowledged");
    assert!(bench.has(|fact| matches!(fact, Fact::LateClaim { .. })), "and thrown away");
    assert_eq!(bench.task("A").attempts[0].claim, None);
}

#[test]
fn after_a_cancel_the_agent_gets_work_again_only_when_it_shows_its_end() {
    let mut bench = Bench::begun(opening(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "")])));
    bench.takes("CG-1", "A.1");
    bench.order(Order::CancelTask(task("A"))).expect("fits");
    assert!(bench.wanted_of_agents().is_empty());
    bench.says("CG-1", Idle, "");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 B.1"]);
}

#[test]
fn an_offer_that_was_taken_as_it_was_taken_back_keeps_the_agent_from_other_work() {
    let mut bench = Bench::begun(opening(plan(
        &["CG-1", "CG-2"],
        &[("A", "CG-1", ""), ("B", "CG-1", ""), ("C", "CG-2", "")],
    )));
    bench.takes("CG-2", "C.1");
    bench.offered("A.1");
    bench.order(Order::CancelTask(task("A"))).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1"], "nothing new before its file was seen");
    bench.says("CG-1", InProgress, "A.1");
    bench.pass(60);
    assert!(bench.wanted_of_agents().is_empty());
    bench.says("CG-1", Completed, "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-1 B.1"]);
    assert_eq!(bench.standing("A"), Standing::Cancelled);
}

#[test]
fn an_offer_that_was_taken_back_in_time_holds_the_agent_for_a_moment_only() {
    let mut bench = Bench::begun(opening(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "")])));
    bench.offered("A.1");
    bench.order(Order::CancelTask(task("A"))).expect("fits");
    bench.pass(2);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 B.1"]);
}

#[test]
fn the_option_external_makes_every_agent_one() {
    let mut opening = opening(crate::bench::with_runners(plan(&["CG-1"], &[("A", "CG-1", "")])));
    opening.external = true;
    let bench = Bench::open(opening);
    assert!(!bench.engine.state().agents[0].is_ours());
}
