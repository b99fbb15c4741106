//! What others do to a run's files, disks and folders: it is said, nothing is lost, the run goes on.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::files::write_small_plan;
use miyabi_e2e::{SOON, eventually, process};
use serde_json::{Value, json};

use crate::stage::{Stage, programs};

/// A run of two tasks in a row, at the first of which the test's own agent works.
async fn external() -> Result<Stage> {
    let stage = Stage::new()?;
    write_small_plan(&stage.path("plan"))?;
    let begun = stage.miyabi(&["run", &stage.path("plan").to_string_lossy(), "--external", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    stage.state().agent_appears("CG-1")?;
    ensure!(stage.state().is_given_work("CG-1").await? == "Task-1");
    stage.state().agent_says("CG-1", "IN_PROGRESS", &[])?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    Ok(stage)
}

/// The agent ends the first task and does the second: each was tried once.
async fn completes(stage: &Stage) -> Result<()> {
    stage.state().agent_says("CG-1", "COMPLETED", &[])?;
    stage.state().queue_says("Task-1", "status", "COMPLETED").await?;
    ensure!(stage.state().is_given_work("CG-1").await? == "Task-2");
    stage.state().agent_says("CG-1", "IN_PROGRESS", &[])?;
    stage.state().agent_says("CG-1", "COMPLETED", &[])?;
    ends(stage).await
}

async fn ends(stage: &Stage) -> Result<()> {
    let completed = || async { stage.status().ok().filter(|now| now["run"]["phase"] == "completed") };
    let after = eventually("the end of the run", SOON, completed).await?;
    for task in after["tasks"].as_array().context("tasks")? {
        ensure!(task["attempts"].as_array().map(Vec::len) == Some(1), "{task}");
    }
    Ok(())
}

/// Waits for a notice that says all of these.
async fn told(stage: &Stage, kind: &str, words: &[&str]) -> Result<()> {
    let fits = |notice: &Value| {
        let text = notice["detail"].as_str().unwrap_or_default();
        notice["kind"] == kind && words.iter().all(|word| text.contains(word))
    };
    let look = || async { stage.status().ok()?["notices"].as_array()?.iter().any(fits).then_some(()) };
    eventually(&format!("a notice {kind} with {words:?}"), SOON, look).await
}

#[tokio::test]
async fn a_status_file_cut_anywhere_is_told_and_loses_nothing() -> Result<()> {
    let stage = external().await?;
    let file = stage.state().0.join("agent_CG-1_status.json");
    let sound = std::fs::read(&file)?;
    // Slow writers: every state of the file in between may be seen.
    let mut done: Value = serde_json::from_slice(&sound)?;
    done["status"] = json!("COMPLETED");
    for whole in [sound.clone(), serde_json::to_vec(&done)?] {
        for length in 0..whole.len() {
            std::fs::write(&file, &whole[..length])?;
        }
    }
    told(&stage, "bad_status", &["agent_CG-1_status.json", "line 1"]).await?;
    // One that stays so is told by its name, wherever it was cut.
    let names: Vec<String> =
        (0..sound.len()).map(|length| format!("agent_CG-1{length:03}_status.json")).collect();
    for (length, name) in names.iter().enumerate() {
        std::fs::write(stage.state().0.join(name), &sound[..length])?;
    }
    let every = || async {
        let notices = stage.status().ok()?["notices"].to_string();
        names.iter().all(|name| notices.contains(name)).then_some(())
    };
    eventually("a notice for each of the files", SOON, every).await?;
    ensure!(stage.status()?["run"]["phase"] == "running", "the run goes on");
    std::fs::write(&file, &sound)?;
    completes(&stage).await
}

#[tokio::test]
async fn senseless_status_files_are_told_and_left_alone() -> Result<()> {
    let stage = external().await?;
    let file = stage.state().0.join("agent_CG-1_status.json");
    let sound = std::fs::read(&file)?;
    let mut odd: Value = serde_json::from_slice(&sound)?;
    odd["status"] = json!("ALMOST");
    std::fs::write(&file, odd.to_string())?;
    told(&stage, "bad_status", &["agent_CG-1_status.json", "ALMOST"]).await?;

    let stranger = stage.state().0.join("agent_CG-9_status.json");
    let claim = json!({ "agent_id": "CG-9", "task_id": "Task-1", "status": "COMPLETED" }).to_string();
    std::fs::write(&stranger, &claim)?;
    told(&stage, "bad_status", &["CG-9", "Completed"]).await?;
    ensure!(stage.state().task("Task-1").is_some_and(|task| task["status"] == "IN_PROGRESS"));
    ensure!(std::fs::read_to_string(&stranger)? == claim, "the file of nobody we know was written");
    std::fs::write(&file, &sound)?;
    completes(&stage).await
}

#[tokio::test]
async fn a_broken_queue_is_told_and_written_again() -> Result<()> {
    let stage = external().await?;
    let file = stage.state().0.join("task_queue.json");
    let sound: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    for broken in ["{ \"tasks\": [", "", "[]", "null"] {
        std::fs::write(&file, broken)?;
        let mended = || async { miyabi_e2e::files::read(&file).filter(|now| now["tasks"] == sound["tasks"]) };
        eventually(&format!("`{broken}` made good"), SOON, mended).await?;
    }
    told(&stage, "queue_edit_undone", &["task_queue.json"]).await?;
    completes(&stage).await
}

/// Nobody, on most machines.
const SOMEBODY_ELSE: u32 = 65534;

fn is_root(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: {what} needs root");
    }
    root
}

fn refused(output: &Output, code: i32, words: &[&str]) -> Result<()> {
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "{output:?}");
    words.iter().try_for_each(|word| {
        ensure!(text.contains(word), "`{word}` is missing: {text}");
        Ok(())
    })
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[test]
fn a_state_folder_of_somebody_else_is_refused_and_nothing_is_written() -> Result<()> {
    if !is_root("a folder of another user") {
        return Ok(());
    }
    let stage = Stage::new()?;
    stage.plan(&[("Task-1", "CG-1", &[], "true")])?;
    let (plan, state) = (stage.path("plan"), stage.state().0);
    std::fs::create_dir(&state)?;
    chown(&state, Some(SOMEBODY_ELSE), Some(SOMEBODY_ELSE))?;
    let owner = format!("uid {SOMEBODY_ELSE}");
    for word in ["run", "setup"] {
        let output = stage.miyabi(&[word, &plan.to_string_lossy(), "--rehearse"])?;
        refused(&output, 2, &[&state.to_string_lossy(), &owner, "another user", "--state-dir"])?;
    }
    ensure!(is_empty(&state), "something was written into it");
    ensure!(!stage.path("home/state/miyabi/runs").exists(), "a run was kept");
    Ok(())
}

#[test]
fn another_user_is_refused_the_folder_of_a_run() -> Result<()> {
    if !is_root("to become another user") {
        return Ok(());
    }
    let stage = Stage::new()?;
    stage.plan(&[("Task-1", "CG-1", &[], "true")])?;
    let state = stage.state().0;
    std::fs::create_dir(&state)?;
    // All is theirs but the state folder; the programs lie where they can be read.
    let base = state.ancestors().nth(2).context("the stage")?.to_owned();
    std::fs::create_dir(base.join("bin"))?;
    for program in ["miyabi", "miyabi-host"] {
        std::fs::copy(programs()?.join(program), base.join("bin").join(program))?;
    }
    let places = ["home", "runtime", "tmux", "plan", "bin", "state"].map(|name| base.join(name));
    for place in places.iter().chain([&base]) {
        chown(place, Some(SOMEBODY_ELSE), Some(SOMEBODY_ELSE))?;
    }
    let ids = SOMEBODY_ELSE.to_string();
    let output = stage
        .program("setpriv")
        .args(["--reuid", &ids, "--regid", &ids, "--clear-groups"])
        .arg(base.join("bin/miyabi"))
        .args(["run", "--rehearse", "--state-dir"])
        .args([&state, &base.join("plan")])
        .output()?;
    refused(&output, 2, &[&state.to_string_lossy(), "uid 0", "another user", "--state-dir"])?;
    ensure!(is_empty(&state), "something was written into it");
    ensure!(!base.join("home/state/miyabi/runs").exists(), "a run was kept");
    Ok(())
}

/// A small disk of its own, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None, with a word about it, where this user may not mount.
    fn at(folder: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let words = ["-t", "tmpfs", "-o", "size=512k,mode=700", "miyabi-e2e"];
        let mounted = process::command("mount").args(words).arg(folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Ok(Some(Self(folder.to_owned())));
        }
        println!("skipped: a full disk needs the right to mount");
        Ok(None)
    }

    /// Not a byte is left.
    fn fill(&self) -> Result<()> {
        let mut file = File::create(self.0.join("filler"))?;
        for size in [4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        Ok(())
    }

    fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.0.join("filler"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: who still uses it ends with the stage.
        let ended = process::command("umount").arg("--lazy").arg(&self.0).status();
        if !ended.is_ok_and(|status| status.success()) {
            println!("{} is still mounted", self.0.display());
        }
    }
}

/// A run of many tasks behind one that waits for the file `gate`.
async fn gated(stage: &Stage) -> Result<()> {
    let gate = stage.path("gate");
    let wait = format!("until [ -e '{}' ]; do sleep 0.05; done", gate.display());
    let ids: Vec<String> = (2..16).map(|number| format!("Task-{number}")).collect();
    let mut tasks: Vec<(&str, &str, &[&str], &str)> = vec![("Task-1", "CG-1", &[], &wait)];
    tasks.extend(ids.iter().map(|id| (id.as_str(), "CG-2", ["Task-1"].as_slice(), "true")));
    stage.plan(&tasks)?;
    let begun = stage.miyabi(&["run", &stage.path("plan").to_string_lossy(), "--trust", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    eventually("the program", SOON, || async { (stage.ledger().len() == 1).then_some(()) }).await?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await
}

/// Each task was begun once.
fn each_once(stage: &Stage) -> Result<()> {
    let mut tasks: Vec<String> = stage.ledger();
    tasks.iter_mut().for_each(|line| line.truncate(line.find(' ').unwrap_or(0)));
    tasks.sort();
    tasks.dedup();
    ensure!(tasks.len() == 15 && stage.ledger().len() == 15, "{:?}", stage.ledger());
    Ok(())
}

#[tokio::test]
async fn a_full_disk_under_the_state_folder_is_told_and_waited_for() -> Result<()> {
    let stage = Stage::new()?;
    let Some(disk) = SmallDisk::at(&stage.path("state"))? else { return Ok(()) };
    gated(&stage).await?;
    disk.fill()?;
    std::fs::write(stage.path("gate"), "")?;
    // The runner cannot say that it is done.
    told(&stage, "state_problem", &[&stage.state().0.to_string_lossy(), "free some space"]).await?;
    // Not even a backend that dies meanwhile takes the work of that program away.
    process::crash(stage.backend()?);
    let resumed = stage.miyabi(&["run", "--resume", "-d"])?;
    ensure!(resumed.status.success(), "{resumed:?}");
    let found = || async { stage.status().ok()?["agents"][0]["pid"].as_u64() };
    eventually("the runner found again", SOON, found).await?;
    disk.free()?;
    ends(&stage).await?;
    let results = stage.state().0.join("results");
    for number in 1..16 {
        let result = results.join(format!("Task-{number}_codex_result.json"));
        ensure!(miyabi_e2e::files::read(&result).is_some(), "{} is not there", result.display());
    }
    each_once(&stage)
}

#[tokio::test]
async fn a_full_disk_under_the_journal_is_told_and_waited_for() -> Result<()> {
    let stage = Stage::new()?;
    let Some(disk) = SmallDisk::at(&stage.path("home/state"))? else { return Ok(()) };
    gated(&stage).await?;
    disk.fill()?;
    std::fs::write(stage.path("gate"), "")?;
    let log = stage.state().0.join("logs/orchestrator.log");
    let said = || async {
        let text = std::fs::read_to_string(&log).ok()?;
        (text.contains("journal.jsonl") && text.contains("everything waits until")).then_some(())
    };
    eventually("a word of the full disk in the log", SOON, said).await?;
    told(&stage, "state_problem", &["journal.jsonl", "everything waits until"]).await?;
    disk.free()?;
    ends(&stage).await?;
    each_once(&stage)
}

#[test]
fn a_run_that_cannot_be_kept_is_refused_and_leaves_nothing_behind() -> Result<()> {
    let stage = Stage::new()?;
    let Some(disk) = SmallDisk::at(&stage.path("home/state"))? else { return Ok(()) };
    stage.plan(&[("Task-1", "CG-1", &[], "true")])?;
    let plan = stage.path("plan");
    disk.fill()?;
    let output = stage.miyabi(&["run", &plan.to_string_lossy(), "--rehearse=100"])?;
    refused(&output, 3, &["opening.json", "No space left", "is the disk full"])?;
    let runs = stage.path("home/state/miyabi/runs");
    ensure!(is_empty(&runs), "half a run was kept");
    disk.free()?;
    let output = stage.miyabi(&["run", &plan.to_string_lossy(), "--rehearse=100"])?;
    ensure!(output.status.success(), "{output:?}");
    ensure!(std::fs::read_dir(runs)?.count() == 1);
    Ok(())
}

#[test]
fn without_tmux_a_run_is_not_gone_on_with_and_the_way_to_it_is_named() -> Result<()> {
    let stage = Stage::new()?;
    stage.plan(&[("Task-1", "CG-1", &[], "sleep 1000")])?;
    let begun = stage.miyabi(&["run", &stage.path("plan").to_string_lossy(), "--trust", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    stage.crash_all();
    let without = stage.command(&["run", "--resume"])?.env("PATH", "/nowhere").output()?;
    refused(&without, 3, &["tmux is not installed", "install"])?;
    ensure!(stage.status()?["run"]["phase"] == "running", "the run is as it was");
    Ok(())
}

#[tokio::test]
async fn a_second_backend_is_refused_and_told_who_holds_the_folder() -> Result<()> {
    let stage = external().await?;
    let first = stage.status()?["run"]["run_id"].as_str().context("a run")?.to_owned();
    process::crash(stage.backend()?);
    let plan = stage.path("plan");
    let begun = stage.miyabi(&["run", &plan.to_string_lossy(), "--external", "--new", "-d"])?;
    ensure!(begun.status.success(), "{begun:?}");
    let (second, holder) = (stage.status()?["run"]["run_id"].clone(), stage.backend()?);
    let second = second.as_str().context("a run")?;
    ensure!(second != first);

    for run in [first.as_str(), second] {
        let output = stage.miyabi(&["orchestrate", "--run", run])?;
        let (process, holds) = (format!("process {holder}"), format!("run {second}"));
        refused(&output, 2, &[&stage.state().0.to_string_lossy(), &process, &holds, "miyabi stop --all"])?;
    }
    ensure!(stage.backend()? == holder && stage.status()?["run"]["phase"] == "running");
    Ok(())
}

#[test]
fn a_plan_that_cannot_be_read_is_told_with_its_place_and_nothing_is_made() -> Result<()> {
    let stage = Stage::new()?;
    let plan = stage.path("plan");
    let run = || stage.miyabi(&["run", &plan.to_string_lossy(), "--rehearse"]);
    refused(&run()?, 2, &["task_dag.json"])?;
    stage.plan(&[("Task-1", "CG-1", &[], "true")])?;
    for file in ["task_dag.json", "agent_config.json"] {
        let sound = std::fs::read(plan.join(file))?;
        std::fs::write(plan.join(file), "{\n  \"name\": oops\n}\n")?;
        refused(&run()?, 2, &[&format!("{file}:2")])?;
        std::fs::write(plan.join(file), sound)?;
    }
    ensure!(!stage.state().0.exists() && !stage.path("home/state/miyabi/runs").exists());
    Ok(())
}
