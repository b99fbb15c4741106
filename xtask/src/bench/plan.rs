//! Plans that are made for measuring, as the files that a person would write.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// One task of such a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanTask {
    pub(crate) id: String,
    pub(crate) agent: String,
    pub(crate) needs: Vec<String>,
}

/// Who carries the tasks out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// Loops of our own over the status files.
    External,
    /// The program `true`, started for each task.
    True,
}

/// A plan folder that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanFolder {
    pub(crate) tasks: Vec<PlanTask>,
    pub(crate) agents: Vec<String>,
    pub(crate) runner: Runner,
}

impl PlanFolder {
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        for (name, value) in [("task_dag.json", self.task_dag()), ("agent_config.json", self.agent_config())]
        {
            let path = folder.join(name);
            fs::write(&path, value.to_string())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn task_dag(&self) -> Value {
        let task = |(rank, task): (usize, &PlanTask)| {
            json!({
                "id": task.id, "title": "empty", "prompt": "Do nothing.", "agent": task.agent,
                "needs": task.needs, "priority": rank, "estimated_seconds": 1
            })
        };
        let tasks: Vec<_> = self.tasks.iter().enumerate().map(task).collect();
        // An agent keeps to its own tasks where the measuring loops expect them.
        json!({ "name": "bench", "work_stealing": self.runner == Runner::True, "tasks": tasks })
    }

    fn agent_config(&self) -> Value {
        let agent = |id: &String| match self.runner {
            Runner::External => json!({ "id": id, "runner": "external" }),
            Runner::True => json!({ "id": id, "runner": "command", "command": ["true"] }),
        };
        json!({ "agents": self.agents.iter().map(agent).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_those_of_a_plan() {
        let task = PlanTask { id: "b".into(), agent: "B-1".into(), needs: vec!["a".into()] };
        let plan = PlanFolder { tasks: vec![task], agents: vec!["B-1".into()], runner: Runner::True };
        assert_eq!(plan.task_dag()["tasks"][0]["needs"], json!(["a"]));
        assert_eq!(plan.agent_config()["agents"][0]["command"], json!(["true"]));
    }
}
