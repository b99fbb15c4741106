//! Requests for permission: answered by the plan, by a person, by the time, and by what was allowed
//! before; and across the end of the backend.

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::stage::{Stage, Way, causes, rule, task, work};
use miyabi_agent_tests::{Programs, isolated, process};
use serde_json::{Value, json};

/// How an agent writes a file by something that must be asked for: Claude Code by a command that it
/// does not know, Codex by a patch where it may only read.
fn writes(way: Way, name: &str) -> Value {
    match way {
        Way::Claude | Way::ClaudeAcp => {
            json!({ "shell": format!("python3 -c \"open('{name}', 'w').write('it')\"") })
        }
        _ => json!({ "write_file": { "path": name, "content": "it" } }),
    }
}

fn prepared(programs: &Programs, way: Way, outputs: &[&str], approvals: &Value) -> Result<Stage> {
    let steps = json!([writes(way, "one.txt"), writes(way, "two.txt"), { "text": "Done." }]);
    // Codex' `decline` has no place for a reason: it is said to it.
    let refused = json!({ "name": "refused", "match": r"\A(?!# ).*(use the test database|the plan does not allow)",
        "steps": [{ "text": "Then not." }] });
    let stage = Stage::new(programs, &json!({ "rules": [refused, rule("Task-1", steps)] }))?;
    let mut agent = stage.agent("CG-1", way);
    if !matches!(way, Way::Claude | Way::ClaudeAcp) {
        agent["access"] = json!("read");
    }
    stage.plan(&[work("Task-1", "CG-1", outputs)], &[agent], json!({ "approvals": approvals }))?;
    Ok(stage)
}

fn number(item: &Value) -> Result<String> {
    Ok(item["number"].as_u64().context("a number")?.to_string())
}

/// Allows the first, and refuses the second with a reason.
fn one_is_granted_and_one_refused(way: Way) -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut stage = prepared(&programs, way, &["one.txt"], &json!({ "default": "ask" }))?;
        stage.start()?;
        let first = stage.asked("approval")?;
        ensure!(first["task"] == "Task-1" && first["agent"] == "CG-1", "{first}");
        ensure!(first["what"].as_str().is_some_and(|what| what.contains("one.txt")), "{first}");
        ensure!(first["answers_at"].is_string(), "{first}");
        ensure!(stage.work("one.txt").is_empty(), "it did not wait");
        stage.told(&["approve", &number(&first)?])?;
        let second = stage.until("the second request", |stage| {
            stage.inbox().into_iter().find(|item| item["what"].to_string().contains("two.txt"))
        })?;
        ensure!(stage.work("one.txt").trim() == "it", "what was allowed was not done");
        stage.told(&["deny", &number(&second)?, "use the test database"])?;
        let (_, status) = stage.end()?;
        ensure!(stage.work("two.txt").is_empty(), "what was refused was done");
        let done = task(&status, "Task-1").context("Task-1")?;
        // It was told no, and what it promised is there all the same.
        ensure!(done["phase"] == "completed" && causes(&done) == [Value::Null], "{done:#}");
        let log = stage.log("logs/agent_CG-1.log");
        ensure!(log.contains("allowed") && log.contains("denied"), "{log}");
        ensure!(log.contains("use the test database"), "{log}");
        let told = stage.model.last()?;
        ensure!(told.contains("use the test database"), "the agent did not hear why: {told}");
        Ok(())
    })
}

#[test]
fn claude_code_hears_what_a_person_allows_and_refuses() -> Result<()> {
    one_is_granted_and_one_refused(Way::Claude)
}

#[test]
fn codex_app_server_hears_what_a_person_allows_and_refuses() -> Result<()> {
    one_is_granted_and_one_refused(Way::AppServer)
}

#[test]
fn codex_over_mcp_hears_what_a_person_allows_and_refuses() -> Result<()> {
    one_is_granted_and_one_refused(Way::Mcp)
}

#[test]
fn the_acp_adapter_of_claude_code_hears_what_a_person_allows_and_refuses() -> Result<()> {
    one_is_granted_and_one_refused(Way::ClaudeAcp)
}

#[test]
fn the_acp_adapter_of_codex_hears_what_a_person_allows_and_refuses() -> Result<()> {
    one_is_granted_and_one_refused(Way::CodexAcp)
}

/// What the plan refuses is not done, and the task waits for a person who changes that.
#[test]
fn what_the_plan_refuses_is_not_done() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        for (way, tool) in [(Way::Claude, "Bash"), (Way::AppServer, "apply_patch")] {
            let rules = json!({ "default": "allow",
                "rules": [{ "tool": tool, "pattern": "*two.txt*", "answer": "deny" }] });
            let mut stage = prepared(&programs, way, &["two.txt"], &rules)?;
            stage.start()?;
            let (exit, status) = stage.end()?;
            let failed = task(&status, "Task-1").context("Task-1")?;
            ensure!(exit.code() == Some(1) && failed["phase"] == "failed", "{failed:#}");
            ensure!(stage.work("one.txt").trim() == "it" && stage.work("two.txt").is_empty(), "{failed:#}");
            ensure!(causes(&failed) == [json!("permission_refused")], "{way:?}: {failed:#}");
            let error = failed["error"].as_str().unwrap_or_default();
            ensure!(error.contains(tool) && error.contains("two.txt is missing"), "{error}");
        }
        Ok(())
    })
}

#[test]
fn a_request_that_nobody_answers_is_refused_by_the_time() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let approvals = json!({ "default": "ask", "time_out_seconds": 2 });
        let mut stage = prepared(&programs, Way::Claude, &["one.txt"], &approvals)?;
        stage.start()?;
        stage.asked("approval")?;
        let (exit, status) = stage.end()?;
        let failed = task(&status, "Task-1").context("Task-1")?;
        ensure!(exit.code() == Some(1) && causes(&failed) == [json!("permission_refused")], "{failed:#}");
        ensure!(stage.work("one.txt").is_empty(), "what nobody allowed was done");
        let told = stage.model.last()?;
        ensure!(told.contains("nobody answered within 2 s"), "{told}");
        Ok(())
    })
}

#[test]
fn what_is_allowed_for_a_task_is_not_asked_for_again() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut stage =
            prepared(&programs, Way::Claude, &["one.txt", "two.txt"], &json!({ "default": "ask" }))?;
        stage.start()?;
        let first = stage.asked("approval")?;
        stage.told(&["approve", &number(&first)?, "--for", "task"])?;
        let status = stage.completed()?;
        let asked = status["notices"].as_array().into_iter().flatten();
        let asked = asked.filter(|notice| notice["kind"] == "approval_asked").count();
        ensure!(asked == 1, "{asked} requests came to a person");
        Ok(())
    })
}

/// The backend is killed while a request waits. It waits on, and is answered when the run goes on.
#[test]
fn a_request_outlives_the_backend() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut stage =
            prepared(&programs, Way::Claude, &["one.txt", "two.txt"], &json!({ "default": "ask" }))?;
        stage.start()?;
        let before = stage.asked("approval")?;
        let session = stage.file_of("CG-1", "is at work", |file| file["status"] == "IN_PROGRESS")?;
        // Only the backend itself: the tmux server's own command line names it, too.
        let miyabi = stage.sandbox.ours("miyabi")?;
        let ours = stage.sandbox.running(miyabi.get_program().as_ref());
        let backends: Vec<_> =
            process::with_word("\0orchestrate\0").into_iter().filter(|pid| ours.contains(pid)).collect();
        ensure!(backends.len() == 1, "{backends:?}");
        process::kill(backends[0])?;
        stage.end()?;
        stage.run(&["run", "--resume"])?;
        stage.until("the backend is there again", |stage| {
            let runs: Value = serde_json::from_str(&stage.runs().ok()?).ok()?;
            (runs[0]["alive"] == true).then_some(())
        })?;
        let after = stage.asked("approval")?;
        ensure!(after["number"] == before["number"] && after["what"] == before["what"], "{before} {after}");
        ensure!(after["at"] == before["at"], "{before} {after}");
        stage.told(&["approve", &number(&after)?, "--for", "run"])?;
        let done = task(&stage.completed()?, "Task-1").context("Task-1")?;
        ensure!(causes(&done) == [Value::Null], "{done:#}");
        ensure!(done["attempts"][0]["session"] == session["miyabi"]["session"], "{done:#}");
        Ok(())
    })
}
