//! Hand-overs from one host to another: lanes of two agents, the first on MUGEN, the second on MAJIN.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use miyabi_agent_tests::process;
use serde_json::{Value, json};

use super::agent::FileAgent;
use super::{millis, percentile, row};
use crate::host::Host;
use crate::lab::Lab;
use crate::plan::{Plan, STATE};
use crate::run::Run;

const LANES: usize = 4;

/// Measures so many hand-overs and prints a row.
pub(super) fn measure(lab: &Lab, name: &str, hand_overs: usize) -> Result<()> {
    let pairs = hand_overs.div_ceil(LANES);
    let folders = [folder(&lab.mugen)?, folder(&lab.majin)?];
    for lane in 0..LANES {
        // An agent that is a loop of its own is there as soon as its file is.
        FileAgent::new(&folders[0], &agent("First", lane)).write("IDLE", None)?;
        FileAgent::new(&folders[1], &agent("Second", lane)).write("IDLE", None)?;
    }
    let run = Run::start(&lab.laptop, &plan(lab, pairs), &["--new"])?;
    let mut times = std::thread::scope(|scope| {
        let play = |lane| play([&folders[0], &folders[1]], lane, pairs);
        let lanes: Vec<_> = (0..LANES).map(|lane| scope.spawn(move || play(lane))).collect();
        let joined = lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|_| bail!("a lane broke")));
        Ok::<_, anyhow::Error>(joined.collect::<Result<Vec<_>>>()?.concat())
    })?;
    let status = run.completed()?;
    let trips = status["hosts"].as_array().into_iter().flatten();
    // There and back to one host is as far as from one host to the other.
    let trip = trips.filter_map(|host| host["round_trip_ms"].as_f64()).fold(0.0, f64::max);
    let trip = Duration::from_secs_f64(trip / 1e3);
    times.sort_unstable();
    let at = |percent| percentile(&times, percent);
    let beyond = at(99).saturating_sub(trip);
    let cells = [at(50), at(99), at(100), trip, beyond].map(millis);
    println!("  {}", row(&[&[name.to_owned(), times.len().to_string()], &cells[..]].concat()));
    run.told(&["stop", "--all"])?;
    for host in [&lab.mugen, &lab.majin] {
        std::fs::remove_dir_all(host.path(STATE)?)?;
    }
    Ok(())
}

/// The state folder of a host, made before the run does.
fn folder(host: &Host) -> Result<std::path::PathBuf> {
    let folder = host.path(STATE)?;
    crate::files::private_folder(&folder)?;
    Ok(folder)
}

fn agent(name: &str, lane: usize) -> String {
    format!("{name}-{}", lane + 1)
}

fn task(name: &str, lane: usize, pair: usize) -> String {
    format!("{name}-{}-{}", lane + 1, pair + 1)
}

fn plan(lab: &Lab, pairs: usize) -> Plan {
    let mut tasks: Vec<Value> = Vec::new();
    for (pair, lane) in (0..pairs).flat_map(|pair| (0..LANES).map(move |lane| (pair, lane))) {
        let (a, b) = (task("a", lane, pair), task("b", lane, pair));
        for (id, agent, needs) in [(&a, agent("First", lane), vec![]), (&b, agent("Second", lane), vec![&a])]
        {
            tasks.push(
                json!({ "id": id, "title": "empty", "prompt": "Nothing.", "agent": agent, "needs": needs,
                "priority": pair, "estimated_seconds": 1 }),
            );
        }
    }
    let entry =
        |name, host: &Host, lane| json!({ "id": agent(name, lane), "host": host.name, "runner": "external" });
    let agents: Vec<Value> = (0..LANES)
        .flat_map(|lane| [entry("First", &lab.mugen, lane), entry("Second", &lab.majin, lane)])
        .collect();
    let mut plan = Plan::of(&tasks, &agents, &[&lab.mugen, &lab.majin]);
    plan.dag["work_stealing"] = json!(false);
    // As a person has it: the drills' short limits would probe more often.
    plan.config["limits"] = json!({});
    plan
}

fn play(folders: [&Path; 2], lane: usize, pairs: usize) -> Result<Vec<Duration>> {
    let first = FileAgent::new(folders[0], &agent("First", lane));
    let second = FileAgent::new(folders[1], &agent("Second", lane));
    let mut times = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        let (a, b) = (task("a", lane, pair), task("b", lane, pair));
        first.wait("BUSY", Some(&a)).context("the first agent")?;
        first.write("IN_PROGRESS", Some(&a))?;
        second.wait("IDLE", None)?;
        // Lanes that march in step would measure a queue.
        process::rest(Duration::from_millis(20 + 13 * ((pair * 7 + lane * 3) % 11) as u64));
        let begun = first.write("COMPLETED", Some(&a))?;
        second.wait("BUSY", Some(&b)).context("the second agent")?;
        times.push(begun.elapsed());
        second.write("IN_PROGRESS", Some(&b))?;
        second.write("COMPLETED", Some(&b))?;
    }
    Ok(times)
}
