//! The `command` runner: any program.
//!
//! The program starts in the work folder with the task on its stdin:
//!
//! ```text
//! Task-2: Core classes
//!
//! <the prompt>
//! ```
//!
//! and with `MIYABI_RUN`, `MIYABI_TASK`, `MIYABI_AGENT`, `MIYABI_TRY`, `MIYABI_TITLE`,
//! `MIYABI_MODULE`, `MIYABI_PROMPT` (when it is short enough for a variable), `MIYABI_OUTPUTS` (a
//! glob a line), `MIYABI_WORK_FOLDER` and `MIYABI_STATE_DIR` in its environment.
//!
//! A line on its stdout may be a word to the runner; every other line is text:
//!
//! ```text
//! ::progress 0.4
//! ::output src/core.py
//! ```
//!
//! It succeeds by exiting with 0.

use std::collections::BTreeMap;

use miyabi_protocol::{AttemptSheet, RunnerSpec};

use crate::event::AgentEvent;
use crate::lines::{Line, LineCutter};

/// Marks every process of an attempt: `<run>/<attempt>`. What still carries it after the
/// attempt's end is ended.
pub const ATTEMPT_VARIABLE: &str = "MIYABI_ATTEMPT";
/// Marks every process of an acceptance check, as [`ATTEMPT_VARIABLE`].
pub const CHECK_VARIABLE: &str = "MIYABI_CHECK";
/// Names the agent, in the environment of all its processes.
pub const AGENT_VARIABLE: &str = "MIYABI_AGENT";

/// The longest prompt that is also given as a variable: Linux refuses one of 128 KiB.
const MAX_VARIABLE: usize = 64 * 1024;

/// How to start a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Added to the environment.
    pub environment: BTreeMap<String, String>,
    /// Where it starts; none for the runner's own folder.
    pub work_folder: Option<String>,
    /// What it reads on stdin.
    pub stdin: String,
}

/// The command that carries out an attempt; none where the sheet is not for a program.
#[must_use]
pub fn launch(sheet: &AttemptSheet, state_dir: &str) -> Option<Launch> {
    let RunnerSpec::Command { argv, environment } = &sheet.runner else { return None };
    Some(Launch {
        argv: argv.clone(),
        environment: variables(sheet, state_dir, environment),
        work_folder: sheet.work_folder.clone(),
        stdin: format!("{}: {}\n\n{}\n", sheet.attempt.task, sheet.title, sheet.prompt.trim_end()),
    })
}

/// The environment of an attempt's program: the plan's variables, the task's and the marker.
#[must_use]
pub fn variables(
    sheet: &AttemptSheet,
    state_dir: &str,
    planned: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut variables = planned.clone();
    variables.extend(task_variables(sheet, state_dir));
    variables.insert(ATTEMPT_VARIABLE.to_owned(), marker(sheet));
    variables
}

/// An acceptance command: as the agent's program, without the task on stdin.
#[must_use]
pub fn check_launch(sheet: &AttemptSheet, argv: &[String], state_dir: &str) -> Launch {
    let mut variables = match &sheet.runner {
        RunnerSpec::Command { environment, .. } => environment.clone(),
        RunnerSpec::Agent(spec) => spec.environment.clone(),
        RunnerSpec::Rehearsal { .. } | RunnerSpec::External => BTreeMap::new(),
    };
    variables.extend(task_variables(sheet, state_dir));
    variables.insert(CHECK_VARIABLE.to_owned(), marker(sheet));
    Launch {
        argv: argv.to_vec(),
        environment: variables,
        work_folder: sheet.work_folder.clone(),
        stdin: String::new(),
    }
}

/// The value of [`ATTEMPT_VARIABLE`] and [`CHECK_VARIABLE`].
#[must_use]
pub fn marker(sheet: &AttemptSheet) -> String {
    format!("{}/{}", sheet.run_id, sheet.attempt)
}

fn task_variables(sheet: &AttemptSheet, state_dir: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    // A variable cannot hold a NUL, and a program without its task would be worse than one
    // that misses a byte nobody sees.
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.replace('\0', ""));
    set("MIYABI_RUN", &sheet.run_id);
    set("MIYABI_TASK", sheet.attempt.task.as_str());
    set("MIYABI_TRY", &sheet.attempt.number.to_string());
    set(AGENT_VARIABLE, sheet.agent.as_str());
    set("MIYABI_TITLE", &sheet.title);
    set("MIYABI_MODULE", &sheet.module);
    set("MIYABI_OUTPUTS", &sheet.outputs.join("\n"));
    set("MIYABI_STATE_DIR", state_dir);
    set("MIYABI_WORK_FOLDER", sheet.work_folder.as_deref().unwrap_or_default());
    if sheet.prompt.len() <= MAX_VARIABLE {
        set("MIYABI_PROMPT", &sheet.prompt);
    }
    variables
}

/// Reads what a program prints on stdout.
#[derive(Debug, Default)]
pub struct CommandStream {
    lines: LineCutter,
}

impl CommandStream {
    /// Takes the next bytes and gives out what they say.
    pub fn push(&mut self, bytes: &[u8], mut out: impl FnMut(AgentEvent)) {
        self.lines.push(bytes, |line| out(event_of(line)));
    }

    /// Gives out what is left at the end of the stream.
    pub fn finish(&mut self, mut out: impl FnMut(AgentEvent)) {
        self.lines.finish(|line| out(event_of(line)));
    }
}

/// How a program's exit is read: 0 is a success.
#[must_use]
pub fn ended(code: Option<i32>, signal: Option<i32>) -> AgentEvent {
    let failure = match (signal, code) {
        (Some(signal), _) => Some(format!("killed by signal {signal}")),
        (None, Some(0)) => None,
        (None, Some(code)) => Some(format!("exit code {code}")),
        (None, None) => Some("it ended in an unknown way".to_owned()),
    };
    AgentEvent::Ended { failure }
}

fn event_of(line: Line<'_>) -> AgentEvent {
    match line {
        Line::Whole(bytes) => directive(bytes).unwrap_or_else(|| AgentEvent::Text(bytes.to_vec())),
        Line::Piece(bytes) => AgentEvent::Text(bytes.to_vec()),
    }
}

fn directive(line: &[u8]) -> Option<AgentEvent> {
    let words = std::str::from_utf8(line.strip_prefix(b"::")?).ok()?;
    let (word, value) = words.split_once(char::is_whitespace)?;
    let value = value.trim();
    match word {
        "progress" => {
            let progress: f64 = value.parse().ok()?;
            progress.is_finite().then(|| AgentEvent::Progress(progress.clamp(0.0, 1.0)))
        }
        "output" if !value.is_empty() => Some(AgentEvent::OutputFile(value.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_protocol::Timestamp;
    use proptest::prelude::*;

    fn sheet() -> AttemptSheet {
        AttemptSheet {
            run_id: "r1".into(),
            attempt: "Task-2.1".parse().expect("valid"),
            agent: "CG-1".parse().expect("valid"),
            host: "local".into(),
            title: "Core".into(),
            prompt: "Write it; $(touch /tmp/x)\n".into(),
            module: "core".into(),
            work_folder: Some("/w".into()),
            outputs: vec!["a.py".into(), "b/*.py".into()],
            acceptance: Vec::new(),
            runner: RunnerSpec::Command {
                argv: vec!["python3".into(), "-c".into(), "print(1); x".into()],
                environment: BTreeMap::from([
                    ("LANG".into(), "C".into()),
                    ("MIYABI_TASK".into(), "x".into()),
                ]),
            },
            estimated_seconds: 5,
            assigned_at: Timestamp::default(),
            tree: None,
        }
    }

    fn events(bytes: &[u8]) -> Vec<AgentEvent> {
        let mut stream = CommandStream::default();
        let mut events = Vec::new();
        stream.push(bytes, |event| events.push(event));
        stream.finish(|event| events.push(event));
        events
    }

    #[test]
    fn a_command_gets_its_task_on_stdin_and_in_the_environment() {
        let launch = launch(&sheet(), "/state").expect("a command");
        assert_eq!(launch.argv, ["python3", "-c", "print(1); x"]);
        assert_eq!(launch.stdin, "Task-2: Core\n\nWrite it; $(touch /tmp/x)\n");
        let get = |name: &str| launch.environment.get(name).map(String::as_str);
        assert_eq!(get("MIYABI_ATTEMPT"), Some("r1/Task-2.1"));
        assert_eq!(get("MIYABI_TASK"), Some("Task-2"), "a plan cannot pretend another task");
        assert_eq!(get("MIYABI_OUTPUTS"), Some("a.py\nb/*.py"));
        assert_eq!(get("LANG"), Some("C"));
    }

    #[test]
    fn a_prompt_too_long_for_a_variable_comes_on_stdin_alone() {
        let mut sheet = sheet();
        sheet.prompt = format!("\0{}", "x".repeat(200_000));
        let launch = launch(&sheet, "/state").expect("a command");
        assert!(!launch.environment.contains_key("MIYABI_PROMPT"));
        assert!(launch.stdin.len() > 200_000);
        assert!(launch.environment.values().all(|value| !value.contains('\0')));
    }

    #[test]
    fn only_whole_known_directives_are_words_to_the_runner() {
        let text = |text: &str| AgentEvent::Text(text.as_bytes().to_vec());
        assert_eq!(
            events(b"hi\n::progress 0.4\r\n::progress 7\n::output  a b.py \n::progress NaN\n::progress\n::nope 1\n ::progress 1\n"),
            [
                text("hi"),
                AgentEvent::Progress(0.4),
                AgentEvent::Progress(1.0),
                AgentEvent::OutputFile("a b.py".into()),
                text("::progress NaN"),
                text("::progress"),
                text("::nope 1"),
                text(" ::progress 1"),
            ]
        );
    }

    #[test]
    fn an_exit_is_told_as_a_person_would() {
        assert_eq!(ended(Some(0), None), AgentEvent::Ended { failure: None });
        assert_eq!(ended(Some(3), None), AgentEvent::Ended { failure: Some("exit code 3".into()) });
        assert_eq!(ended(None, Some(9)), AgentEvent::Ended { failure: Some("killed by signal 9".into()) });
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_progress_stays_in_bounds(tail in prop::collection::vec(any::<u8>(), 0..200), number in any::<f64>()) {
            let mut bytes = format!("::progress {number}\n::").into_bytes();
            bytes.extend(tail);
            for event in events(&bytes) {
                if let AgentEvent::Progress(progress) = event {
                    prop_assert!((0.0..=1.0).contains(&progress));
                }
            }
        }
    }
}
