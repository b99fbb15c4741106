//! The window's commands about the work itself: differences, reviews, the hand-over, the run's past, what is
//! left to clean up. Each is one line into the client or the shell.

use miyabi_api::{
    AgentId, Answer, ApiError, HandOver, KeptTrees, Moment, NewPullRequest, PullRequest, Request,
    ReviewComment, RunSnapshot, TaskDiff, TaskId,
};
use tauri::State;

use crate::shell::{Shell, unexpected};

/// What would move with a task to another agent; the person may edit its text.
#[tauri::command]
#[specta::specta]
pub(crate) async fn hand_over(
    shell: State<'_, Shell>,
    task: TaskId,
    agent: AgentId,
) -> Result<HandOver, ApiError> {
    match shell.ask(Request::HandOver { task, agent }).await? {
        Answer::HandOver(packet) => Ok(*packet),
        _ => Err(unexpected("a hand-over")),
    }
}

/// The differences that an attempt made: of all files, long ones left out, or of one file whole.
#[tauri::command]
#[specta::specta]
pub(crate) async fn task_diff(
    shell: State<'_, Shell>,
    task: TaskId,
    attempt: Option<u32>,
    file: Option<String>,
) -> Result<TaskDiff, ApiError> {
    match shell.ask(Request::Diff { task, attempt, file }).await? {
        Answer::Diff(diff) => Ok(*diff),
        _ => Err(unexpected("differences")),
    }
}

/// Accepts the work of a task that waits for that.
#[tauri::command]
#[specta::specta]
pub(crate) async fn accept(shell: State<'_, Shell>, task: TaskId) -> Result<(), ApiError> {
    shell.done(Request::Accept { task }).await
}

/// Sends the work of a task back: it is done again with these comments.
#[tauri::command]
#[specta::specta]
pub(crate) async fn send_back(
    shell: State<'_, Shell>,
    task: TaskId,
    comments: Vec<ReviewComment>,
) -> Result<(), ApiError> {
    shell.done(Request::SendBack { task, comments }).await
}

/// Ends a merge task with a commit of the person's own.
#[tauri::command]
#[specta::specta]
pub(crate) async fn take_commit(
    shell: State<'_, Shell>,
    task: TaskId,
    revision: String,
) -> Result<(), ApiError> {
    shell.done(Request::TakeCommit { task, revision }).await
}

/// Runs the plan's verification once more.
#[tauri::command]
#[specta::specta]
pub(crate) async fn verify_again(shell: State<'_, Shell>) -> Result<(), ApiError> {
    shell.done(Request::VerifyAgain).await
}

/// Every moment of the open run so far.
#[tauri::command]
#[specta::specta]
pub(crate) async fn history(shell: State<'_, Shell>) -> Result<Vec<Moment>, ApiError> {
    match shell.ask(Request::History).await? {
        Answer::History(moments) => Ok(moments),
        _ => Err(unexpected("moments")),
    }
}

/// The open run as it stood after a fact.
#[tauri::command]
#[specta::specta]
pub(crate) async fn snapshot_at(shell: State<'_, Shell>, seq: u32) -> Result<RunSnapshot, ApiError> {
    match shell.ask(Request::SnapshotAt { seq }).await? {
        Answer::Snapshot(snapshot) => Ok(*snapshot),
        _ => Err(unexpected("a run")),
    }
}

/// The work trees and branches that are left of this run and of earlier ones.
#[tauri::command]
#[specta::specta]
pub(crate) async fn kept_trees(shell: State<'_, Shell>) -> Result<KeptTrees, ApiError> {
    match shell.ask(Request::Trees).await? {
        Answer::Trees(trees) => Ok(trees),
        _ => Err(unexpected("work trees")),
    }
}

/// Removes those of these branches that hold nothing that is nowhere else; answers what is left.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_trees(
    shell: State<'_, Shell>,
    branches: Vec<String>,
) -> Result<KeptTrees, ApiError> {
    match shell.ask(Request::RemoveTrees { branches }).await? {
        Answer::Trees(trees) => Ok(trees),
        _ => Err(unexpected("work trees")),
    }
}

/// Opens the result branch of the open run as a pull request.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_pull_request(
    shell: State<'_, Shell>,
    request: NewPullRequest,
) -> Result<PullRequest, ApiError> {
    shell.open_pull_request(request).await
}
