//! `miyabi diff`: what a task changed.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use miyabi_api::{Answer, ApiError, ErrorCode, FilePatch, Request, TaskDiff};
use miyabi_protocol::{ChangeKind, FileChange};

use crate::args::Diff;
use crate::exit::Exit;
use crate::{terminal, text};

/// How wide the bar of a file is at most.
const BAR: u32 = 40;
const ADDED: &str = "\u{1b}[32m";
const REMOVED: &str = "\u{1b}[31m";
const PLACE: &str = "\u{1b}[36m";
const HEAD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// Prints the differences.
pub(crate) async fn diff(args: &Diff) -> Result<Exit, ApiError> {
    let connection = args.target.connect().await?;
    let request = Request::Diff { task: args.task.clone(), attempt: args.attempt, file: args.file.clone() };
    let Answer::Diff(diff) = connection.request(request).await? else {
        return Err(ApiError::new(
            ErrorCode::Internal,
            "the backend answered something else than differences",
        ));
    };
    let is_terminal = std::io::stdout().is_terminal();
    let colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|word| word.is_empty());
    let out = match (args.output.json, args.stat) {
        (true, _) => text::json(&diff)?,
        (false, true) => stat(&diff),
        (false, false) if is_terminal => shown(&diff, colours),
        (false, false) => patch(&diff),
    };
    terminal::print(&out);
    Ok(Exit::Done)
}

/// The files and how many lines, as `git diff --stat` has them.
fn stat(diff: &TaskDiff) -> String {
    let files = &diff.work.files;
    if files.is_empty() {
        return format!("attempt {} of {} changed nothing\n", diff.attempt, diff.task);
    }
    let width = files.iter().map(|file| path(file).chars().count()).max().unwrap_or(0);
    let most = files.iter().map(|file| file.added.saturating_add(file.removed)).max().unwrap_or(0);
    let mut out = String::new();
    for file in files {
        let count = file.added.saturating_add(file.removed);
        let (added, removed) = (bar(file.added, most), bar(file.removed, most));
        let what = match file.kind {
            ChangeKind::Added => "new",
            ChangeKind::Removed => "gone",
            ChangeKind::Renamed => "moved",
            ChangeKind::Modified => "",
        };
        let lines = if file.binary { "binary".to_owned() } else { count.to_string() };
        let (plus, minus) = ("+".repeat(added), "-".repeat(removed));
        let line = format!(" {:<width$}  {what:<5} {lines:>6} {plus}{minus}", path(file));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let (added, removed) = diff.work.lines();
    let files = text::count(files.len(), "file", "files");
    let _ =
        writeln!(out, " {files}, {added} lines added, {removed} removed; {}", text::clean(&diff.work.branch));
    out
}

fn path(file: &FileChange) -> String {
    let from = file.from.as_ref().map(|from| format!("{} => ", text::clean(from))).unwrap_or_default();
    format!("{from}{}", text::clean(&file.path)).replace('\n', "\u{fffd}")
}

fn bar(lines: u32, most: u32) -> usize {
    let width = if most <= BAR { lines } else { lines.saturating_mul(BAR).div_ceil(most) };
    usize::try_from(width).unwrap_or_default()
}

/// A plain patch, as `git apply` takes it.
fn patch(diff: &TaskDiff) -> String {
    let mut out = String::new();
    for patch in &diff.patches {
        out.push_str(&patch.text);
        if let Some(left_out) = left_out(diff, patch) {
            let _ = writeln!(out, "# {left_out}");
        }
    }
    out
}

/// What was left out for its length, and how it is seen.
fn left_out(diff: &TaskDiff, patch: &FilePatch) -> Option<String> {
    let bytes = patch.left_out_bytes?;
    let path = text::clean(&patch.path).replace('\n', "\u{fffd}");
    Some(format!(
        "{path}: {} KiB are left out; miyabi diff {} --attempt {} --file {path}   shows them",
        bytes.div_ceil(1024),
        diff.task,
        diff.attempt
    ))
}

/// The same for a person: in colours, and with nothing that a terminal would obey.
fn shown(diff: &TaskDiff, colours: bool) -> String {
    let mut out = stat(diff);
    for patch in &diff.patches {
        out.push('\n');
        let mut in_hunk = false;
        for line in patch.text.lines() {
            in_hunk = (in_hunk || line.starts_with("@@")) && !line.starts_with("diff --git");
            let colour = match line.as_bytes().first() {
                _ if line.starts_with("@@") => PLACE,
                _ if !in_hunk => HEAD,
                Some(b'+') => ADDED,
                Some(b'-') => REMOVED,
                _ => "",
            };
            let line = harmless(line);
            if colours && !colour.is_empty() {
                let _ = writeln!(out, "{colour}{line}{PLAIN}");
            } else {
                let _ = writeln!(out, "{line}");
            }
        }
        if let Some(left_out) = left_out(diff, patch) {
            let _ = writeln!(out, "… {left_out}");
        }
    }
    out
}

fn harmless(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use miyabi_protocol::CommittedWork;

    use super::*;

    fn differences() -> TaskDiff {
        let file = |path: &str, from: Option<&str>, kind, (added, removed), binary| FileChange {
            path: path.into(),
            from: from.map(str::to_owned),
            kind,
            added,
            removed,
            binary,
        };
        let patch = |path: &str, kind, text: &str, left_out_bytes| FilePatch {
            path: path.into(),
            kind,
            text: text.into(),
            left_out_bytes,
        };
        let code = "diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n def a():\n\
                    -\treturn 1\n+\treturn \"\u{1b}[2J\"\r\n";
        TaskDiff {
            task: "Task-1".parse().expect("an id"),
            attempt: 2,
            work: CommittedWork {
                branch: "miyabi/r/Task-1/2".into(),
                files: vec![
                    file("app.py", None, ChangeKind::Modified, (1, 1), false),
                    file("data.json", None, ChangeKind::Added, (9000, 0), false),
                    file("new\u{1b}[2J.png", Some("old.png"), ChangeKind::Renamed, (0, 0), true),
                ],
                ..CommittedWork::default()
            },
            patches: vec![
                patch("app.py", ChangeKind::Modified, code, None),
                patch("data.json", ChangeKind::Added, "", Some(300_000)),
            ],
        }
    }

    #[test]
    fn a_diff_in_a_terminal_has_colours_of_ours_alone() {
        let coloured = shown(&differences(), true);
        let ours = [ADDED, REMOVED, PLACE, HEAD, PLAIN];
        let rest = ours.iter().fold(coloured.clone(), |text, ours| text.replace(ours, ""));
        assert_eq!(rest, shown(&differences(), false));
        assert!(rest.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{rest:?}");
        assert!(coloured.contains(&format!("{REMOVED}-\treturn 1{PLAIN}")), "{coloured}");
        insta::assert_snapshot!(rest);
    }

    #[test]
    fn without_a_terminal_it_is_the_patch_byte_for_byte() {
        let diff = differences();
        let plain = patch(&diff);
        assert!(plain.starts_with(&diff.patches[0].text), "{plain}");
        assert!(plain.contains("\n# data.json: 293 KiB are left out"), "{plain}");
    }
}
