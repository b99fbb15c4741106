//! `miyabi attach`: becomes a tmux client of the run's session.
#![expect(clippy::disallowed_methods, reason = "this module owns becoming another program")]

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use miyabi_api::{ApiError, ErrorCode};

use crate::args::Attach;
use crate::exit::Exit;

/// Attaches; comes back only when that is not possible.
pub(crate) async fn attach(args: &Attach) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let state_dir = service.state_dir_of_some_run(args.target.state_dir.as_deref()).await?;
    let argv = service.attach_argv(&state_dir, args.agent.as_ref()).await?;
    let Some((program, rest)) = argv.split_first() else {
        return Err(ApiError::new(ErrorCode::Internal, "nothing to attach with"));
    };
    // Without the variable tmux does not refuse to be run in a window of its own.
    let error = Command::new(program).args(rest).env_remove("TMUX").exec();
    Err(ApiError::new(ErrorCode::Environment, format!("cannot start {}: {error}", argv.join(" "))))
}
