//! What waits for a person: requests for permission, work to be accepted, and budgets that are reached.

use std::collections::BTreeSet;

use miyabi_plan::{AgentId, AttemptId, PolicyAnswer, TaskId, Usd};
use miyabi_protocol::{ApprovalAnswer, ApprovalRequest, ApprovalScope, Timestamp};

use super::RunState;
use super::work::OpenReview;
use crate::fact::BudgetOf;

/// A request for permission that nobody answered yet.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenApproval {
    /// Its number in the inbox.
    pub number: u32,
    /// Who asks.
    pub agent: AgentId,
    /// In which attempt.
    pub attempt: AttemptId,
    /// What is asked.
    pub request: ApprovalRequest,
    /// Since when it waits, by the backend's clock.
    pub at: Timestamp,
    /// The same, later by the time that the machine slept.
    pub(crate) counts_from: Timestamp,
}

/// A budget that is used up.
#[derive(Debug, Clone, PartialEq)]
pub struct ReachedBudget {
    /// Its number in the inbox.
    pub number: u32,
    /// Which.
    pub budget: BudgetOf,
    /// What was spent when it was reached.
    pub spent: Usd,
    /// What may be spent.
    pub limit: Usd,
    /// When it was reached.
    pub at: Timestamp,
}

/// Something that waits for a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InboxItem<'a> {
    /// An agent asks.
    Approval(&'a OpenApproval),
    /// A budget holds work back.
    Budget(&'a ReachedBudget),
    /// Work waits to be accepted or sent back. It is answered by its task, and not by its number.
    Review(&'a OpenReview),
}

impl InboxItem<'_> {
    /// The number by which it is answered.
    #[must_use]
    pub const fn number(&self) -> u32 {
        match self {
            Self::Approval(open) => open.number,
            Self::Budget(reached) => reached.number,
            Self::Review(open) => open.number,
        }
    }

    /// Since when it waits.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Approval(open) => open.at,
            Self::Budget(reached) => reached.at,
            Self::Review(open) => open.at,
        }
    }
}

/// All that waits for a person, and what persons allowed for longer than once.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Inbox {
    pub(super) approvals: Vec<OpenApproval>,
    pub(super) budgets: Vec<ReachedBudget>,
    pub(super) reviews: Vec<OpenReview>,
    /// Tools that are allowed in all attempts of a task.
    task_grants: BTreeSet<(TaskId, String)>,
    /// Tools that are allowed to every agent.
    run_grants: BTreeSet<String>,
    last_number: u32,
}

impl Inbox {
    pub(super) fn count_to(&mut self, number: u32) {
        self.last_number = self.last_number.max(number);
    }

    pub(super) fn grant(&mut self, task: &TaskId, tool: &str, scope: ApprovalScope) {
        match scope {
            ApprovalScope::Once => {}
            ApprovalScope::Task => drop(self.task_grants.insert((task.clone(), tool.to_owned()))),
            ApprovalScope::Run => drop(self.run_grants.insert(tool.to_owned())),
        }
    }
}

impl RunState {
    /// What waits for a person, the oldest first.
    #[must_use]
    pub fn inbox(&self) -> Vec<InboxItem<'_>> {
        let approvals = self.inbox.approvals.iter().map(InboxItem::Approval);
        let budgets = self.inbox.budgets.iter().map(InboxItem::Budget);
        let mut items: Vec<_> =
            approvals.chain(budgets).chain(self.inbox.reviews.iter().map(InboxItem::Review)).collect();
        items.sort_by_key(InboxItem::number);
        items
    }

    /// When a request is answered by itself; none where it waits on, or its host is lost.
    #[must_use]
    pub fn answers_at(&self, open: &OpenApproval) -> Option<Timestamp> {
        let policy = &self.opening.plan.approvals;
        let is_lost = self.current(&open.attempt).is_some_and(|attempt| attempt.lost_since.is_some());
        let answers = policy.on_time_out != PolicyAnswer::Ask && !is_lost;
        answers.then(|| open.counts_from.plus_seconds(policy.time_out_seconds))
    }

    /// The requests of one attempt that nobody answered yet.
    pub fn approvals_of(&self, attempt: &AttemptId) -> impl Iterator<Item = &OpenApproval> {
        self.inbox.approvals.iter().filter(move |open| &open.attempt == attempt)
    }

    /// The numbers of the requests from hosts that are lost.
    pub(super) fn lost_approvals(&self) -> BTreeSet<u32> {
        let is_lost = |open: &&OpenApproval| {
            self.current(&open.attempt).is_some_and(|attempt| attempt.lost_since.is_some())
        };
        self.inbox.approvals.iter().filter(is_lost).map(|open| open.number).collect()
    }

    /// Every request that nobody answered yet.
    pub(crate) fn open_approvals(&self) -> &[OpenApproval] {
        &self.inbox.approvals
    }

    /// The budgets that hold work back.
    #[must_use]
    pub fn reached_budgets(&self) -> &[ReachedBudget] {
        &self.inbox.budgets
    }

    /// Whether a person allowed a tool before.
    #[must_use]
    pub fn is_granted(&self, task: &TaskId, tool: &str) -> bool {
        let for_task = || self.inbox.task_grants.iter().any(|(of, granted)| of == task && granted == tool);
        self.inbox.run_grants.contains(tool) || for_task()
    }

    pub(crate) const fn next_inbox_number(&self) -> u32 {
        self.inbox.last_number + 1
    }

    pub(super) fn ask(&mut self, number: u32, attempt: &AttemptId, request: &ApprovalRequest, at: Timestamp) {
        self.inbox.count_to(number);
        let Some(agent) = self.attempt_agent(attempt) else { return };
        let (attempt, request) = (attempt.clone(), request.clone());
        self.with_attempt(&attempt, |a| a.waits_since = a.waits_since.or(Some(at)));
        self.inbox.approvals.push(OpenApproval { number, agent, attempt, request, at, counts_from: at });
    }

    pub(super) fn answered(
        &mut self,
        attempt: &AttemptId,
        request: &str,
        answer: &ApprovalAnswer,
        at: Timestamp,
    ) {
        self.with_attempt(attempt, |a| drop(a.answered.insert(request.to_owned(), answer.clone())));
        self.inbox.approvals.retain(|open| &open.attempt != attempt || open.request.id != request);
        self.go_on(attempt, at);
    }

    pub(super) fn approval_gone(&mut self, number: u32, at: Timestamp) {
        let Some(open) = self.inbox.approvals.iter().position(|open| open.number == number) else { return };
        let attempt = self.inbox.approvals.remove(open).attempt;
        self.go_on(&attempt, at);
    }

    /// An attempt that ended, or claims to, waits for nobody.
    pub(super) fn clear_approvals(&mut self, attempt: &AttemptId, at: Timestamp) {
        self.inbox.approvals.retain(|open| &open.attempt != attempt);
        self.go_on(attempt, at);
    }

    /// The time that an attempt waited for a person counts as none, once it waits no more.
    fn go_on(&mut self, attempt: &AttemptId, at: Timestamp) {
        if self.approvals_of(attempt).next().is_some() {
            return;
        }
        self.with_attempt(attempt, |a| {
            if let Some(since) = a.waits_since.take() {
                // What is counted here is not counted again when its host is back.
                a.lost_since = a.lost_since.map(|_| at);
                a.stood_still_millis = a.stood_still_millis.saturating_add(at.millis_since(since).max(0));
            }
        });
    }

    pub(super) fn budget_reached(&mut self, reached: ReachedBudget) {
        self.inbox.count_to(reached.number);
        self.inbox.budgets.retain(|known| known.budget != reached.budget);
        self.inbox.budgets.push(reached);
    }

    pub(super) fn raise_budget(&mut self, budget: &BudgetOf, limit: Usd) {
        self.inbox.budgets.retain(|reached| &reached.budget != budget);
        self.raised.insert(budget.clone(), limit);
    }
}
