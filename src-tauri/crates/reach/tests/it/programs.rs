//! The one place of these tests that starts programs.
#![expect(clippy::disallowed_methods, reason = "this module owns the starting of programs in these tests")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A program that is ended with the test.
pub(crate) struct Started(Child);

impl Started {
    pub(crate) fn id(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn command(argv: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs a program to its end, which must be a good one.
pub(crate) fn run(argv: &[&str], environment: &[(&str, &str)]) -> String {
    let output = command(argv, environment).output().unwrap_or_else(|error| panic!("{argv:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{argv:?}: {}: {stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a program ends well.
pub(crate) fn succeeds(argv: &[&str]) -> bool {
    command(argv, &[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Starts a program and waits until it says this on its stderr.
pub(crate) fn start(argv: &[&str], environment: &[(&str, &str)], ready: &str) -> Started {
    let mut child = command(argv, environment)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{argv:?}: {error}"));
    let stderr = child.stderr.take().expect("a pipe");
    let started = Started(child);
    let mut heard = String::new();
    let mut lines = BufReader::new(stderr).lines();
    for line in lines.by_ref() {
        let line = line.expect("text");
        heard.push_str(&line);
        heard.push('\n');
        if line.contains(ready) {
            // What it says later must not fill the pipe, and shows when a test fails.
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("    {line}")));
            return started;
        }
    }
    panic!("{argv:?} ended before it said {ready:?}: {heard}");
}
