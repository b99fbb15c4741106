//! `miyabi checks`: the plan's verification, check by check and test by test.

use std::fmt::Write as _;

use miyabi_api::{ApiError, ErrorCode, RunView, VerificationState, VerificationView};
use miyabi_protocol::{CheckResult, TestOutcome, TestResult};

use crate::args::Checks;
use crate::exit::Exit;
use crate::{terminal, text};

/// How many lines of a failed check's output are shown.
const TAIL: usize = 12;

/// Prints the verification.
pub(crate) async fn checks(args: &Checks) -> Result<Exit, ApiError> {
    let snapshot = args.target.snapshot().await?;
    let Some(verification) = &snapshot.run.verification else {
        return Err(ApiError::new(ErrorCode::BadInput, "the plan of this run has no verification")
            .hint("`verification` in task_dag.json lists what must hold of all the work"));
    };
    let out = if args.output.json { text::json(verification)? } else { render(verification, args.all) };
    terminal::print(&out);
    Ok(match verification.state {
        VerificationState::Failed => Exit::RunFailed,
        VerificationState::Waiting | VerificationState::Running | VerificationState::Passed => Exit::Done,
    })
}

/// The verification in a line, for `miyabi status`.
pub(super) fn line(run: &RunView) -> String {
    let Some(verification) = &run.verification else { return String::new() };
    let planned = verification.planned.len();
    let passed = verification.checks.iter().filter(|check| check.passed).count();
    let standing = match verification.state {
        VerificationState::Waiting => format!("{} to come", text::count(planned, "check", "checks")),
        VerificationState::Running => "is under way".to_owned(),
        VerificationState::Passed => format!("holds, {passed} of {planned}"),
        VerificationState::Failed => format!("does NOT hold, {passed} of {planned}: miyabi checks"),
    };
    format!("verification: {standing}\n")
}

fn render(verification: &VerificationView, all: bool) -> String {
    let word = match verification.state {
        VerificationState::Waiting => "waits until every task is completed",
        VerificationState::Running => "is under way",
        VerificationState::Passed => "holds",
        VerificationState::Failed => "does NOT hold",
    };
    let mut out = format!("the verification {word}\n");
    if let Some(problem) = &verification.problem {
        let _ = writeln!(out, "! {}", text::clean(problem));
    }
    let width =
        verification.planned.iter().map(|name| text::short(name, 40).chars().count()).max().unwrap_or(0);
    for (nth, name) in verification.planned.iter().enumerate() {
        match verification.checks.get(nth) {
            Some(check) => out.push_str(&one(name, width, check, all)),
            None => {
                let _ = writeln!(out, "· {}", text::short(name, 40));
            }
        }
    }
    if verification.state == VerificationState::Failed {
        out.push_str("  → miyabi verify   runs it again, once that is mended\n");
    }
    out
}

fn one(name: &str, width: usize, check: &CheckResult, all: bool) -> String {
    let glyph = if check.passed { "✓" } else { "✗" };
    let took = text::duration(f64::from(check.millis) / 1000.0);
    let name = text::short(name, 40);
    let mut out = format!("{glyph} {name:<width$}  {}  ({took})\n", text::clean(&found(check)));
    let listed = check.tests.iter().filter(|test| all || test.outcome != TestOutcome::Passed);
    for test in listed {
        out.push_str(&of_test(test));
    }
    if !check.passed && check.tests.is_empty() {
        let lines: Vec<&str> = check.tail.lines().collect();
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            let _ = writeln!(out, "    {}", text::short(line, 110));
        }
    }
    out
}

/// What came of it, beside what was expected.
fn found(check: &CheckResult) -> String {
    let expected =
        if check.expected.is_empty() { String::new() } else { format!(", expected {}", check.expected) };
    if !check.tests.is_empty() {
        let count = |outcome| check.tests.iter().filter(|test| test.outcome == outcome).count();
        let (passed, skipped) = (count(TestOutcome::Passed), count(TestOutcome::Skipped));
        let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
        return format!("{passed} of {} tests passed{skipped}{expected}", check.tests.len());
    }
    match check.number {
        Some(number) => format!("{number}{expected}"),
        None => format!("{}{expected}", check.ended),
    }
}

fn of_test(test: &TestResult) -> String {
    let glyph = match test.outcome {
        TestOutcome::Passed => "✓",
        TestOutcome::Failed => "✗",
        TestOutcome::Skipped => "○",
    };
    let took = test.seconds.map(|seconds| format!("  {}", text::duration(seconds))).unwrap_or_default();
    let suite =
        if test.suite.is_empty() { String::new() } else { format!("{}  ", text::short(&test.suite, 60)) };
    let mut out = format!("    {glyph} {suite}{}{took}\n", text::short(&test.name, 80));
    if test.outcome == TestOutcome::Failed {
        for line in test.message.lines().take(TAIL) {
            let _ = writeln!(out, "        {}", text::short(line, 110));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verification() -> VerificationView {
        let test = |name: &str, outcome, message: &str| TestResult {
            suite: "tests.test_app".into(),
            name: name.into(),
            outcome,
            seconds: Some(0.25),
            message: message.into(),
        };
        let checks = vec![
            CheckResult { passed: true, ended: "exit code 0".into(), millis: 1500, ..CheckResult::default() },
            CheckResult {
                number: Some(54.0),
                expected: "55".into(),
                ended: "exit code 0".into(),
                tail: "54\n".into(),
                ..CheckResult::default()
            },
            CheckResult {
                expected: "42 passed".into(),
                tests: vec![
                    test("test_one", TestOutcome::Passed, ""),
                    test("test_two\u{1b}[2J", TestOutcome::Failed, "assert 1 == 2\nno"),
                    test("test_three", TestOutcome::Skipped, ""),
                ],
                ..CheckResult::default()
            },
        ];
        VerificationView {
            state: VerificationState::Failed,
            planned: ["make lint", "files", "tests", "never reached"].map(str::to_owned).to_vec(),
            checks,
            problem: None,
            at: None,
        }
    }

    #[test]
    fn a_table_of_checks_and_of_tests() {
        insta::assert_snapshot!(render(&verification(), false));
        assert!(render(&verification(), true).contains("✓ tests.test_app  test_one"));
    }
}
