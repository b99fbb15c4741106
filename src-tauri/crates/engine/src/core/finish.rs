//! The last steps, once every task is COMPLETED: all work becomes one, and the plan's verification is run
//! on it.

use std::collections::BTreeMap;

use miyabi_plan::RunPhase;
use miyabi_protocol::CheckResult;
use miyabi_protocol::link::{Command, VerifiedWork};

use super::places::{HERE, host_here};
use super::{Engine, OrderError};
use crate::fact::Fact;
use crate::state::{Standing, Verification};

impl Engine {
    pub(super) fn is_all_completed(&self) -> bool {
        self.state.tasks.iter().all(|task| task.standing == Standing::Completed)
    }

    /// Whether the plan's verification is run at all: not in a rehearsal, and not where the work of other
    /// people's agents lies who knows where.
    fn is_verified(&self) -> bool {
        let opening = &self.state.opening;
        let is_real = opening.rehearse.is_none() && (!opening.external || opening.checks_external);
        is_real && !opening.plan.verification.is_empty()
    }

    /// How the run ended, with the reasons, now that every task is COMPLETED; none while something is still
    /// to be done.
    pub(super) fn wrap_up(&mut self) -> Option<(RunPhase, Vec<String>)> {
        if self.state.git().is_some() && self.state.result().is_none() {
            if let Some(why) = self.cannot_merge(&None) {
                return Some((RunPhase::Stuck, vec![format!("the work cannot be merged: {why}")]));
            }
            self.merge_result();
            return None;
        }
        if !self.is_verified() {
            return Some((RunPhase::Completed, Vec::new()));
        }
        let Some(found) = self.state.verification() else {
            self.verify();
            return None;
        };
        match found.passed() {
            true => Some((RunPhase::Completed, Vec::new())),
            false => Some((RunPhase::Failed, what_does_not_hold(found))),
        }
    }

    fn verify(&mut self) {
        if self.seen.work.verifies || !self.is_listed(HERE) {
            return;
        }
        let opening = &self.state.opening;
        let work = match (self.repository_at(HERE), self.state.result()) {
            (Some(repository), Some(result)) => VerifiedWork::Commit {
                run_id: opening.run_id.clone(),
                repository,
                commit: result.commit.clone(),
            },
            _ => VerifiedWork::Folder { folder: opening.work_folder.clone() },
        };
        let host = host_here(&self.state);
        let checks = opening.plan.verification.iter();
        let checks = checks.map(|check| self.absolute_check(check, &host, None)).collect();
        let environment = BTreeMap::from([
            ("MIYABI_PLAN_DIR".to_owned(), opening.plan_dir.clone()),
            ("MIYABI_STATE_DIR".to_owned(), opening.state_dir.clone()),
        ]);
        self.seen.work.verifies = true;
        self.out.works.push((HERE, Command::Verify { work, checks, environment }));
    }

    pub(super) fn on_verified(&mut self, checks: Vec<CheckResult>, problem: Option<String>) {
        let was_asked = std::mem::take(&mut self.seen.work.verifies);
        if was_asked && self.is_all_completed() && !self.is_over() && self.state.verification().is_none() {
            self.decide(Fact::Verified { checks, problem });
        }
    }

    pub(super) fn verify_again(&mut self) -> Result<(), OrderError> {
        let refuse = |why: &str| Err(OrderError::DoesNotFit(why.to_owned()));
        let is_unmerged = self.state.git().is_some() && self.state.result().is_none();
        if !self.is_verified() && !is_unmerged {
            return refuse("the plan has no verification");
        }
        if !self.is_all_completed() {
            return refuse("not every task is COMPLETED; the verification is run when they are");
        }
        if self.state.ended.is_none() {
            return refuse("the verification is under way");
        }
        if self.state.phase() == RunPhase::Cancelled {
            return refuse("the run was cancelled");
        }
        self.seen.work.unmerged.clear();
        self.decide(Fact::VerifyAgain);
        Ok(())
    }
}

/// A line for each check that does not hold.
fn what_does_not_hold(found: &Verification) -> Vec<String> {
    let failed = found.checks.iter().filter(|check| !check.passed);
    let lines = failed.map(|check| {
        let name = if check.name.is_empty() { check.run.join(" ") } else { check.name.clone() };
        let expected =
            if check.expected.is_empty() { String::new() } else { format!(", expected {}", check.expected) };
        format!("the verification does not hold: {name} ({}{expected})", check.ended)
    });
    let problem = found.problem.iter().map(|problem| format!("nothing could be verified: {problem}"));
    problem.chain(lines).collect()
}
