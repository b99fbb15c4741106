//! The commands about the work itself: differences, reviews, conflicts, the verification, the hand-over, what is
//! left to clean up, and the run's past.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use miyabi_plan::{AgentId, TaskId};
use miyabi_protocol::ReviewComment;

use super::{Output, Target};

/// Show where the run and each of its tasks stand
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi status
  miyabi status --at 120       as it stood then; miyabi history lists the numbers
  miyabi status --json | jq -r '.tasks[] | select(.status == \"FAILED\") | .id'

Exits with 1 when the run has failed or is stuck.")]
pub(crate) struct Status {
    /// As the run stood after this moment
    #[arg(long, value_name = "NUMBER")]
    pub(crate) at: Option<u32>,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// List the moments of a run; `miyabi status --at` shows one
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi history && miyabi status --at 120")]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Give a task to another agent, with what was done and said so far
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi reassign Task-7 CG-3
  miyabi reassign Task-7 CG-3 --yes     also when it is running: the attempt is stopped
  miyabi reassign Task-7 CCG-1 --across-kinds     planned for a CG agent, done by Claude
  miyabi reassign Task-7 CG-3 --note \"the parser is done, only the tests are missing\"

In a terminal you see what the next agent is told, and may edit it in $EDITOR first.")]
pub(crate) struct Reassign {
    /// The task
    pub(crate) task: TaskId,
    /// Its new agent
    pub(crate) agent: AgentId,
    /// Say this first, and ask nothing about the rest
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Leave out what was said so far, why it moves, and the last lines of the log
    #[arg(long)]
    pub(crate) no_packet: bool,
    /// Stop a running attempt without being asked
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Give it to an agent of another kind without being asked
    #[arg(long)]
    pub(crate) across_kinds: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show what a task changed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi diff Task-3
  miyabi diff Task-3 --stat
  miyabi diff Task-3 --attempt 1 --file src/app.py
  miyabi diff Task-3 | git apply --check     without a terminal it is a plain patch")]
pub(crate) struct Diff {
    /// The task
    pub(crate) task: TaskId,
    /// Of which attempt [default: the last one that left anything]
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
    /// The files and how many lines alone
    #[arg(long)]
    pub(crate) stat: bool,
    /// One file alone, however long its differences are
    #[arg(long, value_name = "PATH", conflicts_with = "stat")]
    pub(crate) file: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Send the work of a task back: it is done again with your comments
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi send-back Task-3 -m \"handle an empty list, too\"
  miyabi send-back Task-3 --at src/app.py:12 \"this name is taken\" --at src/app.py:40 \"and this one\"")]
pub(crate) struct SendBack {
    /// The task
    pub(crate) task: TaskId,
    /// What is said of the work as a whole
    #[arg(long, short, value_name = "TEXT", required_unless_present = "at")]
    pub(crate) message: Option<String>,
    /// What is said of a line, or of a file
    #[arg(long, value_names = ["FILE:LINE", "TEXT"], num_args = 2, action = clap::ArgAction::Append)]
    pub(crate) at: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

impl SendBack {
    /// As the next attempt is told.
    pub(crate) fn comments(&self) -> Vec<ReviewComment> {
        let whole =
            self.message.iter().map(|text| ReviewComment { file: None, line: None, text: text.clone() });
        // Clap gives both words of each, one after the other.
        let places = self.at.chunks_exact(2).map(|words| {
            let (file, line) = place(&words[0]);
            ReviewComment { file: Some(file.to_owned()), line, text: words[1].clone() }
        });
        whole.chain(places).collect()
    }
}

/// `src/app.py:12`: a file and its line; what is no line belongs to the file's name.
fn place(text: &str) -> (&str, Option<u32>) {
    match text.rsplit_once(':').map(|(file, line)| (file, line.parse::<u32>())) {
        Some((file, Ok(line))) if line > 0 && !file.is_empty() => (file, Some(line)),
        _ => (text, None),
    }
}

/// End a merge task with a commit of your own
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  git switch -c my-merge miyabi/RUN/Left/1 && git merge miyabi/RUN/Right/1
  miyabi merged Merge-Both my-merge          it must hold both sides; miyabi inbox has the real names")]
pub(crate) struct Merged {
    /// The merge task
    pub(crate) task: TaskId,
    /// A branch or commit of the run's repository
    pub(crate) revision: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show the plan's verification: each check, and each test
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi checks              tests that passed are counted, the others listed
  miyabi checks --all        every test

Exits with 1 when the verification does not hold.")]
pub(crate) struct Checks {
    /// List the tests that passed, too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// List the work trees and branches that are left of runs, or remove them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi trees
  miyabi trees --remove                            all that hold nothing that is nowhere else
  miyabi trees --remove miyabi/RUN/Task-3/1 -y     this one, without being asked

What is not committed or not merged is never removed.")]
pub(crate) struct Trees {
    /// Remove these branches and their work trees; without a name all that can go
    #[arg(long, value_name = "BRANCH", num_args = 0..)]
    pub(crate) remove: Option<Vec<String>>,
    /// Remove them without being asked
    #[arg(long, short = 'y', requires = "remove")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Open the result of a run as a pull request
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi pr
  miyabi pr --draft --title \"A small web framework\" --body-file summary.md

The result's branch is pushed to the plan's `remote` (else `origin`) first. The token comes from `gh auth token`,
else from git's credential helper. A pull request that is open already is shown, not made twice.")]
pub(crate) struct Pr {
    /// Its first line [default: the plan's title]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) title: String,
    /// Its text [default: a summary of the run]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) body: String,
    /// A file with its text
    #[arg(long, value_name = "FILE", conflicts_with = "body", value_hint = ValueHint::FilePath)]
    pub(crate) body_file: Option<PathBuf>,
    /// As a draft
    #[arg(long)]
    pub(crate) draft: bool,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_has_a_file_and_a_line_where_it_names_them() {
        assert_eq!(place("src/app.py:12"), ("src/app.py", Some(12)));
        for whole in ["src/app.py", "src/app.py:0", "a:b", ":3"] {
            assert_eq!(place(whole), (whole, None));
        }
    }
}
