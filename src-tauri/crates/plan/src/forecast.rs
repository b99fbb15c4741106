//! What a run is expected to take, for each choice that a person has.

use serde::{Deserialize, Serialize};

use crate::dag::Dag;
use crate::graph::PlanGraph;
pub use crate::graph::{conflicts, effective_needs};
use crate::ids::{AgentId, HostId, TaskId};
use crate::model::Plan;
use crate::schedule::play;

/// How a plan's waves and edges are read. Edges are never dropped silently: it is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Choice {
    /// A wave begins only when the one before it has ended.
    pub follow_waves: bool,
    /// Edges between tasks of the same wave, or against the waves, do not count.
    pub drop_conflicting_edges: bool,
}

/// A need: `task` needs `need`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Edge {
    /// What must be there first.
    pub need: TaskId,
    /// What waits for it.
    pub task: TaskId,
}

/// What a run is expected to take. All times in seconds from its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Forecast {
    /// For which choice.
    pub choice: Choice,
    /// How many tasks stand on the longest chain of needs.
    pub levels: u32,
    /// The chain that takes longest.
    pub critical_path: Vec<TaskId>,
    /// How long it takes.
    pub critical_path_seconds: f64,
    /// `max(critical path, work / capacity)`: no schedule can be shorter.
    pub lower_bound_seconds: f64,
    /// When the last task is expected to end.
    pub expected_seconds: f64,
    /// What one agent alone would need.
    pub one_agent_seconds: f64,
    /// The needs that this choice leaves out.
    pub dropped_edges: Vec<Edge>,
    /// When and where each task is expected to run, in the plan's order.
    pub slots: Vec<Slot>,
}

/// When and where a task is expected to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Slot {
    /// The task.
    pub task: TaskId,
    /// By whom.
    pub agent: AgentId,
    /// Where.
    pub host: HostId,
    /// From when.
    pub start_seconds: f64,
    /// Until when.
    pub end_seconds: f64,
    /// How many tasks stand before it on its longest chain of needs.
    pub level: u32,
    /// Whether it stands on the critical path.
    pub critical: bool,
}

/// What a run of this plan is expected to take under this choice, with every task taking its
/// estimate and the tasks handed out as the engine does it.
///
/// When waves are followed, the critical path also goes through their barriers: a task on it may
/// wait for the one before it only because that one ends its wave.
#[must_use]
pub fn forecast(plan: &Plan, choice: Choice) -> Forecast {
    let graph = PlanGraph::new(plan, choice);
    let (critical_path, critical_path_seconds) = critical_path(plan, &graph);
    let turns = play(plan, &graph);
    let work = plan.tasks.iter().map(|task| f64::from(task.estimated_seconds)).sum::<f64>();
    let mut critical = vec![false; plan.tasks.len()];
    for task in &critical_path {
        critical[*task] = true;
    }
    let slots = plan.tasks.iter().enumerate().filter_map(|(at, task)| {
        let agent = turns[at].agent.and_then(|agent| plan.agents.get(agent));
        Some(Slot {
            task: task.id.clone(),
            agent: agent.map_or(&task.agent, |agent| &agent.id).clone(),
            // A plan that passed validation has this agent, and at least one host.
            host: agent.map(|agent| &agent.host).or(plan.hosts.first().map(|host| &host.id))?.clone(),
            start_seconds: seconds(turns[at].start),
            end_seconds: seconds(turns[at].end),
            level: graph.levels()[at],
            critical: critical[at],
        })
    });
    Forecast {
        choice,
        levels: graph.levels().iter().max().map_or(0, |deepest| deepest + 1),
        lower_bound_seconds: critical_path_seconds.max(work / f64::from(places(plan).max(1))),
        critical_path: critical_path.into_iter().map(|at| plan.tasks[at].id.clone()).collect(),
        critical_path_seconds,
        expected_seconds: turns.iter().map(|turn| seconds(turn.end)).fold(0.0, f64::max),
        one_agent_seconds: work,
        dropped_edges: if choice.drop_conflicting_edges { conflicts(plan) } else { Vec::new() },
        slots: slots.collect(),
    }
}

/// The forecast of every choice that can make a difference: by the needs; for a plan with waves,
/// with waves as barriers; and where waves and needs conflict, with those needs left out, too.
#[must_use]
pub fn forecasts(plan: &Plan) -> Vec<Forecast> {
    let mut choices = vec![Choice::default()];
    if plan.tasks.iter().any(|task| task.wave.is_some()) {
        choices.push(Choice { follow_waves: true, drop_conflicting_edges: false });
        if !conflicts(plan).is_empty() {
            choices.push(Choice { follow_waves: true, drop_conflicting_edges: true });
        }
    }
    choices.into_iter().map(|choice| forecast(plan, choice)).collect()
}

/// How many tasks can run at once at the very most.
fn places(plan: &Plan) -> u32 {
    let on = |host: &HostId| {
        let agents = plan.agents.iter().filter(|agent| &agent.host == host).count();
        u32::try_from(agents).unwrap_or(u32::MAX)
    };
    let places = plan.hosts.iter().map(|host| host.capacity.min(on(&host.id))).fold(0, u32::saturating_add);
    places.min(plan.limits.parallel.unwrap_or(u32::MAX))
}

/// The longest chain by needs and, where waves are followed, barriers: these are nodes of their
/// own that take no time, between the tasks of a wave and those of the next.
fn critical_path(plan: &Plan, graph: &PlanGraph) -> (Vec<usize>, f64) {
    let count = plan.tasks.len();
    let mut waves: Vec<u32> = (0..count).filter_map(|task| graph.wave(task)).collect();
    waves.sort_unstable();
    waves.dedup();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for task in 0..count {
        edges.extend(graph.dag().needs(task).into_iter().map(|need| (need, task)));
        let Some(at) = graph.wave(task).and_then(|wave| waves.binary_search(&wave).ok()) else { continue };
        edges.push((task, count + at));
        if at > 0 {
            edges.push((count + at - 1, task));
        }
    }
    let mut weights: Vec<f64> = plan.tasks.iter().map(|task| f64::from(task.estimated_seconds)).collect();
    weights.resize(count + waves.len(), 0.0);
    let (mut path, length) = Dag::new(weights.len(), edges).longest_path(&weights);
    path.retain(|node| *node < count);
    (path, length)
}

/// Estimates are at most 30 days each, so the sums stay far below what an `f64` holds exactly.
fn seconds(whole: u64) -> f64 {
    std::time::Duration::from_secs(whole).as_secs_f64()
}
