//! The differences that an attempt made, read from the repository here beside the loop.

use std::path::PathBuf;

use miyabi_api::{Answer, ApiError, ErrorCode, FilePatch, TaskDiff};
use miyabi_engine::{Attempt, RunState};
use miyabi_git::{GitError, Repository};
use miyabi_plan::TaskId;
use miyabi_plan::git::attempt_branch;
use miyabi_protocol::CommittedWork;

use crate::runtime::{Backend, Input};
use crate::streams::ClientId;

/// How long a file's text may be where all files are shown.
const SHORT: usize = 200 * 1024;
/// How long it may be where one is asked for.
const LONG: usize = 8 * 1024 * 1024;
/// How many bytes all texts together may have.
const ALL: usize = 16 * 1024 * 1024;
/// How many files are shown.
const MOST_FILES: usize = 3000;

/// What is to be looked at.
struct Look {
    repository: PathBuf,
    task: TaskId,
    attempt: u32,
    work: CommittedWork,
    file: Option<String>,
}

impl Backend {
    pub(crate) fn diff(
        &self,
        client: ClientId,
        id: u32,
        task: &TaskId,
        attempt: Option<u32>,
        file: Option<String>,
    ) {
        let look = match look(self.engine.state(), task, attempt, file) {
            Ok(look) => look,
            Err(error) => return self.clients.answer(client, id, Err(error)),
        };
        let inputs = self.inputs.clone();
        tokio::task::spawn_blocking(move || {
            let found = differences(look).map(|diff| Answer::Diff(Box::new(diff)));
            // The loop may have ended.
            drop(inputs.send(Input::Found(client, id, found)));
        });
    }
}

fn refused(message: String) -> ApiError {
    ApiError::new(ErrorCode::BadInput, message)
}

fn look(state: &RunState, id: &TaskId, attempt: Option<u32>, file: Option<String>) -> Result<Look, ApiError> {
    let git = state.git().ok_or_else(|| {
        refused(
            "this run is not on git: all agents share the work folder, and nothing is compared".to_owned(),
        )
    })?;
    let task = state.task(id).ok_or_else(|| refused(format!("there is no task {id} in this run")))?;
    let found = match attempt {
        Some(number) => task.attempts.iter().find(|one| one.number == number),
        None => task.attempts.iter().rev().find(|one| one.commit().is_some()),
    };
    let own = found.and_then(|one| Some((one.number, work_of(state, id, one)?)));
    // A conflict that a person resolved was no attempt's.
    let taken = || {
        let base = state.base_of(id)?.to_owned();
        let commit = state.result_of(id)?.to_owned();
        Some((0, CommittedWork { base, commit, ..CommittedWork::default() }))
    };
    let (attempt, work) = own.or_else(|| taken().filter(|_| attempt.is_none())).ok_or_else(|| {
        let which = attempt.map_or_else(|| id.to_string(), |number| format!("{id}.{number}"));
        ApiError::new(ErrorCode::Conflict, format!("no work of {which} is on this machine yet"))
            .hint("what an attempt leaves comes here when it ends")
    })?;
    Ok(Look { repository: PathBuf::from(&git.repository), task: id.clone(), attempt, work, file })
}

fn work_of(state: &RunState, task: &TaskId, attempt: &Attempt) -> Option<CommittedWork> {
    let base = attempt.tree().map(|tree| tree.base.as_str()).or_else(|| state.base_of(task))?;
    Some(CommittedWork {
        branch: attempt_branch(&state.opening.run_id, task, attempt.number),
        base: base.to_owned(),
        commit: attempt.commit()?.to_owned(),
        ..CommittedWork::default()
    })
}

fn differences(look: Look) -> Result<TaskDiff, ApiError> {
    let Look { repository, task, attempt, mut work, file } = look;
    let failed = |error: GitError| ApiError::new(ErrorCode::Environment, error.message);
    let repository = Repository::open(&repository).map_err(failed)?;
    let mut files = repository.changes(&work.base, &work.commit).map_err(failed)?;
    if let Some(name) = &file {
        files.retain(|file| &file.path == name);
        if files.is_empty() {
            return Err(refused(format!("{task}.{attempt} did not change {name}")));
        }
    }
    files.truncate(MOST_FILES);
    let most = if file.is_some() { LONG } else { SHORT };
    let texts = repository.patches(&work, &files, most).map_err(failed)?;
    let mut left = ALL;
    let patches = files.iter().zip(texts).map(|(file, text)| {
        let text = text.and_then(|text| if text.len() <= left { Ok(text) } else { Err(text.len()) });
        let (text, left_out) = match text {
            Ok(text) => (text, None),
            Err(length) => (String::new(), Some(u32::try_from(length).unwrap_or(u32::MAX))),
        };
        left -= text.len();
        FilePatch { path: file.path.clone(), kind: file.kind, text, left_out_bytes: left_out }
    });
    let patches = patches.collect();
    work.files = files;
    Ok(TaskDiff { task, attempt, work, patches })
}
