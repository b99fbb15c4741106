//! What the work on git wants of a person: to be read, a conflict resolved, a verification mended.

use std::fmt::Write as _;

use miyabi_api::{InboxItem, InboxKind};
use miyabi_engine::state::OpenReview;
use miyabi_engine::{RunState, TaskState, Verification};
use miyabi_protocol::{CheckResult, Timestamp};

use crate::behind::Behind;

/// How many files are named.
const MOST_FILES: usize = 40;

/// Work that waits to be accepted.
pub(crate) fn review(state: &RunState, behind: &Behind, open: &OpenReview) -> InboxItem {
    let (id, attempt) = (&open.attempt.task, state.attempt(&open.attempt));
    let work = attempt.and_then(|it| it.evidence.as_ref()).and_then(|found| found.work.as_ref());
    let what = work.map_or_else(
        || format!("{} waits to be accepted", open.attempt),
        |work| {
            let (files, (added, removed)) = (work.files.len(), work.lines());
            let plural = if files == 1 { "" } else { "s" };
            format!("{} waits to be accepted: {files} file{plural}, +{added} -{removed}", open.attempt)
        },
    );
    InboxItem {
        number: Some(open.number),
        agent: attempt.map(|attempt| attempt.agent.clone()),
        task: Some(id.clone()),
        what,
        detail: format!(
            "Read it (in a terminal: miyabi diff {id}), then accept it (miyabi accept {id}) or send it back with comments (miyabi send-back {id})."
        ),
        blocks: behind.count(id),
        ..InboxItem::new(format!("review-{}", open.number), InboxKind::Review, open.at)
    }
}

/// Conflicts that a person is to resolve, and a verification that does not hold.
pub(crate) fn items(state: &RunState, behind: &Behind) -> Vec<InboxItem> {
    let conflicts = state.conflicts().filter_map(|task| conflict(state, behind, task));
    conflicts.chain(verification(state)).collect()
}

fn conflict(state: &RunState, behind: &Behind, task: &TaskState) -> Option<InboxItem> {
    let (merge, git) = (task.merge.as_ref()?, state.git()?);
    let waits = merge.waits.as_ref().map_or_else(|| "the result".to_owned(), ToString::to_string);
    let (id, count) = (&task.id, merge.files.len());
    let plural = if count == 1 { "" } else { "s" };
    let mut detail = files(&merge.files);
    // Writing to a text cannot fail.
    let _ = write!(
        detail,
        "\nIn a work tree of its own, so that your checkout stays as it is:\n\n    \
         git -C {} worktree add --detach {} {}\n    cd {}\n    git merge {}\n    \
         (resolve the files, then `git add` them)\n    git commit\n    miyabi merged {id} \"$(git rev-parse HEAD)\"\n",
        quoted(&git.repository),
        quoted(&format!("../{id}")),
        merge.ours,
        quoted(&format!("{}/../{id}", git.repository)),
        merge.theirs,
    );
    Some(InboxItem {
        task: Some(id.clone()),
        what: format!("a conflict before {waits} in {count} file{plural} waits for you"),
        detail,
        blocks: behind.count(id),
        ..InboxItem::new(format!("conflict-{id}"), InboxKind::Conflict, since(state, task))
    })
}

/// A merge task came into being just after the last of its needs was done.
fn since(state: &RunState, task: &TaskState) -> Timestamp {
    let ended = task.needs.iter().filter_map(|need| state.tasks.get(*need)?.completed_at);
    ended.max().unwrap_or(state.opened_at)
}

fn files(all: &[String]) -> String {
    let mut text: String = all.iter().take(MOST_FILES).map(|file| format!("    {file}\n")).collect();
    if let Some(more) = all.len().checked_sub(MOST_FILES + 1) {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "    and {} more", more + 1);
    }
    text
}

/// A word for a shell that a person types it into.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn verification(state: &RunState) -> Option<InboxItem> {
    state.ended?;
    let found = state.verification().filter(|found| !found.passed())?;
    Some(InboxItem {
        what: failed(found),
        detail: format!(
            "{}\nMend what is wrong (a task can be retried or sent back), then run it again: miyabi verify",
            checks(found)
        ),
        ..InboxItem::new("verification", InboxKind::Verification, found.at)
    })
}

/// What does not hold, in a line.
pub(crate) fn failed(found: &Verification) -> String {
    failed_of(&found.checks, found.problem.as_deref())
}

/// The same of what was told.
pub(crate) fn failed_of(checks: &[CheckResult], problem: Option<&str>) -> String {
    match problem {
        Some(problem) => format!("nothing could be verified: {problem}"),
        None => {
            let failed = checks.iter().filter(|check| !check.passed).count();
            match (failed, checks.len()) {
                (1, 1) => "the check of the verification does not hold".to_owned(),
                (1, all) => format!("1 of {all} checks of the verification does not hold"),
                (failed, all) => format!("{failed} of {all} checks of the verification do not hold"),
            }
        }
    }
}

fn checks(found: &Verification) -> String {
    let failed = found.checks.iter().filter(|check| !check.passed);
    let lines = failed.map(|check| {
        let name = if check.name.is_empty() { check.run.join(" ") } else { check.name.clone() };
        format!("    {name}: {}\n", check.ended)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_shell_is_quoted_where_it_must_be() {
        assert_eq!(quoted("/home/me/work"), "/home/me/work");
        assert_eq!(quoted("/home/me/it's; rm"), "'/home/me/it'\\''s; rm'");
    }

    #[test]
    fn what_does_not_hold_is_counted() {
        let check = |passed| CheckResult { passed, ..CheckResult::default() };
        let found = |checks: &[bool], problem: Option<&str>| {
            let checks: Vec<_> = checks.iter().map(|passed| check(*passed)).collect();
            failed_of(&checks, problem)
        };
        assert_eq!(found(&[false], None), "the check of the verification does not hold");
        assert_eq!(found(&[false, false], None), "2 of 2 checks of the verification do not hold");
        assert_eq!(found(&[true, false], None), "1 of 2 checks of the verification does not hold");
        assert!(found(&[], Some("no folder")).ends_with("no folder"));
    }
}
