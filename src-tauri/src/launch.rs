//! What the program was started with: `miyabi-desktop [PLAN] [--state-dir D] [--rehearse[=SPEED]]`.
//!
//! A second start of the program reaches the first one as a list of words and a folder, and is
//! read by the same functions.

use std::path::{Path, PathBuf};

use clap::Parser;

/// How fast a rehearsal plays when no speed is named.
const DEFAULT_SPEED: &str = "60";
const SPEEDS: std::ops::RangeInclusive<f64> = 0.1..=100_000.0;

/// The desktop window of Miyabi Orchestra.
///
/// Without a plan it opens the run of the state folder, or the one run that is at work.
#[derive(Debug, Clone, PartialEq, Default, Parser)]
#[command(name = "miyabi-desktop", version)]
pub(crate) struct Launch {
    /// A plan's folder, or a plain `task_queue.json`.
    pub(crate) plan: Option<PathBuf>,
    /// The state folder of the run.
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Rehearse the plan at once, this many times faster than its estimates, unless a run of it is there.
    #[arg(long, value_name = "SPEED", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT_SPEED, value_parser = speed)]
    pub(crate) rehearse: Option<f64>,
}

impl Launch {
    /// Reads the words of another start of the program, its name first. Words that make no sense
    /// ask for nothing: the window is shown all the same.
    pub(crate) fn of_words(words: &[String], folder: &Path) -> Self {
        Self::try_parse_from(words).unwrap_or_default().in_folder(folder)
    }

    /// The same with paths that do not depend on the current folder.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        for path in [&mut self.plan, &mut self.state_dir].into_iter().flatten() {
            *path = folder.join(&*path);
        }
        self
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let refused = || format!("a speed is a number from {} to {}", SPEEDS.start(), SPEEDS.end());
    text.parse().ok().filter(|speed| SPEEDS.contains(speed)).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Launch, clap::error::ErrorKind> {
        let words = std::iter::once("miyabi-desktop").chain(words.iter().copied());
        Launch::try_parse_from(words).map_err(|error| error.kind())
    }

    #[test]
    fn a_rehearsal_plays_at_sixty_times_unless_told_otherwise() {
        assert_eq!(parse(&[]).map(|l| l.rehearse), Ok(None));
        assert_eq!(parse(&["--rehearse"]).map(|l| l.rehearse), Ok(Some(60.0)));
        assert_eq!(parse(&["--rehearse=600"]).map(|l| l.rehearse), Ok(Some(600.0)));
    }

    #[test]
    fn the_plan_after_rehearse_is_not_taken_for_a_speed() {
        let launch = parse(&["--rehearse", "examples/level6"]).expect("reads");
        assert_eq!(launch.plan, Some(PathBuf::from("examples/level6")));
        assert_eq!(launch.rehearse, Some(60.0));
    }

    #[test]
    fn a_speed_that_no_run_can_play_is_refused() {
        for bad in ["0", "-1", "NaN", "inf", "fast", "1e9"] {
            assert!(parse(&[&format!("--rehearse={bad}")]).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_of_a_second_start_are_seen_from_its_folder() {
        let words = ["miyabi-desktop", "plan", "--state-dir", "/tmp/state"].map(str::to_owned);
        let launch = Launch::of_words(&words, Path::new("/home/mei"));
        assert_eq!(launch.plan, Some(PathBuf::from("/home/mei/plan")));
        assert_eq!(launch.state_dir, Some(PathBuf::from("/tmp/state")));
        assert_eq!(Launch::of_words(&["x".into(), "--what".into()], Path::new("/")), Launch::default());
    }
}
