//! `miyabi plan`: an agent drafts a plan for a goal; what comes out is checked, drawn and forecast.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use miyabi_api::{ApiError, ErrorCode, GoalPlan, PlanView, Request, RunSnapshot, StartOptions};
use miyabi_client::Service;
use miyabi_client::places::normal;
use miyabi_plan::Choice;

use tokio::time::timeout;

use super::run::{self, Front};
use super::validate;
use crate::args::{Draft, Output};
use crate::exit::Exit;
use crate::{terminal, text};

/// How long a backend is waited for that has nothing more to do.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of a title is shown beside the graph.
const TITLE_WIDTH: usize = 48;

/// Has a plan drafted, and shows it.
pub(crate) async fn plan(args: &Draft) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let (repo, out) = (normal(&args.repo)?, normal(&args.out)?);
    let wanted = GoalPlan {
        goal: args.goal.clone(),
        repo: Some(repo.display().to_string()),
        out: out.display().to_string(),
        agent: args.agent.into(),
    };
    let draft = service.goal_plan(&wanted).await?;
    println!("The plan for {} is drafted in {}", repo.display(), out.display());
    let state_dir = args.target.state_dir.as_deref().map(normal).transpose()?;
    let options = StartOptions {
        plan: Some(draft.display().to_string()),
        state_dir: state_dir.map(|dir| dir.display().to_string()),
        ..StartOptions::default()
    };
    let started = run::start(&service, options).await?;
    let run_dir = started.state_dir.clone();
    let ended = run::follow(service.clone(), started, Front::choose(Output { json: false })).await?;
    match ended {
        Exit::Done => make_room(&service, Path::new(&run_dir)).await,
        Exit::Interrupted => return Ok(ended),
        _ => println!("  → miyabi inbox --state-dir {run_dir}   tells what stands in the way"),
    }
    let shown = show(&service, &out, &args.out).await;
    if ended == Exit::Done { shown } else { shown.and(Ok(ended)) }
}

/// The backend of a draft that came out well has nothing more to tell.
async fn make_room(service: &Service, state_dir: &Path) {
    if let Ok(connection) = service.connect(state_dir).await {
        // It may be gone before it answers; and one that does not end is in nobody's way.
        let _ = connection.request(Request::StopAll).await;
        let _ = timeout(PATIENCE, connection.closed()).await;
    }
}

/// Shows the plan that was drafted, as far as it came.
async fn show(service: &Service, folder: &Path, named: &Path) -> Result<Exit, ApiError> {
    let mut view = match service.inspect_plan(folder, Choice::default(), None, None).await {
        Err(error) if error.code == ErrorCode::BadPlan => {
            let message = format!("no plan was written into {}", folder.display());
            return Err(ApiError::new(ErrorCode::BadPlan, message).hint(error.message));
        }
        other => other?,
    };
    view.path = named.display().to_string();
    terminal::print(&format!("\n{}", render(&view)));
    Ok(if validate::has_errors(&view) { Exit::BadInput } else { Exit::Done })
}

/// Findings, graph, forecast and the next step.
fn render(view: &PlanView) -> String {
    let mut out = validate::render(view);
    let Some(preview) = &view.preview else { return out };
    out.push_str(&graph(preview));
    let _ = writeln!(out, "\nNothing of it was run. Look through it, change what you like, then:");
    let _ = writeln!(out, "  → miyabi run {} --rehearse   plays it", view.path);
    let _ = writeln!(out, "  → miyabi run {}              runs it", view.path);
    out
}

/// The tasks by their levels, each with what it waits for.
fn graph(preview: &RunSnapshot) -> String {
    let critical = &preview.run.forecast.critical_path;
    let mut tasks: Vec<_> = preview.tasks.iter().collect();
    tasks.sort_by_key(|task| task.level);
    let titles: Vec<String> = tasks.iter().map(|task| text::short(&task.title, TITLE_WIDTH)).collect();
    let ids = widest(tasks.iter().map(|task| task.id.as_str()));
    let agents = widest(tasks.iter().map(|task| task.agent.as_str()));
    let width = widest(titles.iter().map(String::as_str));
    let mut out = "\nGRAPH (* lies on the longest path)\n".to_owned();
    let mut last = None;
    for (task, title) in tasks.iter().zip(&titles) {
        let level = if last == Some(task.level) { String::new() } else { (task.level + 1).to_string() };
        last = Some(task.level);
        let mark = if critical.contains(&task.id) { "*" } else { " " };
        let (id, agent) = (task.id.as_str(), task.agent.as_str());
        let line = format!("  {level:>3} {mark} {id:<ids$}  {agent:<agents$}  {title:<width$}");
        let needs = match task.needs.as_slice() {
            [] => String::new(),
            needs => format!("  after {}", text::list(needs)),
        };
        let _ = writeln!(out, "{}", format!("{line}{needs}").trim_end());
    }
    out
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::tests::halfway;

    #[test]
    fn a_graph_in_text() {
        insta::assert_snapshot!(graph(&halfway()));
    }
}
