//! Budgets hold back what would begin, and ask; what runs goes on to its end.

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::stage::{Stage, Way, causes, resumed, rule, task, work};
use miyabi_agent_tests::{Programs, isolated};
use serde_json::{Value, json};

/// A note, for which the model reads so many tokens.
fn note(name: &str, tokens: u32) -> Value {
    let usage = json!({ "input": tokens, "output": 100 });
    json!([
        { "write_file": { "path": name, "content": "written\n" }, "usage": usage },
        { "text": "Done.", "usage": usage },
    ])
}

#[test]
fn a_budget_that_is_reached_holds_back_the_next_task_until_it_is_raised() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut long = note("two.txt", 1000);
        long.as_array_mut()
            .context("steps")?
            .insert(1, json!({ "shell": "while [ ! -e go ]; do sleep 0.05; done" }));
        let rules = [
            rule("Task-1", note("one.txt", 1000)),
            rule("Task-2", long),
            rule("Task-3", note("three.txt", 1000)),
        ];
        let mut stage = Stage::new(&programs, &json!({ "rules": rules }))?;
        // Codex does not know of the budget, and ends its task beyond it.
        let agents = [
            stage.agent("CG-1", Way::AppServer),
            stage.agent("CCG-2", Way::Claude),
            stage.agent("CCG-3", Way::Claude),
        ];
        let mut tasks = [
            work("Task-1", "CG-1", &["one.txt"]),
            work("Task-2", "CCG-2", &["two.txt"]),
            work("Task-3", "CCG-3", &["three.txt"]),
        ];
        tasks[2]["needs"] = json!(["Task-1"]);
        // A thousand tokens of Codex cost one dollar.
        let price = json!({ "input": 1000.0, "cached": 1000.0, "output": 1000.0 });
        std::fs::write(
            stage.sandbox.path("plan/prices.json"),
            json!({ "models": { "gpt-*": price } }).to_string(),
        )?;
        stage.plan(&tasks, &agents, json!({ "budget": { "run_usd": 2.0 } }))?;
        stage.start()?;

        stage.task("Task-3", "waits for the budget", |task| {
            task["waiting"].as_array().is_some_and(|why| why.iter().any(|why| why["reason"] == "budget"))
        })?;
        let item = stage.asked("run_budget")?;
        ensure!(item["limit_usd"] == 2.0, "{item}");
        let spent = item["spent_usd"].as_f64().context("a sum")?;
        ensure!(spent >= 2.0, "{item}");
        let second = task(&stage.status(), "Task-2").context("Task-2")?;
        ensure!(second["phase"] == "running" && causes(&second) == [Value::Null], "{second:#}");
        println!(
            "spent {spent}, then asked; Task-1 {:?}",
            causes(&task(&stage.status(), "Task-1").context("Task-1")?)
        );

        std::fs::write(stage.sandbox.path("plan/work/go"), "")?;
        let refused = stage.miyabi(&["budget", &item["number"].to_string(), "1"])?;
        ensure!(!refused.status.success(), "a budget below what is spent was taken");
        stage.told(&["budget", &item["number"].to_string(), "50"])?;
        let status = stage.completed()?;
        let killed = ["Task-2", "Task-3"].map(|id| task(&status, id).map(|task| causes(&task)));
        ensure!(killed == [Some(vec![Value::Null]), Some(vec![Value::Null])], "{killed:?}");
        let cost = status["run"]["usage"]["cost_usd"].as_f64().unwrap_or_default();
        ensure!(cost > spent, "{cost} is not more than {spent}");
        let report: Value = serde_json::from_str(&stage.told(&["report", "--format", "json"])?)?;
        ensure!(report.to_string().contains("\"cost_usd\""), "{report}");
        Ok(())
    })
}

/// Claude Code is given what is left as a limit of its own; its task waits, and goes on in its session.
#[test]
fn a_task_that_comes_to_the_end_of_its_budget_goes_on_when_it_is_raised() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let rules = [resumed(note("one.txt", 1000)), rule("Task-1", note("one.txt", 500_000))];
        let mut stage = Stage::new(&programs, &json!({ "rules": rules }))?;
        let agent = stage.agent("CCG-1", Way::Claude);
        let mut only = work("Task-1", "CCG-1", &["one.txt"]);
        only["retries"] = json!(0);
        stage.plan(&[only], &[agent], json!({ "budget": { "task_usd": 2.0 } }))?;
        stage.start()?;
        let item = stage.asked("task_budget")?;
        let waits =
            stage.task("Task-1", "waits for the budget", |task| task["waiting"][0]["reason"] == "budget")?;
        ensure!(causes(&waits) == [json!("budget_reached")], "{waits:#}");
        stage.told(&["budget", &item["number"].to_string(), "50"])?;
        let done = task(&stage.completed()?, "Task-1").context("Task-1")?;
        let attempts = &done["attempts"];
        ensure!(attempts[0]["session"] == attempts[1]["session"], "{done:#}");
        let sum = |name: &str| {
            attempts.as_array().into_iter().flatten().filter_map(|a| a["usage"][name].as_f64()).sum::<f64>()
        };
        ensure!(
            (sum("cost_usd") - done["usage"]["cost_usd"].as_f64().unwrap_or_default()).abs() < 1e-6,
            "{done:#}"
        );
        println!("{:?}: {}", causes(&done), done["usage"]);
        Ok(())
    })
}
