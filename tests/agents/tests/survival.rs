//! A program that is killed in the midst of a task is started again in the same session, and no
//! process that its agent left behind lives on, whatever that does about sessions and signals.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::stage::{Stage, Way, causes, resumed, rule, task, work};
use miyabi_agent_tests::{Programs, isolated, process};
use serde_json::{Value, json};

/// Stands in the command line of the process that is left behind.
fn mark() -> String {
    format!("left-behind-{}", std::process::id())
}

/// Leaves a process behind that has a session of its own, no parent and no ear for signals, then
/// is at work until it is killed.
fn killed_at_its_second_step() -> Value {
    let left = format!(
        "(setsid sh -c 'trap \"\" TERM INT HUP QUIT; echo up > up.txt; while :; do sleep 1; done' {} \
         </dev/null >/dev/null 2>&1 &); ",
        mark()
    );
    json!([
        { "write_file": { "path": "before.txt", "content": "before it was killed\n" } },
        { "shell": left + "while [ ! -e up.txt ]; do sleep 0.05; done; echo > working.txt; sleep 600" },
        { "text": "This is never said." },
    ])
}

fn run_id(stage: &Stage) -> Result<String> {
    let status = stage.status();
    status["run"]["run_id"].as_str().map(str::to_owned).with_context(|| format!("no run in {status}"))
}

fn is_killed_and_goes_on(way: Way) -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let goes_on = json!([
            { "text": "I look at the files.", "shell": "cp before.txt after.txt" },
            { "text": "Done in the second try." },
        ]);
        let script = json!({ "rules": [resumed(goes_on), rule("Task-1", killed_at_its_second_step())] });
        let mut stage = Stage::new(&programs, &script)?;
        let agent = stage.agent("CG-1", way);
        stage.plan(&[work("Task-1", "CG-1", &["after.txt"])], &[agent], json!({}))?;
        stage.start()?;

        stage
            .until("its command is at work", |stage| (!stage.work("working.txt").is_empty()).then_some(()))?;
        ensure!(!process::with_word(&mark()).is_empty(), "nothing was left behind");
        let program = match way {
            Way::Claude => programs.claude.clone(),
            Way::ClaudeAcp | Way::CodexAcp => node()?,
            _ => programs.codex.clone(),
        };
        let running = stage.sandbox.running(&program);
        process::kill(*running.first().context("its program is not at work")?)?;

        let strays = stage.until("a second attempt", |stage| {
            let attempts = task(&stage.status(), "Task-1")?["attempts"].as_array()?.len();
            (attempts == 2).then(|| process::with_word(&mark()))
        })?;
        ensure!(strays.is_empty(), "{strays:?} outlived the attempt");
        let done = task(&stage.completed()?, "Task-1").context("Task-1")?;
        ensure!(causes(&done) == [json!("killed"), Value::Null], "{done:#}");
        let session = |number: usize| done["attempts"][number]["session"].as_str().map(str::to_owned);
        ensure!(session(0).is_some() && session(0) == session(1), "{done:#}");
        ensure!(stage.work("after.txt") == "before it was killed\n");
        let run = run_id(&stage)?;
        let told = |file: &str| stage.kept(&run, &format!("prompts/{file}"));
        ensure!(told("Task-1.1.md")?.contains("after.txt"), "the prompt of the first attempt is not kept");
        ensure!(
            told("Task-1.2.resumed.md")?.contains("files show"),
            "what was said in the session is not kept"
        );
        println!("{way:?}: killed, and went on in {:?}", session(1));
        Ok(())
    })
}

#[test]
fn claude_code_goes_on_in_its_session_after_a_kill() -> Result<()> {
    is_killed_and_goes_on(Way::Claude)
}

#[test]
fn codex_exec_goes_on_in_its_session_after_a_kill() -> Result<()> {
    is_killed_and_goes_on(Way::Exec)
}

#[test]
fn codex_app_server_goes_on_in_its_session_after_a_kill() -> Result<()> {
    is_killed_and_goes_on(Way::AppServer)
}

#[test]
fn the_acp_adapter_of_claude_code_goes_on_in_its_session_after_a_kill() -> Result<()> {
    is_killed_and_goes_on(Way::ClaudeAcp)
}

#[test]
fn the_acp_adapter_of_codex_goes_on_in_its_session_after_a_kill() -> Result<()> {
    is_killed_and_goes_on(Way::CodexAcp)
}

/// The program that runs the adapters.
fn node() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("node")).find(|node| node.is_file());
    found.context("node is not on the PATH")
}

#[test]
fn what_an_agent_leaves_behind_is_gone_when_its_task_is_done() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut steps = killed_at_its_second_step();
        let shell = steps[1]["shell"].as_str().context("a command")?.replace("sleep 600", "true");
        steps[1]["shell"] = json!(shell);
        steps[2]["text"] = json!("Done, and something goes on.");
        let script = json!({ "rules": [rule("Task-1", steps.clone()), rule("Task-2", steps)] });
        let mut stage = Stage::new(&programs, &script)?;
        let agents = [stage.agent("CCG-1", Way::Claude), stage.agent("CG-1", Way::Exec)];
        let mut second = work("Task-2", "CG-1", &["before.txt"]);
        second["needs"] = json!(["Task-1"]);
        second["acceptance"] =
            json!([["sh", "-c", format!("! grep -al [l]{} /proc/[0-9]*/cmdline", &mark()[1..])]]);
        let mut first = work("Task-1", "CCG-1", &["up.txt"]);
        first["acceptance"] = second["acceptance"].clone();
        stage.plan(&[first, second], &agents, json!({}))?;
        stage.start()?;
        stage.completed()?;
        let left = process::with_word(&mark());
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}
