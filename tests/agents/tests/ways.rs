//! Every way of speaking to an agent program does a task: it writes a file by the program's own tool,
//! runs a shell command, and is believed only because the file is there.

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::stage::{Stage, Way, rule, task, work};
use miyabi_agent_tests::{Programs, isolated};
use serde_json::{Value, json};

/// Writes a note by the file tool, and another one by the shell, which takes its time.
fn two_notes() -> Value {
    json!([
        { "thinking": "Two notes are wanted.", "text": "Writing the first.",
          "write_file": { "path": "note.txt", "content": "by the file tool\n" } },
        { "text": "Writing the second.", "shell": "echo by the shell > shell.txt; while [ ! -e go ]; do sleep 0.05; done" },
        { "text": "Both notes are written." },
    ])
}

fn does_a_task(way: Way) -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut stage = Stage::new(&programs, &json!({ "rules": [rule("Task-1", two_notes())] }))?;
        let agent = stage.agent("CG-1", way);
        stage.plan(&[work("Task-1", "CG-1", &["note.txt", "shell.txt"])], &[agent], json!({}))?;
        stage.start()?;

        let file = stage.file_of("CG-1", "names the session of the work", |file| {
            file["status"] == "IN_PROGRESS" && file["miyabi"]["session"].is_string()
        })?;
        stage.until("the shell's command is at work", |stage| {
            (stage.work("shell.txt") == "by the shell\n").then_some(())
        })?;
        std::fs::write(stage.sandbox.path("plan/work/go"), "")?;

        let status = stage.completed()?;
        let done = task(&status, "Task-1").context("Task-1")?;
        let attempt = &done["attempts"][0];
        ensure!(attempt["session"] == file["miyabi"]["session"], "{attempt} {file}");
        ensure!(attempt["evidence"]["changed"] == json!(["note.txt", "shell.txt"]), "{attempt}");
        ensure!(stage.work("note.txt") == "by the file tool\n");
        let used = |name: &str| done["usage"][name].as_f64().unwrap_or_default();
        ensure!(used("input_tokens") > 0.0 && used("output_tokens") > 0.0, "{}", done["usage"]);
        println!("{way:?}: {} {}", attempt["session"], done["usage"]);
        let log = stage.log("logs/agent_CG-1.log");
        ensure!(log.contains("Both notes are written."), "{log}");
        let raw = stage.log("logs/raw/agent_CG-1/Task-1.1.jsonl");
        ensure!(raw.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{raw}");
        ensure!(raw.contains("Both notes are written."), "{raw}");
        Ok(())
    })
}

#[test]
fn claude_code_does_a_task() -> Result<()> {
    does_a_task(Way::Claude)
}

#[test]
fn codex_exec_does_a_task() -> Result<()> {
    does_a_task(Way::Exec)
}

#[test]
fn codex_app_server_does_a_task() -> Result<()> {
    does_a_task(Way::AppServer)
}

#[test]
fn codex_over_mcp_does_a_task() -> Result<()> {
    does_a_task(Way::Mcp)
}

#[test]
fn the_acp_adapter_of_claude_code_does_a_task() -> Result<()> {
    does_a_task(Way::ClaudeAcp)
}

#[test]
fn the_acp_adapter_of_codex_does_a_task() -> Result<()> {
    does_a_task(Way::CodexAcp)
}
