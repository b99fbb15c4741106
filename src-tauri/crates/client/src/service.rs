//! What can be asked without a backend, and how one is started.

use std::path::{Path, PathBuf};

use miyabi_api::{
    ApiError, DoctorLine, ErrorCode, GoalPlan, PlanView, PromptPlan, RunSummary, StartOptions, Started,
};
use miyabi_plan::{AgentId, Choice, Plan};
use miyabi_protocol::StateDir;
use miyabi_protocol::state_dir::DEFAULT_STATE_DIR;

use crate::connection::Connection;
use crate::environment::Environment;
use crate::launch::SetUp;
use crate::plan_files::PlanFiles;
use crate::runs::KeptRun;
use crate::trust::TrustStore;
use crate::{agent_programs, clock, doctor, drafts, inspect, launch, places, runs, session};

/// The commands that a client carries out itself.
#[derive(Debug, Clone)]
pub struct Service {
    environment: Environment,
}

impl Service {
    /// A service over these places and programs.
    #[must_use]
    pub fn new(environment: Environment) -> Self {
        Self { environment }
    }

    /// The places and programs.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// A plan as a person should see it before its start. Findings are no error.
    ///
    /// # Errors
    /// [`ErrorCode::BadPlan`] when there is no plan at the path.
    pub async fn inspect_plan(
        &self,
        path: &Path,
        choice: Choice,
        rehearse: Option<f64>,
        state_dir: Option<&Path>,
    ) -> Result<PlanView, ApiError> {
        inspect::inspect(&self.environment, path, choice, rehearse, state_dir).await
    }

    /// Every command that a real run of the plan would start, a line each.
    ///
    /// # Errors
    /// As [`Service::inspect_plan`].
    pub fn commands_of(&self, path: &Path) -> Result<Vec<String>, ApiError> {
        let inspected = inspect::Inspected::read(path)?;
        Ok(inspected.plan.as_ref().map(inspect::commands).unwrap_or_default())
    }

    /// Remembers that a person agreed to the plan's commands, or wrote them.
    ///
    /// # Errors
    /// When the plan cannot be read or the store not be written.
    pub fn trust(&self, path: &Path) -> Result<(), ApiError> {
        let files = PlanFiles::read(path)?;
        let failed = |message: String| ApiError::new(ErrorCode::Environment, message);
        let home = &self.environment.state_home;
        std::fs::create_dir_all(home).map_err(|error| failed(format!("{}: {error}", home.display())))?;
        TrustStore::of(home)
            .trust(&files.hash(), &files.folder, clock::now())
            .map_err(|error| failed(error.to_string()))
    }

    /// Makes a plan of one task from a prompt, trusted already; gives its folder. Its
    /// run has a state folder of its own where none is asked for.
    ///
    /// # Errors
    /// When the prompt is empty, the work folder is none, or the agent program is not there.
    pub async fn prompt_plan(&self, wanted: &PromptPlan) -> Result<PathBuf, ApiError> {
        drafts::prompt_plan(&self.environment, wanted)
    }

    /// Makes a plan of one task, whose run drafts the plan for a goal in the folder `out`; gives its
    /// folder as [`Service::prompt_plan`] does.
    ///
    /// # Errors
    /// As [`Service::prompt_plan`], and when there is a plan in `out` already.
    pub async fn goal_plan(&self, wanted: &GoalPlan) -> Result<PathBuf, ApiError> {
        drafts::goal_plan(&self.environment, wanted)
    }

    /// Starts a run, or goes on with one; returns when its backend answers.
    ///
    /// # Errors
    /// Everything that can stand in the way, each with its code and remedy.
    pub async fn start(&self, options: StartOptions) -> Result<Started, ApiError> {
        launch::start(&self.environment, &options).await
    }

    /// Makes session, folders and queue, and checks everything; starts nothing.
    ///
    /// # Errors
    /// As [`Service::start`].
    pub async fn setup(&self, options: StartOptions) -> Result<SetUp, ApiError> {
        launch::set_up(&self.environment, &options).await
    }

    /// All runs, the newest first.
    ///
    /// # Errors
    /// When the folder of all runs cannot be listed.
    pub async fn runs(&self) -> Result<Vec<RunSummary>, ApiError> {
        runs::list(&self.environment).await
    }

    /// What is installed and what is missing; Claude Code and Codex are looked for, too, and neither
    /// has to be there.
    pub async fn doctor(&self) -> Vec<DoctorLine> {
        self.check_up(None, None).await
    }

    /// What is installed and what is missing for a run in this state folder, and whether the agent
    /// programs that a plan names can work; without a plan as [`Service::doctor`].
    ///
    /// # Errors
    /// When the plan cannot be read or has errors.
    pub async fn doctor_of(
        &self,
        plan: Option<&Path>,
        state_dir: Option<&Path>,
    ) -> Result<Vec<DoctorLine>, ApiError> {
        let plan = plan.map(launch::sound_plan).transpose()?;
        Ok(self.check_up(plan, state_dir).await)
    }

    async fn check_up(
        &self,
        plan: Option<(inspect::Inspected, Plan)>,
        state_dir: Option<&Path>,
    ) -> Vec<DoctorLine> {
        let environment = self.environment.clone();
        let state_dir = places::state_dir_for(state_dir, None).unwrap_or_else(|_| DEFAULT_STATE_DIR.into());
        let looked = move || {
            let mut lines = doctor::check_up(&environment, &state_dir);
            lines.extend(match &plan {
                Some((inspected, plan)) => {
                    agent_programs::of_plan(&environment, plan, &inspected.files.folder)
                }
                None => agent_programs::usual(&environment),
            });
            lines
        };
        // It starts programs to ask for their versions.
        tokio::task::spawn_blocking(looked).await.unwrap_or_default()
    }

    /// A connection to the backend of a state folder.
    ///
    /// # Errors
    /// [`ErrorCode::NoRun`] when nothing answers.
    pub async fn connect(&self, state_dir: &Path) -> Result<Connection, ApiError> {
        let state_dir = places::normal(state_dir)?;
        match Connection::open(&runs::socket_of(&self.environment, &state_dir)).await {
            Err(error) if error.code == ErrorCode::NoRun => Err(self.nobody_there(Some(&state_dir))),
            other => other,
        }
    }

    /// The state folder of the run that is meant: the one asked for, else the default one, else
    /// that of the one run at work.
    ///
    /// # Errors
    /// [`ErrorCode::NoRun`] when no run is at work, [`ErrorCode::BadInput`] when several are.
    pub async fn live_state_dir(&self, asked: Option<&Path>) -> Result<PathBuf, ApiError> {
        if let Some(asked) = asked {
            return places::normal(asked);
        }
        let default = PathBuf::from(DEFAULT_STATE_DIR);
        if runs::who_answers(&self.environment, &default).await.is_some() {
            return Ok(default);
        }
        let alive: Vec<RunSummary> = self.runs().await?.into_iter().filter(|run| run.alive).collect();
        match alive.as_slice() {
            [] => Err(self.nobody_there(None)),
            [run] => Ok(PathBuf::from(&run.state_dir)),
            several => {
                let error = ApiError::new(ErrorCode::BadInput, "several runs are at work; say which");
                Err(several.iter().fold(error, |error, run| {
                    error.hint(format!("--state-dir {}   {} {}", run.state_dir, run.run_id, run.title))
                }))
            }
        }
    }

    /// The newest run that ever began, of this state folder if one is named.
    ///
    /// # Errors
    /// When the folder of all runs cannot be listed.
    pub fn last_run(&self, asked: Option<&Path>) -> Result<Option<KeptRun>, ApiError> {
        let kept = runs::kept(&self.environment)?;
        Ok(match asked {
            Some(dir) => runs::newest_of(&kept, &places::normal(dir)?).cloned(),
            None => kept.into_iter().find(KeptRun::has_begun),
        })
    }

    /// The state folder of the run that is meant, also when its backend is gone.
    ///
    /// # Errors
    /// [`ErrorCode::NoRun`] when there never was a run.
    pub async fn state_dir_of_some_run(&self, asked: Option<&Path>) -> Result<PathBuf, ApiError> {
        match self.live_state_dir(asked).await {
            Err(error) if error.code == ErrorCode::NoRun => {
                self.last_run(asked)?.map(|run| PathBuf::from(run.opening.state_dir)).ok_or(error)
            }
            other => other,
        }
    }

    /// The command that shows a run in tmux: its session, or an agent's window.
    ///
    /// # Errors
    /// When the session or the window is not there.
    pub async fn attach_argv(
        &self,
        state_dir: &Path,
        agent: Option<&AgentId>,
    ) -> Result<Vec<String>, ApiError> {
        session::attach_argv(&StateDir::unchecked(&places::normal(state_dir)?), agent).await
    }

    fn nobody_there(&self, state_dir: Option<&Path>) -> ApiError {
        let message = match state_dir {
            Some(dir) => format!("no run is at work in the state folder {}", dir.display()),
            None => "no run is at work".to_owned(),
        };
        let error = ApiError::new(ErrorCode::NoRun, message);
        let kept = runs::kept(&self.environment).unwrap_or_default();
        let unfinished = match state_dir {
            Some(dir) => runs::unfinished_of(&kept, dir),
            None => kept.iter().find(|run| run.has_begun() && !run.phase().has_ended()),
        };
        match unfinished {
            Some(run) => {
                let dir = &run.opening.state_dir;
                error.hint(format!("miyabi run --resume --state-dir {dir}   goes on with the unfinished one"))
            }
            None => error.hint("miyabi run PLAN --rehearse   starts one").hint("miyabi runs   lists all"),
        }
    }
}
