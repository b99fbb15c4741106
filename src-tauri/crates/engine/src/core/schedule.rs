//! Who gets what: ready tasks in their order, to their own agent first, then to idle ones of the
//! same kind; never past a capacity.

use miyabi_plan::graph::PlanGraph;
use miyabi_plan::order::compare;
use miyabi_plan::{AttemptId, FailureCause};
use miyabi_protocol::link::Command;
use miyabi_protocol::{AgentStatus, StatusFile};

use super::places::HERE;
use super::seen::OfferSeen;
use super::{Engine, Weakening};
use crate::fact::{Fact, NextTry};
use crate::state::{AgentState, RunState, Standing};

/// What of the order of tasks never changes in a run.
#[derive(Debug, Clone)]
pub(super) struct Precedence {
    /// All tasks, the one that goes first foremost.
    order: Vec<usize>,
    /// The wave before which a task need not wait, by task; none without waves.
    pub(super) waves: Vec<Option<u32>>,
    /// All tasks, needs before what needs them.
    pub(super) topological: Vec<usize>,
}

impl Precedence {
    pub(super) fn of(state: &RunState) -> Self {
        let plan = &state.opening.plan;
        let graph = PlanGraph::new(plan, state.opening.choice);
        let standings = graph.standings();
        let mut order: Vec<usize> = (0..plan.tasks.len()).collect();
        order.sort_by(|one, other| compare(plan.order, &standings[*one], &standings[*other]));
        let waves = (0..plan.tasks.len()).map(|task| graph.wave(task)).collect();
        Self { order, waves, topological: graph.dag().topological() }
    }
}

impl Engine {
    pub(super) fn schedule(&mut self) {
        if !self.may_start() {
            return;
        }
        let mut free: Vec<usize> =
            (0..self.state.agents.len()).filter(|agent| self.is_free(*agent)).collect();
        if free.is_empty() {
            return;
        }
        let ready = self.ready();
        self.notice_budgets(&ready);
        let mut own_ready = vec![0_u32; self.state.agents.len()];
        // An agent whose own tasks wait for money has none that is ready.
        let home = |task: &usize| self.own_agent(*task).filter(|own| !self.is_over_budget(*task, *own));
        let homes: Vec<Option<usize>> = ready.iter().map(home).collect();
        for agent in homes.iter().flatten() {
            own_ready[*agent] += 1;
        }
        for (task, home) in ready.into_iter().zip(homes) {
            if free.is_empty() {
                return;
            }
            let own = self.own_agent(task);
            let taker = own.filter(|own| free.contains(own) && self.may_begin(task, *own));
            if let Some(agent) = taker.or_else(|| self.substitute(task, &free, &own_ready)) {
                self.assign(task, agent);
                // An offer that failed at once leaves the agent free; one that was made may keep
                // others of its account or program from beginning.
                free.retain(|agent| self.is_free(*agent));
                if let Some(home) = home {
                    own_ready[home] -= 1;
                }
            }
        }
    }

    /// The tasks that may start now, the one that goes first foremost.
    fn ready(&self) -> Vec<usize> {
        let wave = self.current_wave();
        let order = self.precedence.order.iter().copied();
        order.filter(|task| self.is_ready(*task) && !self.is_barred(*task, wave)).collect()
    }

    /// The agent that has the task, where it may run it.
    pub(super) fn own_agent(&self, task: usize) -> Option<usize> {
        let own = self.state.agent_index(self.state.home_agent(task));
        own.filter(|agent| self.state.may_run_at(task, *agent) && self.can_do(task, *agent))
    }

    fn may_begin(&self, task: usize, agent: usize) -> bool {
        self.has_room(agent) && !self.is_over_budget(task, agent)
    }

    /// A free agent that has no ready task of its own: of the same kind, or of another one that may
    /// stand in; the one that had the task before is asked first.
    fn substitute(&self, task: usize, free: &[usize], own_ready: &[u32]) -> Option<usize> {
        let idle = free.iter().copied().filter(|agent| own_ready[*agent] == 0);
        let mut able = idle.filter(|agent| self.may_stand_in(task, *agent) && self.may_begin(task, *agent));
        let last = &self.state.tasks[task].agent;
        let first = able.next()?;
        if self.state.agents[first].id == *last || self.state.home_agent(task) == last {
            return Some(first);
        }
        able.find(|agent| self.state.agents[*agent].id == *last).or(Some(first))
    }

    /// Whether anything at all may start. A run that was stuck goes on by itself when it can.
    fn may_start(&self) -> bool {
        let is_open = match self.state.ended {
            None => true,
            Some((phase, _)) => phase == miyabi_plan::RunPhase::Stuck,
        };
        is_open && !self.state.paused && self.is_listed(HERE)
    }

    fn is_ready(&self, index: usize) -> bool {
        let task = &self.state.tasks[index];
        let waited = match task.standing {
            Standing::Waiting => true,
            Standing::BackOff(until) => until <= self.now,
            _ => false,
        };
        let needs_met = self.state.needs_met(task) || self.weakening == Some(Weakening::IgnoreNeeds);
        waited && needs_met && self.wait_for_work(index).is_none()
    }

    /// The wave that has to end before this task may start.
    pub(super) fn barring_wave(&self, index: usize) -> Option<u32> {
        self.precedence.waves[index]?;
        self.current_wave().filter(|current| self.is_barred(index, Some(*current)))
    }

    fn is_barred(&self, task: usize, current: Option<u32>) -> bool {
        current.is_some_and(|current| self.precedence.waves[task].is_some_and(|own| current < own))
    }

    /// The first wave that has not ended. What a failed or cancelled task holds back does not keep
    /// a wave open.
    fn current_wave(&self) -> Option<u32> {
        if self.precedence.waves.iter().all(Option::is_none) {
            return None;
        }
        let held_back = self.held_back();
        let open = self.state.tasks.iter().enumerate().filter(|(index, task)| {
            let has_ended =
                matches!(task.standing, Standing::Completed | Standing::Failed | Standing::Cancelled);
            !has_ended && !held_back[*index]
        });
        open.filter_map(|(index, _)| self.precedence.waves[index]).min()
    }

    /// Of each task, whether a failed or cancelled one stands somewhere before it.
    pub(super) fn held_back(&self) -> Vec<bool> {
        let mut held = vec![false; self.state.tasks.len()];
        for task in &self.precedence.topological {
            let mut needs = self.state.tasks[*task].needs.iter();
            held[*task] = needs.any(|need| match self.state.tasks[*need].standing {
                Standing::Failed | Standing::Cancelled => true,
                Standing::Completed => false,
                _ => held[*need],
            });
        }
        held
    }

    pub(super) fn is_free(&self, agent: usize) -> bool {
        let seen = &self.seen.agents[agent];
        let state = &self.state.agents[agent];
        state.current.is_none()
            && !state.draining
            && self.is_agent_listed(agent)
            && seen.status == Some(AgentStatus::Idle)
            && seen.rests_until.is_none()
            && seen.unsure_until.is_none()
            && !seen.is_absent()
            && self.account_bars(agent).is_none()
            && !self.is_runner_barred(agent)
    }

    /// Other agents that may take a task by themselves, in the plan's order, those of other kinds
    /// that stand in included.
    pub(super) fn substitutes(&self, task: usize) -> impl Iterator<Item = usize> {
        (0..self.state.agents.len()).filter(move |agent| self.may_stand_in(task, *agent))
    }

    fn may_stand_in(&self, task: usize, agent: usize) -> bool {
        let home = self.state.home_agent(task);
        let AgentState { kind, id, .. } = &self.state.agents[agent];
        if id == home || !self.state.may_run_at(task, agent) || !self.can_do(task, agent) {
            return false;
        }
        let is_kin = *kind == self.state.opening.plan.tasks[task].kind();
        let home = self.state.agent_index(home);
        // Nobody waits for an agent whose host was given up, whoever chose it.
        if home.is_some_and(|home| self.state.is_given_up(&self.state.agents[home].host)) {
            return is_kin || self.state.may_cross(task, agent);
        }
        // Nor is anything taken from one that is just being reached.
        let is_awaited = home.is_some_and(|home| self.is_awaited(self.places.of_agent(home)));
        if self.state.tasks[task].pinned || is_awaited {
            return false;
        }
        let may_steal = self.state.opening.plan.work_stealing && is_kin;
        may_steal || self.state.may_cross(task, agent)
    }

    pub(super) fn has_room(&self, agent: usize) -> bool {
        self.no_room(agent).is_none()
    }

    fn assign(&mut self, task: usize, agent: usize) {
        if self.state.ended.is_some() {
            self.decide(Fact::Reopened);
            self.ensure_agents();
        }
        let number = self.state.tasks[task].attempts.last().map_or(1, |attempt| attempt.number + 1);
        let attempt = AttemptId { task: self.state.tasks[task].id.clone(), number };
        self.begin_trial(agent);
        let id = self.state.agents[agent].id.clone();
        let share = self.share(task, agent);
        self.decide(Fact::Assigned { attempt: attempt.clone(), agent: id, share });
        self.seen.agents[agent].busy_since = None;
        self.offer(agent, &attempt);
    }

    fn offer(&mut self, agent: usize, attempt: &AttemptId) {
        let Some(sheet) = self.sheet(attempt) else {
            let error =
                "nothing says how this agent is run: name the tools of its MCP server in agent_config.json";
            self.fail_attempt(attempt, FailureCause::NotStarted, error.to_owned(), NextTry::Never);
            return;
        };
        self.note_template(attempt);
        if self.is_preparing(agent, attempt) {
            // It is offered once its tree stands.
            self.seen.agents[agent].offer = OfferSeen::Unsent;
            return;
        }
        let id = &self.state.agents[agent].id;
        let status = StatusFile::busy(id, attempt, self.stamp(agent, attempt), self.now);
        let seen = &mut self.seen.agents[agent];
        (seen.status, seen.progress, seen.stale_busy) = (Some(AgentStatus::Busy), 0.0, false);
        (seen.activity, seen.usage, seen.heard) = (None, None, 0);
        seen.offer = OfferSeen::Sent;
        let offer = Command::Offer { sheet: Box::new(sheet), status };
        self.out.offers.push((self.places.of_agent(agent), offer));
    }

    /// The same attempt once more. The time to take it still counts from its first BUSY, so that an
    /// agent which always falls back is not offered it for ever.
    pub(super) fn offer_again(&mut self, agent: usize, attempt: &AttemptId) {
        self.offer(agent, attempt);
    }
}
