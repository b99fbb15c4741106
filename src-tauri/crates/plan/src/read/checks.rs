//! Checks: what they may expect, and what they mean.

use serde::Serialize;
use serde_json::Value;

use crate::finding::Place;
use crate::git::{Expect, TestSource};
use crate::model::Check;
use crate::read::report::Report;
use crate::read::source::Step;
use crate::schema::{CheckEntry, DEFAULT_CHECK_SECONDS, LimitedCheckEntry, NumberEntry, TestsEntry};

/// Looks at one check, which was written as `raw`. `whose` begins the sentence about a command without a program.
pub(crate) fn check(
    whose: &str,
    (entry, raw): (&CheckEntry, &Value),
    place: &dyn Fn(&[Step<'_>]) -> Place,
    report: &mut Report,
) {
    if entry.run().first().is_none_or(|program| program.trim().is_empty()) {
        let message = format!("{whose} without a program.");
        let remedy = "Write the program and its arguments, as in `[\"make\", \"test\"]`.";
        report.error("empty-command", place(&[]), message, remedy);
    }
    let CheckEntry::Limited(limited) = entry else { return };
    one_expectation(limited, place, report);
    if let Some(number) = &limited.number
        && is_whole(&raw["number"], number)
        && let Err((message, remedy)) = bounds(number)
    {
        report.error("bad-number", place(&[Step::Key("number")]), message, remedy);
    }
    if let Some(tests) = limited.tests.as_ref().filter(|tests| is_whole(&raw["tests"], tests)) {
        check_tests(tests, place, report);
    }
}

/// Whether everything that was written could be used: what could not is told already.
fn is_whole(raw: &Value, entry: &impl Serialize) -> bool {
    let used = serde_json::to_value(entry).unwrap_or_default();
    let keys = |value: &Value| value.as_object().map(serde_json::Map::len);
    keys(raw) == keys(&used)
}

fn one_expectation(limited: &LimitedCheckEntry, place: &dyn Fn(&[Step<'_>]) -> Place, report: &mut Report) {
    let (message, remedy, key) = match (&limited.number, &limited.tests, limited.exit_code) {
        (Some(_), Some(_), _) => {
            ("The check expects a number and tests.", "Make two checks of it, or remove one.", "tests")
        }
        (Some(_), None, Some(code)) if code != 0 => (
            "The check expects a number and another exit code than 0: a number counts with exit code 0 alone.",
            "Remove `exit_code`, or make two checks of it.",
            "exit_code",
        ),
        (None, Some(_), Some(_)) => (
            "The check expects tests and an exit code: where tests are told, the exit code is not looked at.",
            "Remove `exit_code`.",
            "exit_code",
        ),
        _ => return,
    };
    report.error("two-expectations", place(&[Step::Key(key)]), message, remedy);
}

fn check_tests(tests: &TestsEntry, place: &dyn Fn(&[Step<'_>]) -> Place, report: &mut Report) {
    let here = |rest: &[Step<'_>]| place(&[&[Step::Key("tests")], rest].concat());
    match (&tests.junit, tests.pytest) {
        (Some(_), Some(true)) => {
            let message = "The tests are told twice, by a JUnit file and by pytest.";
            report.error("bad-tests", here(&[Step::Key("pytest")]), message, "Remove one of the two.");
        }
        (None, None | Some(false)) => {
            let message = "It is not said where the tests are told.";
            let remedy =
                "Write `\"junit\": \"report.xml\"`, the file that the command writes, or `\"pytest\": true`.";
            report.error("bad-tests", here(&[]), message, remedy);
        }
        _ => {}
    }
    if let Some(problem) = tests.junit.as_deref().and_then(|path| bad_path(path, "junit")) {
        let remedy = "Name a file below the work folder, as in `junit.xml`.";
        report.error("bad-path", here(&[Step::Key("junit")]), problem, remedy);
    }
}

/// Why a path is not one of a file below the work folder, as the sentence of a finding.
pub(crate) fn bad_path(path: &str, key: &str) -> Option<String> {
    let mut parts = path.split('/');
    if path.trim().is_empty() {
        return Some(format!("A path of `{key}` is empty."));
    }
    if path.chars().any(char::is_control) {
        return Some(format!("A path of `{key}` is not one line of text."));
    }
    if path.starts_with(['/', '~']) || path.contains('\\') || parts.clone().any(|part| part == "..") {
        return Some(format!("`{path}` leads out of the work folder."));
    }
    if parts.all(|part| part.is_empty() || part == ".") || path.ends_with('/') {
        return Some(format!("`{path}` is no file."));
    }
    None
}

/// Lower and upper bound.
type Bounds = (Option<f64>, Option<f64>);

/// The bounds; or what is wrong with them, and the remedy.
fn bounds(number: &NumberEntry) -> Result<Bounds, (String, &'static str)> {
    let NumberEntry { equals, about, within_percent, at_least, at_most } = *number;
    let remedy = "Write `equals`; or `about` and `within_percent`; or `at_least`, `at_most` or both.";
    let wrong = |message: &str| Err((message.to_owned(), remedy));
    let ways = [equals.is_some(), about.or(within_percent).is_some(), at_least.or(at_most).is_some()];
    match ways.into_iter().filter(|used| *used).count() {
        0 => return wrong("It is not said what the number must be."),
        1 => {}
        _ => return wrong("The number is bounded in two ways."),
    }
    if let Some(exactly) = equals {
        return Ok((Some(exactly), Some(exactly)));
    }
    match (about, within_percent) {
        (Some(_), None) => return wrong("It is not said how near the number must be."),
        (None, Some(_)) => return wrong("It is not said what the number must be near to."),
        (Some(_), Some(percent)) if percent < 0.0 => {
            let message = format!("`within_percent` is {percent}, less than nothing.");
            return Err((message, "Write how far it may be off, as in 5."));
        }
        (Some(about), Some(percent)) => {
            let off = about.abs() * percent / 100.0;
            return Ok((Some(about - off), Some(about + off)));
        }
        (None, None) => {}
    }
    match (at_least, at_most) {
        (Some(least), Some(most)) if least > most => {
            let message = format!("No number is at least {least} and at most {most}.");
            Err((message, "Exchange the two, or remove one."))
        }
        both => Ok(both),
    }
}

/// What a check means. One that was refused gets some expectation: its plan is not run.
pub(crate) fn build(entry: &CheckEntry) -> Check {
    let limited = match entry {
        CheckEntry::Words(run) => return Check::command(run.clone(), DEFAULT_CHECK_SECONDS),
        CheckEntry::Limited(limited) => limited,
    };
    Check {
        name: limited.name.clone().unwrap_or_default(),
        run: limited.run.clone(),
        time_limit_seconds: limited.time_limit_seconds.unwrap_or(DEFAULT_CHECK_SECONDS),
        expect: expect(limited),
    }
}

fn expect(limited: &LimitedCheckEntry) -> Expect {
    if let Some(number) = &limited.number {
        let (at_least, at_most) = bounds(number).unwrap_or_default();
        return Expect::Number { at_least, at_most };
    }
    if let Some(tests) = &limited.tests {
        let source = match &tests.junit {
            Some(file) => TestSource::Junit { file: file.clone() },
            None => TestSource::Pytest,
        };
        return Expect::Tests { source, passed: tests.passed };
    }
    // At most 255, so it fits.
    Expect::Exit { code: limited.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or_default() }
}
