//! A host's folder has one owner: the newest link of one run from one laptop.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_host_lab::plan::OF_MUGEN;
use miyabi_host_lab::wait::{stays, until};
use miyabi_host_lab::{Plan, Run, Wire, on_two_hosts};

#[test]
fn a_second_laptop_is_turned_away_with_the_name_of_the_first() -> Result<()> {
    on_two_hosts(|lab| {
        lab.laptop.set("USER", "ada");
        let plan = Plan::level6(&[&lab.mugen, &lab.majin])?;
        let first = Run::rehearse(&lab.laptop, &plan, 60)?;
        first.phase("Task-1", "running")?;

        let mut other = lab.second_laptop()?;
        other.set("USER", "grace");
        let second = Run::prepare(&other, &plan)?;
        let said = second.try_start(&["--rehearse=60", "--on-hosts"])?;
        let refused = second.until("MUGEN turns it away", |status| {
            let host = miyabi_host_lab::run::entry(&status["hosts"], "MUGEN");
            (host["contact"] == "refused").then(|| host.clone())
        });
        let refused = refused.with_context(|| format!("{said:?}"))?;
        let problem = refused["problem"].as_str().unwrap_or_default();
        ensure!(problem.contains("ada@"), "the owner is not named: {refused:#}");
        stays("the first run keeps its hosts", Duration::from_secs(3), || {
            let status = first.status();
            let ready = status["hosts"].as_array().into_iter().flatten().filter(|host| host["id"] != "local");
            if ready.into_iter().all(|host| host["contact"] == "ready") {
                Ok(())
            } else {
                Err(status["hosts"].to_string())
            }
        })?;
        ensure!(first.journal()?.count("host_lost") == 0);
        let assigned = second.journal()?.count("assigned");
        ensure!(assigned == 0, "the second run gave out {assigned} tasks");
        Ok(())
    })
}

#[test]
fn a_half_open_link_is_taken_over_by_the_next_one_of_the_same_run() -> Result<()> {
    on_two_hosts(|lab| {
        let plan = Plan::level6(&[&lab.mugen, &lab.majin])?.quick_but(&OF_MUGEN);
        let run = Run::rehearse(&lab.laptop, &plan, 60)?;
        run.phase("Task-2", "running")?;
        let old = lab.mugen.helpers()?.first().context("a helper")?.pid;
        let [port] = lab.mugen.ports()?[..] else { anyhow::bail!("{:?}", lab.mugen.ports()) };
        // From here on the host never learns what becomes of that connection.
        lab.mugen.set_wire(Wire::Without { port })?;
        until("one helper, and another one", Duration::from_secs(30), || {
            let helpers = lab.mugen.helpers().map_err(|why| why.to_string())?;
            if helpers.len() == 1 && helpers[0].pid != old { Ok(()) } else { Err(format!("{helpers:?}")) }
        })?;
        ensure!(lab.mugen.ports()?.contains(&port), "the old connection was closed, the drill shows nothing");
        run.contact("MUGEN", "ready")?;
        run.completed()?;
        for task in OF_MUGEN {
            let attempts = run.journal()?.attempts(task);
            ensure!(attempts.len() == 1, "{task}: {attempts:?}");
        }
        Ok(())
    })
}
