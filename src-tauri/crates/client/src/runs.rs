//! The runs in the state home: what they are, which is unfinished, which is at work.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miyabi_api::{ApiError, ErrorCode, RunSnapshot, RunSummary};
use miyabi_plan::RunPhase;
use miyabi_protocol::atomic;
use miyabi_protocol::opening::{JOURNAL_FILE, OPENING_FILE, SUMMARY_FILE, backend_socket};
use miyabi_protocol::state_dir::DEFAULT_STATE_DIR;
use miyabi_protocol::{RunOpening, StateDir, SummaryFile};

use crate::connection::Connection;
use crate::environment::Environment;

/// How long a backend may take to say which run it has.
const ANSWER_DEADLINE: Duration = Duration::from_secs(3);

/// A run as its folder in the state home tells it.
#[derive(Debug, Clone)]
pub struct KeptRun {
    /// Its folder.
    pub folder: PathBuf,
    /// What was decided at its start.
    pub opening: RunOpening,
    /// Where it stood last; none when its backend wrote nothing yet.
    pub summary: Option<SummaryFile>,
}

impl KeptRun {
    /// Where it stood when it was last journaled.
    #[must_use]
    pub fn phase(&self) -> RunPhase {
        self.summary.as_ref().map_or(RunPhase::Planned, |summary| summary.phase)
    }

    /// Whether its backend ever began: without a journal there is nothing to go on with.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.folder.join(JOURNAL_FILE).metadata().is_ok_and(|journal| journal.len() > 0)
    }

    /// As a line of the list of runs.
    #[must_use]
    pub fn to_summary(&self, alive: bool) -> RunSummary {
        let total = u32::try_from(self.opening.plan.tasks.len()).unwrap_or(u32::MAX);
        RunSummary {
            run_id: self.opening.run_id.clone(),
            title: self.opening.plan.title.clone(),
            state_dir: self.opening.state_dir.clone(),
            created_at: self.opening.created_at,
            phase: self.phase(),
            completed: self.summary.as_ref().map_or(0, |summary| summary.completed),
            total: self.summary.as_ref().map_or(total, |summary| summary.total),
            label: self.opening.plan.label.clone(),
            rehearsal_speed: self.opening.rehearse,
            alive,
        }
    }
}

/// All runs, the newest first. A folder that cannot be read is left out: one broken run must not
/// hide the others.
///
/// # Errors
/// When the folder of all runs is there and cannot be listed.
pub fn kept(environment: &Environment) -> Result<Vec<KeptRun>, ApiError> {
    let folder = environment.runs();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let message = format!("cannot list the runs in {}: {error}", folder.display());
            return Err(ApiError::new(ErrorCode::Environment, message));
        }
    };
    let mut runs: Vec<KeptRun> = entries.flatten().filter_map(|entry| read_run(entry.path())).collect();
    runs.sort_by(|a, b| {
        let key = |run: &KeptRun| (run.opening.created_at, run.opening.run_id.clone());
        key(b).cmp(&key(a))
    });
    Ok(runs)
}

/// The run of this id.
///
/// # Errors
/// When there is no such run, or its opening cannot be read.
pub fn kept_run(environment: &Environment, run_id: &str) -> Result<KeptRun, ApiError> {
    let folder = environment.run(run_id);
    let opening = atomic::read_json(&folder.join(OPENING_FILE)).map_err(|error| {
        ApiError::new(ErrorCode::NoRun, error.to_string()).hint("miyabi runs   lists all")
    })?;
    let summary = atomic::read_json(&folder.join(SUMMARY_FILE)).ok();
    Ok(KeptRun { folder, opening, summary })
}

fn read_run(folder: PathBuf) -> Option<KeptRun> {
    let opening = atomic::read_json(&folder.join(OPENING_FILE))
        .inspect_err(|error| tracing::warn!(%error, "a run is left out of the list"))
        .ok()?;
    let summary = atomic::read_json(&folder.join(SUMMARY_FILE)).ok();
    Some(KeptRun { folder, opening, summary })
}

/// The newest run of a state folder that ever began. What came before it was left behind.
#[must_use]
pub fn newest_of<'a>(runs: &'a [KeptRun], state_dir: &Path) -> Option<&'a KeptRun> {
    runs.iter().find(|run| Path::new(&run.opening.state_dir) == state_dir && run.has_begun())
}

/// The run that a state folder waits to have finished.
#[must_use]
pub fn unfinished_of<'a>(runs: &'a [KeptRun], state_dir: &Path) -> Option<&'a KeptRun> {
    newest_of(runs, state_dir).filter(|run| !run.phase().has_ended())
}

/// The run that `--resume` means: the newest of the state folder asked for; else that of the
/// default folder if it waits to be finished; else the only one that does.
///
/// # Errors
/// When there is none, or more than one.
pub fn resumable<'a>(kept: &'a [KeptRun], asked: Option<&Path>) -> Result<&'a KeptRun, ApiError> {
    if let Some(dir) = asked {
        return newest_of(kept, dir).ok_or_else(|| {
            let message = format!("no run was ever begun in the state folder {}", dir.display());
            ApiError::new(ErrorCode::NoRun, message).hint("miyabi runs   lists all")
        });
    }
    if let Some(run) = unfinished_of(kept, Path::new(DEFAULT_STATE_DIR)) {
        return Ok(run);
    }
    let waits = |run: &&KeptRun| {
        unfinished_of(kept, Path::new(&run.opening.state_dir))
            .is_some_and(|newest| newest.opening.run_id == run.opening.run_id)
    };
    match kept.iter().filter(waits).collect::<Vec<_>>().as_slice() {
        [] => {
            Err(ApiError::new(ErrorCode::NoRun, "no run waits to be finished")
                .hint("miyabi runs   lists all"))
        }
        [run] => Ok(run),
        several => {
            let error = ApiError::new(ErrorCode::BadInput, "several runs wait to be finished; say which");
            Err(several.iter().fold(error, |error, run| {
                let (dir, id) = (&run.opening.state_dir, &run.opening.run_id);
                error.hint(format!("--state-dir {dir}   {id} {}", run.opening.plan.title))
            }))
        }
    }
}

/// The backend's socket of a state folder.
#[must_use]
pub fn socket_of(environment: &Environment, state_dir: &Path) -> PathBuf {
    backend_socket(&environment.runtime_dir, &StateDir::unchecked(state_dir).short_name())
}

/// Who answers at a state folder's socket, and with which run; none when nobody does.
pub async fn who_answers(environment: &Environment, state_dir: &Path) -> Option<(Connection, RunSnapshot)> {
    let connection = Connection::open(&socket_of(environment, state_dir)).await.ok()?;
    let snapshot = tokio::time::timeout(ANSWER_DEADLINE, connection.snapshot()).await.ok()?.ok()?;
    Some((connection, snapshot))
}

/// All runs as lines of a list, the newest first, each with whether its backend is at work.
///
/// # Errors
/// As [`kept`].
pub async fn list(environment: &Environment) -> Result<Vec<RunSummary>, ApiError> {
    let runs = kept(environment)?;
    let mut answers: BTreeMap<String, Option<RunSnapshot>> = BTreeMap::new();
    for run in &runs {
        let state_dir = &run.opening.state_dir;
        if !answers.contains_key(state_dir) {
            let answer = who_answers(environment, Path::new(state_dir)).await;
            answers.insert(state_dir.clone(), answer.map(|(_, snapshot)| snapshot));
        }
    }
    let line = |run: &KeptRun| {
        let answer = answers.get(&run.opening.state_dir).and_then(Option::as_ref);
        let live = answer.filter(|snapshot| snapshot.run.run_id == run.opening.run_id);
        let mut summary = run.to_summary(live.is_some());
        if let Some(snapshot) = live {
            summary.phase = snapshot.run.phase;
            summary.completed = snapshot.run.completed;
            summary.total = snapshot.run.total;
        }
        summary
    };
    Ok(runs.iter().map(line).collect())
}
