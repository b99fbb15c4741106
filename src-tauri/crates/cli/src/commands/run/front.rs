//! What `run` shows while it stays in front: a bar, lines, or JSON.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use miyabi_api::{Event, RunSnapshot};
use miyabi_client::now;
use miyabi_plan::TaskPhase;
use serde::Serialize;

use super::summary;
use crate::args::Output;
use crate::{terminal, text};

/// The bar's fineness.
const STEPS: u64 = 1000;

/// How a run is shown.
pub(in crate::commands) enum Front {
    /// A progress bar on a terminal; failures stay above it.
    Bar(ProgressBar),
    /// A line a transition.
    Lines,
    /// A JSON object a line.
    Json,
}

/// The first line of the JSON stream, and the one after each reconnection.
#[derive(Serialize)]
struct Whole<'a> {
    event: &'static str,
    value: &'a RunSnapshot,
}

impl Front {
    /// What fits where the output goes.
    pub(in crate::commands) fn choose(output: Output) -> Self {
        if output.json {
            return Self::Json;
        }
        if !(std::io::stdout().is_terminal() && std::io::stderr().is_terminal()) {
            return Self::Lines;
        }
        let style = ProgressStyle::with_template("{prefix}{bar:28.green/dim} {wide_msg}");
        let bar = ProgressBar::new(STEPS);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▉▊▋▌▍▎▏░"));
        Self::Bar(bar)
    }

    /// The run as it is when following begins.
    pub(super) fn whole(&mut self, snapshot: &RunSnapshot) {
        match self {
            Self::Json => json_line(&Whole { event: "snapshot", value: snapshot }),
            Self::Lines => {
                let run = &snapshot.run;
                println!(
                    "{}run {} in {}, {}/{} done",
                    text::mark(run),
                    run.run_id,
                    run.state_dir,
                    run.completed,
                    run.total
                );
            }
            Self::Bar(_) => self.tick(snapshot),
        }
    }

    /// Something changed.
    pub(super) fn event(&mut self, snapshot: &RunSnapshot, event: &Event, lines: &[String]) {
        match self {
            Self::Json => json_line(event),
            Self::Lines => lines.iter().for_each(|line| println!("{}", text::clean(line))),
            Self::Bar(bar) => {
                // What went well is in the bar; what did not stays to be read.
                let done = [TaskPhase::Running, TaskPhase::Completed].map(text::task_glyph);
                for line in lines.iter().filter(|line| !done.iter().any(|glyph| line.contains(glyph))) {
                    bar.println(text::clean(line));
                }
                self.tick(snapshot);
            }
        }
    }

    /// A second has passed.
    pub(super) fn tick(&mut self, snapshot: &RunSnapshot) {
        let Self::Bar(bar) = self else { return };
        let run = &snapshot.run;
        bar.set_prefix(text::mark(run));
        bar.set_position((run.progress.clamp(0.0, 1.0) * STEPS as f64) as u64);
        bar.set_message(message(snapshot));
    }

    /// Something to say that is no event of the run.
    pub(super) fn say(&mut self, line: &str) {
        match self {
            Self::Bar(bar) => bar.println(line),
            Self::Lines | Self::Json => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub(super) fn leave(&mut self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }

    /// The run has ended.
    pub(super) fn end(&mut self, snapshot: &RunSnapshot) {
        match self {
            Self::Bar(bar) => bar.finish_and_clear(),
            Self::Json => return,
            Self::Lines => {}
        }
        terminal::print(&summary::summary(snapshot));
    }
}

fn json_line<T: Serialize>(value: &T) {
    if let Ok(line) = serde_json::to_string(value) {
        terminal::print(&(line + "\n"));
    }
}

/// `7/15 · 00:12 of 1 min 50 s · CG-1 CG-2`.
fn message(snapshot: &RunSnapshot) -> String {
    let run = &snapshot.run;
    let expected = text::real_seconds(run.forecast.expected_seconds, run.rehearsal_speed);
    let working: Vec<&str> = snapshot
        .tasks
        .iter()
        .filter(|task| matches!(task.phase, TaskPhase::Running | TaskPhase::Checking))
        .map(|task| task.agent.as_str())
        .collect();
    let failed = if run.failed > 0 { format!(" · {} failed", run.failed) } else { String::new() };
    let phase = if run.phase == miyabi_plan::RunPhase::Paused { " · paused" } else { "" };
    format!(
        "{}/{}{failed}{phase} · {} of {} · {}",
        run.completed,
        run.total,
        text::clock(text::elapsed(snapshot, now())),
        text::duration(expected),
        working.join(" ")
    )
}
