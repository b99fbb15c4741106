//! Words and figures for people.

use miyabi_api::{ApiError, ErrorCode, HostContact, HostView, RunSnapshot, RunView, TaskView, UsageView};
use miyabi_plan::{RunPhase, TaskPhase, Usd, WaitReason};
use miyabi_protocol::Timestamp;
use serde::Serialize;

/// A duration as people say it: `45 s`, `1 min 50 s`, `1 h 50 min`, `2 d 3 h`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".to_owned();
    }
    if seconds > 0.0 && seconds < 9.95 && (seconds - seconds.round()).abs() > 0.05 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.max(0.0).round() as u64;
    let pair = |big: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{big} {unit}"),
        small => format!("{big} {unit} {small} {smaller}"),
    };
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => pair(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => pair(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => pair(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// A clock that counts up: `00:12`, `1:02:03`.
pub(crate) fn clock(seconds: f64) -> String {
    let whole = if seconds.is_finite() { seconds.max(0.0) as u64 } else { 0 };
    let (hours, minutes, seconds) = (whole / 3600, whole % 3600 / 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// A text without anything that a terminal would obey: titles and errors come from plans and
/// agents, and must not move the cursor.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// The first line of a text, cut to a width.
pub(crate) fn short(text: &str, width: usize) -> String {
    let line = clean(text.lines().next().unwrap_or_default());
    if line.chars().count() <= width {
        return line;
    }
    let mut cut: String = line.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// A text in lines of at most this width, broken between words.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut open = String::new();
        for word in clean(line).split_whitespace() {
            if !open.is_empty() && open.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut open));
            }
            if !open.is_empty() {
                open.push(' ');
            }
            open.push_str(word);
        }
        lines.push(open);
    }
    lines
}

/// A count with its noun.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The word for where a run stands.
pub(crate) fn run_phase(phase: RunPhase) -> &'static str {
    match phase {
        RunPhase::Planned => "planned",
        RunPhase::Running => "running",
        RunPhase::Paused => "paused",
        RunPhase::Completed => "completed",
        RunPhase::Failed => "failed",
        RunPhase::Stuck => "stuck",
        RunPhase::Cancelled => "cancelled",
    }
}

/// The word for where a task stands.
pub(crate) fn task_phase(phase: TaskPhase) -> &'static str {
    match phase {
        TaskPhase::Pending => "pending",
        TaskPhase::Ready => "ready",
        TaskPhase::Offered => "offered",
        TaskPhase::Running => "running",
        TaskPhase::Unverified => "unverified",
        TaskPhase::Checking => "checking",
        TaskPhase::Preparing => "preparing",
        TaskPhase::Review => "waits for review",
        TaskPhase::BackOff => "waiting to retry",
        TaskPhase::Completed => "completed",
        TaskPhase::Failed => "failed",
        TaskPhase::Cancelled => "cancelled",
    }
}

/// The sign for where a task stands: they differ in shape, not in colour alone.
pub(crate) fn task_glyph(phase: TaskPhase) -> &'static str {
    match phase {
        TaskPhase::Pending => "·",
        TaskPhase::Ready => "○",
        TaskPhase::Offered => "◔",
        TaskPhase::Running => "▶",
        TaskPhase::Unverified => "?",
        TaskPhase::Checking => "◆",
        TaskPhase::Preparing => "◌",
        TaskPhase::Review => "◎",
        TaskPhase::BackOff => "↻",
        TaskPhase::Completed => "✓",
        TaskPhase::Failed => "✗",
        TaskPhase::Cancelled => "⊘",
    }
}

/// The sign for how contact with a host stands: they differ in shape, not in colour alone.
pub(crate) fn contact_glyph(host: &HostView) -> &'static str {
    match host.contact {
        HostContact::Unknown if host.connected => "●",
        HostContact::Unknown => "·",
        HostContact::Connecting => "◔",
        HostContact::Ready => "●",
        HostContact::Probing => "◍",
        HostContact::Reconnecting => "?",
        HostContact::Refused => "✗",
        HostContact::Gone => "⊘",
    }
}

/// How contact with a host stands, where it is not as it should be; with what is unverified there.
pub(crate) fn contact(host: &HostView, now: Timestamp) -> String {
    let seconds = |millis: i64| duration((millis.max(0) as f64 / 1000.0).round());
    let since = host.contact_since.map(|at| format!(" for {}", seconds(now.millis_since(at))));
    let since = since.unwrap_or_default();
    let next = match host.next_try_at {
        Some(at) if at.millis_since(now) > 0 => format!(", next try in {}", seconds(at.millis_since(now))),
        _ => ", being tried now".to_owned(),
    };
    let standing = match host.contact {
        HostContact::Unknown | HostContact::Ready => String::new(),
        HostContact::Connecting => "is being reached".to_owned(),
        HostContact::Probing => format!("an answer is overdue{since}"),
        HostContact::Reconnecting => format!("link lost{since}{next}"),
        HostContact::Refused if host.question.is_some() => format!("has waited for your answer{since}"),
        HostContact::Refused => format!("turned us away{since}"),
        HostContact::Gone => format!("given up{since}, still looked for{next}"),
    };
    let unverified =
        count(host.unverified as usize, "task there is unverified", "tasks there are unverified");
    match (standing.is_empty(), host.unverified) {
        (_, 0) => standing,
        (true, _) => unverified,
        (false, _) => format!("{standing}; {unverified}"),
    }
}

/// Why a task does not run, in a sentence's words.
pub(crate) fn wait_reason(reason: &WaitReason, now: Timestamp) -> String {
    match reason {
        WaitReason::Need { tasks } => format!("needs {}", list(tasks)),
        WaitReason::Agent { agent, task: Some(task) } => format!("{agent} is at {task}"),
        WaitReason::Agent { agent, task: None } => format!("{agent} cannot take work"),
        WaitReason::Kind { kind } => format!("no agent of kind {kind} is there"),
        WaitReason::Host { host } => format!("host {host} cannot be reached"),
        WaitReason::Capacity { host: Some(host), limit } => format!("{host} runs its {limit} at once"),
        WaitReason::Capacity { host: None, limit } => format!("the run has its {limit} at once"),
        WaitReason::Room { host, of, free_mib, wanted_mib } => {
            format!("{host} has {free_mib} MiB of {} free, and must have {wanted_mib}", of.word())
        }
        WaitReason::Budget => "the budget is used up".to_owned(),
        WaitReason::Approval => "a person has to agree".to_owned(),
        WaitReason::BackOff { until_seconds, attempt } => {
            let left = (until_seconds - now.as_millis() as f64 / 1000.0).max(0.0);
            format!("attempt {attempt} starts in {}", duration(left.ceil()))
        }
        WaitReason::Account { account, until_seconds } => {
            let left = (until_seconds - now.as_millis() as f64 / 1000.0).max(0.0);
            format!("the account {} is at its rate limit for {}", clean(account), duration(left.ceil()))
        }
        WaitReason::Wave { wave } => format!("the run is at wave {wave}"),
        WaitReason::Merge { tasks } => format!("what {} produced is being merged", list(tasks)),
        WaitReason::HandOver { host } => format!("what was done before is being fetched from {host}"),
        WaitReason::Pause => "the run is paused".to_owned(),
        WaitReason::Ended => "the run has ended".to_owned(),
    }
}

/// All reasons of a task in one line.
pub(crate) fn wait_reasons(task: &TaskView, now: Timestamp) -> String {
    let reasons: Vec<String> = task.waiting.iter().map(|reason| wait_reason(reason, now)).collect();
    reasons.join("; ")
}

/// Ids in a row: `a`, `a and b`, `a, b and c`.
pub(crate) fn list<T: std::fmt::Display>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.to_string(),
        [head @ .., last] => {
            let head: Vec<String> = head.iter().map(ToString::to_string).collect();
            format!("{} and {last}", head.join(", "))
        }
    }
}

/// `[rehearsal] ` before every line about a rehearsal, and the plan's own mark, as in
/// `[scripted model] `; nothing before another run's.
pub(crate) fn mark(run: &RunView) -> String {
    let rehearsal = run.rehearsal_speed.map(|_| "[rehearsal] ").unwrap_or_default();
    format!("{rehearsal}{}", label(run.label.as_deref()))
}

/// A plan's own mark before a line.
pub(crate) fn label(label: Option<&str>) -> String {
    label.map(|label| format!("[{}] ", clean(label))).unwrap_or_default()
}

/// `, 12 k tokens read, 3 k written, $0.12`; nothing where nothing is known.
pub(crate) fn used(usage: &UsageView) -> String {
    if usage.input_tokens + usage.output_tokens <= 0.0 {
        return String::new();
    }
    let cost = usage.cost_usd.map(|cost| format!(", {}", usd(cost))).unwrap_or_default();
    format!(", {} tokens read, {} written{cost}", amount(usage.input_tokens), amount(usage.output_tokens))
}

/// A large count as people say it: `950`, `12.3 k`, `4.5 M`.
pub(crate) fn amount(count: f64) -> String {
    match count {
        ..1e3 => format!("{count:.0}"),
        1e3..1e6 => format!("{:.1} k", count / 1e3),
        _ => format!("{:.1} M", count / 1e6),
    }
}

/// The seconds since the run began, until now or its end.
pub(crate) fn elapsed(snapshot: &RunSnapshot, now: Timestamp) -> f64 {
    let run = &snapshot.run;
    let Some(start) = run.started_at else { return 0.0 };
    run.ended_at.unwrap_or(now).millis_since(start).max(0) as f64 / 1000.0
}

/// The plan's seconds as they pass here: a rehearsal is faster.
pub(crate) fn real_seconds(planned: f64, speed: Option<f64>) -> f64 {
    speed.map_or(planned, |speed| planned / speed)
}

/// A value as indented JSON with a final newline.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, ApiError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    Ok(text + "\n")
}

/// A sum of money: `$1.25`, and small sums with more places.
pub(crate) fn usd(dollars: f64) -> String {
    Usd::from_dollars(dollars).to_string()
}

/// A bar of full and empty blocks.
pub(crate) fn bar(progress: f64, width: usize) -> String {
    let filled = (progress.clamp(0.0, 1.0) * width as f64).round() as usize;
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_what_people_say() {
        let said = [
            (0.0, "0 s"),
            (0.4, "0.4 s"),
            (9.0, "9 s"),
            (45.2, "45 s"),
            (60.0, "1 min"),
            (110.0, "1 min 50 s"),
            (6600.0, "1 h 50 min"),
            (5400.0, "1 h 30 min"),
            (14_100.0, "3 h 55 min"),
            (183_600.0, "2 d 3 h"),
            (f64::NAN, "?"),
        ];
        for (seconds, text) in said {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!((clock(72.9).as_str(), clock(3723.0).as_str()), ("01:12", "1:02:03"));
    }

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        assert_eq!(clean("a\u{1b}[2Jb\rc"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(short("long title\nmore", 6), "long …");
        assert_eq!(wrapped("one two three\nfour\u{1b}[2J", 8), ["one two", "three", "four\u{fffd}[2J"]);
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
