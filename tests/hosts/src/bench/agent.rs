//! An agent that knows only the files: played from the laptop, on the host's own file system, so that nothing is
//! started on the host for it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use miyabi_agent_tests::process;
use serde_json::{Value, json};

/// How long an offer may take before a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a file is looked at: the precision of every time that is measured by it.
const LOOK: Duration = Duration::from_micros(200);

/// One agent and its status file.
#[derive(Debug, Clone)]
pub(super) struct FileAgent {
    id: String,
    file: PathBuf,
}

impl FileAgent {
    pub(super) fn new(state_dir: &Path, id: &str) -> Self {
        Self { id: id.to_owned(), file: state_dir.join(format!("agent_{id}_status.json")) }
    }

    fn read(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(&self.file).ok()?).ok()
    }

    /// Waits until the file has this status, with this task if one is named.
    pub(super) fn wait(&self, status: &str, task: Option<&str>) -> Result<()> {
        let begun = Instant::now();
        loop {
            let file = self.read();
            let fits =
                |file: &Value| file["status"] == status && task.is_none_or(|task| file["task_id"] == task);
            if file.as_ref().is_some_and(fits) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("{} never came to {status} {task:?}; its file says {file:?}", self.id);
            }
            process::rest(LOOK);
        }
    }

    /// Writes a status; the moment just before the file was there.
    pub(super) fn write(&self, status: &str, task: Option<&str>) -> Result<Instant> {
        let mut file = self.read().unwrap_or_else(|| json!({}));
        let new = json!({ "agent_id": self.id, "task_id": task, "status": status, "progress": 0.0,
            "started_at": null, "output_files": [], "errors": [], "next_task": null });
        if let (Some(file), Value::Object(new)) = (file.as_object_mut(), new) {
            file.extend(new);
        }
        let temporary = self.file.with_extension("new");
        std::fs::write(&temporary, file.to_string()).with_context(|| temporary.display().to_string())?;
        let moment = Instant::now();
        std::fs::rename(&temporary, &self.file)?;
        Ok(moment)
    }
}
