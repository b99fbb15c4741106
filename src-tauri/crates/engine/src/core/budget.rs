//! Budgets. What is left of one is shared among the attempts under way: each begins with its share as its
//! limit, and all shares together are never more than what is left. What comes to the end of its share
//! goes on with a new one, or waits for a person.

use miyabi_plan::{AgentId, AttemptId, FailureCause, TaskId, Usd};

use super::{Engine, OrderError, Weakening};
use crate::fact::{BudgetOf, Fact};
use crate::state::{AgentState, Attempt, Standing};

impl Engine {
    /// What an attempt that begins now may cost: its part of the run's budget, and no more than is left
    /// of its agent's and its task's; none where nothing bounds it.
    pub(super) fn share(&self, task: usize, agent: usize) -> Option<Usd> {
        let agent = self.state.agents.get(agent).filter(|agent| agent.runner.has_model())?;
        let parts = 1 + self.may_begin_beside(task);
        let average = self.state.average_cost();
        let part = |of: &BudgetOf, free: Usd| match of {
            // A share that is less than what an attempt usually costs would only be used up.
            BudgetOf::Run => Usd::from_micros(free.micros() / parts).max(average.min(free)),
            BudgetOf::Agent { .. } | BudgetOf::Task { .. } => free,
        };
        let budgets = budgets(&self.state.tasks[task].id, &agent.id);
        budgets.iter().filter_map(|of| Some(part(of, self.free(of, None)?))).min()
    }

    /// How many other attempts may begin while one of this task is under way, as far as can be known.
    fn may_begin_beside(&self, task: usize) -> u64 {
        let mut after = vec![false; self.state.tasks.len()];
        for one in &self.precedence.topological {
            after[*one] = self.state.tasks[*one].needs.iter().any(|need| *need == task || after[*need]);
        }
        let waits = |at: usize| {
            let standing = &self.state.tasks[at].standing;
            at != task && !after[at] && matches!(standing, Standing::Waiting | Standing::BackOff(_))
        };
        let tasks = (0..after.len()).filter(|at| waits(*at)).count();
        let idle = |agent: &&AgentState| agent.runner.has_model() && agent.current.is_none();
        let agents = self.state.agents.iter().filter(idle).count().saturating_sub(1);
        u64::try_from(tasks.min(agents)).unwrap_or(u64::MAX)
    }

    fn left(&self, budget: &BudgetOf) -> Option<Usd> {
        Some(self.state.budget_limit(budget)?.less(self.state.spent_of(budget)))
    }

    /// What of a budget is neither spent nor in the share of an attempt under way, `but` left out. An agent
    /// and a task have one at a time.
    fn free(&self, budget: &BudgetOf, but: Option<&AttemptId>) -> Option<Usd> {
        let reserved = match budget {
            BudgetOf::Run => self.state.reserved(but),
            BudgetOf::Agent { .. } | BudgetOf::Task { .. } => Usd::ZERO,
        };
        Some(self.left(budget)?.less(reserved))
    }

    fn is_budget_reached(&self, budget: &BudgetOf) -> bool {
        let reached = || self.state.reached_budgets().iter().any(|reached| &reached.budget == budget);
        self.left(budget) == Some(Usd::ZERO) || reached()
    }

    /// Whether a budget keeps a task from this agent: it is used up, or too little of the run's is in
    /// no share. While others are at work their shares may become free, so that one waits for a whole one.
    pub(super) fn is_over_budget(&self, task: usize, agent: usize) -> bool {
        let agent = &self.state.agents[agent];
        if !agent.runner.has_model()
            || !self.has_budgets()
            || self.weakening == Some(Weakening::IgnoreBudgets)
        {
            return false;
        }
        let of_run = self.free(&BudgetOf::Run, None).is_some_and(|free| {
            let waits_for_more = self.state.models_at_work() > 0 && free < self.state.average_cost();
            free <= self.too_little(task) || waits_for_more
        });
        let budgets = budgets(&self.state.tasks[task].id, &agent.id);
        of_run || budgets.iter().any(|budget| self.is_budget_reached(budget))
    }

    /// What a task came to its end with when its share was used up: it does not begin again with no more.
    fn too_little(&self, task: usize) -> Usd {
        let last = self.state.tasks[task].attempts.last();
        last.filter(|last| last.cause == Some(FailureCause::BudgetReached)).map_or(Usd::ZERO, rest)
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
        let at_work = self.state.models_at_work() > 0;
        for index in ready {
            let Some(agent) = self.own_agent(*index).filter(|own| self.state.agents[*own].runner.has_model())
            else {
                continue;
            };
            let (task, agent) = (self.state.tasks[*index].id.clone(), self.state.agents[agent].id.clone());
            let too_little = self.too_little(*index);
            for budget in budgets(&task, &agent) {
                let free = self.free(&budget, None);
                let in_vain = !at_work && free.is_some_and(|free| free <= too_little);
                if self.left(&budget) == Some(Usd::ZERO) || in_vain {
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

    /// An attempt came to the end of its share. It goes on with another one where there is more, or where
    /// others are at work and may leave some; else a person is asked about the budget of which least is
    /// left. Returns whether there is a budget at all.
    pub(super) fn ran_out_of_money(&mut self, attempt: &AttemptId, agent: &AgentId) -> bool {
        let budgets = budgets(&attempt.task, agent);
        let free = budgets.into_iter().filter_map(|of| Some((self.free(&of, Some(attempt))?, of))).min();
        let Some((free, budget)) = free else { return false };
        let others = budget == BudgetOf::Run && self.state.models_at_work() > 1;
        let goes_on = self
            .state
            .attempt(attempt)
            .is_some_and(|own| used_its_share(own) && (others || free > rest(own)));
        if !goes_on {
            self.budget_reached(budget);
        }
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

/// What is left of an attempt's share.
fn rest(attempt: &Attempt) -> Usd {
    attempt.share.unwrap_or_default().less(attempt.usage.cost.unwrap_or_default())
}

/// A program that stops far below its limit would do so again, and again.
fn used_its_share(attempt: &Attempt) -> bool {
    let used = attempt.usage.cost.unwrap_or_default();
    attempt.share.is_some_and(|share| used.micros() >= share.micros() / 2 && used > Usd::ZERO)
}

fn budgets(task: &TaskId, agent: &AgentId) -> [BudgetOf; 3] {
    [BudgetOf::Run, BudgetOf::Agent { agent: agent.clone() }, BudgetOf::Task { task: task.clone() }]
}
