//! Words for people: durations, causes, phases and reasons.

use miyabi_plan::{Choice, RunPhase, RunnerKind, TaskPhase, TransportKind, WaitReason};
use miyabi_protocol::{CheckResult, TaskStatus, Timestamp};

use crate::model::{HistoryKind, Outcome, TaskReport, TestTally, Verdict};

/// What every line of a rehearsal's list reads.
pub(crate) const NOT_MEASURED: &str = "not measured (rehearsal)";

/// A duration as one says it: `0.4 s`, `1 min 53 s`, `1 h 50 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1} s", seconds.max(0.0)).replace(".0 s", " s");
    }
    let (hours, minutes, rest) = clock_parts(seconds);
    let mut parts = Vec::new();
    if hours > 0 {
        parts.push(format!("{hours} h"));
    }
    if minutes > 0 {
        parts.push(format!("{minutes} min"));
    }
    if rest > 0 || parts.is_empty() {
        parts.push(format!("{rest} s"));
    }
    parts.join(" ")
}

/// A duration at a glance: hours without their seconds.
pub(crate) fn rough(seconds: f64) -> String {
    if seconds < 3600.0 { duration(seconds) } else { duration((seconds / 60.0).round() * 60.0) }
}

/// A moment of the run, in the one format that its length asks for: `0:04.2`, `1:53`, `1:50:00`.
pub(crate) fn moment(seconds: f64, run_seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if run_seconds < 120.0 {
        let tenths = (seconds * 10.0).round() / 10.0;
        let minutes = (tenths / 60.0).floor();
        return format!("{minutes:.0}:{:04.1}", tenths - minutes * 60.0);
    }
    let (hours, minutes, rest) = clock_parts(seconds);
    if run_seconds < 3600.0 {
        format!("{minutes}:{rest:02}")
    } else {
        format!("{hours}:{minutes:02}:{rest:02}")
    }
}

fn clock_parts(seconds: f64) -> (u64, u64, u64) {
    let whole = std::time::Duration::try_from_secs_f64(seconds.round()).unwrap_or_default().as_secs();
    (whole / 3600, whole / 60 % 60, whole % 60)
}

/// A point in time: `2026-11-22 15:34:00 UTC`.
pub(crate) fn time(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
    format!("{} UTC", text.trim_end_matches('Z').replace('T', " "))
}

/// A share: `53 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A speed: `60x`, `2.5x`.
pub(crate) fn times(factor: f64) -> String {
    let text = format!("{factor:.2}");
    format!("{}x", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `1 task`, `2 tasks`.
pub(crate) fn counted(count: u32, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Where a run stands.
pub(crate) fn run_phase(phase: RunPhase) -> &'static str {
    match phase {
        RunPhase::Planned => "not begun",
        RunPhase::Running => "running",
        RunPhase::Paused => "paused",
        RunPhase::Completed => "completed",
        RunPhase::Failed => "failed",
        RunPhase::Stuck => "stuck",
        RunPhase::Cancelled => "cancelled",
    }
}

/// The word in the queue file, with the finer one where it says more.
pub(crate) fn task_status(task: &TaskReport) -> String {
    let word = match task.status {
        TaskStatus::Pending => "PENDING",
        TaskStatus::Ready => "READY",
        TaskStatus::InProgress => "IN_PROGRESS",
        TaskStatus::Completed => "COMPLETED",
        TaskStatus::Failed => "FAILED",
    };
    match task.phase {
        TaskPhase::Cancelled => format!("{word} (cancelled)"),
        TaskPhase::BackOff => format!("{word} (tried again later)"),
        TaskPhase::Offered => format!("{word} (offered)"),
        TaskPhase::Preparing => format!("{word} (its work tree is being made)"),
        TaskPhase::Review => format!("{word} (waits for a person to accept it)"),
        TaskPhase::Checking => format!("{word} (being checked)"),
        TaskPhase::Unverified => format!("{word} (unverified: its host is lost)"),
        _ => word.to_owned(),
    }
}

/// How an attempt ended.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Failed => "failed",
        Outcome::Stopped => "stopped",
        Outcome::Withdrawn => "withdrawn",
        Outcome::Running => "under way",
        Outcome::Offered => "offered",
    }
}

/// A verdict.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "not met",
        Verdict::Open => "not yet",
        Verdict::Figure => "measured",
        Verdict::NotRecorded => "not recorded",
        Verdict::NotMeasured => "not measured",
    }
}

/// How waves and edges were read.
pub(crate) fn choice(choice: Choice) -> &'static str {
    match (choice.follow_waves, choice.drop_conflicting_edges) {
        (false, false) => "by the needs; waves are not barriers",
        (true, false) => "waves as barriers, all needs kept",
        (false, true) => "by the needs, those that conflict with the waves left out",
        (true, true) => "waves as barriers, the needs that conflict with them left out",
    }
}

/// How an agent is run.
pub(crate) fn runner(runner: RunnerKind) -> &'static str {
    match runner {
        RunnerKind::Claude => "Claude Code",
        RunnerKind::Codex => "Codex",
        RunnerKind::Acp => "ACP",
        RunnerKind::Mcp => "MCP",
        RunnerKind::Command => "command",
        RunnerKind::External => "external",
        RunnerKind::Rehearsal => "rehearsal",
    }
}

/// How a host is reached.
pub(crate) fn transport(transport: TransportKind) -> &'static str {
    match transport {
        TransportKind::Local => "local",
        TransportKind::Ssh => "SSH",
        TransportKind::Command => "a command",
    }
}

/// What a line of the history is about.
pub(crate) fn history(kind: HistoryKind) -> &'static str {
    match kind {
        HistoryKind::AutomaticRetry => "retry",
        HistoryKind::WishedRetry => "retry by a person",
        HistoryKind::Reassignment => "reassignment",
        HistoryKind::Stolen => "taken by an idle agent",
        HistoryKind::Withdrawn => "offer withdrawn",
        HistoryKind::Cancelled => "task cancelled",
        HistoryKind::Paused => "pause",
        HistoryKind::Resumed => "resumed",
        HistoryKind::QueueEditUndone => "queue edit undone",
        HistoryKind::LateClaim => "late claim",
        HistoryKind::Drain => "agent kept from work",
        HistoryKind::AgentJoined => "agent joined",
        HistoryKind::Note => "note",
        HistoryKind::StandIn => "stand-in",
        HistoryKind::AccountRests => "rate limit",
        HistoryKind::Approval => "permission",
        HistoryKind::Budget => "budget",
        HistoryKind::Said => "said to an agent",
        HistoryKind::HostLost => "host lost",
        HistoryKind::HostBack => "host back",
        HistoryKind::HostGivenUp => "host given up",
        HistoryKind::AgentMoved => "agent moved",
        HistoryKind::Merged => "merge",
        HistoryKind::Conflict => "conflict",
        HistoryKind::Overlap => "overlap",
        HistoryKind::Review => "review",
        HistoryKind::Verified => "verification",
        HistoryKind::Takeover => "backend took over",
        HistoryKind::Ended => "run ended",
        HistoryKind::Reopened => "run taken up again",
    }
}

/// Why a task does not run.
pub(crate) fn waiting(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Need { tasks } => format!("needs {}", joined(tasks)),
        WaitReason::Agent { agent, task: Some(task) } => format!("{agent} is at {task}"),
        WaitReason::Agent { agent, task: None } => format!("{agent} cannot be given work"),
        WaitReason::Kind { kind } => format!("no agent of kind {kind} is there"),
        WaitReason::Host { host } => format!("{host} cannot be reached"),
        WaitReason::Capacity { host: Some(host), limit } => {
            format!("{host} has its limit of {limit} at work")
        }
        WaitReason::Capacity { host: None, limit } => format!("the run has its limit of {limit} at work"),
        WaitReason::Room { host, of, free_mib, wanted_mib } => {
            format!("{host} has {free_mib} MiB of {} free, and must have {wanted_mib}", of.word())
        }
        WaitReason::Budget => "the budget is used up".to_owned(),
        WaitReason::Approval => "a person has to agree".to_owned(),
        WaitReason::BackOff { attempt, .. } => format!("waits for its next try, number {attempt}"),
        WaitReason::Account { account, .. } => format!("waits for the rate limit of the account {account}"),
        WaitReason::Wave { wave } => format!("wave {wave} has not ended"),
        WaitReason::Merge { tasks } => format!("what {} produced is being merged", joined(tasks)),
        WaitReason::HandOver { host } => format!("what was done before is being fetched from {host}"),
        WaitReason::Pause => "the run is paused".to_owned(),
        WaitReason::Ended => "the run has ended".to_owned(),
    }
}

/// Names with commas between them.
pub(crate) fn joined<T: ToString>(names: &[T]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A command as one would type it: words that a shell would read differently are quoted.
pub(crate) fn command(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let quoted = words.iter().map(|word| match word.is_empty() || !word.chars().all(plain) {
        true => format!("'{}'", word.replace('\'', r"'\''")),
        false => word.clone(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// How a check went: `exit code 0, 1.2 s`; with what was measured where that says more.
pub(crate) fn check_end(check: &CheckResult) -> String {
    let mut ended = ended(check);
    let tally = (!check.tests.is_empty()).then(|| crate::git_figures::tally(&check.tests));
    if check.number.is_some() || tally.is_some() {
        ended = check_measured(check, tally);
        if !check.passed && !check.expected.is_empty() {
            ended.push_str(&format!(", expected {}", check.expected));
        }
    }
    format!("{ended}, {}", duration(f64::from(check.millis) / 1000.0))
}

fn ended(check: &CheckResult) -> String {
    let word = if check.passed { "passed" } else { "failed" };
    if check.ended.is_empty() { word.to_owned() } else { check.ended.clone() }
}

/// What a check measured: a number, tests, or how it ended.
pub(crate) fn check_measured(check: &CheckResult, tally: Option<TestTally>) -> String {
    match (check.number, tally) {
        (_, Some(tally)) => tests(tally),
        (Some(number), None) => grouped(number),
        (None, None) => ended(check),
    }
}

/// `42 of 42 passed`, with what did not.
pub(crate) fn tests(tally: TestTally) -> String {
    let mut text = format!("{} of {} passed", tally.passed, tally.all());
    for (many, word) in [(tally.failed, "failed"), (tally.skipped, "skipped")] {
        if many > 0 {
            text.push_str(&format!(", {many} {word}"));
        }
    }
    text
}

/// A number with a comma between its thousands: `2,174`, `0.5`.
fn grouped(number: f64) -> String {
    let text = number.to_string();
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, String::new()), |(w, f)| (w, format!(".{f}")));
    let digits: Vec<char> = whole.chars().collect();
    let groups: Vec<String> = digits.rchunks(3).rev().map(|group| group.iter().collect()).collect();
    format!("{sign}{}{fraction}", groups.join(","))
}

/// A commit as people name it.
pub(crate) fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// What an untrusted text shows: control characters and those that turn the direction of reading
/// round become visible, so that no text can hide or imitate another; line ends and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            '\u{fffd}'
        }
        _ => c,
    };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// The same on one line.
pub(crate) fn one_line(text: &str) -> String {
    let text = visible(text);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().replace('\t', " ");
    lines.fold(first, |all, line| format!("{all} {}", line.replace('\t', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_one_says_them() {
        let read = |s: f64| duration(s);
        assert_eq!(read(0.0), "0 s");
        assert_eq!(read(0.44), "0.4 s");
        assert_eq!(read(9.97), "10 s");
        assert_eq!(read(113.4), "1 min 53 s");
        assert_eq!(read(6600.0), "1 h 50 min");
        assert_eq!(read(3601.0), "1 h 1 s");
        assert_eq!(read(f64::NAN), "0 s");
    }

    #[test]
    fn moments_of_one_run_have_one_format() {
        assert_eq!(moment(4.24, 100.0), "0:04.2");
        assert_eq!(moment(59.97, 100.0), "1:00.0");
        assert_eq!(moment(65.0, 600.0), "1:05");
        assert_eq!(moment(65.0, 6600.0), "0:01:05");
    }

    #[test]
    fn commands_can_be_typed_again() {
        let words = ["sh", "-c", "echo 'a b' | wc"].map(str::to_owned);
        assert_eq!(command(&words), r"sh -c 'echo '\''a b'\'' | wc'");
    }

    #[test]
    fn hidden_characters_become_visible() {
        assert_eq!(visible("a\u{1b}[31mb\r\nc\u{202e}d"), "a\u{241b}[31mb\nc\u{fffd}d");
        assert_eq!(one_line(" a\n\n b\tc \r\n"), "a b c");
    }
}
