//! Agents that are a loop over their status file, in another language, and know the files alone.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use miyabi_e2e::process::{self, Guarded};
use miyabi_e2e::{SOON, eventually};
use serde_json::{Value, json};

use crate::stage::Stage;

/// Starts a loop for an agent; it looks at its file ten times a second.
fn agent(stage: &Stage, id: &str, ways: &[&str]) -> Result<Guarded> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/file_agent.py");
    let mut command = process::command("python3");
    command.arg(program).arg(stage.state().0).arg(id).arg(ledger(stage));
    Guarded::start(command.args(["--interval", "0.1"]).args(ways))
}

fn ledger(stage: &Stage) -> PathBuf {
    stage.path("plan/ledger")
}

/// How often the ledger has exactly this line.
fn count(stage: &Stage, line: &str) -> usize {
    stage.ledger().iter().filter(|it| *it == line).count()
}

async fn did(stage: &Stage, line: &str) -> Result<()> {
    let done = || async { (count(stage, line) > 0).then_some(()) };
    eventually(&format!("`{line}` in the ledger"), SOON, done).await
}

/// A plan whose agents are all external; tasks as id, agent, need. The first task has a time limit
/// of a second.
fn plan(stage: &Stage, agents: &[&str], tasks: &[(&str, &str, &[&str])]) -> Result<()> {
    let task = |(id, agent, needs): &(&str, &str, &[&str])| {
        let limit = if *id == "Task-1" { 1 } else { 600 };
        json!({ "id": id, "title": id, "prompt": id, "agent": agent, "needs": needs, "estimated_seconds": 1, "time_limit_seconds": limit })
    };
    let tasks: Vec<Value> = tasks.iter().map(task).collect();
    let agents: Vec<Value> = agents.iter().map(|id| json!({ "id": id, "runner": "external" })).collect();
    let dag = json!({ "name": "loops", "title": "Loops", "tasks": tasks });
    let hosts = json!([{ "id": "local", "transport": "local", "capacity": 4 }]);
    let config = json!({ "hosts": hosts, "agents": agents, "limits": { "back_off_seconds": 0 } });
    std::fs::write(stage.path("plan/task_dag.json"), dag.to_string())?;
    Ok(std::fs::write(stage.path("plan/agent_config.json"), config.to_string())?)
}

fn begin(stage: &Stage) -> Result<()> {
    let begun = stage.miyabi(&["run", &stage.path("plan").to_string_lossy(), "--trust", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    Ok(())
}

/// Stays with the run until it has ended well. Answers how it stands then.
fn end(stage: &Stage) -> Result<Value> {
    let ended = stage.miyabi(&["run", "--resume"])?;
    ensure!(ended.status.code() == Some(0), "{ended:?}\n{:?}", stage.ledger());
    let status = stage.status()?;
    ensure!(status["run"]["phase"] == "completed", "{}", status["run"]);
    let strange = stage.ledger().iter().any(|line| line.contains("was-written-over"));
    ensure!(!strange, "an agent's turn was not respected: {:?}", stage.ledger());
    Ok(status)
}

/// Agent, number and cause of failure of each attempt at a task.
fn attempts(status: &Value, task: &str) -> Value {
    let mut tasks = status["tasks"].as_array().into_iter().flatten();
    let attempts = tasks.find(|it| it["id"] == task).and_then(|it| it["attempts"].as_array());
    let short = |it: &Value| json!([it["agent"], it["number"], it["cause"]]);
    attempts.into_iter().flatten().map(short).collect()
}

fn notices(status: &Value, kind: &str) -> usize {
    status["notices"].as_array().into_iter().flatten().filter(|it| it["kind"] == kind).count()
}

#[tokio::test]
async fn a_plain_queue_is_worked_off_by_loops() -> Result<()> {
    let stage = Stage::new()?;
    let task = |id: &str, agent: &str, needs: &[&str]| {
        json!({ "task_id": id, "agent": agent, "description": id, "dependencies": needs,
            "status": "PENDING", "priority": 1, "estimated_time": 60 })
    };
    let queue = json!({ "tasks": [
        task("Task-1", "CCG-1", &[]),
        task("Task-2", "CG-1", &["Task-1"]),
        task("Task-3", "CG-1", &["Task-1"]),
        task("Task-4", "CCG-1", &["Task-2", "Task-3"]),
    ] });
    let file = stage.path("plan/queue.json");
    std::fs::write(&file, queue.to_string())?;
    let _loops = [agent(&stage, "CCG-1", &[])?, agent(&stage, "CG-1", &["--slow", "0.2"])?];
    let ended = stage.miyabi(&["run", &file.to_string_lossy(), "--external", "--trust"])?;
    ensure!(ended.status.code() == Some(0), "{ended:?}\n{:?}", stage.ledger());
    let ends: Vec<String> = stage
        .ledger()
        .into_iter()
        .filter_map(|line| line.strip_prefix("CCG-1 ").map(str::to_owned))
        .collect();
    ensure!(ends == ["begins Task-1", "ends Task-1", "begins Task-4", "ends Task-4"], "{ends:?}");
    ensure!(count(&stage, "CG-1 ends Task-2") == 1 && count(&stage, "CG-1 ends Task-3") == 1);
    for task in ["Task-1", "Task-2", "Task-3", "Task-4"] {
        stage.state().queue_says(task, "status", "COMPLETED").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_late_claim_is_thrown_away_and_then_there_is_work_again() -> Result<()> {
    let stage = Stage::new()?;
    plan(
        &stage,
        &["CG-1", "CG-2"],
        &[("Task-1", "CG-1", &[]), ("Task-2", "CG-2", &["Task-1"]), ("Task-3", "CG-2", &["Task-2"])],
    )?;
    begin(&stage)?;
    let _late = agent(&stage, "CG-1", &["--late", "5"])?;
    did(&stage, "CG-1 begins Task-1").await?;
    // What a person gave to the late agent waits for it, whoever else is free.
    let given = stage.miyabi(&["reassign", "Task-3", "CG-1"])?;
    ensure!(given.status.success(), "{given:?}");
    let _other = agent(&stage, "CG-2", &[])?;
    stage.state().queue_says("Task-3", "status", "READY").await?;
    ensure!(count(&stage, "CG-1 ends Task-1") == 0, "the agent was not late: {:?}", stage.ledger());
    let status = end(&stage)?;
    let expected = json!([["CG-1", 1, "time_limit"], ["CG-2", 2, null]]);
    ensure!(attempts(&status, "Task-1") == expected, "{}", attempts(&status, "Task-1"));
    ensure!(notices(&status, "late_claim") == 1, "{}", status["notices"]);
    let deeds = ["CG-1 begins Task-1", "CG-1 ends Task-1", "CG-1 begins Task-3", "CG-1 ends Task-3"];
    let done: Vec<String> = stage.ledger().into_iter().filter(|line| line.starts_with("CG-1 ")).collect();
    ensure!(done == deeds, "{done:?}");
    Ok(())
}

#[tokio::test]
async fn a_task_moves_on_from_an_agent_that_stops_in_its_middle() -> Result<()> {
    let stage = Stage::new()?;
    plan(&stage, &["CG-1", "CG-2"], &[("Task-1", "CG-1", &[]), ("Task-2", "CG-1", &["Task-1"])])?;
    begin(&stage)?;
    let _stuck = agent(&stage, "CG-1", &["--stop-in-the-middle"])?;
    did(&stage, "CG-1 begins Task-1").await?;
    let _other = agent(&stage, "CG-2", &[])?;
    let status = end(&stage)?;
    let expected = json!([["CG-1", 1, "time_limit"], ["CG-2", 2, null]]);
    ensure!(attempts(&status, "Task-1") == expected, "{}", attempts(&status, "Task-1"));
    ensure!(attempts(&status, "Task-2") == json!([["CG-2", 1, null]]), "{}", attempts(&status, "Task-2"));
    Ok(())
}

#[tokio::test]
async fn an_agent_that_appears_is_given_work_of_its_kind() -> Result<()> {
    let stage = Stage::new()?;
    plan(
        &stage,
        &["CG-1", "CCG-1"],
        &[
            ("Task-2", "CG-1", &[]),
            ("Task-3", "CG-1", &[]),
            ("Task-4", "CCG-1", &[]),
            ("Task-5", "CCG-1", &[]),
        ],
    )?;
    begin(&stage)?;
    // The agents of the plan are busy for as long as the test wants them to be.
    for id in ["CG-1", "CCG-1"] {
        stage.state().agent_appears(id)?;
        stage.state().is_given_work(id).await?;
        stage.state().agent_says(id, "IN_PROGRESS", &[])?;
    }
    let _new = agent(&stage, "CG-9", &[])?;
    stage.state().queue_says("Task-3", "status", "COMPLETED").await?;
    stage.state().queue_says("Task-3", "agent", "CG-9").await?;
    stage.state().queue_says("Task-5", "status", "READY").await?;
    stage.state().agent_says("CG-1", "COMPLETED", &[])?;
    stage.state().agent_says("CCG-1", "COMPLETED", &[])?;
    let _planned = agent(&stage, "CCG-1", &[])?;
    let status = end(&stage)?;
    ensure!(notices(&status, "agent_joined") == 1, "{}", status["notices"]);
    ensure!(stage.ledger().len() == 4, "work of another kind was given: {:?}", stage.ledger());
    Ok(())
}

#[tokio::test]
async fn what_a_starting_agent_wiped_is_offered_again() -> Result<()> {
    let stage = Stage::new()?;
    plan(&stage, &["CG-1"], &[("Task-2", "CG-1", &[])])?;
    begin(&stage)?;
    stage.state().agent_appears("CG-1")?;
    stage.state().is_given_work("CG-1").await?;
    let _starting = agent(&stage, "CG-1", &["--idle-at-start"])?;
    let status = end(&stage)?;
    ensure!(attempts(&status, "Task-2") == json!([["CG-1", 1, null]]), "{}", attempts(&status, "Task-2"));
    let done = ["CG-1 resets Task-2", "CG-1 begins Task-2", "CG-1 ends Task-2"];
    ensure!(stage.ledger() == done, "{:?}", stage.ledger());
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_repeated_counts_once() -> Result<()> {
    let stage = Stage::new()?;
    let tasks: [(&str, &str, &[&str]); 3] =
        [("Task-2", "CG-1", &[]), ("Task-3", "CG-1", &["Task-2"]), ("Task-4", "CG-1", &["Task-3"])];
    plan(&stage, &["CG-1"], &tasks)?;
    begin(&stage)?;
    let _twice = agent(&stage, "CG-1", &["--answer-twice"])?;
    let status = end(&stage)?;
    for (task, _, _) in tasks {
        ensure!(attempts(&status, task) == json!([["CG-1", 1, null]]), "{task} {}", attempts(&status, task));
        ensure!(count(&stage, &format!("CG-1 ends {task}")) == 1, "{:?}", stage.ledger());
    }
    for task in ["Task-2", "Task-3"] {
        ensure!(count(&stage, &format!("CG-1 repeats {task}")) == 1, "{:?}", stage.ledger());
    }
    Ok(())
}

#[tokio::test]
async fn a_wiped_folder_is_written_anew_and_the_loop_goes_on() -> Result<()> {
    let stage = Stage::new()?;
    plan(&stage, &["CG-1"], &[("Task-2", "CG-1", &[]), ("Task-3", "CG-1", &["Task-2"])])?;
    begin(&stage)?;
    let _slow = agent(&stage, "CG-1", &["--slow", "1.5"])?;
    did(&stage, "CG-1 begins Task-2").await?;
    stage.state().queue_says("Task-2", "status", "IN_PROGRESS").await?;
    std::fs::remove_dir_all(stage.state().0)?;
    stage.state().queue_says("Task-2", "status", "IN_PROGRESS").await?;
    let status = end(&stage)?;
    for task in ["Task-2", "Task-3"] {
        ensure!(attempts(&status, task) == json!([["CG-1", 1, null]]), "{task} {}", attempts(&status, task));
        ensure!(count(&stage, &format!("CG-1 begins {task}")) == 1, "{:?}", stage.ledger());
    }
    Ok(())
}

#[tokio::test]
async fn failing_and_giving_up_each_cost_a_try() -> Result<()> {
    let stage = Stage::new()?;
    plan(&stage, &["CG-1"], &[("Task-2", "CG-1", &[])])?;
    begin(&stage)?;
    let folder = stage.state();
    folder.agent_appears("CG-1")?;
    folder.is_given_work("CG-1").await?;
    folder.agent_says("CG-1", "IN_PROGRESS", &[])?;
    folder.agent_says("CG-1", "FAILED", &["no such module"])?;
    folder.is_given_work("CG-1").await?;
    folder.agent_says("CG-1", "IN_PROGRESS", &[])?;
    // What it says is taken in before it gives up, or the offer would only be repeated.
    let at_it = || async { (stage.status().ok()?["agents"][0]["status"] == "IN_PROGRESS").then_some(()) };
    eventually("an agent seen at work", SOON, at_it).await?;
    folder.agent_appears("CG-1")?;
    folder.is_given_work("CG-1").await?;
    let _loop = agent(&stage, "CG-1", &[])?;
    let status = end(&stage)?;
    let expected = json!([["CG-1", 1, "agent_failed"], ["CG-1", 2, "gave_up"], ["CG-1", 3, null]]);
    ensure!(attempts(&status, "Task-2") == expected, "{}", status["tasks"]);
    ensure!(status["tasks"].to_string().contains("no such module"), "{}", status["tasks"]);
    Ok(())
}
