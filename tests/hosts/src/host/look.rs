//! What runs on a host, seen from the laptop: nothing is started on the host for it.

use std::fs;

use anyhow::Result;
use miyabi_agent_tests::process::{self, Pid};

use super::Host;
use crate::files::run;

/// A moment in the life of a host's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// One process of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number, as the laptop counts.
    pub pid: Pid,
    /// The number of the process that started it.
    pub parent: i32,
    /// Its short name.
    pub name: String,
    /// Its command line.
    pub line: String,
}

impl Host {
    /// Its processes; nothing is started on it for the look.
    ///
    /// # Errors
    /// When it is off.
    pub fn processes(&self) -> Result<Vec<Process>> {
        let space = fs::read_link(format!("/proc/{}/ns/pid", self.init()?.as_raw_nonzero()))?;
        let here = |pid: &Pid| {
            fs::read_link(format!("/proc/{}/ns/pid", pid.as_raw_nonzero())).is_ok_and(|own| own == space)
        };
        let process = |pid: Pid| {
            let file = |name| fs::read(format!("/proc/{}/{name}", pid.as_raw_nonzero())).ok();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned();
            let stat = text(file("stat")?);
            // Behind the name, which may hold anything, come the state and the parent.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some(Process { pid, parent, name: text(file("comm")?), line: text(file("cmdline")?) })
        };
        Ok(process::all().filter(here).filter_map(process).collect())
    }

    /// Its processes that fit.
    ///
    /// # Errors
    /// When it is off.
    pub fn processes_with(&self, fits: impl Fn(&Process) -> bool) -> Result<Vec<Process>> {
        Ok(self.processes()?.into_iter().filter(fits).collect())
    }

    /// Helpers of ours that serve a backend.
    ///
    /// # Errors
    /// When it is off.
    pub fn helpers(&self) -> Result<Vec<Process>> {
        Ok(first_of_each(self.processes_with(|process| {
            let mut words = process.line.split(' ');
            words.next().is_some_and(|program| program.contains("miyabi-host"))
                && words.next() == Some("serve")
        })?))
    }

    /// The tmux servers.
    ///
    /// # Errors
    /// When it is off.
    pub fn tmux_servers(&self) -> Result<Vec<Process>> {
        Ok(first_of_each(self.processes_with(|process| process.name == "tmux: server")?))
    }

    /// The processes of sshd that serve a connection, two for each that is let in as root: one.
    ///
    /// # Errors
    /// When it is off.
    pub fn connections(&self) -> Result<Vec<Process>> {
        self.processes_with(|process| {
            process.line.starts_with("sshd: ") && !process.line.contains("[listener]")
        })
    }

    /// The laptop's ports of the connections to its SSH server.
    ///
    /// # Errors
    /// When it is off.
    pub fn ports(&self) -> Result<Vec<u16>> {
        let list = self.exec(&["ss", "-Htn", "state", "established", "( sport = :22 )"])?;
        let peer = |line: &str| line.split_whitespace().last()?.rsplit_once(':')?.1.parse().ok();
        Ok(list.lines().filter_map(peer).collect())
    }

    /// A mark, for [`Host::started_since`].
    ///
    /// # Errors
    /// When it is off.
    pub fn mark(&self) -> Result<Mark> {
        // Its kernel counts processes and threads, and the shell is told its own number.
        let own = run(self.command("sh")?.args(["-c", "echo $$"]))?;
        Ok(Mark(own.trim().parse()?))
    }

    /// How many processes and threads were started on it since a mark, the look itself left out.
    ///
    /// # Errors
    /// When it is off.
    pub fn started_since(&self, mark: Mark) -> Result<u64> {
        Ok(self.mark()?.0 - mark.0 - 1)
    }
}

/// Leaves out a child that was born a moment ago and is not yet the program that it will be.
fn first_of_each(mut processes: Vec<Process>) -> Vec<Process> {
    let numbers: Vec<i32> = processes.iter().map(|process| process.pid.as_raw_nonzero().get()).collect();
    processes.retain(|process| !numbers.contains(&process.parent));
    processes
}
