//! Trying again: back-off, jitter, and the end of it.

use AgentStatus::Failed;
use miyabi_engine::{Order, Standing};
use miyabi_plan::{RunPhase, WaitReason};
use miyabi_protocol::AgentStatus;

use crate::bench::{Bench, opening, plan, task};

fn with_retries(retries: u32) -> Bench {
    let tasks = [("A", "CG-1", ""), ("B", "CG-1", "A"), ("C", "CG-1", ""), ("D", "CG-1", "B")];
    let mut plan = plan(&["CG-1"], &tasks);
    plan.tasks[0].retries = retries;
    plan.tasks[2].priority = 2;
    Bench::begun(opening(plan))
}

fn fails(bench: &mut Bench, number: u32) -> i64 {
    let id = format!("A.{number}");
    bench.takes("CG-1", &id);
    bench.says("CG-1", Failed, &id);
    match bench.standing("A") {
        Standing::BackOff(until) => until.as_millis() - bench.now(),
        _ => 0,
    }
}

#[test]
fn the_pause_doubles_with_each_failure_up_to_the_longest_and_differs_a_little() {
    let mut plan = plan(&["CG-1"], &[("A", "CG-1", "")]);
    plan.tasks[0].retries = 9;
    let mut bench = Bench::begun(opening(plan));
    for number in 1..=9_u32 {
        let meant = (5_000_i64 << (number - 1)).min(300_000);
        let pause = fails(&mut bench, number);
        assert!(
            (meant * 3 / 4..=meant * 5 / 4).contains(&pause),
            "attempt {number}: {pause} ms for {meant} ms"
        );
        bench.pass(pause / 1000 + 1);
    }
    assert_eq!(fails(&mut bench, 10), 0, "all retries are spent");
    assert_eq!(bench.phase(), RunPhase::Failed);
}

#[test]
fn tasks_that_failed_together_are_not_tried_again_together() {
    let ids: Vec<String> = (1..=20).map(|number| format!("T{number}")).collect();
    let agents: Vec<String> = (1..=20).map(|number| format!("CG-{number}")).collect();
    let agents: Vec<&str> = agents.iter().map(String::as_str).collect();
    let tasks: Vec<_> = ids.iter().zip(&agents).map(|(id, agent)| (id.as_str(), *agent, "")).collect();
    let mut bench = Bench::begun(opening(plan(&agents, &tasks)));
    let mut due: Vec<Standing> = Vec::new();
    for (id, agent, _) in &tasks {
        bench.takes(agent, &format!("{id}.1"));
        bench.says(agent, Failed, &format!("{id}.1"));
        due.push(bench.standing(id));
    }
    due.dedup();
    assert!(due.len() > 10, "{due:?}");
}

#[test]
fn the_agent_does_other_work_during_the_pause_and_the_reason_names_its_end() {
    let mut bench = with_retries(1);
    fails(&mut bench, 1);
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-1 C.1"]);
    let reasons = bench.engine.waiting(0);
    let Standing::BackOff(until) = bench.standing("A") else { panic!("back-off") };
    assert!(
        matches!(reasons.as_slice(), [WaitReason::BackOff { until_seconds, attempt: 2 }]
            if (until_seconds * 1000.0 - until.as_millis() as f64).abs() < 1.0),
        "{reasons:?}"
    );
}

#[test]
fn a_failed_task_holds_back_its_dependents_alone() {
    let mut bench = with_retries(0);
    fails(&mut bench, 1);
    assert_eq!(bench.phase(), RunPhase::Running);
    bench.works("CG-1", "C.1");
    assert_eq!(bench.phase(), RunPhase::Failed);
    assert_eq!(bench.standing("B"), Standing::Waiting);
    assert_eq!(bench.engine.state().stuck, ["B waits: it needs A", "D waits: it needs B"]);
}

#[test]
fn a_retry_by_hand_opens_the_run_again_with_all_its_retries() {
    let mut bench = with_retries(1);
    fails(&mut bench, 1);
    bench.works("CG-1", "C.1");
    bench.pass(10);
    fails(&mut bench, 2);
    assert_eq!(bench.phase(), RunPhase::Failed);
    bench.order(Order::RetryTask(task("A"))).expect("fits");
    assert_eq!(bench.phase(), RunPhase::Running);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.3"]);
    assert_eq!(bench.task("A").tries_spent, 0);
    bench.works("CG-1", "A.3");
    bench.works("CG-1", "B.1");
    bench.works("CG-1", "D.1");
    assert_eq!(bench.phase(), RunPhase::Completed);
}

#[test]
fn what_runs_waits_or_is_completed_is_not_retried() {
    let mut bench = with_retries(1);
    for id in ["A", "B"] {
        assert!(bench.order(Order::RetryTask(task(id))).is_err(), "{id}");
    }
    bench.works("CG-1", "A.1");
    let refused = bench.order(Order::RetryTask(task("A"))).expect_err("completed");
    assert!(refused.to_string().contains("nothing completed is run again"), "{refused}");
}
