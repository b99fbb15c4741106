//! Git as the engine meets it: commits are the names of the tasks whose work they hold, and lie where
//! something brought them.

use std::collections::{BTreeMap, BTreeSet};

use miyabi_plan::{AttemptId, TaskId};
use miyabi_protocol::link::Report;
use miyabi_protocol::{
    AttemptSheet, Carriage, CarriageWay, ChangeKind, CheckResult, CommittedWork, FileChange, MergeOutcome,
    TreeAt, TreeLook, TreeOrder,
};

use crate::world::{Happening, World};

/// The commit that every run begins from.
pub(crate) const BASE: &str = "base";

/// What there is of commits, and where.
#[derive(Debug, Default)]
pub(crate) struct Gits {
    /// The work that each commit holds.
    holds: BTreeMap<String, BTreeSet<String>>,
    /// The commits that lie at each site.
    at: BTreeMap<usize, BTreeSet<String>>,
    trees: BTreeMap<AttemptId, Tree>,
    merges: BTreeMap<(String, String), Option<String>>,
    /// Counts the backends: what a dead one carried is told to nobody.
    pub(crate) backends: u32,
}

#[derive(Debug, Clone)]
struct Tree {
    head: String,
    merges: Option<String>,
    done: bool,
    kept: bool,
}

impl Gits {
    pub(crate) fn new() -> Self {
        let holds = BTreeMap::from([(BASE.to_owned(), BTreeSet::new())]);
        let at = BTreeMap::from([(0, BTreeSet::from([BASE.to_owned()]))]);
        Self { holds, at, ..Self::default() }
    }

    pub(crate) fn is_at(&self, site: usize, commit: &str) -> bool {
        self.at.get(&site).is_some_and(|here| here.contains(commit))
    }

    /// Whether one commit holds all that another one holds.
    pub(crate) fn has_all_of(&self, one: &str, other: &str) -> bool {
        match (self.holds.get(one), self.holds.get(other)) {
            (Some(one), Some(other)) => other.is_subset(one),
            _ => false,
        }
    }

    pub(crate) fn has_work_of(&self, commit: &str, task: &TaskId) -> bool {
        self.holds.get(commit).is_some_and(|holds| holds.contains(task.as_str()))
    }

    fn put(&mut self, site: usize, commit: &str) {
        self.at.entry(site).or_default().insert(commit.to_owned());
    }

    fn commit(&mut self, site: usize, name: String, parents: &[&str], adds: Option<String>) -> String {
        let parents = parents.iter().filter_map(|parent| self.holds.get(*parent));
        let holds = parents.flatten().cloned().chain(adds).collect();
        self.holds.insert(name.clone(), holds);
        self.put(site, &name);
        name
    }
}

impl World {
    pub(crate) fn make_tree(&mut self, site: usize, order: &TreeOrder) {
        for commit in std::iter::once(&order.start).chain(&order.merge) {
            if !self.gits.is_at(site, commit) {
                self.violations.push(format!("{} begins from {commit}, which is not there", order.attempt));
            }
        }
        let attempt = order.attempt.clone();
        let after = self.chance.within(0..=4_000);
        if self.evil > 0 && self.chance.one_in(20) {
            let message = "the disk is full".to_owned();
            self.report_after(site, after, Report::TreeProblem { attempt, message });
            return;
        }
        let head = order.start.clone();
        let tree = Tree { head, merges: order.merge.clone(), done: false, kept: false };
        self.gits.trees.entry(attempt.clone()).or_insert(tree);
        let conflicts = order.merge.iter().map(|_| "a.txt".to_owned()).collect();
        let folder = format!("/trees/{attempt}");
        self.report_after(site, after, Report::TreeMade { attempt, folder, conflicts });
    }

    /// What an attempt did, committed; the same once more when nothing was added since.
    pub(crate) fn commit_work(
        &mut self,
        site: usize,
        sheet: &AttemptSheet,
        holds: bool,
    ) -> Option<CommittedWork> {
        let at = sheet.tree.as_ref()?;
        let Some(tree) = self.gits.trees.get(&sheet.attempt).cloned() else {
            self.violations.push(format!("{} is checked and has no tree", sheet.attempt));
            return None;
        };
        let mut head = tree.head.clone();
        if !tree.done {
            let parents: Vec<&str> = std::iter::once(head.as_str()).chain(tree.merges.as_deref()).collect();
            let name = format!("work-{}", sheet.attempt);
            head = self.gits.commit(site, name, &parents, Some(sheet.attempt.task.to_string()));
            let done = Tree { head: head.clone(), done: true, ..tree.clone() };
            self.gits.trees.insert(sheet.attempt.clone(), done);
        }
        let file = FileChange {
            path: "a.txt".to_owned(),
            from: None,
            kind: ChangeKind::Modified,
            added: 1,
            removed: 0,
            binary: false,
        };
        let is_left = !holds && tree.merges.is_some();
        Some(CommittedWork {
            branch: at.branch.clone(),
            base: at.base.clone(),
            commit: head,
            files: vec![file],
            unresolved: if is_left { vec!["a.txt".to_owned()] } else { Vec::new() },
        })
    }

    pub(crate) fn is_at_attempt(&self, site: usize, attempt: &AttemptId) -> bool {
        let mut here = self.bodies.iter().filter(|((at, _), body)| *at == site && body.ours && body.alive);
        here.any(|(_, body)| body.runner_attempt().as_ref() == Some(attempt))
    }

    pub(crate) fn keep_tree(&mut self, site: usize, attempt: &AttemptId, at: &TreeAt) {
        let Some(tree) = self.gits.trees.get(attempt).cloned() else {
            self.violations.push(format!("{attempt} is to be kept and has no tree at {}", at.folder));
            return;
        };
        let mut head = tree.head.clone();
        if !tree.kept && self.chance.one_in(2) {
            let name = format!("left-{attempt}");
            head = self.gits.commit(site, name, &[&tree.head], Some(format!("part of {attempt}")));
        }
        let kept = Tree { head: head.clone(), kept: true, ..tree };
        self.gits.trees.insert(attempt.clone(), kept);
        let after = self.chance.within(0..=3_000);
        self.report_after(site, after, Report::WorkKept { attempt: attempt.clone(), commit: Some(head) });
    }

    pub(crate) fn merge_heads(&mut self, task: Option<TaskId>, heads: &[String]) {
        for head in heads.iter().filter(|head| !self.gits.is_at(0, head)) {
            self.violations.push(format!("{head} is merged for {task:?} and is not here"));
        }
        let outcome = self.merged(heads);
        let after = self.chance.within(0..=2_000);
        self.report_after(0, after, Report::Merged { task, outcome });
    }

    fn merged(&mut self, heads: &[String]) -> MergeOutcome {
        if self.evil > 0 && self.chance.one_in(25) {
            return MergeOutcome::Failed { message: "the disk is full".to_owned() };
        }
        let mut apart: Vec<&String> = Vec::new();
        for head in heads {
            if !apart.iter().any(|known| self.gits.has_all_of(known, head)) {
                apart.retain(|known| !self.gits.has_all_of(head, known));
                apart.push(head);
            }
        }
        let Some((first, others)) = apart.split_first() else {
            return MergeOutcome::Failed { message: "there is nothing to merge".to_owned() };
        };
        let mut ours = (*first).clone();
        for theirs in others {
            let pair = (ours.clone(), (*theirs).clone());
            if !self.gits.merges.contains_key(&pair) {
                let conflicts = self.chance.one_in(6);
                let name = format!("merge-{}", self.gits.merges.len());
                let made = (!conflicts).then(|| self.gits.commit(0, name, &[&ours, theirs], None));
                self.gits.merges.insert(pair.clone(), made);
            }
            match self.gits.merges[&pair].clone() {
                Some(made) => ours = made,
                None => {
                    let files = vec!["a.txt".to_owned()];
                    return MergeOutcome::Conflict { ours, theirs: (*theirs).clone(), files };
                }
            }
        }
        MergeOutcome::Clean { tree: format!("tree of {ours}"), commit: ours }
    }

    pub(crate) fn take_commit(&mut self, task: TaskId, holds: &[String]) {
        let outcome = if self.chance.one_in(3) {
            MergeOutcome::Failed { message: "it does not hold both sides".to_owned() }
        } else {
            let parents: Vec<&str> = holds.iter().map(String::as_str).collect();
            let name = format!("taken-{task}");
            let commit = self.gits.commit(0, name, &parents, Some(task.to_string()));
            MergeOutcome::Clean { tree: format!("tree of {commit}"), commit }
        };
        let after = self.chance.within(0..=2_000);
        self.report_after(0, after, Report::Merged { task: Some(task), outcome });
    }

    pub(crate) fn verify(&mut self) {
        let passed = !self.chance.one_in(3);
        let checks = vec![CheckResult { passed, run: vec!["verify".to_owned()], ..CheckResult::default() }];
        let after = self.chance.within(0..=9_000);
        self.report_after(0, after, Report::Verified { checks, problem: None });
    }

    pub(crate) fn look_at_trees(&mut self, site: usize, trees: &[TreeLook]) {
        for look in trees {
            let names = ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt"];
            let files = names.iter().filter(|_| self.chance.one_in(4)).map(|name| (*name).to_owned());
            let files = files.collect();
            self.report(site, Report::Touched { attempt: look.attempt.clone(), files });
        }
    }

    /// The backend carries a commit; it arrives after a while, if it does.
    pub(crate) fn carry(&mut self, carriage: Carriage) {
        let site = self.sites.iter().position(|site| site.site.host() == Some(&carriage.host));
        let Some(site) = site else {
            self.violations.push(format!("{} is no site of its own", carriage.host));
            return;
        };
        let (links, backend) = (self.sites[site].links, self.gits.backends);
        let after = self.chance.within(0..=6_000);
        self.plan(after, Happening::Carried { site, links, backend, carriage });
    }

    /// Whether a commit arrives; none when nobody can tell.
    pub(crate) fn arrives(&mut self, site: usize, links: u32, carriage: &Carriage) -> Option<Option<String>> {
        let (from, to) = match carriage.way {
            CarriageWay::There => (0, site),
            CarriageWay::Here => (site, 0),
        };
        if !self.gits.is_at(from, &carriage.commit) {
            self.violations.push(format!("{carriage:?} carries what is not there"));
        }
        let own = &self.sites[site];
        if !own.link_is_up || own.links != links || own.cut_until > self.now {
            // What was cut off may have arrived all the same.
            if self.chance.one_in(4) {
                self.gits.put(to, &carriage.commit);
            }
            return self.chance.one_in(2).then(|| Some("the link was lost".to_owned()));
        }
        if self.evil > 0 && self.chance.one_in(20) {
            return Some(Some("the disk is full".to_owned()));
        }
        self.gits.put(to, &carriage.commit);
        Some(None)
    }
}
