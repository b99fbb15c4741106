//! The graph of needs: order, cycles, levels, ranks. Knows indices only, no tasks and no plan.
//!
//! Every walk is iterative, so that a chain of 10,000 nodes needs no deep stack.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// A directed graph over the nodes `0..len`; an edge goes from a need to what waits for it.
///
/// It may hold cycles until [`Dag::cycles`] has said otherwise: the other questions then leave the
/// nodes on and behind a cycle out, or treat them as roots, and still end.
#[derive(Debug, Clone)]
pub struct Dag {
    graph: DiGraph<(), (), u32>,
}

impl Dag {
    /// A graph of `len` nodes and of these edges, each `(need, task)`. An edge that names no node
    /// is left out.
    #[must_use]
    pub fn new(len: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut graph = DiGraph::with_capacity(len, 0);
        for _ in 0..len {
            graph.add_node(());
        }
        for (need, task) in edges {
            if need < len && task < len {
                graph.add_edge(NodeIndex::new(need), NodeIndex::new(task), ());
            }
        }
        Self { graph }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a node waits for, in ascending order.
    #[must_use]
    pub fn needs(&self, node: usize) -> Vec<usize> {
        self.neighbours(node, Incoming)
    }

    /// What waits for a node, in ascending order.
    #[must_use]
    pub fn dependents(&self, node: usize) -> Vec<usize> {
        self.neighbours(node, Outgoing)
    }

    fn neighbours(&self, node: usize, direction: petgraph::Direction) -> Vec<usize> {
        let mut found: Vec<usize> =
            self.graph.neighbors_directed(NodeIndex::new(node), direction).map(NodeIndex::index).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn heads(&self, node: usize) -> impl Iterator<Item = usize> {
        self.graph.neighbors_directed(NodeIndex::new(node), Outgoing).map(NodeIndex::index)
    }

    fn tails(&self, node: usize) -> impl Iterator<Item = usize> {
        self.graph.neighbors_directed(NodeIndex::new(node), Incoming).map(NodeIndex::index)
    }

    /// The nodes, needs first; among those that could come next, the smallest comes next. Nodes
    /// on and behind a cycle are missing.
    #[must_use]
    pub fn topological(&self) -> Vec<usize> {
        let mut open: Vec<usize> = (0..self.len()).map(|node| self.tails(node).count()).collect();
        let mut free: BinaryHeap<Reverse<usize>> =
            (0..self.len()).filter(|node| open[*node] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse(node)) = free.pop() {
            order.push(node);
            for next in self.heads(node) {
                open[next] -= 1;
                if open[next] == 0 {
                    free.push(Reverse(next));
                }
            }
        }
        order
    }

    /// One shortest cycle of each knot, as the nodes in the order of the edges; the first is not
    /// repeated at the end. Empty for a graph without cycles.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        let mut found: Vec<Vec<usize>> = kosaraju_scc(&self.graph)
            .into_iter()
            .filter_map(|knot| {
                let start = *knot.iter().min()?;
                let is_knot = knot.len() > 1 || self.graph.contains_edge(start, start);
                is_knot.then(|| self.shortest_cycle(start.index())).flatten()
            })
            .collect();
        found.sort();
        found
    }

    fn shortest_cycle(&self, start: usize) -> Option<Vec<usize>> {
        let mut from: Vec<Option<usize>> = vec![None; self.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for next in self.dependents(node) {
                if next == start {
                    let mut path = vec![node];
                    let mut at = node;
                    while let (true, Some(before)) = (at != start, from[at]) {
                        path.push(before);
                        at = before;
                    }
                    path.reverse();
                    return Some(path);
                }
                if from[next].is_none() {
                    from[next] = Some(node);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// How many nodes stand before each one on its longest chain.
    #[must_use]
    pub fn levels(&self) -> Vec<u32> {
        let mut levels = vec![0; self.len()];
        for node in self.topological() {
            for next in self.heads(node) {
                levels[next] = levels[next].max(levels[node] + 1);
            }
        }
        levels
    }

    /// The nodes of each level, in ascending order.
    #[must_use]
    pub fn generations(&self) -> Vec<Vec<usize>> {
        let mut generations: Vec<Vec<usize>> = Vec::new();
        for (node, level) in self.levels().into_iter().enumerate() {
            let level = level as usize;
            if generations.len() <= level {
                generations.resize(level + 1, Vec::new());
            }
            generations[level].push(node);
        }
        generations
    }

    /// The longest remaining path from each node to an end, its own weight included.
    ///
    /// # Panics
    /// When there are fewer weights than nodes.
    #[must_use]
    pub fn upward_ranks(&self, weights: &[f64]) -> Vec<f64> {
        let mut ranks = weights[..self.len()].to_vec();
        for node in self.topological().into_iter().rev() {
            let behind = self.heads(node).map(|next| ranks[next]).fold(0.0, f64::max);
            ranks[node] = weights[node] + behind;
        }
        ranks
    }

    /// The chain whose weights sum up to most, and that sum. Among equal ones the chain of the
    /// smaller indices.
    ///
    /// # Panics
    /// When there are fewer weights than nodes.
    #[must_use]
    pub fn longest_path(&self, weights: &[f64]) -> (Vec<usize>, f64) {
        let ranks = self.upward_ranks(weights);
        let mut path = Vec::new();
        let mut next =
            best(self.topological().into_iter().filter(|node| self.tails(*node).next().is_none()), &ranks);
        let length = next.map_or(0.0, |node| ranks[node]);
        while let Some(node) = next {
            path.push(node);
            next = best(self.dependents(node), &ranks);
        }
        (path, length)
    }

    /// Which nodes lie before which, for many questions at once.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let words = self.len().div_ceil(64);
        let mut before = vec![0_u64; words * self.len()];
        for node in self.topological() {
            for need in self.tails(node) {
                join(&mut before, words, need, node);
            }
        }
        Reach { words, before }
    }

    /// How many nodes wait for each one, directly or not.
    #[must_use]
    pub fn dependent_counts(&self) -> Vec<u32> {
        let words = self.len().div_ceil(64);
        let mut behind = vec![0_u64; words * self.len()];
        let mut counts = vec![0; self.len()];
        for node in self.topological().into_iter().rev() {
            for next in self.heads(node) {
                join(&mut behind, words, next, node);
            }
            counts[node] =
                behind[node * words..(node + 1) * words].iter().map(|word| word.count_ones()).sum();
        }
        counts
    }
}

/// Adds a node, and all that its row holds, to another's row.
fn join(rows: &mut [u64], words: usize, from: usize, to: usize) {
    for word in 0..words {
        rows[to * words + word] |= rows[from * words + word];
    }
    rows[to * words + from / 64] |= 1 << (from % 64);
}

fn best(nodes: impl IntoIterator<Item = usize>, ranks: &[f64]) -> Option<usize> {
    nodes.into_iter().reduce(|best, node| {
        let better = ranks[node] > ranks[best] || (ranks[node] == ranks[best] && node < best);
        if better { node } else { best }
    })
}

/// Which nodes lie before which: a bit a pair.
#[derive(Debug, Clone)]
pub struct Reach {
    words: usize,
    before: Vec<u64>,
}

impl Reach {
    /// Whether `task` waits for `need`, directly or not.
    #[must_use]
    pub fn is_before(&self, need: usize, task: usize) -> bool {
        self.before[task * self.words + need / 64] >> (need % 64) & 1 == 1
    }

    /// Whether neither waits for the other: they may run at the same time.
    #[must_use]
    pub fn may_overlap(&self, one: usize, other: usize) -> bool {
        one != other && !self.is_before(one, other) && !self.is_before(other, one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diamond() -> Dag {
        Dag::new(5, [(0, 1), (0, 2), (1, 3), (2, 3)])
    }

    #[test]
    fn needs_come_first_and_small_indices_before_large_ones() {
        assert_eq!(diamond().topological(), [0, 1, 2, 3, 4]);
        assert_eq!(Dag::new(3, [(2, 0), (2, 1)]).topological(), [2, 0, 1]);
        assert_eq!(diamond().generations(), [vec![0, 4], vec![1, 2], vec![3]]);
    }

    #[test]
    fn a_cycle_is_shown_by_its_shortest_path() {
        assert!(diamond().cycles().is_empty());
        assert_eq!(Dag::new(2, [(1, 1)]).cycles(), [vec![1]]);
        let two_knots = Dag::new(7, [(0, 1), (1, 2), (2, 3), (3, 1), (2, 1), (5, 6), (6, 5)]);
        assert_eq!(two_knots.cycles(), [vec![1, 2], vec![5, 6]]);
        assert_eq!(two_knots.topological(), [0, 4]);
    }

    #[test]
    fn ranks_sum_the_longest_remaining_path() {
        let weights = [1.0, 5.0, 2.0, 4.0, 9.0];
        assert_eq!(diamond().upward_ranks(&weights), [10.0, 9.0, 6.0, 4.0, 9.0]);
        assert_eq!(diamond().longest_path(&weights), (vec![0, 1, 3], 10.0));
        assert_eq!(Dag::new(0, []).longest_path(&[]), (vec![], 0.0));
    }

    #[test]
    fn reach_knows_all_that_lies_before() {
        let dag = diamond();
        let reach = dag.reach();
        assert!(reach.is_before(0, 3) && !reach.is_before(3, 0));
        assert!(reach.may_overlap(1, 2) && !reach.may_overlap(0, 3) && !reach.may_overlap(1, 1));
        assert_eq!(dag.dependent_counts(), [3, 1, 1, 0, 0]);
    }

    #[test]
    fn a_chain_of_ten_thousand_needs_no_deep_stack() {
        let dag = Dag::new(10_000, (1..10_000).map(|task| (task - 1, task)));
        assert!(dag.cycles().is_empty());
        assert_eq!(dag.levels()[9_999], 9_999);
        assert_eq!(dag.dependent_counts()[0], 9_999);
    }
}
