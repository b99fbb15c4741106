//! `level6-scripted FOLDER`: the Level 6 run with real agent programs and the scripted model, for
//! `cargo xtask level6`. Reports and project are kept in the folder.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use miyabi_agent_tests::{LABEL, Programs, isolated, level6};

/// How much faster than the plan's estimates the model is: slow enough that a person sees the tasks at
/// work, and that what the programs need to start weighs little. The longest path takes 66 s.
const SPEED: f64 = 100.0;

fn main() -> Result<()> {
    let keep = std::env::args_os().nth(1).context("name the folder for the reports")?;
    let keep = std::path::absolute(PathBuf::from(keep))?;
    isolated(|| {
        let programs = Programs::installed().context("there is nothing to run without the agent programs")?;
        println!(
            "Level 6 with a {LABEL}: the programs, processes, files and tests are real, the model is not."
        );
        let outcome = level6::run(&programs, SPEED, &keep)?;
        println!("\n{}", outcome.table());
        let problems = [outcome.problems(), outcome.strangers()].concat();
        if !problems.is_empty() {
            bail!("{}", problems.join("\n       "));
        }
        println!("Level 6 holds ({LABEL}).");
        Ok(())
    })
}
