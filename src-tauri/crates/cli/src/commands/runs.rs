//! `miyabi runs`: all runs, the newest first.

use std::fmt::Write as _;

use miyabi_api::{ApiError, RunSummary};
use miyabi_client::{Environment, Service};

use crate::args::Output;
use crate::exit::Exit;
use crate::{terminal, text};

/// Lists the runs.
pub(crate) async fn runs(output: Output) -> Result<Exit, ApiError> {
    let runs = Service::new(Environment::from_process()?).runs().await?;
    terminal::print(&if output.json { text::json(&runs)? } else { table(&runs) });
    Ok(Exit::Done)
}

fn table(runs: &[RunSummary]) -> String {
    if runs.is_empty() {
        return "no runs yet\n  → miyabi run PLAN --rehearse   plays one\n".to_owned();
    }
    let mut out = format!("  {:<20}  {:<9}  {:>7}  {:<30}  PLAN\n", "RUN", "PHASE", "DONE", "STATE FOLDER");
    for run in runs {
        let alive = if run.alive { "▶" } else { " " };
        let done = format!("{}/{}", run.completed, run.total);
        let (phase, title) = (text::run_phase(run.phase), text::short(&run.title, 60));
        let rehearsal = run.rehearsal_speed.map(|_| "[rehearsal] ").unwrap_or_default();
        let mark = format!("{rehearsal}{}", text::label(run.label.as_deref()));
        let _ = writeln!(
            out,
            "{alive} {:<20}  {phase:<9}  {done:>7}  {:<30}  {mark}{title}",
            run.run_id, run.state_dir
        );
    }
    out.push_str("▶ its backend is at work\n");
    out
}

#[cfg(test)]
mod tests {
    use miyabi_plan::RunPhase;
    use miyabi_protocol::Timestamp;

    use super::*;

    #[test]
    fn a_list_of_runs() {
        let run = |id: &str, phase, completed, rehearsal_speed, alive| RunSummary {
            run_id: id.to_owned(),
            title: "A web framework".to_owned(),
            state_dir: "/tmp/miyabi-level6".to_owned(),
            created_at: Timestamp::from_millis(0),
            phase,
            completed,
            total: 15,
            label: None,
            rehearsal_speed,
            alive,
        };
        insta::assert_snapshot!(table(&[
            run("20261122-153400-4f2a", RunPhase::Running, 3, Some(60.0), true),
            run("20261121-090000-00aa", RunPhase::Completed, 15, None, false),
        ]));
    }
}
