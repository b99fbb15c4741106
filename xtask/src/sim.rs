//! `cargo xtask sim`: the engine's seeded simulator, with more seeds or with one that failed.

use anyhow::Result;
use clap::Args;

use crate::process::Program;
use crate::project::cargo;

/// Options of `cargo xtask sim`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many seeds are tried.
    #[arg(long, default_value_t = 1000, conflicts_with = "seed")]
    seeds: u64,
    /// Try this one seed alone, and say what happens in it.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the simulator.
pub(crate) fn run(options: &Options) -> Result<()> {
    simulator(options).run()
}

fn simulator(options: &Options) -> Program {
    // Plain `cargo test` shows what a test prints as it goes; nextest would hold it back.
    let tests = ["test", "--package", "miyabi-engine", "--test", "simulator", "--", "--nocapture"];
    let cargo = cargo().args(tests);
    match options.seed {
        Some(seed) => cargo.env("MIYABI_SIM_SEED", seed.to_string()),
        None => cargo.env("MIYABI_SIM_SEEDS", options.seeds.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_is_replayed_alone() {
        let one = simulator(&Options { seeds: 1000, seed: Some(7) });
        assert_eq!(one, simulator(&Options { seeds: 5, seed: Some(7) }));
        assert_ne!(one, simulator(&Options { seeds: 1000, seed: None }));
    }
}
