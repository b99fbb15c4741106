//! The user interface's own tools: its npm packages and its bundle, made again only when stale.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

use crate::process::{Program, on_path};
use crate::project;

/// The oldest Node.js that the tools run on.
const NODE: u32 = 20;

/// A call of npm in the folder of the user interface.
pub(crate) fn npm() -> Program {
    Program::new("npm").folder(&folder())
}

fn folder() -> PathBuf {
    project::root().join("ui")
}

/// Installs the packages of the lock file, unless they are there.
pub(crate) fn install() -> Result<()> {
    check_node()?;
    let ui = folder();
    // npm leaves this file behind when an install is complete.
    let installed = modified(&ui.join("node_modules/.package-lock.json"));
    let locked = modified(&ui.join("package-lock.json"));
    if installed.is_some() && installed >= locked {
        println!("    node_modules is up to date");
        return Ok(());
    }
    let install = npm().args(["ci", "--no-audit", "--no-fund"]);
    println!("    $ {install}");
    install.run()
}

/// Builds the bundle that the window shows, unless it is newer than all that it is made of.
pub(crate) fn build() -> Result<()> {
    let ui = folder();
    let bundle = modified(&ui.join("dist/index.html"));
    if bundle.is_some() && bundle >= newest(&ui)? {
        println!("    ui/dist is up to date");
        return Ok(());
    }
    npm().args(["run", "build"]).run()
}

fn check_node() -> Result<()> {
    if !on_path("node") || !on_path("npm") {
        bail!(
            "Node.js {NODE} or newer, with npm, is needed and is not on the PATH: install it from nodejs.org"
        );
    }
    let version = Program::new("node").arg("--version").output()?;
    let major = major(&version).with_context(|| format!("cannot read the version of node: {version}"))?;
    if major < NODE {
        bail!(
            "Node.js {NODE} or newer is needed, here is {}: install a newer one from nodejs.org",
            version.trim()
        );
    }
    Ok(())
}

fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// When the youngest source of the bundle was changed.
fn newest(ui: &Path) -> Result<Option<SystemTime>> {
    let mut newest = None;
    let mut folders = vec![ui.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if name == "node_modules" || name == "dist" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                newest = newest.max(modified(&path));
            }
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("what"), None);
    }

    #[test]
    fn the_bundle_itself_does_not_count_as_its_source() {
        let ui = tempfile::tempdir().expect("folder");
        fs::create_dir(ui.path().join("dist")).expect("folder");
        fs::write(ui.path().join("dist/index.html"), "").expect("written");
        assert_eq!(newest(ui.path()).expect("read"), None);
        fs::write(ui.path().join("vite.config.ts"), "").expect("written");
        assert_eq!(newest(ui.path()).expect("read"), modified(&ui.path().join("vite.config.ts")));
    }
}
