//! What can be asked without a backend, and how one is started.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use miyabi_api::{
    ApiError, DoctorLine, ErrorCode, GoalPlan, HostTest, HostWay, NewHost, NewPullRequest, PlanView,
    PromptPlan, PullRequest, RunSnapshot, RunSummary, StartOptions, Started, TestHost,
};
use miyabi_plan::{AgentId, Choice, HostId, Plan, Site};
use miyabi_protocol::StateDir;
use miyabi_protocol::state_dir::DEFAULT_STATE_DIR;

use crate::connection::Connection;
use crate::environment::Environment;
use crate::launch::SetUp;
use crate::plan_files::PlanFiles;
use crate::runs::KeptRun;
use crate::trust::TrustStore;
use crate::{
    agent_programs, clock, doctor, drafts, hosts, inspect, launch, places, pull_request, repository, runs,
    session,
};

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

    /// Opens a run's result branch as a pull request on the forge of the remote that its plan names.
    ///
    /// # Errors
    /// When there is no result yet, no token, or the forge refuses.
    pub async fn open_pull_request(
        &self,
        run: &RunSnapshot,
        request: NewPullRequest,
    ) -> Result<PullRequest, ApiError> {
        pull_request::open(run, request).await
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

    /// The same for a plan that is looked at before its start, or none. Its own programs are asked only
    /// where a person has trusted it: to look at a plan starts nothing of it.
    pub async fn doctor_before_start(
        &self,
        plan: Option<&Path>,
        state_dir: Option<&Path>,
    ) -> Vec<DoctorLine> {
        let trusts = |hash: &str| TrustStore::of(&self.environment.state_home).trusts(hash);
        let plan = plan.and_then(|plan| launch::sound_plan(plan).ok());
        self.check_up(plan.filter(|(inspected, _)| trusts(&inspected.hash)), state_dir).await
    }

    async fn check_up(
        &self,
        plan: Option<(inspect::Inspected, Plan)>,
        state_dir: Option<&Path>,
    ) -> Vec<DoctorLine> {
        let environment = self.environment.clone();
        let state_dir = places::state_dir_for(state_dir, None).unwrap_or_else(|_| DEFAULT_STATE_DIR.into());
        let plan = plan.map(Arc::new);
        let near = plan.clone();
        let looked = move || {
            let on_git = near.as_deref().is_some_and(|(inspected, plan)| {
                repository::works_on_git(plan, &inspected.work_folder(plan))
            });
            let mut lines = doctor::check_up(&environment, &state_dir, on_git);
            lines.extend(match near.as_deref() {
                Some((inspected, plan)) => {
                    agent_programs::of_plan(&environment, plan, &inspected.files.folder)
                }
                None => agent_programs::usual(&environment),
            });
            lines
        };
        // It starts programs to ask for their versions.
        let mut lines = tokio::task::spawn_blocking(looked).await.unwrap_or_default();
        if let Some((inspected, plan)) = plan.as_deref() {
            lines.extend(hosts::of_plan(&self.environment, inspected, plan).await);
        }
        lines
    }

    /// The names that the person's `~/.ssh/config` offers, in its order.
    pub async fn ssh_names(&self) -> Vec<String> {
        hosts::ssh_names().await
    }

    /// Tries a host out, line by line, on the way that a run takes. Where a person has to say something
    /// first, the question comes back: ask, and test again with the answer. Nothing secret is kept.
    ///
    /// # Errors
    /// When the plan cannot be read, or the host says not how it is reached.
    pub async fn test_host(&self, asked: TestHost) -> Result<HostTest, ApiError> {
        hosts::test(&self.environment, asked).await
    }

    /// Writes a host into a plan's `agent_config.json` and leaves the rest of it as it is; gives the
    /// file. The plan's commands have to be agreed to anew.
    ///
    /// # Errors
    /// When the plan has the host already, or would have errors with it.
    pub async fn add_host(&self, plan: &Path, host: &NewHost) -> Result<PathBuf, ApiError> {
        hosts::add(plan, host)
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

    /// Which helper serves a host in a run; this machine's where the run is not kept any more.
    #[must_use]
    pub fn site_of(&self, run_id: &str, host: &HostId) -> Site {
        runs::kept_run(&self.environment, run_id).map_or(Site::Here, |run| run.opening.site(host))
    }

    /// How a plan reaches a host; none where it does not name it.
    ///
    /// # Errors
    /// When the plan cannot be read or has errors.
    pub fn way_to(&self, plan: &Path, host: &HostId) -> Result<Option<HostWay>, ApiError> {
        let (_, plan) = launch::sound_plan(plan)?;
        Ok(plan.host(host).map(hosts::way_of))
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
