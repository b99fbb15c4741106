//! `codex exec`.

use miyabi_agents::codex::CodexExec;
use miyabi_agents::{Adapter, Failed, Output, adapter};
use miyabi_plan::{Access, FailureCause};
use miyabi_protocol::AgentProtocol;

use super::*;

/// Plays a recording of `codex exec`, in pieces of this size.
pub(crate) fn play_exec(
    name: &str,
    start: Start,
    stderr: &str,
    exit: Exit,
    piece: usize,
) -> (Vec<String>, Option<Failed>, bool) {
    let (mut codex, mut out) = (CodexExec::new(start), Output::default());
    for bytes in recording(name).as_bytes().chunks(piece) {
        codex.stdout(bytes, now(), &mut out);
    }
    let events = out.events.iter().map(line).collect();
    codex.stderr(stderr.as_bytes(), &mut out);
    let failed = codex.ended(exit, &mut out);
    (events, failed, codex.lost_session())
}

fn exec(name: &str, exit: Exit) -> (Vec<String>, Option<FailureCause>) {
    let (events, failed, lost) = play_exec(name, start("x"), "", exit, 4096);
    assert!(!lost, "{name}");
    (events, failed.map(|failed| failed.cause))
}

/// The session that a recording is about.
fn session(name: &str) -> String {
    let recording = recording(name);
    let (_, rest) = recording.split_once("thread_id\":\"").expect("a session");
    rest[..36].to_owned()
}

#[test]
fn a_process_is_started_with_the_prompt_on_stdin_and_never_in_the_argv() {
    let codex = adapter(&AgentProtocol::CodexExec, start("write; $(rm x)\n")).expect("an adapter");
    let launch = codex.launch();
    assert_eq!(
        launch.argv,
        [
            "codex",
            "exec",
            "-c",
            "check_for_update_on_startup=false",
            "-c",
            "analytics.enabled=false",
            "-c",
            "features.unbounded_connection_retries=false",
            "--json",
            "--skip-git-repo-check",
            "-s",
            "workspace-write",
            "-C",
            "/work",
            "-",
        ]
    );
    assert_eq!((launch.stdin.as_str(), launch.work_folder.as_deref()), ("write; $(rm x)\n", Some("/work")));
    assert!(codex.closes_stdin_at_once());
}

#[test]
fn the_persons_arguments_the_model_and_the_session_stand_where_codex_reads_them() {
    let mut start = start("x");
    start.argv = ["/opt/codex", "--profile", "team"].map(String::from).to_vec();
    start.model = Some("gpt-6.1-sol".into());
    start.access = Access::Full;
    start.resume = Some("0199c0de-0000-7000-8000-000000000000".into());
    let argv = CodexExec::new(start).launch().argv;
    assert_eq!(argv[..4], ["/opt/codex", "--profile", "team", "exec"]);
    let tail = [
        "-s",
        "danger-full-access",
        "-m",
        "gpt-6.1-sol",
        "-C",
        "/work",
        "resume",
        "0199c0de-0000-7000-8000-000000000000",
        "-",
    ];
    assert_eq!(argv[argv.len() - tail.len()..], tail);
}

#[test]
fn a_name_is_not_taken_for_a_session() {
    let mut start = start("x");
    start.resume = Some("--last".into());
    let codex = CodexExec::new(start.clone());
    assert!(codex.lost_session(), "known before it is started");
    assert!(!codex.launch().argv.contains(&"--last".to_owned()));
    let stderr =
        "Error: thread/resume: thread/resume failed: no rollout found for thread id 0 (code -32600)\n";
    start.resume = Some("0199c0de-0000-7000-8000-000000000000".into());
    let mut codex = CodexExec::new(start);
    assert!(!codex.lost_session());
    let mut out = Output::default();
    codex.stderr(stderr.as_bytes(), &mut out);
    assert!(codex.ended(FAILED, &mut out).is_some());
    assert!(codex.lost_session(), "Codex does not have it");
}

#[test]
fn a_turn_is_told_from_its_session_to_its_end() {
    let (events, failed) = exec("exec_write", OK);
    assert_eq!(
        events,
        [
            "session -",
            "thinks I plan.",
            "says I write.",
            "calls apply_patch: add /job/a.txt",
            "gave ",
            "wrote /job/a.txt",
            "calls shell: echo shell; exit 3",
            "failed shell",
            "says All done.",
            "used 3000/1200/150",
            "end All done.",
        ]
    );
    assert_eq!(failed, None);
}

#[test]
fn a_session_that_is_taken_up_again_counts_on() {
    let mut again = start("again");
    again.resume = Some(session("exec_write"));
    let (events, failed, lost) = play_exec("exec_resume", again, "", OK, 4096);
    assert_eq!(events, ["session -", "says Second.", "used 4000/1600/200", "end Second."]);
    assert_eq!((failed, lost), (None, false));

    let (_, failed) = exec("exec_killed", KILLED);
    assert_eq!(failed, Some(FailureCause::Killed));
    let mut after = start("go on");
    after.resume = Some(session("exec_killed"));
    let (events, failed, lost) = play_exec("exec_after_kill", after, "", OK, 4096);
    assert_eq!(events.last().map(String::as_str), Some("end Went on."));
    assert_eq!((failed, lost), (None, false));
}

#[test]
fn a_new_session_instead_of_the_old_one_is_noticed() {
    let mut other = start("again");
    other.resume = Some("0199c0de-0000-7000-8000-000000000000".into());
    let (_, failed, lost) = play_exec("exec_resume", other, "", OK, 4096);
    assert!(lost && failed.is_some());
}

#[test]
fn failures_are_told_apart() {
    for (name, expected) in [
        ("exec_401", FailureCause::NotLoggedIn),
        ("exec_no_key", FailureCause::NotLoggedIn),
        ("exec_429", FailureCause::RateLimited),
        ("exec_limit", FailureCause::RateLimited),
        ("exec_500", FailureCause::ProviderDown),
        ("exec_refused", FailureCause::ProviderDown),
        ("exec_cut", FailureCause::ProviderDown),
        ("exec_context", FailureCause::ContextLimit),
    ] {
        let (events, failed) = exec(name, FAILED);
        assert_eq!(failed, Some(expected), "{name}");
        assert_eq!(events.last(), Some(&format!("end {expected:?}")), "{name}");
    }
    let (_, failed, _) = play_exec("exec_limit", start("x"), "", FAILED, 4096);
    let until = failed.and_then(|failed| failed.until);
    assert_eq!(until.map(|until| until.to_string()).as_deref(), Some("2026-11-22T21:12:00.000Z"));
}

#[test]
fn what_the_sandbox_refuses_is_no_failure_of_the_program() {
    for name in ["exec_shell_denied", "exec_patch_denied", "exec_read_only"] {
        let (events, failed) = exec(name, OK);
        assert_eq!(failed, None, "{name}");
        assert!(!events.iter().any(|event| event.starts_with("wrote")), "{name}: {events:?}");
    }
}

#[test]
fn an_end_without_a_word_is_a_failure_whatever_the_exit_code_says() {
    let ended = |stdout: &str, stderr: &str, exit| {
        let (mut codex, mut out) = (CodexExec::new(start("x")), Output::default());
        codex.stdout(stdout.as_bytes(), now(), &mut out);
        codex.stderr(stderr.as_bytes(), &mut out);
        codex.ended(exit, &mut out).map(|failed| failed.cause)
    };
    let begun = "{\"type\":\"turn.started\"}\n";
    assert_eq!(ended(begun, "", OK), Some(FailureCause::Crashed));
    assert_eq!(ended("", "", FAILED), Some(FailureCause::Crashed));
    assert_eq!(ended("", "Error loading config.toml:\n1:9: extra\n", FAILED), Some(FailureCause::NotStarted));
    let error = format!("{begun}{{\"type\":\"error\",\"message\":\"unexpected status 502 Bad Gateway\"}}\n");
    assert_eq!(ended(&error, "", FAILED), Some(FailureCause::ProviderDown));
    assert_eq!(ended("{\"type\":\"turn.completed\"}", "", OK), None, "also without the last line's end");
}
