//! Facts that a person should hear of, as notices.

use miyabi_api::{Notice, NoticeKind};
use miyabi_engine::{By, Entry, Fact, NextTry, NoteKind, RunState, words};
use miyabi_plan::{AgentId, RunPhase, TaskId};
use miyabi_protocol::{RunOpening, Timestamp};

use crate::behind::Behind;
use crate::inbox_work;

/// Makes notices of journal entries, and numbers them.
#[derive(Debug)]
pub(crate) struct NoticeMaker {
    last_id: u32,
    behind: Behind,
}

impl NoticeMaker {
    pub(crate) fn new(opening: &RunOpening) -> Self {
        Self { last_id: 0, behind: Behind::new(opening) }
    }

    /// The notice of a journal entry, if it is one to hear of. The state is that after the entry, or
    /// any later one.
    pub(crate) fn make(&mut self, entry: &Entry, state: &RunState) -> Option<Notice> {
        if matches!(entry.fact, Fact::TaskAdded { .. }) {
            // It stands in the way of those that wait for it.
            self.behind = Behind::new(&state.opening);
        }
        Some(self.number(entry.at, about(&entry.fact, state)?))
    }

    /// The notice of a journal that cannot be written. No entry tells of it, so that a later
    /// backend does not know it any more.
    pub(crate) fn of_unwritten(&mut self, at: Timestamp, detail: String) -> Notice {
        self.number(at, About::new(NoticeKind::StateProblem, detail))
    }

    fn number(&mut self, at: Timestamp, about: About) -> Notice {
        self.last_id += 1;
        Notice {
            id: self.last_id,
            at,
            kind: about.kind,
            blocks: about.task.as_ref().map_or(0, |task| self.behind.count(task)),
            task: about.task,
            agent: about.agent,
            detail: about.detail,
        }
    }
}

struct About {
    kind: NoticeKind,
    task: Option<TaskId>,
    agent: Option<AgentId>,
    detail: String,
}

impl About {
    fn new(kind: NoticeKind, detail: impl Into<String>) -> Self {
        Self { kind, task: None, agent: None, detail: detail.into() }
    }

    fn task(mut self, task: &TaskId) -> Self {
        self.task = Some(task.clone());
        self
    }

    fn agent(mut self, agent: &AgentId) -> Self {
        self.agent = Some(agent.clone());
        self
    }
}

fn about(fact: &Fact, state: &RunState) -> Option<About> {
    Some(match fact {
        Fact::AttemptFailed { attempt, error, next: NextTry::At { .. }, .. } => {
            About::new(NoticeKind::AttemptFailed, error).task(&attempt.task)
        }
        Fact::AttemptFailed { attempt, error, next: NextTry::Never, cause, .. }
            if *cause != miyabi_plan::FailureCause::Cancelled =>
        {
            About::new(NoticeKind::TaskFailed, error).task(&attempt.task)
        }
        Fact::Ended { phase, reasons } => {
            let kind = match phase {
                RunPhase::Completed => NoticeKind::RunCompleted,
                RunPhase::Stuck => NoticeKind::RunStuck,
                RunPhase::Failed => NoticeKind::RunFailed,
                _ => return None,
            };
            About::new(kind, reasons.join("\n"))
        }
        Fact::LateClaim { agent, task } => {
            let about = About::new(NoticeKind::LateClaim, task.as_str()).agent(agent);
            // A file can name anything; only a task's id is shown as one.
            match TaskId::new(task.as_str()) {
                Ok(task) => about.task(&task),
                Err(_) => about,
            }
        }
        Fact::AgentJoined { agent, .. } => About::new(NoticeKind::AgentJoined, "").agent(agent),
        Fact::QueueEditUndone { what } => About::new(NoticeKind::QueueEditUndone, what),
        Fact::Retried { task, by: By::QueueFile } => {
            About::new(NoticeKind::QueueEditFollowed, "retry").task(task)
        }
        Fact::Reassigned { task, to, by: By::QueueFile, .. } => {
            About::new(NoticeKind::QueueEditFollowed, "reassign").task(task).agent(to)
        }
        Fact::Noted { kind, agent, detail } => {
            let about = About::new(note_kind(*kind), detail);
            match agent {
                Some(agent) => about.agent(agent),
                None => about,
            }
        }
        Fact::ApprovalAsked { attempt, request, .. } => {
            let what = format!("{}: {}", request.tool, request.what);
            let about = About::new(NoticeKind::ApprovalAsked, what).task(&attempt.task);
            match state.attempt(attempt) {
                Some(asking) => about.agent(&asking.agent),
                None => about,
            }
        }
        Fact::HostLost { .. } => About::new(NoticeKind::HostLost, words::of_hosts(fact)?),
        Fact::HostBack { .. } => About::new(NoticeKind::HostBack, words::of_hosts(fact)?),
        Fact::HostGivenUp { .. } => About::new(NoticeKind::HostGivenUp, words::of_hosts(fact)?),
        Fact::BudgetReached { .. } => About::new(NoticeKind::BudgetReached, words::of_programs(fact)?),
        Fact::AccountRests { .. } => About::new(NoticeKind::AccountRests, words::of_programs(fact)?),
        Fact::RunnerLost { .. } => About::new(NoticeKind::RunnerLost, words::of_programs(fact)?),
        Fact::RunnerBack { .. } => About::new(NoticeKind::RunnerBack, words::of_programs(fact)?),
        _ => return about_work(fact, state),
    })
}

fn about_work(fact: &Fact, state: &RunState) -> Option<About> {
    Some(match fact {
        Fact::OverlapSeen { attempts, .. } => {
            let about = About::new(NoticeKind::Overlap, words::of_work(fact)?);
            match attempts.first() {
                Some(first) => about.task(&first.task),
                None => about,
            }
        }
        Fact::TaskAdded { task, .. } => {
            About::new(NoticeKind::MergeConflict, words::of_work(fact)?).task(&task.id)
        }
        Fact::ReviewAsked { attempt, .. } => {
            let about = About::new(NoticeKind::ReviewAsked, words::of_work(fact)?).task(&attempt.task);
            match state.attempt(attempt) {
                Some(read) => about.agent(&read.agent),
                None => about,
            }
        }
        Fact::Verified { checks, problem }
            if problem.is_some() || checks.iter().any(|check| !check.passed) =>
        {
            About::new(NoticeKind::VerificationFailed, inbox_work::failed_of(checks, problem.as_deref()))
        }
        _ => return None,
    })
}

fn note_kind(kind: NoteKind) -> NoticeKind {
    match kind {
        NoteKind::BadStatus => NoticeKind::BadStatus,
        NoteKind::AgentProblem => NoticeKind::AgentProblem,
        NoteKind::StateProblem => NoticeKind::StateProblem,
        NoteKind::HostLost => NoticeKind::HostLost,
    }
}
