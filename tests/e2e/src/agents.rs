//! A desk on which the real agent programs work, with the scripted model behind them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, Result};
use miyabi_agent_tests::{LABEL, Model, Programs, Sandbox, isolated};
use serde_json::{Map, Value, json};

use crate::Desk;

/// Carries out a test with the installed agent programs, where root allows it in a network that
/// holds this machine alone. Without the programs it says so, and shows nothing.
///
/// # Errors
/// What the test gives.
pub fn with_agents<F: Future<Output = Result<()>>>(test: impl FnOnce(Programs) -> F) -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(test(programs))
    })
}

/// The model, and what an agent must find in its environment to reach it.
#[derive(Debug)]
pub struct Scripted {
    /// The model itself.
    pub model: Model,
    sandbox: Sandbox,
}

impl Scripted {
    /// Starts the model with a script.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(script: &Value) -> Result<Self> {
        let model = Model::start(script)?;
        let sandbox = Sandbox::new(&model)?;
        Ok(Self { model, sandbox })
    }

    /// Writes a plan of these tasks for one Claude Code agent, `CCG-1`, that must ask for whatever
    /// is no file of the work folder.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_plan(&self, folder: &Path, claude: &Path, tasks: &Value) -> Result<()> {
        std::fs::create_dir_all(folder.join("work"))?;
        let dag = json!({
            "version": "1.0.0", "name": "greeting", "title": "A greeting for the reader",
            "label": LABEL, "work_folder": "work", "tasks": tasks
        });
        let environment: Map<String, Value> =
            self.sandbox.model_variables().into_iter().map(|(name, value)| (name, value.into())).collect();
        let config = json!({
            "version": "1.0.0",
            "hosts": [{ "id": "local", "title": "This machine", "transport": "local", "capacity": 2 }],
            "agents": [{
                "id": "CCG-1", "title": "Writer", "host": "local", "runner": "claude",
                "command": [claude], "environment": environment
            }],
            "approvals": { "default": "ask" },
            "budget": { "run_usd": 5 },
            "limits": { "retries": 0 }
        });
        std::fs::write(folder.join("task_dag.json"), dag.to_string())?;
        Ok(std::fs::write(folder.join("agent_config.json"), config.to_string())?)
    }

    /// Has agents of plans that say nothing of a model find this one, and Claude Code by its name.
    ///
    /// # Errors
    /// When the program has no folder.
    pub fn settle_on(&self, desk: &mut Desk, claude: &Path) -> Result<()> {
        for (name, value) in self.sandbox.model_variables() {
            desk.set(&name, value);
        }
        let folder = claude.parent().context("the program lies in a folder")?.to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        desk.set("PATH", std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&path)))?);
        Ok(())
    }

    /// The last request to the model, whole.
    ///
    /// # Errors
    /// When the model does not answer.
    pub fn last_request(&self) -> Result<String> {
        let url = self.model.url();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://"))?;
        write!(stream, "GET /__last HTTP/1.1\r\nHost: model\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
