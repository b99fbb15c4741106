//! The work itself, as the journal tells of it: trees, commits, merges, reviews and the verification.

use std::collections::{BTreeMap, BTreeSet};

use miyabi_plan::{AttemptId, ConflictsGo, FailureCause, PortRange, RunnerKind, Task, TaskId};
use miyabi_protocol::{CheckResult, EvidenceReport, RunGit, Timestamp, TreeAt};

use super::{AgentState, Attempt, AttemptPhase, RunState, Standing, TaskState};
use crate::fact::{Fact, MergeConflict};

/// A merge that was made without a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeMade {
    /// The task that begins from it; none for the result of the whole run.
    pub task: Option<TaskId>,
    /// What was merged, in this order.
    pub heads: Vec<String>,
    /// What came of it.
    pub commit: String,
    /// Its tree: the same whatever order things were merged in.
    pub tree: String,
    /// When.
    pub at: Timestamp,
}

/// How the plan's verification went.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// Every check.
    pub checks: Vec<CheckResult>,
    /// Why there was nothing to run them in.
    pub problem: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Verification {
    /// Whether everything holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problem.is_none() && self.checks.iter().all(|check| check.passed)
    }
}

/// Work that waits for a person to accept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReview {
    /// Its number in the inbox.
    pub number: u32,
    /// Whose work.
    pub attempt: AttemptId,
    /// Since when.
    pub at: Timestamp,
}

/// What became of the work in a run on git, and of the plan's verification in every run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Work {
    merges: Vec<MergeMade>,
    verification: Option<Verification>,
    overlaps: BTreeMap<Vec<AttemptId>, Vec<String>>,
}

impl Attempt {
    /// Its work tree, once that stands; none for an agent without one.
    #[must_use]
    pub const fn tree(&self) -> Option<&TreeAt> {
        self.tree.as_ref()
    }

    /// The last commit of its branch that is on this machine; none before there is one.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        let proven = matches!(self.cause, None | Some(FailureCause::SentBack));
        let work = self.evidence.as_ref().and_then(|found| found.work.as_ref());
        let work = work.filter(|_| proven && self.phase == AttemptPhase::Ended);
        work.map(|work| work.commit.as_str()).or(self.kept.as_ref().and_then(|kept| kept.as_deref()))
    }

    /// Whether it ended and left a tree behind whose work is not known to be here.
    #[must_use]
    pub fn awaits_keeping(&self) -> bool {
        let is_taken =
            self.phase == AttemptPhase::Ended && matches!(self.cause, None | Some(FailureCause::SentBack));
        let has_ended = matches!(self.phase, AttemptPhase::Ended | AttemptPhase::Withdrawn);
        has_ended && !is_taken && self.tree.is_some() && self.kept.is_none()
    }
}

impl RunState {
    /// The git side of the run; none where all agents share the work folder.
    #[must_use]
    pub const fn git(&self) -> Option<&RunGit> {
        self.opening.git.as_ref()
    }

    /// The commit that holds a COMPLETED task's work: what its agent left, what a person took, or, where its
    /// agent had no work tree, what it began from. None before, and without git.
    #[must_use]
    pub fn result_of(&self, task: &TaskId) -> Option<&str> {
        self.task(task)?.result.as_deref()
    }

    /// What a task begins from, its differences counted from there: the run's base, the result of its one
    /// need, or those of several, merged. None while that does not stand.
    #[must_use]
    pub fn base_of(&self, task: &TaskId) -> Option<&str> {
        self.base_at(self.task_index(task)?)
    }

    pub(crate) fn base_at(&self, index: usize) -> Option<&str> {
        let (task, git) = (&self.tasks[index], self.opening.git.as_ref()?);
        if let Some(conflict) = &task.merge {
            return Some(&conflict.ours);
        }
        let mut needs = task.needs.iter().map(|need| self.tasks[*need].result.as_deref());
        let Some(first) = needs.next() else { return Some(&git.base) };
        if needs.all(|other| other == first) {
            return first;
        }
        let (merged, commit) = task.base.as_ref()?;
        (self.heads_of(index).as_ref() == Some(merged)).then_some(commit.as_str())
    }

    /// The results of a task's needs, in their order; none while one is not there.
    pub(crate) fn heads_of(&self, index: usize) -> Option<Vec<String>> {
        let needs = self.tasks[index].needs.iter();
        needs.map(|need| self.tasks[*need].result.clone()).collect()
    }

    /// The results of all tasks, in the plan's order; none while one is not there.
    pub(crate) fn all_heads(&self) -> Option<Vec<String>> {
        self.tasks.iter().map(|task| task.result.clone()).collect()
    }

    /// What an attempt begins from: the last commit that an attempt before it left, else its base.
    #[must_use]
    pub fn start_of(&self, id: &AttemptId) -> Option<&str> {
        let before = self.task(&id.task)?.attempts.iter().rev().filter(|one| one.number < id.number);
        before.into_iter().find_map(Attempt::commit).or_else(|| self.base_of(&id.task))
    }

    /// Every merge so far, oldest first.
    #[must_use]
    pub fn merges(&self) -> &[MergeMade] {
        &self.work.merges
    }

    /// All work merged; none before the last task has ended, and without git.
    #[must_use]
    pub fn result(&self) -> Option<&MergeMade> {
        let heads = self.all_heads()?;
        self.work.merges.iter().rev().find(|made| made.task.is_none() && made.heads == heads)
    }

    /// How the plan's verification went last; none before, and while it is to be run again.
    #[must_use]
    pub const fn verification(&self) -> Option<&Verification> {
        self.work.verification.as_ref()
    }

    /// Files that attempts touched both while they were at work, by the pair of attempts.
    pub fn overlaps(&self) -> impl Iterator<Item = (&[AttemptId], &[String])> {
        self.work.overlaps.iter().map(|(pair, files)| (pair.as_slice(), files.as_slice()))
    }

    pub(crate) fn overlap(&self, pair: &[AttemptId]) -> Option<&Vec<String>> {
        self.work.overlaps.get(pair)
    }

    /// Whether an agent works in work trees of its own in this run: one that a runner of ours stands behind.
    #[must_use]
    pub fn has_trees(&self, agent: &AgentState) -> bool {
        let works = !matches!(agent.runner, RunnerKind::External | RunnerKind::Rehearsal);
        self.opening.git.is_some() && works
    }

    /// Whether an attempt under way is not offered yet, because its work tree is being made.
    #[must_use]
    pub fn is_preparing(&self, attempt: &Attempt) -> bool {
        let wants_tree = || self.agent(&attempt.agent).is_some_and(|agent| self.has_trees(agent));
        attempt.phase == AttemptPhase::Offered && attempt.tree.is_none() && wants_tree()
    }

    /// The merge tasks that wait for a person to resolve them.
    pub fn conflicts(&self) -> impl Iterator<Item = &TaskState> {
        self.tasks.iter().filter(|task| self.is_persons_conflict(task))
    }

    /// Whether a merge task waits for a person.
    #[must_use]
    pub fn is_persons_conflict(&self, task: &TaskState) -> bool {
        let by_person = self.opening.plan.git.conflicts == ConflictsGo::Person;
        let waits = matches!(task.standing, Standing::Waiting | Standing::BackOff(_));
        by_person && task.merge.is_some() && waits
    }

    /// The ports of an attempt's work tree: the first one, and how many; none where the plan sets none.
    #[must_use]
    pub fn ports_of(&self, attempt: &Attempt) -> Option<(u16, u16)> {
        let PortRange { first, count } = self.opening.plan.git.ports?;
        let offset = u32::from(count).checked_mul(attempt.slot)?;
        let first = u16::try_from(u32::from(first).checked_add(offset)?).ok()?;
        first.checked_add(count.saturating_sub(1))?;
        Some((first, count))
    }

    /// The lowest number that no attempt under way has, nor one whose agent may still be at it.
    pub(super) fn free_slot(&self) -> u32 {
        if self.opening.git.is_none() || self.opening.plan.git.ports.is_none() {
            return 0;
        }
        let drains = |attempt: &Attempt| self.agent(&attempt.agent).is_some_and(|agent| agent.draining);
        let under_way = |task: &TaskState, attempt: &Attempt| {
            let is_last = task.attempts.last().is_some_and(|last| last.number == attempt.number);
            (is_last && task.standing == Standing::Active) || attempt.awaits_keeping() || drains(attempt)
        };
        let tasks = self.tasks.iter();
        let attempts = tasks.flat_map(|task| task.attempts.iter().filter(move |one| under_way(task, one)));
        let taken: BTreeSet<u32> = attempts.map(|attempt| attempt.slot).collect();
        (0..).find(|slot| !taken.contains(slot)).unwrap_or_default()
    }

    pub(super) fn apply_to_work(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::TreeMade { attempt, tree, start } => self.with_attempt(attempt, |one| {
                (one.tree, one.start) = (Some(tree.clone()), Some(start.clone()));
            }),
            Fact::WorkKept { attempt, commit } => {
                self.with_attempt(attempt, |one| one.kept = Some(commit.clone()));
            }
            Fact::Merged { task, heads, commit, tree } => {
                if let Some(task) = task.as_ref().and_then(|task| self.task_mut(task)) {
                    task.base = Some((heads.clone(), commit.clone()));
                }
                self.work.merges.push(MergeMade {
                    task: task.clone(),
                    heads: heads.clone(),
                    commit: commit.clone(),
                    tree: tree.clone(),
                    at,
                });
            }
            Fact::TaskAdded { task, merge } => self.add_task(task, merge),
            Fact::CommitTaken { task, commit } => {
                if let Some(task) = self.task_mut(task) {
                    (task.standing, task.completed_at) = (Standing::Completed, Some(at));
                    (task.error, task.result) = (None, Some(commit.clone()));
                }
            }
            Fact::OverlapSeen { attempts, files } => {
                self.work.overlaps.insert(attempts.clone(), files.clone());
            }
            Fact::ReviewAsked { number, attempt, evidence } => {
                self.ask_review(*number, attempt, evidence.as_ref(), at);
            }
            Fact::SentBack { attempt, comments } => {
                self.inbox.reviews.retain(|open| open.attempt.task != attempt.task);
                // What was verified is not what there will be.
                self.work.verification = None;
                self.with_attempt(attempt, |one| {
                    (one.cause, one.comments) = (Some(FailureCause::SentBack), comments.clone());
                });
                if let Some(task) = self.task_mut(&attempt.task) {
                    (task.standing, task.completed_at, task.result) = (Standing::Waiting, None, None);
                }
            }
            Fact::Verified { checks, problem } => {
                let (checks, problem) = (checks.clone(), problem.clone());
                self.work.verification = Some(Verification { checks, problem, at });
            }
            Fact::VerifyAgain => {
                self.work.verification = None;
                self.reopen();
            }
            _ => {}
        }
    }

    /// A task that resolves a conflict stands in for those that it merges.
    fn add_task(&mut self, task: &Task, merge: &MergeConflict) {
        if self.task_index(&task.id).is_some() {
            return;
        }
        let needs: Vec<usize> = task.needs.iter().filter_map(|need| self.task_index(need)).collect();
        let index = self.tasks.len();
        let mut state = TaskState::new(&task.id, &task.agent, needs.clone());
        state.merge = Some(merge.clone());
        self.opening.plan.tasks.push(task.clone());
        self.task_index.insert(task.id.clone(), index);
        self.tasks.push(state);
        let Some(waits) = merge.waits.as_ref().and_then(|waits| self.task_index(waits)) else { return };
        replace(&mut self.tasks[waits].needs, &needs, index);
        replace(&mut self.opening.plan.tasks[waits].needs, &task.needs, task.id.clone());
    }

    fn ask_review(&mut self, number: u32, id: &AttemptId, evidence: Option<&EvidenceReport>, at: Timestamp) {
        self.inbox.count_to(number);
        self.end_well(id, evidence, at);
        if let Some(task) = self.task_mut(&id.task) {
            task.standing = Standing::Review;
        }
        self.inbox.reviews.push(OpenReview { number, attempt: id.clone(), at });
    }

    /// What a task's work is, now that it is done by this attempt.
    pub(super) fn result_by(&self, id: &AttemptId) -> Option<String> {
        self.opening.git.as_ref()?;
        let own = self.attempt(id).and_then(Attempt::commit);
        own.or_else(|| self.start_of(id)).map(str::to_owned)
    }
}

/// Puts one need in the place of the first of those that it stands in for.
fn replace<T: PartialEq>(needs: &mut Vec<T>, gone: &[T], new: T) {
    let place = needs.iter().position(|need| gone.contains(need)).unwrap_or(needs.len());
    needs.retain(|need| !gone.contains(need));
    needs.insert(place.min(needs.len()), new);
}
