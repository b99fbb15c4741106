//! Claims and what becomes of them. An agent's word alone never releases a dependent.

use miyabi_plan::{AttemptId, FailureCause, RunnerKind};
use miyabi_protocol::link::Command;
use miyabi_protocol::{EvidenceReport, Timestamp};

use super::Engine;
use crate::fact::{Claim, Fact, NextTry};
use crate::state::AttemptPhase;

impl Engine {
    pub(super) fn on_claim(&mut self, agent: usize, attempt: &AttemptId, claim: Claim) {
        self.decide(Fact::Claimed { attempt: attempt.clone(), claim: claim.clone() });
        self.seen.work.looked_at = None;
        if matches!(claim, Claim::Completed { .. }) {
            self.program_works(agent);
        }
        self.judge(agent, attempt, claim);
    }

    /// Also after a restart, when the claim is in the journal and its verdict is not.
    pub(super) fn judge(&mut self, agent: usize, attempt: &AttemptId, claim: Claim) {
        match claim {
            Claim::Completed { .. } => self.look_for_evidence(agent, attempt),
            Claim::Failed { errors, cause, until } => {
                let error = match errors.is_empty() {
                    true => "the agent gave up and did not say why".to_owned(),
                    false => errors.join("; "),
                };
                // Told no, an agent may have found another way: what it wrote decides.
                if cause == Some(FailureCause::PermissionRefused) && self.has_evidence(attempt) {
                    self.look_for_evidence(agent, attempt);
                    return;
                }
                self.on_failure(agent, attempt, cause.unwrap_or(FailureCause::AgentFailed), until, error);
                self.release(agent);
            }
        }
    }

    /// What follows differs by cause: what is not the task's fault spends no try.
    fn on_failure(
        &mut self,
        agent: usize,
        attempt: &AttemptId,
        cause: FailureCause,
        until: Option<Timestamp>,
        error: String,
    ) {
        let runner = self.state.agents[agent].runner;
        if cause == FailureCause::HostLost {
            self.fail_attempt(attempt, cause, error, NextTry::Free);
            return;
        }
        if !runner.has_model() {
            let next = self.next_try(attempt);
            self.fail_attempt(attempt, cause, error, next);
            return;
        }
        match cause {
            FailureCause::RateLimited => {
                if let Some(rests) = self.rests(agent, until, &error) {
                    self.decide(rests);
                }
                self.fail_attempt(attempt, cause, error, NextTry::Free);
            }
            FailureCause::BudgetReached => {
                let id = self.state.agents[agent].id.clone();
                self.note_last_usage(attempt);
                let waits = self.ran_out_of_money(attempt, &id);
                let next = if waits { NextTry::Free } else { self.next_try(attempt) };
                self.fail_attempt(attempt, cause, error, next);
            }
            FailureCause::NotInstalled | FailureCause::NotLoggedIn | FailureCause::ProviderDown => {
                let (next, lost) = self.program_failed(runner, attempt, cause, &error);
                self.fail_attempt(attempt, cause, error, next);
                if let Some(lost) = lost {
                    self.decide(lost);
                }
            }
            FailureCause::PermissionRefused => self.fail_attempt(attempt, cause, error, NextTry::Never),
            _ => {
                let next = self.next_try(attempt);
                self.fail_attempt(attempt, cause, error, next);
            }
        }
    }

    /// Whether anything but its agent's word can show that an attempt is done.
    fn has_evidence(&self, attempt: &AttemptId) -> bool {
        let planned = self.state.opening.plan.task(&attempt.task);
        planned.is_some_and(|task| !task.outputs.is_empty() || !task.acceptance.is_empty())
    }

    /// What counts as done differs by runner: see the protocol's documentation.
    fn look_for_evidence(&mut self, agent: usize, attempt: &AttemptId) {
        let Some(mut sheet) = self.sheet(attempt) else { return };
        let runner = self.state.agents[agent].runner;
        if runner == RunnerKind::External {
            // Its files may lie elsewhere; what it promised is not looked for, what must succeed is.
            sheet.outputs.clear();
            if !self.state.opening.checks_external {
                sheet.acceptance.clear();
            }
        }
        let is_shared = sheet.tree.is_none();
        let nothing_to_check = is_shared && sheet.outputs.is_empty() && sheet.acceptance.is_empty();
        if runner == RunnerKind::Rehearsal || nothing_to_check {
            self.complete(agent, attempt, None);
            return;
        }
        let first = self.state.began_in_session(attempt);
        if let Some(first) = first {
            sheet.assigned_at = first.assigned_at;
        }
        let baseline = first.and_then(|first| first.baseline.clone());
        let check = Command::CheckEvidence { sheet: Box::new(sheet), baseline };
        self.out.checks.push((self.places.of_agent(agent), check));
    }

    pub(super) fn on_evidence(&mut self, attempt: &AttemptId, report: EvidenceReport) {
        let Some(current) = self.state.current(attempt) else { return };
        let Some(agent) = self.state.agent_index(&current.agent) else { return };
        if current.phase != AttemptPhase::Claimed {
            return;
        }
        let Some((mut cause, mut error)) = self.what_is_missing(attempt, &report) else {
            if !self.fetch(attempt, &report) {
                self.complete(agent, attempt, Some(report));
            }
            return;
        };
        let mut next = self.next_try(attempt);
        if let Some(Claim::Failed { errors, cause: Some(claimed), .. }) = &current.claim {
            // It would ask for the same again.
            (cause, next) = (*claimed, NextTry::Never);
            error = format!("{}; {error}", errors.join("; ")).trim_start_matches("; ").to_owned();
        }
        let evidence = Some(report);
        self.decide(Fact::AttemptFailed {
            attempt: attempt.clone(),
            cause,
            error,
            evidence,
            next,
            drains: false,
        });
        self.release(agent);
    }

    /// Why evidence does not hold; none when it does.
    fn what_is_missing(
        &self,
        attempt: &AttemptId,
        report: &EvidenceReport,
    ) -> Option<(FailureCause, String)> {
        if !report.holds() {
            return Some(what_was_missing(report));
        }
        let has_tree = self.state.attempt(attempt).is_some_and(|attempt| attempt.tree().is_some());
        let Some(work) = report.work.as_ref().filter(|_| has_tree) else {
            let error = "claimed to be done, but its work was not committed".to_owned();
            return has_tree.then_some((FailureCause::MissingOutput, error));
        };
        if !work.unresolved.is_empty() {
            let files = work.unresolved.join(", ");
            return Some((FailureCause::AcceptanceFailed, format!("still in conflict: {files}")));
        }
        let promises =
            self.state.opening.plan.task(&attempt.task).is_some_and(|task| !task.outputs.is_empty());
        let error = || "claimed to be done, but changed nothing".to_owned();
        (promises && work.files.is_empty()).then(|| (FailureCause::MissingOutput, error()))
    }

    /// What was claimed holds, and is here.
    pub(super) fn work_is_here(&mut self, attempt: &AttemptId, evidence: EvidenceReport) {
        let current = self.state.current(attempt).filter(|current| current.phase == AttemptPhase::Claimed);
        if let Some(agent) = current.and_then(|current| self.state.agent_index(&current.agent)) {
            self.complete(agent, attempt, Some(evidence));
        }
    }

    fn complete(&mut self, agent: usize, attempt: &AttemptId, evidence: Option<EvidenceReport>) {
        match self.needs_review(&attempt.task) {
            true => self.ask_review(attempt, evidence),
            false => self.decide(Fact::Completed { attempt: attempt.clone(), evidence }),
        }
        self.release(agent);
    }

    /// What comes after this attempt, should it fail now.
    pub(super) fn next_try(&self, attempt: &AttemptId) -> NextTry {
        let plan = &self.state.opening.plan;
        let (Some(task), Some(planned)) = (self.state.task(&attempt.task), plan.task(&attempt.task)) else {
            return NextTry::Never;
        };
        if task.tries_spent >= planned.retries {
            return NextTry::Never;
        }
        NextTry::At { time: self.now.plus_millis(self.back_off_millis(task.tries_spent, attempt)) }
    }

    /// The pause after so many failures before this one: doubled with each, and a little different
    /// for each attempt.
    pub(super) fn back_off_millis(&self, failures: u32, attempt: &AttemptId) -> i64 {
        let limits = &self.state.opening.plan.limits;
        let doubled = i64::from(limits.back_off_seconds) << failures.min(20);
        let longest = i64::from(limits.back_off_max_seconds);
        let seconds = doubled.min(longest);
        let spread = (seconds * 500) * i64::from(jitter(&self.state.opening.run_id, attempt)) / 255;
        (seconds * 750 + spread).min(longest * 1000)
    }
}

/// A number that differs from attempt to attempt, so that those which failed together are not
/// tried again together; made from names, so that the core needs no source of chance (FNV-1a).
fn jitter(run_id: &str, attempt: &AttemptId) -> u8 {
    let text = format!("{run_id}/{attempt}");
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_be_bytes()[0]
}

fn what_was_missing(report: &EvidenceReport) -> (FailureCause, String) {
    if let Some(problem) = &report.problem {
        return (FailureCause::MissingOutput, problem.clone());
    }
    if !report.missing.is_empty() || !report.unchanged.is_empty() {
        let missing = report.missing.iter().map(|glob| format!("{glob} is missing"));
        let unchanged = report.unchanged.iter().map(|glob| format!("{glob} was not changed"));
        let parts: Vec<String> = missing.chain(unchanged).collect();
        return (FailureCause::MissingOutput, format!("claimed to be done, but {}", parts.join(", ")));
    }
    let failed = report.checks.iter().find(|check| !check.passed);
    let text = failed.map_or_else(String::new, |check| {
        let last = check.tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let last: String = last.chars().take(300).collect();
        let colon = if last.is_empty() { "" } else { ": " };
        format!("`{}` did not succeed ({}){colon}{last}", check.run.join(" "), check.ended)
    });
    (FailureCause::AcceptanceFailed, text)
}
