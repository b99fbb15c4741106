//! The tmux session of a run, as far as a client touches it: the backend's window is made here,
//! the rest is the helper's.

use std::path::Path;

use miyabi_api::{ApiError, ErrorCode};
use miyabi_host::tmux::{self, Ended, ORCHESTRATOR, Role, TmuxError, WindowPlan};
use miyabi_plan::AgentId;
use miyabi_protocol::StateDir;

use crate::programs::printed;

/// The backend's window of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    session: String,
    state: String,
    id: String,
}

/// Makes sure that the session is there and that this program runs in the backend's window.
pub(crate) async fn open(session: &str, state_dir: &StateDir, argv: &[String]) -> Result<Window, ApiError> {
    let (session, state, argv) = (session.to_owned(), state_dir.short_name(), argv.to_vec());
    in_background(move || {
        let id = tmux::ensure_session(&session, &state, &argv)?;
        Ok(Window { session, state, id })
    })
    .await
}

/// Makes sure that the session is there, with this program as a stand-in in the backend's window:
/// the first run takes its place.
pub(crate) async fn prepare(session: &str, state_dir: &StateDir, argv: &[String]) -> Result<(), ApiError> {
    let (session, state) = (session.to_owned(), state_dir.short_name());
    let window = WindowPlan {
        agent: ORCHESTRATOR.to_owned(),
        name: ORCHESTRATOR.to_owned(),
        place: Some(0),
        argv: argv.to_vec(),
        role: Role::Log,
    };
    in_background(move || tmux::open_windows(&session, &state, &window.argv, std::slice::from_ref(&window)))
        .await
}

/// The command that shows a run in tmux: its session, or an agent's window.
pub(crate) async fn attach_argv(
    state_dir: &StateDir,
    agent: Option<&AgentId>,
) -> Result<Vec<String>, ApiError> {
    let (session, state) = (state_dir.session(), state_dir.short_name());
    let Some(agent) = agent.cloned() else {
        let wanted = session.clone();
        let there = in_background(move || tmux::list_windows(&wanted, &state)).await?;
        if there.is_empty() {
            let message = format!("the tmux session {session} of this run is not there");
            return Err(ApiError::new(ErrorCode::NoRun, message).hint("miyabi run --resume   makes it again"));
        }
        return Ok(tmux::attach_argv(&session, None));
    };
    let wanted = session.clone();
    let windows = in_background(move || tmux::list_windows(&wanted, &state)).await?;
    let same = |mark: &str| mark.eq_ignore_ascii_case(agent.as_str());
    match windows.iter().find(|window| same(&window.agent)) {
        Some(window) => Ok(tmux::attach_argv(&session, Some(&window.id))),
        None => {
            let names: Vec<&str> = windows.iter().map(|window| window.agent.as_str()).collect();
            let error =
                ApiError::new(ErrorCode::BadInput, format!("{agent} has no window in session {session}"));
            Err(error.hint(format!("there are windows of {}", names.join(", "))))
        }
    }
}

impl Window {
    /// How the program in the window ended; none while it runs, or while nobody knows.
    pub(crate) async fn died(&self) -> Option<String> {
        let Self { session, state, id } = self.clone();
        let windows = in_background(move || tmux::list_windows(&session, &state)).await.ok()?;
        match windows.into_iter().find(|window| window.id == id).map(|window| window.ended) {
            None => Some("its window is gone".to_owned()),
            Some(None) => None,
            Some(Some(Ended::As(how))) => Some(how),
            Some(Some(Ended::Somehow)) => Some("tmux does not say how".to_owned()),
        }
    }

    /// What the window shows.
    pub(crate) async fn text(&self) -> String {
        let capture = ["capture-pane", "-p", "-J", "-t", &self.id].map(str::to_owned);
        let shown = tokio::task::spawn_blocking(move || printed(Path::new("tmux"), &capture)).await;
        shown.ok().flatten().unwrap_or_default()
    }
}

/// tmux answers within milliseconds, but a broken server may take its time.
async fn in_background<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, TmuxError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(call).await;
    let done = done.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    done.map_err(|error| ApiError::new(ErrorCode::Environment, error.to_string()))
}
