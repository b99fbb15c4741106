//! Whether what was expected of a check came of it.

pub(crate) mod junit;
mod pytest;

use junit::Stamp;
use miyabi_agents::shown::is_hidden;
use miyabi_plan::{Expect, TestSource};
use miyabi_protocol::{TestOutcome, TestResult};

/// How many tests are told one by one, at most.
const MOST_TESTS: usize = 5_000;
/// How much of a failure's text is kept, in characters.
const LONGEST_MESSAGE: usize = 2_000;
/// How much of a name is kept, in characters.
const LONGEST_NAME: usize = 300;

/// A command that has ended.
pub(crate) struct Ran<'a> {
    /// Its exit code; none where it has none.
    pub(crate) code: Option<i32>,
    /// Why it has none, for people.
    pub(crate) broke: Option<String>,
    /// What it printed.
    pub(crate) stdout: &'a [u8],
    /// Where it ran.
    pub(crate) folder: Option<&'a str>,
    /// The file with the tests' results as it was before.
    pub(crate) before: Option<Stamp>,
}

/// What was found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Why it is not what was expected; none where it is.
    pub(crate) problem: Option<String>,
    /// How it ended, for people.
    pub(crate) ended: String,
    pub(crate) number: Option<f64>,
    pub(crate) expected: String,
    pub(crate) tests: Vec<TestResult>,
}

/// The file to which a check's command writes its tests' results.
pub(crate) fn results_file(expect: &Expect) -> Option<&str> {
    match expect {
        Expect::Tests { source: TestSource::Junit { file }, .. } => Some(file),
        _ => None,
    }
}

/// Compares what came with what was expected.
pub(crate) fn judge(expect: &Expect, ran: &Ran<'_>) -> Found {
    let ended = ran.code.map_or_else(String::new, |code| format!("exit code {code}"));
    let found = match (expect, &ran.broke) {
        (_, Some(broke)) => Found { problem: Some(broke.clone()), ..Found::default() },
        (Expect::Exit { code }, None) => exit(*code, ran.code),
        (Expect::Number { at_least, at_most }, None) => number(*at_least, *at_most, ran),
        (Expect::Tests { source, passed }, None) => tests(source, *passed, ran),
    };
    Found { ended, expected: expected(expect), ..found }
}

fn expected(expect: &Expect) -> String {
    match expect {
        Expect::Exit { code: 0 } | Expect::Number { at_least: None, at_most: None } => String::new(),
        Expect::Exit { code } => format!("exit code {code}"),
        Expect::Number { at_least: Some(low), at_most: Some(high) } if (low - high).abs() < f64::EPSILON => {
            low.to_string()
        }
        Expect::Number { at_least: Some(low), at_most: Some(high) } => format!("{low} to {high}"),
        Expect::Number { at_least: Some(low), at_most: None } => format!("at least {low}"),
        Expect::Number { at_least: None, at_most: Some(high) } => format!("at most {high}"),
        Expect::Tests { passed: Some(count), .. } => format!("{count} passed"),
        Expect::Tests { passed: None, .. } => "all passed".to_owned(),
    }
}

fn exit(wanted: i32, code: Option<i32>) -> Found {
    let problem = (code != Some(wanted)).then(|| match code {
        Some(code) => format!("exit code {code}"),
        None => "no exit code".to_owned(),
    });
    Found { problem, ..Found::default() }
}

fn number(at_least: Option<f64>, at_most: Option<f64>, ran: &Ran<'_>) -> Found {
    if let failed @ Found { problem: Some(_), .. } = exit(0, ran.code) {
        return failed;
    }
    let Some(number) = last_number(&String::from_utf8_lossy(ran.stdout)) else {
        return Found { problem: Some("no number was printed".to_owned()), ..Found::default() };
    };
    let fits = at_least.is_none_or(|low| number >= low) && at_most.is_none_or(|high| number <= high);
    let wanted = expected(&Expect::Number { at_least, at_most });
    let problem = (!fits).then(|| format!("{number} is not {wanted}"));
    Found { problem, number: Some(number), ..Found::default() }
}

/// The last number in a text. Its thousands may be set apart by commas, as in `2,174`.
fn last_number(text: &str) -> Option<f64> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | ',');
    let words = text.split(|c: char| !is_part(c)).rev();
    words.filter_map(|word| number_in(word.trim_matches(['.', ',']))).find(|number| number.is_finite())
}

fn number_in(word: &str) -> Option<f64> {
    let (whole, rest) = word.split_once('.').unwrap_or((word, ""));
    let mut groups = whole.split(',');
    let first = groups.next().is_some_and(|group| (1..=3).contains(&group.trim_start_matches('-').len()));
    if first && whole.contains(',') && groups.all(|group| group.len() == 3) && !rest.contains(',') {
        return word.replace(',', "").parse().ok();
    }
    // A list, as `3,5`: its last number.
    word.rsplit(',').next()?.parse().ok()
}

fn tests(source: &TestSource, wanted: Option<u32>, ran: &Ran<'_>) -> Found {
    let read = match source {
        TestSource::Junit { file } => junit::read(ran.folder, file, ran.before.as_ref()),
        TestSource::Pytest => Ok(pytest::read(&String::from_utf8_lossy(ran.stdout))),
    };
    let tests = match read {
        Ok(tests) => tests,
        Err(problem) => return Found { problem: Some(problem), ..Found::default() },
    };
    let count = |outcome| tests.iter().filter(|test| test.outcome == outcome).count();
    let (passed, failed) = (count(TestOutcome::Passed), count(TestOutcome::Failed));
    let wanted = wanted.map(|wanted| wanted as usize);
    let problem = if failed > 0 {
        Some(format!("{failed} of {} tests failed", tests.len()))
    } else if passed == 0 {
        Some("no test has passed".to_owned())
    } else if let Found { problem: Some(problem), .. } = exit(0, ran.code) {
        // Whoever tests says by the exit code whether it came to its end.
        Some(format!("{problem}, though no test is told to have failed"))
    } else {
        wanted.filter(|wanted| *wanted != passed).map(|wanted| format!("{passed} tests passed, not {wanted}"))
    };
    Found { problem, tests, ..Found::default() }
}

/// A program's text for people, without what a terminal would take as a command.
fn clean(text: &str, most: usize) -> String {
    text.chars().filter(|c| !is_hidden(*c) || *c == '\n').take(most).collect()
}

fn test(suite: &str, name: &str, outcome: TestOutcome) -> TestResult {
    let (suite, name) = (clean(suite, LONGEST_NAME), clean(name, LONGEST_NAME));
    TestResult { suite, name, outcome, seconds: None, message: String::new() }
}

#[cfg(test)]
mod tests_of_expect {
    use super::*;

    fn ran(code: i32, stdout: &str) -> Found {
        found(&Expect::default(), code, stdout)
    }

    fn found(expect: &Expect, code: i32, stdout: &str) -> Found {
        let ran =
            Ran { code: Some(code), broke: None, stdout: stdout.as_bytes(), folder: None, before: None };
        judge(expect, &ran)
    }

    #[test]
    fn an_exit_code_is_as_expected_or_said() {
        assert_eq!(ran(0, "").problem, None);
        assert_eq!(ran(3, "").problem.as_deref(), Some("exit code 3"));
        let two = found(&Expect::Exit { code: 2 }, 2, "");
        assert_eq!((two.problem, two.expected.as_str()), (None, "exit code 2"));
        let broke = Some("killed by signal 9".to_owned());
        let killed = Ran { code: None, broke: broke.clone(), stdout: b"", folder: None, before: None };
        assert_eq!(judge(&Expect::default(), &killed).problem, broke);
    }

    #[test]
    fn thousands_may_be_set_apart() {
        for (text, number) in
            [("2,174 lines", 2174.0), ("-1,234,567.5", -1_234_567.5), ("3,5", 5.0), ("12,34", 34.0)]
        {
            assert_eq!(last_number(text), Some(number), "{text}");
        }
    }

    #[test]
    fn tests_that_did_not_come_to_their_end_do_not_hold() {
        let expect = Expect::Tests { source: TestSource::Pytest, passed: Some(1) };
        let one = "a.py::test_one PASSED\n";
        assert_eq!(found(&expect, 0, one).problem, None);
        let broken = found(&expect, 3, &format!("{one}INTERNALERROR> boom\n")).problem.expect("it broke off");
        assert!(broken.contains("exit code 3"), "{broken}");
        let failed = found(&expect, 1, "a.py::test_one FAILED\n").problem.expect("it failed");
        assert_eq!(failed, "1 of 1 tests failed");
    }

    #[test]
    fn the_last_number_that_is_printed_must_be_within_its_bounds() {
        let bounds = |low, high| Expect::Number { at_least: low, at_most: high };
        let exact = bounds(Some(55.0), Some(55.0));
        assert_eq!(found(&exact, 0, "  55\n").problem, None);
        assert_eq!(found(&exact, 0, "12 files in 55.").number, Some(55.0));
        assert_eq!(found(&exact, 0, "54\n").problem.as_deref(), Some("54 is not 55"));
        assert_eq!(found(&exact, 0, "none\n").problem.as_deref(), Some("no number was printed"));
        assert_eq!(found(&exact, 1, "55\n").problem.as_deref(), Some("exit code 1"));
        let about = found(&bounds(Some(2065.3), Some(2282.7)), 0, "2174");
        assert_eq!((about.problem, about.expected.as_str()), (None, "2065.3 to 2282.7"));
        assert_eq!(
            found(&bounds(None, Some(0.0)), 0, "missing: -0.5 1").problem.as_deref(),
            Some("1 is not at most 0")
        );
    }

    #[test]
    fn tests_that_fail_or_are_too_few_are_counted() {
        let of = |passed| Expect::Tests { source: TestSource::Pytest, passed };
        let good = "a.py::test_x PASSED [ 50%]\na.py::test_y PASSED [100%]\n";
        assert_eq!(found(&of(Some(2)), 0, good).problem, None);
        assert_eq!(found(&of(Some(42)), 0, good).problem.as_deref(), Some("2 tests passed, not 42"));
        assert_eq!(found(&of(None), 5, "").problem.as_deref(), Some("no test has passed"));
        let bad = found(&of(None), 1, "a.py::test_x FAILED [ 50%]\na.py::test_y PASSED [100%]\n");
        assert_eq!(bad.problem.as_deref(), Some("1 of 2 tests failed"));
    }
}
