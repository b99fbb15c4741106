//! Whether a host has room for one more: by its capacity, and by its memory and disk as its helper
//! reported them last.

use miyabi_plan::{Host, HostId, RoomOf, WaitReason};
use miyabi_protocol::Timestamp;
use miyabi_protocol::link::Load;

use super::Engine;
use crate::state::AgentState;

/// For how long a report of a host's load counts, in seconds: later it is not known how it stands, and
/// nothing waits for what nobody knows.
const LOAD_COUNTS_SECONDS: u32 = 60;

/// What an attempt that began after the last report is taken to need, in MiB: no report shows it yet.
/// A rough figure for an agent program at its work, not a measurement; the next report corrects it.
const NEEDED_MEMORY_MIB: u32 = 250;

impl Engine {
    pub(super) fn on_load(&mut self, site: usize, load: Load) {
        self.seen.sites[site].load = Some((load, self.now));
    }

    /// Why nothing more may start beside this agent; none where there is room.
    pub(super) fn no_room(&self, agent: usize) -> Option<WaitReason> {
        let host = &self.state.agents[agent].host;
        let full = self.full(host).map(|(host, limit)| WaitReason::Capacity { host, limit });
        full.or_else(|| {
            let (of, free_mib, wanted_mib, _) = self.scarce(agent)?;
            Some(WaitReason::Room { host: host.clone(), of, free_mib, wanted_mib })
        })
    }

    /// The limit that leaves no room on a host: its own, or that of the whole run. Who may still be at
    /// something on a host that was given up takes no place of the run's.
    fn full(&self, host: &HostId) -> Option<(Option<HostId>, u32)> {
        let plan = &self.state.opening.plan;
        let at_work = |agent: &&AgentState| agent.current.is_some() || agent.draining;
        let here = self.state.agents.iter().filter(at_work).filter(|agent| &agent.host == host).count();
        let is_counted = |agent: &&AgentState| at_work(agent) && !self.state.is_given_up(&agent.host);
        let everywhere = self.state.agents.iter().filter(is_counted).count();
        let reached = |count: usize, limit: u32| count >= limit as usize;
        if let Some(limit) = plan.limits.parallel.filter(|limit| reached(everywhere, *limit)) {
            return Some((None, limit));
        }
        let capacity = plan.host(host).map_or(u32::MAX, |host| host.capacity);
        reached(here, capacity).then(|| (Some(host.clone()), capacity))
    }

    /// What an agent's host has too little of, how much there is, how much there must be, and until
    /// when that counts. A rehearsal takes up nothing.
    fn scarce(&self, agent: usize) -> Option<(RoomOf, u32, u32, Timestamp)> {
        let (load, at) = self.seen.sites[self.places.of_agent(agent)].load?;
        let until = at.plus_seconds(LOAD_COUNTS_SECONDS);
        if until <= self.now || self.state.opening.rehearse.is_some() {
            return None;
        }
        let host = &self.state.agents[agent].host;
        let limits = |host: &Host| (host.min_free_memory_mib, host.min_free_disk_mib);
        let planned = self.state.opening.plan.host(host).map(limits);
        let (memory, disk) = planned.unwrap_or_else(|| limits(&Host::local(host.clone(), 1)));
        // Where a helper cannot tell, it says 0.
        let lacks = |free: u32, wanted: u32| free > 0 && free < wanted;
        // Never down to 0, which would mean that nobody knows.
        let begun = NEEDED_MEMORY_MIB.saturating_mul(self.begun_since(agent, at));
        let memory_free = load.memory_free_mib.saturating_sub(begun).max(load.memory_free_mib.min(1));
        if lacks(memory_free, memory) {
            return Some((RoomOf::Memory, memory_free, memory, until));
        }
        lacks(load.disk_free_mib, disk).then_some((RoomOf::Disk, load.disk_free_mib, disk, until))
    }

    /// How many agents at an agent's site were given work since the site's last report.
    fn begun_since(&self, agent: usize, reported_at: Timestamp) -> u32 {
        let site = self.places.of_agent(agent);
        let begun = self.state.agents.iter().enumerate().filter(|(other, state)| {
            let current = state.current.as_ref().and_then(|attempt| self.state.current(attempt));
            let is_new = current.is_some_and(|attempt| attempt.assigned_at >= reported_at);
            is_new && self.places.of_agent(*other) == site
        });
        u32::try_from(begun.count()).unwrap_or(u32::MAX)
    }

    /// When a host of which too little was left is tried again, should nobody tell how it stands.
    pub(super) fn room_timers(&self) -> impl Iterator<Item = Timestamp> {
        let free = (0..self.state.agents.len()).filter(|agent| self.state.agents[*agent].current.is_none());
        free.filter_map(|agent| Some(self.scarce(agent)?.3))
    }
}
