//! `cargo xtask bench`: measures the built programs as a person has them, beside what others do in
//! the same call on the same machine.

mod agent;
mod engine;
mod git;
mod hosts;
mod overhead;
mod plan;
mod polling;
mod reaction;
mod sandbox;
mod table;
mod wait;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::project::cargo;

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measure the release programs as they were built last.
    #[arg(long, global = true)]
    no_build: bool,
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// From an agent's COMPLETED on disk to its dependent's BUSY on disk.
    Reaction(reaction::Options),
    /// Seconds per empty command task, in a chain and in a fan of four at once.
    Overhead(overhead::Options),
    /// Links to other hosts: hand-overs, logs, and what a helper costs while nothing happens.
    Hosts(hosts::Options),
    /// Work on its way between hosts: transfer, work trees and merges of a large repository.
    Git(git::Options),
    /// Seeds of the simulator per second.
    Engine(engine::Options),
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let of_programs = !matches!(options.subject, Subject::Engine(_));
    if of_programs && !options.no_build {
        build()?;
    }
    match &options.subject {
        Subject::Reaction(options) => reaction::run(options),
        Subject::Overhead(options) => overhead::run(options),
        Subject::Hosts(options) => hosts::run(options),
        Subject::Git(options) => git::run(options),
        Subject::Engine(options) => engine::run(options),
    }
}

fn build() -> Result<()> {
    println!("Building the programs for release …");
    cargo().args(["build", "--release", "-p", "miyabi-cli", "-p", "miyabi-host"]).run()
}
