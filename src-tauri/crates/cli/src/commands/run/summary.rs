//! What `run` leaves on the screen when the run has ended.

use std::fmt::Write as _;

use miyabi_api::RunSnapshot;
use miyabi_plan::TaskPhase;

use crate::text;

/// Done and failed, and time against forecast and against one agent.
pub(super) fn summary(snapshot: &RunSnapshot) -> String {
    let run = &snapshot.run;
    let speed = run.rehearsal_speed;
    let mark = text::mark(run);
    let mut out = format!(
        "\n{mark}{}: {} of {} done, {} failed\n",
        text::run_phase(run.phase),
        run.completed,
        text::count(run.total as usize, "task", "tasks"),
        run.failed
    );
    let took = text::elapsed(snapshot, run.now);
    let planned = |seconds: f64| match speed {
        Some(speed) => {
            format!("{} ({} at {speed}x)", text::duration(seconds / speed), text::duration(seconds))
        }
        None => text::duration(seconds),
    };
    let _ = writeln!(out, "{mark}  time             {}", text::duration(took));
    let _ = writeln!(out, "{mark}  forecast         {}", planned(run.forecast.expected_seconds));
    let _ = writeln!(out, "{mark}  one agent alone  {}", planned(run.forecast.one_agent_seconds));
    let used = text::used(&run.usage);
    if !used.is_empty() {
        let _ = writeln!(out, "{mark}  used             {}", used.trim_start_matches(", "));
    }
    for task in
        snapshot.tasks.iter().filter(|task| matches!(task.phase, TaskPhase::Failed | TaskPhase::Cancelled))
    {
        let error =
            task.error.as_deref().map(|error| format!(": {}", text::short(error, 160))).unwrap_or_default();
        let _ = writeln!(out, "{mark}  {} {}{error}", text::task_glyph(task.phase), task.id);
    }
    for line in &run.stuck {
        let _ = writeln!(out, "{mark}  stuck: {}", text::clean(line));
    }
    if speed.is_some() {
        let _ = writeln!(out, "{mark}nothing was really done: the estimates were played");
    }
    let _ = writeln!(out, "  → miyabi report --state-dir {} -o report.html", run.state_dir);
    out
}

#[cfg(test)]
mod tests {
    use miyabi_plan::RunPhase;

    use super::*;
    use crate::follow::tests::{START, halfway};

    #[test]
    fn a_run_that_failed() {
        let mut run = halfway();
        (run.run.phase, run.run.ended_at) = (RunPhase::Failed, Some(START.plus_seconds(25)));
        insta::assert_snapshot!(summary(&run));
    }
}
