//! What waits for a person, as clients see it.

use miyabi_api::{InboxItem, InboxKind};
use miyabi_engine::state::{InboxItem as Item, OpenApproval, ReachedBudget};
use miyabi_engine::{BudgetOf, RunState, Standing, TaskState};
use miyabi_plan::graph::PlanGraph;
use miyabi_plan::{FailureCause, TaskId};
use miyabi_protocol::Timestamp;

/// Knows how many tasks wait behind each one.
#[derive(Debug)]
pub(crate) struct InboxMaker {
    graph: PlanGraph,
    dependents: Vec<u32>,
}

impl InboxMaker {
    pub(crate) fn new(opening: &miyabi_protocol::RunOpening) -> Self {
        let graph = PlanGraph::new(&opening.plan, opening.choice);
        let dependents = graph.dag().dependent_counts();
        Self { graph, dependents }
    }

    /// Everything that waits, the oldest first.
    pub(crate) fn items(&self, state: &RunState) -> Vec<InboxItem> {
        let asked = state.inbox().into_iter().map(|item| match item {
            Item::Approval(open) => self.approval(state, open),
            Item::Budget(reached) => self.budget(state, reached),
        });
        let failed = state.tasks.iter().filter(|task| task.standing == Standing::Failed);
        let mut items: Vec<InboxItem> = asked.chain(failed.map(|task| self.failed(state, task))).collect();
        items.sort_by_key(|item| item.at);
        items
    }

    fn approval(&self, state: &RunState, open: &OpenApproval) -> InboxItem {
        InboxItem {
            number: Some(open.number),
            agent: Some(open.agent.clone()),
            task: Some(open.attempt.task.clone()),
            tool: open.request.tool.clone(),
            what: open.request.what.clone(),
            detail: open.request.detail.clone(),
            blocks: self.behind(&open.attempt.task),
            answers_at: state.answers_at(open),
            ..item(format!("ask-{}", open.number), InboxKind::Approval, open.at)
        }
    }

    fn budget(&self, state: &RunState, reached: &ReachedBudget) -> InboxItem {
        let (kind, agent, task) = match &reached.budget {
            BudgetOf::Run => (InboxKind::RunBudget, None, None),
            BudgetOf::Agent { agent } => (InboxKind::AgentBudget, Some(agent.clone()), None),
            BudgetOf::Task { task } => (InboxKind::TaskBudget, None, Some(task.clone())),
        };
        let unfinished = state.tasks.iter().filter(|task| task.standing == Standing::Waiting).count();
        InboxItem {
            number: Some(reached.number),
            blocks: match &task {
                Some(task) => self.behind(task),
                None => u32::try_from(unfinished).unwrap_or(u32::MAX),
            },
            agent,
            task,
            spent_usd: Some(state.spent_of(&reached.budget).dollars()),
            limit_usd: Some(reached.limit.dollars()),
            ..item(format!("budget-{}", reached.number), kind, reached.at)
        }
    }

    fn failed(&self, state: &RunState, task: &TaskState) -> InboxItem {
        let cause = task.attempts.last().and_then(|attempt| attempt.cause);
        InboxItem {
            agent: Some(task.agent.clone()),
            task: Some(task.id.clone()),
            what: task.error.clone().unwrap_or_default(),
            detail: cause.map(FailureCause::remedy).unwrap_or_default().to_owned(),
            blocks: self.behind(&task.id),
            ..item(
                format!("failed-{}", task.id),
                InboxKind::TaskFailed,
                task.completed_at.unwrap_or(state.opened_at),
            )
        }
    }

    fn behind(&self, task: &TaskId) -> u32 {
        let index = self.graph.index(task);
        index.and_then(|index| self.dependents.get(index).copied()).unwrap_or(0)
    }
}

fn item(id: String, kind: InboxKind, at: Timestamp) -> InboxItem {
    InboxItem {
        id,
        number: None,
        kind,
        at,
        agent: None,
        task: None,
        tool: String::new(),
        what: String::new(),
        detail: String::new(),
        blocks: 0,
        answers_at: None,
        spent_usd: None,
        limit_usd: None,
    }
}
