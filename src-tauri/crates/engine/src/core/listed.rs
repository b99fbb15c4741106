//! After a helper has shown all that is there: what was decided and what is there are brought
//! together. The same path serves a first start, a restart and a folder that was wiped.

use miyabi_plan::{AttemptId, FailureCause};
use miyabi_protocol::link::Command;
use miyabi_protocol::{AgentStatus, MiyabiStamp, StatusFile};

use super::Engine;
use super::seen::OfferSeen;
use crate::fact::Fact;
use crate::state::AttemptPhase;

impl Engine {
    pub(super) fn on_listed(&mut self, site: usize) {
        let seen = &mut self.seen.sites[site];
        (seen.listed, seen.queue_is_written) = (true, false);
        let files = std::mem::take(&mut seen.unlisted);
        self.forget_work(site);
        self.host_is_back(site);
        for (agent, file) in files {
            self.on_status(site, &agent, &file);
        }
        self.stop_left_behind(site);
        let agents = self.places.agents_at(site);
        for agent in &agents {
            self.reconcile(*agent);
        }
        self.look_at_unlisted_asks(site);
        for agent in &agents {
            self.say_again(*agent);
        }
        if !self.is_over() {
            agents.into_iter().for_each(|agent| self.ensure_agent(agent));
        }
    }

    /// Nobody is started for a run that is over; should it be opened again, they are then.
    pub(super) fn ensure_agents(&mut self) {
        if self.is_over() {
            return;
        }
        for agent in 0..self.state.agents.len() {
            self.ensure_agent(agent);
        }
    }

    pub(super) fn ensure_agent(&mut self, agent: usize) {
        let site = self.places.of_agent(agent);
        let agent = &self.state.agents[agent];
        let ensure = Command::EnsureAgent {
            agent: agent.id.clone(),
            window: self.state.opening.plan.window_name(&agent.id),
            ours: agent.is_ours(),
        };
        self.out.ensures.push((site, ensure));
    }

    fn reconcile(&mut self, agent: usize) {
        let Some(attempt) = self.state.agents[agent].current.clone() else {
            self.reconcile_free(agent);
            return;
        };
        let Some(phase) = self.state.current(&attempt).map(|current| current.phase) else { return };
        match phase {
            AttemptPhase::Offered => self.reconcile_offered(agent, &attempt),
            AttemptPhase::Running => self.reconcile_running(agent, &attempt),
            AttemptPhase::Claimed => {
                if let Some(claim) = self.state.current(&attempt).and_then(|current| current.claim.clone()) {
                    self.judge(agent, &attempt, claim);
                }
            }
            AttemptPhase::Withdrawn | AttemptPhase::Ended => {}
        }
    }

    fn reconcile_offered(&mut self, agent: usize, attempt: &AttemptId) {
        let seen = &self.seen.agents[agent];
        if seen.offer != OfferSeen::Unsent {
            return;
        }
        if self.is_preparing(agent, attempt) {
            if seen.status != Some(AgentStatus::Idle) {
                self.write_idle(agent);
            }
            return;
        }
        match seen.status {
            // Withdrawn by the backend before, which died before it wrote IDLE.
            Some(AgentStatus::Busy) if seen.stale_busy => {
                self.write_idle(agent);
                self.offer_again(agent, attempt);
            }
            Some(AgentStatus::Busy) => {
                self.seen.agents[agent].offer = OfferSeen::Written;
                self.seen.agents[agent].busy_since = Some(self.now);
            }
            Some(AgentStatus::Idle) => self.offer_again(agent, attempt),
            None => self.mend_offer(agent, attempt),
            // Its own claim or progress was taken already; any other one was answered by an offer.
            Some(_) => {}
        }
    }

    /// An offer whose file is gone. An agent that only knows the files is offered the same again. A
    /// runner of ours may have carried it out without our seeing it: nothing starts twice, so it is
    /// taken back, and the next offer has a number of its own.
    fn mend_offer(&mut self, agent: usize, attempt: &AttemptId) {
        if !self.state.agents[agent].is_ours() {
            self.offer_again(agent, attempt);
        } else if self.seen.agents[agent].runner_attempt.as_ref() == Some(attempt) {
            self.decide(Fact::Started { attempt: attempt.clone() });
        } else {
            self.withdraw(agent, attempt, "its status file was gone before it was seen to begin".to_owned());
        }
    }

    fn reconcile_free(&mut self, agent: usize) {
        if self.has_untaken_offer(agent) {
            self.decide(Fact::Drained { agent: self.state.agents[agent].id.clone() });
            self.take_offer_back(agent);
            return;
        }
        if !self.state.agents[agent].is_ours() {
            return;
        }
        let seen = &self.seen.agents[agent];
        let is_gone = seen.pid.is_none();
        let is_at = seen.runner_attempt.clone();
        let has_file = seen.status.is_some();
        if !self.state.agents[agent].draining {
            if !has_file && is_at.is_none() {
                self.write_idle(agent);
            }
        } else if is_gone || (is_at.is_none() && !has_file) {
            self.decide(Fact::Drained { agent: self.state.agents[agent].id.clone() });
            self.write_idle(agent);
        } else if let Some(attempt) = is_at {
            // The backend before may have died before it said so.
            self.stop_runner(agent, &attempt, "this attempt does not count any more");
        }
    }

    /// Whether an agent that is kept from work was offered something before contact with it was lost,
    /// and has not taken it.
    fn has_untaken_offer(&self, agent: usize) -> bool {
        let (seen, state) = (&self.seen.agents[agent], &self.state.agents[agent]);
        state.draining && seen.status == Some(AgentStatus::Busy) && seen.runner_attempt.is_none()
    }

    fn reconcile_running(&mut self, agent: usize, attempt: &AttemptId) {
        let is_ours = self.state.agents[agent].is_ours();
        let at_it = self.seen.agents[agent].runner_attempt.as_ref() == Some(attempt);
        if is_ours && !at_it {
            let error = "the agent's process did not survive".to_owned();
            let next = self.next_try(attempt);
            self.fail_attempt(attempt, FailureCause::AgentGone, error, next);
            self.write_idle(agent);
        } else if !is_ours && self.seen.agents[agent].status.is_none() {
            self.rebuild_in_progress(agent, attempt);
        }
    }

    /// A file that went missing while the helper watches. A living runner writes its own again.
    pub(super) fn mend_missing_file(&mut self, agent: usize) {
        let is_ours = self.state.agents[agent].is_ours();
        let Some(attempt) = self.state.agents[agent].current.clone() else {
            if is_ours && !self.state.agents[agent].draining {
                self.write_idle(agent);
            }
            return;
        };
        match self.state.current(&attempt).map(|current| current.phase) {
            Some(AttemptPhase::Offered) if self.seen.agents[agent].offer == OfferSeen::Written => {
                self.mend_offer(agent, &attempt);
            }
            Some(AttemptPhase::Running) if !is_ours => self.rebuild_in_progress(agent, &attempt),
            _ => {}
        }
    }

    /// A started attempt comes back as IN_PROGRESS, never as BUSY: nothing starts twice.
    fn rebuild_in_progress(&mut self, agent: usize, attempt: &AttemptId) {
        let started_at = self.state.current(attempt).and_then(|current| current.started_at);
        let id = &self.state.agents[agent].id;
        let status = StatusFile {
            status: AgentStatus::InProgress,
            started_at,
            ..StatusFile::busy(id, attempt, self.stamp(agent, attempt), self.now)
        };
        self.write_status(agent, status);
    }

    pub(super) fn stamp(&self, agent: usize, attempt: &AttemptId) -> MiyabiStamp {
        MiyabiStamp {
            run_id: self.state.opening.run_id.clone(),
            attempt: attempt.number,
            seq: 0,
            host: self.state.agents[agent].host.to_string(),
            ..MiyabiStamp::default()
        }
    }
}
