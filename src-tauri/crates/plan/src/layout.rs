//! Where the graph view draws each task: layers from left to right, few crossings, nothing on top
//! of anything else. The same plan always gives the same picture.
//!
//! A layer holds the tasks of one level (longest path). An edge over several layers runs through a
//! narrow free lane in each layer between, so that it passes beside nodes and not behind them.
//! Within the layers the order comes from barycenter sweeps; the one with the fewest crossings wins.

use std::collections::{BTreeMap, HashMap};

use crate::dag::Dag;
use crate::ids::TaskId;

/// From the middle of one layer to the next, in node heights.
pub const LAYER_PITCH: f64 = 6.0;
/// From the middle of one node to the next in its layer, in node heights.
pub const ROW_PITCH: f64 = 1.5;
/// How wide a node is drawn, in node heights.
pub const NODE_WIDTH: f64 = 4.4;

/// How high a free lane for an edge is, in node heights.
const LANE_PITCH: f64 = 0.4;
/// How often the layers are swept, there and back.
const SWEEPS: usize = 4;
/// Edges over more layers than this get no lanes: they would pull everything apart.
const LONGEST_WITH_LANES: u32 = 8;

/// The middle of each task's node, `(x, y)` in node heights. Layers are centred on `y = 0`.
#[must_use]
pub fn layout(tasks: &[(TaskId, Vec<TaskId>)]) -> BTreeMap<TaskId, (f64, f64)> {
    let index: HashMap<&TaskId, usize> = tasks.iter().enumerate().map(|(at, (task, _))| (task, at)).collect();
    let edges = tasks.iter().enumerate().flat_map(|(task, (_, needs))| {
        needs.iter().filter_map(|need| index.get(need)).map(move |need| (*need, task)).collect::<Vec<_>>()
    });
    let mut layers = Layers::new(&Dag::new(tasks.len(), edges));
    layers.untangle();
    let places = layers.places();
    tasks.iter().zip(places).map(|((task, _), place)| (task.clone(), place)).collect()
}

/// Nodes `0..tasks` are tasks, the ones after them are lanes.
struct Layers {
    tasks: usize,
    layer: Vec<u32>,
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
    /// The nodes of each layer, from top to bottom.
    order: Vec<Vec<usize>>,
    /// Each node's place in its layer, as a number and in proportion to the layer's size.
    place: Vec<usize>,
    relative: Vec<f64>,
}

impl Layers {
    fn new(dag: &Dag) -> Self {
        let tasks = dag.len();
        let mut layers = Self {
            tasks,
            layer: dag.levels(),
            before: vec![Vec::new(); tasks],
            after: vec![Vec::new(); tasks],
            order: Vec::new(),
            place: Vec::new(),
            relative: Vec::new(),
        };
        let mut lanes = 2_000 + 2 * tasks;
        for task in 0..tasks {
            for need in dag.needs(task) {
                let span = layers.layer[task].saturating_sub(layers.layer[need]);
                let wanted = span.saturating_sub(1) as usize;
                if span == 0 || span > LONGEST_WITH_LANES || wanted > lanes {
                    continue;
                }
                lanes -= wanted;
                layers.join(need, task);
            }
        }
        layers.first_order();
        layers
    }

    /// Joins two nodes by way of a lane in each layer between.
    fn join(&mut self, need: usize, task: usize) {
        let mut from = need;
        for layer in self.layer[need] + 1..self.layer[task] {
            let lane = self.layer.len();
            self.layer.push(layer);
            self.before.push(Vec::new());
            self.after.push(Vec::new());
            self.link(from, lane);
            from = lane;
        }
        self.link(from, task);
    }

    fn link(&mut self, from: usize, to: usize) {
        self.after[from].push(to);
        self.before[to].push(from);
    }

    fn first_order(&mut self) {
        let depth = self.layer.iter().max().map_or(0, |deepest| *deepest as usize + 1);
        self.order = vec![Vec::new(); depth];
        for (node, layer) in self.layer.iter().enumerate() {
            self.order[*layer as usize].push(node);
        }
        self.place = vec![0; self.layer.len()];
        self.relative = vec![0.0; self.layer.len()];
        for layer in 0..depth {
            self.note_places(layer);
        }
    }

    fn note_places(&mut self, layer: usize) {
        let size = number(self.order[layer].len());
        for (place, node) in self.order[layer].iter().enumerate() {
            self.place[*node] = place;
            self.relative[*node] = (number(place) + 0.5) / size;
        }
    }

    fn untangle(&mut self) {
        let mut best = (self.crossings(), self.order.clone());
        let mut in_vain = 0;
        for _ in 0..SWEEPS {
            if best.0 == 0 || in_vain == 2 {
                break;
            }
            in_vain += 1;
            for layer in 1..self.order.len() {
                self.sort_layer(layer, Side::Before);
            }
            for layer in (0..self.order.len().saturating_sub(1)).rev() {
                self.sort_layer(layer, Side::After);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.order.clone());
                in_vain = 0;
            }
        }
        self.order = best.1;
    }

    /// Sorts a layer by where its nodes' neighbours on one side stand; a node without any stays
    /// where it is in proportion.
    fn sort_layer(&mut self, layer: usize, side: Side) {
        let neighbours = match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        };
        let key = |node: usize| {
            let around = &neighbours[node];
            let sum: f64 = around.iter().map(|other| self.relative[*other]).sum();
            if around.is_empty() { self.relative[node] } else { sum / number(around.len()) }
        };
        let mut keyed: Vec<(f64, usize)> = self.order[layer].iter().map(|node| (key(*node), *node)).collect();
        keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
        self.order[layer] = keyed.into_iter().map(|(_, node)| node).collect();
        self.note_places(layer);
    }

    /// How many pairs of links cross, over all gaps between layers.
    fn crossings(&self) -> u64 {
        let gap = |layer: &Vec<usize>| {
            let mut ends = Vec::new();
            for node in layer {
                let start = ends.len();
                ends.extend(self.after[*node].iter().map(|next| self.place[*next]));
                ends[start..].sort_unstable();
            }
            inversions(&ends)
        };
        self.order.iter().map(gap).sum()
    }

    fn places(&self) -> Vec<(f64, f64)> {
        let mut places = vec![(0.0, 0.0); self.tasks];
        for (layer, nodes) in self.order.iter().enumerate() {
            let pitch = |node: usize| if node < self.tasks { ROW_PITCH } else { LANE_PITCH };
            let height: f64 = nodes.iter().map(|node| pitch(*node)).sum();
            let mut top = -height / 2.0;
            for node in nodes {
                if *node < self.tasks {
                    places[*node] = (number(layer) * LAYER_PITCH, top + ROW_PITCH / 2.0);
                }
                top += pitch(*node);
            }
        }
        places
    }
}

/// On which side a layer looks for its neighbours.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

/// A count as a number to reckon with.
fn number(place: usize) -> f64 {
    u32::try_from(place).map_or(f64::MAX, f64::from)
}

/// How many pairs stand in the wrong order, by a Fenwick tree.
fn inversions(values: &[usize]) -> u64 {
    let size = values.iter().max().map_or(0, |largest| largest + 1);
    let mut tree = vec![0_u64; size + 1];
    let mut found = 0;
    for (seen, value) in (0_u64..).zip(values) {
        let mut not_larger = 0;
        let mut at = value + 1;
        while at > 0 {
            not_larger += tree[at];
            at &= at - 1;
        }
        found += seen - not_larger;
        at = value + 1;
        while at <= size {
            tree[at] += 1;
            at += at & at.wrapping_neg();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(number: usize) -> TaskId {
        TaskId::new(format!("T{number}")).expect("a valid id")
    }

    fn tasks(needs: &[&[usize]]) -> Vec<(TaskId, Vec<TaskId>)> {
        let entry =
            |(at, needs): (usize, &&[usize])| (task(at), needs.iter().map(|need| task(*need)).collect());
        needs.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn inversions_are_counted_once_a_pair() {
        assert_eq!(inversions(&[0, 1, 2]), 0);
        assert_eq!(inversions(&[2, 1, 0]), 3);
        assert_eq!(inversions(&[1, 1, 0, 0]), 4);
        assert_eq!(inversions(&[]), 0);
    }

    #[test]
    fn levels_go_to_the_right_and_layers_are_centred() {
        let places = layout(&tasks(&[&[], &[0], &[0], &[1, 2]]));
        assert_eq!(places[&task(0)], (0.0, 0.0));
        assert_eq!(places[&task(1)], (6.0, -0.75));
        assert_eq!(places[&task(2)], (6.0, 0.75));
        assert_eq!(places[&task(3)], (12.0, 0.0));
    }

    #[test]
    fn a_crossing_that_can_go_goes() {
        let places = layout(&tasks(&[&[], &[], &[1], &[0]]));
        let above = |one, other| places[&task(one)].1 < places[&task(other)].1;
        assert_eq!(above(0, 1), above(3, 2), "T3 stands beside its need T0");
    }

    #[test]
    fn an_edge_over_a_layer_passes_beside_its_node() {
        let places = layout(&tasks(&[&[], &[0], &[0, 1]]));
        assert_ne!(places[&task(1)].1, 0.0);
    }

    #[test]
    fn nothing_and_a_cycle_are_drawn_too() {
        assert!(layout(&[]).is_empty());
        let places = layout(&tasks(&[&[1], &[0]]));
        assert_ne!(places[&task(0)], places[&task(1)]);
    }
}
