//! The work on git as clients see it: branches, conflicts, overlaps, the verification.

use miyabi_api::{
    ConflictView, GitView, MergeView, OverlapView, TreeView, VerificationState, VerificationView,
};
use miyabi_engine::{Attempt, RunState, Standing, TaskState};
use miyabi_plan::git::{ConflictsGo, result_branch};

/// The git side of a run.
pub(crate) fn git(state: &RunState) -> Option<GitView> {
    let (git, plan) = (state.git()?, &state.opening.plan.git);
    let merges = state.merges().iter().map(|made| MergeView {
        task: made.task.clone(),
        heads: made.heads.clone(),
        commit: made.commit.clone(),
        at: made.at,
    });
    Some(GitView {
        repository: git.repository.clone(),
        base: git.base.clone(),
        base_branch: git.base_branch.clone(),
        stashed: git.stashed.clone(),
        remote: plan.remote.clone(),
        api: plan.api.clone(),
        result_branch: result_branch(&state.opening.run_id),
        result: state.result().map(|made| made.commit.clone()),
        merges: merges.collect(),
    })
}

/// The plan's verification as it stands, from what the plan says of it.
pub(crate) fn verification(state: &RunState, planned: Option<&VerificationView>) -> Option<VerificationView> {
    let planned = planned?.clone();
    let Some(found) = state.verification() else {
        let done = state.tasks.iter().all(|task| task.standing == Standing::Completed);
        let has_work = state.git().is_none() || state.result().is_some();
        let runs = done && has_work && state.ended.is_none();
        let word = if runs { VerificationState::Running } else { VerificationState::Waiting };
        return Some(VerificationView { state: word, ..planned });
    };
    let word = if found.passed() { VerificationState::Passed } else { VerificationState::Failed };
    Some(VerificationView {
        state: word,
        checks: found.checks.clone(),
        problem: found.problem.clone(),
        at: Some(found.at),
        ..planned
    })
}

/// What a merge task resolves.
pub(crate) fn conflict(state: &RunState, task: &TaskState) -> Option<ConflictView> {
    let merge = task.merge.as_ref()?;
    Some(ConflictView {
        waits: merge.waits.clone(),
        ours: merge.ours.clone(),
        theirs: merge.theirs.clone(),
        files: merge.files.clone(),
        by_person: state.opening.plan.git.conflicts == ConflictsGo::Person,
    })
}

/// The files of a task at work that others at work have touched, too.
pub(crate) fn overlaps(state: &RunState, task: &TaskState) -> Vec<OverlapView> {
    let Some(current) = task.current() else { return Vec::new() };
    let at_work = state.overlaps().filter(|(pair, _)| pair.iter().all(|one| state.current(one).is_some()));
    let mine = at_work
        .filter(|(pair, _)| pair.iter().any(|one| one.task == task.id && one.number == current.number));
    let views = mine.flat_map(|(pair, files)| {
        let others = pair.iter().filter(|one| one.task != task.id);
        others.map(|other| OverlapView { task: other.task.clone(), files: files.to_vec() })
    });
    views.collect()
}

/// An attempt's place on git.
pub(crate) fn tree(attempt: &Attempt) -> Option<TreeView> {
    let tree = attempt.tree()?;
    Some(TreeView {
        branch: tree.branch.clone(),
        base: tree.base.clone(),
        folder: tree.folder.clone(),
        commit: attempt.commit().map(str::to_owned),
    })
}
