//! How a run ends: it never hangs. When nothing can go on, it says so, with the reasons.

use miyabi_plan::{RunPhase, WaitReason};
use miyabi_protocol::Timestamp;

use super::Engine;
use super::places::HERE;
use crate::fact::Fact;
use crate::state::Standing;

/// How long a run in which nothing can go on waits for an agent to appear, in seconds.
const STUCK_AFTER_SECONDS: u32 = 30;

impl Engine {
    pub(super) fn look_for_the_end(&mut self) {
        let is_stuck = self.state.phase() == RunPhase::Stuck;
        if self.state.ended.is_some() && !is_stuck {
            self.quiet_since = None;
            return;
        }
        if self.is_all_completed() {
            self.quiet_since = None;
            let end = self.wrap_up().filter(|(phase, _)| !(is_stuck && *phase == RunPhase::Stuck));
            if let Some((phase, reasons)) = end {
                self.decide(Fact::Ended { phase, reasons });
            }
            return;
        }
        if let Some(phase) = self.final_phase() {
            self.quiet_since = None;
            self.decide(Fact::Ended { phase, reasons: self.reasons_of_all() });
            return;
        }
        if is_stuck || self.can_go_on() {
            self.quiet_since = None;
            return;
        }
        let since = *self.quiet_since.get_or_insert(self.now);
        if since.plus_seconds(STUCK_AFTER_SECONDS) <= self.now {
            self.quiet_since = None;
            self.decide(Fact::Ended { phase: RunPhase::Stuck, reasons: self.reasons_of_all() });
        }
    }

    pub(super) fn stuck_at(&self) -> Option<Timestamp> {
        self.quiet_since.map(|since| since.plus_seconds(STUCK_AFTER_SECONDS))
    }

    /// How the run ended, when no task is left that could still run, and not all are COMPLETED.
    fn final_phase(&self) -> Option<RunPhase> {
        let standings = || self.state.tasks.iter().map(|task| task.standing);
        let held_back = self.held_back();
        let is_over = |(index, standing): (usize, Standing)| match standing {
            Standing::Completed | Standing::Failed | Standing::Cancelled => true,
            Standing::Waiting | Standing::BackOff(_) => held_back[index],
            Standing::Active | Standing::Review => false,
        };
        if !standings().enumerate().all(is_over) || self.is_keeping_work() {
            return None;
        }
        let failed = standings().any(|standing| standing == Standing::Failed);
        Some(if failed { RunPhase::Failed } else { RunPhase::Cancelled })
    }

    /// Whether something is under way or a time is awaited. An agent that must show its end first,
    /// and one that does not take offers, may never do so.
    fn can_go_on(&self) -> bool {
        let busy = self.state.tasks.iter().any(|task| match task.standing {
            Standing::Active => true,
            Standing::BackOff(until) => until > self.now,
            _ => false,
        });
        let resting = self.seen.agents.iter().any(|seen| seen.rests_until.is_some() && !seen.is_absent());
        let rests = || self.next_account_start().next().is_some();
        self.state.paused
            || !self.is_listed(HERE)
            || busy
            || resting
            || self.may_a_runner_return()
            || rests()
            || self.waits_for_money()
            || self.waits_for_a_host()
            || self.may_merge()
            || self.waits_for_a_reader()
    }

    /// Whether work that was left behind is just being committed or fetched.
    fn is_keeping_work(&self) -> bool {
        let work = &self.seen.work;
        work.keeps.iter().chain(work.kept.keys()).any(|id| {
            let is_reached = self.site_of_attempt(id).is_some_and(|site| self.is_listed(site));
            is_reached && self.state.attempt(id).is_some_and(crate::state::Attempt::awaits_keeping)
        })
    }

    /// Whether only a person is waited for, who reads work or resolves a conflict.
    fn waits_for_a_reader(&self) -> bool {
        let is_read = self.state.tasks.iter().any(|task| task.standing == Standing::Review);
        is_read || self.state.conflicts().next().is_some()
    }

    /// Whether a host that may come back, or one that may have room again, is waited for.
    fn waits_for_a_host(&self) -> bool {
        let may_end = |reason: &WaitReason| match reason {
            WaitReason::Host { host } | WaitReason::HandOver { host } => !self.state.is_given_up(host),
            WaitReason::Room { .. } => true,
            _ => false,
        };
        (0..self.state.tasks.len()).any(|task| self.wait_reasons(task).iter().any(may_end))
    }

    /// Whether only a person who raises a budget is waited for.
    fn waits_for_money(&self) -> bool {
        let tasks = 0..self.state.tasks.len();
        !self.state.reached_budgets().is_empty()
            && tasks.into_iter().any(|task| self.wait_reasons(task).contains(&WaitReason::Budget))
    }

    fn reasons_of_all(&self) -> Vec<String> {
        let tasks = self.state.tasks.iter().enumerate();
        let lines = tasks.filter_map(|(index, task)| {
            let reasons: Vec<String> = self.wait_reasons(index).iter().filter_map(describe).collect();
            (!reasons.is_empty()).then(|| format!("{} waits: {}", task.id, reasons.join(", ")))
        });
        lines.collect()
    }
}

fn describe(reason: &WaitReason) -> Option<String> {
    let list =
        |ids: &[miyabi_plan::TaskId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(match reason {
        WaitReason::Ended => return None,
        WaitReason::Need { tasks } => format!("it needs {}", list(tasks)),
        WaitReason::Agent { agent, task: Some(task) } => format!("agent {agent} is at {task}"),
        WaitReason::Agent { agent, task: None } => format!("agent {agent} takes no work"),
        WaitReason::Kind { kind } => format!("no agent of kind {kind} is there"),
        WaitReason::Host { host } => format!("host {host} cannot be reached"),
        WaitReason::Capacity { host: Some(host), limit } => format!("{host} has room for {limit} at once"),
        WaitReason::Capacity { host: None, limit } => format!("the run has room for {limit} at once"),
        WaitReason::Room { host, of, free_mib, wanted_mib } => {
            format!("{host} has {free_mib} MiB of {} free, and must have {wanted_mib}", of.word())
        }
        WaitReason::Budget => "the budget is used up".to_owned(),
        WaitReason::Approval => "a person has to agree".to_owned(),
        WaitReason::BackOff { attempt, .. } => format!("attempt {attempt} is due later"),
        WaitReason::Account { account, .. } => format!("the account {account} is at its rate limit"),
        WaitReason::Wave { wave } => format!("wave {wave} has not ended"),
        WaitReason::Merge { tasks } => format!("what {} produced is being merged", list(tasks)),
        WaitReason::HandOver { host } => format!("what was done before is being fetched from {host}"),
        WaitReason::Pause => "the run is paused".to_owned(),
    })
}
