//! Facts that a person should hear of, as notices.

use std::collections::HashMap;

use miyabi_api::{Notice, NoticeKind};
use miyabi_engine::{By, Entry, Fact, NextTry, NoteKind, words};
use miyabi_plan::graph::PlanGraph;
use miyabi_plan::{AgentId, RunPhase, TaskId};
use miyabi_protocol::{RunOpening, Timestamp};

/// Counts notices and knows how many tasks wait behind each one.
#[derive(Debug)]
pub(crate) struct NoticeMaker {
    last_id: u32,
    graph: PlanGraph,
    dependents: Vec<u32>,
    /// Who has, or last had, each task.
    holders: HashMap<TaskId, AgentId>,
}

impl NoticeMaker {
    pub(crate) fn new(opening: &RunOpening) -> Self {
        let graph = PlanGraph::new(&opening.plan, opening.choice);
        let dependents = graph.dag().dependent_counts();
        Self { last_id: 0, graph, dependents, holders: HashMap::new() }
    }

    /// The notice of a journal entry, if it is one to hear of.
    pub(crate) fn make(&mut self, entry: &Entry) -> Option<Notice> {
        if let Fact::Assigned { attempt, agent } = &entry.fact {
            self.holders.insert(attempt.task.clone(), agent.clone());
        }
        let mut about = about(&entry.fact)?;
        if about.kind == NoticeKind::ApprovalAsked {
            about.agent = about.task.as_ref().and_then(|task| self.holders.get(task).cloned());
        }
        Some(self.number(entry.at, about))
    }

    /// The notice of a journal that cannot be written. No entry tells of it, so that a later
    /// backend does not know it any more.
    pub(crate) fn of_unwritten(&mut self, at: Timestamp, detail: String) -> Notice {
        self.number(at, About::new(NoticeKind::StateProblem, detail))
    }

    fn number(&mut self, at: Timestamp, about: About) -> Notice {
        self.last_id += 1;
        let index = about.task.as_ref().and_then(|task| self.graph.index(task));
        Notice {
            id: self.last_id,
            at,
            kind: about.kind,
            blocks: index.and_then(|index| self.dependents.get(index).copied()).unwrap_or(0),
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

fn about(fact: &Fact) -> Option<About> {
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
            About::new(NoticeKind::ApprovalAsked, format!("{}: {}", request.tool, request.what))
                .task(&attempt.task)
        }
        Fact::BudgetReached { .. } => About::new(NoticeKind::BudgetReached, words::of_programs(fact)?),
        Fact::AccountRests { .. } => About::new(NoticeKind::AccountRests, words::of_programs(fact)?),
        Fact::RunnerLost { .. } => About::new(NoticeKind::RunnerLost, words::of_programs(fact)?),
        Fact::RunnerBack { .. } => About::new(NoticeKind::RunnerBack, words::of_programs(fact)?),
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
