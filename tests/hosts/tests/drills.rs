//! What happens to hosts, in the midst of Level 6: after each of it all fifteen tasks are done, none
//! twice, none lost, in the order of their needs.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process::Pid;
use miyabi_host_lab::plan::{OF_MAJIN, OF_MUGEN};
use miyabi_host_lab::run::entry;
use miyabi_host_lab::wait::{stays, until};
use miyabi_host_lab::{Host, Lab, Plan, Run, Wire, on_two_hosts};

/// A run at which MUGEN works on four tasks at once.
fn mugen_at_work(lab: &Lab, plan: &Plan, speed: u32) -> Result<Run> {
    let run = Run::rehearse(&lab.laptop, plan, speed)?;
    for task in OF_MUGEN {
        run.phase(task, "running")?;
    }
    Ok(run)
}

fn level6(lab: &Lab) -> Result<Plan> {
    Plan::level6(&[&lab.mugen, &lab.majin])
}

/// Each of these tasks needed so many attempts.
fn attempts(run: &Run, tasks: &[&str], wanted: usize) -> Result<()> {
    let journal = run.journal()?;
    for task in tasks {
        let attempts = journal.attempts(task);
        ensure!(attempts.len() == wanted, "{task}: {attempts:?}");
    }
    Ok(())
}

/// The one helper of a host.
fn helper(host: &Host) -> Result<Pid> {
    let helpers = host.helpers()?;
    ensure!(helpers.len() == 1, "{helpers:?}");
    Ok(helpers[0].pid)
}

#[test]
fn a_helper_is_killed_and_an_ssh_server_is_killed() -> Result<()> {
    on_two_hosts(|lab| {
        let run = mugen_at_work(lab, &level6(lab)?.quick_but(&[&OF_MUGEN[..], &OF_MAJIN].concat()), 150)?;
        let old = helper(&lab.mugen)?;
        lab.mugen.kill(&lab.mugen.helpers()?)?;
        until("another helper on MUGEN", Duration::from_secs(20), || match helper(&lab.mugen) {
            Ok(new) if new != old => Ok(()),
            other => Err(format!("{other:?}")),
        })?;
        run.contact("MUGEN", "ready")?;
        run.phase("Task-6", "running")?;
        lab.majin.kill_sshd()?;
        run.contact("MAJIN", "reconnecting")?;
        lab.majin.start_sshd()?;
        run.contact("MAJIN", "ready")?;
        run.completed()?;
        // Runners go on without helpers and links: their work counts.
        attempts(&run, &OF_MUGEN, 1)?;
        attempts(&run, &OF_MAJIN, 1)
    })
}

#[test]
fn a_host_is_rebooted() -> Result<()> {
    on_two_hosts(|lab| {
        let run = mugen_at_work(lab, &level6(lab)?.quick_but(&OF_MUGEN), 150)?;
        lab.mugen.power_cut()?;
        run.phase("Task-2", "unverified")?;
        lab.mugen.boot()?;
        run.completed()?;
        attempts(&run, &OF_MUGEN, 2)?;
        ensure!(run.journal()?.count("host_back") >= 1);
        Ok(())
    })
}

#[test]
fn a_tmux_server_is_killed() -> Result<()> {
    on_two_hosts(|lab| {
        let run = mugen_at_work(lab, &level6(lab)?.quick_but(&OF_MUGEN), 150)?;
        lab.mugen.kill(&lab.mugen.tmux_servers()?)?;
        run.completed()?;
        // The link held all the time.
        ensure!(run.journal()?.count("host_lost") == 0);
        ensure!(lab.mugen.tmux_servers()?.len() == 1, "no tmux on MUGEN");
        Ok(())
    })
}

#[test]
fn clocks_are_ten_minutes_off() -> Result<()> {
    on_two_hosts(|lab| {
        lab.mugen.clock_offset(600_000)?;
        lab.majin.clock_offset(-600_000)?;
        let run = mugen_at_work(lab, &level6(lab)?, 400)?;
        let status = run.completed()?;
        for (host, ahead) in [("MUGEN", 600.0), ("MAJIN", -600.0)] {
            let host = entry(&status["hosts"], host);
            let told = host["clock_ahead_seconds"].as_f64().with_context(|| format!("{host:#}"))?;
            ensure!((told - ahead).abs() < 2.0, "{told} in place of {ahead}");
        }
        attempts(&run, &OF_MUGEN, 1)
    })
}

#[test]
fn a_disk_is_full_and_freed() -> Result<()> {
    on_two_hosts(|lab| {
        let run = mugen_at_work(lab, &level6(lab)?.quick_but(&OF_MUGEN), 100)?;
        lab.mugen.fill_disk()?;
        stays("no task of MUGEN fails for good", Duration::from_secs(6), || {
            let status = run.status();
            if status["run"]["failed"] == 0 { Ok(()) } else { Err(status["run"].to_string()) }
        })?;
        lab.mugen.free_disk()?;
        run.completed().map(drop)
    })
}

#[test]
fn a_link_is_cut_for_a_second_and_for_twenty() -> Result<()> {
    on_two_hosts(|lab| {
        let mut plan = level6(lab)?.quick_but(&[&OF_MUGEN[..], &OF_MAJIN].concat());
        // TCP may take two seconds to notice that a link is whole again after one.
        plan.config["limits"]["lost_after_seconds"] = 5.into();
        let run = mugen_at_work(lab, &plan, 100)?;
        lab.mugen.cut()?;
        stays("a second", Duration::from_secs(1), || Ok(()))?;
        lab.mugen.mend()?;
        run.phase("Task-6", "running")?;
        ensure!(run.journal()?.count("host_lost") == 0, "a second is no loss");
        lab.majin.cut()?;
        run.phase("Task-6", "unverified")?;
        stays("what is unverified waits, and so does what needs it", Duration::from_secs(16), || {
            let status = run.status();
            let phase = |task: &str| entry(&status["tasks"], task)["phase"].clone();
            let waits = phase("Task-6") == "unverified" && phase("Task-8") == "pending";
            if waits { Ok(()) } else { Err(format!("{} {}", phase("Task-6"), phase("Task-8"))) }
        })?;
        lab.majin.mend()?;
        run.completed()?;
        attempts(&run, &OF_MUGEN, 1)?;
        // They ended while nobody could see it, and their results were taken.
        attempts(&run, &OF_MAJIN, 1)?;
        let journal = run.journal()?;
        ensure!(journal.count("host_lost") == 1 && journal.count("host_back") == 1);
        Ok(())
    })
}

#[test]
fn a_link_passes_one_direction_only() -> Result<()> {
    on_two_hosts(|lab| {
        let run = mugen_at_work(lab, &level6(lab)?.quick_but(&OF_MUGEN), 60)?;
        for wire in [Wire::OnlyToHost, Wire::OnlyToLaptop] {
            lab.mugen.set_wire(wire)?;
            run.contact("MUGEN", "reconnecting")?;
            lab.mugen.mend()?;
            run.contact("MUGEN", "ready")?;
        }
        run.completed()?;
        attempts(&run, &OF_MUGEN, 1)
    })
}

#[test]
fn a_link_loses_every_twentieth_packet_and_another_is_slow() -> Result<()> {
    on_two_hosts(|lab| {
        lab.slow(1, Duration::from_millis(300))?;
        lab.mugen.set_wire(Wire::Losing { percent: 5 })?;
        let run = Run::rehearse(&lab.laptop, &level6(lab)?, 400)?;
        let status = run.completed()?;
        let trip = entry(&status["hosts"], "MAJIN")["round_trip_ms"].as_f64().context("a round trip")?;
        ensure!((600.0..1500.0).contains(&trip), "{trip} ms there and back");
        Ok(())
    })
}
