//! `cargo xtask`: the project's own tasks. The README's two commands are `run` and `test`.
//!
//! It depends on none of our crates, so that it builds in seconds and can say what is missing
//! before anything else is compiled. It speaks to the programs as a person does: by their
//! command line and their files.

mod agents;
mod bench;
mod helpers;
mod level6;
mod packages;
mod process;
mod project;
mod run;
mod sim;
mod steps;
mod test;
mod tidy;
mod ui;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The tasks of this project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what is missing, build, and open the window with a rehearsal of examples/level6.
    Run(run::Options),
    /// Install what the tests need and run all of them.
    Test(test::Options),
    /// Install the real agent programs that the tests run, in a folder of their own.
    Agents(agents::Options),
    /// Do the whole Level 6 plan by the real agent programs, with a scripted model behind them.
    Level6(level6::Options),
    /// Build the programs that are put on other hosts.
    Helpers(helpers::Options),
    /// Run the seeded simulator of the engine.
    Sim(sim::Options),
    /// Check what the documents promise of the sources.
    Tidy,
    /// Measure the built programs.
    Bench(bench::Options),
}

fn perform(task: Task) -> Result<ExitCode> {
    match task {
        Task::Run(options) => run::run(&options)?,
        Task::Test(options) => return test::run(&options),
        Task::Agents(options) => agents::run(&options)?,
        Task::Level6(options) => level6::run(&options)?,
        Task::Helpers(options) => helpers::run(&options)?,
        Task::Sim(options) => sim::run(&options)?,
        Task::Tidy => tidy::run()?,
        Task::Bench(options) => bench::run(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
