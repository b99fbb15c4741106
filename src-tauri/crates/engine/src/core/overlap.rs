//! Files that two attempts touch at the same time: told before either of them ends.

use miyabi_plan::AttemptId;
use miyabi_protocol::link::Command;
use miyabi_protocol::{Timestamp, TreeLook};

use super::Engine;
use crate::fact::Fact;
use crate::state::{Attempt, AttemptPhase};

/// How far apart trees are looked at, in seconds.
const LOOK_EVERY_SECONDS: u32 = 10;
/// How many files one attempt is taken to have touched, at most.
const MOST_FILES: usize = 5_000;

impl Engine {
    /// The attempts with trees that are at work where they can be looked at. One that waits for a person
    /// touches nothing.
    fn touching(&self) -> Vec<(AttemptId, usize)> {
        let is_at_it = |attempt: &&Attempt| {
            let works = attempt.phase == AttemptPhase::Running && attempt.waits_since.is_none();
            attempt.tree().is_some() && (works || attempt.phase == AttemptPhase::Claimed)
        };
        let tasks = self.state.tasks.iter();
        let current = tasks.filter_map(|task| {
            let attempt = task.current().filter(is_at_it)?;
            let id = AttemptId { task: task.id.clone(), number: attempt.number };
            let agent = self.state.agent_index(&attempt.agent)?;
            self.is_agent_listed(agent).then(|| (id, self.places.of_agent(agent)))
        });
        current.collect()
    }

    pub(super) fn look_at_trees(&mut self) {
        if self.seen.work.looked_at.is_some_and(|at| at.plus_seconds(LOOK_EVERY_SECONDS) > self.now) {
            return;
        }
        let touching = self.touching();
        if touching.len() < 2 {
            return;
        }
        self.seen.work.looked_at = Some(self.now);
        for site in 0..self.places.count() {
            let here = touching.iter().filter(|(_, at)| *at == site);
            let trees: Vec<TreeLook> = here.filter_map(|(id, _)| self.tree_look(id)).collect();
            if !trees.is_empty() {
                self.out.works.push((site, Command::LookAtTrees { trees }));
            }
        }
    }

    fn tree_look(&self, id: &AttemptId) -> Option<TreeLook> {
        let tree = self.state.attempt(id)?.tree()?;
        let (folder, base) = (tree.folder.clone(), tree.base.clone());
        Some(TreeLook { attempt: id.clone(), folder, base, is_asked: false })
    }

    pub(super) fn look_timer(&self) -> Option<Timestamp> {
        let at = self.seen.work.looked_at?.plus_seconds(LOOK_EVERY_SECONDS);
        (self.touching().len() >= 2).then_some(at)
    }

    pub(super) fn on_touched(&mut self, id: &AttemptId, files: Vec<String>) {
        if self.state.current(id).is_none() {
            return;
        }
        self.seen.work.touched.insert(id.clone(), files.into_iter().take(MOST_FILES).collect());
        let others: Vec<AttemptId> =
            self.touching().into_iter().map(|(other, _)| other).filter(|other| other != id).collect();
        for other in others {
            self.compare(id, &other);
        }
    }

    fn compare(&mut self, one: &AttemptId, other: &AttemptId) {
        let touched = &self.seen.work.touched;
        let (Some(ones), Some(others)) = (touched.get(one), touched.get(other)) else { return };
        let mut files: Vec<String> = ones.intersection(others).cloned().collect();
        let mut attempts = vec![one.clone(), other.clone()];
        attempts.sort_by_key(|id| self.state.task_index(&id.task));
        let known = self.state.overlap(&attempts).cloned().unwrap_or_default();
        if files.iter().all(|file| known.contains(file)) {
            return;
        }
        files.extend(known);
        files.sort_unstable();
        files.dedup();
        self.decide(Fact::OverlapSeen { attempts, files });
    }
}
