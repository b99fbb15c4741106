//! Requests for permission: answered by the plan or by what a person allowed before, else by a
//! person, else by the time.

use miyabi_plan::{AgentId, AttemptId, PolicyAnswer};
use miyabi_protocol::link::Command;
use miyabi_protocol::{ApprovalAnswer, ApprovalRequest, ApprovalScope, Timestamp};

use super::prompt::shorten;
use super::seen::Asks;
use super::{Engine, OrderError};
use crate::fact::{AnsweredBy, Fact};
use crate::state::{AttemptPhase, InboxItem, OpenApproval};

/// How many requests of one attempt are looked at, at once.
const MOST_ASKS: usize = 64;
/// A request with a longer id is no request, in bytes.
const LONGEST_ID: usize = 500;

impl Engine {
    pub(super) fn on_asks(&mut self, site: usize, agent: AgentId, asks: Asks) {
        if self.is_listed(site) {
            self.look_at_asks(&agent, &asks);
        } else if self.state.agent_index(&agent).is_some() {
            self.seen.sites[site].unlisted_asks.insert(agent, asks);
        }
    }

    /// Requests that were reported before the listing was complete.
    pub(super) fn look_at_unlisted_asks(&mut self, site: usize) {
        for (agent, asks) in std::mem::take(&mut self.seen.sites[site].unlisted_asks) {
            self.look_at_asks(&agent, &asks);
        }
    }

    fn look_at_asks(&mut self, agent: &AgentId, Asks { attempt, asks, heard }: &Asks) {
        let Some(index) = self.state.agent_index(agent) else { return };
        let Some(current) = self.state.current(attempt).filter(|current| &current.agent == agent) else {
            return;
        };
        let phase = current.phase;
        if !matches!(phase, AttemptPhase::Offered | AttemptPhase::Running) {
            return;
        }
        self.seen.agents[index].heard = *heard;
        if !asks.is_empty() {
            self.note_started(attempt, phase);
            self.answers(attempt);
        }
        self.drop_gone(attempt, asks);
        for request in asks.iter().filter(|ask| ask.id.len() <= LONGEST_ID).take(MOST_ASKS) {
            self.on_ask(agent, attempt, request);
        }
    }

    fn drop_gone(&mut self, attempt: &AttemptId, asks: &[ApprovalRequest]) {
        let open = self.state.approvals_of(attempt);
        let gone = open.filter(|open| !asks.iter().any(|ask| ask.id == open.request.id));
        for number in gone.map(|open| open.number).collect::<Vec<_>>() {
            self.decide(Fact::ApprovalGone { number });
        }
    }

    fn on_ask(&mut self, agent: &AgentId, attempt: &AttemptId, request: &ApprovalRequest) {
        let current = self.state.current(attempt);
        // The answer was lost on its way, or is on it still: the same once more does no harm.
        if let Some(answer) = current.and_then(|current| current.answered.get(&request.id)).cloned() {
            self.send_answer(agent, attempt, &request.id, answer);
            return;
        }
        if self.state.approvals_of(attempt).any(|open| open.request.id == request.id) {
            return;
        }
        let policy = &self.state.opening.plan.approvals;
        let by_plan = policy.answer(agent, &request.tool, &request.what);
        let granted = self.state.is_granted(&attempt.task, &request.tool);
        let (answer, by) = match by_plan {
            PolicyAnswer::Allow => (ApprovalAnswer::Allow, AnsweredBy::Plan),
            PolicyAnswer::Deny => (deny("the plan does not allow it"), AnsweredBy::Plan),
            PolicyAnswer::Ask if granted => (ApprovalAnswer::Allow, AnsweredBy::Grant),
            PolicyAnswer::Ask => {
                let number = self.state.next_inbox_number();
                let request = bounded(request);
                self.decide(Fact::ApprovalAsked { number, attempt: attempt.clone(), request });
                return;
            }
        };
        let (request, tool) = (request.id.clone(), bounded(request).tool);
        self.answered(
            Answered { number: None, agent, attempt, request, tool },
            answer,
            ApprovalScope::Once,
            by,
        );
    }

    /// A person's answer.
    pub(super) fn answer(
        &mut self,
        number: u32,
        answer: ApprovalAnswer,
        scope: ApprovalScope,
    ) -> Result<(), OrderError> {
        let item = self.state.inbox().into_iter().find(|item| item.number() == number);
        let open = match item {
            Some(InboxItem::Approval(open)) => open.clone(),
            Some(InboxItem::Budget(_)) => {
                return Err(OrderError::DoesNotFit(format!(
                    "number {number} in the inbox is a budget: raise it instead"
                )));
            }
            Some(InboxItem::Review(open)) => {
                let task = &open.attempt.task;
                return Err(OrderError::DoesNotFit(format!(
                    "number {number} in the inbox is the work of {task}: accept it, or send it back"
                )));
            }
            None => {
                return Err(OrderError::DoesNotFit(format!(
                    "nothing in the inbox has the number {number}; it was answered, or its agent asks no more"
                )));
            }
        };
        let is_grant = answer == ApprovalAnswer::Allow;
        self.close(&open, answer, scope, AnsweredBy::Person);
        if is_grant && scope != ApprovalScope::Once {
            self.answer_granted();
        }
        Ok(())
    }

    /// What was just allowed for longer than once is not asked for again by those who wait.
    fn answer_granted(&mut self) {
        for open in self.state.open_approvals().to_vec() {
            if self.state.is_granted(&open.attempt.task, &open.request.tool) {
                self.close(&open, ApprovalAnswer::Allow, ApprovalScope::Once, AnsweredBy::Grant);
            }
        }
    }

    fn close(&mut self, open: &OpenApproval, answer: ApprovalAnswer, scope: ApprovalScope, by: AnsweredBy) {
        let answered = Answered {
            number: Some(open.number),
            agent: &open.agent,
            attempt: &open.attempt,
            request: open.request.id.clone(),
            tool: open.request.tool.clone(),
        };
        self.answered(answered, answer, scope, by);
    }

    fn answered(&mut self, what: Answered<'_>, answer: ApprovalAnswer, scope: ApprovalScope, by: AnsweredBy) {
        let Answered { number, agent, attempt, request, tool } = what;
        self.send_answer(agent, attempt, &request, answer.clone());
        self.decide(Fact::ApprovalAnswered {
            number,
            attempt: attempt.clone(),
            request,
            tool,
            answer,
            scope,
            by,
        });
    }

    fn send_answer(&mut self, agent: &AgentId, attempt: &AttemptId, request: &str, answer: ApprovalAnswer) {
        let Some(site) = self.site_of(agent) else { return };
        let (agent, attempt, request) = (agent.clone(), attempt.clone(), request.to_owned());
        self.out.words.push((site, Command::Answer { agent, attempt, request, answer }));
    }

    pub(super) fn expire_approvals(&mut self) {
        let policy = &self.state.opening.plan.approvals;
        let answer = match policy.on_time_out {
            PolicyAnswer::Ask => return,
            PolicyAnswer::Allow => ApprovalAnswer::Allow,
            PolicyAnswer::Deny => deny(&format!("nobody answered within {} s", policy.time_out_seconds)),
        };
        let is_due = |open: &&OpenApproval| self.time_runs_for(open).is_some_and(|due| due <= self.now);
        for open in self.state.open_approvals().iter().filter(is_due).cloned().collect::<Vec<_>>() {
            self.close(&open, answer.clone(), ApprovalScope::Once, AnsweredBy::TimeOut);
        }
    }

    pub(super) fn approval_timers(&self) -> impl Iterator<Item = Timestamp> {
        self.state.open_approvals().iter().filter_map(|open| self.time_runs_for(open))
    }

    /// When a request is answered by itself, where its agent can hear the answer.
    fn time_runs_for(&self, open: &OpenApproval) -> Option<Timestamp> {
        let site = self.site_of(&open.agent).filter(|site| self.is_listed(*site));
        site.and_then(|_| self.state.answers_at(open))
    }

    /// The index of the site where an agent is.
    pub(super) fn site_of(&self, agent: &AgentId) -> Option<usize> {
        self.state.agent_index(agent).map(|agent| self.places.of_agent(agent))
    }
}

struct Answered<'a> {
    number: Option<u32>,
    agent: &'a AgentId,
    attempt: &'a AttemptId,
    request: String,
    tool: String,
}

fn deny(reason: &str) -> ApprovalAnswer {
    ApprovalAnswer::Deny { reason: reason.to_owned() }
}

/// What is kept of a request; its id is what it is answered by, and kept whole.
fn bounded(request: &ApprovalRequest) -> ApprovalRequest {
    ApprovalRequest {
        id: request.id.clone(),
        tool: shorten(&request.tool, 200),
        what: shorten(&request.what, 1_000),
        detail: shorten(&request.detail, 8_000),
        asked_at: request.asked_at,
    }
}
