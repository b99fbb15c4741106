//! Files of the protocol as another program sees them, and agents that are played by hand.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{SOON, eventually};

/// A JSON file that others write; none while it is missing or torn.
#[must_use]
pub fn read(file: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// A state folder.
#[derive(Debug, Clone)]
pub struct StateFolder(pub PathBuf);

impl StateFolder {
    /// A task's entry in `task_queue.json`.
    #[must_use]
    pub fn task(&self, task: &str) -> Option<Value> {
        let queue = read(&self.0.join("task_queue.json"))?;
        queue["tasks"].as_array()?.iter().find(|entry| entry["task_id"] == task).cloned()
    }

    /// Waits until the queue says this of a task.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn queue_says(&self, task: &str, key: &str, value: &str) -> Result<()> {
        let says = || async { self.task(task).filter(|entry| entry[key] == value).map(drop) };
        eventually(&format!("{task} with {key} {value} in task_queue.json"), SOON, says).await
    }

    fn status_file(&self, agent: &str) -> PathBuf {
        self.0.join(format!("agent_{agent}_status.json"))
    }

    /// Waits until an agent is given work. Answers the task.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn is_given_work(&self, agent: &str) -> Result<String> {
        let file = self.status_file(agent);
        let busy = || async {
            let status = read(&file).filter(|status| status["status"] == "BUSY")?;
            status["task_id"].as_str().map(str::to_owned)
        };
        eventually(&format!("work for {agent}"), SOON, busy).await
    }

    /// Has an agent of the test's own appear, free.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn agent_appears(&self, agent: &str) -> Result<()> {
        let whole = json!({
            "agent_id": agent, "task_id": null, "status": "IDLE", "progress": 0.0, "started_at": null,
            "updated_at": null, "output_files": [], "errors": [], "next_task": null
        });
        replace(&self.status_file(agent), &whole)
    }

    /// Writes an agent's status as a program that knows the files alone would.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn agent_says(&self, agent: &str, status: &str, errors: &[&str]) -> Result<()> {
        let file = self.status_file(agent);
        let mut whole = read(&file).with_context(|| format!("{} is not readable", file.display()))?;
        whole["status"] = json!(status);
        whole["errors"] = json!(errors);
        if let Some(keys) = whole.as_object_mut() {
            keys.remove("miyabi");
        }
        replace(&file, &whole)
    }
}

fn replace(file: &Path, whole: &Value) -> Result<()> {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, whole.to_string())?;
    Ok(std::fs::rename(fresh, file)?)
}

/// Writes a plan of two tasks in a row, with one agent that a test plays, and no second try.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_small_plan(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder.join("work"))?;
    let task = |id: &str, needs: &[&str]| {
        json!({
            "id": id, "title": id, "prompt": id, "agent": "CG-1", "needs": needs, "priority": 1,
            "estimated_seconds": 60, "module": "small", "outputs": [], "acceptance": []
        })
    };
    let dag = json!({
        "version": "1.0.0", "name": "small", "title": "Two tasks in a row", "work_folder": "work",
        "tasks": [task("Task-1", &[]), task("Task-2", &["Task-1"])]
    });
    let config = json!({
        "version": "1.0.0",
        "hosts": [{ "id": "local", "title": "This machine", "transport": "local", "capacity": 2, "labels": [] }],
        "agents": [{ "id": "CG-1", "title": "Hand", "host": "local", "runner": "external" }],
        "limits": { "retries": 0 }
    });
    std::fs::write(folder.join("task_dag.json"), dag.to_string())?;
    Ok(std::fs::write(folder.join("agent_config.json"), config.to_string())?)
}
