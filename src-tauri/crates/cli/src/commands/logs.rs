//! `miyabi logs`: an agent's log, from the run's backend or, when it is gone, from its file.

use std::io::{self, Write as _};

use miyabi_api::{ApiError, ErrorCode};
use miyabi_client::LogStream;
use miyabi_plan::AgentId;
use miyabi_protocol::StateDir;

use crate::args::Logs;
use crate::exit::Exit;

/// How many bytes may be under way.
const CREDIT: u32 = 1024 * 1024;
/// How many printed bytes are given back at once: a word for each piece would cost as much as the piece.
const GIVEN_BACK: u32 = CREDIT / 4;

/// The name of the backend's own log on the command line.
const ORCHESTRATOR: &str = "orchestrator";

/// Prints a log.
pub(crate) async fn logs(args: &Logs) -> Result<Exit, ApiError> {
    let agent = (args.agent.folded() != ORCHESTRATOR).then(|| args.agent.clone());
    if args.follow { follow(args, agent).await } else { print_once(args, agent.as_ref()).await }
}

/// The file as it is; agents on other hosts have theirs there.
async fn print_once(args: &Logs, agent: Option<&AgentId>) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let state_dir = service.state_dir_of_some_run(args.target.state_dir.as_deref()).await?;
    let path = StateDir::unchecked(&state_dir).log(agent);
    let mut file = std::fs::File::open(&path).map_err(|error| {
        let message = format!("no log at {}: {error}", path.display());
        ApiError::new(ErrorCode::BadInput, message)
            .hint("miyabi status   lists the agents of the run; the log of one on another host lies there: miyabi logs -f AGENT")
    })?;
    match io::copy(&mut file, &mut io::stdout().lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(ApiError::new(ErrorCode::Environment, format!("cannot print {}: {error}", path.display())))
        }
        _ => Ok(Exit::Done),
    }
}

async fn follow(args: &Logs, agent: Option<AgentId>) -> Result<Exit, ApiError> {
    let connection = args.target.connect().await?;
    let log = connection.follow_log(agent, 0, CREDIT).await?;
    tokio::select! {
        exit = copy(log) => exit,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    }
}

async fn copy(mut log: LogStream) -> Result<Exit, ApiError> {
    let mut printed = 0;
    while let Some(chunk) = log.recv().await {
        let mut out = io::stdout().lock();
        if out.write_all(&chunk.bytes).and_then(|()| out.flush()).is_err() {
            // The reader of our pipe has seen enough.
            return Ok(Exit::Done);
        }
        printed += u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX);
        if printed >= GIVEN_BACK {
            log.add_credit(std::mem::take(&mut printed));
        }
    }
    Err(ApiError::new(ErrorCode::Disconnected, "the backend of this run went away, the log ends here"))
}
