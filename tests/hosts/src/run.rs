//! A run as a person starts it, by `miyabi run`; what is seen of it comes from `miyabi … --json` and
//! from files.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::journal::Journal;
use crate::laptop::Laptop;
use crate::plan::Plan;
use crate::wait::until;

/// How long a machine that is busy with other work may take to come to a point.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of a plan, from a laptop.
#[derive(Debug)]
pub struct Run {
    laptop: Laptop,
    state_dir: PathBuf,
}

impl Run {
    /// Plays a plan on its hosts, so many times faster than its estimates; comes back when the run has begun.
    ///
    /// # Errors
    /// When it does not begin.
    pub fn rehearse(laptop: &Laptop, plan: &Plan, speed: u32) -> Result<Self> {
        Self::start(laptop, plan, &[&format!("--rehearse={speed}"), "--on-hosts"])
    }

    /// Starts a plan with some words more; comes back when the run has begun.
    ///
    /// # Errors
    /// When it does not begin.
    pub fn start(laptop: &Laptop, plan: &Plan, words: &[&str]) -> Result<Self> {
        let run = Self::prepare(laptop, plan)?;
        let said = run.try_start(words)?;
        let errors = String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "miyabi run ended with {}: {errors}", said.status);
        Ok(run)
    }

    /// Writes a plan, and starts nothing yet.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(laptop: &Laptop, plan: &Plan) -> Result<Self> {
        plan.write(&laptop.path("plan"))?;
        Ok(Self { laptop: laptop.clone(), state_dir: laptop.path("live").join("miyabi-level6") })
    }

    /// Starts it; how that went.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn try_start(&self, words: &[&str]) -> Result<Output> {
        std::fs::create_dir_all(self.laptop.path("live"))?;
        let plan = self.laptop.path("plan").display().to_string();
        self.miyabi(&[&["run", &plan, "--trust", "--detach"], words].concat())
    }

    /// A command of `miyabi` on this run, to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn miyabi(&self, words: &[&str]) -> Result<Output> {
        self.command(words)?.output().context("miyabi cannot be started")
    }

    /// Such a command, not started yet.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut line = self.laptop.miyabi(words)?;
        line.arg("--state-dir").arg(&self.state_dir);
        Ok(line)
    }

    /// Such a command, which must succeed; what it printed.
    ///
    /// # Errors
    /// When it does not.
    pub fn told(&self, words: &[&str]) -> Result<String> {
        let output = self.miyabi(words)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "miyabi {words:?}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn json(&self, words: &[&str]) -> Value {
        let output = self.miyabi(words);
        output.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
    }

    /// `miyabi status --json`; null where there is no answer.
    #[must_use]
    pub fn status(&self) -> Value {
        self.json(&["status", "--json"])
    }

    /// `miyabi inbox --json`.
    #[must_use]
    pub fn inbox(&self) -> Vec<Value> {
        self.json(&["inbox", "--json"]).as_array().cloned().unwrap_or_default()
    }

    /// A file of the laptop's state folder.
    #[must_use]
    pub fn state(&self, name: &str) -> PathBuf {
        self.state_dir.join(name)
    }

    /// The name of the tmux session, here and on the hosts.
    ///
    /// # Errors
    /// When there is no run.
    pub fn session(&self) -> Result<String> {
        let status = self.status();
        status["run"]["session"].as_str().map(str::to_owned).with_context(|| format!("no run: {status}"))
    }

    /// What the run decided so far.
    ///
    /// # Errors
    /// When there is no run, or its journal cannot be read.
    pub fn journal(&self) -> Result<Journal> {
        let runs = self.laptop.path("state/miyabi/runs");
        let entries = std::fs::read_dir(&runs).with_context(|| runs.display().to_string())?;
        let mut runs: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        runs.sort();
        Journal::read(&runs.last().context("no run")?.join("journal.jsonl"))
    }

    /// Looks at `miyabi status --json` until it is as wanted.
    ///
    /// # Errors
    /// When it does not come to that; with where the run stands.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> Result<T> {
        until(what, PATIENCE, || {
            let status = self.status();
            look(&status).ok_or_else(|| self.account(&status))
        })
    }

    /// Waits until a task is in this phase, as in `running`.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn phase(&self, task: &str, phase: &str) -> Result<()> {
        self.until(&format!("{task} is {phase}"), |status| {
            (entry(&status["tasks"], task)["phase"] == phase).then_some(())
        })
    }

    /// Waits until contact with a host stands so, as in `ready`; the host as it is then.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn contact(&self, host: &str, contact: &str) -> Result<Value> {
        self.until(&format!("{host} is {contact}"), |status| {
            let host = entry(&status["hosts"], host);
            (host["contact"] == contact).then(|| host.clone())
        })
    }

    /// Waits for the good end of the run, and makes sure of what must hold of every run.
    ///
    /// # Errors
    /// When it does not end, does not end well, or a rule of the journal is broken.
    pub fn completed(&self) -> Result<Value> {
        self.completed_within(PATIENCE)
    }

    /// The same with more patience.
    ///
    /// # Errors
    /// As [`Run::completed`].
    pub fn completed_within(&self, patience: Duration) -> Result<Value> {
        let status = until("the end of the run", patience, || {
            let status = self.status();
            let phase = status["run"]["phase"].as_str().unwrap_or("planned");
            if ["planned", "running", "paused"].contains(&phase) {
                return Err(self.account(&status));
            }
            Ok(status)
        })?;
        ensure!(status["run"]["phase"] == "completed", "{}", self.account(&status));
        ensure!(status["run"]["completed"] == status["run"]["total"], "{}", self.account(&status));
        self.journal()?.holds()?;
        Ok(status)
    }

    /// All that helps to find the reason of a failure.
    fn account(&self, status: &Value) -> String {
        let mut text = format!("run: {} {}\n", status["run"]["phase"], status["run"]["stuck"]);
        for host in status["hosts"].as_array().into_iter().flatten() {
            let (id, contact) = (&host["id"], &host["contact"]);
            text += &format!("{id} {contact} unverified {} {}\n", host["unverified"], host["problem"]);
        }
        for task in status["tasks"].as_array().into_iter().flatten() {
            let (id, phase, agent) = (&task["id"], &task["phase"], &task["agent"]);
            let attempts = task["attempts"].as_array().map_or(0, Vec::len);
            text += &format!("{id} {phase} {agent} {attempts} waiting {}\n", task["waiting"]);
        }
        let log = std::fs::read_to_string(self.state("logs/orchestrator.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        text += &lines[lines.len().saturating_sub(25)..].join("\n");
        text
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // The kernel would end it, too; this is kinder to what is in the folder.
        let _ = self.miyabi(&["stop", "--all"]);
    }
}

/// The entry of a list that has this id; null where there is none.
#[must_use]
pub fn entry<'a>(list: &'a Value, id: &str) -> &'a Value {
    let found = list.as_array().into_iter().flatten().find(|entry| entry["id"] == id);
    found.unwrap_or(&Value::Null)
}
