//! Opens agents' windows. Requests that come together are carried out together: fifteen windows
//! cost as many calls of tmux as one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use miyabi_plan::AgentId;
use miyabi_protocol::StateDir;
use miyabi_protocol::link::Hello;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::tmux::{self, Ended, TmuxError, Window, WindowPlan};

/// How long other requests are waited for.
const TOGETHER: Duration = Duration::from_millis(3);
/// How often tmux is asked how a program ended.
const LOOKS: u32 = 20;
/// After so many of them tmux has missed the end, and is made to look.
const LOOKS_BEFORE_WAKING: u32 = 4;

struct Request {
    plan: WindowPlan,
    done: oneshot::Sender<Result<(), String>>,
}

/// The way to the one task that changes windows.
#[derive(Clone)]
pub(crate) struct Windows {
    requests: mpsc::UnboundedSender<Request>,
    place: Arc<Session>,
}

/// What is said to tmux about our session.
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) state: String,
    stand_in: Vec<String>,
    options: Vec<(String, String)>,
    /// Windows are opened and removed in turn.
    turn: tokio::sync::Mutex<()>,
}

impl Windows {
    pub(crate) fn new(hello: &Hello, dir: &StateDir, program: &Path) -> Self {
        let (requests, received) = mpsc::unbounded_channel();
        let place = Arc::new(Session {
            name: hello.session.clone(),
            state: dir.short_name(),
            stand_in: show_log(program, tmux::ORCHESTRATOR, &dir.log(None), None),
            options: hello.window_options.clone(),
            turn: tokio::sync::Mutex::default(),
        });
        tokio::spawn(open_together(place.clone(), received));
        Self { requests, place }
    }

    /// Makes sure that a window is there and alive.
    pub(crate) async fn open(&self, plan: WindowPlan) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        let ended = || "the helper is ending".to_owned();
        self.requests.send(Request { plan, done }).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Makes sure that the session is there.
    pub(crate) async fn open_session(&self, windows: Vec<WindowPlan>) -> Result<(), String> {
        let place = self.place.clone();
        blocking(move || place.open(&windows)).await
    }

    /// How the program in an agent's window ended, for people.
    pub(crate) async fn how_it_ended(&self, agent: String) -> String {
        let mut how = String::new();
        for look in 0..LOOKS {
            let (place, agent) = (self.place.clone(), agent.clone());
            let find = move || {
                if look == LOOKS_BEFORE_WAKING {
                    tmux::wake_server().map_err(|error| error.to_string())?;
                }
                tmux::find_window(&place.name, &place.state, &agent).map_err(|error| error.to_string())
            };
            how = match blocking(find).await {
                Ok(Some(Window { ended: Some(Ended::As(how)), .. })) => return how,
                Ok(Some(Window { ended: Some(Ended::Somehow), .. })) => "it ended".to_owned(),
                Ok(Some(_)) => "it does not answer".to_owned(),
                Ok(None) => return "its tmux window was closed".to_owned(),
                Err(error) => return error,
            };
            // tmux sees the end of the output before the end of the program.
            clock::sleep(TOGETHER * 10).await;
        }
        how
    }

    /// What shows an agent's window, or the first one of ours, in a session of this name.
    pub(crate) async fn view(&self, agent: Option<AgentId>, view: String) -> Result<Vec<String>, String> {
        let place = self.place.clone();
        blocking(move || {
            let windows =
                tmux::list_windows(&place.name, &place.state).map_err(|error| error.to_string())?;
            let window = match &agent {
                Some(agent) => windows.iter().find(|window| window.agent == agent.as_str()),
                None => windows.iter().min_by_key(|window| window.index),
            };
            let Some(window) = window else {
                let whose = agent.map_or_else(|| "the run".to_owned(), |agent| agent.to_string());
                return Err(format!(
                    "{whose} has no window in the tmux session {} of this host: its window was closed, or it has not begun yet",
                    place.name
                ));
            };
            Ok(tmux::view_argv(&place.name, &view, &window.id))
        })
        .await
    }

    /// Removes a session that was made for [`Windows::view`].
    pub(crate) async fn remove_view(&self, view: String) {
        let removed = blocking(move || tmux::remove_view(&view).map_err(|error| error.to_string())).await;
        if let Err(error) = removed {
            tracing::warn!(error, "a view of the session may be left");
        }
    }

    /// Removes the windows of agents and the Monitor; the backend's own stays.
    pub(crate) async fn remove_all(&self) -> Result<(), String> {
        let place = self.place.clone();
        let turn = self.place.clone();
        let _turn = turn.turn.lock().await;
        let remove = move || {
            tmux::remove_windows(&place.name, &place.state, &[tmux::ORCHESTRATOR])
                .map_err(|error| error.to_string())
        };
        blocking(remove).await
    }
}

impl Session {
    fn open(&self, plans: &[WindowPlan]) -> Result<(), String> {
        tmux::open_windows(&self.name, &self.state, &self.stand_in, plans)
            .map_err(|error| error.to_string())?;
        match tmux::set_options(&self.name, &self.state, &self.options) {
            Ok(refused) => {
                for refused in refused {
                    tracing::warn!(refused, "a window option of tmux_layout.conf was left out");
                }
                Ok(())
            }
            // The windows are there; how they look is not worth failing for.
            Err(TmuxError::NoSession { .. }) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The program of a window that shows a log.
pub(crate) fn show_log(program: &Path, title: &str, log: &Path, status: Option<&Path>) -> Vec<String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    // Name and value in one word: a title may begin with a dash.
    let mut argv = vec![text(program), "show-log".to_owned(), format!("--title={title}")];
    argv.push(format!("--file={}", text(log)));
    argv.extend(status.map(|status| format!("--status={}", text(status))));
    argv
}

async fn open_together(place: Arc<Session>, mut requests: mpsc::UnboundedReceiver<Request>) {
    while let Some(first) = requests.recv().await {
        clock::sleep(TOGETHER).await;
        let mut together = vec![first];
        while let Ok(next) = requests.try_recv() {
            together.push(next);
        }
        let turn = place.clone();
        let _turn = turn.turn.lock().await;
        // Whoever asked was told to stop: the window is not wanted any more.
        together.retain(|request| !request.done.is_closed());
        if together.is_empty() {
            continue;
        }
        // Windows stand in the plan's order, in whatever order their requests came.
        together.sort_by_key(|request| request.plan.place.unwrap_or(u32::MAX));
        let plans: Vec<WindowPlan> = together.iter().map(|request| request.plan.clone()).collect();
        let place = place.clone();
        let result = blocking(move || place.open(&plans)).await;
        for request in together {
            // Whoever asked may have been told to stop meanwhile.
            let _left = request.done.send(result.clone());
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}
