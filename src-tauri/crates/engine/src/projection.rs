//! The state as `task_queue.json`, and what a foreign edit of that file asks for.

use miyabi_plan::{AgentId, TaskId};
use miyabi_protocol::queue::QUEUE_VERSION;
use miyabi_protocol::{QueueFile, QueueTask, TaskStatus, Timestamp};

use crate::state::{RunState, Standing, TaskState};

/// The word for a task in `task_queue.json`.
#[must_use]
pub fn status_word(state: &RunState, task: &TaskState) -> TaskStatus {
    match task.standing {
        Standing::Active | Standing::Review => TaskStatus::InProgress,
        Standing::Completed => TaskStatus::Completed,
        Standing::Failed | Standing::Cancelled => TaskStatus::Failed,
        Standing::Waiting if state.needs_met(task) => TaskStatus::Ready,
        Standing::Waiting | Standing::BackOff(_) => TaskStatus::Pending,
    }
}

/// The queue file of a state.
#[must_use]
pub fn queue_file(state: &RunState, now: Timestamp) -> QueueFile {
    QueueFile {
        version: QUEUE_VERSION.to_owned(),
        created_at: Some(state.opened_at),
        updated_at: Some(now),
        tasks: (0..state.tasks.len()).map(|task| entry(state, task)).collect(),
    }
}

/// A task in `task_queue.json`. What a run can change of it is compared in [`is_current`].
fn entry(state: &RunState, index: usize) -> QueueTask {
    let (task, planned) = (&state.tasks[index], &state.opening.plan.tasks[index]);
    QueueTask {
        task_id: task.id.to_string(),
        agent: task.agent.to_string(),
        description: match state.opening.rehearse {
            Some(_) => format!("[rehearsal] {}", planned.title),
            None => planned.title.clone(),
        },
        dependencies: task.needs.iter().map(|need| state.tasks[*need].id.to_string()).collect(),
        status: status_word(state, task),
        priority: planned.priority,
        estimated_time: planned.estimated_seconds,
        module: planned.module.clone(),
        started_at: task.started_at,
        completed_at: task.completed_at,
        error: task.error.clone(),
    }
}

/// Whether an entry still says what was decided.
fn is_current(entry: &QueueTask, state: &RunState, index: usize) -> bool {
    let task = &state.tasks[index];
    entry.status == status_word(state, task)
        && entry.agent == task.agent.as_str()
        && entry.started_at == task.started_at
        && entry.completed_at == task.completed_at
        && entry.error == task.error
}

/// Brings the entries of a queue file up to date, and returns those that changed.
pub(crate) fn refresh(entries: &mut [QueueTask], state: &RunState) -> Vec<QueueTask> {
    let mut changed = Vec::new();
    for (index, old) in entries.iter_mut().enumerate() {
        if !is_current(old, state, index) {
            *old = entry(state, index);
            changed.push(old.clone());
        }
    }
    changed
}

/// What a foreign edit asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueueEdit {
    /// FAILED was made PENDING: try it again.
    Retry(TaskId),
    /// The agent of a waiting task was changed.
    Reassign(TaskId, AgentId),
    /// Anything else; it is undone.
    Other(String),
}

/// What was changed in a queue file that is not ours any more.
pub(crate) fn edits(state: &RunState, edited: Option<&QueueFile>) -> Vec<QueueEdit> {
    let Some(edited) = edited else {
        return vec![QueueEdit::Other("task_queue.json was removed or is not readable".to_owned())];
    };
    let ours = queue_file(state, state.opened_at);
    let mut edits = Vec::new();
    for (own, task) in ours.tasks.iter().zip(&state.tasks) {
        match edited.tasks.iter().find(|other| other.task_id == own.task_id) {
            Some(other) => edits.extend(task_edits(task, own, other)),
            None => edits.push(QueueEdit::Other(format!("{} was removed", own.task_id))),
        }
    }
    for other in &edited.tasks {
        if !ours.tasks.iter().any(|own| own.task_id == other.task_id) {
            edits.push(QueueEdit::Other(format!("{} was added", shorten(&other.task_id))));
        }
    }
    edits
}

fn task_edits(task: &TaskState, own: &QueueTask, other: &QueueTask) -> Vec<QueueEdit> {
    let mut edits = Vec::new();
    let mut rest = other.clone();
    if own.status == TaskStatus::Failed && other.status == TaskStatus::Pending {
        edits.push(QueueEdit::Retry(task.id.clone()));
        // Whoever retries by hand also clears what the failure left behind.
        (rest.status, rest.error) = (own.status, own.error.clone());
        (rest.completed_at, rest.started_at) = (own.completed_at, own.started_at);
    }
    let waits = !matches!(task.standing, Standing::Active | Standing::Review | Standing::Completed);
    if waits
        && own.agent != other.agent
        && let Ok(agent) = AgentId::new(other.agent.as_str())
    {
        edits.push(QueueEdit::Reassign(task.id.clone(), agent));
        rest.agent.clone_from(&own.agent);
    }
    if rest != *own {
        edits.push(QueueEdit::Other(format!("{}: {}", own.task_id, difference(own, &rest))));
    }
    edits
}

fn difference(own: &QueueTask, other: &QueueTask) -> String {
    let (Ok(serde_json::Value::Object(own)), Ok(serde_json::Value::Object(other))) =
        (serde_json::to_value(own), serde_json::to_value(other))
    else {
        return "changed".to_owned();
    };
    let changed = own.iter().filter(|(key, value)| other.get(*key) != Some(value));
    let parts: Vec<String> = changed
        .map(|(key, value)| {
            let new = other.get(key).unwrap_or(&serde_json::Value::Null);
            format!("{key} {} became {}", shorten(&value.to_string()), shorten(&new.to_string()))
        })
        .collect();
    parts.join(", ")
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
