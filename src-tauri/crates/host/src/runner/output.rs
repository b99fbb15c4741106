//! What an attempt leaves: its last words for an error, and its file in `results/`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use miyabi_agents::shown::is_hidden;
use miyabi_protocol::result::ResultFile;
use miyabi_protocol::{AgentStatus, AttemptSheet, StateDir, Timestamp};

use super::attempt::Order;
use crate::outputs;

/// More files than this are left out.
const MAX_OUTPUT_FILES: usize = 10_000;
/// A longer name is no file's, in bytes.
const MAX_FILE_NAME: usize = 4096;
/// How long all names may be together, in bytes. They stand in the status file, which nobody reads
/// beyond its own bound: an end that is not read would never be one.
const MAX_FILE_NAMES: usize = 256 * 1024;
/// How many of the last lines are kept for an error.
const LAST_LINES: usize = 12;
/// How much of a line is kept.
const LINE_LENGTH: usize = 400;

/// The files that an attempt wrote, as far as they are told.
#[derive(Debug, Default)]
pub(crate) struct OutputFiles {
    names: Vec<String>,
    length: usize,
}

impl OutputFiles {
    /// Adds a file that is not there yet. What could not be shown as it is, is none.
    pub(crate) fn add(&mut self, name: String) {
        let length = self.length + name.len();
        let fits = self.names.len() < MAX_OUTPUT_FILES && length <= MAX_FILE_NAMES;
        let is_name = (1..=MAX_FILE_NAME).contains(&name.len()) && !name.contains(is_hidden);
        if fits && is_name && !self.names.contains(&name) {
            self.length = length;
            self.names.push(name);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(crate) fn into_names(self) -> Vec<String> {
        self.names
    }
}

/// The last lines that an agent printed.
#[derive(Debug, Default)]
pub(crate) struct LastWords(VecDeque<String>);

impl LastWords {
    pub(crate) fn add(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(&line[..line.len().min(LINE_LENGTH * 4)]);
        let text: String = text.chars().filter(|c| !is_hidden(*c) || *c == '\t').take(LINE_LENGTH).collect();
        if text.trim().is_empty() {
            return;
        }
        if self.0.len() == LAST_LINES {
            self.0.pop_front();
        }
        self.0.push_back(text);
    }

    /// The lines in their order; empty where nothing was printed.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// An output file as the agent named it, relative to the work folder where it lies below.
pub(crate) fn relative(work_folder: Option<&str>, file: &str) -> String {
    let path = Path::new(file);
    let below = work_folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path);
    let plain: PathBuf = below.components().filter(|part| *part != std::path::Component::CurDir).collect();
    plain.to_string_lossy().into_owned()
}

/// The declared outputs that were written meanwhile, for a program that does not name them all.
pub(crate) async fn look_for_outputs(order: &Order) -> Vec<String> {
    let (sheet, since) = (order.sheet.clone(), order.started_at);
    let look = move || {
        let folder = sheet.work_folder.as_deref()?;
        outputs::written_since(Path::new(folder), &sheet.outputs, since).ok()
    };
    tokio::task::spawn_blocking(look).await.ok().flatten().unwrap_or_default()
}

/// `results/Task-N_result.json`; Codex agents have a name of their own there.
pub(crate) fn result_path(dir: &StateDir, sheet: &AttemptSheet) -> PathBuf {
    let of_codex = sheet.agent.kind().as_str().eq_ignore_ascii_case("CG");
    let suffix = if of_codex { "codex_result" } else { "result" };
    dir.results().join(format!("{}_{suffix}.json", sheet.attempt.task))
}

/// What is written there.
pub(crate) fn result_file(
    sheet: &AttemptSheet,
    status: AgentStatus,
    output_files: &[String],
    summary: String,
    now: Timestamp,
) -> ResultFile {
    let word = if status == AgentStatus::Completed { "COMPLETED" } else { "FAILED" };
    ResultFile {
        task_id: sheet.attempt.task.to_string(),
        agent_id: sheet.agent.to_string(),
        module: sheet.module.clone(),
        status: word.to_owned(),
        completed_at: Some(now),
        output_files: output_files.to_vec(),
        summary,
        files_generated: u32::try_from(output_files.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_work_folder_where_they_lie_in_it() {
        assert_eq!(relative(Some("/w"), "/w/a/b.py"), "a/b.py");
        assert_eq!(relative(Some("/w"), "./a.py"), "a.py");
        assert_eq!(relative(Some("/w"), "/elsewhere/a.py"), "/elsewhere/a.py");
        assert_eq!(relative(None, "a.py"), "a.py");
    }

    #[test]
    fn the_files_of_an_attempt_leave_its_status_file_readable() {
        use miyabi_protocol::StatusFile;

        let mut files = OutputFiles::default();
        for number in 0..MAX_OUTPUT_FILES * 2 {
            files.add(format!("{number}-{}", "\"".repeat(300)));
        }
        for other in ["", "a\u{1b}[31m.py", "a\u{202e}.py", &"x".repeat(MAX_FILE_NAME + 1)] {
            let before = files.names.len();
            files.add(other.to_owned());
            assert_eq!(files.names.len(), before, "{other:?}");
        }
        let agent = "CG-1".parse().expect("valid");
        let idle = StatusFile::idle(&agent, Timestamp::default());
        let errors = vec!["\"é".repeat(16 * 1024); 2];
        let full = StatusFile { output_files: files.into_names(), errors, ..idle };
        let length = crate::disk::json(&full).expect("json").len() as u64;
        assert!((400_000..crate::disk::MAX_STATUS).contains(&length), "{length} bytes");
    }

    #[test]
    fn the_last_words_are_few_short_and_printable() {
        let mut words = LastWords::default();
        for number in 0..100 {
            words.add(format!("line {number}").as_bytes());
        }
        words.add(&vec![b'x'; 1_000_000]);
        words.add(b"\x1b[31mred\xff\x1b[0m");
        let text = words.text();
        assert_eq!(text.lines().count(), LAST_LINES);
        assert!(text.len() < LAST_LINES * LINE_LENGTH && !text.contains('\x1b'), "{text}");
    }
}
