//! Processes that a test starts, and their end: each by its id, whatever becomes of the test.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How long a process may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(3);

/// A program to be started.
#[expect(clippy::disallowed_methods, reason = "this module owns the processes of the tests")]
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

#[expect(clippy::disallowed_methods, reason = "the end of a process that is no child of ours sends no event")]
fn a_moment() {
    std::thread::sleep(Duration::from_millis(5));
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

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// What it prints, where its standard output is a pipe. Once.
    pub fn output(&mut self) -> Option<std::process::ChildStdout> {
        self.0.stdout.take()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        signal(self.0.id(), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.0.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.0.kill();
                let _ = self.0.wait();
                return;
            }
            a_moment();
        }
    }
}

fn signal(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // A process that is gone already needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// Kills a process at once, as a crash would, and waits until it is gone.
pub fn crash(id: u32) {
    signal(id, Signal::KILL);
    let deadline = Instant::now() + PATIENCE;
    while is_alive(id) && Instant::now() < deadline {
        a_moment();
    }
}

/// Whether a process is there and no zombie.
#[must_use]
pub fn is_alive(id: u32) -> bool {
    let there =
        i32::try_from(id).ok().and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok());
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    there && !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// The processes that hold a word in their environment: all that a desk started, directly or not.
#[must_use]
pub fn with_environment(word: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == word.as_bytes())
    })
    .collect()
}

/// The words that a process was started with.
#[must_use]
pub fn words(id: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The one of these processes that runs this program.
#[must_use]
pub fn running(ids: &[u32], program: &Path) -> Option<u32> {
    ids.iter().copied().find(|id| fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe == program))
}
