//! The plan of `examples/level6` as these tests run it: on one machine, by the installed programs,
//! with the scripted model.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::{LABEL, Programs, Sandbox};

/// Writes the plan's folder.
///
/// # Errors
/// When the example cannot be read or the folder not be written.
pub fn write_level6(folder: &Path, sandbox: &Sandbox, programs: &Programs) -> Result<()> {
    let environment: Map<String, Value> =
        sandbox.model_variables().into_iter().map(|(name, value)| (name, value.into())).collect();
    let (dag, mut config) = scripted(programs, |_| environment.clone())?;
    // The two hosts of the plan are far away; here is one machine that holds as many at once.
    config["hosts"] =
        json!([{ "id": "local", "title": "This machine", "transport": "local", "capacity": 10 }]);
    for agent in config["agents"].as_array_mut().context("agents")? {
        agent["host"] = json!("local");
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("task_dag.json"), serde_json::to_vec_pretty(&dag)?)?;
    std::fs::write(folder.join("agent_config.json"), serde_json::to_vec_pretty(&config)?)?;
    std::fs::copy(example("tmux_layout.conf"), folder.join("tmux_layout.conf"))?;
    Ok(())
}

/// `task_dag.json` and `agent_config.json` of the example, its hosts as they are, for the installed programs
/// and the scripted model. An agent gets what `environment` says for its host: the model's address as it is
/// reached from there, and a `CODEX_HOME` that is there.
///
/// # Errors
/// When the example cannot be read.
pub fn scripted(
    programs: &Programs,
    environment: impl Fn(&str) -> Map<String, Value>,
) -> Result<(Value, Value)> {
    let read = |name: &str| -> Result<Value> {
        let file = example(name);
        let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(serde_json::from_slice(&text)?)
    };
    let (mut dag, mut config) = (read("task_dag.json")?, read("agent_config.json")?);
    without_schema(&mut dag)["label"] = json!(LABEL);
    without_schema(&mut config);
    config["approvals"] = json!({ "default": "allow" });
    config["limits"]["silent_seconds"] = json!(120);
    for agent in config["agents"].as_array_mut().context("agents")? {
        let program = if agent["runner"] == "claude" { &programs.claude } else { &programs.codex };
        agent["command"] = json!([program]);
        agent["environment"] = Value::Object(environment(agent["host"].as_str().context("a host")?));
    }
    Ok((dag, config))
}

fn example(name: &str) -> PathBuf {
    crate::here("../../examples/level6").join(name)
}

/// The schema's place is told relative to the example.
fn without_schema(file: &mut Value) -> &mut Value {
    if let Some(fields) = file.as_object_mut() {
        fields.remove("$schema");
    }
    file
}

#[cfg(test)]
mod tests {
    use miyabi_plan::{NamedText, PlanText, RunnerKind, TransportKind, read};

    use super::*;
    use crate::Model;

    #[test]
    fn the_plan_is_valid_and_names_six_claude_and_nine_codex_agents() -> Result<()> {
        let model = Model::start(&json!({}))?;
        let sandbox = Sandbox::new(&model)?;
        let [claude, codex] = ["/p/claude", "/p/codex"].map(std::path::PathBuf::from);
        let programs = Programs {
            claude: claude.clone(),
            codex: codex.clone(),
            codex_mcp: codex.clone(),
            claude_acp: claude,
            codex_acp: codex,
        };
        let folder = sandbox.path("plan");
        write_level6(&folder, &sandbox, &programs)?;
        let file = |name: &str| {
            Ok::<_, anyhow::Error>(Some(NamedText::new(name, std::fs::read_to_string(folder.join(name))?)))
        };
        let text = PlanText {
            tasks: file("task_dag.json")?,
            agent_config: file("agent_config.json")?,
            tmux_layout: file("tmux_layout.conf")?,
            ..PlanText::default()
        };
        let found = read(&text);
        let plan = found.plan.with_context(|| format!("{:?}", found.findings))?;
        assert_eq!(plan.label.as_deref(), Some(LABEL));
        let of = |runner| plan.agents.iter().filter(|agent| agent.runner == runner).count();
        assert_eq!((of(RunnerKind::Claude), of(RunnerKind::Codex)), (6, 9));
        assert!(plan.hosts.iter().all(|host| host.transport == TransportKind::Local));
        for agent in &plan.agents {
            assert!(agent.environment["ANTHROPIC_BASE_URL"].starts_with("http://127.0.0.1:"), "{agent:?}");
            assert!(Path::new(&agent.environment["CODEX_HOME"]).join("config.toml").is_file(), "{agent:?}");
        }
        Ok(())
    }
}
