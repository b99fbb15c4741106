//! The `rehearsal` runner: plays an attempt's estimate at a chosen speed. It starts no program
//! and writes nothing that could pass for work; every line of its log says so.

use std::time::Duration;

use miyabi_protocol::AttemptSheet;

/// Begins every line of a rehearsal's log.
pub const PREFIX: &str = "[rehearsal]";

/// The shortest time between two reports of progress, in real seconds.
const SHORTEST_BEAT: f64 = 0.25;
/// The most reports of progress in one attempt.
const MOST_BEATS: f64 = 60.0;

/// One moment of a rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// When, in real time since the start of the attempt.
    pub after: Duration,
    /// How far the attempt is then, from 0 to 1.
    pub progress: f64,
    /// A line for the log, beginning with [`PREFIX`].
    pub line: Option<String>,
}

/// All moments of a rehearsal in their order; the last one has progress 1. The same sheet and
/// speed give the same moments.
#[must_use]
pub fn schedule(sheet: &AttemptSheet, speed: f64) -> Vec<Beat> {
    let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
    let seconds = (f64::from(sheet.estimated_seconds) / speed).clamp(0.0, 1e7);
    let beat = |progress: f64, line: Option<String>| Beat {
        after: Duration::from_secs_f64(seconds * progress),
        progress,
        line,
    };
    let mut beats: Vec<Beat> = spoken(sheet).into_iter().map(|(at, line)| beat(at, Some(line))).collect();
    let count = (seconds / SHORTEST_BEAT).floor().min(MOST_BEATS);
    let mut number = 1.0;
    while number < count {
        beats.push(beat(number / count, None));
        number += 1.0;
    }
    beats.sort_by(|a, b| a.progress.total_cmp(&b.progress));
    beats
}

/// The lines, each with the share of the attempt at which it is said.
fn spoken(sheet: &AttemptSheet) -> Vec<(f64, String)> {
    let say = |text: String| format!("{PREFIX} {text}");
    let module = if sheet.module.is_empty() { "the work" } else { &sheet.module };
    let steps = steps(sheet, module);
    let count = steps.len();
    let mut lines = vec![
        (0.0, say(format!("{} {}: reading the prompt", sheet.attempt, sheet.title))),
        (0.06, say(format!("planning {module} in {count} steps"))),
    ];
    let mut share = 0.0;
    let total: f64 = steps.iter().map(|(weight, _)| weight).sum();
    for (number, (weight, text)) in steps.into_iter().enumerate() {
        lines.push((0.12 + 0.76 * share / total, say(format!("step {} of {count}: {text}", number + 1))));
        share += weight;
    }
    lines.push((0.9, say("looking over the result".to_owned())));
    lines.push((1.0, say(format!("{} is played to its end; nothing was written", sheet.attempt))));
    lines
}

/// What the attempt would do, with unlike weights, so that fifteen agents do not march in step.
fn steps(sheet: &AttemptSheet, module: &str) -> Vec<(f64, String)> {
    const VERBS: [&str; 5] = ["sketching", "writing", "connecting", "trying", "tidying"];
    let mut texts: Vec<String> =
        sheet.outputs.iter().take(6).map(|output| format!("would write {output}")).collect();
    let wanted = 4 + usize::try_from(spread(&sheet.attempt.to_string()) % 4).unwrap_or(0);
    for number in texts.len()..wanted {
        texts.push(format!("{} {module}", VERBS[number % VERBS.len()]));
    }
    let weigh = |(number, text): (usize, String)| {
        let spread = spread(&format!("{}/{number}", sheet.attempt)) % 100;
        (1.0 + f64::from(u8::try_from(spread).unwrap_or(0)) / 100.0, text)
    };
    texts.into_iter().enumerate().map(weigh).collect()
}

/// A number that looks random and is the same every time (FNV-1a).
fn spread(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        >> 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_protocol::{RunnerSpec, Timestamp};
    use proptest::prelude::*;

    fn sheet(seconds: u32) -> AttemptSheet {
        AttemptSheet {
            run_id: "r1".into(),
            attempt: "Task-2.1".parse().expect("valid"),
            agent: "CG-1".parse().expect("valid"),
            host: "local".into(),
            title: "Core".into(),
            prompt: String::new(),
            module: "core".into(),
            work_folder: None,
            outputs: vec!["app/core.py".into()],
            acceptance: Vec::new(),
            runner: RunnerSpec::Rehearsal { speed: 60.0 },
            estimated_seconds: seconds,
            assigned_at: Timestamp::default(),
            tree: None,
        }
    }

    #[test]
    fn the_estimate_is_played_at_the_speed_and_every_line_says_what_it_is() {
        let beats = schedule(&sheet(600), 60.0);
        let last = beats.last().expect("beats");
        assert_eq!((last.after, last.progress), (Duration::from_secs(10), 1.0));
        assert!(beats.windows(2).all(|pair| pair[0].progress <= pair[1].progress));
        let lines: Vec<_> = beats.iter().filter_map(|beat| beat.line.clone()).collect();
        assert!(lines.len() >= 6 && lines.iter().all(|line| line.starts_with("[rehearsal] ")), "{lines:#?}");
        assert!(lines.iter().any(|line| line.contains("step 1 of")), "{lines:#?}");
        assert_eq!(beats, schedule(&sheet(600), 60.0));
    }

    proptest! {
        #[test]
        fn any_speed_gives_a_schedule_that_ends(seconds in any::<u32>(), speed in any::<f64>()) {
            let beats = schedule(&sheet(seconds), speed);
            prop_assert!(beats.len() < 100);
            prop_assert_eq!(beats.last().map(|beat| beat.progress), Some(1.0));
        }
    }
}
