//! What is measured beside ours: a stand-in for the orchestrators that look at the status files
//! every so often. It is this tool's own and does nothing else; it journals nothing and checks
//! nothing, so that its time is the polling alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::agent::FileAgent;
use super::plan::PlanFolder;
use super::wait::rest;

/// How often the ones that people have look.
pub(crate) const EVERY: Duration = Duration::from_secs(2);

/// Hands the plan out until all is done.
pub(crate) fn orchestrate(plan: &PlanFolder, state_dir: &Path, every: Duration) -> Result<()> {
    let agents: Vec<_> = plan.agents.iter().map(|id| (id, FileAgent::new(state_dir, id))).collect();
    for (_, agent) in &agents {
        agent.write("IDLE", None)?;
    }
    let mut handed_out: BTreeSet<&str> = BTreeSet::new();
    let mut completed: BTreeSet<String> = BTreeSet::new();
    while completed.len() < plan.tasks.len() {
        for (_, agent) in &agents {
            let Some(file) = agent.read().filter(|file| file["status"] == "COMPLETED") else { continue };
            completed.extend(file["task_id"].as_str().map(str::to_owned));
            agent.write("IDLE", None)?;
        }
        for (id, agent) in &agents {
            if agent.read().is_none_or(|file| file["status"] != "IDLE") {
                continue;
            }
            let ready = plan.tasks.iter().find(|task| {
                task.agent == **id
                    && !handed_out.contains(task.id.as_str())
                    && task.needs.iter().all(|need| completed.contains(need))
            });
            if let Some(task) = ready {
                handed_out.insert(&task.id);
                agent.write("BUSY", Some(&task.id))?;
            }
        }
        rest(every);
    }
    Ok(())
}
