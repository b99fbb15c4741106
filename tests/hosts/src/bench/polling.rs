//! What is measured beside ours: a stand-in for the orchestrators that look at the files of other hosts every so
//! often, by `ssh HOST cat`. It journals nothing and checks nothing: its time is the polling alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use miyabi_agent_tests::process;
use serde_json::{Value, json};

use super::agent::FileAgent;
use super::{millis, percentile, row};
use crate::lab::Lab;
use crate::laptop::Laptop;

/// How often the ones that people have look.
const EVERY: Duration = Duration::from_secs(2);
const FOLDER: &str = "/tmp/polled";

/// Measures and prints a row.
pub(super) fn measure(lab: &Lab, pairs: usize) -> Result<()> {
    let folders = [lab.mugen.path(FOLDER)?, lab.majin.path(FOLDER)?];
    folders.iter().try_for_each(|folder| crate::files::private_folder(folder))?;
    let agents = [FileAgent::new(&folders[0], "First"), FileAgent::new(&folders[1], "Second")];
    agents.iter().try_for_each(|agent| agent.write("IDLE", None).map(drop))?;
    let is_over = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        let orchestrator = scope.spawn(|| orchestrate(&lab.laptop, &is_over));
        let times = (0..pairs).map(|pair| {
            // An end at any moment between two looks is as likely as any other.
            process::rest(EVERY.mul_f64((pair as f64 + 0.5) / pairs as f64));
            let begun = agents[0].write("COMPLETED", Some(&format!("a-{pair}")))?;
            agents[1].wait("BUSY", Some(&format!("b-{pair}")))?;
            let time = begun.elapsed();
            agents[1].write("IDLE", None)?;
            Ok(time)
        });
        let times: Result<Vec<Duration>> = times.collect();
        is_over.store(true, Ordering::SeqCst);
        orchestrator.join().unwrap_or_else(|_| bail!("the stand-in broke"))?;
        times
    });
    let mut times = times?;
    times.sort_unstable();
    let name = format!("stand-in: ssh HOST cat every {} s", EVERY.as_secs());
    let cells = [50, 99, 100].map(|percent| millis(percentile(&times, percent)));
    println!("  {}", row(&[&[name, times.len().to_string()], &cells[..]].concat()));
    Ok(())
}

fn orchestrate(laptop: &Laptop, is_over: &AtomicBool) -> Result<()> {
    let mut handed_out = String::new();
    while !is_over.load(Ordering::SeqCst) {
        let first = laptop.ssh("mugen", &["cat", &format!("{FOLDER}/agent_First_status.json")])?;
        let first: Value = serde_json::from_str(&first).context("the first agent's file")?;
        let done = first["task_id"].as_str().unwrap_or_default().to_owned();
        if first["status"] == "COMPLETED" && done != handed_out {
            let task = done.replace("a-", "b-");
            let file = json!({ "agent_id": "Second", "task_id": task, "status": "BUSY" });
            let to = format!("{FOLDER}/agent_Second_status.json");
            let line = format!("echo '{file}' > {to}.new && mv {to}.new {to}");
            laptop.ssh("majin", &[&line])?;
            handed_out = done;
        }
        process::rest(EVERY);
    }
    Ok(())
}
