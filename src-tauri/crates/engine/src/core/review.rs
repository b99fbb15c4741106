//! Work that a person reads: accepted, sent back, or done by a commit of the person's own.

use miyabi_plan::git::base_branch;
use miyabi_plan::{AttemptId, FailureCause, RunPhase, TaskId};
use miyabi_protocol::link::Command;
use miyabi_protocol::{EvidenceReport, MergeOutcome, ReviewComment};

use super::places::HERE;
use super::seen::Taking;
use super::{Engine, OrderError};
use crate::fact::{Fact, NextTry, NoteKind};
use crate::state::Standing;

/// How many comments are taken at once.
const MOST_COMMENTS: usize = 500;
/// The longest name of a commit or branch, in bytes.
const LONGEST_REVISION: usize = 500;

fn refuse(why: String) -> Result<(), OrderError> {
    Err(OrderError::DoesNotFit(why))
}

impl Engine {
    /// Whether a person has to accept the work of a task. A rehearsal brings nothing to read.
    pub(super) fn needs_review(&self, task: &TaskId) -> bool {
        let opening = &self.state.opening;
        opening.rehearse.is_none() && opening.plan.task(task).is_some_and(|task| task.needs_approval)
    }

    pub(super) fn ask_review(&mut self, attempt: &AttemptId, evidence: Option<EvidenceReport>) {
        let number = self.state.next_inbox_number();
        self.decide(Fact::ReviewAsked { number, attempt: attempt.clone(), evidence });
    }

    pub(super) fn accept(&mut self, task: &TaskId) -> Result<(), OrderError> {
        let index = self.find_task(task)?;
        let state = &self.state.tasks[index];
        let Some(last) = state.attempts.last().filter(|_| state.standing == Standing::Review) else {
            return refuse(format!("the work of {task} does not wait to be accepted"));
        };
        let attempt = AttemptId { task: task.clone(), number: last.number };
        let evidence = last.evidence.clone();
        self.decide(Fact::Completed { attempt, evidence });
        Ok(())
    }

    pub(super) fn send_back(
        &mut self,
        task: &TaskId,
        comments: Vec<ReviewComment>,
    ) -> Result<(), OrderError> {
        let index = self.find_task(task)?;
        if comments.iter().all(|comment| comment.text.trim().is_empty()) {
            return refuse(
                "say what is to be done better: without a comment the same would come again".to_owned(),
            );
        }
        if comments.len() > MOST_COMMENTS {
            return refuse(format!("{MOST_COMMENTS} comments are taken at once, and no more"));
        }
        match self.state.tasks[index].standing {
            Standing::Review => {}
            Standing::Completed => self.refuse_to_undo(index)?,
            _ => return refuse(format!("the work of {task} is not done yet: there is nothing to send back")),
        }
        let Some(last) = self.state.tasks[index].attempts.last() else {
            return refuse(format!("{task} was resolved by a commit of a person's own"));
        };
        let attempt = AttemptId { task: task.clone(), number: last.number };
        if last.cause.is_some() {
            return refuse(format!("{task} was resolved by a commit of a person's own"));
        }
        // In this order: a journal that is cut between the two is one of a run that ends again.
        if self.state.ended.is_some() {
            self.decide(Fact::Reopened);
            self.ensure_agents();
        }
        self.decide(Fact::SentBack { attempt, comments });
        Ok(())
    }

    /// What is COMPLETED is done again only while nothing was built on it.
    fn refuse_to_undo(&self, index: usize) -> Result<(), OrderError> {
        let task = &self.state.tasks[index].id;
        // A verification that does not hold is mended by the work that it found wanting.
        let is_to_mend = self.state.phase() == RunPhase::Failed
            && self.state.verification().is_some_and(|found| !found.passed());
        if self.is_over() && !is_to_mend {
            return refuse(format!("the run has ended; {task} stays as it is"));
        }
        if self.state.result().is_some() && !is_to_mend {
            return refuse(format!("all work is merged already; {task} stays as it is"));
        }
        let mut after = vec![false; self.state.tasks.len()];
        for one in &self.precedence.topological {
            after[*one] = self.state.tasks[*one].needs.iter().any(|need| *need == index || after[*need]);
        }
        let dependents = self.state.tasks.iter().zip(after).filter(|(_, after)| *after).map(|(task, _)| task);
        for dependent in dependents {
            if dependent.merge.is_some() {
                return refuse(format!("{} resolves a conflict with the work of {task}", dependent.id));
            }
            if !dependent.attempts.is_empty() {
                return refuse(format!("{} was begun from the work of {task} already", dependent.id));
            }
        }
        Ok(())
    }

    pub(super) fn take_commit(&mut self, task: &TaskId, revision: String) -> Result<(), OrderError> {
        let index = self.find_task(task)?;
        let state = &self.state.tasks[index];
        if state.merge.is_none() {
            return refuse(format!("{task} resolves no conflict"));
        }
        if state.standing == Standing::Completed {
            return refuse(format!("{task} is COMPLETED already"));
        }
        if self.is_cancelled() {
            return refuse("the run has ended".to_owned());
        }
        let is_name = !revision.trim().is_empty() && !revision.chars().any(char::is_control);
        if !is_name || revision.len() > LONGEST_REVISION {
            return refuse("name a branch or a commit".to_owned());
        }
        self.seen.work.taking.insert(task.clone(), Taking { revision, is_sent: false });
        Ok(())
    }

    fn is_cancelled(&self) -> bool {
        self.state.phase() == RunPhase::Cancelled
    }

    /// Has the commits looked at that persons named.
    pub(super) fn take_commits(&mut self) {
        let waiting = self.seen.work.taking.iter().filter(|(_, taking)| !taking.is_sent);
        for task in waiting.map(|(task, _)| task.clone()).collect::<Vec<_>>() {
            let command = self.take_command(&task);
            match (command, self.seen.work.taking.get_mut(&task)) {
                (Some(command), Some(taking)) if self.seen.sites[HERE].listed => {
                    taking.is_sent = true;
                    self.out.works.push((HERE, command));
                }
                _ => {}
            }
        }
    }

    fn take_command(&self, task: &TaskId) -> Option<Command> {
        let conflict = self.state.task(task)?.merge.as_ref()?;
        Some(Command::TakeCommit {
            task: task.clone(),
            repository: self.repository_at(HERE)?,
            revision: self.seen.work.taking.get(task)?.revision.clone(),
            holds: vec![conflict.ours.clone(), conflict.theirs.clone()],
            branch: base_branch(&self.state.opening.run_id, task),
        })
    }

    /// What became of a commit that a person named for a merge task.
    pub(super) fn on_commit_looked_at(&mut self, index: usize, task: &TaskId, outcome: MergeOutcome) {
        let Some(taking) = self.seen.work.taking.remove(task) else { return };
        if self.state.tasks[index].standing == Standing::Completed || self.is_cancelled() {
            return;
        }
        match outcome {
            MergeOutcome::Clean { commit, .. } => {
                if self.state.ended.is_some() {
                    self.decide(Fact::Reopened);
                    self.ensure_agents();
                }
                let why = "a person resolved the conflict";
                self.stop_current(index, FailureCause::Cancelled, why, NextTry::Free);
                self.decide(Fact::CommitTaken { task: task.clone(), commit });
            }
            MergeOutcome::Conflict { files, .. } => {
                self.refuse_commit(task, &taking, &format!("it conflicts in {}", files.join(", ")));
            }
            MergeOutcome::Failed { message } => self.refuse_commit(task, &taking, &message),
        }
    }

    fn refuse_commit(&mut self, task: &TaskId, taking: &Taking, why: &str) {
        let detail = format!("{} is not taken for {task}: {why}", taking.revision);
        self.note(NoteKind::StateProblem, None, detail);
    }
}
