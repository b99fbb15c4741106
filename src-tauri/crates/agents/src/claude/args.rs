//! How Claude Code is started for work without a person before it.

use miyabi_plan::{Access, Usd};

use crate::adapter::Start;
use crate::command::Launch;

/// The program, where the person names none.
const PROGRAM: &str = "claude";

/// Added to the environment where the person did not set it.
///
/// By itself it tries ten times and more, for minutes, even with a refused key: the orchestrator would
/// learn of it too late, and has its own patience.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("DISABLE_AUTOUPDATER", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("CLAUDE_CODE_MAX_RETRIES", "3"),
];

const ALWAYS: [&str; 8] = [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--permission-prompt-tool",
    "stdio",
];

pub(super) fn launch(start: &Start) -> Launch {
    let mut environment = start.environment.clone();
    for (name, value) in ENVIRONMENT {
        environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    Launch {
        argv: argv(start),
        environment,
        work_folder: start.work_folder.clone(),
        stdin: format!("{}\n", super::user_message(&start.prompt)),
    }
}

fn argv(start: &Start) -> Vec<String> {
    let mut argv = start.argv.clone();
    if argv.is_empty() {
        argv.push(PROGRAM.to_owned());
    }
    argv.extend(ALWAYS.map(str::to_owned));
    let mode = match start.access {
        // Its "plan" mode would refuse commands by itself and talk of a plan; this one asks.
        Access::Read => "default",
        Access::Edit | Access::Full => "acceptEdits",
    };
    let budget = start.budget.map(|budget| limit(budget).dollars().to_string());
    let options = [
        ("--permission-mode", Some(mode)),
        ("--model", start.model.as_deref()),
        ("--max-budget-usd", budget.as_deref()),
        ("--resume", start.resume.as_deref()),
    ];
    for (option, value) in options {
        // In one word, so that a value which begins with a dash stays a value.
        argv.extend(value.map(|value| format!("{option}={value}")));
    }
    argv
}

/// Claude Code looks at its limit after each request, and what a request costs is known only then: a tenth
/// is kept back for the one that reaches the limit.
fn limit(budget: Usd) -> Usd {
    Usd::from_micros((budget.micros() - budget.micros() / 10).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_plan::Usd;

    fn start() -> Start {
        Start {
            argv: Vec::new(),
            environment: [("CLAUDE_CODE_MAX_RETRIES".to_owned(), "9".to_owned())].into(),
            work_folder: Some("/w".into()),
            model: None,
            access: Access::Edit,
            budget: None,
            prompt: "Say \"hi\"\nand more".into(),
            resume: None,
        }
    }

    #[test]
    fn the_prompt_comes_on_stdin_and_the_persons_settings_stand() {
        let launch = launch(&start());
        assert_eq!(launch.argv[0], "claude");
        assert_eq!(launch.argv.last().map(String::as_str), Some("--permission-mode=acceptEdits"));
        assert!(launch.argv.iter().all(|word| !word.contains("hi")), "other users see argv");
        assert_eq!(
            launch.stdin,
            "{\"message\":{\"content\":[{\"text\":\"Say \\\"hi\\\"\\nand more\",\"type\":\"text\"}],\"role\":\"user\"},\"type\":\"user\"}\n"
        );
        assert_eq!(launch.environment["CLAUDE_CODE_MAX_RETRIES"], "9");
        assert_eq!(launch.environment["DISABLE_AUTOUPDATER"], "1");
    }

    #[test]
    fn model_budget_session_and_access_are_options() {
        let start = Start {
            argv: vec!["/opt/claude".into(), "--add-dir=/x".into()],
            model: Some("opus".into()),
            budget: Some(Usd::from_dollars(1.25)),
            resume: Some("-x".into()),
            access: Access::Read,
            ..start()
        };
        let argv = argv(&start);
        assert_eq!(argv[..3], ["/opt/claude", "--add-dir=/x", "-p"]);
        assert_eq!(
            argv[argv.len() - 4..],
            ["--permission-mode=default", "--model=opus", "--max-budget-usd=1.125", "--resume=-x"]
        );
    }
}
