//! What links to other hosts cost, measured on the two hosts of `tests/hosts`: see there for how.

use anyhow::Result;
use clap::Args;

use crate::packages;
use crate::process::Program;
use crate::project::{self, cargo};

/// The package that holds the lab, and its program that measures.
const PACKAGE: &str = "miyabi-host-lab";
const PROGRAM: &str = "hosts-bench";

/// Options of `cargo xtask bench hosts`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Hand-overs from one host to the other, for each kind of link.
    #[arg(long, default_value_t = 240)]
    hand_overs: usize,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    measure(&[options.hand_overs.to_string()])
}

/// Runs the lab's measuring program with these words.
pub(super) fn measure(words: &[String]) -> Result<()> {
    packages::ensure(&[packages::TERMINAL, packages::HOSTS])?;
    // Small, and built here whether or not the programs that it measures were.
    cargo().args(["build", "--release", "-p", PACKAGE, "--bins"]).run()?;
    let release = project::target_folder()?.join("release");
    Program::new(release.join(PROGRAM))
        .args(words)
        .env("MIYABI_BIN_DIR", &release)
        .folder(&project::root())
        .run()
}
