//! How a run ends: it never hangs.

use AgentStatus::{Idle, InProgress};
use miyabi_engine::{Fact, Order};
use miyabi_plan::RunPhase;
use miyabi_protocol::AgentStatus;
use miyabi_protocol::link::Report;

use crate::bench::{Bench, opening, plan, task};

#[test]
fn a_run_in_which_nothing_can_go_on_is_stuck_after_30_s_and_says_why() {
    let mut bench = Bench::open(opening(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")])));
    bench.report(Report::Listed);
    bench.pass(29);
    assert_eq!(bench.phase(), RunPhase::Running);
    bench.pass(1);
    assert_eq!(bench.phase(), RunPhase::Stuck);
    assert_eq!(bench.engine.state().stuck, ["A waits: agent CG-1 takes no work", "B waits: it needs A"]);
}

#[test]
fn it_goes_on_by_itself_when_an_agent_appears() {
    let mut bench = Bench::open(opening(plan(&["CG-1"], &[("A", "CG-1", "")])));
    bench.report(Report::Listed);
    bench.pass(40);
    bench.says("CG-9", Idle, "");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-9 A.1"]);
    assert_eq!(bench.phase(), RunPhase::Running);
    bench.works("CG-9", "A.1");
    assert_eq!(bench.phase(), RunPhase::Completed);
}

#[test]
fn an_agent_that_never_shows_its_end_does_not_keep_a_run_from_ending() {
    let mut plan = plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "")]);
    plan.tasks[0].retries = 5;
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-1", "A.1");
    bench.pass(2000);
    assert_eq!(bench.phase(), RunPhase::Stuck, "the pause before a retry that nobody can take is over");
    bench.says("CG-1", InProgress, "A.1");
    bench.says("CG-1", Idle, "");
    assert_eq!(bench.phase(), RunPhase::Running);
}

#[test]
fn a_stuck_run_whose_last_task_is_taken_out_is_over() {
    let mut bench = Bench::open(opening(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")])));
    bench.report(Report::Listed);
    bench.pass(40);
    bench.order(Order::CancelTask(task("A"))).expect("fits");
    assert_eq!(bench.phase(), RunPhase::Cancelled);
}

#[test]
fn what_comes_after_the_end_changes_nothing() {
    let mut bench = Bench::begun(opening(plan(&["CG-1"], &[("A", "CG-1", "")])));
    bench.works("CG-1", "A.1");
    assert_eq!(bench.phase(), RunPhase::Completed);
    let facts = bench.journal.len();
    bench.works("CG-1", "A.1");
    bench.says("CG-1", Idle, "");
    bench.pass(3600);
    assert_eq!(bench.phase(), RunPhase::Completed);
    let news: Vec<_> = bench.journal[facts..].iter().map(|entry| &entry.fact).collect();
    assert!(
        news.iter().all(|fact| matches!(
            fact,
            Fact::DrainBegan { .. } | Fact::LateClaim { .. } | Fact::Drained { .. }
        )),
        "{news:?}"
    );
    for order in [Order::Pause, Order::CancelRun, Order::RetryTask(task("A")), Order::CancelTask(task("A"))] {
        assert!(bench.order(order.clone()).is_err(), "{order:?}");
    }
}
