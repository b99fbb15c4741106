//! A log that is received over a link that breaks again and again is the host's log, byte by byte.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process::Guarded;
use miyabi_host_lab::plan::STATE;
use miyabi_host_lab::wait::until;
use miyabi_host_lab::{Host, Plan, Run, on_two_hosts};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Writes numbered lines until it is told to end: some megabytes a second, so that every cut is in the midst of
/// it.
const TALKS: &str = r#"i=0; while [ ! -e /tmp/enough ]; do
    i=$((i+1)); seq -f "line $i %.0f of a log that must not lose a byte" 200; sleep 0.01
done"#;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Cuts the connection in one of several ways, and waits until there is another one with a helper of its own.
fn cut(run: &Run, host: &mut Host, number: usize) -> Result<()> {
    let old = host.helpers()?.first().context("a helper")?.pid;
    match number % 4 {
        0 => host.kill(&host.helpers()?).map(drop)?,
        1 => {
            host.cut()?;
            run.contact("MUGEN", "reconnecting")?;
            host.mend()?;
        }
        _ => host.kill(&host.connections()?).map(drop)?,
    }
    until("another helper", Duration::from_secs(30), || {
        let helpers = host.helpers().map_err(|why| why.to_string())?;
        if helpers.len() == 1 && helpers[0].pid != old { Ok(()) } else { Err(format!("{helpers:?}")) }
    })?;
    run.contact("MUGEN", "ready").map(drop)
}

#[test]
fn after_twenty_cuts_a_received_log_is_the_hosts_log() -> Result<()> {
    on_two_hosts(|lab| {
        let task = json!({ "id": "Task-1", "title": "Talk", "prompt": "Talk.", "agent": "CG-1", "needs": [],
            "estimated_seconds": 600 });
        let agent =
            json!({ "id": "CG-1", "host": "MUGEN", "runner": "command", "command": ["sh", "-c", TALKS] });
        let run = Run::start(&lab.laptop, &Plan::of(&[task], &[agent], &[&lab.mugen]), &[])?;
        run.phase("Task-1", "running")?;
        let received = lab.laptop.path("received.log");
        let mut follow = run.command(&["logs", "-f", "CG-1"])?;
        follow.stdout(Stdio::from(File::create(&received)?));
        let mut follow = Guarded::start(&mut follow)?;
        for number in 0..20 {
            cut(&run, &mut lab.mugen, number)?;
        }
        std::fs::write(lab.mugen.path("/tmp/enough")?, "")?;
        run.completed()?;
        let log = lab.mugen.read(&format!("{STATE}/logs/agent_CG-1.log"))?;
        ensure!(log.len() > 1_000_000, "only {} bytes", log.len());
        until("all of the log", Duration::from_secs(20), || {
            let length = std::fs::metadata(&received).map_err(|why| why.to_string())?.len();
            let wanted = log.len() as u64;
            if length >= wanted { Ok(()) } else { Err(format!("{length} of {wanted} bytes")) }
        })?;
        let received = std::fs::read(&received)?;
        ensure!(sha256(&received) == sha256(&log), "{} bytes and {} differ", received.len(), log.len());
        ensure!(follow.ended()?.is_none(), "`miyabi logs -f` ended with a link");
        println!("{} bytes over 21 links: SHA-256 {}", log.len(), sha256(&log));
        Ok(())
    })
}
