//! Tasks and their attempts as clients see them.

use miyabi_api::{AttemptView, TaskView};
use miyabi_engine::projection::status_word;
use miyabi_engine::{Attempt, AttemptPhase, Claim, Engine, RunState, Standing, TaskState};
use miyabi_plan::TaskPhase;

use crate::host_views::is_unverified;
use crate::work_views;

/// A task as it is, from what the plan says of it.
pub(crate) fn task_view(plan: &TaskView, engine: &Engine, index: usize) -> TaskView {
    let state = engine.state();
    let task = &state.tasks[index];
    TaskView {
        agent: task.agent.clone(),
        status: status_word(state, task),
        phase: phase(state, task),
        progress: task_progress(engine, task),
        waiting: engine.waiting(index),
        started_at: task.started_at,
        completed_at: task.completed_at,
        error: task.error.clone(),
        usage: state.usage_of_task(&task.id).into(),
        stood_in: state.stood_in(&task.id),
        attempts: task.attempts.iter().map(attempt_view).collect(),
        conflict: work_views::conflict(state, task),
        overlaps: work_views::overlaps(state, task),
        ..plan.clone()
    }
}

fn task_progress(engine: &Engine, task: &TaskState) -> f64 {
    match (task.standing, task.current()) {
        (Standing::Completed | Standing::Review, _) => 1.0,
        (_, Some(current)) if current.phase == AttemptPhase::Claimed => 1.0,
        (_, Some(current)) => engine.seen(&current.agent).map_or(0.0, |seen| seen.progress),
        _ => 0.0,
    }
}

fn phase(state: &RunState, task: &TaskState) -> TaskPhase {
    match task.standing {
        Standing::Waiting if state.needs_met(task) => TaskPhase::Ready,
        Standing::Waiting => TaskPhase::Pending,
        Standing::BackOff(_) => TaskPhase::BackOff,
        Standing::Review => TaskPhase::Review,
        Standing::Completed => TaskPhase::Completed,
        Standing::Failed => TaskPhase::Failed,
        Standing::Cancelled => TaskPhase::Cancelled,
        Standing::Active if is_unverified(state, task) => TaskPhase::Unverified,
        Standing::Active if task.current().is_some_and(|attempt| state.is_preparing(attempt)) => {
            TaskPhase::Preparing
        }
        Standing::Active => match task.current().map(|attempt| attempt.phase) {
            Some(AttemptPhase::Offered) => TaskPhase::Offered,
            Some(AttemptPhase::Claimed) => TaskPhase::Checking,
            _ => TaskPhase::Running,
        },
    }
}

fn attempt_view(attempt: &Attempt) -> AttemptView {
    AttemptView {
        number: attempt.number,
        agent: attempt.agent.clone(),
        host: attempt.host.clone(),
        assigned_at: attempt.assigned_at,
        started_at: attempt.started_at,
        ended_at: attempt.ended_at,
        cause: attempt.cause,
        error: attempt.error.clone(),
        output_files: match &attempt.claim {
            Some(Claim::Completed { output_files, .. }) => output_files.clone(),
            _ => Vec::new(),
        },
        evidence: attempt.evidence.clone(),
        session: attempt.session.clone(),
        model: attempt.model.clone(),
        usage: attempt.usage.into(),
        tree: work_views::tree(attempt),
        comments: attempt.comments.clone(),
    }
}
