//! `miyabi host`: hosts before a run and in it.

mod list;
mod of_run;
mod questions;
mod trial;

use miyabi_api::ApiError;

use crate::args::{Host, HostCommand};
use crate::exit::Exit;

/// Carries out one of the commands about hosts.
pub(crate) async fn host(args: Host) -> Result<Exit, ApiError> {
    match args.command {
        HostCommand::List(args) => list::list(&args).await,
        HostCommand::Test(args) => trial::test(&args).await,
        HostCommand::Add(args) => trial::add(&args).await,
        HostCommand::Answer(args) => of_run::answer(&args).await,
        HostCommand::Try(args) => of_run::try_now(&args).await,
        HostCommand::GiveUp(args) => of_run::give_up(&args).await,
    }
}
