//! What must hold at every step, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use miyabi_engine::projection::queue_file;
use miyabi_engine::{
    AgentState, Attempt, AttemptPhase, Effect, Engine, Entry, Fact, RunState, Standing, Step, TaskState,
};
use miyabi_plan::{AgentId, AttemptId, HostId, PlanGraph, Site};
use miyabi_protocol::link::{Command, Load, Report};
use miyabi_protocol::{AgentStatus, QueueFile, TaskStatus};

use crate::ledger::Ledger;
use crate::world::{World, update};

/// What was broken, for people.
pub(crate) type Broken = String;

/// An agent's file at a site.
type At = (Site, AgentId);

/// A second look at a run, beside the engine's own.
pub(crate) struct Rules {
    /// The facts so far, applied one by one: what a replay of the journal gives.
    pub(crate) shadow: RunState,
    ledger: Ledger,
    graph: PlanGraph,
    /// What the engine knows of each file by what it was told and what it wrote.
    known: BTreeMap<At, AgentStatus>,
    /// Whether each runner of ours says that it is at something.
    at_work: BTreeMap<At, bool>,
    queues: BTreeMap<Site, QueueFile>,
    listed: BTreeSet<Site>,
    /// Which sites said last that too little is free, and when.
    scarce: BTreeMap<Site, (Load, i64)>,
}

impl Rules {
    pub(crate) fn new(state: RunState) -> Self {
        let graph = PlanGraph::new(&state.opening.plan, state.opening.choice);
        Self {
            shadow: state,
            ledger: Ledger::default(),
            graph,
            known: BTreeMap::new(),
            at_work: BTreeMap::new(),
            queues: BTreeMap::new(),
            listed: BTreeSet::new(),
            scarce: BTreeMap::new(),
        }
    }

    /// What a dead backend knew is gone.
    pub(crate) fn forget(&mut self, state: RunState, journal: &[Entry]) {
        *self = Self { ledger: Ledger::of(journal), ..Self::new(state) };
    }

    /// What happened, by the last backend's books, how often.
    pub(crate) fn seen(&self) -> BTreeMap<&'static str, u32> {
        let mut seen = self.ledger.seen.clone();
        let attempts =
            || self.shadow.tasks.iter().flat_map(|task| task.attempts.iter().map(move |one| (task, one)));
        let count = |counts: &dyn Fn(&(&TaskState, &Attempt)) -> bool| {
            u32::try_from(attempts().filter(counts).count()).expect("few")
        };
        seen.insert("stand-in", count(&|(task, one)| self.shadow.stands_in(task, one)));
        seen.insert("session goes on", count(&|(_, one)| one.resumes.is_some()));
        seen
    }

    pub(crate) fn unlink(&mut self, site: &Site) {
        self.known.retain(|(at, _), _| at != site);
        self.at_work.retain(|(at, _), _| at != site);
        self.queues.remove(site);
        self.scarce.remove(site);
        self.listed.remove(site);
    }

    pub(crate) fn told(&mut self, site: &Site, report: &Report, now: i64) {
        let at = |agent: &AgentId| (site.clone(), agent.clone());
        match report {
            Report::Status { agent, status } => {
                self.known.insert(at(agent), status.status);
            }
            Report::StatusGone { agent } => {
                self.known.remove(&at(agent));
            }
            Report::RunnerUp { agent, attempt, .. } => {
                self.at_work.insert(at(agent), attempt.is_some());
            }
            Report::RunnerGone { agent, .. } => {
                self.at_work.insert(at(agent), false);
            }
            Report::Listed => drop(self.listed.insert(site.clone())),
            Report::Load(load) => drop(self.scarce.insert(site.clone(), (*load, now))),
            _ => {}
        }
    }

    /// Looks at a step that was just taken.
    pub(crate) fn check(&mut self, engine: &Engine, step: &Step, world: &World) -> Result<(), Broken> {
        for entry in &step.facts {
            self.check_fact(entry, world)?;
            self.ledger.enter(entry, &self.shadow)?;
            self.shadow.apply(&entry.fact, entry.at);
            self.check_work(&entry.fact, world)?;
            if matches!(entry.fact, Fact::TaskAdded { .. }) {
                self.graph = PlanGraph::new(&self.shadow.opening.plan, self.shadow.opening.choice);
            }
        }
        if self.shadow != *engine.state() {
            return Err("the facts, applied, do not give the live state".to_owned());
        }
        self.check_state(engine)?;
        step.effects.iter().try_for_each(|effect| match effect {
            Effect::Send { site, command } => self.check_command(site, command, engine),
            Effect::Carry(carriage) if self.listed.contains(&Site::There(carriage.host.clone())) => Ok(()),
            Effect::Carry(carriage) => Err(format!("{carriage:?}: its host is not reached")),
        })?;
        let queue_now = queue_file(engine.state(), world.time()).tasks;
        let differs = self.queues.values().any(|queue| queue.tasks != queue_now);
        match differs.then_some(()) {
            Some(()) => Err("the queue, as it was sent, does not show what was decided".to_owned()),
            None => Ok(()),
        }
    }

    /// An attempt that a host's leases ended is not at work any more when the next one begins.
    pub(crate) fn check_overlap(&self, older: &AttemptId, newer: &AttemptId) -> Result<(), Broken> {
        match self.ledger.failed_over.contains(older) {
            true => Err(format!("{newer} begins while {older}, whose lease was over, is at work")),
            false => Ok(()),
        }
    }

    /// What a fact about the work promises, looked up where commits lie.
    fn check_work(&self, fact: &Fact, world: &World) -> Result<(), Broken> {
        let git = &world.gits;
        let state = &self.shadow;
        match fact {
            Fact::TreeMade { attempt, tree, start } => {
                let task = state.task(&attempt.task).ok_or("an unknown task has a tree")?;
                if !git.has_all_of(start, &tree.base) && task.merge.is_none() {
                    return Err(format!("{attempt} begins from {start}, which lacks its base"));
                }
                let needs = task.needs.iter().filter(|_| task.merge.is_none());
                for need in needs.map(|need| &state.tasks[*need].id) {
                    let result = state.result_of(need).ok_or(format!("{need} has no result"))?;
                    if !git.has_all_of(&tree.base, result) {
                        return Err(format!("{attempt} begins without the work of {need}"));
                    }
                }
            }
            Fact::Completed { attempt, .. } | Fact::ReviewAsked { attempt, .. } if state.git().is_some() => {
                let Some(one) = state.attempt(attempt).filter(|one| one.tree().is_some()) else {
                    return Ok(());
                };
                let commit = one.commit().ok_or(format!("{attempt} is done and left no commit"))?;
                if !git.is_at(0, commit) {
                    return Err(format!("{attempt} is done, and its work is not here"));
                }
                if !git.has_work_of(commit, &attempt.task) {
                    return Err(format!("the commit of {attempt} does not hold its work"));
                }
                let merge = state.task(&attempt.task).and_then(|task| task.merge.as_ref());
                let sides = merge.iter().flat_map(|merge| [&merge.ours, &merge.theirs]);
                for side in sides {
                    if !git.has_all_of(commit, side) {
                        return Err(format!("{attempt} resolved a conflict and lost {side}"));
                    }
                }
            }
            Fact::WorkKept { attempt, commit: Some(commit) } if !git.is_at(0, commit) => {
                return Err(format!("what {attempt} left is kept, and is not here"));
            }
            Fact::Merged { task, heads, commit, .. } => {
                for head in heads {
                    if !git.has_all_of(commit, head) {
                        return Err(format!("what was merged for {task:?} lacks {head}"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check_fact(&self, entry: &Entry, world: &World) -> Result<(), Broken> {
        match &entry.fact {
            Fact::Assigned { attempt, agent, .. } => {
                let index = self.shadow.task_index(&attempt.task).ok_or("an unknown task is assigned")?;
                let task = &self.shadow.tasks[index];
                if task.attempts.iter().any(|one| one.number >= attempt.number) {
                    return Err(format!("{attempt} has a number that was given before"));
                }
                if !matches!(task.standing, Standing::Waiting | Standing::BackOff(_)) {
                    return Err(format!("{attempt} is assigned while its task is {:?}", task.standing));
                }
                if let Standing::BackOff(until) = task.standing
                    && until > entry.at
                {
                    return Err(format!("{attempt} is assigned before its back-off is over"));
                }
                if !self.shadow.needs_met(task) {
                    return Err(format!("{attempt} is assigned before its needs are met"));
                }
                self.check_taker(index, agent)?;
                self.check_room(agent)?;
                self.check_load(agent, world.now)?;
                self.check_wave(index)
            }
            Fact::Completed { attempt, .. } => {
                let task = self.shadow.task(&attempt.task).ok_or("an unknown task completes")?;
                let read = task
                    .attempts
                    .last()
                    .filter(|last| task.standing == Standing::Review && last.number == attempt.number);
                let agent = self
                    .shadow
                    .current(attempt)
                    .or(read)
                    .ok_or(format!("{attempt} completes and is not current"))?;
                let claim = |number| (agent.agent.clone(), attempt.task.clone(), number);
                match world.claims.contains(&claim(Some(attempt.number)))
                    || world.claims.contains(&claim(None))
                {
                    true => Ok(()),
                    false => Err(format!("{attempt} is COMPLETED, and nobody ever claimed it")),
                }
            }
            _ => Ok(()),
        }
    }

    fn check_taker(&self, task: usize, agent: &AgentId) -> Result<(), Broken> {
        let taker = self.shadow.agent(agent).ok_or("an unknown agent is given work")?;
        let planned = &self.shadow.opening.plan.tasks[task];
        let state = &self.shadow.tasks[task];
        let is_home = &state.agent == agent || (!state.pinned && &planned.agent == agent);
        let crosses = !state.pinned && self.ledger.may_cross(task, taker.runner, &self.shadow);
        let chosen = state.pinned && &state.agent == agent;
        if taker.current.is_some() || taker.draining {
            return Err(format!("{agent} is given {} while it is not free", planned.id));
        }
        let given_up =
            |host: &HostId| self.shadow.lost_host(host).is_some_and(|lost| lost.given_up.is_some());
        let home = self.shadow.agent(self.shadow.home_agent(task));
        let is_orphan = home.is_some_and(|home| given_up(&home.host));
        let from = self.shadow.opening.plan.agent(agent).map(|agent| &agent.host);
        let is_bound = planned
            .host
            .as_ref()
            .is_some_and(|host| host != &taker.host && Some(host) != from && !given_up(host));
        let site = self.shadow.opening.site(&taker.host);
        if !self.listed.contains(&site) {
            return Err(format!("{agent} is given {} and cannot be reached", planned.id));
        }
        let may = taker.kind == planned.kind() || crosses || chosen;
        if !may || is_bound {
            return Err(format!("{agent} may not take {}", planned.id));
        }
        if !is_home && !crosses && !is_orphan && (state.pinned || !self.shadow.opening.plan.work_stealing) {
            return Err(format!("{agent} steals {}", planned.id));
        }
        if self.shadow.paused || self.shadow.ended.is_some() {
            return Err(format!("{} starts while the run is {:?}", planned.id, self.shadow.phase()));
        }
        Ok(())
    }

    fn check_room(&self, agent: &AgentId) -> Result<(), Broken> {
        let plan = &self.shadow.opening.plan;
        let host = &self.shadow.agent(agent).expect("it was found before").host;
        let at_work: Vec<_> =
            self.shadow.agents.iter().filter(|one| one.current.is_some() || one.draining).collect();
        let is_gone =
            |one: &AgentState| self.shadow.lost_host(&one.host).is_some_and(|lost| lost.given_up.is_some());
        let everywhere = at_work.iter().filter(|one| !is_gone(one)).count();
        let here = at_work.iter().filter(|one| &one.host == host).count();
        let capacity = plan.host(host).map_or(usize::MAX, |host| host.capacity as usize);
        let parallel = plan.limits.parallel.map_or(usize::MAX, |limit| limit as usize);
        match here < capacity && everywhere < parallel {
            true => Ok(()),
            false => Err(format!("{agent} is given work past the capacity of {host} or of the run")),
        }
    }

    fn check_load(&self, agent: &AgentId, now: i64) -> Result<(), Broken> {
        let host = &self.shadow.agent(agent).expect("it was found before").host;
        let site = self.shadow.opening.site(host);
        let Some((load, at)) = self.scarce.get(&site).filter(|_| self.shadow.opening.rehearse.is_none())
        else {
            return Ok(());
        };
        let is_scarce = |free: u32| (1..512).contains(&free);
        match (is_scarce(load.memory_free_mib) || is_scarce(load.disk_free_mib)) && now < at + 60_000 {
            true => Err(format!("{agent} is given work and {host} has too little left for it: {load:?}")),
            false => Ok(()),
        }
    }

    fn check_wave(&self, task: usize) -> Result<(), Broken> {
        let Some(own) = self.graph.wave(task) else { return Ok(()) };
        let earlier =
            (0..self.shadow.tasks.len()).filter(|other| self.graph.wave(*other).is_some_and(|w| w < own));
        for other in earlier {
            let is_open = !matches!(
                self.shadow.tasks[other].standing,
                Standing::Completed | Standing::Failed | Standing::Cancelled
            );
            if is_open && !self.is_held_back(other) {
                let (task, other) = (&self.shadow.tasks[task].id, &self.shadow.tasks[other].id);
                return Err(format!("{task} starts before {other} of an earlier wave has ended"));
            }
        }
        Ok(())
    }

    pub(crate) fn is_held_back(&self, task: usize) -> bool {
        self.shadow.tasks[task].needs.iter().any(|need| match self.shadow.tasks[*need].standing {
            Standing::Failed | Standing::Cancelled => true,
            Standing::Completed => false,
            _ => self.is_held_back(*need),
        })
    }

    fn check_state(&self, engine: &Engine) -> Result<(), Broken> {
        let state = engine.state();
        for (index, task) in state.tasks.iter().enumerate() {
            let waits = matches!(task.standing, Standing::Waiting | Standing::BackOff(_) | Standing::Review);
            if waits == engine.waiting(index).is_empty() {
                return Err(format!(
                    "{} is {:?} and has the reasons {:?}",
                    task.id,
                    task.standing,
                    engine.waiting(index)
                ));
            }
            let holders =
                state.agents.iter().filter(|a| a.current.as_ref().is_some_and(|c| c.task == task.id));
            let holders: Vec<_> = holders.collect();
            match (task.current(), holders.as_slice()) {
                (None, []) => {}
                (Some(current), [one]) if one.id == current.agent => {}
                _ => return Err(format!("{} and its agents do not agree on who has it", task.id)),
            }
        }
        match state.agents.iter().find(|agent| agent.draining && agent.current.is_some()) {
            Some(agent) => Err(format!("{} has work before its old work has ended", agent.id)),
            None => Ok(()),
        }
    }

    /// The table of who may write what over what, as far as the engine can know.
    fn check_command(&mut self, site: &Site, command: &Command, engine: &Engine) -> Result<(), Broken> {
        if !self.listed.contains(site) {
            return Err(format!("{site} is not reached, and is told {command:?}"));
        }
        match command {
            Command::WriteQueue { queue } => drop(self.queues.insert(site.clone(), queue.clone())),
            Command::UpdateQueue { updated_at, tasks } => match self.queues.get_mut(site) {
                Some(queue) => update(queue, *updated_at, tasks.clone()),
                None => return Err("changes of a queue are sent that was never sent whole".to_owned()),
            },
            Command::Offer { sheet, status } => {
                if engine.state().site_of(&sheet.agent).as_ref() != Some(site) {
                    return Err(format!("{} is offered at {site}, where its agent is not", sheet.attempt));
                }
                let entry = self.queues.get(site).and_then(|queue| {
                    queue.tasks.iter().find(|task| task.task_id == sheet.attempt.task.as_str())
                });
                let is_told = entry.is_some_and(|task| {
                    task.agent == sheet.agent.as_str() && task.status == TaskStatus::InProgress
                });
                if !is_told {
                    return Err(format!("{} is offered before the queue says so", sheet.attempt));
                }
                let is_ours = engine.state().agent(&sheet.agent).is_some_and(AgentState::is_ours);
                if engine.state().git().is_some() && is_ours && sheet.tree.is_none() {
                    return Err(format!("{} is offered without its tree", sheet.attempt));
                }
                let known = self.known.insert((site.clone(), sheet.agent.clone()), status.status);
                if !matches!(known, None | Some(AgentStatus::Idle)) {
                    return Err(format!("BUSY is written over {known:?} of {}", sheet.agent));
                }
            }
            Command::WriteStatus { agent, status } => self.check_write(site, agent, status.status, engine)?,
            _ => {}
        }
        Ok(())
    }

    fn check_write(
        &mut self,
        site: &Site,
        agent: &AgentId,
        status: AgentStatus,
        engine: &Engine,
    ) -> Result<(), Broken> {
        let at = (site.clone(), agent.clone());
        let known = self.known.insert(at.clone(), status);
        let state = engine.state().agent(agent).ok_or("the file of an unknown agent is written")?;
        let is_proved_dead = state.is_ours() && !self.at_work.get(&at).copied().unwrap_or(false);
        let is_judged = |phase| !matches!(phase, Some(AttemptPhase::Claimed | AttemptPhase::Running));
        let is_here = engine.state().site_of(agent).as_ref() == Some(site);
        if !is_here && status != AgentStatus::Idle {
            return Err(format!("{status:?} of {agent} is written at {site}, where it is not"));
        }
        let current = state.current.as_ref().filter(|_| is_here);
        let phase = current.and_then(|id| engine.state().current(id)).map(|current| current.phase);
        match (status, known) {
            (AgentStatus::Idle, Some(AgentStatus::InProgress)) if !is_proved_dead => {
                Err(format!("IDLE is written over the IN_PROGRESS of {agent}"))
            }
            (AgentStatus::Idle, _) if !is_judged(phase) => {
                Err(format!("IDLE is written for {agent} before the verdict"))
            }
            (AgentStatus::Idle, _) => Ok(()),
            (AgentStatus::InProgress, None) if !state.is_ours() => Ok(()),
            _ => Err(format!("{status:?} is written over {known:?} of {agent}")),
        }
    }
}
