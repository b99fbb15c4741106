//! What a helper costs while nothing happens: how often it wakes up, how much processor time and memory it takes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use miyabi_agent_tests::process::{self, Pid};
use serde_json::{Value, json};

use super::row;
use crate::lab::Lab;
use crate::plan::{Plan, STATE};
use crate::run::Run;

const AGENTS: usize = 20;
const WATCHED: Duration = Duration::from_secs(30);
/// After how long a host counts as lost; probes come three times as often.
const LOST_AFTER: [u32; 2] = [3, 30];

/// Measures with two rates of probes, and prints what is left without any.
pub(super) fn measure(lab: &Lab) -> Result<()> {
    let head = ["", "wake-ups/s", "processor", "RSS", "PSS"];
    println!("  {}", row(&head.map(str::to_owned)));
    let mut rates = Vec::new();
    for lost_after in LOST_AFTER {
        rates.push(with_probes(lab, lost_after)?);
    }
    // Wake-ups are a + b * probes: two points give a, what it does beyond the probes.
    let probes = LOST_AFTER.map(|lost_after| 3.0 / f64::from(lost_after));
    let each = (rates[0] - rates[1]) / (probes[0] - probes[1]);
    // Below nothing is noise.
    let beyond = (rates[1] - each * probes[1]).max(0.0);
    println!("  {each:.1} wake-ups a probe, {beyond:.2} a second beyond the probes");
    Ok(())
}

fn with_probes(lab: &Lab, lost_after: u32) -> Result<f64> {
    let id = |number: usize| format!("CG-{}", number + 1);
    // What keeps the run going is far from MUGEN.
    let task = json!({ "id": "Task-1", "title": "Wait", "prompt": "Wait.", "agent": "Here-1", "needs": [],
        "estimated_seconds": 360_000 });
    let agent =
        |id: String, host| json!({ "id": id, "host": host, "runner": "command", "command": ["true"] });
    let there = (0..AGENTS).map(|number| agent(id(number), "MUGEN"));
    let agents: Vec<Value> = there.chain([agent("Here-1".to_owned(), "local")]).collect();
    let mut plan = Plan::of(&[task], &agents, &[&lab.mugen]);
    plan.config["limits"]["lost_after_seconds"] = json!(lost_after);
    let run = Run::start(&lab.laptop, &plan, &["--rehearse=1", "--on-hosts", "--new"])?;
    run.phase("Task-1", "running")?;
    run.until("all agents are there", |status| {
        let agents = status["agents"].as_array()?;
        agents.iter().all(|agent| agent["status"].is_string()).then_some(())
    })?;
    // What begins with the run is over by then.
    process::rest(Duration::from_secs(5));
    let helper = lab.mugen.helpers()?.first().context("a helper")?.pid;
    let before = Used::of(helper)?;
    process::rest(WATCHED);
    let after = Used::of(helper)?;
    let seconds = WATCHED.as_secs_f64();
    let rate = after.wake_ups_since(&before) as f64 / seconds;
    // The kernel counts in hundredths of a second.
    let processor = (after.ticks - before.ticks) as f64 / seconds;
    let [rss, pss] = [after.rss_kib, after.pss_kib].map(|kib| format!("{:.1} MB", kib as f64 * 1024.0 / 1e6));
    let name = format!("a probe every {:.0} s", f64::from(lost_after) / 3.0);
    println!("  {}", row(&[name, format!("{rate:.2}"), format!("{processor:.2} %"), rss, pss]));
    run.told(&["stop", "--all"])?;
    fs::remove_dir_all(lab.mugen.path(STATE)?)?;
    Ok(rate)
}

/// What a process has used so far.
struct Used {
    /// By thread: those that had nothing to do end by themselves.
    wake_ups: BTreeMap<OsString, u64>,
    ticks: u64,
    rss_kib: u64,
    pss_kib: u64,
}

impl Used {
    fn of(pid: Pid) -> Result<Self> {
        let folder = format!("/proc/{}", pid.as_raw_nonzero());
        let folder = Path::new(&folder);
        let mut wake_ups = BTreeMap::new();
        for thread in fs::read_dir(folder.join("task"))?.flatten() {
            let count = figure(&thread.path().join("status"), "voluntary_ctxt_switches:")?;
            wake_ups.insert(thread.file_name(), count);
        }
        let stat = fs::read_to_string(folder.join("stat"))?;
        // What follows the name, which may hold anything; processor time is in the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
        let ticks =
            fields.get(11..13).context("fields")?.iter().filter_map(|field| field.parse::<u64>().ok());
        Ok(Self {
            wake_ups,
            ticks: ticks.sum(),
            rss_kib: figure(&folder.join("status"), "VmRSS:")?,
            pss_kib: figure(&folder.join("smaps_rollup"), "Pss:")?,
        })
    }
}

impl Used {
    fn wake_ups_since(&self, before: &Self) -> u64 {
        let of =
            |(thread, count): (&OsString, &u64)| count - before.wake_ups.get(thread).copied().unwrap_or(0);
        self.wake_ups.iter().map(of).sum()
    }
}

/// The number behind a name at the beginning of a line.
fn figure(file: &Path, name: &str) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let value =
        text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
    value.with_context(|| format!("{name} in {}", file.display()))
}
