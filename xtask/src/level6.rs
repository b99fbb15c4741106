//! `cargo xtask level6`: the whole Level 6 plan done by 6 Claude Code and 9 Codex agents, the real
//! programs, through `miyabi run`. The model behind them is scripted and runs on this machine; every
//! output says so.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::agents::{self, Installed};
use crate::packages;
use crate::process::Program;
use crate::project::{self, cargo};
use crate::steps::{Counts, Steps};

/// The program of `tests/agents` that carries the run out.
const PROGRAM: &str = "level6-scripted";
/// The folder for reports and project, below cargo's target folder.
const KEPT: &str = "level6";

/// Options of `cargo xtask level6`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Install and build, and start nothing.
    #[arg(long)]
    build_only: bool,
}

/// Installs, builds and runs.
pub(crate) fn run(options: &Options) -> Result<()> {
    type Work = fn() -> Result<()>;
    let all: [(&str, &str, Work); 3] = [
        ("packages", "what the system must have", || {
            packages::ensure(&[packages::TERMINAL, packages::AGENTS])
        }),
        ("agents", "the real agent programs", || match agents::install()? {
            Installed::Yes => Ok(()),
            Installed::No => bail!("there is nothing to run without them"),
        }),
        ("build", "the programs", || build().run()),
    ];
    let mut steps = Steps::new(all.len());
    for (name, about, work) in all {
        if !steps.step(name, about, || work().map(|()| Counts::ONE)) {
            bail!("`{name}` failed; the lines above say why");
        }
    }
    if options.build_only {
        return Ok(());
    }
    let level6 = level6(&project::target_folder()?);
    println!("$ {level6}");
    level6.run()
}

/// The default members at once, as `cargo xtask run --terminal` does: so both share what is compiled.
fn build() -> Program {
    cargo().args(["build", "--bins"])
}

fn level6(target: &Path) -> Program {
    Program::new(target.join("debug").join(PROGRAM)).arg(target.join(KEPT)).folder(&project::root())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_leaves_lies_in_the_target_folder() {
        let line = level6(Path::new("/t")).to_string();
        assert_eq!(line, "/t/debug/level6-scripted /t/level6");
        assert!(!build().to_string().contains("--workspace"), "no browser is compiled for it");
    }
}
