//! Level 6 in rehearsal on MUGEN and MAJIN, with links that hold.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process;
use miyabi_host_lab::plan::STATE;
use miyabi_host_lab::run::entry;
use miyabi_host_lab::wait::{stays, until};
use miyabi_host_lab::{Host, Plan, Run, on_two_hosts};
use serde_json::Value;

/// The agents of a host in `miyabi status --json`.
fn agents_of<'a>(status: &'a Value, host: &'a str) -> impl Iterator<Item = &'a Value> {
    status["agents"].as_array().into_iter().flatten().filter(move |agent| agent["host"] == host)
}

/// What the windows on a host are called.
fn windows(host: &Host) -> Result<BTreeSet<String>> {
    let list = host.exec(&["tmux", "list-windows", "-a", "-F", "#{window_name}"])?;
    Ok(list.lines().map(str::to_owned).collect())
}

#[test]
fn all_fifteen_tasks_are_done_on_their_hosts_and_seen_on_the_laptop() -> Result<()> {
    on_two_hosts(|lab| {
        let plan = Plan::level6(&[&lab.mugen, &lab.majin])?;
        let run = Run::rehearse(&lab.laptop, &plan, 600)?;
        let status = run.completed()?;
        ensure!(status["run"]["completed"] == 15, "{}", status["run"]);
        let here: BTreeSet<String> = lab.laptop.windows(&run.session()?)?.into_iter().collect();
        for host in [&lab.mugen, &lab.majin] {
            ensure!(entry(&status["hosts"], host.name)["contact"] == "ready");
            let there = windows(host)?;
            for agent in agents_of(&status, host.name) {
                let (id, window) =
                    (agent["id"].as_str().context("id")?, agent["window"].as_str().context("w")?);
                ensure!(there.contains(window), "no {window} on {}: {there:?}", host.name);
                ensure!(here.contains(window), "no {window} on the laptop: {here:?}");
                let log = host.read(&format!("{STATE}/logs/agent_{id}.log"))?;
                let log = String::from_utf8_lossy(&log);
                ensure!(log.contains("[rehearsal]") && log.contains("is played to its end"), "{id}: {log}");
                let name = format!("agent_{id}_status.json");
                until(&format!("the mirror of {name}"), Duration::from_secs(5), || {
                    let there = host.read(&format!("{STATE}/{name}")).map_err(|why| why.to_string())?;
                    let mirror = std::fs::read(run.state(&name)).map_err(|why| why.to_string())?;
                    let as_values = [&there, &mirror].map(|file| serde_json::from_slice::<Value>(file).ok());
                    if as_values[0].is_some() && as_values[0] == as_values[1] {
                        return Ok(());
                    }
                    Err(format!("{}\n{}", String::from_utf8_lossy(&there), String::from_utf8_lossy(&mirror)))
                })?;
            }
            let others: Vec<_> = ["MUGEN", "MAJIN"].into_iter().filter(|name| *name != host.name).collect();
            for stranger in others.iter().flat_map(|other| agents_of(&status, other)) {
                ensure!(!there.contains(stranger["window"].as_str().context("a window")?), "{stranger}");
            }
        }
        ensure!(agents_of(&status, "MUGEN").count() == 5 && agents_of(&status, "MAJIN").count() == 10);
        Ok(())
    })
}

#[test]
fn one_connection_and_one_helper_a_host_and_nothing_is_started_while_nothing_happens() -> Result<()> {
    on_two_hosts(|lab| {
        let plan = Plan::level6(&[&lab.mugen, &lab.majin])?;
        // So slow that nothing happens for a long time.
        let run = Run::rehearse(&lab.laptop, &plan, 1)?;
        run.phase("Task-1", "running")?;
        run.until("all agents are there", |status| {
            let agents = status["agents"].as_array()?;
            agents.iter().all(|agent| agent["status"].is_string()).then_some(())
        })?;
        // An agent is there before its window has its name and its place.
        for host in [&lab.mugen, &lab.majin] {
            until("the end of the beginning", Duration::from_secs(30), || {
                let mark = host.mark().map_err(|why| why.to_string())?;
                process::rest(Duration::from_secs(1));
                match host.started_since(mark).map_err(|why| why.to_string())? {
                    0 => Ok(()),
                    started => Err(format!("{started} processes or threads in 1 s")),
                }
            })?;
        }
        let processes = || -> Result<BTreeSet<(i32, String)>> {
            let all = [lab.mugen.processes()?, lab.majin.processes()?].concat();
            Ok(all.into_iter().map(|one| (one.pid.as_raw_nonzero().get(), one.name)).collect())
        };
        let (before, marks) = (processes()?, [lab.mugen.mark()?, lab.majin.mark()?]);
        stays("one connection and one helper a host", Duration::from_secs(6), || {
            for host in [&lab.mugen, &lab.majin] {
                let connections = host.connections().map_err(|why| why.to_string())?;
                let helpers = host.helpers().map_err(|why| why.to_string())?;
                if connections.len() != 1 || helpers.len() != 1 {
                    return Err(format!("{} has {connections:?} and {helpers:?}", host.name));
                }
            }
            Ok(())
        })?;
        ensure!(processes()? == before, "{before:?}\n{:?}", processes()?);
        for (host, mark) in [&lab.mugen, &lab.majin].into_iter().zip(marks) {
            let started = host.started_since(mark)?;
            // The helper's pool renews a thread now and then. A look every two seconds would be three.
            ensure!(started <= 2, "{started} processes or threads were started on {} in 6 s", host.name);
        }
        Ok(())
    })
}
