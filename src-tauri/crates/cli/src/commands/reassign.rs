//! `miyabi reassign`: asks before it stops a running attempt.

use miyabi_api::{ApiError, ErrorCode, Request};

use crate::args::Reassign;
use crate::exit::Exit;
use crate::terminal;

/// Gives a task to another agent.
pub(crate) async fn reassign(args: &Reassign) -> Result<Exit, ApiError> {
    let connection = args.target.connect().await?;
    let request =
        |stop_running| Request::Reassign { task: args.task.clone(), agent: args.agent.clone(), stop_running };
    match connection.request(request(args.yes)).await {
        Err(error) if error.code == ErrorCode::NeedsConfirmation => {
            if !terminal::has_person() {
                return Err(error.hint("--yes stops the running attempt"));
            }
            if !terminal::agrees(&format!("{}. Stop it and give it to {}?", error.message, args.agent)) {
                println!("{} stays where it is", args.task);
                return Ok(Exit::Done);
            }
            connection.request(request(true)).await?;
        }
        other => {
            other?;
        }
    }
    println!("{} goes to {}", args.task, args.agent);
    Ok(Exit::Done)
}
