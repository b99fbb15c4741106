//! Steps of a longer task: a line before and after each with the time it took, and a table at the
//! end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How many things a step looked at, and how many of them were not as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Counts {
    /// A step that is one check.
    pub(crate) const ONE: Self = Self { passed: 1, failed: 0 };
}

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Done {
    name: String,
    took: Duration,
    counts: Counts,
    error: Option<String>,
}

/// Steps, some of them done.
#[derive(Debug)]
pub(crate) struct Steps {
    total: usize,
    begun: Instant,
    done: Vec<Done>,
}

impl Steps {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, begun: Instant::now(), done: Vec::new() }
    }

    /// Carries out one step and says on the screen what it is and how long it took.
    pub(crate) fn step(&mut self, name: &str, about: &str, work: impl FnOnce() -> Result<Counts>) -> bool {
        println!("==> [{}/{}] {name}: {about}", self.done.len() + 1, self.total);
        let begun = Instant::now();
        let result = work();
        let took = begun.elapsed();
        let (counts, error) = match result {
            Ok(counts) if counts.failed == 0 => (counts, None),
            Ok(counts) => (counts, Some(format!("{} failed", counts.failed))),
            Err(error) => (Counts { passed: 0, failed: 1 }, Some(format!("{error:#}"))),
        };
        match &error {
            None => println!("    {name}: done in {}\n", seconds(took)),
            Some(error) => println!("    {name}: FAILED after {}: {error}\n", seconds(took)),
        }
        let held = error.is_none();
        self.done.push(Done { name: name.to_owned(), took, counts, error });
        held
    }

    /// The sum over all steps.
    pub(crate) fn counts(&self) -> Counts {
        let sum = |part: fn(&Counts) -> u32| self.done.iter().map(|done| part(&done.counts)).sum();
        Counts { passed: sum(|counts| counts.passed), failed: sum(|counts| counts.failed) }
    }

    /// A line a step, with its time; the steps that were not reached are named too.
    pub(crate) fn table(&self, all: &[&str]) -> String {
        let mut text = String::new();
        let mut line = |name: &str, result: &str, time: &str, counts: &str| {
            let _ = writeln!(text, "  {name:<12} {result:<8} {time:>9} {counts:>16}");
        };
        line("step", "result", "time", "checks");
        for done in &self.done {
            let result = if done.error.is_none() { "passed" } else { "FAILED" };
            let counts = match done.counts {
                Counts { passed, failed: 0 } => passed.to_string(),
                Counts { passed, failed } => format!("{passed} + {failed} failed"),
            };
            line(&done.name, result, &seconds(done.took), &counts);
        }
        for name in all.iter().filter(|name| !self.done.iter().any(|done| done.name == **name)) {
            line(name, "not run", "", "");
        }
        line("", "", &seconds(self.begun.elapsed()), "");
        text
    }

    /// How long it has been since the first step.
    pub(crate) fn elapsed(&self) -> String {
        seconds(self.begun.elapsed())
    }
}

/// A time for people: `0.4 s`, `12.0 s`, `3 min 07 s`.
pub(crate) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(60) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_is_counted_and_the_ones_behind_it_are_named() {
        let mut steps = Steps::new(3);
        assert!(steps.step("one", "good", || Ok(Counts { passed: 7, failed: 0 })));
        assert!(!steps.step("two", "bad", || anyhow::bail!("broken")));
        assert_eq!(steps.counts(), Counts { passed: 7, failed: 1 });
        let table = steps.table(&["one", "two", "three"]);
        assert!(table.contains("two          FAILED"), "{table}");
        assert!(table.contains("three        not run"), "{table}");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(187)), "3 min 07 s");
    }
}
