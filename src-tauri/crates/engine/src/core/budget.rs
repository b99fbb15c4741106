//! Budgets: what they hold back waits for a person. Nothing that runs is stopped from here.

use miyabi_plan::{AgentId, TaskId, Usd};

use super::{Engine, OrderError, Weakening};
use crate::fact::{BudgetOf, Fact};

impl Engine {
    /// What an attempt may cost, by all budgets that it counts for; none where nothing bounds it.
    pub(super) fn budget_left(&self, task: &TaskId, agent: &AgentId) -> Option<Usd> {
        let left = budgets(task, agent).into_iter().filter_map(|budget| self.left(&budget));
        left.min()
    }

    fn left(&self, budget: &BudgetOf) -> Option<Usd> {
        Some(self.state.budget_limit(budget)?.less(self.state.spent_of(budget)))
    }

    fn is_reached(&self, budget: &BudgetOf) -> bool {
        let reached = || self.state.reached_budgets().iter().any(|reached| &reached.budget == budget);
        self.left(budget) == Some(Usd::ZERO) || reached()
    }

    /// Whether a budget keeps a task from this agent: it is used up, or what runs already may use
    /// up what is left of the run's.
    pub(super) fn is_over_budget(&self, task: usize, agent: usize) -> bool {
        let agent = &self.state.agents[agent];
        if !agent.runner.has_model()
            || !self.has_budgets()
            || self.weakening == Some(Weakening::IgnoreBudgets)
        {
            return false;
        }
        let reserved_too_much = || {
            let limit = self.state.budget_limit(&BudgetOf::Run);
            limit.is_some_and(|limit| self.state.spent_of(&BudgetOf::Run) + self.state.reserved() > limit)
        };
        let budgets = budgets(&self.state.tasks[task].id, &agent.id);
        budgets.iter().any(|budget| self.is_reached(budget)) || reserved_too_much()
    }

    fn has_budgets(&self) -> bool {
        let planned = &self.state.opening.plan.budget;
        planned.run.or(planned.agent).or(planned.task).is_some() || self.state.has_raised_budgets()
    }

    /// Puts the budgets in the inbox that keep one of these tasks from its own agent.
    pub(super) fn notice_budgets(&mut self, ready: &[usize]) {
        if !self.has_budgets() || ready.is_empty() {
            return;
        }
        if self.state.reached_budgets().is_empty() {
            self.note_all_usage();
        }
        for task in ready {
            let Some(agent) = self.own_agent(*task).filter(|own| self.state.agents[*own].runner.has_model())
            else {
                continue;
            };
            let (task, agent) = (self.state.tasks[*task].id.clone(), self.state.agents[agent].id.clone());
            for budget in budgets(&task, &agent) {
                if self.left(&budget) == Some(Usd::ZERO) {
                    self.budget_reached(budget);
                }
            }
        }
    }

    fn budget_reached(&mut self, budget: BudgetOf) {
        if self.state.reached_budgets().iter().any(|reached| reached.budget == budget) {
            return;
        }
        let Some(limit) = self.state.budget_limit(&budget) else { return };
        let (number, spent) = (self.state.next_inbox_number(), self.state.spent_of(&budget));
        self.decide(Fact::BudgetReached { number, budget, spent, limit });
    }

    /// A program says that what it might cost is used up. Its own figure may differ from ours by a
    /// little: then the budget of which least is left is the one. Returns whether there is one.
    pub(super) fn ran_out_of_money(&mut self, task: &TaskId, agent: &AgentId) -> bool {
        let tightest = budgets(task, agent).into_iter().filter_map(|of| Some((self.left(&of)?, of))).min();
        let Some((_, budget)) = tightest else { return false };
        self.budget_reached(budget);
        true
    }

    pub(super) fn raise_budget(&mut self, number: u32, limit: Usd) -> Result<(), OrderError> {
        let reached = self.state.reached_budgets().iter().find(|reached| reached.number == number);
        let Some(budget) = reached.map(|reached| reached.budget.clone()) else {
            return Err(OrderError::DoesNotFit(format!(
                "no budget in the inbox has the number {number}; it was raised already, or the number is a request's"
            )));
        };
        let spent = self.state.spent_of(&budget);
        if limit <= spent {
            return Err(OrderError::DoesNotFit(format!(
                "{spent} is spent of this budget already; raise it to more than that, not to {limit}"
            )));
        }
        self.decide(Fact::BudgetRaised { budget, limit });
        Ok(())
    }
}

fn budgets(task: &TaskId, agent: &AgentId) -> [BudgetOf; 3] {
    [BudgetOf::Run, BudgetOf::Agent { agent: agent.clone() }, BudgetOf::Task { task: task.clone() }]
}
