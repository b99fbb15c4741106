//! Who gets what, and why the rest waits.

use AgentStatus::Idle;
use miyabi_plan::{AgentId, Choice, HostId, Order as PlanOrder, Plan, WaitReason};
use miyabi_protocol::AgentStatus;

use crate::bench::{Bench, agent, host, opening, plan};

fn first_offers(plan: Plan) -> Vec<String> {
    Bench::begun(opening(plan)).wanted_of_agents()
}

/// `Long` has work behind it; `Short` has a better priority.
fn long_and_short() -> Plan {
    let mut plan = plan(
        &["CG-1"],
        &[("Long", "CG-1", ""), ("Behind", "CG-1", "Long"), ("Short", "CG-1", ""), ("Last", "CG-1", "")],
    );
    plan.tasks[2].priority = 0;
    plan
}

#[test]
fn lower_priority_numbers_go_first_then_the_longest_remaining_path() {
    let mut plan = long_and_short();
    assert_eq!(first_offers(plan.clone()), ["BUSY CG-1 Short.1"]);
    plan.tasks[2].priority = 1;
    plan.tasks.rotate_left(2);
    assert_eq!(first_offers(plan), ["BUSY CG-1 Long.1"]);
}

#[test]
fn the_order_critical_path_turns_that_round() {
    let mut plan = long_and_short();
    plan.order = PlanOrder::CriticalPath;
    assert_eq!(first_offers(plan), ["BUSY CG-1 Long.1"]);
}

#[test]
fn an_idle_agent_of_the_same_kind_takes_what_waits() {
    let tasks = [("A", "CG-1", ""), ("B", "CG-1", ""), ("C", "CCG-1", ""), ("D", "CCG-1", "")];
    let offers = first_offers(plan(&["CG-1", "CCG-1", "CG-2"], &tasks));
    assert_eq!(offers, ["BUSY CG-1 A.1", "BUSY CG-2 B.1", "BUSY CCG-1 C.1"]);
}

#[test]
fn an_agent_takes_its_own_tasks_first() {
    let offers =
        first_offers(plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-1", ""), ("C", "CG-2", "")]));
    assert_eq!(offers, ["BUSY CG-1 A.1", "BUSY CG-2 C.1"]);
}

#[test]
fn nothing_is_taken_with_stealing_off_nor_across_a_tasks_host() {
    let mut off = plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-1", "")]);
    off.work_stealing = false;
    assert_eq!(first_offers(off.clone()), ["BUSY CG-1 A.1"]);
    off.work_stealing = true;
    off.hosts.push(host("far", 4));
    off.agents[1].host = HostId::new("far").expect("a valid id");
    off.tasks[1].host = Some(off.hosts[0].id.clone());
    assert_eq!(first_offers(off.clone()), ["BUSY CG-1 A.1"]);
    off.tasks[1].host = None;
    assert_eq!(first_offers(off), ["BUSY CG-1 A.1", "BUSY CG-2 B.1"]);
}

#[test]
fn a_host_and_a_run_have_hard_limits_and_the_reason_says_which() {
    let mut narrow =
        plan(&["CG-1", "CG-2", "CG-3"], &[("A", "CG-1", ""), ("B", "CG-2", ""), ("C", "CG-3", "")]);
    narrow.hosts[0].capacity = 2;
    let mut bench = Bench::begun(opening(narrow.clone()));
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.1", "BUSY CG-2 B.1"]);
    let local = narrow.hosts[0].id.clone();
    assert_eq!(bench.engine.waiting(2), [WaitReason::Capacity { host: Some(local), limit: 2 }]);
    bench.works("CG-1", "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-3 C.1"]);

    narrow.limits.parallel = Some(1);
    let bench = Bench::begun(opening(narrow));
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.1"]);
    assert_eq!(bench.engine.waiting(1), [WaitReason::Capacity { host: None, limit: 1 }]);
}

#[test]
fn an_agent_that_must_show_its_end_still_fills_its_place() {
    let mut narrow = plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", "")]);
    narrow.hosts[0].capacity = 1;
    narrow.tasks[0].retries = 0;
    let mut bench = Bench::begun(opening(narrow));
    bench.takes("CG-1", "A.1");
    bench.pass(610);
    assert!(bench.wanted_of_agents().is_empty());
    bench.says("CG-1", Idle, "");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-2 B.1"]);
}

/// Two waves; `B` needs `A` inside the first one, `C` is in the second.
fn waves() -> Plan {
    let mut plan =
        plan(&["CG-1", "CG-2", "CG-3"], &[("A", "CG-1", ""), ("B", "CG-2", "A"), ("C", "CG-3", "")]);
    for (task, wave) in plan.tasks.iter_mut().zip([1, 1, 2]) {
        task.wave = Some(wave);
    }
    plan
}

fn under(choice: Choice) -> Bench {
    Bench::begun(miyabi_protocol::RunOpening { choice, ..opening(waves()) })
}

#[test]
fn waves_do_not_count_unless_they_are_followed() {
    assert_eq!(under(Choice::default()).wanted_of_agents(), ["BUSY CG-1 A.1", "BUSY CG-3 C.1"]);
}

#[test]
fn a_followed_wave_is_a_barrier_and_the_reason_names_it() {
    let mut bench = under(Choice { follow_waves: true, drop_conflicting_edges: false });
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.1"]);
    assert_eq!(bench.engine.waiting(2), [WaitReason::Wave { wave: 1 }]);
    bench.works("CG-1", "A.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-2 B.1"]);
    bench.works("CG-2", "B.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-2", "BUSY CG-3 C.1"]);
}

#[test]
fn dropped_edges_let_a_whole_wave_start_at_once() {
    let bench = under(Choice { follow_waves: true, drop_conflicting_edges: true });
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.1", "BUSY CG-2 B.1"]);
    assert!(bench.queue().tasks[1].dependencies.is_empty());
}

#[test]
fn a_failed_task_does_not_keep_a_wave_open_for_what_it_holds_back() {
    let mut bench = under(Choice { follow_waves: true, drop_conflicting_edges: false });
    bench.takes("CG-1", "A.1");
    bench.order(miyabi_engine::Order::CancelTask(crate::bench::task("A"))).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-3 C.1"]);
}

#[test]
fn every_task_that_waits_says_for_what() {
    let mut bench = Bench::open(opening(plan(
        &["CG-1", "CCG-1"],
        &[("A", "CG-1", ""), ("B", "CG-1", ""), ("C", "CG-1", "A B"), ("D", "CCG-1", "")],
    )));
    let local = HostId::new("local").expect("a valid id");
    assert_eq!(bench.engine.waiting(0), [WaitReason::Host { host: local }], "before the helper answers");
    bench.says("CG-1", Idle, "");
    bench.report(miyabi_protocol::link::Report::Listed);
    let at = |id: &str, task: Option<&str>| WaitReason::Agent {
        agent: agent(id),
        task: task.map(crate::bench::task),
    };
    assert_eq!(bench.engine.waiting(0), [], "it runs");
    assert_eq!(bench.engine.waiting(1), [at("CG-1", Some("A"))]);
    let needs = vec![crate::bench::task("A"), crate::bench::task("B")];
    assert_eq!(bench.engine.waiting(2), [WaitReason::Need { tasks: needs }]);
    assert_eq!(bench.engine.waiting(3), [at("CCG-1", None)], "its agent has not appeared");
    bench.order(miyabi_engine::Order::Pause).expect("fits");
    assert_eq!(bench.engine.waiting(3), [WaitReason::Pause]);
    let free: AgentId = agent("CCG-1");
    assert!(bench.engine.seen(&free).is_some_and(|seen| seen.status.is_none()));
}
