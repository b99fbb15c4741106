//! Processes that a test starts, and their end.

use std::ffi::OsStr;
use std::fs;
use std::process::{Child, Command};

use anyhow::{Context as _, Result};
pub use rustix::process::Pid;
use rustix::process::{Signal, kill_process};

/// A program to be started.
#[expect(clippy::disallowed_methods, reason = "this module owns the starting of programs in these tests")]
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// What another program does sends this one no event: it is looked at again after a moment.
#[expect(clippy::disallowed_methods, reason = "there is no event to wait for")]
pub fn a_moment() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

/// Does nothing for a while, where that is what is measured.
#[expect(clippy::disallowed_methods, reason = "time itself is waited for")]
pub fn rest(time: std::time::Duration) {
    std::thread::sleep(time);
}

/// A child that ends with the test.
#[derive(Debug)]
pub struct Guarded(Child);

impl Guarded {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be started; the error names it.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(command.spawn().with_context(|| format!("{name} cannot be started; is it installed?"))?))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn wait(&mut self) -> Result<std::process::ExitStatus> {
        Ok(self.0.wait()?)
    }

    /// How it ended, where it has.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// What it reads from, where its standard input is a pipe. Once.
    pub fn input(&mut self) -> Option<std::process::ChildStdin> {
        self.0.stdin.take()
    }

    /// What it prints, where its standard output is a pipe. Once.
    pub fn output(&mut self) -> Option<std::process::ChildStdout> {
        self.0.stdout.take()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills all processes that hold a word in their environment: what a sandbox started, directly or
/// not. What one of them starts meanwhile is found by the next look.
pub fn kill_with_environment(word: &str) {
    for _ in 0..10 {
        let left = with_environment(word);
        if left.is_empty() {
            return;
        }
        for pid in left {
            // A process that is gone already needs no signal.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Processes in whose command line a word stands.
#[must_use]
pub fn with_word(word: &str) -> Vec<Pid> {
    let holds = |id: &Pid| {
        let line = fs::read(format!("/proc/{}/cmdline", id.as_raw_nonzero())).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word)
    };
    all().filter(holds).collect()
}

/// The processes that run a program and hold a word in their environment, the oldest first.
#[must_use]
pub fn running(program: &std::path::Path, word: &str) -> Vec<Pid> {
    let runs = |pid: &Pid| {
        let link = fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero()));
        link.is_ok_and(|link| fs::canonicalize(program).is_ok_and(|program| program == link))
    };
    let mut found: Vec<Pid> = with_environment(word).into_iter().filter(runs).collect();
    found.sort_by_key(|pid| pid.as_raw_nonzero());
    found
}

/// Kills a process in a way that it cannot hear.
///
/// # Errors
/// When it is gone already.
pub fn kill(pid: Pid) -> Result<()> {
    Ok(kill_process(pid, Signal::KILL)?)
}

/// All processes that can be seen from here.
pub fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

fn with_environment(word: &str) -> Vec<Pid> {
    let holds = |id: &Pid| {
        let environment = fs::read(format!("/proc/{}/environ", id.as_raw_nonzero())).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == word.as_bytes())
    };
    all().filter(holds).collect()
}
