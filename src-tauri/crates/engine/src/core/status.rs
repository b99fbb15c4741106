//! Status files: what an agent's file means for its attempt.

use miyabi_plan::{AgentId, AttemptId, FailureCause, Host, HostId, TransportKind};
use miyabi_protocol::{AgentStatus, StatusFile};

use super::elsewhere::attempt_in;
use super::places::host_here;
use super::seen::OfferSeen;
use super::{Engine, Weakening};
use crate::fact::{Fact, NoteKind};
use crate::state::AttemptPhase;

/// How many agents that no plan names may join a run: a host must not fill it with endless ones.
const MOST_STRANGERS: usize = 200;

impl Engine {
    pub(super) fn on_status(&mut self, site: usize, agent: &AgentId, file: &StatusFile) {
        if !self.is_listed(site) {
            let unlisted = &mut self.seen.sites[site].unlisted;
            let is_expected = self.state.agent_index(agent).is_some() || unlisted.contains_key(agent);
            if is_expected || unlisted.len() < self.state.agents.len() + MOST_STRANGERS {
                unlisted.insert(agent.clone(), file.clone());
            }
            return;
        }
        let Some(index) = self.state.agent_index(agent) else {
            self.on_stranger(site, agent, file);
            return;
        };
        if self.places.of_agent(index) != site {
            self.on_status_elsewhere(site, index, file);
            return;
        }
        self.seen.agents[index].read(file);
        match self.state.agents[index].current.clone() {
            Some(attempt) if self.is_of(file, &attempt) => self.on_own_status(index, &attempt, file),
            Some(attempt) => self.on_other_status(index, &attempt, file),
            None if self.state.agents[index].draining => self.on_draining_status(index, file),
            None => self.on_free_status(index, file),
        }
    }

    pub(super) fn on_status_gone(&mut self, site: usize, agent: &AgentId) {
        if !self.is_listed(site) {
            self.seen.sites[site].unlisted.remove(agent);
            return;
        }
        let Some(index) = self.state.agent_index(agent) else { return };
        self.seen.agents[index].status = None;
        self.mend_missing_file(index);
    }

    /// A new file, IDLE, is an agent that asks for work of its kind, where its file is.
    fn on_stranger(&mut self, site: usize, agent: &AgentId, file: &StatusFile) {
        if file.status != AgentStatus::Idle {
            let detail =
                format!("agent {agent} is in no plan and its file says {:?}; it is left alone", file.status);
            self.note(NoteKind::BadStatus, Some(agent.clone()), detail);
            return;
        }
        if let Some(known) = self.state.agents.iter().find(|known| known.id.folded() == agent.folded()) {
            let detail = format!("agent {agent} differs from {} only in case; it is left alone", known.id);
            self.note(NoteKind::BadStatus, Some(agent.clone()), detail);
            return;
        }
        let planned = self.state.opening.plan.agents.len();
        if self.state.agents.len() >= planned + MOST_STRANGERS {
            let detail = format!("{MOST_STRANGERS} agents have joined this run; more are left alone");
            self.note(NoteKind::BadStatus, None, detail);
            return;
        }
        let host = self.host_of_stranger(site, file);
        self.decide(Fact::AgentJoined { agent: agent.clone(), host });
        if let Some(index) = self.state.agent_index(agent) {
            self.seen.agents[index].read(file);
            self.ensure_agent(index);
        }
    }

    fn host_of_stranger(&self, site: usize, file: &StatusFile) -> HostId {
        let opening = &self.state.opening;
        let at_site = |host: &&Host| &opening.site(&host.id) == self.places.site(site);
        let hosts = || opening.plan.hosts.iter().filter(at_site);
        let stamp = file.miyabi.as_ref().map(|stamp| stamp.host.as_str());
        let named = hosts().find(|host| Some(host.id.as_str()) == stamp);
        let local = || hosts().find(|host| host.transport == TransportKind::Local);
        let found = named.or_else(local).or_else(|| hosts().next());
        found.map_or_else(|| host_here(&self.state), |host| host.id.clone())
    }

    /// Whether a file speaks of this attempt. A writer that drops our stamp is believed by its
    /// task: it has no other attempt of it, because an agent is kept from work until an old one
    /// has shown its end.
    fn is_of(&self, file: &StatusFile, attempt: &AttemptId) -> bool {
        if file.status == AgentStatus::Idle {
            return true;
        }
        let stamp_fits = file.miyabi.as_ref().is_none_or(|stamp| {
            let unknown = stamp.run_id.is_empty() && stamp.attempt == 0;
            unknown || (stamp.run_id == self.state.opening.run_id && stamp.attempt == attempt.number)
        });
        let stamp_fits = stamp_fits || self.weakening == Some(Weakening::IgnoreAttemptIds);
        file.task_id.as_deref() == Some(attempt.task.as_str()) && stamp_fits
    }

    fn on_own_status(&mut self, agent: usize, attempt: &AttemptId, file: &StatusFile) {
        let Some(phase) = self.state.current(attempt).map(|current| current.phase) else { return };
        let is_open = matches!(phase, AttemptPhase::Offered | AttemptPhase::Running);
        match file.status {
            AgentStatus::Idle => self.on_idle_with_attempt(agent, attempt, phase),
            AgentStatus::InProgress => {
                self.note_started(attempt, phase);
                self.read_stamp(agent, file);
            }
            AgentStatus::Completed if is_open => {
                self.note_started(attempt, phase);
                self.read_stamp(agent, file);
                self.on_claim(agent, attempt, self.completed_claim(agent, file));
            }
            AgentStatus::Failed if is_open => {
                self.note_started(attempt, phase);
                self.read_stamp(agent, file);
                self.on_claim(agent, attempt, self.failed_claim(agent, file));
            }
            AgentStatus::Busy | AgentStatus::Completed | AgentStatus::Failed => {}
        }
    }

    pub(super) fn note_started(&mut self, attempt: &AttemptId, phase: AttemptPhase) {
        if phase == AttemptPhase::Offered {
            self.decide(Fact::Started { attempt: attempt.clone() });
        }
    }

    fn on_idle_with_attempt(&mut self, agent: usize, attempt: &AttemptId, phase: AttemptPhase) {
        match phase {
            // Until the helper says that BUSY is written, an IDLE is the one from before.
            AttemptPhase::Offered if self.seen.agents[agent].offer == OfferSeen::Written => {
                self.offer_again(agent, attempt);
            }
            AttemptPhase::Running => {
                let error = "the agent went back to IDLE in the midst of the task".to_owned();
                let next = self.next_try(attempt);
                self.fail_attempt(attempt, FailureCause::GaveUp, error, next);
            }
            _ => {}
        }
    }

    /// The agent has an attempt, and its file speaks of another one.
    fn on_other_status(&mut self, agent: usize, attempt: &AttemptId, file: &StatusFile) {
        let Some(phase) = self.state.current(attempt).map(|current| current.phase) else { return };
        match file.status {
            AgentStatus::Idle => {}
            AgentStatus::Busy => self.seen.agents[agent].stale_busy = true,
            AgentStatus::Completed | AgentStatus::Failed => self.on_other_claim(agent, attempt, phase, file),
            AgentStatus::InProgress => {
                let why = "the agent is at another attempt".to_owned();
                match phase {
                    AttemptPhase::Offered => {
                        self.decide(Fact::Withdrawn { attempt: attempt.clone(), why });
                        self.begin_draining(agent, file);
                    }
                    AttemptPhase::Running => {
                        let next = self.next_try(attempt);
                        self.fail_attempt(attempt, FailureCause::GaveUp, why, next);
                        self.begin_draining(agent, file);
                    }
                    // The verdict is under way; it leaves an agent that works alone.
                    _ => {}
                }
            }
        }
    }

    /// A claim of an attempt that does not count is thrown away. An agent at work goes on with what
    /// it has: its next word of that is an end, or it runs into its time limit.
    fn on_other_claim(&mut self, agent: usize, attempt: &AttemptId, phase: AttemptPhase, file: &StatusFile) {
        if !self.was_judged(agent, file) {
            self.drop_late_claim(agent, file);
        }
        // While BUSY is still on its way, it will be written over this claim.
        if phase == AttemptPhase::Offered && self.seen.agents[agent].offer != OfferSeen::Sent {
            self.write_idle(agent);
            self.offer_again(agent, attempt);
        }
    }

    fn on_draining_status(&mut self, agent: usize, file: &StatusFile) {
        let id = self.state.agents[agent].id.clone();
        self.read_stamp(agent, file);
        match file.status {
            AgentStatus::Busy | AgentStatus::InProgress => {}
            AgentStatus::Idle => self.decide(Fact::Drained { agent: id }),
            AgentStatus::Completed | AgentStatus::Failed => {
                self.drop_late_claim(agent, file);
                if let Some(attempt) = attempt_in(file).filter(|_| self.takes_late_claims(file)) {
                    self.decide(Fact::Completed { attempt, evidence: None });
                }
                self.decide(Fact::Drained { agent: id });
                self.write_idle(agent);
            }
        }
    }

    fn takes_late_claims(&self, file: &StatusFile) -> bool {
        self.weakening == Some(Weakening::TakeLateClaims) && file.status == AgentStatus::Completed
    }

    /// The agent has nothing to do, as far as we decided.
    fn on_free_status(&mut self, agent: usize, file: &StatusFile) {
        match file.status {
            AgentStatus::Idle => {
                self.seen.agents[agent].unsure_until = None;
                if self.seen.agents[agent].is_its_own_idle(file) {
                    self.seen.agents[agent].sign_of_life();
                }
            }
            // Our own offer that was withdrawn by a backend which died before it wrote IDLE.
            AgentStatus::Busy => self.write_idle(agent),
            AgentStatus::InProgress => self.begin_draining(agent, file),
            AgentStatus::Completed | AgentStatus::Failed => {
                if !self.was_judged(agent, file) {
                    self.drop_late_claim(agent, file);
                }
                self.write_idle(agent);
            }
        }
    }

    /// Whether the claim in this file was already taken, and only its acknowledgement was lost.
    fn was_judged(&self, agent: usize, file: &StatusFile) -> bool {
        let id = &self.state.agents[agent].id;
        let number = file.miyabi.as_ref().map(|stamp| stamp.attempt).filter(|number| *number > 0);
        let task = self.state.tasks.iter().find(|task| Some(task.id.as_str()) == file.task_id.as_deref());
        let mut attempts = task.into_iter().flat_map(|task| task.attempts.iter().rev());
        let last = attempts.find(|it| &it.agent == id && number.is_none_or(|number| number == it.number));
        last.is_some_and(|attempt| attempt.claim.is_some() && attempt.ended_at.is_some())
    }

    fn begin_draining(&mut self, agent: usize, file: &StatusFile) {
        let id = self.state.agents[agent].id.clone();
        self.decide(Fact::DrainBegan { agent: id });
        if let Some(stale) = attempt_in(file) {
            self.stop_runner(agent, &stale, "this attempt does not count any more");
        }
    }

    /// What it used was used all the same.
    pub(super) fn drop_late_claim(&mut self, agent: usize, file: &StatusFile) {
        self.read_stamp(agent, file);
        let task: String = file.task_id.as_deref().unwrap_or("no task").chars().take(60).collect();
        self.decide(Fact::LateClaim { agent: self.state.agents[agent].id.clone(), task });
    }
}
