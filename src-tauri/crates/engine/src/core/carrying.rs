//! What attempts leave behind: committed where they were, and carried to this machine.

use miyabi_plan::git::attempt_branch;
use miyabi_plan::{AttemptId, FailureCause, HostId};
use miyabi_protocol::link::Command;
use miyabi_protocol::{Carriage, CarriageWay, EvidenceReport, Signature, Timestamp};

use super::places::HERE;
use super::{Engine, Weakening};
use crate::fact::{Fact, NoteKind};
use crate::state::{Attempt, AttemptPhase};

/// After how long a commit that could not be carried is carried again, in seconds.
const CARRY_AGAIN_SECONDS: u32 = 15;

impl Engine {
    /// The site where an attempt was, wherever its agent is now.
    pub(super) fn site_of_attempt(&self, id: &AttemptId) -> Option<usize> {
        let host = &self.state.attempt(id)?.host;
        self.places.index(&self.state.opening.site(host))
    }

    /// A commit on its way; nothing where it is under way already, or rests after a failure.
    pub(super) fn carry(&mut self, id: &AttemptId, way: CarriageWay, branch: String, commit: String) {
        let Some(attempt) = self.state.attempt(id) else { return };
        let Some(git) = self.state.git() else { return };
        let (host, store) = (attempt.host.clone(), git.store.clone());
        let carriage = Carriage { attempt: id.clone(), way, host, store, branch, commit };
        let rests = self.seen.work.carry_again.get(id).is_some_and(|again| *again > self.now);
        if !rests && !self.seen.work.carriages.contains(&carriage) {
            self.seen.work.carriages.push(carriage.clone());
            self.out.carriages.push(carriage);
        }
    }

    /// Has all that is here to be fetched committed and fetched.
    pub(super) fn keep_work(&mut self) {
        let tasks = self.state.tasks.iter();
        let unkept = tasks.flat_map(|task| {
            let attempts = task.attempts.iter().filter(|attempt| attempt.awaits_keeping());
            attempts.map(|attempt| AttemptId { task: task.id.clone(), number: attempt.number })
        });
        for id in unkept.collect::<Vec<_>>() {
            let Some(site) = self.site_of_attempt(&id).filter(|site| self.is_listed(*site)) else { continue };
            if let Some(commit) = self.seen.work.kept.get(&id).cloned() {
                self.carry_here(&id, commit);
            } else if self.seen.work.keeps.insert(id.clone())
                && let Some(keep) = self.keep_command(&id)
            {
                self.out.works.push((site, keep));
            }
        }
        self.carry_proven_work();
    }

    fn carry_here(&mut self, id: &AttemptId, commit: String) {
        let branch = attempt_branch(&self.state.opening.run_id, &id.task, id.number);
        self.carry(id, CarriageWay::Here, branch, commit);
    }

    fn keep_command(&self, id: &AttemptId) -> Option<Command> {
        let attempt = self.state.attempt(id)?;
        let title =
            self.state.opening.plan.task(&id.task).map(|task| task.title.as_str()).unwrap_or_default();
        let signature = Signature {
            run_id: self.state.opening.run_id.clone(),
            attempt: id.clone(),
            agent: attempt.agent.clone(),
            host: attempt.host.clone(),
            subject: format!("{}: {title} (what {id} left)", id.task),
        };
        Some(Command::KeepWork { tree: attempt.tree()?.clone(), signature })
    }

    pub(super) fn on_work_kept(&mut self, site: usize, id: &AttemptId, commit: Option<String>) {
        let Some(attempt) = self.state.attempt(id).filter(|attempt| attempt.awaits_keeping()) else { return };
        if self.site_of_attempt(id) != Some(site) || !self.is_listed(site) {
            return;
        }
        match commit {
            // What it began from came from here.
            Some(commit) if site != HERE && Some(&commit) != attempt.start.as_ref() => {
                self.seen.work.kept.insert(id.clone(), commit);
            }
            commit => self.decide(Fact::WorkKept { attempt: id.clone(), commit }),
        }
    }

    /// Work whose evidence holds counts once it is here. Whether it is on its way.
    pub(super) fn fetch(&mut self, id: &AttemptId, report: &EvidenceReport) -> bool {
        let is_far = self.site_of_attempt(id).is_some_and(|site| site != HERE);
        let is_let = self.weakening == Some(Weakening::ReleaseBeforeCarried);
        if !is_far || report.work.is_none() || is_let {
            return false;
        }
        self.seen.work.evidence.insert(id.clone(), report.clone());
        true
    }

    fn carry_proven_work(&mut self) {
        let found = self.seen.work.evidence.iter();
        let found = found.filter_map(|(id, report)| Some((id.clone(), report.work.as_ref()?.commit.clone())));
        for (id, commit) in found.collect::<Vec<_>>() {
            let is_claimed = |attempt: &Attempt| attempt.phase == AttemptPhase::Claimed;
            if !self.state.current(&id).is_some_and(is_claimed) {
                self.seen.work.evidence.remove(&id);
            } else if self.site_of_attempt(&id).is_some_and(|site| self.is_listed(site)) {
                self.carry_here(&id, commit);
            }
        }
    }

    pub(super) fn on_carried(&mut self, carriage: &Carriage, problem: Option<String>) {
        // What was asked for over a link that is gone is asked for again; what is late does no harm.
        let Some(at) = self.seen.work.carriages.iter().position(|known| known == carriage) else { return };
        self.seen.work.carriages.remove(at);
        let id = &carriage.attempt;
        match (carriage.way, problem) {
            (CarriageWay::There, None) => {
                self.seen.work.there.insert((id.clone(), carriage.branch.clone()));
            }
            (CarriageWay::There, Some(problem)) => self.on_tree_problem(id, problem),
            (CarriageWay::Here, None) => self.has_arrived(id, &carriage.commit),
            (CarriageWay::Here, Some(problem)) => {
                let again = self.now.plus_seconds(CARRY_AGAIN_SECONDS);
                self.seen.work.carry_again.insert(id.clone(), again);
                let detail = format!(
                    "the work of {id} cannot be fetched from {}: {problem}; tried again",
                    carriage.host
                );
                self.note(NoteKind::StateProblem, None, detail);
            }
        }
    }

    fn has_arrived(&mut self, id: &AttemptId, commit: &str) {
        let is_it = |report: &EvidenceReport| report.work.as_ref().is_some_and(|work| work.commit == commit);
        if self.seen.work.evidence.get(id).is_some_and(is_it)
            && let Some(report) = self.seen.work.evidence.remove(id)
        {
            self.work_is_here(id, report);
        } else if self.seen.work.kept.get(id).is_some_and(|kept| kept == commit) {
            self.seen.work.kept.remove(id);
            if self.state.attempt(id).is_some_and(Attempt::awaits_keeping) {
                self.decide(Fact::WorkKept { attempt: id.clone(), commit: Some(commit.to_owned()) });
            }
        }
    }

    pub(super) fn carry_timers(&self) -> impl Iterator<Item = Timestamp> {
        self.seen.work.carry_again.values().copied()
    }

    /// The host from which the work of an attempt before is still to be fetched. Nobody waits for one of
    /// which nothing is heard and that was given up.
    pub(super) fn hand_over_from(&self, index: usize) -> Option<&HostId> {
        let attempts = self.state.tasks[index].attempts.iter().rev();
        let was_lost =
            |attempt: &Attempt| attempt.cause == Some(FailureCause::HostLost) && attempt.claim.is_none();
        let mut waits = attempts.filter(|attempt| {
            attempt.awaits_keeping() && !was_lost(attempt) && !self.state.is_given_up(&attempt.host)
        });
        waits.next().map(|attempt| &attempt.host)
    }

    /// What was under way at a site is not known any more: all of it is asked for again.
    pub(super) fn forget_work(&mut self, site: usize) {
        let mut work = std::mem::take(&mut self.seen.work);
        let is_elsewhere = |id: &AttemptId| self.site_of_attempt(id) != Some(site);
        work.trees.retain(&is_elsewhere);
        work.keeps.retain(&is_elsewhere);
        work.there.retain(|(id, _)| is_elsewhere(id));
        work.carriages.retain(|carriage| is_elsewhere(&carriage.attempt));
        work.carry_again.retain(|id, _| is_elsewhere(id));
        work.kept.retain(|id, _| is_elsewhere(id));
        work.evidence.retain(|id, _| is_elsewhere(id));
        work.touched.retain(|id, _| is_elsewhere(id));
        if site == HERE {
            work.merging.clear();
            work.unmerged.clear();
            work.taking.values_mut().for_each(|taking| taking.is_sent = false);
            work.verifies = false;
        }
        self.seen.work = work;
    }
}
