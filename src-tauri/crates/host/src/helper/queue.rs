//! `task_queue.json` in memory: the text of every entry, so that a change of one task does not
//! make the text of all of them anew.

use std::collections::HashMap;

use miyabi_protocol::{QueueFile, QueueTask, Timestamp};
use serde::Serialize;

/// How deep an entry stands in the file.
const INDENT: &str = "    ";

/// The file as it was commanded.
pub(crate) struct QueueText {
    /// The file without its tasks.
    head: QueueFile,
    /// Each task's text, in the file's order.
    entries: Vec<String>,
    places: HashMap<String, usize>,
}

impl QueueText {
    pub(crate) fn new(mut queue: QueueFile) -> serde_json::Result<Self> {
        let tasks = std::mem::take(&mut queue.tasks);
        let entries = tasks.iter().map(text).collect::<Result<_, _>>()?;
        let places = tasks.into_iter().enumerate().map(|(place, task)| (task.task_id, place)).collect();
        Ok(Self { head: queue, entries, places })
    }

    /// Replaces the entries of these tasks; one that is not in the file is left alone.
    pub(crate) fn update(&mut self, updated_at: Timestamp, tasks: &[QueueTask]) -> serde_json::Result<()> {
        self.head.updated_at = Some(updated_at);
        for task in tasks {
            match self.places.get(&task.task_id).and_then(|place| self.entries.get_mut(*place)) {
                Some(entry) => *entry = text(task)?,
                None => tracing::warn!(task = task.task_id, "a task that is not in the queue"),
            }
        }
        Ok(())
    }

    /// The file's bytes, the same as if it were written as a whole.
    pub(crate) fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut head = serde_json::to_string_pretty(&self.head)?;
        if let (false, Some(before)) = (self.entries.is_empty(), head.strip_suffix("[]\n}")) {
            head.truncate(before.len());
            head.reserve(self.entries.iter().map(|entry| entry.len() + 8).sum());
            for (place, entry) in self.entries.iter().enumerate() {
                head.push_str(if place == 0 { "[\n" } else { ",\n" });
                head.push_str(INDENT);
                head.push_str(entry);
            }
            head.push_str("\n  ]\n}");
        }
        head.push('\n');
        Ok(head.into_bytes())
    }
}

/// A task as it stands in the file. No text of it has a line break of its own: JSON writes `\\n`.
fn text(task: &impl Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(task)?.replace('\n', &format!("\n{INDENT}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk;
    use miyabi_protocol::TaskStatus;

    fn task(id: &str, status: TaskStatus) -> QueueTask {
        QueueTask {
            task_id: id.to_owned(),
            agent: "CG-1".to_owned(),
            description: "two\nlines, and a \"quote\": []\n}".to_owned(),
            dependencies: vec!["A".to_owned(), "B".to_owned()],
            status,
            priority: 1,
            estimated_time: 60,
            module: String::new(),
            started_at: Some(Timestamp::from_millis(5)),
            completed_at: None,
            error: Some("it\nbroke".to_owned()),
        }
    }

    fn queue(tasks: &[(&str, TaskStatus)]) -> QueueFile {
        QueueFile {
            version: "1.0.0".to_owned(),
            created_at: Some(Timestamp::from_millis(1)),
            updated_at: Some(Timestamp::from_millis(2)),
            tasks: tasks.iter().map(|(id, status)| task(id, *status)).collect(),
        }
    }

    #[test]
    fn the_text_is_that_of_the_whole_file_after_every_update() {
        use TaskStatus::{Completed, InProgress, Pending, Ready};
        let same = |text: &QueueText, whole: &QueueFile| {
            let (ours, whole) = (text.bytes().expect("json"), disk::json(whole).expect("json"));
            assert_eq!(String::from_utf8(ours), String::from_utf8(whole));
        };
        for tasks in [&[][..], &[("A", Pending)], &[("A", Pending), ("B", Ready)]] {
            same(&QueueText::new(queue(tasks)).expect("json"), &queue(tasks));
        }
        let mut text = QueueText::new(queue(&[("A", Ready), ("B", Pending), ("C", Pending)])).expect("json");
        let changes = [task("C", Ready), task("A", Completed), task("Z", Completed)];
        text.update(Timestamp::from_millis(3), &changes).expect("json");
        text.update(Timestamp::from_millis(4), &[task("C", InProgress)]).expect("json");
        let mut whole = queue(&[("A", Completed), ("B", Pending), ("C", InProgress)]);
        whole.updated_at = Some(Timestamp::from_millis(4));
        same(&text, &whole);
    }
}
