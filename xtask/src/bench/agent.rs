//! An agent that knows only the files: a loop over its own status file, as other people write it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::wait::until;

/// How long an offer may take before a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// One agent and its status file.
#[derive(Debug, Clone)]
pub(crate) struct FileAgent {
    id: String,
    file: PathBuf,
}

impl FileAgent {
    pub(crate) fn new(state_dir: &Path, id: &str) -> Self {
        Self { id: id.to_owned(), file: state_dir.join(format!("agent_{id}_status.json")) }
    }

    /// What the file says; nothing where it is missing.
    pub(crate) fn read(&self) -> Option<Value> {
        serde_json::from_slice(&fs::read(&self.file).ok()?).ok()
    }

    /// Waits until the file has this status, with this task if one is named.
    pub(crate) fn wait(&self, status: &str, task: Option<&str>) -> Result<Value> {
        let what = format!("{} of {} ({})", status, self.id, task.unwrap_or("any task"));
        until(&what, PATIENCE, || {
            let file = self.read()?;
            let same = file["status"] == status && task.is_none_or(|task| file["task_id"] == task);
            same.then_some(file)
        })
    }

    /// Writes a status and returns the moment just before the file was there.
    pub(crate) fn write(&self, status: &str, task: Option<&str>) -> Result<Instant> {
        let mut file = self.read().unwrap_or_else(|| json!({}));
        let new = json!({
            "agent_id": self.id, "task_id": task, "status": status, "progress": 0.0,
            "started_at": null, "output_files": [], "errors": [], "next_task": null
        });
        if let (Some(file), Value::Object(new)) = (file.as_object_mut(), new) {
            file.extend(new);
        }
        let temporary = self.file.with_extension("new");
        let named = || format!("cannot write {}", self.file.display());
        fs::write(&temporary, file.to_string()).with_context(named)?;
        let moment = Instant::now();
        fs::rename(&temporary, &self.file).with_context(named)?;
        Ok(moment)
    }
}
