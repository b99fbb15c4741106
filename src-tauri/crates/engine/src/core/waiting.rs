//! Why a task does not run: every task that is not running has at least one reason.

use miyabi_plan::{HostId, WaitReason};
use miyabi_protocol::Timestamp;

use super::Engine;
use super::places::HERE;
use crate::state::{Standing, TaskState};

impl Engine {
    pub(super) fn wait_reasons(&self, index: usize) -> Vec<WaitReason> {
        let task = &self.state.tasks[index];
        if task.standing == Standing::Review {
            return vec![WaitReason::Approval];
        }
        if !matches!(task.standing, Standing::Waiting | Standing::BackOff(_)) {
            return Vec::new();
        }
        let mut reasons = Vec::new();
        if self.state.ended.is_some() {
            reasons.push(WaitReason::Ended);
        }
        let unmet = task.needs.iter().map(|need| &self.state.tasks[*need]);
        let unmet: Vec<_> =
            unmet.filter(|need| need.standing != Standing::Completed).map(|need| need.id.clone()).collect();
        if !unmet.is_empty() {
            reasons.push(WaitReason::Need { tasks: unmet });
            return reasons;
        }
        if let Standing::BackOff(until) = task.standing
            && until > self.now
        {
            reasons.push(back_off(task, until));
        }
        reasons.extend(self.wait_for_work(index));
        if self.state.paused {
            reasons.push(WaitReason::Pause);
        }
        if let Some(wave) = self.barring_wave(index) {
            reasons.push(WaitReason::Wave { wave });
        }
        if reasons.is_empty() || self.state.ended.is_some() {
            reasons.extend(self.wait_for_agent(index));
        }
        reasons
    }

    /// What the task begins from is not there yet.
    pub(super) fn wait_for_work(&self, index: usize) -> Option<WaitReason> {
        let task = &self.state.tasks[index];
        if self.state.is_persons_conflict(task) {
            return Some(WaitReason::Approval);
        }
        if self.awaits_merge(index) {
            let needs = task.needs.iter().map(|need| self.state.tasks[*need].id.clone());
            return Some(WaitReason::Merge { tasks: needs.collect() });
        }
        self.hand_over_from(index).map(|host| WaitReason::HandOver { host: host.clone() })
    }

    fn wait_for_agent(&self, index: usize) -> Option<WaitReason> {
        let own = self.own_agent(index);
        let mut able: Vec<usize> = own.into_iter().chain(self.substitutes(index)).collect();
        able.retain(|agent| !self.seen.agents[*agent].is_absent());
        let Some(first) = able.first().copied() else {
            return Some(WaitReason::Kind { kind: self.state.opening.plan.tasks[index].kind() });
        };
        let waited_for = self.host_waited_for(first, &able);
        able.retain(|agent| self.is_agent_listed(*agent));
        if able.is_empty() || !self.is_listed(HERE) {
            return Some(WaitReason::Host { host: waited_for.clone() });
        }
        able.retain(|agent| !self.is_over_budget(index, *agent));
        let Some(first) = able.first().copied() else { return Some(WaitReason::Budget) };
        let free = able.iter().copied().filter(|agent| self.is_free(*agent));
        if let Some(no_room) = free.clone().find_map(|agent| self.no_room(agent)) {
            return Some(no_room);
        }
        if free.count() > 0 {
            return Some(self.at_work(first));
        }
        Some(self.wait_for_time(index, &able).unwrap_or_else(|| {
            // An agent whose program is lost is waited for only where nobody can stand in.
            let works = able.iter().copied().find(|agent| !self.is_runner_barred(*agent));
            self.at_work(works.unwrap_or(first))
        }))
    }

    /// Of the hosts whose agents could take a task, one that may come back by itself, where there is one.
    fn host_waited_for(&self, first: usize, able: &[usize]) -> &HostId {
        let mut hosts = able.iter().map(|agent| &self.state.agents[*agent].host);
        let may_return = hosts.find(|host| !self.state.is_given_up(host));
        may_return.unwrap_or(&self.state.agents[first].host)
    }

    fn at_work(&self, agent: usize) -> WaitReason {
        let agent = &self.state.agents[agent];
        let task = agent.current.as_ref().map(|attempt| attempt.task.clone());
        WaitReason::Agent { agent: agent.id.clone(), task }
    }

    /// Where all that could take the task wait for a time themselves: the first such time.
    fn wait_for_time(&self, index: usize, able: &[usize]) -> Option<WaitReason> {
        let idle = |agent: &&usize| self.state.agents[**agent].current.is_none();
        let idle: Vec<usize> = able.iter().filter(idle).copied().collect();
        let works = |agent: &&usize| !self.is_runner_barred(**agent);
        if !able.iter().any(|agent| works(&agent)) {
            return self.wait_for_program(index, able);
        }
        let bars = idle.iter().filter(works).map(|agent| self.account_bars(*agent));
        let (account, until) =
            bars.collect::<Option<Vec<_>>>()?.into_iter().min_by_key(|(_, until)| *until)?;
        Some(WaitReason::Account { account: account.to_owned(), until_seconds: seconds(until) })
    }

    /// Where the programs of all that could take the task are lost: the next trial, or the agent
    /// that tries now.
    fn wait_for_program(&self, index: usize, able: &[usize]) -> Option<WaitReason> {
        let lost = able.iter().filter_map(|agent| self.state.lost_runner(self.state.agents[*agent].runner));
        let trial = lost.clone().find_map(|lost| lost.trial.as_ref());
        let tries = |agent: &usize| trial.is_some() && self.state.agents[*agent].current.as_ref() == trial;
        if let Some(agent) = (0..self.state.agents.len()).find(tries) {
            return Some(self.at_work(agent));
        }
        let recheck = lost.map(|lost| lost.recheck_at).filter(|at| *at > self.now).min()?;
        Some(back_off(&self.state.tasks[index], recheck))
    }
}

fn back_off(task: &TaskState, until: Timestamp) -> WaitReason {
    let attempt = task.attempts.last().map_or(1, |attempt| attempt.number + 1);
    WaitReason::BackOff { until_seconds: seconds(until), attempt }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit a double exactly")]
fn seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1000.0
}
