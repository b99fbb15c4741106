//! How the two programs are started with their own screen, and how they tell of themselves
//! meanwhile: by hooks that append JSON to a file. Pure.

use miyabi_agents::{Launch, command};
use miyabi_plan::Access;
use miyabi_protocol::{AgentProtocol, AgentSpec, AttemptSheet};
use serde_json::json;

/// Names the file that the hooks append to.
const EVENTS_VARIABLE: &str = "MIYABI_EVENTS";
/// What a hook of Claude Code runs: its event comes on stdin. A fixed text, because it is given to a
/// shell; the file's name comes by the environment.
const CLAUDE_HOOK: &str = "{ cat; echo; } >> \"$MIYABI_EVENTS\"";
/// What Codex runs: its event is the last argument.
const CODEX_NOTIFY: &str = r#"notify=["sh","-c","printf '%s\\n' \"$1\" >> \"$MIYABI_EVENTS\"","sh"]"#;
/// The events that Claude Code tells.
const CLAUDE_EVENTS: [&str; 7] =
    ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Notification", "Stop", "StopFailure"];

/// The command; none for a program that has no screen of its own.
pub(super) fn launch(
    sheet: &AttemptSheet,
    spec: &AgentSpec,
    state_dir: &str,
    events: &str,
    session: Option<&str>,
) -> Option<Launch> {
    let mut argv = spec.argv.clone();
    match spec.protocol {
        AgentProtocol::ClaudeTerminal => argv.extend(claude(spec, session)),
        AgentProtocol::CodexTerminal => argv.extend(codex(spec, session)),
        _ => return None,
    }
    let mut environment = command::variables(sheet, state_dir, &spec.environment);
    environment.insert(EVENTS_VARIABLE.to_owned(), events.to_owned());
    Some(Launch { argv, environment, work_folder: sheet.work_folder.clone(), stdin: String::new() })
}

fn claude(spec: &AgentSpec, session: Option<&str>) -> Vec<String> {
    let hook = json!([{ "hooks": [{ "type": "command", "command": CLAUDE_HOOK }] }]);
    let hooks: serde_json::Map<_, _> =
        CLAUDE_EVENTS.iter().map(|event| ((*event).to_owned(), hook.clone())).collect();
    let mode = match spec.access {
        Access::Read => "default",
        Access::Edit => "acceptEdits",
        Access::Full => "bypassPermissions",
    };
    let mut argv = vec!["--settings".to_owned(), json!({ "hooks": hooks }).to_string()];
    argv.extend(["--permission-mode", mode].map(str::to_owned));
    // In one word, so that a value which begins with a dash stays a value.
    argv.extend(spec.model.as_ref().map(|model| format!("--model={model}")));
    argv.extend(session.map(|session| format!("--resume={session}")));
    argv
}

fn codex(spec: &AgentSpec, session: Option<&str>) -> Vec<String> {
    let (sandbox, approval) = match spec.access {
        Access::Read => ("read-only", "on-request"),
        Access::Edit => ("workspace-write", "on-request"),
        Access::Full => ("danger-full-access", "never"),
    };
    let mut argv = Vec::new();
    argv.extend(session.map(|_| "resume".to_owned()));
    argv.extend(["-c", CODEX_NOTIFY, "-c", "check_for_update_on_startup=false"].map(str::to_owned));
    argv.extend(["-s", sandbox, "-a", approval].map(str::to_owned));
    argv.extend(spec.model.as_ref().map(|model| format!("--model={model}")));
    argv.extend(session.map(str::to_owned));
    argv
}

/// Whether the program would go on in this session, and take its name for nothing else.
pub(super) fn can_resume(spec: &AgentSpec, session: &str) -> bool {
    spec.protocol != AgentProtocol::CodexTerminal || miyabi_agents::codex::is_session(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_plan::PriceTable;
    use std::collections::BTreeMap;

    fn spec(protocol: AgentProtocol) -> AgentSpec {
        AgentSpec {
            protocol,
            argv: vec!["agent".into(), "--own".into()],
            environment: BTreeMap::new(),
            model: Some("m".into()),
            access: Access::Edit,
            budget: None,
            prices: PriceTable::default(),
            silent_seconds: 60,
            resume: None,
        }
    }

    #[test]
    fn no_data_is_in_what_a_shell_reads() {
        for argv in [
            claude(&spec(AgentProtocol::ClaudeTerminal), Some("s$(id)")),
            codex(&spec(AgentProtocol::CodexTerminal), Some("s$(id)")),
        ] {
            let session = |word: &String| word.trim_start_matches("--resume=") == "s$(id)";
            let shell: Vec<_> = argv.iter().filter(|word| word.contains(EVENTS_VARIABLE)).collect();
            assert_eq!(shell.len(), 1, "{argv:?}");
            assert!(!shell[0].contains("s$(id)"));
            assert!(argv.iter().any(session), "a word of its own: {argv:?}");
        }
    }

    #[test]
    fn claude_code_tells_of_every_way_in_which_a_turn_ends() {
        let argv = claude(&spec(AgentProtocol::ClaudeTerminal), None);
        let settings: serde_json::Value = serde_json::from_str(&argv[1]).expect("settings");
        for end in ["Stop", "StopFailure"] {
            assert_eq!(settings["hooks"][end][0]["hooks"][0]["command"], CLAUDE_HOOK, "{end}");
        }
    }

    #[test]
    fn a_session_that_looks_like_an_option_is_none() {
        let option = "--dangerously-bypass-approvals-and-sandbox";
        let codex = spec(AgentProtocol::CodexTerminal);
        assert!(!can_resume(&codex, option) && !can_resume(&codex, "my thread"));
        assert!(can_resume(&codex, "0199c0de-0000-7000-8000-00000000000a"));
        let spec = AgentSpec { model: Some("-m".into()), ..spec(AgentProtocol::ClaudeTerminal) };
        assert!(can_resume(&spec, option));
        let argv = claude(&spec, Some(option));
        assert!(argv.ends_with(&["--model=-m".to_owned(), format!("--resume={option}")]), "{argv:?}");
    }
}
