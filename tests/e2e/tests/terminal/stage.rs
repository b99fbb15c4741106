//! A machine of its own for one run without a window: a home, a tmux server, a state folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use miyabi_e2e::files::StateFolder;
use miyabi_e2e::process;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Each execution leaves a line; the prompt's first line is the work.
const PROGRAM: &str = r#"echo "$MIYABI_TASK $MIYABI_TRY $$" >> "$MIYABI_PLAN_DIR/ledger"
eval "$(printf '%s\n' "$MIYABI_PROMPT" | head -n 1)""#;

/// An agent that runs the first line of its prompt.
pub(crate) fn agent(id: &str) -> Value {
    json!({ "id": id, "title": id, "runner": "command", "command": ["sh", "-c", PROGRAM] })
}

/// An `agent_config.json`: two agents, and retries without a pause.
pub(crate) fn two_agents() -> Value {
    json!({ "agents": [agent("CG-1"), agent("CG-2")], "limits": { "back_off_seconds": 0 } })
}

/// The folder in which our programs were built.
pub(crate) fn programs() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    Ok(test.ancestors().nth(2).context("a build folder")?.to_owned())
}

/// Whatever was started on it ends with it.
pub(crate) struct Stage(TempDir);

impl Stage {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("miyabi-stage-").tempdir()?;
        for name in ["home", "runtime", "tmux", "state", "plan"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        Ok(Self(folder))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn state(&self) -> StateFolder {
        StateFolder(self.path("state/run"))
    }

    /// Two agents that run shell lines; tasks as id, agent, need, shell line.
    pub(crate) fn plan(&self, tasks: &[(&str, &str, &[&str], &str)]) -> Result<()> {
        let task = |(id, agent, needs, line): &(&str, &str, &[&str], &str)| json!({ "id": id, "title": id, "prompt": line, "agent": agent, "needs": needs, "estimated_seconds": 1 });
        let tasks: Vec<Value> = tasks.iter().map(task).collect();
        let dag = json!({ "name": "stage", "title": "Stage", "work_folder": "work", "tasks": tasks });
        self.write_plan(&dag, &two_agents())
    }

    /// Any plan: its two files.
    pub(crate) fn write_plan(&self, dag: &Value, config: &Value) -> Result<()> {
        std::fs::write(self.path("plan/task_dag.json"), dag.to_string())?;
        Ok(std::fs::write(self.path("plan/agent_config.json"), config.to_string())?)
    }

    /// What the programs left: task, try and process of each execution.
    pub(crate) fn ledger(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("plan/ledger")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn miyabi(&self, words: &[&str]) -> Result<Output> {
        Ok(self.command(words)?.output()?)
    }

    /// `miyabi` with these words, about this stage's run.
    pub(crate) fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = self.program(programs()?.join("miyabi"));
        command.args(words).arg("--state-dir").arg(self.state().0);
        Ok(command)
    }

    /// A program with the environment of this stage.
    pub(crate) fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = process::command(program);
        command.env_clear().current_dir(self.path("home")).stdin(Stdio::null());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        for (name, place) in [
            ("HOME", "home"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("XDG_STATE_HOME", "home/state"),
            ("TMUX_TMPDIR", "tmux"),
        ] {
            command.env(name, self.path(place));
        }
        command
    }

    pub(crate) fn status(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.miyabi(&["status", "--json"])?.stdout)?)
    }

    pub(crate) fn backend(&self) -> Result<u32> {
        let is_backend = |id: &u32| {
            let words = process::words(*id);
            words.get(1).is_some_and(|word| word == "orchestrate")
                && words.first().is_some_and(|word| Path::new(word).ends_with("miyabi"))
        };
        self.processes().into_iter().find(is_backend).context("no backend is at work")
    }

    /// Kills all that runs here, tmux too. What one of them starts while it is being ended is found
    /// by the next look.
    pub(crate) fn crash_all(&self) {
        for _ in 0..10 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(process::crash);
        }
    }

    fn processes(&self) -> Vec<u32> {
        process::with_environment(&format!("TMUX_TMPDIR={}", self.path("tmux").display()))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.crash_all();
    }
}
