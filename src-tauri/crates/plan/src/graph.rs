//! A plan's needs as a graph: which count under a choice, which wave holds a task back, and what
//! the engine and the forecast ask of both.

use std::collections::{BTreeMap, HashMap};

use crate::dag::Dag;
use crate::forecast::{Choice, Edge};
use crate::ids::TaskId;
use crate::model::{Plan, Task};
use crate::order::Standing;

/// The needs that go against the waves as written: the need is in the same wave or in a later one.
/// A need inside a wave that the plan calls sequential is none.
#[must_use]
pub fn conflicts(plan: &Plan) -> Vec<Edge> {
    let waves: HashMap<&TaskId, u32> =
        plan.tasks.iter().filter_map(|task| Some((&task.id, task.wave?))).collect();
    let mut found = Vec::new();
    for task in &plan.tasks {
        for need in &task.needs {
            if is_conflict(plan, task.wave, waves.get(need).copied()) {
                found.push(Edge { need: need.clone(), task: task.id.clone() });
            }
        }
    }
    found
}

fn is_conflict(plan: &Plan, task: Option<u32>, need: Option<u32>) -> bool {
    match (task, need) {
        (Some(task), Some(need)) if task == need => !plan.sequential_waves.contains(&task),
        (Some(task), Some(need)) => task < need,
        _ => false,
    }
}

/// The needs of every task that count under this choice.
#[must_use]
pub fn effective_needs(plan: &Plan, choice: Choice) -> BTreeMap<TaskId, Vec<TaskId>> {
    let waves: HashMap<&TaskId, u32> =
        plan.tasks.iter().filter_map(|task| Some((&task.id, task.wave?))).collect();
    let counts = |task: &Task, need: &TaskId| {
        !(choice.drop_conflicting_edges && is_conflict(plan, task.wave, waves.get(need).copied()))
    };
    let needs = |task: &Task| task.needs.iter().filter(|need| counts(task, need)).cloned().collect();
    plan.tasks.iter().map(|task| (task.id.clone(), needs(task))).collect()
}

/// A plan's tasks by index, with the needs that count under a choice.
#[derive(Debug, Clone)]
pub struct PlanGraph {
    index: HashMap<TaskId, usize>,
    dag: Dag,
    levels: Vec<u32>,
    ranks: Vec<f64>,
    standings: Vec<Standing>,
    waves: Option<Vec<Option<u32>>>,
}

impl PlanGraph {
    /// Looks at a plan under a choice.
    #[must_use]
    pub fn new(plan: &Plan, choice: Choice) -> Self {
        let index: HashMap<TaskId, usize> =
            plan.tasks.iter().enumerate().map(|(index, task)| (task.id.clone(), index)).collect();
        let needs = effective_needs(plan, choice);
        let edges = plan.tasks.iter().enumerate().flat_map(|(task, entry)| {
            let needs = needs.get(&entry.id).map_or(&[][..], Vec::as_slice);
            needs.iter().filter_map(|need| index.get(need)).map(move |need| (*need, task)).collect::<Vec<_>>()
        });
        let dag = Dag::new(plan.tasks.len(), edges);
        let seconds: Vec<f64> = plan.tasks.iter().map(|task| f64::from(task.estimated_seconds)).collect();
        let ranks = dag.upward_ranks(&seconds);
        let standing = |(index, task): (usize, &Task)| Standing {
            priority: task.priority,
            rank_seconds: ranks[index],
            index,
        };
        let standings = plan.tasks.iter().enumerate().map(standing).collect();
        let waves = choice.follow_waves.then(|| held_waves(plan, &dag));
        Self { levels: dag.levels(), index, dag, ranks, standings, waves }
    }

    /// A task's place in the plan.
    #[must_use]
    pub fn index(&self, task: &TaskId) -> Option<usize> {
        self.index.get(task).copied()
    }

    /// The bare graph; its nodes are the tasks' places in the plan.
    #[must_use]
    pub fn dag(&self) -> &Dag {
        &self.dag
    }

    /// How many tasks stand before each one on its longest chain of needs.
    #[must_use]
    pub fn levels(&self) -> &[u32] {
        &self.levels
    }

    /// The longest remaining path of each task in seconds, its own estimate included.
    #[must_use]
    pub fn ranks(&self) -> &[f64] {
        &self.ranks
    }

    /// What decides when each task goes; see [`crate::order::compare`].
    #[must_use]
    pub fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// The wave that holds a task back, when waves are followed: it may start once every task of
    /// a smaller one has ended. None where waves do not count or the plan gives it none.
    ///
    /// This is the wave as written, but a need counts to the earliest wave of all that waits for
    /// it. So an edge from a later wave to an earlier one, which as a barrier could never open,
    /// just pulls its need forward, and no choice can make a plan wait for itself.
    #[must_use]
    pub fn wave(&self, task: usize) -> Option<u32> {
        self.waves.as_ref()?[task]
    }
}

fn held_waves(plan: &Plan, dag: &Dag) -> Vec<Option<u32>> {
    let mut earliest: Vec<u32> = plan.tasks.iter().map(|task| task.wave.unwrap_or(u32::MAX)).collect();
    for node in dag.topological().into_iter().rev() {
        let behind = dag.dependents(node).into_iter().map(|next| earliest[next]).min();
        earliest[node] = earliest[node].min(behind.unwrap_or(u32::MAX));
    }
    let held = |(task, earliest): (&Task, u32)| task.wave.map(|_| earliest);
    plan.tasks.iter().zip(earliest).map(held).collect()
}
