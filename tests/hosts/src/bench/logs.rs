//! How fast a log comes from a host to a client of the backend, beside `ssh HOST cat` of the same file.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process::Guarded;
use serde_json::json;

use super::row;
use crate::lab::Lab;
use crate::plan::{Plan, STATE};
use crate::run::Run;

const MIB: usize = 1024 * 1024;
const LOG: &str = "logs/agent_CG-1.log";

/// Measures and prints.
pub(super) fn measure(lab: &Lab) -> Result<()> {
    let task = json!({ "id": "Task-1", "title": "Wait", "prompt": "Wait.", "agent": "CG-1", "needs": [],
        "estimated_seconds": 3600 });
    let agent = json!({ "id": "CG-1", "host": "MUGEN", "runner": "command", "command": ["sleep", "3600"] });
    let run = Run::start(&lab.laptop, &Plan::of(&[task], &[agent], &[&lab.mugen]), &["--new"])?;
    run.phase("Task-1", "running")?;
    let path = lab.mugen.path(&format!("{STATE}/{LOG}"))?;
    let mut log = std::fs::OpenOptions::new().append(true).open(&path)?;
    let line =
        b"a line of a log that comes from another host, as long as most of them are, or so it is said..\n";
    let block: Vec<u8> = line.iter().copied().cycle().take(MIB).collect();
    // As much as /tmp takes, with room for the rest.
    let wanted = lab.tmp_mib().saturating_sub(24);
    for _ in 0..wanted {
        log.write_all(&block)?;
    }
    let bytes = usize::try_from(log.metadata()?.len())?;
    println!("  {}", row(&["", "MiB", "MB/s", "MB/s", "MB/s"].map(str::to_owned)));
    let follow = || run.command(&["logs", "-f", "CG-1"]);
    let cat = || {
        let mut line = lab.laptop.ssh_command("mugen");
        line.arg("cat").arg(format!("{STATE}/{LOG}"));
        Ok(line)
    };
    print("miyabi logs -f", bytes, follow)?;
    print("ssh mugen cat", bytes, cat)?;
    run.told(&["stop", "--all"])?;
    std::fs::remove_dir_all(lab.mugen.path(STATE)?)?;
    Ok(())
}

fn print(name: &str, bytes: usize, line: impl Fn() -> Result<Command>) -> Result<()> {
    let mut cells = vec![name.to_owned(), (bytes / MIB).to_string()];
    for _ in 0..3 {
        cells.push(format!("{:.0}", speed(&mut line()?, bytes)?));
    }
    println!("  {}", row(&cells));
    Ok(())
}

/// Megabytes a second until so many bytes came.
fn speed(line: &mut Command, bytes: usize) -> Result<f64> {
    let begun = Instant::now();
    let mut program = Guarded::start(line.stdout(Stdio::piped()))?;
    let mut output = program.output().context("a pipe")?;
    let (mut buffer, mut count) = (vec![0; MIB], 0);
    while count < bytes {
        let length = output.read(&mut buffer)?;
        ensure!(length > 0, "it ended after {count} of {bytes} bytes");
        count += length;
    }
    Ok(bytes as f64 / 1e6 / begun.elapsed().as_secs_f64())
}
