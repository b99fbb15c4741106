//! What a person wants, by a command or by an edit of `task_queue.json`.

use miyabi_plan::{AgentId, AttemptId, FailureCause, Kind, RunPhase, TaskId};
use miyabi_protocol::QueueFile;

use super::Engine;
use crate::event::Order;
use crate::fact::{By, Fact, NextTry};
use crate::projection::{QueueEdit, edits};
use crate::state::{AttemptPhase, Standing};

/// Why an order cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such task.
    #[error("there is no task {0} in this run")]
    UnknownTask(TaskId),
    /// There is no such agent.
    #[error("there is no agent {0} in this run")]
    UnknownAgent(AgentId),
    /// The agent is of another kind, and nobody agreed to that.
    #[error("{task} is planned for an agent of kind {wanted}; {agent} is of kind {}", agent.kind())]
    WrongKind {
        /// The task.
        task: TaskId,
        /// The kind it wants.
        wanted: Kind,
        /// The agent.
        agent: AgentId,
    },
    /// The agent is on another host than the plan wants.
    #[error("{task} must run on {host}; {agent} is not there")]
    WrongHost {
        /// The task.
        task: TaskId,
        /// The host it must run on.
        host: miyabi_plan::HostId,
        /// The agent.
        agent: AgentId,
    },
    /// A running attempt would be stopped.
    #[error("{agent} is working on {task}; its work so far would be stopped")]
    IsRunning {
        /// The task.
        task: TaskId,
        /// Who works on it.
        agent: AgentId,
    },
    /// Contact with the agent's host is lost: what became of the task is not known.
    #[error(
        "contact with {host} is lost, and {agent} may still be working on {task}; moved away, it is done again from the start, and what {agent} does there is not taken"
    )]
    IsUnverified {
        /// The task.
        task: TaskId,
        /// Who worked on it.
        agent: AgentId,
        /// Where.
        host: miyabi_plan::HostId,
    },
    /// It does not fit where the task or the run stands.
    #[error("{0}")]
    DoesNotFit(String),
}

/// What a person agreed to when they moved a task. An edit of the queue agrees to nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Consent {
    stop_running: bool,
    across_kinds: bool,
}

/// The longest hand-over, in bytes.
const LONGEST_PACKET: usize = 64 * 1024;

fn waits_for_review(task: &TaskId) -> OrderError {
    OrderError::DoesNotFit(format!("the work of {task} waits for a person: accept it, or send it back"))
}

impl Engine {
    pub(super) fn on_order(&mut self, order: Order) -> Result<(), OrderError> {
        match order {
            Order::Pause => self.pause(),
            Order::Resume => self.resume(),
            Order::CancelRun => self.cancel_run(),
            Order::StopAll => self.stop_all(),
            Order::CancelTask(task) => self.cancel_task(&task),
            Order::RetryTask(task) => self.retry(&task, By::Person),
            Order::Reassign { task, agent, stop_running, across_kinds, packet } => {
                let agreed = Consent { stop_running, across_kinds };
                self.reassign(&task, &agent, agreed, By::Person, packet)
            }
            Order::Accept(task) => self.accept(&task),
            Order::SendBack { task, comments } => self.send_back(&task, comments),
            Order::TakeCommit { task, revision } => self.take_commit(&task, revision),
            Order::VerifyAgain => self.verify_again(),
            Order::Answer { number, answer, scope } => self.answer(number, answer, scope),
            Order::RaiseBudget { number, limit } => self.raise_budget(number, limit),
            Order::GiveUpHost(host) => self.give_up_host(&host),
            Order::Say { agent, text } => self.say(&agent, &text),
        }
    }

    fn refuse_when_ended(&self) -> Result<(), OrderError> {
        match self.state.ended {
            Some(_) => Err(OrderError::DoesNotFit("the run has ended".to_owned())),
            None => Ok(()),
        }
    }

    fn pause(&mut self) -> Result<(), OrderError> {
        self.refuse_when_ended()?;
        if !self.state.paused {
            self.decide(Fact::Paused);
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), OrderError> {
        if self.state.paused {
            self.decide(Fact::Resumed);
        }
        Ok(())
    }

    fn cancel_run(&mut self) -> Result<(), OrderError> {
        if self.state.ended.is_some_and(|(phase, _)| phase != RunPhase::Stuck) {
            self.refuse_when_ended()?;
        }
        for index in 0..self.state.tasks.len() {
            self.take_out(index);
        }
        self.decide(Fact::Ended { phase: RunPhase::Cancelled, reasons: Vec::new() });
        Ok(())
    }

    fn stop_all(&mut self) -> Result<(), OrderError> {
        // What cannot be reached cannot be stopped: it is found again when the run is resumed.
        let reached = |index: &usize| !self.is_unverified_task(*index);
        for index in (0..self.state.tasks.len()).filter(reached).collect::<Vec<_>>() {
            self.stop_current(index, FailureCause::Stopped, "stopped with the whole run", NextTry::Free);
        }
        // Whatever the agents say from here on, nothing is handed out or written any more.
        self.is_stopped = true;
        Ok(())
    }

    fn cancel_task(&mut self, task: &TaskId) -> Result<(), OrderError> {
        let index = self.find_task(task)?;
        if matches!(
            self.state.tasks[index].standing,
            Standing::Completed | Standing::Failed | Standing::Cancelled
        ) {
            return Err(OrderError::DoesNotFit(format!("{task} has ended already")));
        }
        self.take_out(index);
        Ok(())
    }

    fn take_out(&mut self, index: usize) {
        let task = self.state.tasks[index].id.clone();
        match self.state.tasks[index].standing {
            Standing::Waiting | Standing::BackOff(_) | Standing::Review => {
                self.decide(Fact::TaskCancelled { task });
            }
            Standing::Active => {
                self.stop_current(index, FailureCause::Cancelled, "cancelled", NextTry::Never);
            }
            Standing::Completed | Standing::Failed | Standing::Cancelled => {}
        }
    }

    /// Ends the current attempt. An agent that has begun is kept from work until it shows its end.
    pub(super) fn stop_current(&mut self, index: usize, cause: FailureCause, why: &str, next: NextTry) {
        let task = &self.state.tasks[index];
        let Some(current) = task.current() else { return };
        let attempt = AttemptId { task: task.id.clone(), number: current.number };
        let phase = current.phase;
        let Some(agent) = self.state.agent_index(&current.agent) else { return };
        self.stop_runner(agent, &attempt, why);
        let drains = phase == AttemptPhase::Running || self.is_out_of_reach(agent);
        let error = why.to_owned();
        self.note_last_usage(&attempt);
        self.decide(Fact::AttemptFailed { attempt, cause, error, evidence: None, next, drains });
        match phase {
            _ if drains => {}
            AttemptPhase::Offered => self.take_offer_back(agent),
            _ => self.release(agent),
        }
    }

    fn retry(&mut self, task: &TaskId, by: By) -> Result<(), OrderError> {
        let index = self.find_task(task)?;
        match self.state.tasks[index].standing {
            Standing::Failed | Standing::Cancelled | Standing::BackOff(_) => {}
            Standing::Waiting if self.is_own_runner_lost(index) => {
                self.try_runner_now(index);
                return Ok(());
            }
            Standing::Waiting if self.seen.work.unmerged.remove(&Some(task.clone())).is_some() => {
                return Ok(());
            }
            Standing::Waiting => {
                return Err(OrderError::DoesNotFit(format!(
                    "{task} is waiting already; `miyabi why {task}` says for what"
                )));
            }
            Standing::Active => return Err(OrderError::DoesNotFit(format!("{task} is running"))),
            Standing::Review => return Err(waits_for_review(task)),
            Standing::Completed => {
                return Err(OrderError::DoesNotFit(format!(
                    "{task} is COMPLETED; nothing completed is run again"
                )));
            }
        }
        // In this order: a journal that is cut between the two is one of a run that ends again.
        if self.state.ended.is_some() {
            self.decide(Fact::Reopened);
            self.ensure_agents();
        }
        self.decide(Fact::Retried { task: task.clone(), by });
        if let Some(agent) = self.own_agent(index) {
            self.seen.agents[agent].sign_of_life();
        }
        Ok(())
    }

    fn reassign(
        &mut self,
        task: &TaskId,
        agent: &AgentId,
        agreed: Consent,
        by: By,
        packet: Option<String>,
    ) -> Result<(), OrderError> {
        let index = self.find_task(task)?;
        if packet.as_ref().is_some_and(|packet| packet.len() > LONGEST_PACKET) {
            return Err(OrderError::DoesNotFit(format!("a hand-over has at most {LONGEST_PACKET} bytes")));
        }
        self.check_agent(index, agent, agreed.across_kinds)?;
        let from = self.state.tasks[index].agent.clone();
        match self.state.tasks[index].standing {
            Standing::Completed => {
                return Err(OrderError::DoesNotFit(format!(
                    "{task} is COMPLETED; nothing completed is run again"
                )));
            }
            Standing::Review => return Err(waits_for_review(task)),
            Standing::Active if &from == agent => return Ok(()),
            Standing::Active => self.stop_for_reassignment(index, &from, agreed.stop_running)?,
            Standing::Waiting | Standing::BackOff(_) | Standing::Failed | Standing::Cancelled => {}
        }
        self.decide(Fact::Reassigned { task: task.clone(), from, to: agent.clone(), by, packet });
        // Whoever chooses an agent wants it tried, however often it did not take an offer.
        if let Some(chosen) = self.state.agent_index(agent) {
            self.seen.agents[chosen].sign_of_life();
        }
        Ok(())
    }

    fn stop_for_reassignment(
        &mut self,
        index: usize,
        from: &AgentId,
        stop_running: bool,
    ) -> Result<(), OrderError> {
        let task = self.state.tasks[index].id.clone();
        let current = self.state.tasks[index].current().map(|attempt| (attempt.phase, attempt.number));
        if let (Some((_, number)), true) = (current, self.is_unverified_task(index)) {
            return self.leave_unverified(AttemptId { task, number }, from, stop_running);
        }
        match current {
            Some((AttemptPhase::Offered, number)) => {
                if let Some(agent) = self.state.agent_index(from) {
                    self.withdraw(agent, &AttemptId { task, number }, "moved to another agent".to_owned());
                }
            }
            _ if !stop_running => return Err(OrderError::IsRunning { task, agent: from.clone() }),
            _ => self.stop_current(index, FailureCause::Reassigned, "moved to another agent", NextTry::Free),
        }
        Ok(())
    }

    fn leave_unverified(
        &mut self,
        attempt: AttemptId,
        from: &AgentId,
        stop_running: bool,
    ) -> Result<(), OrderError> {
        if stop_running {
            self.give_up_attempt(&attempt);
            return Ok(());
        }
        let Some(host) = self.state.agent(from).map(|agent| agent.host.clone()) else {
            return Err(OrderError::UnknownAgent(from.clone()));
        };
        Err(OrderError::IsUnverified { task: attempt.task, agent: from.clone(), host })
    }

    pub(super) fn find_task(&self, task: &TaskId) -> Result<usize, OrderError> {
        self.state.task_index(task).ok_or_else(|| OrderError::UnknownTask(task.clone()))
    }

    fn check_agent(&self, task: usize, agent: &AgentId, across_kinds: bool) -> Result<(), OrderError> {
        let found = self.state.agent(agent).ok_or_else(|| OrderError::UnknownAgent(agent.clone()))?;
        let planned = &self.state.opening.plan.tasks[task];
        if !self.state.agent_index(agent).is_some_and(|agent| self.can_do(task, agent)) {
            let why = format!("{agent} has no work tree; a conflict is resolved in one");
            return Err(OrderError::DoesNotFit(why));
        }
        let stands_in = self.state.agent_index(agent).is_some_and(|agent| self.state.may_cross(task, agent));
        let crosses = across_kinds || stands_in;
        if found.kind != planned.kind() && !crosses {
            let (task, wanted) = (planned.id.clone(), planned.kind());
            return Err(OrderError::WrongKind { task, wanted, agent: agent.clone() });
        }
        let may_run = self.state.agent_index(agent).is_some_and(|agent| self.state.may_run_at(task, agent));
        match &planned.host {
            Some(host) if !may_run => Err(OrderError::WrongHost {
                task: planned.id.clone(),
                host: host.clone(),
                agent: agent.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Two edits of the queue are commands; all others are recorded and undone in plain sight.
    /// Only the file on this machine is listened to: elsewhere it is older by the link's delay, and what
    /// is new here would look like an edit.
    pub(super) fn on_queue_edited(&mut self, site: usize, queue: Option<&QueueFile>) {
        // A queue that a dead backend left behind is old, not edited.
        if !self.is_listed(site) {
            return;
        }
        // Written again in any case, so that the file shows what was decided.
        self.seen.sites[site].queue_is_written = false;
        if let Some(host) = self.places.site(site).host() {
            let what = format!("task_queue.json on {host} was edited; edit the one on this machine instead");
            self.decide(Fact::QueueEditUndone { what });
            return;
        }
        for edit in edits(&self.state, queue) {
            let refused = match &edit {
                QueueEdit::Retry(task) => self.retry(task, By::QueueFile).err(),
                QueueEdit::Reassign(task, agent) => {
                    self.reassign(task, agent, Consent::default(), By::QueueFile, None).err()
                }
                QueueEdit::Other(what) => {
                    self.decide(Fact::QueueEditUndone { what: what.clone() });
                    None
                }
            };
            if let Some(error) = refused {
                self.decide(Fact::QueueEditUndone { what: error.to_string() });
            }
        }
    }
}
