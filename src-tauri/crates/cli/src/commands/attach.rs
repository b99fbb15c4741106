//! `miyabi attach`: a tmux client of the run's session, or a terminal on an agent's window on another
//! host.
#![expect(clippy::disallowed_methods, reason = "this module owns becoming another program")]

use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use miyabi_api::{AgentId, ApiError, ErrorCode, RunSnapshot};
use miyabi_client::Service;
use miyabi_plan::{HostId, Site};

use crate::args::Attach;
use crate::exit::Exit;
use crate::far_terminal::{self, LEAVE, Left};
use crate::raw_terminal::{Person, RawMode};
use crate::text;

/// Attaches.
pub(crate) async fn attach(args: &Attach) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let state_dir = service.state_dir_of_some_run(args.target.state_dir.as_deref()).await?;
    if let Some(asked) = &args.agent
        && let Ok(snapshot) = args.target.snapshot().await
        && let Some((agent, host)) = elsewhere(&service, &snapshot, asked)
    {
        return far(args, &agent, &host).await;
    }
    let argv = service.attach_argv(&state_dir, args.agent.as_ref()).await?;
    let Some((program, rest)) = argv.split_first() else {
        return Err(ApiError::new(ErrorCode::Internal, "nothing to attach with"));
    };
    // Without the variable tmux does not refuse to be run in a window of its own.
    let error = Command::new(program).args(rest).env_remove("TMUX").exec();
    Err(ApiError::new(ErrorCode::Environment, format!("cannot start {}: {error}", argv.join(" "))))
}

/// The agent and its host, when that is another one.
pub(crate) fn elsewhere(
    service: &Service,
    snapshot: &RunSnapshot,
    agent: &AgentId,
) -> Option<(AgentId, HostId)> {
    let agent = snapshot.agents.iter().find(|other| other.id.folded() == agent.folded())?;
    let site = service.site_of(&snapshot.run.run_id, &agent.host);
    matches!(site, Site::There(_)).then(|| (agent.id.clone(), agent.host.clone()))
}

/// A terminal on another host, over the backend's link to it.
async fn far(args: &Attach, agent: &AgentId, host: &HostId) -> Result<Exit, ApiError> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(ApiError::new(ErrorCode::BadInput, "attach needs a terminal")
            .hint(format!("miyabi logs -f {agent}   prints its log")));
    }
    let connection = args.target.connect().await?;
    eprintln!("{agent} is on {host}. {LEAVE} leaves, as Ctrl-b d does; nothing is stopped by it.");
    let failed =
        |error: std::io::Error| ApiError::new(ErrorCode::Environment, format!("the terminal: {error}"));
    let mut person = Person::listen().map_err(failed)?;
    let raw = RawMode::enter().map_err(failed)?;
    let left = far_terminal::show(&connection, agent, &mut person).await;
    drop(raw);
    match left? {
        Left::ByKey | Left::Ended => {
            eprintln!("left: {agent} goes on");
            Ok(Exit::Done)
        }
        Left::Over(why) => {
            eprintln!("{agent} on {host}: {}", text::short(&why, 200));
            Ok(Exit::Done)
        }
        Left::BackendGone => {
            let message = format!("the backend went away, and with it the way to {host}; {agent} goes on");
            Err(ApiError::new(ErrorCode::Disconnected, message).hint("miyabi run --resume   starts it again"))
        }
    }
}
