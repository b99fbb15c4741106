//! Why Codex could not work, from what it says: the kinds of error that `app-server` names, the HTTP
//! status within a message, and at last its words.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use miyabi_plan::FailureCause;
use miyabi_protocol::Timestamp;
use serde_json::Value;

use crate::event::Failed;

use super::shortened;

/// The longest time that a message can put off the next try, in milliseconds: what is longer is a
/// mistake.
const MAX_WAIT_MILLIS: f64 = 366.0 * 24.0 * 3600.0 * 1000.0;

/// A failure that Codex told in words. `zone` is the one of the host where Codex runs, because it
/// tells the end of a limit in local time.
pub(super) fn told(message: &str, now: Timestamp, zone: &TimeZone) -> Failed {
    classified(cause_of(message), message, now, zone)
}

/// A failure that `app-server` told, with its name for the kind of error.
pub(super) fn named(error: &Value, now: Timestamp, zone: &TimeZone) -> Failed {
    let message = super::text(error, "message");
    let kind = error.get("codexErrorInfo").unwrap_or(&Value::Null);
    let mut failed = classified(cause_of_kind(kind).unwrap_or_else(|| cause_of(message)), message, now, zone);
    if failed.message.is_empty() {
        "Codex gave no reason.".clone_into(&mut failed.message);
    }
    failed
}

fn classified(cause: FailureCause, message: &str, now: Timestamp, zone: &TimeZone) -> Failed {
    let until = if cause == FailureCause::RateLimited { until(message, now, zone) } else { None };
    Failed { cause, message: shortened(message), until }
}

fn cause_of_kind(kind: &Value) -> Option<FailureCause> {
    let (name, status) = match kind {
        Value::String(name) => (name.as_str(), None),
        Value::Object(object) => {
            let (name, detail) = object.iter().next()?;
            (name.as_str(), detail.get("httpStatusCode").and_then(Value::as_u64))
        }
        _ => return None,
    };
    match name {
        "contextWindowExceeded" => Some(FailureCause::ContextLimit),
        "usageLimitExceeded" | "rateLimitExceeded" => Some(FailureCause::RateLimited),
        "unauthorized" => Some(FailureCause::NotLoggedIn),
        "tooManyDenials" => Some(FailureCause::PermissionRefused),
        "serverOverloaded" | "internalServerError" | "flexUnavailable" | "policyCapacityUnavailable" => {
            Some(FailureCause::ProviderDown)
        }
        "httpConnectionFailed"
        | "responseStreamConnectionFailed"
        | "responseStreamDisconnected"
        | "responseTooManyFailedAttempts" => Some(match status {
            Some(status) => cause_of_status(status)?,
            None => FailureCause::ProviderDown,
        }),
        _ => None,
    }
}

const fn cause_of_status(status: u64) -> Option<FailureCause> {
    match status {
        401 | 403 => Some(FailureCause::NotLoggedIn),
        429 => Some(FailureCause::RateLimited),
        408 | 500..=599 => Some(FailureCause::ProviderDown),
        _ => None,
    }
}

/// What stands in a message, by its cause; the first that fits decides.
const WORDS: [(FailureCause, &[&str]); 4] = [
    (
        FailureCause::ContextLimit,
        &[
            "context window",
            "context_length",
            "out of room in the model",
            "maximum context",
            "input exceeds the maximum length",
        ],
    ),
    (
        FailureCause::RateLimited,
        &["usage limit", "rate limit", "quota exceeded", "exceeded your current quota", "too many requests"],
    ),
    (
        FailureCause::NotLoggedIn,
        &[
            "not logged in",
            "log in again",
            "missing environment variable",
            "incorrect api key",
            "invalid api key",
            "unauthorized",
            "refresh token",
            "access token",
            "token data is not available",
        ],
    ),
    (
        FailureCause::ProviderDown,
        &[
            "high demand",
            "at capacity",
            "overloaded",
            "stream disconnected",
            "stream closed",
            "connection failed",
            "connection refused",
            "error sending request",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "timed out",
            "timeout waiting",
            "dns error",
        ],
    ),
];

/// What a message in which Codex gave up means.
pub(super) fn cause_of(message: &str) -> FailureCause {
    status_in(message)
        .and_then(cause_of_status)
        .or_else(|| cause_in_words(message))
        .unwrap_or(FailureCause::AgentFailed)
}

/// What the last words of a program mean that ended without saying that it gave up; none where they
/// say nothing that is known.
pub(super) fn cause_of_last_words(message: &str) -> Option<FailureCause> {
    let lower = message.to_lowercase();
    if lower.contains("missing optional dependency") {
        return Some(FailureCause::NotInstalled);
    }
    if ["error loading config", "failed to load config"].iter().any(|words| lower.contains(words)) {
        return Some(FailureCause::NotStarted);
    }
    status_in(message).and_then(cause_of_status).or_else(|| cause_in_words(message))
}

fn cause_in_words(message: &str) -> Option<FailureCause> {
    let lower = message.to_lowercase();
    let fits = |words: &&(FailureCause, &[&str])| words.1.iter().any(|word| lower.contains(word));
    WORDS.iter().find(fits).map(|(cause, _)| *cause)
}

/// The HTTP status in `unexpected status 401 Unauthorized: …` or `last status: 429 Too Many
/// Requests`. Numbers elsewhere are ports, or words of the provider.
fn status_in(message: &str) -> Option<u64> {
    let (_, after) = message.split_once("status")?;
    let digits = after.trim_start_matches([':', ' ']);
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok().filter(|status| (100..=599).contains(status))
}

/// When a limit ends, from `try again at 8:57 PM`, `try again at Nov 25th, 2026 6:57 PM` or `try
/// again in 1 hour 5 minutes`.
fn until(message: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let lower = message.to_lowercase();
    let (_, when) = lower.rsplit_once("try again ")?;
    if let Some(span) = when.strip_prefix("in ") {
        return millis_of(span).map(|millis| now.plus_millis(millis));
    }
    at_clock(when.strip_prefix("at ")?.trim_end_matches(['.', ' ', '\n']), now, zone)
}

fn at_clock(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let here = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?.to_zoned(zone.clone());
    // Codex leaves the seconds out: the limit ends within the minute that it names.
    let end_of = |minute: DateTime| {
        let start = minute.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
        Some(Timestamp::from_millis(start).plus_millis(60_000))
    };
    if let Ok(time) = Time::strptime("%I:%M %p", text) {
        let today = end_of(here.date().to_datetime(time))?;
        return if today < now {
            end_of(here.date().tomorrow().ok()?.to_datetime(time))
        } else {
            Some(today)
        };
    }
    end_of(DateTime::strptime("%b %d, %Y %I:%M %p", without_ordinal(text)).ok()?)
}

/// `nov 25th, 2026` as `nov 25, 2026`.
fn without_ordinal(text: &str) -> String {
    let Some((day, rest)) = text.split_once(',') else { return text.to_owned() };
    format!("{},{rest}", day.trim_end_matches(|letter: char| letter.is_ascii_lowercase()))
}

/// The length of `1 day 2 hours 3 minutes`, `1m30s` or `20s`.
fn millis_of(span: &str) -> Option<i64> {
    let mut rest = span.trim_start();
    let mut sum: Option<f64> = None;
    while let Some(end) = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.') {
        let Ok(number) = rest[..end].parse::<f64>() else { break };
        let after = rest[end..].trim_start();
        let unit_end = after.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(after.len());
        let Some(unit) = unit_millis(&after[..unit_end]) else { break };
        sum = Some(sum.unwrap_or_default() + number * unit);
        rest = after[unit_end..].trim_start_matches([' ', ',']).trim_start_matches("and ");
    }
    #[expect(clippy::cast_possible_truncation, reason = "it lies between zero and a year")]
    sum.filter(|millis| (0.0..=MAX_WAIT_MILLIS).contains(millis)).map(|millis| millis as i64)
}

fn unit_millis(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000.0,
        "d" | "day" | "days" => 86_400_000.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn what_codex_says_is_told_apart() {
        use FailureCause::{
            AgentFailed, ContextLimit, NotInstalled, NotLoggedIn, NotStarted, ProviderDown, RateLimited,
        };
        for (message, expected) in [
            ("unexpected status 401 Unauthorized: rate limit, url: http://127.0.0.1:5000/v1", NotLoggedIn),
            ("unexpected status 403 Forbidden: Forbidden", NotLoggedIn),
            ("Missing environment variable: `OPENAI_API_KEY`.", NotLoggedIn),
            ("exceeded retry limit, last status: 429 Too Many Requests", RateLimited),
            ("You’ve hit your usage limit. Try again later.", RateLimited),
            ("Quota exceeded. Check your plan and billing details.", RateLimited),
            ("unexpected status 503 Service Unavailable: overloaded", ProviderDown),
            ("We’re currently experiencing high demand, which may cause temporary errors.", ProviderDown),
            ("stream disconnected before completion: stream closed before response.completed", ProviderDown),
            ("Connection failed: error sending request", ProviderDown),
            ("Codex ran out of room in the model's context window. Start a new thread.", ContextLimit),
            ("The model `x` does not exist", AgentFailed),
            ("", AgentFailed),
        ] {
            assert_eq!(cause_of(message), expected, "{message}");
        }
        let config = "Error loading config.toml: 1:9: extra `=`, expected nothing";
        assert_eq!(cause_of_last_words(config), Some(NotStarted));
        let npm = "Error: Missing optional dependency @openai/codex-linux-x64. Reinstall Codex";
        assert_eq!(cause_of_last_words(npm), Some(NotInstalled));
    }

    #[test]
    fn the_named_kind_decides_before_the_words() {
        let (now, zone) = (Timestamp::default(), TimeZone::UTC);
        for (info, expected) in [
            (json!("usageLimitExceeded"), FailureCause::RateLimited),
            (json!("unauthorized"), FailureCause::NotLoggedIn),
            (json!("contextWindowExceeded"), FailureCause::ContextLimit),
            (json!({"httpConnectionFailed": {"httpStatusCode": 401}}), FailureCause::NotLoggedIn),
            (json!({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}), FailureCause::RateLimited),
            (json!({"httpConnectionFailed": {"httpStatusCode": null}}), FailureCause::ProviderDown),
            (json!("tooManyDenials"), FailureCause::PermissionRefused),
            (json!("other"), FailureCause::ProviderDown),
            (json!(null), FailureCause::ProviderDown),
        ] {
            let error = json!({"message": "stream disconnected", "codexErrorInfo": info});
            assert_eq!(named(&error, now, &zone).cause, expected, "{error}");
        }
        assert!(!named(&Value::Null, now, &zone).message.is_empty());
    }

    #[test]
    fn the_end_of_a_limit_is_read_in_the_time_of_the_host() {
        let now = at("2026-11-22T18:57:00Z");
        let tokyo = TimeZone::fixed(jiff::tz::offset(9));
        for (zone, message, expected) in [
            (&TimeZone::UTC, "limit. Try again at 8:57 PM.", "2026-11-22T20:58:00Z"),
            (&TimeZone::UTC, "or try again at 6:57 PM.", "2026-11-22T18:58:00Z"),
            (&TimeZone::UTC, "or try again at 1:05 AM.", "2026-11-23T01:06:00Z"),
            (&tokyo, "or try again at 5:57 AM.", "2026-11-22T20:58:00Z"),
            (&TimeZone::UTC, "or try again at Nov 25th, 2026 6:57 PM.", "2026-11-25T18:58:00Z"),
            (&tokyo, "or try again at Dec 1st, 2026 12:30 AM.", "2026-11-30T15:31:00Z"),
            (&TimeZone::UTC, "Please try again in 20s.", "2026-11-22T18:57:20Z"),
            (&TimeZone::UTC, "try again in 1m30.5s", "2026-11-22T18:58:30.500Z"),
            (&TimeZone::UTC, "Try again in 1 day 2 hours and 3 minutes.", "2026-11-23T21:00:00Z"),
        ] {
            assert_eq!(until(message, now, zone), Some(at(expected)), "{message}");
        }
        for message in ["try again later", "try again at noon", "try again in a while", "try again in 9e99 s"]
        {
            assert_eq!(until(message, now, &TimeZone::UTC), None, "{message}");
        }
    }

    proptest! {
        #[test]
        fn no_words_panic(message in ".{0,80}", tail in "(at|in) [0-9:a-zA-Z ,.]{0,30}", now in any::<i64>()) {
            for message in [message.clone(), format!("usage limit. try again {tail}"), format!("status {message}")] {
                told(&message, Timestamp::from_millis(now), &TimeZone::UTC);
                named(&json!({"message": message}), Timestamp::from_millis(now), &TimeZone::UTC);
            }
        }
    }
}
