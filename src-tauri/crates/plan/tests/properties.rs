//! What holds for every plan: schedules that respect needs, waves and room, and a picture in which
//! nothing covers anything.

use std::collections::BTreeMap;

use miyabi_plan::layout::{LAYER_PITCH, NODE_WIDTH};
use miyabi_plan::model::TmuxLayout;
use miyabi_plan::{
    Access, Agent, AgentId, ApprovalPolicy, Budget, Choice, Failover, Fallback, Forecast, Host, HostId,
    Limits, Order, Plan, PlanGraph, PriceTable, RunnerKind, Task, TaskId, forecast, layout,
};
use proptest::prelude::*;

fn task_id(number: usize) -> TaskId {
    TaskId::new(format!("T{number}")).expect("a valid id")
}

fn host_id(number: usize) -> HostId {
    HostId::new(format!("H{number}")).expect("a valid id")
}

/// Agents of two kinds, spread over the hosts.
fn agent(number: usize, hosts: usize) -> Agent {
    let kind = if number.is_multiple_of(3) { "CCG" } else { "CG" };
    Agent {
        id: AgentId::new(format!("{kind}-{number}")).expect("a valid id"),
        title: String::new(),
        host: host_id(number % hosts),
        runner: RunnerKind::Rehearsal,
        command: Vec::new(),
        environment: BTreeMap::new(),
        mode: None,
        model: None,
        access: Access::default(),
        account: String::new(),
        tools: None,
    }
}

fn host(number: usize, capacity: u32) -> Host {
    Host::local(host_id(number), capacity)
}

prop_compose! {
    /// A task that needs some of those before it in `0..number`, after a shuffle by `turn`.
    fn task(number: usize)(
        needs in prop::collection::btree_set(0..number.max(1), 0..4),
        agent in 0..6_usize,
        priority in 0..3_i32,
        estimated_seconds in 1..100_u32,
        wave in prop::option::weighted(0.8, 1..5_u32),
        bound in prop::bool::weighted(0.1),
    ) -> (usize, Vec<usize>, usize, i32, u32, Option<u32>, bool) {
        let needs = needs.into_iter().filter(|need| *need < number).collect();
        (number, needs, agent, priority, estimated_seconds, wave, bound)
    }
}

fn plans() -> impl Strategy<Value = Plan> {
    let tasks = (1..25_usize).prop_flat_map(|count| (0..count).map(task).collect::<Vec<_>>());
    let hosts = prop::collection::vec(1..4_u32, 1..3);
    let rest = (hosts, prop::option::of(1..5_u32), any::<bool>(), any::<bool>());
    (tasks, rest).prop_map(|(tasks, (hosts, parallel, work_stealing, by_path))| {
        let agents: Vec<Agent> = (0..6).map(|number| agent(number, hosts.len())).collect();
        let tasks =
            tasks.into_iter().map(|(number, needs, agent, priority, estimated_seconds, wave, bound)| Task {
                id: task_id(number),
                title: String::new(),
                prompt: String::new(),
                agent: agents[agent].id.clone(),
                needs: needs.into_iter().map(task_id).collect(),
                priority,
                estimated_seconds,
                module: String::new(),
                wave,
                outputs: Vec::new(),
                acceptance: Vec::new(),
                retries: 0,
                time_limit_seconds: 600,
                host: bound.then(|| agents[agent].host.clone()),
                needs_approval: false,
            });
        Plan {
            name: "p".to_owned(),
            title: String::new(),
            label: None,
            rules: Vec::new(),
            prompt_template: None,
            order: if by_path { Order::CriticalPath } else { Order::Priority },
            work_stealing,
            work_folder: "work".to_owned(),
            sequential_waves: vec![2],
            tasks: tasks.collect(),
            agents,
            hosts: hosts.into_iter().enumerate().map(|(number, capacity)| host(number, capacity)).collect(),
            limits: Limits { parallel, ..Limits::default() },
            approvals: ApprovalPolicy::default(),
            budget: Budget::default(),
            fallback: Fallback::default(),
            failover: Failover::default(),
            prices: PriceTable::default(),
            layout: TmuxLayout::default(),
            git: miyabi_plan::GitPlan::default(),
            verification: Vec::new(),
        }
    })
}

/// How many of these slots run at each start: the only moments at which the number grows.
fn most_at_once(slots: &[(f64, f64)]) -> u32 {
    let at = |moment: f64| slots.iter().filter(|(start, end)| *start <= moment && moment < *end).count();
    let most = slots.iter().map(|(start, _)| at(*start)).max().unwrap_or(0);
    u32::try_from(most).expect("few tasks")
}

fn check_schedule(plan: &Plan, forecast: &Forecast, choice: Choice) -> Result<(), TestCaseError> {
    let graph = PlanGraph::new(plan, choice);
    let slots = &forecast.slots;
    prop_assert_eq!(slots.len(), plan.tasks.len());
    for (at, task) in plan.tasks.iter().enumerate() {
        for need in graph.dag().needs(at) {
            prop_assert!(slots[need].end_seconds <= slots[at].start_seconds, "{} needs {need}", task.id);
        }
        for other in 0..slots.len() {
            if let (Some(mine), Some(its)) = (graph.wave(at), graph.wave(other))
                && its < mine
            {
                prop_assert!(
                    slots[other].end_seconds <= slots[at].start_seconds,
                    "{} waits for wave {its}",
                    task.id
                );
            }
        }
        let agent = plan.agent(&slots[at].agent).expect("an agent of the plan");
        prop_assert_eq!(agent.id.kind(), task.kind());
        prop_assert_eq!(&agent.host, &slots[at].host);
        prop_assert!(plan.work_stealing || agent.id == task.agent);
        prop_assert!(task.host.as_ref().is_none_or(|host| host == &agent.host));
    }
    let span = |slot: &miyabi_plan::Slot| (slot.start_seconds, slot.end_seconds);
    for host in &plan.hosts {
        let there: Vec<_> = slots.iter().filter(|slot| slot.host == host.id).map(span).collect();
        prop_assert!(most_at_once(&there) <= host.capacity);
    }
    for agent in &plan.agents {
        let its: Vec<_> = slots.iter().filter(|slot| slot.agent == agent.id).map(span).collect();
        prop_assert!(most_at_once(&its) <= 1);
    }
    let all: Vec<_> = slots.iter().map(span).collect();
    prop_assert!(plan.limits.parallel.is_none_or(|limit| most_at_once(&all) <= limit));
    Ok(())
}

proptest! {
    #[test]
    fn a_schedule_respects_needs_waves_and_room(plan in plans()) {
        for (follow_waves, drop_conflicting_edges) in [(false, false), (true, false), (true, true), (false, true)] {
            let choice = Choice { follow_waves, drop_conflicting_edges };
            let forecast = forecast(&plan, choice);
            check_schedule(&plan, &forecast, choice)?;
            prop_assert!(forecast.expected_seconds >= forecast.lower_bound_seconds - 1e-6);
            prop_assert!(forecast.lower_bound_seconds >= forecast.critical_path_seconds);
            prop_assert!(forecast.expected_seconds <= forecast.one_agent_seconds);
            prop_assert_eq!(!forecast.dropped_edges.is_empty() && !drop_conflicting_edges, false);
        }
    }

    #[test]
    fn no_node_covers_another(plan in plans()) {
        let tasks: Vec<_> = plan.tasks.into_iter().map(|task| (task.id, task.needs)).collect();
        let places = layout(&tasks);
        prop_assert_eq!(places.len(), tasks.len());
        let all: Vec<(f64, f64)> = places.values().copied().collect();
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                let apart = (one.0 - other.0).abs() >= NODE_WIDTH || (one.1 - other.1).abs() >= 1.0;
                prop_assert!(apart, "{one:?} {other:?}");
            }
        }
        for (task, needs) in &tasks {
            for need in needs {
                prop_assert!(places[need].0 + LAYER_PITCH <= places[task].0, "an edge goes to the right");
            }
        }
        prop_assert_eq!(&layout(&tasks), &places, "the same plan gives the same picture");
    }
}
