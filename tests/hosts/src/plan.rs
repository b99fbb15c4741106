//! Plans for the lab's hosts: Level 6 as it ships, with limits that let a drill be over soon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use miyabi_agent_tests::{Programs, here};
use serde_json::{Value, json};

use crate::host::{Host, WORK};

/// The state folder on each host.
pub const STATE: &str = "/tmp/miyabi-level6";
/// After how many seconds without an answer a host counts as lost, in these tests.
pub const LOST_AFTER: u64 = 2;

/// The tasks of Level 6 that MUGEN works at all at once.
pub const OF_MUGEN: [&str; 4] = ["Task-2", "Task-3", "Task-4", "Task-5"];
/// The same of MAJIN, just after them.
pub const OF_MAJIN: [&str; 2] = ["Task-6", "Task-7"];

/// A plan folder in the making: `task_dag.json` and `agent_config.json`.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The tasks.
    pub dag: Value,
    /// Agents, hosts and limits.
    pub config: Value,
    layout: Option<PathBuf>,
}

impl Plan {
    /// `examples/level6` on these hosts.
    ///
    /// # Errors
    /// When the example cannot be read.
    pub fn level6(hosts: &[&Host]) -> Result<Self> {
        let example = here("../../examples/level6");
        let read = |name: &str| -> Result<Value> {
            let file = example.join(name);
            let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let mut value: Value = serde_json::from_slice(&text)?;
            // The schema's place is told relative to the example.
            value.as_object_mut().context("an object")?.remove("$schema");
            Ok(value)
        };
        let (dag, config) = (read("task_dag.json")?, read("agent_config.json")?);
        let mut plan = Self { dag, config, layout: Some(example.join("tmux_layout.conf")) };
        for host in plan.config["hosts"].as_array_mut().context("hosts")? {
            if hosts.iter().any(|lab| host["id"] == lab.name) {
                fit(host);
            }
        }
        plan.limits();
        Ok(plan)
    }

    /// Level 6 to be done, by the real programs on these hosts with the scripted model.
    ///
    /// # Errors
    /// When the example cannot be read, or a host's disk not be written.
    pub fn level6_at_work(hosts: &[&Host], programs: &Programs) -> Result<Self> {
        let mut environments = BTreeMap::new();
        for host in hosts {
            environments.insert(host.name, crate::agents::environment(host)?);
        }
        let of = |host: &str| environments.get(host).cloned().unwrap_or_default();
        let (dag, config) = miyabi_agent_tests::plan::scripted(programs, of)?;
        let layout = here("../../examples/level6").join("tmux_layout.conf");
        let mut plan = Self { dag, config, layout: Some(layout) };
        for host in plan.config["hosts"].as_array_mut().context("hosts")? {
            if hosts.iter().any(|lab| host["id"] == lab.name) {
                fit(host);
            }
        }
        plan.limits();
        Ok(plan)
    }

    /// A plan of tasks and agents of a test's own, on the lab's hosts and this machine.
    #[must_use]
    pub fn of(tasks: &[Value], agents: &[Value], hosts: &[&Host]) -> Self {
        let dag = json!({ "version": "1.0.0", "name": "lab", "title": "In the lab", "work_folder": "work",
            "tasks": tasks });
        let entry = |host: &&Host| {
            let mut entry =
                json!({ "id": host.name, "transport": "ssh", "address": host.alias, "capacity": 10 });
            fit(&mut entry);
            entry
        };
        let local = json!({ "id": "local", "transport": "local", "capacity": 4 });
        let hosts: Vec<Value> = hosts.iter().map(entry).chain([local]).collect();
        let config = json!({ "version": "1.0.0", "hosts": hosts, "agents": agents, "limits": {},
            "approvals": { "default": "allow" } });
        let mut plan = Self { dag, config, layout: None };
        plan.limits();
        plan
    }

    fn limits(&mut self) {
        let limits = &mut self.config["limits"];
        limits["lost_after_seconds"] = json!(LOST_AFTER);
        limits["back_off_seconds"] = json!(1);
        limits["stagger_seconds"] = json!(1);
    }

    /// The same plan, with an automatic failover, as in `after 6s`.
    #[must_use]
    pub fn with_failover(mut self, when: &str) -> Self {
        self.config["failover"] = json!(when);
        self
    }

    /// The same plan, with ten times shorter tasks but for these: a drill that is about them is over sooner.
    #[must_use]
    pub fn quick_but(mut self, tasks: &[&str]) -> Self {
        for task in self.dag["tasks"].as_array_mut().into_iter().flatten() {
            let seconds = task["estimated_seconds"].as_u64().unwrap_or(10);
            if !tasks.iter().any(|slow| task["id"] == *slow) {
                task["estimated_seconds"] = json!((seconds / 10).max(1));
            }
        }
        self
    }

    /// Writes the plan's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, value) in [("task_dag.json", &self.dag), ("agent_config.json", &self.config)] {
            std::fs::write(folder.join(name), serde_json::to_vec_pretty(value)?)?;
        }
        if let Some(layout) = &self.layout {
            std::fs::copy(layout, folder.join("tmux_layout.conf"))?;
        }
        Ok(())
    }
}

/// Where things lie on a host of the lab, whose /tmp is small.
fn fit(host: &mut Value) {
    host["state_dir"] = json!(STATE);
    host["work_folder"] = json!(WORK);
    host["min_free_disk_mib"] = json!(8);
    host["min_free_memory_mib"] = json!(64);
}
