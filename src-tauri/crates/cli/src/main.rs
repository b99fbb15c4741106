//! The `miyabi` program: reads the command line, runs one command, ends with its exit code.

mod args;
mod commands;
mod editor;
mod exit;
mod far_terminal;
mod follow;
mod monitor;
mod offline;
mod orchestrate;
mod raw_terminal;
mod target;
mod terminal;
mod text;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::exit::{Exit, describe};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("MIYABI_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::Environment.into();
        }
    };
    let outcome = runtime.block_on(commands::carry_out(cli.command));
    // A thread that waits for a key must not keep the program from ending.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprint!("{}", describe(&error));
            Exit::of(&error).into()
        }
    }
}
