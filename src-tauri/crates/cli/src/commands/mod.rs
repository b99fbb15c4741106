//! One file a command.

mod attach;
mod checks;
mod control;
mod diff;
mod doctor;
mod history;
mod host;
mod inbox;
mod init;
mod logs;
mod plan;
mod pr;
mod reassign;
mod report;
mod run;
mod runs;
mod schema;
mod setup;
mod status;
mod trees;
mod validate;
mod view;
mod why;

use miyabi_api::{ApiError, Request};

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::{monitor, orchestrate};

/// Carries out one command.
pub(crate) async fn carry_out(command: Command) -> Result<Exit, ApiError> {
    match command {
        Command::Validate(args) => validate::validate(&args).await,
        Command::Setup(args) => setup::setup(&args).await,
        Command::Run(args) => run::run(&args).await,
        Command::Init(args) => init::init(&args),
        Command::Plan(args) => plan::plan(&args).await,
        Command::Runs { output } => runs::runs(output).await,
        Command::Status(args) => status::status(&args).await,
        Command::Why(args) => why::why(&args).await,
        Command::Logs(args) => logs::logs(&args).await,
        Command::Monitor(args) => monitor::monitor(&args.target).await,
        Command::Reassign(args) => reassign::reassign(&args).await,
        Command::Retry(args) => {
            let task = args.task;
            let said = format!("{task} is tried again");
            control::send(&args.target, Request::RetryTask { task }, &said).await
        }
        Command::Cancel(args) => control::cancel(args).await,
        Command::History(args) => history::history(&args).await,
        Command::Diff(args) => diff::diff(&args).await,
        Command::Accept(args) => {
            let (task, said) = (args.task.clone(), format!("{} is accepted", args.task));
            control::send(&args.target, Request::Accept { task }, &said).await
        }
        Command::SendBack(args) => {
            let said = format!("{} is sent back; its next attempt is told your comments", args.task);
            let request = Request::SendBack { task: args.task.clone(), comments: args.comments() };
            control::send(&args.target, request, &said).await
        }
        Command::Merged(args) => {
            let (task, revision) = (&args.task, &args.revision);
            let said = format!("{revision} is looked at; {task} is completed when it holds both sides");
            let request = Request::TakeCommit { task: args.task, revision: args.revision };
            control::send(&args.target, request, &said).await
        }
        Command::Checks(args) => checks::checks(&args).await,
        Command::Verify(target) => {
            let said = "the verification runs again; miyabi checks shows it";
            control::send(&target, Request::VerifyAgain, said).await
        }
        Command::Pr(args) => pr::pr(args).await,
        Command::Trees(args) => trees::trees(&args).await,
        Command::Inbox(args) => inbox::inbox(&args).await,
        Command::Approve(args) => inbox::approve(&args).await,
        Command::Deny(args) => inbox::deny(args).await,
        Command::Budget(args) => inbox::raise(&args).await,
        Command::Send(args) => {
            let said = format!("said to {}", args.agent);
            control::send(&args.target, Request::Say { agent: args.agent, text: args.text }, &said).await
        }
        Command::Pause(target) => {
            control::send(&target, Request::Pause, "paused: nothing new starts; miyabi resume goes on").await
        }
        Command::Resume(target) => control::send(&target, Request::Resume, "the run goes on").await,
        Command::Stop(args) => control::stop(&args.target).await,
        Command::Host(args) => host::host(args).await,
        Command::Attach(args) => attach::attach(&args).await,
        Command::View(args) => view::view(&args).await,
        Command::Report(args) => report::report(&args).await,
        Command::Doctor(args) => doctor::doctor(&args).await,
        Command::Orchestrate(args) => orchestrate::orchestrate(&args).await,
        Command::Completions(args) => {
            let mut text = Vec::new();
            clap_complete::generate(
                args.shell,
                &mut <Cli as clap::CommandFactory>::command(),
                "miyabi",
                &mut text,
            );
            crate::terminal::print(&String::from_utf8_lossy(&text));
            Ok(Exit::Done)
        }
        Command::Schema(args) => schema::schema(&args),
    }
}
