//! What is reported of an agent by a site where it is not: nothing that counts. One that moved away
//! from there is stopped there, and its late words are thrown away.

use miyabi_plan::{AgentId, AttemptId};
use miyabi_protocol::link::Command;
use miyabi_protocol::{AgentStatus, StatusFile};

use super::Engine;

impl Engine {
    /// Whether an agent was on a host of this site before it moved.
    fn has_left(&self, agent: usize, site: usize) -> bool {
        let planned = self.state.opening.plan.agents.get(agent);
        let from = planned.map(|planned| self.state.opening.site(&planned.host));
        self.places.of_agent(agent) != site && from.as_ref() == Some(self.places.site(site))
    }

    /// A runner that was left behind.
    pub(super) fn on_runner_elsewhere(&mut self, site: usize, agent: &AgentId, attempt: Option<AttemptId>) {
        let (Some(index), Some(attempt)) = (self.state.agent_index(agent), attempt) else { return };
        if !self.has_left(index, site) {
            return;
        }
        if !self.is_listed(site) {
            self.seen.sites[site].left_behind.push((agent.clone(), attempt));
            return;
        }
        self.stop_at(site, agent, attempt);
    }

    /// Runners that were reported before the listing was complete.
    pub(super) fn stop_left_behind(&mut self, site: usize) {
        for (agent, attempt) in std::mem::take(&mut self.seen.sites[site].left_behind) {
            self.stop_at(site, &agent, attempt);
        }
    }

    fn stop_at(&mut self, site: usize, agent: &AgentId, attempt: AttemptId) {
        let reason = "its agent works elsewhere now; this attempt does not count any more".to_owned();
        let agent = agent.clone();
        self.out.stops.push((site, Command::StopAttempt { agent, attempt, reason }));
    }

    pub(super) fn on_status_elsewhere(&mut self, site: usize, index: usize, file: &StatusFile) {
        if !self.has_left(index, site) {
            return;
        }
        let agent = self.state.agents[index].id.clone();
        match file.status {
            AgentStatus::Idle => return,
            AgentStatus::InProgress => {
                if let Some(attempt) = attempt_in(file) {
                    self.stop_at(site, &agent, attempt);
                }
                return;
            }
            AgentStatus::Busy => {}
            AgentStatus::Completed | AgentStatus::Failed => {
                // What is seen of it is seen where it is.
                let seen = self.seen.agents[index].clone();
                self.drop_late_claim(index, file);
                self.seen.agents[index] = seen;
            }
        }
        let status = StatusFile::idle(&agent, self.now);
        self.out.statuses.push((site, Command::WriteStatus { agent, status }));
    }
}

/// The attempt that a file speaks of.
pub(super) fn attempt_in(file: &StatusFile) -> Option<AttemptId> {
    let task = file.task_id.as_deref().and_then(|task| miyabi_plan::TaskId::new(task).ok())?;
    let number = file.miyabi.as_ref().map(|stamp| stamp.attempt).filter(|number| *number > 0)?;
    Some(AttemptId { task, number })
}
