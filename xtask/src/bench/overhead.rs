//! What one empty task costs: a chain, and a fan of four at once, beside `make` and GNU parallel.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::Value;

use super::plan::{PlanFolder, PlanTask, Runner};
use super::sandbox::Sandbox;
use super::table;
use super::wait::until;
use crate::process::{Program, on_path};

/// Tasks at once in a fan.
const AT_ONCE: usize = 4;

/// Options of `cargo xtask bench overhead`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many empty tasks each plan has.
    #[arg(long, default_value_t = 1000)]
    tasks: usize,
}

/// The form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Each task needs the one before it.
    Chain,
    /// No task needs another.
    Fan,
}

/// Measures all and prints them.
pub(crate) fn run(options: &Options) -> Result<()> {
    let tasks = options.tasks;
    println!("Measuring {tasks} empty tasks, in a chain and in a fan of {AT_ONCE} at once …");
    let mut rows = vec![["", "chain", "fan"].map(str::to_owned).to_vec()];
    let (chain, fan) = (miyabi(Form::Chain, tasks)?, miyabi(Form::Fan, tasks)?);
    rows.push(row("miyabi, the whole command", tasks, Some(chain.whole), Some(fan.whole)));
    rows.push(row("miyabi, from the first start to the last end", tasks, chain.inner, fan.inner));
    if on_path("make") {
        let (chain, fan) = (make(Form::Chain, tasks)?, make(Form::Fan, tasks)?);
        rows.push(row(&format!("make -j{AT_ONCE}"), tasks, Some(chain), Some(fan)));
    } else {
        println!("make is not installed and is left out");
    }
    if on_path("parallel") {
        rows.push(row(&format!("GNU parallel -j{AT_ONCE}"), tasks, None, Some(parallel(tasks)?)));
    } else {
        println!("GNU parallel is not installed and is left out");
    }
    println!("\nTime per empty task (the program `true`):\n");
    table::print(&rows);
    Ok(())
}

fn row(name: &str, tasks: usize, chain: Option<Duration>, fan: Option<Duration>) -> Vec<String> {
    let each = |time: Option<Duration>| match time {
        Some(time) => table::millis(time.div_f64(tasks as f64)),
        None => "-".to_owned(),
    };
    vec![name.to_owned(), each(chain), each(fan)]
}

/// How long a run of ours took.
struct Took {
    /// The whole command, with tmux session, folders and backend.
    whole: Duration,
    /// From the first task's start to the last one's end, as the queue has them.
    inner: Option<Duration>,
}

fn miyabi(form: Form, tasks: usize) -> Result<Took> {
    let sandbox = Sandbox::new()?;
    let plan = sandbox.write(&plan(form, tasks))?;
    let whole = timed(&sandbox.run(&plan), &sandbox.path("run.log"))?;
    let queue = sandbox.state_dir().join("task_queue.json");
    // The queue is a projection: it may be a moment behind the end of the run.
    let inner = until("the last end in task_queue.json", Duration::from_secs(5), || {
        inner(&serde_json::from_slice(&fs::read(&queue).ok()?).ok()?)
    });
    if let Err(error) = &inner {
        println!("{error}");
    }
    Ok(Took { whole, inner: inner.ok() })
}

fn plan(form: Form, tasks: usize) -> PlanFolder {
    let name = |at: usize| format!("t-{}", at + 1);
    let agents = match form {
        Form::Chain => 1,
        Form::Fan => AT_ONCE,
    };
    let task = |at: usize| PlanTask {
        id: name(at),
        agent: format!("C-{}", at % agents + 1),
        needs: if form == Form::Chain && at > 0 { vec![name(at - 1)] } else { Vec::new() },
    };
    PlanFolder {
        tasks: (0..tasks).map(task).collect(),
        agents: (1..=agents).map(|agent| format!("C-{agent}")).collect(),
        runner: Runner::True,
    }
}

fn make(form: Form, tasks: usize) -> Result<Duration> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    fs::write(folder.path().join("Makefile"), makefile(form, tasks)).context("cannot write the Makefile")?;
    let make =
        Program::new("make").folder(folder.path()).without_env("MAKEFLAGS").arg(format!("-j{AT_ONCE}"));
    timed(&make, &folder.path().join("log"))
}

fn makefile(form: Form, tasks: usize) -> String {
    let mut text = String::from("all:");
    for at in 1..=tasks {
        let _ = write!(text, " t{at}");
    }
    text.push('\n');
    for at in 1..=tasks {
        let need = if form == Form::Chain && at > 1 { format!(" t{}", at - 1) } else { String::new() };
        let _ = writeln!(text, "t{at}:{need}\n\t@true");
    }
    text
}

fn parallel(tasks: usize) -> Result<Duration> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let numbers: String = (1..=tasks).map(|at| format!("{at}\n")).collect();
    fs::write(folder.path().join("numbers"), numbers).context("cannot write the numbers")?;
    let jobs = format!("-j{AT_ONCE}");
    let parallel = Program::new("parallel").folder(folder.path()).env("HOME", folder.path()).args([
        "--will-cite",
        &jobs,
        "-a",
        "numbers",
        "true",
    ]);
    timed(&parallel, &folder.path().join("log"))
}

fn timed(program: &Program, log: &Path) -> Result<Duration> {
    let begun = Instant::now();
    let ended = program.start(log)?.wait().context("cannot wait")?;
    let took = begun.elapsed();
    if !ended.success() {
        bail!("`{program}` ended with {ended}:\n{}", Sandbox::tail(log));
    }
    Ok(took)
}

/// From the earliest start to the latest end in `task_queue.json`.
fn inner(queue: &Value) -> Option<Duration> {
    let tasks = queue["tasks"].as_array()?;
    let times = |key: &str| -> Option<Vec<&str>> { tasks.iter().map(|task| task[key].as_str()).collect() };
    // Times in UTC of one form sort as texts.
    let (first, last) = (times("started_at")?.into_iter().min()?, times("completed_at")?.into_iter().max()?);
    const DAY: u64 = 24 * 3600 * 1000;
    let passed = (millis_of_day(last)? + DAY - millis_of_day(first)?) % DAY;
    Some(Duration::from_millis(passed))
}

/// The milliseconds since midnight of a time such as `2026-11-22T15:34:00.250Z`.
fn millis_of_day(time: &str) -> Option<u64> {
    let clock = time.split_once('T')?.1.strip_suffix('Z')?;
    let mut parts = clock.split(':');
    let (hours, minutes): (u64, u64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some((hours * 60 + minutes) * 60_000 + (seconds * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_chain_is_a_chain_for_both_programs() {
        let chain = plan(Form::Chain, 3);
        assert_eq!(chain.tasks[2].needs, ["t-2"]);
        assert_eq!(chain.agents.len(), 1);
        assert!(makefile(Form::Chain, 3).contains("t3: t2\n"));
        let fan = plan(Form::Fan, 8);
        assert!(fan.tasks.iter().all(|task| task.needs.is_empty()));
        assert_eq!((fan.agents.len(), fan.tasks[5].agent.as_str()), (4, "C-2"));
    }

    #[test]
    fn the_programs_beside_ours_get_through_a_plan() {
        if on_path("make") {
            make(Form::Chain, 20).expect("a chain");
            make(Form::Fan, 20).expect("a fan");
        }
        if on_path("parallel") {
            parallel(20).expect("a fan");
        }
    }

    #[test]
    fn the_inner_time_is_read_from_the_queue() {
        let task = |start: &str, end: &str| json!({ "started_at": start, "completed_at": end });
        let queue = json!({ "tasks": [
            task("2026-11-22T23:59:59.500Z", "2026-11-23T00:00:00.250Z"),
            task("2026-11-22T23:59:59.750Z", "2026-11-23T00:00:01.000Z")] });
        assert_eq!(inner(&queue), Some(Duration::from_millis(1500)));
        assert_eq!(inner(&json!({ "tasks": [{ "started_at": null, "completed_at": null }] })), None);
    }
}
