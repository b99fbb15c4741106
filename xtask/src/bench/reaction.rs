//! How soon a dependent is offered: from COMPLETED on disk to BUSY on disk.
//!
//! Several lanes at once, each of two agents that know only the files. The first ends a task; the
//! time until the second, which is idle, is offered the task that needs it, is one reaction.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::agent::FileAgent;
use super::plan::{PlanFolder, PlanTask, Runner};
use super::sandbox::Sandbox;
use super::{polling, table, wait};

/// Options of `cargo xtask bench reaction`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Lanes at once, of two agents each.
    #[arg(long, default_value_t = 4)]
    lanes: usize,
    /// Reactions per lane.
    #[arg(long, default_value_t = 100)]
    pairs: usize,
    /// Reactions per lane of the stand-in that polls: each takes some seconds.
    #[arg(long, default_value_t = 8)]
    polling_pairs: usize,
}

/// Measures both and prints them.
pub(crate) fn run(options: &Options) -> Result<()> {
    println!("Measuring the reaction, {} lanes of {} pairs …", options.lanes, options.pairs);
    let ours = watched(options).context("the run of miyabi")?;
    println!(
        "Measuring the stand-in that polls, {} lanes of {} pairs …",
        options.lanes, options.polling_pairs
    );
    let polled = polled(options).context("the stand-in that polls")?;
    println!(
        "\nFrom COMPLETED on disk to the dependent's BUSY on disk (looked at every {} µs):\n",
        wait::LOOK.as_micros()
    );
    let head = ["", "reactions", "p50", "p99", "max"].map(str::to_owned).to_vec();
    let every = format!("stand-in of this tool that polls every {} s", polling::EVERY.as_secs());
    table::print(&[head, row("miyabi", ours), row(&every, polled)]);
    Ok(())
}

fn row(name: &str, mut times: Vec<Duration>) -> Vec<String> {
    times.sort_unstable();
    let at = |percent| table::millis(table::percentile(&times, percent));
    vec![name.to_owned(), times.len().to_string(), at(50), at(99), at(100)]
}

fn watched(options: &Options) -> Result<Vec<Duration>> {
    let sandbox = Sandbox::new()?;
    let plan = plan(options.lanes, options.pairs);
    let folder = sandbox.write(&plan)?;
    // An agent that is a loop of its own is there as soon as its file is: before the run.
    let state_dir = sandbox.make_state_dir()?;
    plan.agents.iter().try_for_each(|id| FileAgent::new(&state_dir, id).write("IDLE", None).map(drop))?;
    let log = sandbox.path("run.log");
    let mut child = sandbox.run(&folder).start(&log)?;
    let times = drive(&state_dir, options.lanes, options.pairs, Duration::from_millis(20));
    if times.is_err() {
        let _ = child.kill();
    }
    let ended = child.wait().context("cannot wait for miyabi")?;
    let times = times.with_context(|| Sandbox::tail(&log))?;
    if !ended.success() {
        bail!("it ended with {ended}:\n{}", Sandbox::tail(&log));
    }
    Ok(times)
}

fn polled(options: &Options) -> Result<Vec<Duration>> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let plan = plan(options.lanes, options.polling_pairs);
    thread::scope(|scope| {
        let orchestrator = scope.spawn(|| polling::orchestrate(&plan, folder.path(), polling::EVERY));
        // An end at any moment between two looks is as likely as any other.
        let times = drive(folder.path(), options.lanes, options.polling_pairs, polling::EVERY);
        joined(orchestrator)?;
        times
    })
}

/// Plays the agents of all lanes and returns every reaction.
fn drive(state_dir: &Path, lanes: usize, pairs: usize, longest: Duration) -> Result<Vec<Duration>> {
    thread::scope(|scope| {
        let lanes: Vec<_> =
            (0..lanes).map(|lane| scope.spawn(move || play(state_dir, lane, pairs, longest))).collect();
        let times: Result<Vec<_>> = lanes.into_iter().map(joined).collect();
        Ok(times?.concat())
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| bail!("a measuring thread broke"))
}

fn play(state_dir: &Path, lane: usize, pairs: usize, longest: Duration) -> Result<Vec<Duration>> {
    let first = FileAgent::new(state_dir, &agent("First", lane));
    let second = FileAgent::new(state_dir, &agent("Second", lane));
    let mut chance = Chance(lane as u64 + 1);
    let mut times = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        let (a, b) = (task("a", lane, pair), task("b", lane, pair));
        first.wait("BUSY", Some(&a))?;
        first.write("IN_PROGRESS", Some(&a))?;
        second.wait("IDLE", None)?;
        wait::rest(longest.mul_f64(chance.next()));
        let begun = first.write("COMPLETED", Some(&a))?;
        second.wait("BUSY", Some(&b))?;
        times.push(begun.elapsed());
        second.write("IN_PROGRESS", Some(&b))?;
        second.write("COMPLETED", Some(&b))?;
    }
    Ok(times)
}

fn agent(name: &str, lane: usize) -> String {
    format!("{name}-{}", lane + 1)
}

fn task(name: &str, lane: usize, pair: usize) -> String {
    format!("{name}-{}-{}", lane + 1, pair + 1)
}

fn plan(lanes: usize, pairs: usize) -> PlanFolder {
    let mut tasks = Vec::new();
    for pair in 0..pairs {
        for lane in 0..lanes {
            let (a, b) = (task("a", lane, pair), task("b", lane, pair));
            tasks.push(PlanTask { id: a.clone(), agent: agent("First", lane), needs: Vec::new() });
            tasks.push(PlanTask { id: b, agent: agent("Second", lane), needs: vec![a] });
        }
    }
    let agents = ["First", "Second"].iter().flat_map(|name| (0..lanes).map(|lane| agent(name, lane)));
    PlanFolder { tasks, agents: agents.collect(), runner: Runner::External }
}

/// Numbers from 0 to 1 that look like chance and are the same in every call.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        // The multiplier and the increment are Knuth's, for 64 bits.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1_u64 << 24) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_task_needs_the_first_of_its_lane() {
        let plan = plan(2, 3);
        assert_eq!((plan.tasks.len(), plan.agents.len()), (12, 4));
        let last = plan.tasks.last().expect("tasks");
        assert_eq!((last.id.as_str(), last.needs.as_slice()), ("b-2-3", ["a-2-3".to_owned()].as_slice()));
    }

    #[test]
    fn the_agents_and_the_stand_in_get_through_a_plan() {
        let folder = tempfile::tempdir().expect("folder");
        let plan = plan(2, 1);
        let every = Duration::from_millis(20);
        thread::scope(|scope| {
            let orchestrator = scope.spawn(|| polling::orchestrate(&plan, folder.path(), every));
            let times = drive(folder.path(), 2, 1, Duration::ZERO).expect("measured");
            assert_eq!(times.len(), 2);
            joined(orchestrator).expect("ended");
        });
    }
}
