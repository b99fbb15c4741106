//! Budgets hold back what would begin, and hold what runs before they are passed; then a person is asked.

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

/// The same with a command between them, which ends when there is a file of this name.
fn long_note(name: &str, tokens: u32, until: &str) -> Value {
    let usage = json!({ "input": tokens, "output": 100 });
    let mut steps = note(name, tokens);
    let wait = json!({ "shell": format!("while [ ! -e {until} ]; do sleep 0.05; done"), "usage": usage });
    steps.as_array_mut().into_iter().for_each(|steps| steps.insert(1, wait.clone()));
    steps
}

fn spent(item: &Value) -> Result<f64> {
    item["spent_usd"].as_f64().context("a sum")
}

/// How often the model answered in a rule.
fn answered(stage: &Stage, rule: &str) -> Result<usize> {
    Ok(stage.model.turns()?.iter().filter(|turn| turn["rule"] == rule).count())
}

/// Codex does not know of budgets: its runner counts, and holds it before the request that would pass its
/// share. With what the other one left it goes on, until too little is left of the whole budget.
#[test]
fn a_budget_is_asked_for_before_it_is_passed_and_what_others_leave_is_used_first() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let dear = || long_note("one.txt", 1000, "more");
        let rules = [
            resumed(dear()),
            rule("Task-1", dear()),
            rule("Task-2", long_note("two.txt", 1000, "go")),
            rule("Task-3", note("three.txt", 1000)),
        ];
        let mut stage = Stage::new(&programs, &json!({ "rules": rules }))?;
        let agents = [stage.agent("CG-1", Way::AppServer), stage.agent("CCG-2", Way::Claude)];
        let mut tasks = [
            work("Task-1", "CG-1", &["one.txt"]),
            work("Task-2", "CCG-2", &["two.txt"]),
            work("Task-3", "CCG-2", &["three.txt"]),
        ];
        tasks[2]["needs"] = json!(["Task-1"]);
        // A thousand tokens of Codex cost one dollar, and each of its requests 1.10.
        let price = json!({ "input": 1000.0, "cached": 1000.0, "output": 1000.0 });
        std::fs::write(
            stage.sandbox.path("plan/prices.json"),
            json!({ "models": { "gpt-*": price } }).to_string(),
        )?;
        stage.plan(&tasks, &agents, json!({ "budget": { "run_usd": 5.0 } }))?;
        stage.start()?;

        // Its share is half of it.
        let first = stage.task("Task-1", "waits for what Task-2 leaves", |task| {
            causes(task) == [json!("budget_reached")] && task["waiting"][0]["reason"] == "budget"
        })?;
        ensure!(first["usage"]["cost_usd"] == 2.2, "{first:#}");
        ensure!(stage.inbox().is_empty(), "{:?}", stage.inbox());

        std::fs::write(stage.sandbox.path("plan/work/go"), "")?;
        let item = stage.asked("run_budget")?;
        let before = spent(&item)?;
        ensure!((4.4..5.0).contains(&before), "$4.40 and the little of Claude Code: {item}");
        ensure!((answered(&stage, "Task-1")?, answered(&stage, "resumed")?) == (2, 2), "a request too many");
        println!("spent {before} of {}, then asked", item["limit_usd"]);

        std::fs::write(stage.sandbox.path("plan/work/more"), "")?;
        let refused = stage.miyabi(&["budget", &item["number"].to_string(), "1"])?;
        ensure!(!refused.status.success(), "a budget below what is spent was taken");
        stage.told(&["budget", &item["number"].to_string(), "50"])?;
        let status = stage.completed()?;
        let first = task(&status, "Task-1").context("Task-1")?;
        let reached = json!("budget_reached");
        ensure!(causes(&first) == [reached.clone(), reached, Value::Null], "{first:#}");
        let sessions: Vec<_> = first["attempts"].as_array().into_iter().flatten().collect();
        ensure!(sessions.iter().all(|one| one["session"] == sessions[0]["session"]), "{first:#}");
        let second = task(&status, "Task-2").context("Task-2")?;
        ensure!(causes(&second) == [Value::Null], "{second:#}");
        let cost = status["run"]["usage"]["cost_usd"].as_f64().unwrap_or_default();
        ensure!(cost > before, "{cost} is not more than {before}");
        let report: Value = serde_json::from_str(&stage.told(&["report", "--format", "json"])?)?;
        ensure!(report.to_string().contains("\"cost_usd\""), "{report}");
        Ok(())
    })
}

/// Claude Code is given its share as a limit of its own; its task waits, and goes on in its session.
#[test]
fn a_task_that_comes_to_the_end_of_its_budget_goes_on_when_it_is_raised() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        // Each of these requests costs $0.36.
        let usage = json!({ "input": 90_000, "output": 100 });
        let step = |file: &str| json!({ "write_file": { "path": file, "content": "x\n" }, "usage": usage });
        let files = ["1.txt", "2.txt", "3.txt", "4.txt", "5.txt", "6.txt", "7.txt", "8.txt"];
        let rules =
            [resumed(note("one.txt", 1000)), rule("Task-1", files.iter().map(|file| step(file)).collect())];
        let (_, done) = run_out_and_raise(&programs, &rules, (1.8, 2.0), 3.0)?;
        println!("{:?}: {}", causes(&done), done["usage"]);
        Ok(())
    })
}

/// What one request costs is known when it has come back: that one may pass the budget, and no further one.
#[test]
fn one_request_that_costs_more_than_is_left_is_the_only_one_that_passes_a_budget() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let rules = [resumed(note("one.txt", 1000)), rule("Task-1", note("one.txt", 600_000))];
        let (stage, _) = run_out_and_raise(&programs, &rules, (2.4, 2.5), 50.0)?;
        ensure!(answered(&stage, "Task-1")? == 1, "a second request was made");
        Ok(())
    })
}

/// A task with a budget of two dollars, which is asked for when this much is spent, and raised.
fn run_out_and_raise(
    programs: &Programs,
    rules: &[Value],
    (least, most): (f64, f64),
    raised: f64,
) -> Result<(Stage, Value)> {
    let mut stage = Stage::new(programs, &json!({ "rules": rules }))?;
    let agent = stage.agent("CCG-1", Way::Claude);
    let mut only = work("Task-1", "CCG-1", &["one.txt"]);
    only["retries"] = json!(0);
    stage.plan(&[only], &[agent], json!({ "budget": { "task_usd": 2.0 } }))?;
    stage.start()?;
    let item = stage.asked("task_budget")?;
    ensure!((least..=most).contains(&spent(&item)?), "{item}");
    let waits =
        stage.task("Task-1", "waits for the budget", |task| task["waiting"][0]["reason"] == "budget")?;
    ensure!(causes(&waits) == [json!("budget_reached")], "{waits:#}");
    stage.told(&["budget", &item["number"].to_string(), &raised.to_string()])?;
    let done = task(&stage.completed()?, "Task-1").context("Task-1")?;
    let attempts = &done["attempts"];
    ensure!(causes(&done) == [json!("budget_reached"), Value::Null], "{done:#}");
    ensure!(attempts[0]["session"] == attempts[1]["session"], "{done:#}");
    let sum = |name: &str| {
        attempts.as_array().into_iter().flatten().filter_map(|a| a["usage"][name].as_f64()).sum::<f64>()
    };
    ensure!(
        (sum("cost_usd") - done["usage"]["cost_usd"].as_f64().unwrap_or_default()).abs() < 1e-6,
        "{done:#}"
    );
    Ok((stage, done))
}
