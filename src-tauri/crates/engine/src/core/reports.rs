//! What a helper reports, and the loss of it.

use miyabi_plan::{AgentId, AttemptId, FailureCause};
use miyabi_protocol::Baseline;
use miyabi_protocol::link::Report;

use super::Engine;
use super::places::HERE;
use super::seen::{Asks, OfferSeen};
use crate::fact::{Fact, NextTry, NoteKind};
use crate::state::AttemptPhase;

impl Engine {
    pub(super) fn on_report(&mut self, site: usize, report: Report) {
        match report {
            Report::Welcome { .. }
            | Report::Pong { .. }
            | Report::Stopped
            | Report::LeaseAsked { .. }
            | Report::StreamEnded { .. } => {}
            Report::Load(load) => self.on_load(site, load),
            Report::Refused { message } | Report::StateProblem { message } => {
                let where_from = self.places.site(site).host().map(|host| format!("{host}: "));
                let message = format!("{}{message}", where_from.unwrap_or_default());
                self.note(NoteKind::StateProblem, None, message);
            }
            Report::Listed => self.on_listed(site),
            Report::Status { agent, status } => self.on_status(site, &agent, &status),
            Report::WorkKept { attempt, commit } => self.on_work_kept(site, &attempt, commit),
            Report::Merged { task, outcome } if site == HERE => self.on_merged(task, outcome),
            Report::Verified { checks, problem } if site == HERE => self.on_verified(checks, problem),
            Report::QueueEdited { queue } => self.on_queue_edited(site, queue.as_ref()),
            Report::RunnerUp { agent, attempt, .. } if self.is_elsewhere(&agent, site) => {
                self.on_runner_elsewhere(site, &agent, attempt);
            }
            report => self.on_agent_report(site, report),
        }
    }

    /// Whether an agent of the run is at another site than this one.
    fn is_elsewhere(&self, agent: &AgentId, site: usize) -> bool {
        self.state.agent_index(agent).is_some_and(|agent| self.places.of_agent(agent) != site)
    }

    fn is_attempt_elsewhere(&self, attempt: &AttemptId, site: usize) -> bool {
        self.state.current(attempt).is_none_or(|current| self.is_elsewhere(&current.agent, site))
    }

    /// What is told of an agent counts only from the site where it is.
    fn on_agent_report(&mut self, site: usize, report: Report) {
        let is_elsewhere = match &report {
            Report::Asks { agent, .. }
            | Report::BadStatus { agent, .. }
            | Report::StatusGone { agent }
            | Report::RunnerGone { agent, .. }
            | Report::AgentProblem { agent, .. } => self.is_elsewhere(agent, site),
            Report::Offered { attempt, .. }
            | Report::Evidence { attempt, .. }
            | Report::TreeMade { attempt, .. }
            | Report::TreeProblem { attempt, .. }
            | Report::Touched { attempt, .. } => self.is_attempt_elsewhere(attempt, site),
            _ => false,
        };
        if is_elsewhere {
            return;
        }
        match report {
            Report::Asks { agent, attempt, asks, heard } => {
                self.on_asks(site, agent, Asks { attempt, asks, heard });
            }
            Report::BadStatus { agent, message } => self.note(NoteKind::BadStatus, Some(agent), message),
            Report::StatusGone { agent } => self.on_status_gone(site, &agent),
            Report::RunnerUp { agent, pid, attempt } => self.on_runner_up(&agent, pid, attempt),
            Report::RunnerGone { agent, how } => self.on_runner_gone(&agent, &how),
            Report::AgentProblem { agent, message } => self.on_agent_problem(agent, message),
            Report::Offered { attempt, baseline } => self.on_offered(&attempt, baseline),
            Report::Evidence { attempt, report } => self.on_evidence(&attempt, report),
            Report::TreeMade { attempt, folder, conflicts } => self.on_tree_made(&attempt, folder, conflicts),
            Report::TreeProblem { attempt, message } => self.on_tree_problem(&attempt, message),
            Report::Touched { attempt, files } => self.on_touched(&attempt, files),
            _ => {}
        }
    }

    /// The same note twice in a row, as from a full disk that is tried every second, is one note.
    pub(super) fn note(&mut self, kind: NoteKind, agent: Option<AgentId>, detail: String) {
        let note = (kind, agent.clone(), detail.clone());
        if self.last_note.as_ref() == Some(&note) {
            return;
        }
        self.last_note = Some(note);
        self.decide(Fact::Noted { kind, agent, detail });
    }

    fn on_offered(&mut self, attempt: &AttemptId, baseline: Baseline) {
        let Some(current) = self.state.current(attempt) else { return };
        let (agent, known) = (current.agent.clone(), current.baseline.is_some());
        if let Some(index) = self.state.agent_index(&agent) {
            self.seen.agents[index].offer = OfferSeen::Written;
            self.seen.agents[index].busy_since.get_or_insert(self.now);
        }
        // An attempt that is offered again may already have written: its first baseline counts.
        if !known {
            self.decide(Fact::BaselineTaken { attempt: attempt.clone(), baseline });
        }
    }

    fn on_runner_up(&mut self, agent: &AgentId, pid: u32, attempt: Option<AttemptId>) {
        let Some(index) = self.state.agent_index(agent) else { return };
        let seen = &mut self.seen.agents[index];
        seen.pid = Some(pid);
        seen.runner_attempt = attempt;
        seen.problem = None;
        if !seen.died_before_work {
            seen.sign_of_life();
        }
    }

    /// The process and all its children are proved dead, so that its file is ours to write.
    fn on_runner_gone(&mut self, agent: &AgentId, how: &str) {
        let Some(index) = self.state.agent_index(agent) else { return };
        let seen = &mut self.seen.agents[index];
        seen.pid = None;
        seen.runner_attempt = None;
        // Before the listing is complete, what it left behind has not been seen yet.
        if !self.state.agents[index].is_ours() || !self.is_agent_listed(index) {
            return;
        }
        let was_draining = self.state.agents[index].draining;
        if was_draining {
            self.decide(Fact::Drained { agent: agent.clone() });
        }
        match self.state.agents[index].current.clone() {
            Some(attempt) => self.runner_died_at(index, &attempt, how),
            None => {
                self.write_idle(index);
                if !was_draining {
                    self.died_before_work(index, how);
                }
            }
        }
        if !self.state.phase().has_ended() && !self.seen.agents[index].is_absent() {
            self.ensure_agent(index);
        }
    }

    /// One death of a runner that is at no work is an accident, as when its window was closed and it
    /// got an offer between its last claim and its end; more of them in a row, with no work between,
    /// are a runner that cannot run, and it is not started for ever.
    fn died_before_work(&mut self, agent: usize, how: &str) {
        if std::mem::replace(&mut self.seen.agents[agent].died_before_work, true) {
            self.rest(agent);
        }
        if self.seen.agents[agent].is_absent() {
            let id = self.state.agents[agent].id.clone();
            let detail = format!(
                "the runner of {id} ends before it takes any work ({how}); look into its window, then retry or reassign a task of its own"
            );
            self.seen.agents[agent].problem = Some(detail.clone());
            self.note(NoteKind::AgentProblem, Some(id), detail);
        }
    }

    fn runner_died_at(&mut self, agent: usize, attempt: &AttemptId, how: &str) {
        let phase = self.state.current(attempt).map(|current| current.phase);
        match phase {
            // A claim stands by itself: its evidence decides, whatever became of the runner since.
            None | Some(AttemptPhase::Claimed) => {}
            // As far as is known it had not begun: no try is spent, but the next one gets a number
            // of its own, because it may have.
            Some(AttemptPhase::Offered) => {
                if self.seen.agents[agent].offer == OfferSeen::Written {
                    self.died_before_work(agent, how);
                }
                self.withdraw(agent, attempt, format!("the agent was gone before it began: {how}"));
            }
            Some(_) => {
                let next = self.next_try(attempt);
                self.fail_attempt(
                    attempt,
                    FailureCause::AgentGone,
                    format!("the agent is gone: {how}"),
                    next,
                );
                self.write_idle(agent);
            }
        }
    }

    fn on_agent_problem(&mut self, agent: AgentId, message: String) {
        let Some(index) = self.state.agent_index(&agent) else { return };
        let is_news = self.seen.agents[index].problem.as_ref() != Some(&message);
        self.seen.agents[index].problem = Some(message.clone());
        if !self.is_agent_listed(index) {
            return;
        }
        self.rest(index);
        if let Some(attempt) = self.state.agents[index].current.clone()
            && self.state.current(&attempt).is_some_and(|current| current.phase == AttemptPhase::Offered)
        {
            self.withdraw(index, &attempt, message.clone());
        }
        if is_news {
            self.note(NoteKind::AgentProblem, Some(agent), message);
        }
    }

    pub(super) fn fail_attempt(
        &mut self,
        attempt: &AttemptId,
        cause: FailureCause,
        error: String,
        next: NextTry,
    ) {
        self.note_last_usage(attempt);
        self.decide(Fact::AttemptFailed {
            attempt: attempt.clone(),
            cause,
            error,
            evidence: None,
            next,
            drains: false,
        });
    }
}
