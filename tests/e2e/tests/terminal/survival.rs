//! A backend that was killed in mid-run: the next one goes on with the same agents.

use anyhow::{Result, ensure};
use miyabi_e2e::{SOON, eventually};
use serde_json::{Value, json};

use crate::stage::Stage;

#[tokio::test]
async fn a_killed_backend_is_taken_up_with_the_same_agents() -> Result<()> {
    goes_on(|_| Ok(())).await
}

#[tokio::test]
async fn a_wiped_state_folder_starts_nothing_twice() -> Result<()> {
    goes_on(|stage| Ok(std::fs::remove_dir_all(stage.state().0)?)).await
}

async fn goes_on(meanwhile: impl Fn(&Stage) -> Result<()>) -> Result<()> {
    let stage = Stage::new()?;
    let gate = stage.path("gate");
    let wait = format!("until [ -e '{}' ]; do sleep 0.05; done", gate.display());
    stage.plan(&[
        ("Task-1", "CG-1", &[], "true"),
        ("Task-2", "CG-1", &["Task-1"], &wait),
        ("Task-3", "CG-2", &["Task-1"], &wait),
        ("Task-4", "CG-2", &["Task-2", "Task-3"], "true"),
    ])?;
    let begun = stage.miyabi(&["run", &stage.path("plan").to_string_lossy(), "--trust", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    eventually("three programs", SOON, || async { (stage.ledger().len() == 3).then_some(()) }).await?;
    for task in ["Task-2", "Task-3"] {
        stage.state().queue_says(task, "status", "IN_PROGRESS").await?;
    }
    let before = runners(&stage.status()?);

    let killed = stage.backend()?;
    miyabi_e2e::process::crash(killed);
    meanwhile(&stage)?;
    let resumed = stage.miyabi(&["run", "--resume", "-d"])?;
    ensure!(resumed.status.success(), "{resumed:?}");
    ensure!(stage.backend()? != killed, "the backend was not killed");
    for task in ["Task-2", "Task-3"] {
        stage.state().queue_says(task, "status", "IN_PROGRESS").await?;
    }
    let same = || async { stage.status().ok().filter(|now| runners(now) == before).map(drop) };
    eventually("the same runners", SOON, same).await?;
    ensure!(stage.ledger().len() == 3, "something was started again: {:?}", stage.ledger());

    std::fs::write(gate, "")?;
    let ended = stage.miyabi(&["run", "--resume"])?;
    ensure!(ended.status.success(), "{ended:?}");
    let after = stage.status()?;
    ensure!(after["run"]["phase"] == "completed", "{}", after["run"]);
    let tries: Vec<String> = stage
        .ledger()
        .iter()
        .map(|line| line.rsplit_once(' ').map_or("", |(head, _)| head).to_owned())
        .collect();
    let mut tries = tries;
    tries.sort();
    ensure!(tries == ["Task-1 1", "Task-2 1", "Task-3 1", "Task-4 1"], "{tries:?}");
    Ok(())
}

#[tokio::test]
async fn after_a_reboot_what_was_lost_is_tried_again() -> Result<()> {
    let stage = Stage::new()?;
    let gate = stage.path("gate");
    let wait = format!("until [ -e '{}' ]; do sleep 0.05; done", gate.display());
    stage.plan(&[("Task-1", "CG-1", &[], "true"), ("Task-2", "CG-1", &["Task-1"], &wait)])?;
    let begun = stage.miyabi(&["run", &stage.path("plan").to_string_lossy(), "--trust", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    eventually("two programs", SOON, || async { (stage.ledger().len() == 2).then_some(()) }).await?;
    stage.state().queue_says("Task-2", "status", "IN_PROGRESS").await?;

    stage.crash_all();
    std::fs::remove_dir_all(stage.state().0)?;
    std::fs::write(gate, "")?;
    let ended = stage.miyabi(&["run", "--resume"])?;
    ensure!(ended.status.success(), "{ended:?}");
    let attempts = stage.status()?["tasks"][1]["attempts"].clone();
    ensure!(attempts[0]["cause"] == "agent_gone" && attempts[1]["cause"].is_null(), "{attempts}");
    let done = stage.ledger().iter().filter(|line| line.starts_with("Task-1 ")).count();
    ensure!(done == 1 && stage.ledger().len() == 3, "{:?}", stage.ledger());
    Ok(())
}

/// Each agent's runner and the number of tries of each task.
fn runners(status: &Value) -> Value {
    let agents = status["agents"].as_array().into_iter().flatten().map(|agent| agent["pid"].clone());
    let tasks = status["tasks"].as_array().into_iter().flatten();
    let tries = tasks.map(|task| task["attempts"].as_array().map_or(0, Vec::len));
    json!([agents.collect::<Vec<_>>(), tries.collect::<Vec<_>>()])
}
