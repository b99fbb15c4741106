//! Hosts that stay away: their tasks run elsewhere, by a person's word or after the lease, and what comes
//! back later is not taken.

use std::time::Duration;

use anyhow::{Result, ensure};
use miyabi_host_lab::plan::{OF_MAJIN, OF_MUGEN, STATE};
use miyabi_host_lab::run::entry;
use miyabi_host_lab::wait::stays;
use miyabi_host_lab::{Lab, Plan, Run, Witness, on_two_hosts};

fn witness(lab: &Lab, run: &Run) -> Result<Witness> {
    let mut folders = vec![run.state("")];
    for host in [&lab.mugen, &lab.majin] {
        folders.extend(host.path(STATE).ok());
    }
    Ok(Witness::of(folders))
}

#[test]
fn beyond_the_lease_a_lost_hosts_tasks_run_elsewhere_and_nowhere_twice() -> Result<()> {
    on_two_hosts(|lab| {
        let plan = Plan::level6(&[&lab.mugen, &lab.majin])?.with_failover("after 6s").quick_but(&OF_MUGEN);
        // So slow that what is lost would still be at work when others begin with it.
        let run = Run::rehearse(&lab.laptop, &plan, 60)?;
        run.phase("Task-2", "running")?;
        let witness = witness(lab, &run)?;
        lab.mugen.cut()?;
        run.phase("Task-2", "unverified")?;
        let status = run.until("another attempt of Task-2", |status| {
            let task = entry(&status["tasks"], "Task-2");
            (task["attempts"].as_array()?.len() == 2 && task["phase"] == "running").then(|| status.clone())
        })?;
        ensure!(entry(&status["hosts"], "MUGEN")["contact"] == "gone", "{}", status["hosts"]);
        // The agents there have stopped by themselves, though nobody could tell them.
        let log = lab.mugen.read(&format!("{STATE}/logs/agent_CG-1.log"))?;
        let log = String::from_utf8_lossy(&log).into_owned();
        ensure!(log.contains("lease is over") && !log.contains("played to its end"), "{log}");
        lab.mugen.mend()?;
        run.contact("MUGEN", "ready")?;
        run.completed()?;
        witness.saw_no_task_twice()?;
        let journal = run.journal()?;
        let given_up: Vec<_> = journal.all("host_given_up").collect();
        ensure!(given_up.len() == 1 && given_up[0]["by"] == "lease", "{given_up:?}");
        Ok(())
    })
}

#[test]
fn without_a_lease_a_person_gives_the_host_up() -> Result<()> {
    on_two_hosts(|lab| {
        let plan = Plan::level6(&[&lab.mugen, &lab.majin])?.quick_but(&OF_MAJIN);
        let run = Run::rehearse(&lab.laptop, &plan, 100)?;
        run.phase("Task-6", "running")?;
        lab.majin.cut()?;
        run.phase("Task-6", "unverified")?;
        stays("it waits for a person", Duration::from_secs(8), || {
            let status = run.status();
            let task = entry(&status["tasks"], "Task-6");
            if task["phase"] == "unverified" { Ok(()) } else { Err(task.to_string()) }
        })?;
        let asked = run.inbox();
        ensure!(asked.iter().any(|item| item["kind"] == "host_lost" && item["host"] == "MAJIN"), "{asked:?}");
        let cost = run.miyabi(&["host", "give-up", "MAJIN"])?;
        let cost = String::from_utf8_lossy(&cost.stderr).into_owned();
        ensure!(cost.contains("Task-6") && cost.contains("--yes"), "it does not say what it costs: {cost}");
        run.told(&["host", "give-up", "MAJIN", "--yes"])?;
        run.completed()?;
        let journal = run.journal()?;
        ensure!(journal.all("host_given_up").all(|fact| fact["by"] == "person"));
        ensure!(journal.attempts("Task-6").len() == 2, "{:?}", journal.attempts("Task-6"));
        // What the old attempt wrote after that is still there, and was not taken.
        lab.majin.mend()?;
        run.contact("MAJIN", "ready")?;
        run.completed().map(drop)
    })
}

#[test]
fn with_every_host_gone_the_laptop_does_it_alone() -> Result<()> {
    on_two_hosts(|lab| {
        let plan = Plan::level6(&[&lab.mugen, &lab.majin])?.with_failover("after 4s");
        let run = Run::rehearse(&lab.laptop, &plan, 300)?;
        run.phase("Task-2", "running")?;
        let witness = witness(lab, &run)?;
        lab.mugen.cut()?;
        lab.majin.cut()?;
        let status = run.completed()?;
        for agent in status["agents"].as_array().into_iter().flatten() {
            let worked = status["tasks"].as_array().into_iter().flatten().any(|task| {
                task["agent"] == agent["id"]
                    && task["attempts"].as_array().is_some_and(|tries| tries.len() > 1)
            });
            ensure!(!worked || agent["host"] == "local", "{agent}");
        }
        witness.saw_no_task_twice()
    })
}
