//! Which site serves which agent: known by index, so that nothing is looked up by name on the way.

use miyabi_plan::{HostId, Site};

use crate::state::RunState;

/// The index of this machine among the sites.
pub(super) const HERE: usize = 0;

#[derive(Debug, Clone)]
pub(super) struct Places {
    sites: Vec<Site>,
    /// The site of each agent.
    of_agents: Vec<usize>,
}

impl Places {
    pub(super) fn of(state: &RunState) -> Self {
        let sites = state.opening.sites();
        let mut places = Self { sites, of_agents: Vec::new() };
        places.find_agents(state);
        places
    }

    /// After an agent joined or moved.
    pub(super) fn find_agents(&mut self, state: &RunState) {
        let site = |host: &HostId| self.index(&state.opening.site(host)).unwrap_or(HERE);
        self.of_agents = state.agents.iter().map(|agent| site(&agent.host)).collect();
    }

    pub(super) fn index(&self, site: &Site) -> Option<usize> {
        self.sites.iter().position(|known| known == site)
    }

    pub(super) fn of_agent(&self, agent: usize) -> usize {
        self.of_agents[agent]
    }

    pub(super) fn agents_at(&self, site: usize) -> Vec<usize> {
        (0..self.of_agents.len()).filter(|agent| self.of_agents[*agent] == site).collect()
    }

    pub(super) fn site(&self, index: usize) -> &Site {
        &self.sites[index]
    }

    pub(super) fn count(&self) -> usize {
        self.sites.len()
    }
}

/// A host's name for this machine: the first one that is played here, or a name of our own.
pub(super) fn host_here(state: &RunState) -> HostId {
    let hosts = || state.opening.plan.hosts.iter().map(|host| &host.id);
    let played_here = hosts().find(|host| state.opening.site(host) == Site::Here);
    let own = (1..).map(|number| match number {
        1 => "local".to_owned(),
        number => format!("local-{number}"),
    });
    let mut free = own
        .filter_map(|name| HostId::new(name).ok())
        .filter(|name| hosts().all(|host| host.folded() != name.folded()));
    played_here.cloned().or_else(|| free.next()).unwrap_or_else(|| state.opening.plan.agents[0].host.clone())
}
