//! In which session an attempt goes on.

use miyabi_plan::{AgentId, AttemptId, FailureCause, RunnerKind, TaskId};
use miyabi_protocol::Usage;

use super::{Attempt, AttemptPhase, RunState, TaskState};

impl RunState {
    /// The session in which the next attempt of a task would go on with this agent: that of the
    /// attempt before, where the same program on the same host can find it, and where it is of use.
    pub(crate) fn session_for(&self, task: &TaskState, agent: &AgentId) -> Option<String> {
        let before = task.attempts.iter().rev().find(|attempt| attempt.phase == AttemptPhase::Ended)?;
        let from = self.agent(&before.agent)?;
        let index = self.agent_index(agent)?;
        let to = &self.agents[index];
        // Two programs never go on in one session at the same time.
        let finds_it =
            !from.draining && from.runner == to.runner && before.host == to.host && self.can_resume(index);
        if !finds_it || is_spoilt(before) {
            return None;
        }
        before.session.clone().or_else(|| before.resumes.clone())
    }

    fn can_resume(&self, agent: usize) -> bool {
        let runner = self.agents[agent].runner;
        let planned = self.opening.plan.agents.get(agent);
        match runner {
            RunnerKind::Mcp => {
                planned.and_then(|agent| agent.tools.as_ref()).is_some_and(|t| t.reply.is_some())
            }
            _ => runner.has_model() && planned.is_some(),
        }
    }

    /// The attempt in which the work of this one began. One that goes on in a session counts what that
    /// session wrote before as its own: its agent looks at the files and does what is left.
    pub(crate) fn began_in_session(&self, id: &AttemptId) -> Option<&Attempt> {
        let own = self.current(id)?;
        let Some(session) = &own.resumes else { return Some(own) };
        let attempts = &self.task(&id.task)?.attempts;
        // A session that could not be taken up is not gone on in, whatever was meant.
        let goes_on = own.session.as_ref().is_none_or(|now| now == session);
        let began = attempts.iter().find(|attempt| attempt.session.as_ref() == Some(session));
        began.filter(|_| goes_on).or(Some(own))
    }

    /// What the attempts before this one used in a session.
    pub(crate) fn used_in(&self, session: &str, task: &TaskId, before: u32) -> Usage {
        let attempts = self.task(task).map(|task| task.attempts.as_slice()).unwrap_or_default();
        let in_it = |attempt: &&Attempt| {
            let named = attempt.session.as_deref().or(attempt.resumes.as_deref());
            attempt.number < before && named == Some(session)
        };
        attempts.iter().filter(in_it).fold(Usage::default(), |sum, attempt| sum.plus(&attempt.usage))
    }
}

/// Whether going on in the session of this attempt makes no sense: it is too long, never was, or
/// going on in it failed before.
fn is_spoilt(attempt: &Attempt) -> bool {
    use FailureCause::{
        AgentFailed, AgentGone, ContextLimit, Crashed, GaveUp, Killed, NotStarted, Silent, TimeLimit,
    };
    match attempt.cause {
        None | Some(ContextLimit | NotStarted) => true,
        Some(AgentFailed | AgentGone | Crashed | GaveUp | Killed | Silent | TimeLimit) => {
            attempt.resumes.is_some()
        }
        Some(_) => false,
    }
}
