//! Somebody who looks at the status files of all sites all the time, to see what no journal can tell: whether a
//! task was really at work in two places at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;

use anyhow::{Result, ensure};
use miyabi_agent_tests::process;
use serde_json::Value;

/// The folders as they lie now: a host that was rebooted has another one.
type Folders = Arc<RwLock<Vec<PathBuf>>>;

/// The one who looks.
#[derive(Debug)]
pub struct Witness {
    folders: Folders,
    is_over: Arc<AtomicBool>,
    looking: Option<JoinHandle<(BTreeSet<String>, u64)>>,
}

impl Witness {
    /// Begins to look at state folders, the laptop's among them.
    #[must_use]
    pub fn of(folders: Vec<PathBuf>) -> Self {
        let folders = Arc::new(RwLock::new(folders));
        let is_over = Arc::new(AtomicBool::new(false));
        let (at, ends) = (Arc::clone(&folders), Arc::clone(&is_over));
        let looking = std::thread::spawn(move || look(&at, &ends));
        Self { folders, is_over, looking: Some(looking) }
    }

    /// From now on, these are the folders.
    pub fn look_at(&self, folders: Vec<PathBuf>) {
        if let Ok(mut current) = self.folders.write() {
            *current = folders;
        }
    }

    /// Ends the looking.
    ///
    /// # Errors
    /// When a task was seen at work twice at once, or too little was seen to say so.
    pub fn saw_no_task_twice(mut self) -> Result<()> {
        let (twice, looks) = self.end();
        ensure!(looks > 10, "only {looks} looks");
        ensure!(twice.is_empty(), "at work twice at once: {twice:#?}");
        Ok(())
    }

    fn end(&mut self) -> (BTreeSet<String>, u64) {
        self.is_over.store(true, Ordering::SeqCst);
        self.looking.take().and_then(|looking| looking.join().ok()).unwrap_or_default()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.end();
    }
}

fn look(folders: &Folders, is_over: &AtomicBool) -> (BTreeSet<String>, u64) {
    let (mut twice, mut looks) = (BTreeSet::new(), 0);
    while !is_over.load(Ordering::SeqCst) {
        let folders = folders.read().map(|folders| folders.clone()).unwrap_or_default();
        let first: Vec<Work> = folders.iter().flat_map(|folder| at_work(folder)).collect();
        for (number, one) in first.iter().enumerate() {
            let others = first[number + 1..].iter().filter(|other| other.task == one.task);
            // The first may have ended before the second was looked at: both must still be at it.
            twice.extend(others.filter(|other| one.goes_on() && other.goes_on() && one.goes_on()).map(
                |other| {
                    format!(
                        "{}: {} ({}) and {} ({})",
                        one.task, one.attempt, one.host, other.attempt, other.host
                    )
                },
            ));
        }
        looks += 1;
        process::a_moment();
    }
    (twice, looks)
}

#[derive(Debug, PartialEq, Eq)]
struct Work {
    file: PathBuf,
    task: String,
    attempt: String,
    host: String,
}

impl Work {
    fn read(file: &Path, is_remote: bool) -> Option<Self> {
        let status: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let host = text(&status["miyabi"]["host"])?;
        // On the laptop lie mirrors of what is elsewhere.
        let is_itself = is_remote || host == "local";
        (is_itself && status["status"] == "IN_PROGRESS").then_some(())?;
        let attempt = status["miyabi"]["attempt"].to_string();
        Some(Self { file: file.to_owned(), task: text(&status["task_id"])?, attempt, host })
    }

    fn goes_on(&self) -> bool {
        Self::read(&self.file, true).is_some_and(|now| now == *self)
    }
}

fn at_work(folder: &Path) -> Vec<Work> {
    // A host's folder is reached through its first process.
    let is_remote = folder.starts_with("/proc");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_status = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.to_string_lossy().ends_with("_status.json"))
    };
    files.filter(is_status).filter_map(|file| Work::read(&file, is_remote)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(folder: &Path, agent: &str, task: &str, host: &str) {
        let status =
            json!({ "task_id": task, "status": "IN_PROGRESS", "miyabi": { "attempt": 1, "host": host } });
        let file = folder.join(format!("agent_{agent}_status.json"));
        std::fs::write(file, status.to_string()).expect("written");
    }

    /// What one look at these two folders sees.
    fn seen(one: &Path, other: &Path) -> usize {
        let mut witness = Witness::of(vec![one.to_owned(), other.to_owned()]);
        for _ in 0..3 {
            process::a_moment();
        }
        witness.end().0.len()
    }

    #[test]
    fn a_task_in_two_places_is_noticed_and_a_mirror_is_not() -> Result<()> {
        let (here, there) = (tempfile::tempdir()?, tempfile::tempdir()?);
        write(here.path(), "CG-1", "Task-2", "local");
        write(there.path(), "CG-5", "Task-2", "MAJIN");
        assert_eq!(seen(here.path(), there.path()), 0, "a file of MAJIN in a folder here is a mirror");
        write(there.path(), "CG-5", "Task-2", "local");
        assert_eq!(seen(here.path(), there.path()), 1);
        write(there.path(), "CG-5", "Task-3", "local");
        assert_eq!(seen(here.path(), there.path()), 0);
        Ok(())
    }
}
