//! The whole Level 6 plan, done by 6 Claude Code and 9 Codex agents with the scripted model.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::level6::{self, Run};
use miyabi_agent_tests::{Programs, isolated, process, script};
use serde_json::{Value, json};

/// How much faster than the plan's estimates the model is: slow enough that the tasks of a wave are
/// seen at work together. The longest path takes 11 s, and what the programs need beside it.
const SPEED: f64 = 600.0;
/// How long a machine that is busy with other work may take to come to a point.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn the_whole_plan_is_done_by_the_real_programs() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let kept = tempfile::tempdir()?;
        let outcome = level6::run(&programs, SPEED, &kept.path().join("level6"))?;
        println!("{}", outcome.table());
        let problems = [outcome.problems(), outcome.strangers()].concat();
        ensure!(problems.is_empty(), "{}", problems.join("\n"));
        Ok(())
    })
}

#[test]
fn claude_stands_in_when_codex_dies_in_the_middle_of_task_6_and_goes_back_when_it_returns() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut run = Run::prepare(&programs, &script::level6_without_codex_from("Task-6", SPEED)?)?;
        run.edit("agent_config.json", |config| {
            // Before it is tried again, another one must have had the time to take the task over with its work.
            config["fallback"] = json!({ "after_failures": 2, "recheck_seconds": 10 });
            config["limits"]["back_off_seconds"] = json!(1);
        })?;
        run.start()?;
        until(&run, "a Claude agent has taken Task-6", |task| by(task) == ("Task-6", "CCG"))?;
        run.model.play(&script::level6(SPEED)?)?;
        let kept = tempfile::tempdir()?;
        let outcome = run.end(&kept.path().join("level6"))?;
        println!("{}", outcome.table());
        let problems = outcome.problems();
        ensure!(problems.is_empty(), "{}", problems.join("\n"));
        let sixth = outcome.tasks().iter().find(|task| task["id"] == "Task-6").context("Task-6")?;
        let attempts = sixth["attempts"].as_array().context("attempts")?;
        let kinds: Vec<_> = attempts.iter().map(|attempt| kind(&attempt["agent"])).collect();
        ensure!(kinds.first() == Some(&"CG") && kinds.last() == Some(&"CCG"), "{attempts:?}");
        ensure!(sixth["stood_in"] == true, "{sixth}");
        let tenth = outcome.tasks().iter().find(|task| task["id"] == "Task-10").context("Task-10")?;
        ensure!(kind(&tenth["agent"]) == "CG", "Codex is back, and did not get Task-10: {tenth}");
        let report = std::fs::read_to_string(kept.path().join("level6/report.md"))?;
        for told in ["codex cannot work", "codex works again", "planned: CG-5, stood in"] {
            ensure!(report.contains(told), "the report does not tell `{told}`:\n{report}");
        }
        Ok(())
    })
}

fn kind(agent: &Value) -> &str {
    agent.as_str().and_then(|id| id.split('-').next()).unwrap_or_default()
}

fn by(task: &Value) -> (&str, &str) {
    (task["id"].as_str().unwrap_or_default(), kind(&task["agent"]))
}

/// Asks for the run again and again until a task is as wanted.
fn until(run: &Run, what: &str, holds: impl Fn(&Value) -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Before the backend is there, there is no run to ask for.
        let status = run.status().unwrap_or_default();
        if status["tasks"].as_array().is_some_and(|tasks| tasks.iter().any(&holds)) {
            return Ok(());
        }
        ensure!(status["run"]["ended_at"].is_null(), "the run ended before: {what}");
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}; {status}");
        process::a_moment();
    }
}
