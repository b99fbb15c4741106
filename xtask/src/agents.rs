//! The real agent programs for the tests: Claude Code, Codex and the adapters of both, in the exact
//! versions of `tests/agents/programs`, in a folder of their own below cargo's target folder. The
//! person's own programs and npm settings are left alone.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::process::{Program, on_path};
use crate::project;

/// What npm needs, in the repository.
const MANIFEST: &str = "tests/agents/programs";
/// The folder of the programs, below cargo's target folder.
const FOLDER: &str = "agent-programs";
/// The lock file comes last: where it is, the other two are.
const FILES: [&str; 3] = [".npmrc", "package.json", "package-lock.json"];
/// npm leaves this file behind when an install is complete.
const COMPLETE: &str = "node_modules/.package-lock.json";

/// Options of `cargo xtask agents`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only say where they are, and whether they are there.
    #[arg(long)]
    check: bool,
}

/// Whether the programs are there to be tested with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installed {
    Yes,
    /// npm or its registry cannot be reached; the lines that say so were printed.
    No,
}

/// Carries out `cargo xtask agents`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = folder()?;
    if options.check {
        let state = if is_current(&folder) { "are installed" } else { "are not installed" };
        println!("the agent programs of {MANIFEST} {state} in {}", folder.display());
        return Ok(());
    }
    install().map(drop)
}

/// Installs the programs unless they are there. No error where this machine cannot reach npm's
/// registry: then the tests with them are left out, loudly.
pub(crate) fn install() -> Result<Installed> {
    let folder = folder()?;
    if is_current(&folder) {
        println!("    the agent programs are up to date");
        return Ok(Installed::Yes);
    }
    if !on_path("npm") {
        return Ok(left_out("npm is not on the PATH: install Node.js from nodejs.org"));
    }
    prepare(&folder)?;
    let line = npm(&folder);
    println!("    the agent programs are fetched once, 2 GB on the disk, into {}", folder.display());
    println!("    $ {line}");
    match line.run() {
        Ok(()) => Ok(Installed::Yes),
        Err(error) => Ok(left_out(&format!("{error:#}"))),
    }
}

/// Where the programs are, if all of them are there.
pub(crate) fn installed() -> Result<Option<PathBuf>> {
    let folder = folder()?;
    Ok(is_current(&folder).then_some(folder))
}

fn left_out(why: &str) -> Installed {
    println!("    LEFT OUT: the tests with the real Claude Code and Codex programs are skipped.");
    println!("    LEFT OUT: {why}");
    Installed::No
}

fn folder() -> Result<PathBuf> {
    Ok(project::target_folder()?.join(FOLDER))
}

/// No script of any package is run: the programs are native and need none.
fn npm(folder: &Path) -> Program {
    Program::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).folder(folder)
}

fn prepare(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // An install that breaks off must not look like a complete one of these files.
    let _ = fs::remove_file(folder.join(COMPLETE));
    for name in FILES {
        let from = manifest(name);
        fs::copy(&from, folder.join(name)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

fn manifest(name: &str) -> PathBuf {
    project::root().join(MANIFEST).join(name)
}

/// Whether an install of exactly these files was completed.
fn is_current(folder: &Path) -> bool {
    let same = |name: &&str| {
        let here = fs::read(folder.join(name)).ok();
        here.is_some() && here == fs::read(manifest(name)).ok()
    };
    folder.join(COMPLETE).is_file() && FILES.iter().all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_install_counts_only_when_it_is_complete_and_of_these_versions() {
        let folder = tempfile::tempdir().expect("folder");
        prepare(folder.path()).expect("prepared");
        assert!(!is_current(folder.path()), "nothing is installed yet");
        fs::create_dir(folder.path().join("node_modules")).expect("made");
        fs::write(folder.path().join(COMPLETE), "{}").expect("written");
        assert!(is_current(folder.path()));
        fs::write(folder.path().join("package.json"), "{}").expect("written");
        assert!(!is_current(folder.path()), "other versions");
    }

    #[test]
    fn every_version_is_exact_and_no_address_is_named() {
        let text = fs::read_to_string(manifest("package.json")).expect("read");
        let manifest_json: serde_json::Value = serde_json::from_str(&text).expect("json");
        let versions = manifest_json["dependencies"].as_object().expect("dependencies");
        assert_eq!(versions.len(), 5);
        for (name, version) in versions {
            let version = version.as_str().expect("text").rsplit('@').next().unwrap_or_default();
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name}: {version}");
        }
        let lock = fs::read_to_string(manifest("package-lock.json")).expect("read");
        assert!(!lock.contains("\"resolved\""), "the lock file names a registry");
    }
}
