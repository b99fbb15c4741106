//! What a run does at a person's word and an agent's claim: evidence, edits of the queue, orders
//! from a second terminal, exit codes, capacities and retries.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::{SOON, eventually, files, process};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::stage::{Stage, two_agents};

/// Works until the test opens the task's gate.
const GATE: &str = r#"until [ -e "$MIYABI_PLAN_DIR/$MIYABI_TASK" ]; do sleep 0.05; done"#;

pub(crate) fn task(id: &str, agent: &str, needs: &[&str], line: &str) -> Value {
    json!({ "id": id, "title": id, "prompt": line, "agent": agent, "needs": needs, "estimated_seconds": 1 })
}

fn with(mut whole: Value, key: &str, value: Value) -> Value {
    whole[key] = value;
    whole
}

/// A task that is tried once.
fn once(id: &str, agent: &str, needs: &[&str], line: &str) -> Value {
    with(task(id, agent, needs, line), "retries", json!(0))
}

fn dag(tasks: &[Value]) -> Value {
    json!({ "name": "stage", "title": "Stage", "work_folder": "work", "tasks": tasks })
}

fn planned(tasks: &[Value]) -> Result<Stage> {
    let stage = Stage::new()?;
    stage.write_plan(&dag(tasks), &two_agents())?;
    Ok(stage)
}

/// Starts the run and stays with it.
pub(crate) fn in_front(stage: &Stage, words: &[&str]) -> Result<Child> {
    let plan = stage.path("plan");
    let plan = plan.to_string_lossy();
    let mut command = stage.command(&[&["run", &plan, "--trust"], words].concat())?;
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// How a `run` in front ends, and what it said.
pub(crate) async fn outcome(front: Child) -> Result<Output> {
    let ended = tokio::task::spawn_blocking(move || front.wait_with_output());
    Ok(tokio::time::timeout(SOON, ended).await.context("`miyabi run` does not end")???)
}

/// The whole run in front; its exit code must be this one.
async fn ends_with(stage: &Stage, code: i32) -> Result<()> {
    exits(&outcome(in_front(stage, &[])?).await?, code)
}

pub(crate) fn exits(output: &Output, code: i32) -> Result<()> {
    ensure!(output.status.code() == Some(code), "not {code}: {output:?}");
    Ok(())
}

/// An order that is followed.
fn order(stage: &Stage, words: &[&str]) -> Result<()> {
    exits(&stage.miyabi(words)?, 0)
}

pub(crate) fn open(stage: &Stage, task: &str) -> Result<()> {
    Ok(std::fs::write(stage.path("plan").join(task), "")?)
}

fn entry(status: &Value, list: &str, id: &str) -> Value {
    let entries = status[list].as_array().into_iter().flatten();
    entries.into_iter().find(|entry| entry["id"] == id).cloned().unwrap_or_default()
}

pub(crate) fn view(stage: &Stage, task: &str) -> Result<Value> {
    Ok(entry(&stage.status()?, "tasks", task))
}

/// Waits until a task is in this phase; how it is seen then.
pub(crate) async fn reaches(stage: &Stage, task: &str, phase: &str) -> Result<Value> {
    let look = || async { view(stage, task).ok().filter(|view| view["phase"] == phase) };
    eventually(&format!("{task} is {phase}"), SOON, look).await
}

async fn run_is(stage: &Stage, phase: &str) -> Result<Value> {
    let look = || async { stage.status().ok().filter(|status| status["run"]["phase"] == phase) };
    eventually(&format!("a run that is {phase}"), SOON, look).await
}

fn notices(status: &Value, kind: &str) -> usize {
    status["notices"].as_array().into_iter().flatten().filter(|notice| notice["kind"] == kind).count()
}

/// The process of the only execution of a task so far.
pub(crate) async fn program(stage: &Stage, task: &str) -> Result<u32> {
    let line = || async { stage.ledger().into_iter().find(|line| line.starts_with(&format!("{task} "))) };
    let line = eventually(&format!("a program for {task}"), SOON, line).await?;
    Ok(line.rsplit(' ').next().context("a process")?.parse()?)
}

async fn is_gone(id: u32) -> Result<()> {
    eventually("the end of a program", SOON, || async { (!process::is_alive(id)).then_some(()) }).await
}

pub(crate) fn causes(view: &Value) -> Vec<&str> {
    let attempts = view["attempts"].as_array().into_iter().flatten();
    attempts.map(|attempt| attempt["cause"].as_str().unwrap_or("none")).collect()
}

// Evidence.

/// Keeps what it is told, by both ways, and takes the name of the file from what was missing.
const LEARNS: &str = r#"printf '%s\n' "$MIYABI_PROMPT" > "$MIYABI_PLAN_DIR/prompt-$MIYABI_TRY"; cat > "$MIYABI_PLAN_DIR/stdin-$MIYABI_TRY"; file=$(tail -n +2 "$MIYABI_PLAN_DIR/stdin-$MIYABI_TRY" | grep -o 'report[.]txt' | head -n 1); [ -z "$file" ] || echo done > "$file""#;

#[tokio::test]
async fn the_next_attempt_is_told_which_output_was_missing_and_writes_it() -> Result<()> {
    let stage = planned(&[with(task("Task-1", "CG-1", &[], LEARNS), "outputs", json!(["report.txt"]))])?;
    ends_with(&stage, 0).await?;
    let seen = view(&stage, "Task-1")?;
    ensure!(causes(&seen) == ["missing_output", "none"], "{seen}");
    ensure!(
        seen["attempts"][0]["error"].as_str().is_some_and(|error| error.contains("report.txt")),
        "{seen}"
    );
    for told in ["prompt-2", "stdin-2"] {
        let text = std::fs::read_to_string(stage.path("plan").join(told))?;
        let error = seen["attempts"][0]["error"].as_str().context("an error")?;
        ensure!(text.contains(error), "{told} does not say `{error}`: {text}");
    }
    ensure!(std::fs::read_to_string(stage.path("plan/prompt-1"))?.trim_end() == LEARNS, "told too early");
    ensure!(std::fs::read_to_string(stage.path("plan/work/report.txt"))? == "done\n", "not written");
    Ok(())
}

#[tokio::test]
async fn an_acceptance_command_that_fails_is_told_to_the_next_attempt() -> Result<()> {
    let line = r#"printf '%s\n' "$MIYABI_PROMPT" > "$MIYABI_PLAN_DIR/prompt-$MIYABI_TRY"; [ "$MIYABI_TRY" = 1 ] || touch accepted"#;
    let check = json!([["sh", "-c", "test -e accepted || { echo not yet good >&2; exit 7; }"]]);
    let stage = planned(&[with(task("Task-1", "CG-1", &[], line), "acceptance", check)])?;
    ends_with(&stage, 0).await?;
    let seen = view(&stage, "Task-1")?;
    ensure!(causes(&seen) == ["acceptance_failed", "none"], "{seen}");
    let told = std::fs::read_to_string(stage.path("plan/prompt-2"))?;
    for word in ["7", "not yet good"] {
        let below = told.split_once('\n').context("lines below the prompt")?.1;
        ensure!(below.contains(word), "`{word}` is not said: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn an_output_that_was_there_before_and_is_unchanged_does_not_count() -> Result<()> {
    let line = r#"[ "$MIYABI_TRY" = 1 ] || echo new >> report.txt"#;
    let stage = planned(&[with(task("Task-1", "CG-1", &[], line), "outputs", json!(["report.txt"]))])?;
    std::fs::create_dir(stage.path("plan/work"))?;
    std::fs::write(stage.path("plan/work/report.txt"), "old\n")?;
    ends_with(&stage, 0).await?;
    let seen = view(&stage, "Task-1")?;
    ensure!(causes(&seen) == ["missing_output", "none"], "{seen}");
    ensure!(std::fs::read_to_string(stage.path("plan/work/report.txt"))? == "old\nnew\n", "lost");
    Ok(())
}

// Edits of the queue by other hands.

/// How another program writes a file.
type Write = fn(&Path, &str) -> Result<()>;

fn by_rename(file: &Path, text: &str) -> Result<()> {
    let fresh = file.with_extension("fresh");
    std::fs::write(&fresh, text)?;
    Ok(std::fs::rename(fresh, file)?)
}

/// In two writes, so that the file is torn for a moment.
fn in_place(file: &Path, text: &str) -> Result<()> {
    let (head, tail) = text.as_bytes().split_at(text.len() / 2);
    let mut file = std::fs::File::create(file)?;
    file.write_all(head)?;
    Ok(file.write_all(tail)?)
}

fn queue(stage: &Stage) -> Result<Value> {
    files::read(&stage.state().0.join("task_queue.json")).context("no task_queue.json that can be read")
}

fn edit(stage: &Stage, write: Write, change: impl Fn(&mut Vec<Value>)) -> Result<()> {
    let mut whole = queue(stage)?;
    change(whole["tasks"].as_array_mut().context("tasks")?);
    write(&stage.state().0.join("task_queue.json"), &whole.to_string())
}

#[tokio::test]
async fn a_failed_task_made_pending_by_rename_is_tried_again() -> Result<()> {
    failed_made_pending(by_rename).await
}

#[tokio::test]
async fn a_failed_task_made_pending_in_place_is_tried_again() -> Result<()> {
    failed_made_pending(in_place).await
}

async fn failed_made_pending(write: Write) -> Result<()> {
    let stage = planned(&[
        once("Task-1", "CG-1", &[], r#"[ -e "$MIYABI_PLAN_DIR/mended" ]"#),
        once("Task-2", "CG-2", &[], GATE),
    ])?;
    let front = in_front(&stage, &[])?;
    stage.state().queue_says("Task-1", "status", "FAILED").await?;
    stage.state().queue_says("Task-2", "status", "IN_PROGRESS").await?;
    open(&stage, "mended")?;
    edit(&stage, write, |tasks| tasks[0]["status"] = json!("PENDING"))?;
    let seen = reaches(&stage, "Task-1", "completed").await?;
    ensure!(causes(&seen) == ["agent_failed", "none"], "{seen}");
    open(&stage, "Task-2")?;
    exits(&outcome(front).await?, 0)?;
    ensure!(notices(&stage.status()?, "queue_edit_undone") == 0, "the edit was undone as well");
    Ok(())
}

#[tokio::test]
async fn a_failed_task_made_pending_reopens_a_run_that_has_failed() -> Result<()> {
    let stage = planned(&[once("Task-1", "CG-1", &[], r#"[ -e "$MIYABI_PLAN_DIR/mended" ]"#)])?;
    ends_with(&stage, 1).await?;
    open(&stage, "mended")?;
    edit(&stage, by_rename, |tasks| tasks[0]["status"] = json!("PENDING"))?;
    run_is(&stage, "completed").await?;
    stage.state().queue_says("Task-1", "status", "COMPLETED").await
}

#[tokio::test]
async fn an_agent_changed_by_rename_has_the_waiting_task() -> Result<()> {
    agent_changed(by_rename).await
}

#[tokio::test]
async fn an_agent_changed_in_place_has_the_waiting_task() -> Result<()> {
    agent_changed(in_place).await
}

async fn agent_changed(write: Write) -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE), task("Task-2", "CG-1", &["Task-1"], "true")])?;
    let front = in_front(&stage, &[])?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    edit(&stage, write, |tasks| tasks[1]["agent"] = json!("CG-2"))?;
    let moved = || async { view(&stage, "Task-2").ok().filter(|view| view["agent"] == "CG-2").map(drop) };
    eventually("Task-2 with CG-2", SOON, moved).await?;
    open(&stage, "Task-1")?;
    exits(&outcome(front).await?, 0)?;
    let seen = view(&stage, "Task-2")?;
    ensure!(seen["attempts"][0]["agent"] == "CG-2" && seen["planned_agent"] == "CG-1", "{seen}");
    ensure!(notices(&stage.status()?, "queue_edit_followed") == 1, "nobody is told");
    Ok(())
}

#[tokio::test]
async fn every_other_edit_by_rename_is_undone_in_plain_sight() -> Result<()> {
    undone(by_rename).await
}

#[tokio::test]
async fn every_other_edit_in_place_is_undone_in_plain_sight() -> Result<()> {
    undone(in_place).await
}

async fn undone(write: Write) -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE), task("Task-2", "CG-1", &["Task-1"], "true")])?;
    let front = in_front(&stage, &[])?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    eventually("the program", SOON, || async { (stage.ledger().len() == 1).then_some(()) }).await?;
    let before = queue(&stage)?["tasks"].clone();
    let changes: [fn(&mut Vec<Value>); 5] = [
        |tasks| tasks[1]["status"] = json!("COMPLETED"),
        |tasks| drop(tasks.pop()),
        |tasks| tasks[1]["priority"] = json!(7),
        |tasks| tasks.push(with(tasks[1].clone(), "task_id", json!("Task-9"))),
        // Only a task that waits goes to another agent by an edit.
        |tasks| tasks[0]["agent"] = json!("CG-2"),
    ];
    for (done, change) in changes.into_iter().enumerate() {
        edit(&stage, write, change)?;
        let is_undone = || async {
            let told = notices(&stage.status().ok()?, "queue_edit_undone") == done + 1;
            (told && queue(&stage).ok()?["tasks"] == before).then_some(())
        };
        eventually(&format!("edit {done} is undone and told"), SOON, is_undone).await?;
    }
    ensure!(stage.ledger().len() == 1, "an edit started something: {:?}", stage.ledger());
    open(&stage, "Task-1")?;
    exits(&outcome(front).await?, 0)?;
    ensure!(stage.ledger().len() == 2, "Task-2 did not really run: {:?}", stage.ledger());
    Ok(())
}

// Orders from a second terminal.

#[tokio::test]
async fn a_paused_run_starts_nothing_until_it_is_resumed() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE), task("Task-2", "CG-1", &["Task-1"], "true")])?;
    let front = in_front(&stage, &[])?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    order(&stage, &["pause"])?;
    open(&stage, "Task-1")?;
    // What runs goes on to its end.
    reaches(&stage, "Task-1", "completed").await?;
    let why = stage.miyabi(&["why", "Task-2"])?;
    ensure!(String::from_utf8_lossy(&why.stdout).contains("pause"), "{why:?}");
    run_is(&stage, "paused").await?;
    ensure!(stage.ledger().len() == 1, "{:?}", stage.ledger());
    order(&stage, &["resume"])?;
    exits(&outcome(front).await?, 0)?;
    ensure!(stage.ledger().len() == 2, "{:?}", stage.ledger());
    Ok(())
}

#[tokio::test]
async fn a_retry_reopens_a_run_that_has_failed() -> Result<()> {
    let stage = planned(&[
        once("Task-1", "CG-1", &[], r#"[ -e "$MIYABI_PLAN_DIR/mended" ]"#),
        once("Task-2", "CG-1", &["Task-1"], "true"),
    ])?;
    ends_with(&stage, 1).await?;
    exits(&stage.miyabi(&["status"])?, 1)?;
    open(&stage, "mended")?;
    order(&stage, &["retry", "Task-1"])?;
    let status = run_is(&stage, "completed").await?;
    ensure!(causes(&entry(&status, "tasks", "Task-1")) == ["agent_failed", "none"], "{status}");
    exits(&stage.miyabi(&["status"])?, 0)
}

#[tokio::test]
async fn a_cancelled_task_is_stopped_and_can_be_tried_again() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE), task("Task-2", "CG-2", &[], "true")])?;
    let front = in_front(&stage, &[])?;
    let stopped = program(&stage, "Task-1").await?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    order(&stage, &["cancel", "Task-1"])?;
    is_gone(stopped).await?;
    exits(&outcome(front).await?, 1)?;
    let status = stage.status()?;
    ensure!(entry(&status, "tasks", "Task-1")["phase"] == "cancelled", "{status}");
    ensure!(entry(&status, "tasks", "Task-2")["phase"] == "completed", "{status}");
    open(&stage, "Task-1")?;
    order(&stage, &["retry", "Task-1"])?;
    let status = run_is(&stage, "completed").await?;
    ensure!(causes(&entry(&status, "tasks", "Task-1")) == ["cancelled", "none"], "{status}");
    Ok(())
}

#[tokio::test]
async fn a_waiting_task_goes_to_another_agent_at_a_word() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE), task("Task-2", "CG-1", &["Task-1"], "true")])?;
    let front = in_front(&stage, &[])?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    order(&stage, &["reassign", "Task-2", "CG-2"])?;
    stage.state().queue_says("Task-2", "agent", "CG-2").await?;
    open(&stage, "Task-1")?;
    exits(&outcome(front).await?, 0)?;
    let seen = view(&stage, "Task-2")?;
    ensure!(seen["attempts"][0]["agent"] == "CG-2", "{seen}");
    Ok(())
}

#[tokio::test]
async fn a_running_task_is_moved_only_when_that_is_agreed() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE)])?;
    let front = in_front(&stage, &[])?;
    let first = program(&stage, "Task-1").await?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    reaches(&stage, "Task-1", "running").await?;
    let refused = stage.miyabi(&["reassign", "Task-1", "CG-2"])?;
    exits(&refused, 2)?;
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("--yes"), "no remedy: {refused:?}");
    ensure!(process::is_alive(first) && stage.ledger().len() == 1, "stopped all the same");
    order(&stage, &["reassign", "Task-1", "CG-2", "--yes"])?;
    is_gone(first).await?;
    eventually("the second program", SOON, || async { (stage.ledger().len() == 2).then_some(()) }).await?;
    open(&stage, "Task-1")?;
    exits(&outcome(front).await?, 0)?;
    let seen = view(&stage, "Task-1")?;
    ensure!(causes(&seen) == ["reassigned", "none"], "{seen}");
    ensure!(seen["attempts"][1]["agent"] == "CG-2", "{seen}");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_run_ends_with_1_and_leaves_no_program() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE), task("Task-2", "CG-1", &["Task-1"], "true")])?;
    let front = in_front(&stage, &[])?;
    let stopped = program(&stage, "Task-1").await?;
    order(&stage, &["cancel"])?;
    exits(&outcome(front).await?, 1)?;
    is_gone(stopped).await?;
    run_is(&stage, "cancelled").await?;
    ensure!(stage.ledger().len() == 1, "{:?}", stage.ledger());
    Ok(())
}

// How `run` ends.

#[tokio::test]
async fn run_ends_with_0_when_all_is_completed_and_with_1_when_a_task_has_failed() -> Result<()> {
    ends_with(&planned(&[once("Task-1", "CG-1", &[], "true")])?, 0).await?;
    ends_with(&planned(&[once("Task-1", "CG-1", &[], "false")])?, 1).await
}

#[tokio::test]
async fn run_ends_with_2_when_the_plan_is_bad_or_not_agreed_to() -> Result<()> {
    let bad = planned(&[task("Task-1", "CG-1", &["Task-9"], "true")])?;
    let refused = outcome(in_front(&bad, &[])?).await?;
    exits(&refused, 2)?;
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("Task-9"), "{refused:?}");
    let strange = planned(&[task("Task-1", "CG-1", &[], "true")])?;
    let refused = strange.miyabi(&["run", &strange.path("plan").to_string_lossy()])?;
    exits(&refused, 2)?;
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("--trust"), "no remedy: {refused:?}");
    ensure!(bad.ledger().is_empty() && strange.ledger().is_empty(), "something was started");
    Ok(())
}

#[tokio::test]
async fn run_ends_with_3_where_tmux_is_missing() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], "true")])?;
    let plan = stage.path("plan");
    let mut command = stage.command(&["run", &plan.to_string_lossy(), "--trust"])?;
    let refused = command.env("PATH", stage.path("home")).output()?;
    exits(&refused, 3)?;
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("tmux"), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn each_line_of_run_as_json_parses_and_the_last_says_completed() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], "true"), task("Task-2", "CG-1", &["Task-1"], "true")])?;
    let output = outcome(in_front(&stage, &["--json"])?).await?;
    exits(&output, 0)?;
    let text = String::from_utf8(output.stdout)?;
    let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let first = lines.first().context("a first line")?;
    ensure!(first["event"] == "snapshot" && first["value"]["tasks"][1]["id"] == "Task-2", "{first}");
    let mut phases = lines.iter().filter_map(|line| line["value"]["run"]["phase"].as_str());
    ensure!(phases.next_back() == Some("completed"), "{text}");
    Ok(())
}

#[tokio::test]
async fn ctrl_c_leaves_the_run_at_work() -> Result<()> {
    let stage = planned(&[task("Task-1", "CG-1", &[], GATE)])?;
    let front = in_front(&stage, &[])?;
    let program = program(&stage, "Task-1").await?;
    stage.state().queue_says("Task-1", "status", "IN_PROGRESS").await?;
    let listens = || async { catches_interrupts(front.id()).then_some(()) };
    eventually("a `run` that listens for Ctrl-C", SOON, listens).await?;
    kill_process(pid(front.id())?, Signal::INT)?;
    exits(&outcome(front).await?, 130)?;
    ensure!(process::is_alive(program), "the agent's program was ended");
    run_is(&stage, "running").await?;
    open(&stage, "Task-1")?;
    let status = run_is(&stage, "completed").await?;
    ensure!(causes(&entry(&status, "tasks", "Task-1")) == ["none"], "{status}");
    Ok(())
}

fn pid(id: u32) -> Result<Pid> {
    Pid::from_raw(i32::try_from(id)?).context("a process id")
}

/// Whether a process has a handler for SIGINT, the second signal.
fn catches_interrupts(id: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 0b10 != 0)
}

// Capacities, and who takes what.

#[tokio::test]
async fn a_host_with_room_for_one_never_has_two_at_work() -> Result<()> {
    let stage = Stage::new()?;
    let line = r#"sleep 0.1; echo "$MIYABI_TASK ended" >> "$MIYABI_PLAN_DIR/ledger""#;
    let tasks: Vec<Value> =
        (1..=6).map(|i| task(&format!("Task-{i}"), &format!("CG-{}", 1 + i % 2), &[], line)).collect();
    let mut config = two_agents();
    config["hosts"] = json!([{ "id": "local", "transport": "local", "capacity": 1 }]);
    stage.write_plan(&dag(&tasks), &config)?;
    ends_with(&stage, 0).await?;
    let ledger = stage.ledger();
    ensure!(ledger.len() == 12, "{ledger:?}");
    for pair in ledger.chunks(2) {
        let begun = pair[0].split(' ').next().unwrap_or_default();
        ensure!(pair[1] == format!("{begun} ended"), "two at once: {ledger:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_agent_takes_a_waiting_task_of_another() -> Result<()> {
    task_3_goes_to("CG-2", json!(true), |_| Ok(())).await
}

#[tokio::test]
async fn without_work_stealing_a_task_waits_for_its_own_agent() -> Result<()> {
    task_3_goes_to("CG-1", json!(false), |_| Ok(())).await
}

#[tokio::test]
async fn a_task_that_a_person_gave_to_an_agent_waits_for_it() -> Result<()> {
    task_3_goes_to("CG-1", json!(true), |stage| order(stage, &["reassign", "Task-3", "CG-1"])).await
}

/// Task-3 is CG-1's, which is at work, when CG-2 becomes free.
async fn task_3_goes_to(
    taker: &str,
    work_stealing: Value,
    meanwhile: impl Fn(&Stage) -> Result<()>,
) -> Result<()> {
    let stage = Stage::new()?;
    let last = with(task("Task-3", "CG-1", &[], "true"), "priority", json!(900));
    let tasks = [task("Task-1", "CG-1", &[], GATE), task("Task-2", "CG-2", &[], GATE), last];
    stage.write_plan(&with(dag(&tasks), "work_stealing", work_stealing), &two_agents())?;
    let front = in_front(&stage, &[])?;
    for task in ["Task-1", "Task-2"] {
        stage.state().queue_says(task, "status", "IN_PROGRESS").await?;
    }
    meanwhile(&stage)?;
    open(&stage, "Task-2")?;
    let settled = || async {
        let status = stage.status().ok()?;
        let third = entry(&status, "tasks", "Task-3");
        let reason = &third["waiting"][0];
        let waits = reason["reason"] == "agent" && reason["agent"] == "CG-1";
        let goes_on = if taker == "CG-1" { waits } else { third["phase"] == "completed" };
        let is_done = entry(&status, "tasks", "Task-2")["phase"] == "completed";
        let is_free = entry(&status, "agents", "CG-2")["status"] == "IDLE";
        (is_done && is_free && goes_on).then_some(())
    };
    eventually("CG-2 is free and Task-3 where it belongs", SOON, settled).await?;
    open(&stage, "Task-1")?;
    exits(&outcome(front).await?, 0)?;
    let seen = view(&stage, "Task-3")?;
    ensure!(causes(&seen) == ["none"] && seen["attempts"][0]["agent"] == taker, "{seen}");
    Ok(())
}

// Retries.

#[tokio::test]
async fn a_retry_starts_no_earlier_than_the_status_says() -> Result<()> {
    let stage = Stage::new()?;
    let line = r#"date +%s.%N >> "$MIYABI_PLAN_DIR/times"; [ "$MIYABI_TRY" != 1 ]"#;
    let mut config = two_agents();
    config["limits"] = json!({ "back_off_seconds": 2 });
    stage.write_plan(&dag(&[task("Task-1", "CG-1", &[], line)]), &config)?;
    let front = in_front(&stage, &[])?;
    let seen = reaches(&stage, "Task-1", "back_off").await?;
    let waits = &seen["waiting"][0];
    ensure!(waits["reason"] == "back_off" && waits["attempt"] == 2, "{seen}");
    // Pauses are spread by up to a quarter, so that tasks which failed together do not return together.
    let until = waits["until_seconds"].as_f64().context("a time")?;
    exits(&outcome(front).await?, 0)?;
    let text = std::fs::read_to_string(stage.path("plan/times"))?;
    let times = text.lines().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    ensure!(times.len() == 2 && until >= times[0] + 1.5 && times[1] >= until, "{times:?}, until {until}");
    Ok(())
}

#[tokio::test]
async fn a_failed_task_holds_back_only_what_needs_it() -> Result<()> {
    let stage = planned(&[
        once("Task-1", "CG-1", &[], "false"),
        once("Task-2", "CG-1", &["Task-1"], "true"),
        once("Task-3", "CG-2", &[], GATE),
        once("Task-4", "CG-2", &["Task-3"], "true"),
        once("Task-5", "CG-2", &["Task-2", "Task-4"], "true"),
    ])?;
    let front = in_front(&stage, &[])?;
    reaches(&stage, "Task-1", "failed").await?;
    open(&stage, "Task-3")?;
    exits(&outcome(front).await?, 1)?;
    let status = stage.status()?;
    let phases = ["Task-1", "Task-2", "Task-3", "Task-4", "Task-5"]
        .map(|task| entry(&status, "tasks", task)["phase"].clone());
    ensure!(phases == ["failed", "pending", "completed", "completed", "pending"], "{phases:?}");
    ensure!(status["run"]["phase"] == "failed", "{}", status["run"]);
    let why = stage.miyabi(&["why", "Task-2"])?;
    ensure!(String::from_utf8_lossy(&why.stdout).contains("Task-1"), "{why:?}");
    Ok(())
}
