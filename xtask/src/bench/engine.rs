//! How fast the engine's simulator is: seeds per second, each a whole run of a random plan with
//! every invariant looked at after every event.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::table;
use crate::project::cargo;

/// Options of `cargo xtask bench engine`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many seeds are run.
    #[arg(long, default_value_t = 1000)]
    seeds: u32,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    let simulator = ["test", "--release", "--package", "miyabi-engine", "--test", "simulator"];
    println!("Building the simulator for release …");
    cargo().args(simulator).arg("--no-run").run()?;
    let begun = Instant::now();
    cargo().args(simulator).env("MIYABI_SIM_SEEDS", options.seeds.to_string()).run()?;
    let took = begun.elapsed();
    let rate = f64::from(options.seeds) / took.as_secs_f64();
    println!("\n{} seeds in {}: {rate:.0} per second", options.seeds, table::millis(took));
    Ok(())
}
