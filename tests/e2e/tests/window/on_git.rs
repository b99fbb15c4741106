//! What the tests of work on git share: their plans, git itself, and what the run says of itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page, process};
use serde_json::{Value, json};

/// How long an attempt, a merge, or a run of few tasks may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A task that makes one file.
pub(crate) fn task(id: &str, needs: &[&str], output: &str) -> Value {
    json!({ "id": id, "title": id, "prompt": "Write it.", "agent": "CG-1", "needs": needs, "outputs": [output],
        "estimated_seconds": 5 })
}

/// An agent that is a script of a shell, which ends with the first word that fails.
pub(crate) fn agent(id: &str, script: &str) -> Value {
    json!({ "id": id, "title": "Core", "runner": "command", "command": ["sh", "-ec", script] })
}

/// Writes a plan and its agents, with a work folder that holds one file.
pub(crate) fn write_plan(folder: &Path, mut dag: Value, agents: &[Value]) -> Result<()> {
    let work = folder.join("work");
    std::fs::create_dir_all(&work)?;
    std::fs::write(work.join("README.md"), "# Greetings\n")?;
    dag["version"] = json!("1.0.0");
    dag["name"] = json!("work");
    dag["work_folder"] = json!("work");
    let config = json!({ "version": "1.0.0", "agents": agents });
    for (name, file) in [("task_dag.json", dag), ("agent_config.json", config)] {
        std::fs::write(folder.join(name), serde_json::to_vec_pretty(&file)?)?;
    }
    Ok(())
}

/// Opens the window with a plan and starts its run.
pub(crate) async fn begin(desk: &mut Desk, plan: &Path) -> Result<Page> {
    let [word, state] = desk.state_words();
    let page = desk.open(&[&plan.to_string_lossy(), &word, &state]).await?;
    page.click(&css("start-run", &[])).await?;
    page.click(&css("confirm-yes", &[])).await?;
    Ok(page)
}

/// What git answers, with no settings but the repository's.
pub(crate) fn git(folder: &Path, words: &[&str]) -> Result<String> {
    let mut git = process::command("git");
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = git.arg("-C").arg(folder).args(words).output()?;
    ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `miyabi status` says.
pub(crate) fn status(desk: &Desk) -> Result<Value> {
    let [word, state] = desk.state_words();
    Ok(serde_json::from_slice(&desk.miyabi(&["status", "--json", &word, &state])?.stdout)?)
}

/// The branch that holds all work of the run.
pub(crate) fn result_branch(desk: &Desk) -> Result<String> {
    let status = status(desk)?;
    Ok(status["run"]["git"]["result_branch"].as_str().context("a result")?.to_owned())
}

pub(crate) async fn escape(page: &Page) -> Result<()> {
    page.client().active_element().await?.send_keys("\u{e00c}").await.context("Escape closes what is open")
}
