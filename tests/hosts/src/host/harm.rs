//! What is done to a host: its servers are killed, its disk is filled, its clock and its key are changed.

use std::fs::{self, File};
use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process;

use super::{Host, Process};
use crate::files::{new_key, private_file};

impl Host {
    /// Kills processes of it in a way that they cannot hear; how many.
    ///
    /// # Errors
    /// When one was gone already.
    pub fn kill(&self, processes: &[Process]) -> Result<usize> {
        processes.iter().try_for_each(|process| self.kill_one(process))?;
        Ok(processes.len())
    }

    fn kill_one(&self, process: &Process) -> Result<()> {
        process::kill(process.pid).with_context(|| format!("{} of {}", process.line, self.name))
    }

    /// Kills its SSH server with all connections.
    ///
    /// # Errors
    /// When there is none.
    pub fn kill_sshd(&self) -> Result<()> {
        let servers = self.processes_with(|process| process.line.starts_with("sshd: "))?;
        ensure!(!servers.is_empty(), "{} has no sshd", self.name);
        for server in &servers {
            // One may end because another did.
            let _ = process::kill(server.pid);
        }
        Ok(())
    }

    /// Starts its SSH server again.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_sshd(&self) -> Result<()> {
        self.exec(&["/usr/sbin/sshd", "-f", "/run/disk/etc/sshd_config", "-E", "/run/disk/sshd.log"])?;
        self.wait_for_sshd()
    }

    /// Fills its /tmp to the last byte.
    ///
    /// # Errors
    /// When it is off.
    pub fn fill_disk(&self) -> Result<()> {
        let mut filler = File::create(self.path("/tmp/filler")?)?;
        for size in [1024 * 1024, 4096, 1] {
            let block = vec![0; size];
            while filler.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    /// Frees what [`Host::fill_disk`] took.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn free_disk(&self) -> Result<()> {
        Ok(fs::remove_file(self.path("/tmp/filler")?)?)
    }

    /// Gives it another key, as if it had been set up anew. Its server must be started again.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new_host_key(&self) -> Result<()> {
        new_key(&self.disk.join("etc/host_key"), "").map(drop)
    }

    /// Its clock, as its sessions see it from their next log-in on, is so far ahead of the laptop's.
    ///
    /// # Errors
    /// When its disk cannot be written.
    pub fn clock_offset(&self, milliseconds: i64) -> Result<()> {
        let text = format!("MIYABI_CLOCK_OFFSET_MS={milliseconds}\n");
        private_file(&self.disk.join("home/.ssh/environment"), &text)
    }
}
