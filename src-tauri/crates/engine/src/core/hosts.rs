//! Hosts that are lost, that come back, and that are given up. Lost contact is no failure: what is
//! under way there is unverified until the host is back, or until it is run elsewhere.

use std::collections::BTreeSet;

use miyabi_plan::{AttemptId, FailureCause, HostId, Kind, RunPhase, Site};

use super::places::{HERE, host_here};
use super::seen::{AgentSeen, SiteSeen};
use super::{Engine, OrderError, Weakening};
use crate::fact::{Fact, GivenUpBy, NextTry, NoteKind};
use crate::state::Standing;

impl Engine {
    pub(super) fn is_listed(&self, site: usize) -> bool {
        self.seen.sites[site].listed
    }

    pub(super) fn is_agent_listed(&self, agent: usize) -> bool {
        self.is_listed(self.places.of_agent(agent))
    }

    /// Whether an agent is on another machine of which nothing is known now.
    pub(super) fn is_out_of_reach(&self, agent: usize) -> bool {
        self.places.of_agent(agent) != HERE && !self.is_agent_listed(agent)
    }

    /// Whether a site was neither reached nor missed since this backend began.
    pub(super) fn is_awaited(&self, site: usize) -> bool {
        let is_lost = |host| self.state.lost_host(host).is_some();
        !self.is_listed(site) && !self.places.site(site).host().is_some_and(is_lost)
    }

    pub(super) fn is_unverified_task(&self, task: usize) -> bool {
        let current = self.state.tasks[task].current();
        let agent = current.and_then(|current| self.state.agent_index(&current.agent));
        agent.is_some_and(|agent| self.is_out_of_reach(agent))
    }

    pub(super) fn on_link_down(&mut self, site: usize, why: String) {
        match self.places.site(site).host().cloned() {
            None if self.is_listed(site) => self.note(NoteKind::HostLost, None, why),
            None => {}
            Some(host) => {
                for agent in self.places.agents_at(site) {
                    self.note_usage_of(agent);
                }
                if self.state.lost_host(&host).is_none() {
                    self.decide(Fact::HostLost { host: host.clone(), why });
                }
                if self.weakening == Some(Weakening::IgnoreLeases) {
                    self.on_lease_over(&host);
                }
            }
        }
        self.seen.sites[site] = SiteSeen::default();
        self.forget_work(site);
        for agent in self.places.agents_at(site) {
            self.seen.agents[agent] = AgentSeen::default();
        }
        self.quiet_since = None;
    }

    pub(super) fn host_is_back(&mut self, site: usize) {
        let Some(host) = self.places.site(site).host().cloned() else { return };
        if self.state.lost_host(&host).is_some() {
            self.decide(Fact::HostBack { host });
        }
    }

    /// Where the plan says so, what runs on a lost host is run elsewhere by itself.
    pub(super) fn on_lease_over(&mut self, host: &HostId) {
        let is_automatic = self.state.opening.plan.failover.lease_seconds().is_some();
        let waits = self.state.lost_host(host).is_some_and(|lost| lost.given_up.is_none());
        if is_automatic && waits && !self.is_over() {
            self.decide(Fact::HostGivenUp { host: host.clone(), by: GivenUpBy::Lease });
        }
    }

    pub(super) fn give_up_host(&mut self, host: &HostId) -> Result<(), OrderError> {
        let refuse = |why: String| Err(OrderError::DoesNotFit(why));
        if self.state.opening.plan.host(host).is_none() {
            return refuse(format!("there is no host {host} in this run"));
        }
        if self.state.opening.site(host) == Site::Here {
            return refuse(format!("{host} is this machine in this run; it cannot be lost"));
        }
        match self.state.lost_host(host) {
            None => refuse(format!("{host} is not lost; to take a task away from it, reassign the task")),
            Some(lost) if lost.given_up.is_some() => {
                refuse(format!("{host} was given up already; it takes work again as soon as it is reached"))
            }
            Some(_) if self.is_over() => refuse("the run has ended".to_owned()),
            Some(_) => {
                self.decide(Fact::HostGivenUp { host: host.clone(), by: GivenUpBy::Person });
                Ok(())
            }
        }
    }

    /// Whether the run has ended, and not only for want of something.
    pub(super) fn is_over(&self) -> bool {
        self.state.ended.is_some_and(|(phase, _)| phase != RunPhase::Stuck)
    }

    /// What follows from giving hosts up. Looked at after every event, so that it also happens when a
    /// backend dies in the midst of it.
    pub(super) fn carry_out_giving_up(&mut self) {
        if !self.state.has_given_up_hosts() {
            return;
        }
        let agents = self.state.agents.iter().filter(|agent| self.state.is_given_up(&agent.host));
        let attempts: Vec<AttemptId> = agents.filter_map(|agent| agent.current.clone()).collect();
        for attempt in attempts {
            self.give_up_attempt(&attempt);
        }
        self.move_agents();
    }

    /// An attempt of which nothing is heard counts no more. Its agent gets no work before it has shown
    /// the end of it.
    pub(super) fn give_up_attempt(&mut self, attempt: &AttemptId) {
        let Some(current) = self.state.current(attempt) else { return };
        let (agent, host) = (current.agent.clone(), current.host.clone());
        let error = match self.state.lost_host(&host).and_then(|lost| lost.given_up) {
            Some(GivenUpBy::Person) => format!("contact with {host} was lost, and a person gave it up"),
            Some(GivenUpBy::Lease) => {
                format!("contact with {host} was lost for longer than the plan waits for it")
            }
            None => format!("contact with {host} was lost, and a person moved the task away from {agent}"),
        };
        self.note_last_usage(attempt);
        self.decide(Fact::AttemptFailed {
            attempt: attempt.clone(),
            cause: FailureCause::HostLost,
            error,
            evidence: None,
            next: NextTry::Free,
            drains: true,
        });
    }

    /// Where no agent of a kind is left at a site that is reached, those of hosts that were given up
    /// work on this machine from here on.
    fn move_agents(&mut self) {
        let is_known = (0..self.places.count()).all(|site| !self.is_awaited(site));
        if !self.is_listed(HERE) || !is_known || self.is_over() {
            return;
        }
        let is_left = |agent: &usize| {
            let (seen, state) = (&self.seen.agents[*agent], &self.state.agents[*agent]);
            self.is_agent_listed(*agent) && !seen.is_absent() && (state.is_ours() || seen.status.is_some())
        };
        let agents = 0..self.state.agents.len();
        let kind = |agent: usize| &self.state.agents[agent].kind;
        let left: BTreeSet<&Kind> = agents.clone().filter(is_left).map(kind).collect();
        let mut moving: Vec<usize> = agents
            .filter(|agent| {
                let state = &self.state.agents[*agent];
                state.is_ours() && self.state.is_given_up(&state.host) && !left.contains(&state.kind)
            })
            .collect();
        if moving.is_empty() {
            return;
        }
        let wanted = self.kinds_wanted();
        moving.retain(|agent| wanted.contains(&self.state.agents[*agent].kind));
        let host = host_here(&self.state);
        for agent in moving {
            let id = self.state.agents[agent].id.clone();
            self.decide(Fact::AgentMoved { agent: id, host: host.clone() });
            self.seen.agents[agent] = AgentSeen::default();
            self.write_idle(agent);
            self.ensure_agent(agent);
        }
    }

    /// The kinds of all tasks that are to be done yet.
    fn kinds_wanted(&self) -> BTreeSet<Kind> {
        let is_open =
            |standing| matches!(standing, Standing::Waiting | Standing::BackOff(_) | Standing::Active);
        let tasks = self.state.tasks.iter().zip(&self.state.opening.plan.tasks);
        tasks.filter(|(task, _)| is_open(task.standing)).map(|(_, planned)| planned.kind()).collect()
    }
}
