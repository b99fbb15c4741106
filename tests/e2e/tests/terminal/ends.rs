//! What is killed, closed or stopped in mid-run: seen at once, tried again, and nothing left behind.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::process::{command, crash, is_alive};
use miyabi_e2e::{SOON, eventually};
use serde_json::{Value, json};

use crate::stage::Stage;

/// A daemon of the stubborn kind: a session of its own, no parent, nothing of our environment, deaf
/// to every signal that can be ignored. It ends by itself when the stage is taken down.
const STUBBORN: &str = r#"trap '' TERM HUP INT QUIT
echo $$ > "$1.new" && mv "$1.new" "$1"
while [ -e "$1" ]; do sleep 0.1; done"#;

#[tokio::test]
async fn a_killed_tmux_server_costs_an_attempt_and_no_run() -> Result<()> {
    let (stage, programs) = two_at_work().await?;
    let backend = stage.backend()?;
    let session = tmux(&stage, &["list-sessions", "-F", "#{session_name}"])?;

    tmux(&stage, &["kill-server"])?;
    started(&stage, 4).await?;
    ensure!(stage.backend()? == backend, "the backend did not survive");
    ensure!(tmux(&stage, &["list-sessions", "-F", "#{session_name}"])? == session);
    let windows = agents_windows(&stage)?;
    ensure!(windows.contains_key("CG-1") && windows.contains_key("CG-2"), "{windows:?}");
    ensure!(programs.values().all(|id| !is_alive(*id)), "a program outlived its window");

    completes(&stage)?;
    for task in 0..2 {
        was_lost_once(&stage.status()?["tasks"][task], "window was closed")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_program_is_tried_again() -> Result<()> {
    let (stage, programs) = two_at_work().await?;
    crash(programs["Task-1"]);
    started(&stage, 3).await?;
    completes(&stage)?;
    let status = stage.status()?;
    was_lost_once(&status["tasks"][0], "signal 9")?;
    only_attempt(&status["tasks"][1])
}

#[tokio::test]
async fn a_closed_window_is_made_again_and_its_task_tried_again() -> Result<()> {
    let (stage, programs) = two_at_work().await?;
    let windows = agents_windows(&stage)?;
    let agent = stage.state().task("Task-1").context("no Task-1")?["agent"].clone();
    let agent = agent.as_str().context("no agent")?;
    tmux(&stage, &["kill-window", "-t", &windows[agent]])?;
    started(&stage, 3).await?;
    ensure!(!is_alive(programs["Task-1"]), "the program outlived its window");
    let made_again = || async {
        let now = agents_windows(&stage).ok()?;
        now.get(agent).filter(|id| **id != windows[agent]).map(drop)
    };
    eventually("a new window", SOON, made_again).await?;
    completes(&stage)?;
    let status = stage.status()?;
    was_lost_once(&status["tasks"][0], "window was closed")?;
    only_attempt(&status["tasks"][1])
}

#[tokio::test]
async fn a_stubborn_child_is_gone_when_its_task_is_completed() -> Result<()> {
    let stage = Stage::new()?;
    let child = daemon(&stage, "true")?;
    begin(&stage)?;
    stage.state().queue_says("Task-1", "status", "COMPLETED").await?;
    let id: u32 = std::fs::read_to_string(child)?.trim().parse()?;
    ensure!(!is_alive(id), "the child {id} outlived its task");
    Ok(())
}

#[tokio::test]
async fn a_stubborn_child_is_gone_when_its_task_is_cancelled() -> Result<()> {
    let stage = Stage::new()?;
    let child = daemon(&stage, "sleep 1000")?;
    begin(&stage)?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    let written = || async { std::fs::read_to_string(&child).ok() };
    let id: u32 = eventually("the child", SOON, written).await?.trim().parse()?;
    ensure!(is_alive(id), "the child is not at work");

    let cancelled = stage.miyabi(&["cancel", "Task-1"])?;
    ensure!(cancelled.status.success(), "{cancelled:?}");
    // From then on its agent may be given other work.
    let free = || async { stage.status().ok().filter(|now| agent_is_free(now, "CG-1")) };
    let status = eventually("a free agent", SOON, free).await?;
    ensure!(!is_alive(id), "the child {id} outlived its task");
    ensure!(status["tasks"][0]["phase"] == "cancelled", "{}", status["tasks"][0]);
    Ok(())
}

#[tokio::test]
async fn a_persons_session_of_the_same_name_stays_theirs() -> Result<()> {
    let stage = Stage::new()?;
    stage.plan(&[("Task-1", "CG-1", &[], "true"), ("Task-2", "CG-2", &["Task-1"], "true")])?;
    let set_up = stage.miyabi(&["setup", &stage.path("plan").to_string_lossy()])?;
    ensure!(set_up.status.success(), "{set_up:?}");
    let session = tmux(&stage, &["list-sessions", "-F", "#{session_name}"])?;
    let session = session.trim();
    // Not the whole server: a new one could be asked for before the old one is gone.
    tmux(&stage, &["new-session", "-d", "-s", "another", "sleep 1000"])?;
    tmux(&stage, &["kill-session", "-t", &format!("={session}")])?;

    let exactly = format!("={session}:");
    tmux(&stage, &["new-session", "-d", "-s", session, "-n", "mine", "sleep 1000"])?;
    tmux(&stage, &["new-window", "-d", "-t", &format!("{exactly}3"), "-n", "CG-1", "sleep 1000"])?;
    tmux(&stage, &["set-option", "-t", &exactly, "status-left", "hello"])?;
    tmux(&stage, &["set-environment", "-t", &exactly, "MINE", "1"])?;
    let look = || -> Result<Vec<String>> {
        let windows = "#{window_id} #{window_index} #W #{pane_pid} #{window_active} #{automatic-rename}";
        let theirs = "#{==:#{@miyabi_agent},}";
        Ok(vec![
            tmux(&stage, &["list-panes", "-s", "-t", &exactly, "-f", theirs, "-F", windows])?,
            tmux(&stage, &["show-options", "-t", &exactly])?,
            tmux(&stage, &["show-options", "-g"])?,
            tmux(&stage, &["show-options", "-g", "-w"])?,
            tmux(&stage, &["show-environment", "-t", &exactly])?,
            tmux(&stage, &["show-environment", "-g"])?,
        ])
    };
    let before = look()?;
    ensure!(before[0].lines().count() == 2, "{before:?}");

    begin(&stage)?;
    completes(&stage)?;
    ensure!(agents_windows(&stage)?.contains_key("CG-1"), "the run was not in this session");
    ensure!(look()? == before, "during the run:\n{:?}\nbefore:\n{before:?}", look()?);
    let stopped = stage.miyabi(&["stop", "--all"])?;
    ensure!(stopped.status.success(), "{stopped:?}");
    // The backend's window stays, for its last words; the agents' and the Monitor's go.
    let left = tmux(&stage, &["list-windows", "-t", &exactly, "-F", "#W"])?;
    ensure!(left.lines().eq(["mine", "CG-1", "Orchestrator"]), "{left}");
    ensure!(look()? == before, "after it:\n{:?}\nbefore:\n{before:?}", look()?);
    Ok(())
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_logged_whole_and_delays_nobody() -> Result<()> {
    const LENGTH: usize = 10 << 20;
    let stage = Stage::new()?;
    let line = format!("head -c {LENGTH} /dev/zero | tr '\\0' x; {}", wait_for_gate(&stage));
    stage.plan(&[("Task-1", "CG-1", &[], &line)])?;
    begin(&stage)?;
    let log = stage.path("state/run/logs/agent_CG-1.log");
    let whole = || {
        // Asked all the while, not only at the end.
        let answered = stage.status().is_ok_and(|status| status["run"]["phase"] == "running");
        let there = longest_row_of_x(&log) == LENGTH;
        async move { (answered && there).then_some(()) }
    };
    eventually("the line in the log, and an answer", SOON, whole).await?;
    completes(&stage)?;
    ensure!(longest_row_of_x(&log) == LENGTH, "the log does not hold the line whole");
    only_attempt(&stage.status()?["tasks"][0])
}

#[tokio::test]
async fn a_stopped_run_is_resumed_and_no_try_is_spent() -> Result<()> {
    let stage = Stage::new()?;
    let wait = wait_for_gate(&stage);
    stage.plan(&[
        ("Task-1", "CG-1", &[], "true"),
        ("Task-2", "CG-1", &["Task-1"], &wait),
        ("Task-3", "CG-2", &["Task-1"], &wait),
    ])?;
    // Where a stop costs a try, these tasks have none left.
    let config = stage.path("plan/agent_config.json");
    let mut whole = miyabi_e2e::files::read(&config).context("no configuration")?;
    whole["limits"]["retries"] = json!(0);
    std::fs::write(config, whole.to_string())?;
    begin(&stage)?;
    started(&stage, 3).await?;
    for task in ["Task-2", "Task-3"] {
        stage.state().queue_says(task, "status", "IN_PROGRESS").await?;
    }
    let status = stage.status()?;
    let mut at_work: Vec<u32> = programs(&stage).into_values().collect();
    at_work.push(stage.backend()?);
    for agent in status["agents"].as_array().context("no agents")? {
        at_work.push(u32::try_from(agent["pid"].as_u64().context("no runner")?)?);
    }

    let stopped = stage.miyabi(&["stop", "--all"])?;
    ensure!(stopped.status.success(), "{stopped:?}");
    let none_left = || async { at_work.iter().all(|id| !is_alive(*id)).then_some(()) };
    eventually("the end of every process", SOON, none_left).await?;
    let journal = stage.path("home/state/miyabi/runs");
    let run_id = status["run"]["run_id"].as_str().context("no run")?;
    ensure!(journal.join(run_id).join("journal.jsonl").is_file(), "the journal is gone");

    completes(&stage)?;
    let status = stage.status()?;
    for task in 1..3 {
        let attempts = &status["tasks"][task]["attempts"];
        ensure!(attempts[0]["cause"] == "stopped" && attempts[1]["cause"].is_null(), "{attempts}");
    }
    only_attempt(&status["tasks"][0])
}

/// Two tasks that wait for the gate, and the process of each.
async fn two_at_work() -> Result<(Stage, BTreeMap<String, u32>)> {
    let stage = Stage::new()?;
    let wait = wait_for_gate(&stage);
    stage.plan(&[("Task-1", "CG-1", &[], &wait), ("Task-2", "CG-2", &[], &wait)])?;
    begin(&stage)?;
    started(&stage, 2).await?;
    for task in ["Task-1", "Task-2"] {
        stage.state().queue_says(task, "status", "IN_PROGRESS").await?;
    }
    let programs = programs(&stage);
    Ok((stage, programs))
}

fn wait_for_gate(stage: &Stage) -> String {
    format!("until [ -e '{}' ]; do sleep 0.05; done", stage.path("gate").display())
}

/// A plan of one task, whose program leaves a stubborn child, waits for it and then does this.
/// Answers the file in which the child writes its id.
fn daemon(stage: &Stage, then: &str) -> Result<std::path::PathBuf> {
    let (script, file) = (stage.path("plan/child.sh"), stage.path("plan/child"));
    std::fs::write(&script, STUBBORN)?;
    let child = format!("sh '{}' '{}'", script.display(), file.display());
    let fork = format!("(setsid env -i PATH=\"$PATH\" {child} </dev/null >/dev/null 2>&1 &)");
    let line = format!("{fork}; until [ -s '{}' ]; do sleep 0.02; done; {then}", file.display());
    stage.plan(&[("Task-1", "CG-1", &[], &line)])?;
    Ok(file)
}

fn begin(stage: &Stage) -> Result<()> {
    let begun = stage.miyabi(&["run", &stage.path("plan").to_string_lossy(), "--trust", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    Ok(())
}

async fn started(stage: &Stage, count: usize) -> Result<()> {
    let all = || async { (stage.ledger().len() >= count).then_some(()) };
    eventually(&format!("{count} programs"), SOON, all).await
}

/// Opens the gate and watches the run to its good end.
fn completes(stage: &Stage) -> Result<()> {
    std::fs::write(stage.path("gate"), "")?;
    let ended = stage.miyabi(&["run", "--resume"])?;
    ensure!(ended.status.success(), "{ended:?}");
    let run = stage.status()?["run"].clone();
    ensure!(run["phase"] == "completed", "{run}");
    Ok(())
}

/// The process of each task's newest try.
fn programs(stage: &Stage) -> BTreeMap<String, u32> {
    let of_line = |line: &String| {
        let mut words = line.split(' ');
        Some((words.next()?.to_owned(), words.nth(1)?.parse().ok()?))
    };
    stage.ledger().iter().filter_map(of_line).collect()
}

/// A command to the tmux server of the stage, as a person would give it.
fn tmux(stage: &Stage, words: &[&str]) -> Result<String> {
    let mut command = command("tmux");
    command.env_remove("TMUX").env("TMUX_TMPDIR", stage.path("tmux")).env("HOME", stage.path("home"));
    let output = command.args(["-f", "/dev/null"]).args(words).output()?;
    ensure!(output.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The windows of the agents in the session of the run, by id.
fn agents_windows(stage: &Stage) -> Result<BTreeMap<String, String>> {
    let list = tmux(stage, &["list-windows", "-a", "-F", "#{@miyabi_agent} #{window_id}"])?;
    let ours = list.lines().filter_map(|line| line.split_once(' '));
    let agents = ours.filter(|(agent, _)| agent.starts_with("CG-"));
    Ok(agents.map(|(agent, id)| (agent.to_owned(), id.to_owned())).collect())
}

fn was_lost_once(task: &Value, why: &str) -> Result<()> {
    let attempts = &task["attempts"];
    let error = attempts[0]["error"].as_str().unwrap_or_default();
    ensure!(error.contains(why), "no word of {why:?}: {attempts}");
    let tries = attempts.as_array().into_iter().flatten().skip(1);
    let started: Vec<&Value> = tries.filter(|attempt| !attempt["started_at"].is_null()).collect();
    ensure!(started.len() == 1 && started[0]["cause"].is_null(), "{attempts}");
    Ok(())
}

fn only_attempt(task: &Value) -> Result<()> {
    let attempts = &task["attempts"];
    ensure!(attempts[0]["cause"].is_null() && attempts[1].is_null(), "{attempts}");
    Ok(())
}

fn agent_is_free(status: &Value, agent: &str) -> bool {
    let mut agents = status["agents"].as_array().into_iter().flatten();
    agents.any(|entry| entry["id"] == agent && entry["task"].is_null() && entry["draining"] == false)
}

/// The longest row of `x` in a file.
fn longest_row_of_x(file: &Path) -> usize {
    let bytes = std::fs::read(file).unwrap_or_default();
    bytes.split(|byte| *byte != b'x').map(<[u8]>::len).max().unwrap_or_default()
}
