//! What the desktop holds while it runs: the client, the open run, its log streams and the
//! person's settings. Everything that concerns the run itself is asked of its backend.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use miyabi_api::{
    AgentId, Answer, ApiError, Choice, ErrorCode, NewPullRequest, PullRequest, ReportFormat, Request,
    RunPhase, RunSnapshot, TerminalSize,
};
use miyabi_client::{Connection, Service};
use tauri::AppHandle;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::Channel;
use tauri_specta::Event as _;
use tokio::sync::watch;

use crate::events::{BackendState, InitialTarget, RunEvent};
use crate::launch::Launch;
use crate::log_frames::LogFrame;
use crate::logs::Logs;
use crate::terminals::{TerminalFrame, Terminals};
use crate::texts::Language;
use crate::watch::{Memory, RunSource, Subscription, Told, follow};
use crate::{notifications, tray, window};

/// The state behind all commands.
pub(crate) struct Shell {
    /// What is asked without a backend.
    pub(crate) service: Service,
    /// The logs that the window follows.
    pub(crate) logs: Logs,
    /// The agents' windows that are typed into.
    pub(crate) terminals: Terminals,
    app: AppHandle,
    asked: Mutex<Asked>,
    open: Mutex<Option<OpenRun>>,
    language: Mutex<Language>,
    notifications: AtomicBool,
}

/// What the program was started with, the last time that it was.
struct Asked {
    launch: Launch,
    /// Whether a page has been told.
    told: bool,
}

/// The run that the window shows.
struct OpenRun {
    state_dir: PathBuf,
    connection: watch::Sender<Option<Connection>>,
    memory: Arc<Mutex<Memory>>,
    following: JoinHandle<()>,
}

impl Drop for OpenRun {
    fn drop(&mut self) {
        self.following.abort();
    }
}

/// Reaches the backend of a state folder, and keeps the connection where others find it.
struct Live {
    service: Service,
    state_dir: PathBuf,
    connection: watch::Sender<Option<Connection>>,
}

impl RunSource for Live {
    async fn subscribe(&self) -> Result<Subscription, ApiError> {
        let connection = self.service.connect(&self.state_dir).await?;
        let subscription = connection.subscribe().await?;
        self.connection.send_replace(Some(connection));
        Ok(subscription)
    }
}

/// Nothing of ours panics with a lock held; a poisoned one is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shell {
    /// A shell with no run open.
    pub(crate) fn new(app: AppHandle, service: Service, launch: Launch) -> Self {
        Self {
            service,
            logs: Logs::default(),
            terminals: Terminals::default(),
            app,
            asked: Mutex::new(Asked { launch, told: false }),
            open: Mutex::new(None),
            language: Mutex::new(Language::default()),
            notifications: AtomicBool::new(true),
        }
    }

    /// What the program was started with, and whether that run is there. A rehearsal is asked for
    /// once: the page may be loaded again after its end.
    pub(crate) async fn initial_target(&self) -> InitialTarget {
        let launch = {
            let mut asked = lock(&self.asked);
            asked.told = true;
            let launch = asked.launch.clone();
            asked.launch.rehearse = None;
            launch
        };
        if let Some(state_dir) = self.run_at_work(&launch).await {
            return InitialTarget { state_dir: Some(state_dir), ..InitialTarget::default() };
        }
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        InitialTarget {
            plan: launch.plan.map(text),
            state_dir: launch.state_dir.map(text),
            rehearse: launch.rehearse,
        }
    }

    /// The program was started a second time and asks for something: the window begins anew. A page that is
    /// still on its way will ask by itself; loading it again before it has come leaves WebKit waiting for ever
    /// for a load that never begins, though the page is there.
    pub(crate) fn start_over(&self, launch: Launch) {
        if launch == Launch::default() {
            return;
        }
        let told = {
            let mut asked = lock(&self.asked);
            asked.launch = launch;
            asked.told
        };
        self.close();
        if !told {
            return;
        }
        if let Err(error) = window::reload(&self.app) {
            tracing::warn!(%error, "the window could not begin anew");
        }
    }

    /// The state folder of the run that a start means: of the folder it names, else of its plan,
    /// else the only one that is at work.
    async fn run_at_work(&self, launch: &Launch) -> Option<String> {
        if let Some(state_dir) = &launch.state_dir {
            let answers = self.service.connect(state_dir).await.is_ok();
            return answers.then(|| state_dir.to_string_lossy().into_owned());
        }
        if let Some(plan) = &launch.plan {
            let inspected = self.service.inspect_plan(plan, Choice::default(), launch.rehearse, None).await;
            let unfinished = inspected.ok().and_then(|plan| plan.unfinished);
            return unfinished.filter(|run| run.alive).map(|run| run.state_dir);
        }
        let runs = self.service.runs().await.unwrap_or_default();
        let mut alive = runs.into_iter().filter(|run| run.alive);
        let first = alive.next()?;
        alive.next().is_none().then_some(first.state_dir)
    }

    /// Opens the run of a state folder and follows it until another one is opened. The run that
    /// is open already keeps its log streams, and its notices are not told twice.
    pub(crate) async fn open(&self, state_dir: PathBuf) -> Result<RunSnapshot, ApiError> {
        let known = lock(&self.open)
            .as_ref()
            .filter(|open| open.state_dir == state_dir)
            .map(|open| (open.connection.clone(), Arc::clone(&open.memory)));
        let is_same = known.is_some();
        let (connection, known) = known.unzip();
        let connection = connection.unwrap_or_else(|| watch::channel(None).0);
        let service = self.service.clone();
        let source = Live { service, state_dir: state_dir.clone(), connection: connection.clone() };
        let (snapshot, events) = source.subscribe().await?;
        let memory = known.unwrap_or_else(|| Arc::new(Mutex::new(Memory::of(&snapshot))));
        notifications::tell(&self.app, &lock(&memory).catch_up(&snapshot));
        if !is_same {
            self.logs.drop_all();
            self.terminals.close_all();
        }
        let (app, told_by, remembered) = (self.app.clone(), connection.clone(), Arc::clone(&memory));
        let tell = move |told| pass_on(&app, &told_by, &remembered, told);
        let following = tauri::async_runtime::spawn(follow(source, events, tell));
        *lock(&self.open) = Some(OpenRun { state_dir, connection, memory, following });
        tray::refresh(&self.app);
        Ok(snapshot)
    }

    /// Closes the open run's view.
    pub(crate) fn close(&self) {
        self.logs.drop_all();
        self.terminals.close_all();
        *lock(&self.open) = None;
        tray::refresh(&self.app);
    }

    /// What is known of the open run.
    pub(crate) fn open_run(&self) -> Option<Memory> {
        lock(&self.open).as_ref().map(|open| lock(&open.memory).clone())
    }

    /// Asks the open run's backend for something that is answered by its being done.
    pub(crate) async fn done(&self, request: Request) -> Result<(), ApiError> {
        self.connection()?.request(request).await.map(|_| ())
    }

    /// The answer to a request.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, ApiError> {
        self.connection()?.request(request).await
    }

    /// Opens the result branch of the open run as a pull request.
    pub(crate) async fn open_pull_request(&self, request: NewPullRequest) -> Result<PullRequest, ApiError> {
        let run = self.ask(Request::GetRun).await?;
        let Answer::Snapshot(run) = run else { return Err(unexpected("a run")) };
        self.service.open_pull_request(&run, request).await
    }

    /// Ends every agent of the open run, and its backend. That some hosts could not be told is an error
    /// of its own: a person has to see to them.
    pub(crate) async fn stop_all(&self) -> Result<(), ApiError> {
        match self.connection()?.request(Request::StopAll).await? {
            Answer::StoppedExcept { hosts } => Err(ApiError::stopped_except(&hosts)),
            _ => Ok(()),
        }
    }

    /// The open run's report.
    pub(crate) async fn report(&self, format: ReportFormat) -> Result<String, ApiError> {
        match self.connection()?.request(Request::Report { format }).await? {
            Answer::Report(text) => Ok(text),
            _ => Err(unexpected("a report")),
        }
    }

    /// Pauses the open run, or resumes it when it is paused: the menus have one entry for both.
    pub(crate) async fn pause_or_resume(&self) -> Result<(), ApiError> {
        match self.open_run().map(|run| run.phase) {
            Some(RunPhase::Paused) => self.done(Request::Resume).await,
            _ => self.done(Request::Pause).await,
        }
    }

    /// Follows a log of the open run.
    pub(crate) async fn follow_log(
        &self,
        agent: Option<AgentId>,
        offset: f64,
        channel: Channel<LogFrame>,
    ) -> Result<u32, ApiError> {
        let connection = lock(&self.open).as_ref().map(|open| open.connection.subscribe());
        self.logs.follow(connection.ok_or_else(nothing_open)?, agent, offset, channel).await
    }

    /// Opens an agent's window of the open run.
    pub(crate) async fn open_terminal(
        &self,
        agent: AgentId,
        size: TerminalSize,
        channel: Channel<TerminalFrame>,
    ) -> Result<u32, ApiError> {
        let connection = self.connection()?;
        self.terminals.open(&connection, agent, size, channel).await
    }

    fn connection(&self) -> Result<Connection, ApiError> {
        let open = lock(&self.open);
        let connection = open.as_ref().ok_or_else(nothing_open)?.connection.borrow().clone();
        connection.ok_or_else(lost)
    }

    /// The language of menus, dialogs and notifications.
    pub(crate) fn language(&self) -> Language {
        *lock(&self.language)
    }

    /// Sets the language of menus, dialogs and notifications.
    pub(crate) fn set_language(&self, language: Language) {
        *lock(&self.language) = language;
        tray::refresh(&self.app);
    }

    /// Turns native notifications on or off.
    pub(crate) fn set_notifications(&self, enabled: bool) {
        self.notifications.store(enabled, Ordering::Relaxed);
    }

    /// Whether the person wants native notifications.
    pub(crate) fn notifies(&self) -> bool {
        self.notifications.load(Ordering::Relaxed)
    }
}

fn nothing_open() -> ApiError {
    ApiError::new(ErrorCode::NoRun, "no run is open in this window")
        .hint("open a run, or start one from a plan")
}

pub(crate) fn lost() -> ApiError {
    ApiError::new(
        ErrorCode::Disconnected,
        "the backend of this run does not answer; it is looked for every second",
    )
    .hint("miyabi run --resume   goes on with the run from its journal")
}

/// Passes on to window, tray and notifications what is told of the open run.
fn pass_on(
    app: &AppHandle,
    connection: &watch::Sender<Option<Connection>>,
    memory: &Mutex<Memory>,
    told: Told,
) {
    let (before, notices, after) = {
        let mut memory = lock(memory);
        let before = memory.phase;
        let notices = memory.take(&told);
        (before, notices, memory.phase)
    };
    let emitted = match told {
        Told::Event(event) => RunEvent(*event).emit(app),
        Told::Lost => {
            connection.send_replace(None);
            BackendState::Lost.emit(app)
        }
        Told::Back(_) => BackendState::Connected.emit(app),
    };
    if let Err(error) = emitted {
        tracing::warn!(%error, "the window could not be told");
    }
    notifications::tell(app, &notices);
    if before != after {
        tray::refresh(app);
    }
}

/// The backend of this run speaks otherwise than we do.
pub(crate) fn unexpected(wanted: &str) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("the backend answered something else than {wanted}"))
}
