//! How many tasks wait behind each one, by the plan alone.

use std::collections::BTreeSet;

use miyabi_plan::TaskId;
use miyabi_plan::graph::PlanGraph;
use miyabi_protocol::RunOpening;

/// The counts of one plan.
#[derive(Debug)]
pub(crate) struct Behind {
    graph: PlanGraph,
    dependents: Vec<u32>,
}

impl Behind {
    pub(crate) fn new(opening: &RunOpening) -> Self {
        let graph = PlanGraph::new(&opening.plan, opening.choice);
        let dependents = graph.dag().dependent_counts();
        Self { graph, dependents }
    }

    /// How many tasks need this one, directly or not; none for a task that the plan does not name.
    pub(crate) fn count(&self, task: &TaskId) -> u32 {
        let index = self.graph.index(task);
        index.and_then(|index| self.dependents.get(index).copied()).unwrap_or(0)
    }

    /// How many tasks need any of these, directly or not, those themselves left out.
    pub(crate) fn count_all(&self, tasks: &[&TaskId]) -> u32 {
        let start: Vec<usize> = tasks.iter().filter_map(|task| self.graph.index(task)).collect();
        let mut met: BTreeSet<usize> = start.iter().copied().collect();
        let mut waiting = start.clone();
        while let Some(task) = waiting.pop() {
            waiting.extend(self.graph.dag().dependents(task).into_iter().filter(|next| met.insert(*next)));
        }
        u32::try_from(met.len() - start.iter().collect::<BTreeSet<_>>().len()).unwrap_or(u32::MAX)
    }
}
