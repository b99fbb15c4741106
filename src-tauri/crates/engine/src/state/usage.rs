//! What was used, and what may be spent.

use std::collections::BTreeMap;

use miyabi_plan::{AgentId, AttemptId, TaskId, Usd};
use miyabi_protocol::Usage;

use super::{Attempt, AttemptPhase, RunState};
use crate::fact::BudgetOf;

/// Sums that are asked for all the time.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spending {
    by_budget: BTreeMap<BudgetOf, Usd>,
    /// What the attempts that ended cost, and how many of them told.
    ended: Usd,
    ended_count: u64,
}

impl RunState {
    /// What the whole run used.
    #[must_use]
    pub fn usage(&self) -> Usage {
        sum(self.attempts())
    }

    /// What all attempts of a task used.
    #[must_use]
    pub fn usage_of_task(&self, task: &TaskId) -> Usage {
        sum(self.task(task).into_iter().flat_map(|task| &task.attempts))
    }

    /// What all attempts of an agent used.
    #[must_use]
    pub fn usage_of_agent(&self, agent: &AgentId) -> Usage {
        sum(self.attempts().filter(|attempt| &attempt.agent == agent))
    }

    /// What may be spent of a budget; none where nothing bounds it.
    #[must_use]
    pub fn budget_limit(&self, budget: &BudgetOf) -> Option<Usd> {
        let planned = &self.opening.plan.budget;
        self.raised.get(budget).copied().or(match budget {
            BudgetOf::Run => planned.run,
            BudgetOf::Agent { .. } => planned.agent,
            BudgetOf::Task { .. } => planned.task,
        })
    }

    pub(crate) fn has_raised_budgets(&self) -> bool {
        !self.raised.is_empty()
    }

    /// What was spent of a budget so far.
    #[must_use]
    pub fn spent_of(&self, budget: &BudgetOf) -> Usd {
        self.spending.by_budget.get(budget).copied().unwrap_or_default()
    }

    /// What the attempts under way may still spend of their shares. `but` is left out.
    #[must_use]
    pub fn reserved(&self, but: Option<&AttemptId>) -> Usd {
        let under_way = self.agents.iter().filter_map(|agent| agent.current.as_ref());
        let others = under_way.filter(|id| Some(*id) != but).filter_map(|id| self.attempt(id));
        others.map(|one| one.share.unwrap_or_default().less(one.usage.cost.unwrap_or_default())).sum()
    }

    /// What the attempts that ended cost on average; nothing while none has told.
    pub(crate) fn average_cost(&self) -> Usd {
        let average = self.spending.ended.micros().checked_div(self.spending.ended_count);
        Usd::from_micros(average.unwrap_or_default())
    }

    /// Enters what an attempt cost more than was known.
    pub(super) fn enter_cost(&mut self, id: &AttemptId, before: Option<Usd>, now: Option<Usd>) {
        let Some(agent) = self.attempt_agent(id) else { return };
        let more = now.unwrap_or_default().less(before.unwrap_or_default());
        for budget in [BudgetOf::Run, BudgetOf::Agent { agent }, BudgetOf::Task { task: id.task.clone() }] {
            *self.spending.by_budget.entry(budget).or_default() += more;
        }
        if self.attempt(id).is_some_and(|attempt| attempt.phase == AttemptPhase::Ended) {
            self.spending.ended += more;
            self.spending.ended_count += u64::from(before.is_none() && now.is_some());
        }
    }

    /// An attempt ended: what it cost is part of the average.
    pub(super) fn enter_end(&mut self, id: &AttemptId) {
        if let Some(cost) = self.attempt(id).and_then(|attempt| attempt.usage.cost) {
            self.spending.ended += cost;
            self.spending.ended_count += 1;
        }
    }

    /// An attempt by its id, whether it counts or not.
    #[must_use]
    pub fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.task(&id.task)?.attempts.iter().rev().find(|attempt| attempt.number == id.number)
    }

    /// How many attempts with a model behind them are under way.
    pub(crate) fn models_at_work(&self) -> u64 {
        self.agents.iter().map(|agent| u64::from(agent.current.is_some() && agent.runner.has_model())).sum()
    }

    fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.tasks.iter().flat_map(|task| &task.attempts)
    }
}

fn sum<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> Usage {
    attempts.fold(Usage::default(), |sum, attempt| sum.plus(&attempt.usage))
}
