//! The person's repository before a run: whether the plan can work on it, and what is made of it.

use std::path::{Path, PathBuf};

use miyabi_api::{ApiError, ErrorCode};
use miyabi_git::{GitError, MERGES_SINCE, Repository, RepositoryState};
use miyabi_plan::{GitWhen, Plan};
use miyabi_protocol::RunGit;

use crate::doctor::install_line;
use crate::environment::Environment;
use crate::plan_files::{AGENTS_FILE, DAG_FILE, LAYOUT_FILE, PRICE_FILE, QUEUE_FILE, TEMPLATE_FILE};

/// How many files that are not committed are named.
const NAMED: usize = 10;
/// Where tools of ours may keep their own below a work folder.
const OURS: &str = ".miyabi";

/// Where a plan's work is done, and what of it is not the work.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    /// The work folder, absolute.
    pub(crate) work_folder: PathBuf,
    /// The plan's folder, absolute.
    pub(crate) plan_folder: PathBuf,
    /// The state folder, absolute.
    pub(crate) state_dir: PathBuf,
}

/// A repository that a run can begin on, before anything of it is changed.
#[derive(Debug)]
pub(crate) struct Found {
    /// None for a folder that becomes one.
    repository: Option<Repository>,
    /// Whether something is to be put aside first.
    stash: bool,
}

/// Whether a real run of this plan works on git in this work folder.
pub(crate) fn works_on_git(plan: &Plan, work_folder: &Path) -> bool {
    match plan.git.when {
        GitWhen::Never => false,
        GitWhen::Always => true,
        // Asked of the folder itself: git may be missing.
        GitWhen::Repository => work_folder.join(".git").exists(),
    }
}

/// What stands in the way of a real run on this repository, a line each; empty where nothing does.
pub(crate) fn obstacles(environment: &Environment, plan: &Plan, ground: &Ground) -> Vec<String> {
    match look(environment, plan, ground, false) {
        Ok(_) => Vec::new(),
        Err(error) => {
            let hints = error.hints.iter().map(|hint| format!("; {hint}"));
            vec![format!("{}{}", error.message, hints.collect::<String>())]
        }
    }
}

/// Looks at the repository of a real run and changes nothing. None where the run does not work on git.
pub(crate) fn look(
    environment: &Environment,
    plan: &Plan,
    ground: &Ground,
    stash: bool,
) -> Result<Option<Found>, ApiError> {
    let folder = &ground.work_folder;
    if !works_on_git(plan, folder) {
        return Ok(None);
    }
    new_enough(environment)?;
    if !Repository::is_top(folder) {
        return match plan.git.when {
            GitWhen::Always => Ok(Some(Found { repository: None, stash: false })),
            GitWhen::Repository | GitWhen::Never => Ok(None),
        };
    }
    let repository = Repository::open(folder).map_err(failed)?;
    let state = repository.state().map_err(failed)?;
    if state.head.is_none() {
        return match plan.git.when {
            GitWhen::Always => Ok(Some(Found { repository: None, stash: false })),
            GitWhen::Repository | GitWhen::Never => Err(without_commit(folder)),
        };
    }
    if let Some(what) = &state.in_the_midst_of {
        let message = format!("{} is in the midst of {what}", folder.display());
        return Err(ApiError::new(ErrorCode::Conflict, message)
            .hint(format!("end it first; git -C {} status   says how", folder.display())));
    }
    let (ours, theirs) = sorted(&state, ground);
    if !theirs.is_empty() && !stash {
        return Err(dirty(folder, &theirs));
    }
    if !theirs.is_empty() && !ours.is_empty() {
        return Err(would_take_the_plan(folder, &ours));
    }
    Ok(Some(Found { repository: Some(repository), stash: !theirs.is_empty() }))
}

impl Found {
    /// Makes what the run needs: a repository of a folder that is none, and what is not committed put aside.
    pub(crate) fn prepare(self, plan: &Plan, ground: &Ground) -> Result<RunGit, ApiError> {
        let repository = match self.repository {
            Some(repository) => repository,
            None => Repository::init(&ground.work_folder).map_err(failed)?,
        };
        let state = repository.state().map_err(failed)?;
        let base = state.head.ok_or_else(|| without_commit(&ground.work_folder))?;
        let message = format!("miyabi: before a run of {}", plan.name);
        let stashed = self.stash.then(|| repository.stash(&message)).transpose().map_err(failed)?;
        Ok(RunGit {
            repository: repository.path().display().to_string(),
            base,
            base_branch: state.branch,
            store: repository.store_name(),
            stashed,
        })
    }
}

/// What is said of a run that did not begin after something had been put aside for it.
pub(crate) fn put_aside(git: &RunGit) -> Option<String> {
    let stashed = git.stashed.as_ref()?;
    Some(format!("git -C {} stash apply {stashed}   gives back what was put aside", git.repository))
}

/// The version of git, when it is new enough for a run here.
pub(crate) fn new_enough(environment: &Environment) -> Result<(u32, u32), ApiError> {
    let (major, minor) = MERGES_SINCE;
    let install = || format!("{}   installs it", install_line(environment, "git"));
    let never = "\"git\": false in task_dag.json lets all agents share the work folder instead";
    let lacks = |message: String| ApiError::new(ErrorCode::Environment, message).hint(install()).hint(never);
    let found = miyabi_git::version()
        .map_err(|error| lacks(format!("this plan works on git {major}.{minor} or newer: {error}")))?;
    if found < MERGES_SINCE {
        let (old, older) = found;
        return Err(lacks(format!("git {old}.{older} is too old; this plan needs {major}.{minor} or newer")));
    }
    Ok(found)
}

fn failed(error: GitError) -> ApiError {
    ApiError::new(ErrorCode::Environment, error.message)
}

fn without_commit(folder: &Path) -> ApiError {
    let message = format!("the repository {} has no commit to begin from", folder.display());
    ApiError::new(ErrorCode::Conflict, message)
        .hint(format!("git -C {} commit   makes the first one", folder.display()))
        .hint("\"git\": true in task_dag.json lets the run make it, of everything in the folder")
}

fn dirty(folder: &Path, files: &[&str]) -> ApiError {
    let count = match files.len() {
        1 => "1 file is".to_owned(),
        many => format!("{many} files are"),
    };
    let message = format!("{count} not committed in {}: {}", folder.display(), named(files));
    ApiError::new(ErrorCode::Conflict, message).hint(
        "commit them, or start with --stash (in the window: its button), which puts them aside by git stash",
    )
}

fn would_take_the_plan(folder: &Path, ours: &[&str]) -> ApiError {
    let message = format!(
        "--stash would put the plan's own files aside, too, in {}: {}",
        folder.display(),
        named(ours)
    );
    ApiError::new(ErrorCode::Conflict, message).hint("commit these, or move the plan out of the work folder")
}

/// The first few names, and how many more there are.
fn named(files: &[&str]) -> String {
    let shown = files.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match files.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What is not committed: of the plan and of ours, and all the rest.
fn sorted<'a>(state: &'a RepositoryState, ground: &Ground) -> (Vec<&'a str>, Vec<&'a str>) {
    let top = &ground.work_folder;
    let folders = [below(&ground.plan_folder, top), below(&ground.state_dir, top), Some(Path::new(OURS))];
    let plan = [DAG_FILE, QUEUE_FILE, AGENTS_FILE, LAYOUT_FILE, TEMPLATE_FILE, PRICE_FILE];
    let at_top = ground.plan_folder == ground.work_folder;
    let is_ours = |file: &&str| {
        let path = Path::new(file);
        folders.iter().flatten().any(|folder| path.starts_with(folder)) || (at_top && plan.contains(file))
    };
    state.dirty.iter().map(String::as_str).partition(is_ours)
}

/// A folder's path below the top of a work tree.
fn below<'a>(folder: &'a Path, top: &Path) -> Option<&'a Path> {
    folder.strip_prefix(top).ok().filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests;
