//! Why a task does not run: every task that is not running has at least one reason.

use miyabi_plan::WaitReason;

use super::Engine;
use crate::state::{Standing, TaskState};

impl Engine {
    pub(super) fn wait_reasons(&self, index: usize) -> Vec<WaitReason> {
        let task = &self.state.tasks[index];
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
        if let Standing::BackOff(until) = task.standing {
            reasons.push(back_off(task, until));
        }
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

    fn wait_for_agent(&self, index: usize) -> Option<WaitReason> {
        let own = self.own_agent(index);
        let mut able: Vec<usize> = own.into_iter().chain(self.substitutes(index)).collect();
        able.retain(|agent| !self.seen.agents[*agent].is_absent());
        let Some(first) = able.first().copied() else {
            return Some(WaitReason::Kind { kind: self.state.opening.plan.tasks[index].kind() });
        };
        if !self.seen.listed {
            return Some(WaitReason::Host { host: self.state.agents[first].host.clone() });
        }
        let free = able.into_iter().find(|agent| self.is_free(*agent));
        let full = free.and_then(|agent| self.full(&self.state.agents[agent].host));
        Some(match full {
            Some((host, limit)) => WaitReason::Capacity { host, limit },
            None => {
                let agent = &self.state.agents[first];
                let task = agent.current.as_ref().map(|attempt| attempt.task.clone());
                WaitReason::Agent { agent: agent.id.clone(), task }
            }
        })
    }
}

fn back_off(task: &TaskState, until: miyabi_protocol::Timestamp) -> WaitReason {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit a double exactly")]
    let until_seconds = until.as_millis() as f64 / 1000.0;
    let attempt = task.attempts.last().map_or(1, |attempt| attempt.number + 1);
    WaitReason::BackOff { until_seconds, attempt }
}
