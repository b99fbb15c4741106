//! A run's result as a pull request.

use std::path::PathBuf;

use miyabi_api::{
    ApiError, ErrorCode, NewPullRequest, PullRequest, RunSnapshot, TaskView, VerificationState,
    VerificationView,
};
use miyabi_forge::{ForgeError, Proposal};
use miyabi_plan::TaskPhase;

/// The remote where the plan names none.
const ORIGIN: &str = "origin";
/// How many tasks a summary lists.
const LISTED: usize = 100;

pub(crate) async fn open(run: &RunSnapshot, request: NewPullRequest) -> Result<PullRequest, ApiError> {
    let proposal = proposal(run, request)?;
    let opened = miyabi_forge::open(&proposal).await.map_err(told)?;
    Ok(PullRequest { number: opened.number, url: opened.url })
}

fn told(error: ForgeError) -> ApiError {
    let ForgeError { message, hints } = error;
    hints.into_iter().fold(ApiError::new(ErrorCode::Environment, message), ApiError::hint)
}

/// What is asked of the forge.
fn proposal(run: &RunSnapshot, request: NewPullRequest) -> Result<Proposal, ApiError> {
    let conflict = |message: &str| ApiError::new(ErrorCode::Conflict, message);
    let git = run.run.git.as_ref().ok_or_else(|| {
        conflict("this run does not work on git, so it has no branch")
            .hint("\"git\": true in task_dag.json lets the next one")
    })?;
    if git.result.is_none() {
        return Err(conflict("the work of this run is not merged yet")
            .hint("miyabi status   shows what is still to be done"));
    }
    let base = git.base_branch.clone().ok_or_else(|| {
        conflict("this run began on a detached head, so there is no branch to merge it into")
            .hint(format!("push {} and open the pull request on the forge", git.result_branch))
    })?;
    Ok(Proposal {
        repository: PathBuf::from(&git.repository),
        remote: git.remote.clone().unwrap_or_else(|| ORIGIN.to_owned()),
        api: git.api.clone(),
        branch: git.result_branch.clone(),
        base,
        title: if request.title.trim().is_empty() { run.run.title.clone() } else { request.title },
        body: if request.body.trim().is_empty() { summary(run) } else { request.body },
        draft: request.draft,
    })
}

/// What the run did, in Markdown.
fn summary(run: &RunSnapshot) -> String {
    let mark = run.run.label.iter().map(|label| format!("[{label}] ")).collect::<String>();
    let mut lines =
        vec![format!("{mark}{}: {} of {} tasks.", run.run.title, run.run.completed, run.run.total)];
    lines.extend(run.run.verification.as_ref().map(verified));
    lines.push(String::new());
    let done: Vec<&TaskView> = run.tasks.iter().filter(|task| task.phase == TaskPhase::Completed).collect();
    lines.extend(
        done.iter()
            .take(LISTED)
            .map(|task| format!("- {} {} ({})", task.id, one_line(&task.title), task.agent)),
    );
    if done.len() > LISTED {
        lines.push(format!("- and {} more", done.len() - LISTED));
    }
    lines.extend([String::new(), format!("Run {}.", run.run.run_id)]);
    lines.join("\n")
}

fn verified(verification: &VerificationView) -> String {
    let passed = verification.checks.iter().filter(|check| check.passed).count();
    let word = match verification.state {
        VerificationState::Passed => "holds",
        VerificationState::Failed => "does NOT hold",
        VerificationState::Waiting | VerificationState::Running => "is not done",
    };
    format!("The verification {word}: {passed} of {} checks passed.", verification.planned.len())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
