//! The one place of this crate that starts other programs, and only to read what they print.
#![expect(clippy::disallowed_methods, reason = "this module owns the starting of programs")]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a program printed to its standard output, when it succeeded.
pub(crate) fn printed<S: AsRef<OsStr>>(program: &Path, args: &[S]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a program printed to its standard output after it was told this on its standard input, when
/// it succeeded.
pub(crate) fn told<S: AsRef<OsStr>>(program: &Path, args: &[S], input: &[u8]) -> Option<String> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // One that does not listen may answer all the same.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
