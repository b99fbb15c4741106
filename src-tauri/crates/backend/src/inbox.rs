//! What waits for a person, as clients see it.

use miyabi_api::{InboxItem, InboxKind};
use miyabi_engine::state::{InboxItem as Item, OpenApproval, ReachedBudget};
use miyabi_engine::{BudgetOf, RunState, Standing, TaskState};
use miyabi_plan::FailureCause;
use miyabi_protocol::RunOpening;

use crate::behind::Behind;
use crate::host_views::HostsSeen;
use crate::{inbox_hosts, inbox_work};

/// Makes inbox items of what a run's state says.
#[derive(Debug)]
pub(crate) struct InboxMaker {
    behind: Behind,
}

impl InboxMaker {
    pub(crate) fn new(opening: &RunOpening) -> Self {
        Self { behind: Behind::new(opening) }
    }

    /// Everything that waits, the oldest first.
    pub(crate) fn items(&self, state: &RunState, hosts: &HostsSeen) -> Vec<InboxItem> {
        let asked = state.inbox().into_iter().map(|item| match item {
            Item::Approval(open) => self.approval(state, open),
            Item::Budget(reached) => self.budget(state, reached),
            Item::Review(open) => inbox_work::review(state, &self.behind, open),
        });
        let failed = state.tasks.iter().filter(|task| task.standing == Standing::Failed);
        let of_hosts = inbox_hosts::items(state, hosts, &self.behind);
        let of_work = inbox_work::items(state, &self.behind);
        let failed = failed.map(|task| self.failed(state, task));
        let mut items: Vec<InboxItem> = asked.chain(failed).chain(of_hosts).chain(of_work).collect();
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
            blocks: self.behind.count(&open.attempt.task),
            answers_at: state.answers_at(open),
            ..InboxItem::new(format!("ask-{}", open.number), InboxKind::Approval, open.at)
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
                Some(task) => self.behind.count(task),
                None => u32::try_from(unfinished).unwrap_or(u32::MAX),
            },
            agent,
            task,
            spent_usd: Some(state.spent_of(&reached.budget).dollars()),
            limit_usd: Some(reached.limit.dollars()),
            ..InboxItem::new(format!("budget-{}", reached.number), kind, reached.at)
        }
    }

    fn failed(&self, state: &RunState, task: &TaskState) -> InboxItem {
        let cause = task.attempts.last().and_then(|attempt| attempt.cause);
        InboxItem {
            agent: Some(task.agent.clone()),
            task: Some(task.id.clone()),
            what: task.error.clone().unwrap_or_default(),
            detail: cause.map(FailureCause::remedy).unwrap_or_default().to_owned(),
            blocks: self.behind.count(&task.id),
            ..InboxItem::new(
                format!("failed-{}", task.id),
                InboxKind::TaskFailed,
                task.completed_at.unwrap_or(state.opened_at),
            )
        }
    }
}
