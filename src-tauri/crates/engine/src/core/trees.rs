//! Work trees: an attempt on git is offered once its tree stands, at its agent's site.

use std::collections::BTreeMap;
use std::path::Path;

use miyabi_plan::git::{attempt_branch, base_branch};
use miyabi_plan::{AttemptId, Check, FailureCause, Task, TaskId};
use miyabi_protocol::link::Command;
use miyabi_protocol::{AgentStatus, CarriageWay, CopiedFile, RepositoryAt, TreeAt, TreeOrder};

use super::Engine;
use super::places::HERE;
use crate::fact::Fact;
use crate::state::{Attempt, AttemptPhase};

impl Engine {
    /// Whether an agent has a current attempt that is not offered before its work tree stands.
    pub(super) fn is_preparing(&self, agent: usize, attempt: &AttemptId) -> bool {
        let current = self.state.current(attempt);
        current.is_some_and(|current| {
            current.agent == self.state.agents[agent].id && self.state.is_preparing(current)
        })
    }

    /// Asks for every tree that is wanted and was not asked for yet.
    pub(super) fn prepare_trees(&mut self) {
        for agent in 0..self.state.agents.len() {
            let Some(attempt) = self.state.agents[agent].current.clone() else { continue };
            if self.is_agent_listed(agent) && self.is_preparing(agent, &attempt) {
                self.prepare(agent, &attempt);
            }
        }
    }

    fn prepare(&mut self, agent: usize, id: &AttemptId) {
        let site = self.places.of_agent(agent);
        if self.seen.work.trees.contains(id) {
            return;
        }
        let Some(order) = self.tree_order(agent, id) else { return };
        if site != HERE && !self.bring_there(id, &order) {
            return;
        }
        self.seen.work.trees.insert(id.clone());
        self.out.works.push((site, Command::MakeTree { order: Box::new(order) }));
    }

    /// Has what an attempt begins from carried to its host. Whether all of it is there.
    fn bring_there(&mut self, id: &AttemptId, order: &TreeOrder) -> bool {
        let mut wanted = vec![(order.branch.clone(), order.start.clone())];
        if let Some(theirs) = &order.merge {
            wanted.push((self.branch_of(&id.task, theirs), theirs.clone()));
        }
        wanted.retain(|(branch, _)| !self.seen.work.there.contains(&(id.clone(), branch.clone())));
        let is_all = wanted.is_empty();
        for (branch, commit) in wanted {
            self.carry(id, CarriageWay::There, branch, commit);
        }
        is_all
    }

    /// The branch that has this commit at its end: that of an attempt, else of a merge.
    fn branch_of(&self, merge_task: &TaskId, commit: &str) -> String {
        let run_id = &self.state.opening.run_id;
        let has_it = |attempt: &&Attempt| attempt.commit() == Some(commit);
        let mut found = self.state.tasks.iter().filter_map(|task| {
            let attempt = task.attempts.iter().find(has_it)?;
            Some(attempt_branch(run_id, &task.id, attempt.number))
        });
        found.next().unwrap_or_else(|| base_branch(run_id, merge_task))
    }

    pub(super) fn repository_at(&self, site: usize) -> Option<RepositoryAt> {
        let git = self.state.git()?;
        Some(match site {
            HERE => RepositoryAt::Path(git.repository.clone()),
            _ => RepositoryAt::Store(git.store.clone()),
        })
    }

    fn tree_order(&self, agent: usize, id: &AttemptId) -> Option<TreeOrder> {
        let (opening, attempt) = (&self.state.opening, self.state.attempt(id)?);
        let task = self.state.task(&id.task)?;
        let branch = attempt_branch(&opening.run_id, &id.task, id.number);
        let mut environment = self.port_variables(attempt);
        environment.insert("MIYABI_BRANCH".to_owned(), branch.clone());
        let setup = opening.plan.git.setup.iter();
        let setup = setup.map(|check| self.absolute_check(check, &attempt.host, Some(Path::new("."))));
        let copies = opening.plan.git.copy.iter();
        let copied = |path: &String| CopiedFile { path: path.clone(), ..EMPTY_COPY };
        Some(TreeOrder {
            run_id: opening.run_id.clone(),
            attempt: id.clone(),
            agent: self.state.agents[agent].id.clone(),
            repository: self.repository_at(self.places.of_agent(agent))?,
            branch,
            start: self.state.start_of(id)?.to_owned(),
            merge: task.merge.as_ref().map(|conflict| conflict.theirs.clone()),
            folder: self.folder_to_go_on_in(id),
            copies: copies.map(copied).collect(),
            setup: setup.collect::<Vec<Check>>(),
            environment,
        })
    }

    /// A program takes its session up again in the same folder only. One that is not known to be kept is
    /// left as it is.
    fn folder_to_go_on_in(&self, id: &AttemptId) -> Option<String> {
        let attempt = self.state.attempt(id)?;
        let session = attempt.resumes.as_ref()?;
        let mut before =
            self.state.task(&id.task)?.attempts.iter().rev().filter(|one| one.number < id.number);
        let last = before.find(|one| one.phase == AttemptPhase::Ended)?;
        let is_in_it = last.session.as_ref().or(last.resumes.as_ref()) == Some(session);
        let goes_on = is_in_it && last.host == attempt.host && !last.awaits_keeping();
        last.tree().filter(|_| goes_on).map(|tree| tree.folder.clone())
    }

    pub(super) fn port_variables(&self, attempt: &Attempt) -> BTreeMap<String, String> {
        let Some((first, count)) = self.state.ports_of(attempt) else { return BTreeMap::new() };
        let variables = [("MIYABI_PORT_FIRST", first), ("MIYABI_PORT_COUNT", count)];
        variables.map(|(name, value)| (name.to_owned(), value.to_string())).into()
    }

    pub(super) fn on_tree_made(&mut self, id: &AttemptId, folder: String, mut conflicts: Vec<String>) {
        let Some(current) = self.state.current(id) else { return };
        let Some(agent) = self.state.agent_index(&current.agent) else { return };
        // A tree that nobody asked for over this link is one from before.
        if !self.seen.work.trees.contains(id) || !self.is_preparing(agent, id) {
            return;
        }
        let Some(order) = self.tree_order(agent, id) else { return };
        let Some(base) = self.state.base_of(&id.task).map(str::to_owned) else { return };
        // A later attempt begins from what an earlier one left, where the markers may be left, too.
        let known = self.state.task(&id.task).and_then(|task| task.merge.as_ref());
        conflicts.extend(known.into_iter().flat_map(|conflict| conflict.files.iter().cloned()));
        conflicts.sort_unstable();
        conflicts.dedup();
        let TreeOrder { repository, branch, start, .. } = order;
        let tree = TreeAt { repository, folder, branch, base, conflicts };
        self.decide(Fact::TreeMade { attempt: id.clone(), tree, start });
        let seen = self.seen.agents[agent].status;
        if matches!(seen, Some(AgentStatus::Busy | AgentStatus::Completed | AgentStatus::Failed)) {
            self.write_idle(agent);
        }
        self.offer_again(agent, id);
    }

    pub(super) fn on_tree_problem(&mut self, id: &AttemptId, message: String) {
        let agent = self.state.current(id).and_then(|current| self.state.agent_index(&current.agent));
        if agent.is_some_and(|agent| self.is_preparing(agent, id)) {
            let next = self.next_try(id);
            self.fail_attempt(id, FailureCause::NotStarted, message, next);
        }
    }

    /// Whether an agent can do a task at all: a conflict is resolved in a work tree.
    pub(super) fn can_do(&self, task: usize, agent: usize) -> bool {
        self.state.tasks[task].merge.is_none() || self.state.has_trees(&self.state.agents[agent])
    }

    pub(super) fn planned(&self, index: usize) -> &Task {
        &self.state.opening.plan.tasks[index]
    }
}

const EMPTY_COPY: CopiedFile = CopiedFile { path: String::new(), content: String::new(), executable: false };
