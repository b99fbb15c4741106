//! The folders of the lab, and the few files that an SSH server and its clients need.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process::command;

/// Makes a folder that is nobody else's.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?)
}

/// Writes a file that is nobody else's.
pub(crate) fn private_file(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?)
}

/// Makes a pair of keys, in place of one that is there; the public one, as a line.
///
/// # Errors
/// When `ssh-keygen` is missing.
pub fn new_key(path: &Path, passphrase: &str) -> Result<String> {
    let public = PathBuf::from(format!("{}.pub", path.display()));
    for old in [path, &public] {
        // It need not be there.
        let _ = std::fs::remove_file(old);
    }
    let mut line = command("ssh-keygen");
    line.args(["-q", "-t", "ed25519", "-C", "lab", "-N", passphrase, "-f"]).arg(path);
    run(&mut line)?;
    Ok(std::fs::read_to_string(public)?.trim().to_owned())
}

/// Runs a program to its good end; what it printed.
pub(crate) fn run(line: &mut Command) -> Result<String> {
    let output = line.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{} cannot be started", line.get_program().display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{line:?} ended with {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
