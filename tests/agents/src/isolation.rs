//! A test in namespaces of its own: a network that is only this machine, a private /tmp, and a
//! process tree that ends as a whole.
//!
//! The test's program starts itself again inside `unshare`. Its first process there only waits
//! for orphans, as an init does; the second carries out the test. Without root, or on macOS, the
//! test runs as it is, and says so.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{WaitOptions, waitpid};

use crate::process::command;

/// Which part a process plays; set by the one before it.
const PART: &str = "MIYABI_ISOLATION";
/// The folder that becomes /tmp inside.
const PRIVATE_TMP: &str = "MIYABI_ISOLATION_TMP";
/// How the name of that folder begins; the number of the test's process follows.
const FOLDER: &str = "miyabi-agents-";
const NAMESPACES: [&str; 7] =
    ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation=private"];

/// Carries out a test in namespaces of its own, where this is possible.
///
/// # Errors
/// What the test gives, or what the namespaces lack.
pub fn isolated(test: impl FnOnce() -> Result<()>) -> Result<()> {
    match std::env::var(PART).as_deref() {
        Ok("init") => wait_for_orphans(),
        Ok(_) => {
            enter()?;
            test()
        }
        Err(_) if can_isolate() => outside(),
        Err(_) => {
            eprintln!(
                "NOT ISOLATED: this needs root on Linux, with unshare and ip; the network stays in reach"
            );
            test()
        }
    }
}

/// Whether this process carries out a test inside its namespaces.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(PART).is_some()
}

fn can_isolate() -> bool {
    if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
        return false;
    }
    let mut probe = command("unshare");
    probe.args(NAMESPACES).args(["ip", "link", "set", "lo", "up"]);
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// This program again, with the words that make it carry out the same test.
fn again() -> Result<Command> {
    let mut same = command(std::env::current_exe()?);
    match std::thread::current().name() {
        Some(test) if test != "main" => same.args(["--exact", test, "--nocapture"]),
        _ => same.args(std::env::args_os().skip(1)),
    };
    Ok(same)
}

fn outside() -> Result<()> {
    sweep();
    let tmp = tempfile::Builder::new().prefix(&format!("{FOLDER}{}-", std::process::id())).tempdir()?;
    let inner = again()?;
    // Whoever kills the test kills what is inside with it.
    let mut outer = command("setpriv");
    outer
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(NAMESPACES)
        .arg("--")
        .arg(inner.get_program())
        .args(inner.get_args());
    outer.env(PART, "init").env(PRIVATE_TMP, tmp.path()).stdin(Stdio::null());
    let status = outer.status().context("unshare cannot be started")?;
    ensure!(status.success(), "the test ended with {status} inside its namespaces; see above");
    Ok(())
}

/// Removes what a test left behind that was killed: its folder names the process.
fn sweep() {
    let folders = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for folder in folders {
        let name = folder.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(FOLDER)?.split_once('-'));
        if owner.is_some_and(|(owner, _)| !Path::new("/proc").join(owner).exists()) {
            // Another test may be sweeping, too.
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

/// The first process: starts the second, takes in every orphan, and ends as the second does. With
/// it, the kernel ends all that is left.
fn wait_for_orphans() -> Result<()> {
    let child = again()?.env(PART, "inside").spawn()?;
    let id = i32::try_from(child.id())?;
    loop {
        let Some((pid, status)) = waitpid(None, WaitOptions::empty())? else { continue };
        if pid.as_raw_nonzero().get() != id {
            continue;
        }
        match status.exit_status() {
            Some(0) => return Ok(()),
            Some(code) => bail!("exit code {code}"),
            None => bail!("signal {:?}", status.terminating_signal()),
        }
    }
}

fn enter() -> Result<()> {
    run(command("ip").args(["link", "set", "lo", "up"]))?;
    let Some(tmp) = std::env::var_os(PRIVATE_TMP) else { bail!("{PRIVATE_TMP} is not set") };
    let programs = std::env::var_os("MIYABI_BIN_DIR").map(std::path::PathBuf::from);
    let places = [Some(std::env::current_exe()?), Some(crate::here("")), programs];
    if places.iter().flatten().any(|place| place.starts_with("/tmp")) {
        eprintln!("NOT ISOLATED: what is tested lies in /tmp itself, which therefore stays as it is");
        return Ok(());
    }
    run(command("mount").arg("--bind").arg(Path::new(&tmp)).arg("/tmp"))?;
    run(command("chmod").args(["1777", "/tmp"]))
}

fn run(line: &mut Command) -> Result<()> {
    let status = line.status().with_context(|| format!("{line:?}"))?;
    ensure!(status.success(), "{line:?} ended with {status}");
    Ok(())
}
