//! How a run stands with its hosts: which are lost, since when, and which were given up.

use std::collections::BTreeMap;

use miyabi_plan::{AgentId, HostId, Site};
use miyabi_protocol::Timestamp;

use super::{AttemptPhase, RunState, Standing};
use crate::fact::GivenUpBy;

/// A host, as the run stands with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostState {
    /// Which.
    pub id: HostId,
    /// Since when contact with it is lost.
    pub since: Timestamp,
    /// Why, for people.
    pub why: String,
    /// By whose wish its tasks are run elsewhere; none while they wait for it.
    pub given_up: Option<GivenUpBy>,
}

/// The hosts that cannot be reached.
pub(super) type LostHosts = BTreeMap<HostId, HostState>;

impl RunState {
    /// The hosts that are lost, by their names.
    pub fn lost_hosts(&self) -> impl Iterator<Item = &HostState> {
        self.lost_hosts.values()
    }

    /// How a lost host stands; none for one that is reached, or was not tried yet.
    #[must_use]
    pub fn lost_host(&self, host: &HostId) -> Option<&HostState> {
        self.lost_hosts.get(host)
    }

    /// Whether a host is lost, and its tasks are run elsewhere.
    #[must_use]
    pub fn is_given_up(&self, host: &HostId) -> bool {
        self.lost_host(host).is_some_and(|lost| lost.given_up.is_some())
    }

    pub(crate) fn has_given_up_hosts(&self) -> bool {
        self.lost_hosts.values().any(|lost| lost.given_up.is_some())
    }

    /// The state folder and helper that serve an agent.
    #[must_use]
    pub fn site_of(&self, agent: &AgentId) -> Option<Site> {
        self.agent(agent).map(|agent| self.opening.site(&agent.host))
    }

    /// Whether a task may run where an agent is. What binds a task to a host is lifted while that host
    /// is given up, and an agent that moved away from it takes its tasks along.
    #[must_use]
    pub fn may_run_at(&self, task: usize, agent: usize) -> bool {
        let plan = &self.opening.plan;
        let Some(bound) = plan.tasks[task].host.as_ref() else { return true };
        let is_from = || plan.agents.get(agent).is_some_and(|planned| &planned.host == bound);
        bound == &self.agents[agent].host || is_from() || self.is_given_up(bound)
    }

    /// The tasks whose agents are on a host, and at work as far as is known.
    #[must_use]
    pub fn tasks_at_work_on(&self, host: &HostId) -> Vec<usize> {
        let agents = self.agents.iter().filter(|agent| &agent.host == host);
        agents.filter_map(|agent| self.task_index(&agent.current.as_ref()?.task)).collect()
    }

    /// Time stands still for all that is under way there.
    pub(super) fn host_lost(&mut self, host: &HostId, why: &str, at: Timestamp) {
        if self.lost_hosts.contains_key(host) {
            return;
        }
        let lost = HostState { id: host.clone(), since: at, why: why.to_owned(), given_up: None };
        self.lost_hosts.insert(host.clone(), lost);
        for task in self.tasks_at_work_on(host) {
            if let Some(attempt) = self.tasks[task].attempts.last_mut() {
                attempt.lost_since = Some(at);
            }
        }
        // Nobody waits for a trial of which nothing is heard.
        let agents = self.agents.iter().filter(|agent| &agent.host == host);
        let attempts: Vec<_> = agents.filter_map(|agent| agent.current.clone()).collect();
        for attempt in &attempts {
            self.end_trial(attempt);
        }
    }

    /// The time without contact counts against nobody.
    pub(super) fn host_back(&mut self, host: &HostId, at: Timestamp) {
        if self.lost_hosts.remove(host).is_none() {
            return;
        }
        for task in self.tasks_at_work_on(host) {
            let id = self.tasks[task].id.clone();
            if self.tasks[task].standing != Standing::Active {
                continue;
            }
            let Some(attempt) = self.tasks[task].attempts.last_mut() else { continue };
            let Some(since) = attempt.lost_since.take() else { continue };
            let lost = at.millis_since(since).max(0);
            // One that waits for a person stands still anyhow, until it is answered.
            if attempt.phase == AttemptPhase::Running && attempt.waits_since.is_none() {
                attempt.stood_still_millis = attempt.stood_still_millis.saturating_add(lost);
            }
            let number = attempt.number;
            let open = self.inbox.approvals.iter_mut();
            for open in open.filter(|open| open.attempt.task == id && open.attempt.number == number) {
                open.counts_from = open.counts_from.plus_millis(lost);
            }
        }
    }

    pub(super) fn host_given_up(&mut self, host: &HostId, by: GivenUpBy) {
        if let Some(lost) = self.lost_hosts.get_mut(host) {
            lost.given_up = Some(by);
        }
    }

    /// What it may still be at where it was, it is kept from there and not here.
    pub(super) fn agent_moved(&mut self, agent: &AgentId, host: &HostId) {
        if let Some(index) = self.agent_index(agent) {
            let agent = &mut self.agents[index];
            (agent.host, agent.draining) = (host.clone(), false);
        }
    }
}
