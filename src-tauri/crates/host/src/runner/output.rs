//! What an attempt leaves: its last words for an error, and its file in `results/`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use miyabi_protocol::result::ResultFile;
use miyabi_protocol::{AgentStatus, AttemptSheet, StateDir, Timestamp};

use super::attempt::Order;
use crate::outputs;

/// More declared files than this are left out.
pub(crate) const MAX_OUTPUT_FILES: usize = 10_000;
/// How many of the last lines are kept for an error.
const LAST_LINES: usize = 12;
/// How much of a line is kept.
const LINE_LENGTH: usize = 400;

/// The last lines that an agent printed.
#[derive(Debug, Default)]
pub(crate) struct LastWords(VecDeque<String>);

impl LastWords {
    pub(crate) fn add(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(&line[..line.len().min(LINE_LENGTH * 4)]);
        let text: String = text.chars().filter(|c| !c.is_control() || *c == '\t').take(LINE_LENGTH).collect();
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
