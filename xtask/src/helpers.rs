//! `cargo xtask helpers`: the programs that are put on other hosts, in `target/helpers/`.
//!
//! For Linux they are linked statically against musl by the linker that comes with Rust, so that any
//! Linux machine builds them for both architectures and they run on any distribution. For macOS they
//! need Apple's linker and libraries, and so a Mac.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::process::{Program, on_path};
use crate::project::{self, cargo};

/// Options of `cargo xtask helpers`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Build for this target only; may be given more than once.
    #[arg(long, value_name = "TARGET", value_parser = known_target)]
    target: Vec<&'static Target>,
}

/// One platform.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// As the compiler calls it.
    name: &'static str,
    /// As `uname` calls it, in lower case: the end of the program's name.
    platform: &'static str,
    /// Whether only a Mac can link it.
    needs_mac: bool,
}

const TARGETS: [Target; 4] = [
    Target { name: "x86_64-unknown-linux-musl", platform: "linux-x86_64", needs_mac: false },
    Target { name: "aarch64-unknown-linux-musl", platform: "linux-aarch64", needs_mac: false },
    Target { name: "x86_64-apple-darwin", platform: "darwin-x86_64", needs_mac: true },
    Target { name: "aarch64-apple-darwin", platform: "darwin-aarch64", needs_mac: true },
];

fn known_target(name: &str) -> Result<&'static Target, String> {
    TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        format!("helpers are built for {}", names.join(", "))
    })
}

/// Builds what this machine can, and says what it cannot.
pub(crate) fn run(options: &Options) -> Result<()> {
    let is_chosen = !options.target.is_empty();
    let chosen: Vec<&Target> = if is_chosen { options.target.clone() } else { TARGETS.iter().collect() };
    let (possible, impossible): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|target| cfg!(target_os = "macos") || !target.needs_mac);
    let target_folder = project::target_folder()?;
    let folder = target_folder.join("helpers");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for target in &possible {
        add_target(target)?;
        build(target).run()?;
        put(target, &target_folder, &folder)?;
    }
    for target in &impossible {
        println!(
            "    not built: {}. It needs Apple's linker and libraries: run `cargo xtask helpers --target {}` on a Mac\n    \
             and copy target/helpers/{} from there",
            target.name,
            target.name,
            file_name(target)
        );
    }
    if is_chosen && !impossible.is_empty() {
        bail!("this machine cannot build all that was asked for");
    }
    Ok(())
}

fn add_target(target: &Target) -> Result<()> {
    if !on_path("rustup") {
        println!(
            "    rustup is not here: the standard library for {} must be installed already",
            target.name
        );
        return Ok(());
    }
    Program::new("rustup").args(["target", "add", target.name]).run()
}

fn build(target: &Target) -> Program {
    let call = cargo().args([
        "build",
        "--release",
        "-p",
        "miyabi-host",
        "--bin",
        "miyabi-host",
        "--target",
        target.name,
    ]);
    if target.needs_mac {
        return call;
    }
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", target.name.to_uppercase().replace('-', "_"));
    call.env(&variable, "-Clinker=rust-lld -Clink-self-contained=yes")
        // It would go before the variable above.
        .without_env("RUSTFLAGS")
}

fn file_name(target: &Target) -> String {
    format!("miyabi-host-{}", target.platform)
}

fn put(target: &Target, target_folder: &Path, folder: &Path) -> Result<()> {
    let built = target_folder.join(target.name).join("release/miyabi-host");
    let place = folder.join(file_name(target));
    // Beside it and then over it: a backend may be reading the old one.
    let new = folder.join(format!("{}.new", file_name(target)));
    fs::copy(&built, &new).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&new, &place).with_context(|| format!("cannot write {}", place.display()))?;
    let length = fs::metadata(&place).with_context(|| format!("cannot read {}", place.display()))?.len();
    println!("    {} ({:.1} MB)", place.display(), length as f64 / 1e6);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_is_linked_statically_by_rusts_own_linker_and_macos_by_its_own() {
        let call = format!("{:?}", build(known_target("aarch64-unknown-linux-musl").expect("known")));
        assert!(call.contains("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS"), "{call}");
        assert!(call.contains("rust-lld"), "{call}");
        let call = format!("{:?}", build(known_target("aarch64-apple-darwin").expect("known")));
        assert!(!call.contains("rust-lld"), "{call}");
        let error = known_target("mips").expect_err("unknown");
        assert!(error.contains("x86_64-unknown-linux-musl"), "{error}");
    }

    #[test]
    fn programs_have_the_names_that_hosts_are_looked_up_by() {
        let names: Vec<_> = TARGETS.iter().map(file_name).collect();
        assert_eq!(names[1], "miyabi-host-linux-aarch64");
        assert_eq!(names[3], "miyabi-host-darwin-aarch64");
    }
}
