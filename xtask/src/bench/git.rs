//! How fast work travels between hosts and is merged, measured on the two hosts of `tests/hosts`: see there for how.

use anyhow::Result;
use clap::Args;

use super::hosts;

/// Options of `cargo xtask bench git`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many files the repository has.
    #[arg(long, default_value_t = 10_000)]
    files: usize,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    hosts::measure(&["git".to_owned(), options.files.to_string()])
}
