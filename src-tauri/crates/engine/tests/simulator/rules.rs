//! What must hold at every step, whatever happens.

use std::collections::BTreeMap;

use miyabi_engine::projection::queue_file;
use miyabi_engine::{
    Attempt, AttemptPhase, Effect, Engine, Entry, Fact, RunState, Standing, Step, TaskState,
};
use miyabi_plan::{AgentId, PlanGraph};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{AgentStatus, QueueFile, TaskStatus};

use crate::ledger::Ledger;
use crate::world::{World, update};

/// What was broken, for people.
pub(crate) type Broken = String;

/// A second look at a run, beside the engine's own.
pub(crate) struct Rules {
    /// The facts so far, applied one by one: what a replay of the journal gives.
    pub(crate) shadow: RunState,
    ledger: Ledger,
    graph: PlanGraph,
    /// What the engine knows of each file by what it was told and what it wrote.
    known: BTreeMap<AgentId, AgentStatus>,
    /// Whether each runner of ours says that it is at something.
    at_work: BTreeMap<AgentId, bool>,
    queue: Option<QueueFile>,
    listed: bool,
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
            queue: None,
            listed: false,
        }
    }

    /// What a dead backend knew is gone.
    pub(crate) fn forget(&mut self, state: RunState, journal: &[Entry]) {
        *self = Self { shadow: state, ledger: Ledger::of(journal), ..Self::new(self.shadow.clone()) };
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

    pub(crate) fn unlink(&mut self) {
        self.known.clear();
        self.at_work.clear();
        (self.queue, self.listed) = (None, false);
    }

    pub(crate) fn told(&mut self, report: &Report) {
        match report {
            Report::Status { agent, status } => {
                self.known.insert(agent.clone(), status.status);
            }
            Report::StatusGone { agent } => {
                self.known.remove(agent);
            }
            Report::RunnerUp { agent, attempt, .. } => {
                self.at_work.insert(agent.clone(), attempt.is_some());
            }
            Report::RunnerGone { agent, .. } => {
                self.at_work.insert(agent.clone(), false);
            }
            Report::Listed => self.listed = true,
            _ => {}
        }
    }

    /// Looks at a step that was just taken.
    pub(crate) fn check(&mut self, engine: &Engine, step: &Step, world: &World) -> Result<(), Broken> {
        for entry in &step.facts {
            self.check_fact(entry, world)?;
            self.ledger.enter(entry, &self.shadow)?;
            self.shadow.apply(&entry.fact, entry.at);
        }
        if self.shadow != *engine.state() {
            return Err("the facts, applied, do not give the live state".to_owned());
        }
        self.check_state(engine)?;
        step.effects
            .iter()
            .try_for_each(|Effect::Send { command, .. }| self.check_command(command, engine))?;
        match &self.queue {
            Some(queue) if queue.tasks != queue_file(engine.state(), world.time()).tasks => {
                Err("the queue, as it was sent, does not show what was decided".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn check_fact(&self, entry: &Entry, world: &World) -> Result<(), Broken> {
        match &entry.fact {
            Fact::Assigned { attempt, agent } => {
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
                self.check_wave(index)
            }
            Fact::Completed { attempt, .. } => {
                let agent =
                    self.shadow.current(attempt).ok_or(format!("{attempt} completes and is not current"))?;
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
        let may = taker.kind == planned.kind() || crosses || chosen;
        if !may || planned.host.as_ref().is_some_and(|host| host != &taker.host) {
            return Err(format!("{agent} may not take {}", planned.id));
        }
        if !is_home && !crosses && (state.pinned || !self.shadow.opening.plan.work_stealing) {
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
        let here = at_work.iter().filter(|one| &one.host == host).count();
        let capacity = plan.host(host).map_or(usize::MAX, |host| host.capacity as usize);
        let parallel = plan.limits.parallel.map_or(usize::MAX, |limit| limit as usize);
        match here < capacity && at_work.len() < parallel {
            true => Ok(()),
            false => Err(format!("{agent} is given work past the capacity of {host} or of the run")),
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
            let waits = matches!(task.standing, Standing::Waiting | Standing::BackOff(_));
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
    fn check_command(&mut self, command: &Command, engine: &Engine) -> Result<(), Broken> {
        match command {
            Command::WriteQueue { queue } => self.queue = Some(queue.clone()),
            Command::UpdateQueue { updated_at, tasks } => match &mut self.queue {
                Some(queue) => update(queue, *updated_at, tasks.clone()),
                None => return Err("changes of a queue are sent that was never sent whole".to_owned()),
            },
            Command::Offer { sheet, status } => {
                if !self.listed {
                    return Err(format!("{} is offered before anything is known", sheet.attempt));
                }
                let entry = self.queue.as_ref().and_then(|queue| {
                    queue.tasks.iter().find(|task| task.task_id == sheet.attempt.task.as_str())
                });
                let is_told = entry.is_some_and(|task| {
                    task.agent == sheet.agent.as_str() && task.status == TaskStatus::InProgress
                });
                if !is_told {
                    return Err(format!("{} is offered before the queue says so", sheet.attempt));
                }
                let known = self.known.insert(sheet.agent.clone(), status.status);
                if !matches!(known, None | Some(AgentStatus::Idle)) {
                    return Err(format!("BUSY is written over {known:?} of {}", sheet.agent));
                }
            }
            Command::WriteStatus { agent, status } => self.check_write(agent, status.status, engine)?,
            _ => {}
        }
        Ok(())
    }

    fn check_write(&mut self, agent: &AgentId, status: AgentStatus, engine: &Engine) -> Result<(), Broken> {
        let known = self.known.insert(agent.clone(), status);
        let state = engine.state().agent(agent).ok_or("the file of an unknown agent is written")?;
        let is_proved_dead = state.is_ours() && !self.at_work.get(agent).copied().unwrap_or(false);
        let is_judged = |phase| !matches!(phase, Some(AttemptPhase::Claimed | AttemptPhase::Running));
        let phase =
            state.current.as_ref().and_then(|id| engine.state().current(id)).map(|current| current.phase);
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
