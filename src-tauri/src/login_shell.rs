//! A program that macOS starts from the Finder gets a bare `PATH`, in which neither tmux nor any
//! agent is found. It then takes the environment that a login shell would have.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Set in the second start, so that there is never a third.
const TAKEN: &str = "MIYABI_LOGIN_ENVIRONMENT";

#[expect(clippy::disallowed_methods, reason = "this module owns the program's own second start")]
fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Starts this program again in the login shell's environment, where that is needed. Comes back
/// when it is not, or when it fails: then the environment stays as it is.
pub(crate) fn take_environment() {
    // A terminal sets TERM; the Finder does not.
    let from_finder = std::env::var_os("TERM").is_none() && std::env::var_os(TAKEN).is_none();
    if !cfg!(target_os = "macos") || !from_finder {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let shell = std::env::var_os("SHELL").unwrap_or_else(|| OsString::from("/bin/zsh"));
    // An interactive login shell reads all the files in which people set their PATH.
    let Ok(output) = command(shell).args(["-l", "-i", "-c", "/usr/bin/env -0"]).output() else { return };
    let error = command(program)
        .args(std::env::args_os().skip(1))
        .envs(variables(&output.stdout))
        .env(TAKEN, "1")
        .exec();
    eprintln!("miyabi-desktop: the login shell's environment cannot be taken: {error}");
}

/// Reads what `env -0` prints. What a shell's files print before it is on lines of their own, and
/// spoils at most the first variable's name.
fn variables(output: &[u8]) -> Vec<(&OsStr, &OsStr)> {
    let pairs = output.split(|byte| *byte == 0).filter_map(|entry| {
        let equals = entry.iter().position(|byte| *byte == b'=')?;
        let name = entry[..equals].rsplit(|byte| *byte == b'\n').next()?;
        Some((OsStr::from_bytes(name), OsStr::from_bytes(&entry[equals + 1..])))
    });
    pairs.filter(|(name, _)| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_of_the_shell_spoils_no_variable() {
        let read = variables(b"Welcome!\nPATH=/opt/bin:/bin\0EMPTY=\0MULTI=a\nb=c\0rest");
        let expected = [("PATH", "/opt/bin:/bin"), ("EMPTY", ""), ("MULTI", "a\nb=c")];
        assert_eq!(read, expected.map(|(name, value)| (OsStr::new(name), OsStr::new(value))));
    }
}
