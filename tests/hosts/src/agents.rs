//! The real agent programs on a host, with a scripted model in that host's own network.

use anyhow::Result;
use miyabi_agent_tests::sandbox::{codex_config, python, variables};
use miyabi_agent_tests::{LABEL, Model, Programs};
use serde_json::{Map, Value, json};

use crate::files::{private_file, private_folder};
use crate::host::{HOME, Host};

/// Where the model listens on every host: the same after a reboot.
const PORT: u16 = 7077;

/// Starts a model on a host, in place of one that ended with its network.
///
/// # Errors
/// When the host is off, or Python is missing.
pub fn model(host: &Host, script: &Value) -> Result<Model> {
    Model::start_by(host.in_its_network(python()?)?, script, PORT)
}

/// What the programs on a host find in their environment: the model in its own network, and a home for Codex.
///
/// # Errors
/// When the host's disk cannot be written.
pub fn environment(host: &Host) -> Result<Map<String, Value>> {
    let url = format!("http://127.0.0.1:{PORT}");
    let home = format!("{HOME}/codex");
    let folder = host.path(&home)?;
    private_folder(&folder)?;
    private_file(&folder.join("config.toml"), &codex_config(&url))?;
    let variables = variables(&url).into_iter().chain([("CODEX_HOME".to_owned(), home)]);
    Ok(variables.map(|(name, value)| (name, value.into())).collect())
}

/// An agent's entry in `agent_config.json`: `claude` or `codex`, on this host.
///
/// # Errors
/// When the host's disk cannot be written.
pub fn agent(id: &str, host: &Host, runner: &str, programs: &Programs) -> Result<Value> {
    let environment = environment(host)?;
    let program = if runner == "claude" { &programs.claude } else { &programs.codex };
    Ok(json!({ "id": id, "host": host.name, "runner": runner, "command": [program],
        "environment": environment }))
}

/// A plan that these agents work at says so wherever it is shown.
pub fn label(plan: &mut crate::Plan) {
    plan.dag["label"] = json!(LABEL);
}
