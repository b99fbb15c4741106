//! The run's commits as a graph: what it began from, what each attempt left, what was merged, the result.

use std::collections::HashMap;

use miyabi_plan::{AgentId, HostId, TaskId};

use crate::git_figures::{base, commit};
use crate::model::{AttemptReport, GitReport, Outcome, Report, TaskReport};

/// A commit of the run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Its full hash.
    pub(crate) commit: String,
    /// What it is.
    pub(crate) kind: NodeKind,
    /// The task that it belongs to, or that begins from it.
    pub(crate) task: Option<TaskId>,
    /// Whose lane it stands in; none for what belongs to the run as a whole.
    pub(crate) agent: Option<AgentId>,
    /// Where it was made.
    pub(crate) host: Option<HostId>,
    /// When, after the start.
    pub(crate) at: f64,
    /// What it was made from, as places in the graph; always earlier ones.
    pub(crate) parents: Vec<usize>,
}

/// What a commit of the run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// What the run began from.
    Base,
    /// What an attempt left.
    Work {
        /// As in `Task-2.1`.
        attempt: String,
        /// Whether its task is COMPLETED by it.
        completed: bool,
        /// Whether it resolves a conflict.
        resolves: bool,
    },
    /// What a person gave to resolve a conflict.
    Taken,
    /// What the needs of a task produced, merged.
    Merge,
    /// All work merged.
    Result,
}

/// The graph, each commit behind those that it was made from; empty where the run is not on git.
pub(crate) fn lineage(report: &Report) -> Vec<Node> {
    let Some(git) = &report.git else { return Vec::new() };
    let mut found: Vec<(Node, Vec<String>)> = Vec::new();
    for task in &report.tasks {
        let mut before = None;
        for attempt in &task.attempts {
            let Some(made) = work(task, attempt, git, before) else { continue };
            before = commit(attempt);
            found.push(made);
        }
        found.extend(person(task, git));
    }
    found.extend(git.merges.iter().map(|merge| {
        let node = Node {
            commit: merge.commit.clone(),
            kind: if merge.task.is_some() { NodeKind::Merge } else { NodeKind::Result },
            task: merge.task.clone(),
            agent: merge.task.as_ref().and_then(|task| taker(report, task)),
            host: None,
            at: merge.after_seconds,
            parents: Vec::new(),
        };
        (node, merge.heads.clone())
    }));
    // At one moment a merge comes before the work that begins from it, and the result comes last.
    found.sort_by(|(a, _), (b, _)| a.at.total_cmp(&b.at).then(rank(&a.kind).cmp(&rank(&b.kind))));
    let root = Node {
        commit: git.base.clone(),
        kind: NodeKind::Base,
        task: None,
        agent: None,
        host: None,
        at: 0.0,
        parents: Vec::new(),
    };
    joined(root, found)
}

fn rank(kind: &NodeKind) -> u8 {
    match kind {
        NodeKind::Base => 0,
        NodeKind::Merge => 1,
        NodeKind::Work { .. } | NodeKind::Taken => 2,
        NodeKind::Result => 3,
    }
}

/// What an attempt left, and the commits that it was made from.
fn work(
    task: &TaskReport,
    attempt: &AttemptReport,
    git: &GitReport,
    before: Option<&str>,
) -> Option<(Node, Vec<String>)> {
    let commit = commit(attempt)?;
    let conflict = git.conflicts.iter().find(|conflict| conflict.task == task.id);
    let completed = attempt.outcome == Outcome::Completed;
    let kind =
        NodeKind::Work { attempt: attempt.id.clone(), completed, resolves: conflict.is_some() && completed };
    let mut from: Vec<String> = before.or_else(|| base(attempt)).map(str::to_owned).into_iter().collect();
    from.extend(conflict.filter(|_| completed).map(|conflict| conflict.conflict.theirs.clone()));
    let node = Node {
        commit: commit.to_owned(),
        kind,
        task: Some(task.id.clone()),
        agent: Some(attempt.agent.clone()),
        host: Some(attempt.host.clone()),
        at: attempt.end_seconds,
        parents: Vec::new(),
    };
    Some((node, from))
}

/// The commit by which a person resolved a conflict.
fn person(task: &TaskReport, git: &GitReport) -> Option<(Node, Vec<String>)> {
    let work = task.work.as_ref().filter(|work| work.attempt.is_none())?;
    let conflict = git.conflicts.iter().find(|conflict| conflict.task == task.id);
    let sides = conflict.map(|found| vec![found.conflict.ours.clone(), found.conflict.theirs.clone()]);
    let node = Node {
        commit: work.commit.clone(),
        kind: NodeKind::Taken,
        task: Some(task.id.clone()),
        agent: None,
        host: None,
        at: task.ended_after_seconds.unwrap_or(0.0),
        parents: Vec::new(),
    };
    Some((node, sides.unwrap_or_default()))
}

/// The agent that begins from a merge.
fn taker(report: &Report, task: &TaskId) -> Option<AgentId> {
    let task = report.tasks.iter().find(|candidate| candidate.id == *task)?;
    Some(task.attempts.last().map_or(&task.agent, |attempt| &attempt.agent).clone())
}

/// Settles the parents: the nodes with those commits that stand earlier; without any, the base.
fn joined(root: Node, found: Vec<(Node, Vec<String>)>) -> Vec<Node> {
    let mut places: HashMap<String, usize> = HashMap::from([(root.commit.clone(), 0)]);
    let mut nodes = vec![root];
    for (mut node, from) in found {
        let mut parents: Vec<usize> = from.iter().filter_map(|commit| places.get(commit).copied()).collect();
        parents.sort_unstable();
        parents.dedup();
        node.parents = nearest(&nodes, &parents);
        if node.parents.is_empty() {
            node.parents = vec![0];
        }
        // A merge that had nothing to do is the commit that it found.
        places.entry(node.commit.clone()).or_insert(nodes.len());
        nodes.push(node);
    }
    nodes
}

/// Those of some nodes that no other one of them was made from.
fn nearest(nodes: &[Node], of: &[usize]) -> Vec<usize> {
    if of.len() < 2 {
        return of.to_vec();
    }
    let mut behind = vec![false; nodes.len()];
    let mut open: Vec<usize> = of.iter().flat_map(|at| nodes[*at].parents.iter().copied()).collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut behind[at], true) {
            open.extend(&nodes[at].parents);
        }
    }
    of.iter().copied().filter(|at| !behind[*at]).collect()
}
