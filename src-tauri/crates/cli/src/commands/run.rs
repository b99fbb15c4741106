//! `miyabi run`: starts a run or goes on with one, and stays in front until it has ended.

mod front;
mod summary;

use std::path::{Path, PathBuf};
use std::time::Duration;

use miyabi_api::{ApiError, ErrorCode, PlanView, PromptPlan, StartOptions, Started};
use miyabi_client::Service;
use tokio::time::{MissedTickBehavior, interval};

pub(super) use self::front::Front;
use super::{setup, validate};
use crate::args::Run;
use crate::exit::Exit;
use crate::follow::Follower;
use crate::{terminal, text};

/// How long a backend that went away is waited for: somebody may be starting it again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts and follows a run.
pub(crate) async fn run(args: &Run) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let options = match (&args.plan, &args.prompt.prompt) {
        (Some(plan), _) => planned(args, &service, plan).await?,
        (None, Some(prompt)) => {
            let wanted = PromptPlan {
                prompt: prompt.clone(),
                agent: args.prompt.agent.into(),
                work_folder: args.prompt.work_folder.display().to_string(),
            };
            let plan = service.prompt_plan(&wanted).await?;
            planned(args, &service, &plan).await?
        }
        (None, None) => {
            let dir = args.target.state_dir.as_deref().map(miyabi_client::places::normal).transpose()?;
            let state_dir = dir.map(|dir| dir.display().to_string());
            Some(StartOptions { resume: true, state_dir, ..StartOptions::default() })
        }
    };
    let Some(options) = options else { return Ok(Exit::BadInput) };
    let started = start(&service, options).await?;
    if args.detach {
        left(args, &started)?;
        return Ok(Exit::Done);
    }
    follow(service, started, Front::choose(args.output)).await
}

/// The options of a start, when the plan may be run.
async fn planned(args: &Run, service: &Service, plan: &Path) -> Result<Option<StartOptions>, ApiError> {
    let state_dir = args.target.state_dir.as_deref();
    let mut options = setup::options(plan, &args.play, state_dir)?;
    (options.new_run, options.trust, options.stash) = (args.new_run, args.trust, args.stash);
    let view = service.inspect_plan(plan, options.choice, options.rehearse, state_dir).await?;
    Ok(may_start(args, &view).then_some(options))
}

/// Shows what is to be run; whether it may be.
fn may_start(args: &Run, view: &PlanView) -> bool {
    if validate::has_errors(view) {
        eprint!("{}", validate::render(view));
        return false;
    }
    let Some(preview) = &view.preview else { return false };
    let dropped = &preview.run.forecast.dropped_edges;
    if !dropped.is_empty() {
        eprintln!("These needs are left out:");
        for edge in dropped {
            eprintln!("  {} no longer waits for {}", edge.task, edge.need);
        }
        if !args.yes && terminal::has_person() && !terminal::agrees("Leave them out?") {
            return false;
        }
    }
    if !args.output.json {
        let run = &preview.run;
        let expected = text::real_seconds(run.forecast.expected_seconds, run.rehearsal_speed);
        let warnings = view.findings.len();
        println!(
            "{}{}: {}, {}, {} expected{}",
            text::mark(run),
            text::clean(&run.title),
            text::count(preview.tasks.len(), "task", "tasks"),
            text::count(preview.agents.len(), "agent", "agents"),
            text::duration(expected),
            if warnings > 0 {
                format!(" ({}: miyabi validate)", text::count(warnings, "warning", "warnings"))
            } else {
                String::new()
            },
        );
    }
    true
}

/// Starts the run; asks about the plan's commands when nobody has agreed to them yet.
pub(super) async fn start(service: &Service, options: StartOptions) -> Result<Started, ApiError> {
    match service.start(options.clone()).await {
        Err(mut error) if error.code == ErrorCode::NeedsTrust => {
            if !terminal::has_person() {
                error.hints.push("--trust   agrees to them".to_owned());
                return Err(error);
            }
            eprintln!("{}:", text::clean(&error.message));
            for command in &error.hints {
                eprintln!("  {}", text::clean(command));
            }
            if !terminal::agrees("Run them?") {
                return Err(ApiError::new(ErrorCode::BadInput, "nothing was started")
                    .hint("--rehearse   plays the plan without its commands"));
            }
            service.start(StartOptions { trust: true, ..options }).await
        }
        other => other,
    }
}

/// The run was started and is left at work.
fn left(args: &Run, started: &Started) -> Result<(), ApiError> {
    if args.output.json {
        terminal::print(&text::json(started)?);
        return Ok(());
    }
    let Started { run_id, state_dir, session } = started;
    println!("run {run_id} is at work in {state_dir}, tmux session {session}");
    println!("  → miyabi monitor --state-dir {state_dir}");
    Ok(())
}

pub(super) async fn follow(service: Service, started: Started, mut front: Front) -> Result<Exit, ApiError> {
    let mut follower = Follower::begin(service, PathBuf::from(&started.state_dir)).await?;
    front.whole(&follower.snapshot);
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // One for the whole loop: a Ctrl-C that comes while an event is being told would be lost to one
    // that is made anew each time.
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    while !follower.snapshot.run.phase.has_ended() {
        tokio::select! {
            next = follower.next() => match next {
                Some((event, lines)) => front.event(&follower.snapshot, &event, &lines),
                None => {
                    front.say("the backend went away; waiting for it");
                    follower.again(PATIENCE).await.map_err(|error| {
                        let dir = &started.state_dir;
                        let resume = format!("miyabi run --resume --state-dir {dir}   goes on with the run");
                        ApiError::new(ErrorCode::Disconnected, "the backend of this run went away")
                            .hint(resume)
                            .hint(error.message)
                    })?;
                    front.whole(&follower.snapshot);
                }
            },
            _ = tick.tick() => front.tick(&follower.snapshot),
            _ = &mut interrupted => {
                front.leave();
                let dir = &started.state_dir;
                eprintln!("\nleft: the run goes on. miyabi status --state-dir {dir} shows it, miyabi cancel --state-dir {dir} ends it.");
                return Ok(Exit::Interrupted);
            }
        }
    }
    front.end(&follower.snapshot);
    Ok(Exit::of_phase(follower.snapshot.run.phase))
}
