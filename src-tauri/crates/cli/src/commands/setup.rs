//! `miyabi setup`: everything but the start.

use std::path::Path;

use miyabi_api::{ApiError, StartOptions};

use super::{doctor, validate};
use crate::args::{Play, Setup};
use crate::exit::Exit;
use crate::terminal;

/// Makes session, folders and queue, and says what it checked.
pub(crate) async fn setup(args: &Setup) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let options = options(&args.plan, &args.play, args.target.state_dir.as_deref())?;
    let view = service
        .inspect_plan(&args.plan, options.choice, options.rehearse, args.target.state_dir.as_deref())
        .await?;
    terminal::print(&validate::render(&view));
    if validate::has_errors(&view) {
        return Ok(Exit::BadInput);
    }
    let done = service.setup(options).await?;
    terminal::print(&format!("\n{}", doctor::table(&done.checks)));
    println!("\nstate folder  {}\ntmux session  {}", done.state_dir, done.session);
    println!("Nothing was started.\n  → miyabi run {}", args.plan.display());
    Ok(doctor::verdict(&done.checks))
}

/// The options of a start from the flags.
pub(crate) fn options(plan: &Path, play: &Play, state_dir: Option<&Path>) -> Result<StartOptions, ApiError> {
    let absolute = |path: &Path| miyabi_client::places::normal(path).map(|path| path.display().to_string());
    Ok(StartOptions {
        plan: Some(absolute(plan)?),
        state_dir: state_dir.map(absolute).transpose()?,
        rehearse: play.rehearse,
        external: play.external,
        on_hosts: play.on_hosts,
        choice: play.choice.choice(),
        ..StartOptions::default()
    })
}
