//! What `pytest -v` and `pytest -rA` print, test by test.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use miyabi_protocol::{TestOutcome, TestResult};

use super::{MOST_TESTS, test};

/// Reads the tests; one that is told twice, as by `-v -rA`, counts once, by its last word.
pub(super) fn read(text: &str) -> Vec<TestResult> {
    let mut tests: Vec<TestResult> = Vec::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for (id, outcome) in text.lines().filter_map(told) {
        let (suite, name) = id.split_once("::").unwrap_or(("", id));
        let read = test(suite, name, outcome);
        match places.entry((read.suite.clone(), read.name.clone())) {
            // An error while a test is taken down comes after its good word.
            Entry::Occupied(at) if read.outcome == TestOutcome::Failed => {
                tests[*at.get()].outcome = TestOutcome::Failed;
            }
            Entry::Vacant(place) if tests.len() < MOST_TESTS => {
                place.insert(tests.len());
                tests.push(read);
            }
            // There are too many to tell; one that failed is told all the same.
            Entry::Vacant(place) if read.outcome == TestOutcome::Failed && tests.len() < 2 * MOST_TESTS => {
                place.insert(tests.len());
                tests.push(read);
            }
            Entry::Occupied(_) | Entry::Vacant(_) => {}
        }
    }
    tests
}

/// A line that tells of a test: `a.py::test_x PASSED [ 50%]`, or `PASSED a.py::test_x`.
fn told(line: &str) -> Option<(&str, TestOutcome)> {
    let line = line.trim();
    if let Some((word, rest)) = line.split_once(' ')
        && let Some(outcome) = outcome(word)
    {
        let id = rest.split_once(" - ").map_or(rest, |(id, _)| id).trim();
        return id.contains("::").then_some((id, outcome));
    }
    // The name of a test with parameters may hold spaces; the word stands last, or before the percentage.
    let head = line.rsplit_once(" [").filter(|(_, end)| end.ends_with("%]")).map_or(line, |(head, _)| head);
    let head = head.trim_end();
    let head = head.rsplit_once(" (").filter(|(_, end)| end.ends_with(')')).map_or(head, |(head, _)| head);
    let (id, word) = head.trim_end().rsplit_once(' ')?;
    let id = id.trim();
    outcome(word).filter(|_| id.contains("::")).map(|outcome| (id, outcome))
}

fn outcome(word: &str) -> Option<TestOutcome> {
    Some(match word {
        // A failure that was foreseen is as it should be.
        "PASSED" | "XFAIL" | "XPASS" => TestOutcome::Passed,
        "FAILED" | "ERROR" => TestOutcome::Failed,
        "SKIPPED" => TestOutcome::Skipped,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_behind_very_many_good_ones_is_told() {
        let mut text: String = (0..MOST_TESTS + 3).map(|nth| format!("a.py::test_{nth} PASSED\n")).collect();
        text += "a.py::test_last FAILED\n";
        let read = read(&text);
        assert_eq!(read.last().map(|test| test.outcome), Some(TestOutcome::Failed));
        assert_eq!(read.len(), MOST_TESTS + 1);
    }

    #[test]
    fn both_forms_are_read_and_each_test_counts_once() {
        let text = "tests/a.py::test_one PASSED                     [ 20%]\n\
                    tests/a.py::TestX::test_two[a b] FAILED         [ 40%]\n\
                    tests/a.py::test_three SKIPPED (not here)       [ 60%]\n\
                    tests/a.py::test_four XFAIL (known)             [ 80%]\n\
                    tests/a.py::test_one ERROR                      [100%]\n\
                    =========== short test summary info ===========\n\
                    PASSED tests/a.py::test_one\n\
                    FAILED tests/a.py::TestX::test_two[a b] - assert 1 == 2\n\
                    1 failed, 2 passed in 0.01s\n";
        let read = read(text);
        let told: Vec<_> = read.iter().map(|test| (test.name.as_str(), test.outcome)).collect();
        use TestOutcome::{Failed, Passed, Skipped};
        let expected = [
            ("test_one", Failed),
            ("TestX::test_two[a b]", Failed),
            ("test_three", Skipped),
            ("test_four", Passed),
        ];
        assert_eq!(told, expected);
        assert_eq!(read[0].suite, "tests/a.py");
    }
}
