//! `cargo xtask test`: everything that must hold, what is quick to fail first.
//!
//! Every step that compiles takes the whole workspace with the same features, so that nothing is
//! compiled twice: `cargo -p X` would choose other features for shared dependencies.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::agents::{self, Installed};
use crate::process::Program;
use crate::project::{self, cargo};
use crate::steps::{Counts, Steps};
use crate::{packages, tidy, ui};

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Carry out only this step; may be given more than once.
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
    /// Go on after a step that failed.
    #[arg(long)]
    keep_going: bool,
}

/// The steps in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    Packages,
    Fmt,
    Tidy,
    UiInstall,
    UiLint,
    UiTypes,
    UiTest,
    UiBuild,
    Clippy,
    Build,
    Rust,
    Desktop,
    E2e,
    Agents,
    Hosts,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Fmt => "fmt",
            Self::Tidy => "tidy",
            Self::UiInstall => "ui-install",
            Self::UiLint => "ui-lint",
            Self::UiTypes => "ui-types",
            Self::UiTest => "ui-test",
            Self::UiBuild => "ui-build",
            Self::Clippy => "clippy",
            Self::Build => "build",
            Self::Rust => "rust",
            Self::Desktop => "desktop",
            Self::E2e => "e2e",
            Self::Agents => "agents",
            Self::Hosts => "hosts",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Packages => "what the system must have",
            Self::Fmt => "the form of the Rust sources",
            Self::Tidy => "what the documents promise of the sources",
            Self::UiInstall => "npm packages",
            Self::UiLint => "lints of the user interface",
            Self::UiTypes => "types of the user interface",
            Self::UiTest => "tests of the user interface",
            Self::UiBuild => "the bundle that the window shows",
            Self::Clippy => "lints of the whole workspace",
            Self::Build => "all programs and tests",
            Self::Rust => "all crates, the simulator with 1,000 seeds included",
            Self::Desktop => "the desktop shell, and whether the TypeScript bindings are current",
            Self::E2e => "the real window, screenshots in target/screenshots",
            Self::Hosts => "two hosts in namespaces of this machine, over links that break",
            Self::Agents => "the real Claude Code and Codex programs, with a scripted model",
        }
    }

    fn perform(self, target: &Path) -> Result<Counts> {
        match self {
            Self::Packages => {
                packages::ensure(PACKAGES)?;
                packages::ensure_nextest()?;
            }
            Self::Fmt => cargo().args(["fmt", "--all", "--check"]).run()?,
            Self::Tidy => tidy::run()?,
            Self::UiInstall => ui::install()?,
            Self::UiLint => ui::npm().args(["run", "lint"]).run()?,
            Self::UiTypes => ui::npm().args(["run", "typecheck"]).run()?,
            Self::UiTest => return vitest(target),
            Self::UiBuild => ui::build()?,
            Self::Clippy => clippy().run()?,
            Self::Build => cargo().args(["build", "--workspace", "--all-targets"]).run()?,
            Self::Rust => {
                return nextest(target, OWN_CRATES);
            }
            Self::Desktop => return nextest(target, "package(miyabi-desktop)"),
            Self::E2e => return end_to_end(target),
            Self::Agents => return with_agents(target, "package(miyabi-agent-tests)"),
            Self::Hosts => {
                // Some of them run the agent programs there.
                agents::install()?;
                return nextest(target, "package(miyabi-host-lab)");
            }
        }
        Ok(Counts::ONE)
    }
}

const PACKAGES: &[&[packages::Package]] =
    &[packages::TERMINAL, packages::WINDOW, packages::TESTS, packages::AGENTS, packages::HOSTS];

/// The tests that need neither a window nor programs of others.
const OWN_CRATES: &str = "not (package(miyabi-desktop) | package(miyabi-e2e) | package(miyabi-agent-tests) \
                          | package(miyabi-host-lab))";

/// Runs the steps and prints what they found; the last line is the sum.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let chosen = |step: &Step| options.only.is_empty() || options.only.contains(step);
    let chosen: Vec<Step> = Step::value_variants().iter().copied().filter(chosen).collect();
    let target = project::target_folder()?;
    let mut steps = Steps::new(chosen.len());
    for step in &chosen {
        let held = steps.step(step.name(), step.about(), || step.perform(&target));
        if !held && !options.keep_going {
            break;
        }
    }
    let names: Vec<_> = chosen.iter().map(|step| step.name()).collect();
    print!("{}", steps.table(&names));
    let Counts { passed, failed } = steps.counts();
    println!("\n{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn clippy() -> Program {
    cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

/// Runs the Rust tests of this filter and counts them.
fn nextest(target: &Path, filter: &str) -> Result<Counts> {
    let report = target.join("nextest/ci/junit.xml");
    // A report of an earlier run must not be counted when this one writes none.
    let _ = fs::remove_file(&report);
    let mut line = tests(filter).env("MIYABI_BIN_DIR", target.join("debug"));
    // Named, they must be there: a test that does not find them fails.
    if let Some(folder) = agents::installed()? {
        line = line.env("MIYABI_AGENT_PROGRAMS", folder);
    }
    let outcome = line.run();
    let Ok(text) = fs::read_to_string(&report) else {
        outcome?;
        bail!("no test was run: {} is missing", report.display());
    };
    let counts = junit_counts(&text).context("the tests' report cannot be read")?;
    match outcome {
        Err(error) if counts.failed == 0 => Err(error),
        _ => Ok(counts),
    }
}

fn tests(filter: &str) -> Program {
    cargo().args(["nextest", "run", "--workspace", "--profile", "ci", "-E", filter])
}

fn end_to_end(target: &Path) -> Result<Counts> {
    if cfg!(target_os = "macos") {
        println!("    left out: there is no native WebDriver on macOS");
        return Ok(Counts { passed: 0, failed: 0 });
    }
    with_agents(target, "package(miyabi-e2e)")
}

/// Tests of which some start the real agent programs. These are left out on a machine that cannot fetch them:
/// where nobody reads that they were, the step fails.
fn with_agents(target: &Path, filter: &str) -> Result<Counts> {
    match agents::install()? {
        Installed::Yes => {}
        Installed::No if std::env::var_os("CI").is_none() => {}
        Installed::No => {
            bail!("the agent programs are not installed, and CI is set: nothing may be left out")
        }
    }
    nextest(target, filter)
}

fn vitest(target: &Path) -> Result<Counts> {
    fs::create_dir_all(target).context("cannot make the target folder")?;
    let report = target.join("vitest.json");
    let _ = fs::remove_file(&report);
    let file = format!("--outputFile.json={}", report.display());
    let outcome = ui::npm().args(["test", "--", "--reporter=default", "--reporter=json", &file]).run();
    let Ok(text) = fs::read_to_string(&report) else {
        outcome?;
        bail!("no test was run: {} is missing", report.display());
    };
    let counts = vitest_counts(&text).context("the report of vitest cannot be read")?;
    match outcome {
        Err(error) if counts.failed == 0 => Err(error),
        _ => Ok(counts),
    }
}

/// The counts in the first line of a JUnit report, as nextest writes it.
fn junit_counts(xml: &str) -> Option<Counts> {
    let head = xml.split_once("<testsuites ")?.1.split_once('>')?.0;
    let number = |name: &str| -> Option<u32> {
        head.split_once(&format!("{name}=\""))?.1.split_once('"')?.0.parse().ok()
    };
    let failed = number("failures")? + number("errors")?;
    Some(Counts { passed: number("tests")?.checked_sub(failed)?, failed })
}

/// The counts in vitest's JSON report.
fn vitest_counts(json: &str) -> Option<Counts> {
    let report: serde_json::Value = serde_json::from_str(json).ok()?;
    let number = |name: &str| u32::try_from(report[name].as_u64()?).ok();
    Some(Counts { passed: number("numPassedTests")?, failed: number("numFailedTests")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_the_name_that_only_takes() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(step.name(), false), Ok(*step));
        }
    }

    #[test]
    fn the_reports_of_both_test_runners_are_counted() {
        let xml = r#"<?xml version="1.0"?><testsuites name="nextest-run" tests="12" failures="2" errors="1" uuid="x">"#;
        assert_eq!(junit_counts(xml), Some(Counts { passed: 9, failed: 3 }));
        assert_eq!(junit_counts("<html>"), None);
        let json = r#"{"numTotalTests": 5, "numPassedTests": 4, "numFailedTests": 1}"#;
        assert_eq!(vitest_counts(json), Some(Counts { passed: 4, failed: 1 }));
        assert_eq!(vitest_counts("{}"), None);
    }

    #[test]
    fn all_steps_that_compile_choose_the_same_features() {
        for call in [clippy(), tests("all()")] {
            let text = call.to_string();
            assert!(text.contains("--workspace") && !text.contains(" -p "), "{text}");
        }
    }
}
