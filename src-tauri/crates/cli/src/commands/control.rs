//! `retry`, `cancel`, `pause`, `resume`, `stop`: one request each.

use std::time::Duration;

use miyabi_api::{Answer, ApiError, ErrorCode, Request};
use tokio::time::timeout;

use crate::args::{Cancel, Target};
use crate::exit::Exit;

/// Sends a request to the run that is meant and says what came of it.
pub(crate) async fn send(target: &Target, request: Request, said: &str) -> Result<Exit, ApiError> {
    target.connect().await?.request(request).await?;
    println!("{said}");
    Ok(Exit::Done)
}

/// Cancels a task or the run.
pub(crate) async fn cancel(args: Cancel) -> Result<Exit, ApiError> {
    match args.task {
        Some(task) => {
            let said = format!("{task} is cancelled; miyabi retry {task} takes it back");
            send(&args.target, Request::CancelTask { task }, &said).await
        }
        None => send(&args.target, Request::CancelRun, "the run is cancelled").await,
    }
}

/// How long a backend may take to go, once it has ended the agents.
const GOING: Duration = Duration::from_secs(15);

/// Ends agents and backend. The backend may be gone before its answer is read: that is what was
/// asked for.
pub(crate) async fn stop(target: &Target) -> Result<Exit, ApiError> {
    let connection = target.connect().await?;
    let has_ended = connection.snapshot().await.is_ok_and(|snapshot| snapshot.run.phase.has_ended());
    let unreached = match connection.request(Request::StopAll).await {
        Err(error) if error.code != ErrorCode::Disconnected => return Err(error),
        Ok(Answer::StoppedExcept { hosts }) => hosts,
        Ok(_) | Err(_) => Vec::new(),
    };
    // Whoever reads "stopped" may start the next run at once.
    timeout(GOING, connection.closed()).await.map_err(|_| {
        let message = "the agents have ended, but the backend does not go away";
        ApiError::new(ErrorCode::Environment, message).hint("miyabi attach   shows what it is at")
    })?;
    let goes_on = if has_ended { "" } else { "; miyabi run --resume goes on" };
    if unreached.is_empty() {
        println!("stopped: agents and backend have ended{goes_on}");
    } else {
        let told = ApiError::stopped_except(&unreached);
        println!("{}", told.message);
        told.hints.iter().for_each(|hint| println!("  {hint}"));
        println!("all other agents and the backend have ended{goes_on}");
    }
    Ok(Exit::Done)
}
