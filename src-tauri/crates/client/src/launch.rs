//! Starting a run: everything that is refused is refused before anything is made.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miyabi_api::{ApiError, DoctorLine, ErrorCode, Request, StartOptions, Started};
use miyabi_plan::{Plan, RunPhase, Severity};
use miyabi_protocol::atomic::{self, Durability, FileError};
use miyabi_protocol::opening::OPENING_FILE;
use miyabi_protocol::queue::QUEUE_VERSION;
use miyabi_protocol::{QueueFile, QueueTask, RunOpening, StateDir, TaskStatus, Timestamp};

use crate::clock;
use crate::doctor;
use crate::drafts;
use crate::environment::{Environment, is_program};
use crate::inspect::{Inspected, commands, obstacles, reaching};
use crate::places;
use crate::repository;
use crate::runs::{self, KeptRun};
use crate::session;
use crate::trust::TrustStore;
use crate::wait;

/// How long the backend of a run that has ended may take to make room for the next.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// A plan that is ready to be run.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// Where its files lie.
    pub state_dir: String,
    /// Its tmux session.
    pub session: String,
    /// What was checked.
    pub checks: Vec<DoctorLine>,
}

/// Starts a run, or goes on with one, and returns when its backend answers.
pub(crate) async fn start(environment: &Environment, options: &StartOptions) -> Result<Started, ApiError> {
    if options.resume {
        return resume(environment, options).await;
    }
    let (inspected, plan) = read_plan(options)?;
    agreed(environment, &inspected, &plan, options)?;
    let asked = options.state_dir.as_deref().map(Path::new);
    let state_dir = drafts::state_dir(environment, &inspected.files.folder, asked, options.rehearse)?;
    let ground = inspected.ground(&plan, &state_dir);
    let is_real = options.rehearse.is_none() && !options.external;
    let found = match is_real {
        true => repository::look(environment, &plan, &ground, options.stash)?,
        false => None,
    };
    let folder = StateDir::open(&state_dir).map_err(|error| places::refused(&error))?;
    free_of_others(environment, &state_dir, options).await?;
    programs_are_there(environment)?;
    let work_folder = work_folder(&inspected, &plan, options)?;
    let git = found.map(|found| found.prepare(&plan, &ground)).transpose()?;
    let put_aside = git.as_ref().and_then(repository::put_aside);
    let opening = RunOpening {
        run_id: String::new(),
        created_at: clock::now(),
        plan_dir: inspected.files.folder.display().to_string(),
        plan_hash: inspected.hash.clone(),
        checks_external: work_folder.is_dir(),
        work_folder: work_folder.display().to_string(),
        state_dir: state_dir.display().to_string(),
        session: folder.session(),
        choice: options.choice,
        rehearse: options.rehearse,
        external: options.external,
        on_hosts: on_hosts(options),
        git,
        plan,
    };
    let told = |error: ApiError| put_aside.iter().fold(error, ApiError::hint);
    let run = keep(environment, opening).map_err(told)?;
    let begun = begin(environment, &run.opening).await;
    if begun.is_err() && !run.has_begun() {
        // A run that never began must not stand in the way of the next try.
        let _ = fs::remove_dir_all(&run.folder);
    }
    begun.map_err(told)
}

/// Makes everything that a run needs, and starts nothing.
pub(crate) async fn set_up(environment: &Environment, options: &StartOptions) -> Result<SetUp, ApiError> {
    let (inspected, plan) = read_plan(options)?;
    let asked = options.state_dir.as_deref().map(Path::new);
    let state_dir = drafts::state_dir(environment, &inspected.files.folder, asked, options.rehearse)?;
    let folder = StateDir::open(&state_dir).map_err(|error| places::refused(&error))?;
    free_of_others(environment, &state_dir, options).await?;
    programs_are_there(environment)?;
    let queue = first_queue(&plan, options.rehearse, clock::now());
    atomic::write_json(&folder.queue(), &queue, Durability::Synced).map_err(|error| not_written(&error))?;
    // Until the run, window 0 waits for it in plain sight.
    let mut monitor = vec![environment.miyabi.display().to_string(), "monitor".to_owned()];
    monitor.extend(["--state-dir".to_owned(), state_dir.display().to_string()]);
    monitor.extend(places_of(environment));
    session::prepare(&folder.session(), &folder, &monitor).await?;
    Ok(SetUp {
        state_dir: state_dir.display().to_string(),
        session: folder.session(),
        checks: doctor::check_up(
            environment,
            &state_dir,
            repository::works_on_git(&plan, &inspected.work_folder(&plan)),
        ),
    })
}

fn read_plan(options: &StartOptions) -> Result<(Inspected, Plan), ApiError> {
    let path = options.plan.as_deref().ok_or_else(|| {
        ApiError::new(ErrorCode::BadInput, "no plan is named").hint("miyabi run PLAN, or miyabi run --resume")
    })?;
    sound_plan(Path::new(path))
}

/// The plan at a path, if it has no errors.
pub(crate) fn sound_plan(path: &Path) -> Result<(Inspected, Plan), ApiError> {
    let inspected = Inspected::read(path)?;
    match inspected.plan.clone() {
        Some(plan) => Ok((inspected, plan)),
        None => {
            let errors =
                inspected.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
            let message = format!("the plan {} has {errors} errors", path.display());
            let mut error = ApiError::new(ErrorCode::BadPlan, message);
            error.findings = inspected.findings;
            Err(error)
        }
    }
}

/// Whether the plan's own hosts are reached in this run.
fn on_hosts(options: &StartOptions) -> bool {
    options.on_hosts || (options.rehearse.is_none() && !options.external)
}

/// A real run starts programs, and hosts are reached by some: they must be there, and a person must
/// have agreed.
fn agreed(
    environment: &Environment,
    inspected: &Inspected,
    plan: &Plan,
    options: &StartOptions,
) -> Result<(), ApiError> {
    let obstacles = if on_hosts(options) { obstacles(environment, plan) } else { Vec::new() };
    if !obstacles.is_empty() {
        let mut error = ApiError::new(ErrorCode::Environment, "not every host of this plan can be reached");
        error.hints = obstacles;
        return Err(error.hint("--rehearse   plays the plan on this machine alone"));
    }
    let commands = match (options.rehearse.is_some(), on_hosts(options)) {
        (true, false) => Vec::new(),
        // Whoever agrees does so to all of the plan.
        (true, true) if reaching(plan).is_empty() => Vec::new(),
        (true, true) | (false, _) => commands(plan),
    };
    let store = TrustStore::of(&environment.state_home);
    // For agents that are loops of their own, only the checks are started by us.
    let starts_none = options.external
        && !options.on_hosts
        && plan.verification.is_empty()
        && plan.tasks.iter().all(|task| task.acceptance.is_empty());
    if commands.is_empty() || starts_none || store.trusts(&inspected.hash) {
        return Ok(());
    }
    if options.trust {
        make_private(&environment.state_home)?;
        return store
            .trust(&inspected.hash, &inspected.files.folder, clock::now())
            .map_err(|error| not_written(&error));
    }
    let folder = inspected.files.folder.display();
    let message = format!("the plan in {folder} starts commands that you have not agreed to yet");
    let mut error = ApiError::new(ErrorCode::NeedsTrust, message);
    error.hints = commands;
    Err(error)
}

/// The work folder, made where our agents will work in it. A rehearsal writes nothing that could
/// pass for work, and external agents may work anywhere: for them it is not made.
fn work_folder(inspected: &Inspected, plan: &Plan, options: &StartOptions) -> Result<PathBuf, ApiError> {
    let folder = inspected.work_folder(plan);
    if options.rehearse.is_none() && !options.external {
        fs::create_dir_all(&folder).map_err(|error| {
            let message = format!("cannot make the work folder {}: {error}", folder.display());
            ApiError::new(ErrorCode::Environment, message).hint("the plan names it as `work_folder`")
        })?;
    }
    Ok(folder)
}

/// Nobody may be at work in the state folder, and no run may wait there to be finished.
async fn free_of_others(
    environment: &Environment,
    state_dir: &Path,
    options: &StartOptions,
) -> Result<(), ApiError> {
    if let Some((connection, snapshot)) = runs::who_answers(environment, state_dir).await {
        if !snapshot.run.phase.has_ended() {
            return Err(wait::held(&snapshot.run.run_id, state_dir));
        }
        // A run that has ended keeps its backend for those who want to look; it makes room.
        match connection.request(Request::StopAll).await {
            Err(error) if error.code != ErrorCode::Disconnected => return Err(error),
            Ok(_) | Err(_) => {}
        }
        return tokio::time::timeout(STOP_DEADLINE, connection.closed()).await.map_err(|_| {
            let seconds = STOP_DEADLINE.as_secs();
            let message = format!("the backend of the ended run {} does not end", snapshot.run.run_id);
            ApiError::new(ErrorCode::Held, message)
                .hint(format!("waited {seconds} s; miyabi attach   shows it"))
        });
    }
    let kept = runs::kept(environment)?;
    match runs::unfinished_of(&kept, state_dir) {
        Some(run) if !options.new_run => Err(unfinished(run, state_dir)),
        _ => Ok(()),
    }
}

fn unfinished(run: &KeptRun, state_dir: &Path) -> ApiError {
    let line = run.to_summary(false);
    let message = format!(
        "an unfinished run is in {}: {}, {} of {} done",
        state_dir.display(),
        line.run_id,
        line.completed,
        line.total
    );
    ApiError::new(ErrorCode::Unfinished, message)
        .hint(format!("miyabi run --resume --state-dir {}   goes on with it", state_dir.display()))
        .hint("--new   leaves it behind and begins anew")
}

async fn resume(environment: &Environment, options: &StartOptions) -> Result<Started, ApiError> {
    let kept = runs::kept(environment)?;
    let asked = options.state_dir.as_deref().map(|dir| places::normal(Path::new(dir))).transpose()?;
    let run = runs::resumable(&kept, asked.as_deref())?;
    let state_dir = PathBuf::from(&run.opening.state_dir);
    if let Some((_, snapshot)) = runs::who_answers(environment, &state_dir).await {
        // Somebody was faster: there is nothing to start, and the caller can look at it.
        return if snapshot.run.run_id == run.opening.run_id {
            Ok(started(&run.opening))
        } else {
            Err(wait::held(&snapshot.run.run_id, &state_dir))
        };
    }
    if run.phase() == RunPhase::Completed {
        let message = format!("run {} is completed, there is nothing to go on with", run.opening.run_id);
        return Err(ApiError::new(ErrorCode::Conflict, message).hint("miyabi report   tells how it went"));
    }
    StateDir::open(&state_dir).map_err(|error| places::refused(&error))?;
    programs_are_there(environment)?;
    if let Some(git) = &run.opening.git {
        repository::new_enough(environment)?;
        if !Path::new(&git.repository).exists() {
            let message = format!("the repository {} of run {} is gone", git.repository, run.opening.run_id);
            return Err(ApiError::new(ErrorCode::Environment, message)
                .hint("put it back: all work of the run is in it"));
        }
    }
    begin(environment, &run.opening).await
}

fn started(opening: &RunOpening) -> Started {
    Started {
        run_id: opening.run_id.clone(),
        state_dir: opening.state_dir.clone(),
        session: opening.session.clone(),
    }
}

/// Makes the run's folder under a fresh id and writes the opening into it.
fn keep(environment: &Environment, mut opening: RunOpening) -> Result<KeptRun, ApiError> {
    make_private(&environment.runs())?;
    loop {
        opening.run_id = clock::new_run_id(opening.created_at);
        let folder = environment.run(&opening.run_id);
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => {
                let written = atomic::write_json(&folder.join(OPENING_FILE), &opening, Durability::Synced);
                if let Err(error) = written {
                    // Half a run is none.
                    let _ = fs::remove_dir_all(&folder);
                    return Err(not_written(&error));
                }
                return Ok(KeptRun { folder, opening, summary: None });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(not_made(&folder, &error)),
        }
    }
}

/// Starts the backend in window 0 and waits for it.
async fn begin(environment: &Environment, opening: &RunOpening) -> Result<Started, ApiError> {
    let state_dir = Path::new(&opening.state_dir);
    let argv = backend(environment, &opening.run_id);
    let window = session::open(&opening.session, &StateDir::unchecked(state_dir), &argv).await?;
    wait::until_it_answers(environment, state_dir, &opening.run_id, &window).await?;
    Ok(started(opening))
}

/// The backend's command.
fn backend(environment: &Environment, run_id: &str) -> Vec<String> {
    let mut argv = vec![environment.miyabi.display().to_string()];
    argv.extend(["orchestrate", "--run", run_id].map(str::to_owned));
    argv.extend(places_of(environment));
    argv
}

/// The tmux server may have been started with another environment, so the places are said to
/// what runs in its windows, not inherited.
fn places_of(environment: &Environment) -> [String; 4] {
    [
        "--state-home".to_owned(),
        environment.state_home.display().to_string(),
        "--runtime-dir".to_owned(),
        environment.runtime_dir.display().to_string(),
    ]
}

fn programs_are_there(environment: &Environment) -> Result<(), ApiError> {
    if environment.find("tmux").is_none() {
        return Err(ApiError::new(
            ErrorCode::Environment,
            "tmux is not installed; every agent is a window of it",
        )
        .hint(doctor::install_line(environment, "tmux")));
    }
    for program in [&environment.miyabi, &environment.miyabi_host] {
        if !is_program(program) {
            let message = format!("{} is missing; it belongs to this program", program.display());
            return Err(
                ApiError::new(ErrorCode::Environment, message).hint("miyabi doctor   tells how to get it")
            );
        }
    }
    Ok(())
}

pub(crate) fn make_private(folder: &Path) -> Result<(), ApiError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| not_made(folder, &error))
}

fn not_made(folder: &Path, error: &io::Error) -> ApiError {
    let message = format!("cannot make {}: {error}", folder.display());
    ApiError::new(ErrorCode::Environment, message)
        .hint("runs are kept there; XDG_STATE_HOME names another place")
}

pub(crate) fn not_written(error: &FileError) -> ApiError {
    ApiError::new(ErrorCode::Environment, error.to_string())
        .hint("is the disk full, or the folder read-only?")
}

/// The queue before anything has run.
fn first_queue(plan: &Plan, rehearse: Option<f64>, now: Timestamp) -> QueueFile {
    let mark = if rehearse.is_some() { "[rehearsal] " } else { "" };
    let tasks = plan.tasks.iter().map(|task| QueueTask {
        task_id: task.id.to_string(),
        agent: task.agent.to_string(),
        description: format!("{mark}{}", task.title),
        dependencies: task.needs.iter().map(ToString::to_string).collect(),
        status: if task.needs.is_empty() { TaskStatus::Ready } else { TaskStatus::Pending },
        priority: task.priority,
        estimated_time: task.estimated_seconds,
        module: task.module.clone(),
        started_at: None,
        completed_at: None,
        error: None,
    });
    QueueFile {
        version: QUEUE_VERSION.to_owned(),
        created_at: Some(now),
        updated_at: Some(now),
        tasks: tasks.collect(),
    }
}
