//! Why a turn or a process of Claude Code failed, from all that it let out about it.

use miyabi_plan::FailureCause;
use miyabi_protocol::Timestamp;
use serde_json::Value;

use super::messages::{at, one_line, shorten};
use crate::adapter::{Exit, Output};
use crate::event::{AgentEvent, Failed};

/// How much of what it printed beside its events is kept, in bytes.
const KEPT_WORDS: usize = 4 * 1024;

/// What was seen that can explain a failure.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Its class, text and status of the error message before the result.
    error: Option<(String, String, Option<u64>)>,
    /// The end of what it printed beside its events.
    words: String,
    /// When the limit that was told of ends.
    limit_ends: Option<Timestamp>,
    lost_session: bool,
}

impl Signs {
    /// Takes words for people that it printed.
    pub(super) fn words(&mut self, bytes: &[u8]) {
        let text = one_line(&String::from_utf8_lossy(bytes), KEPT_WORDS / 4);
        self.lost_session |= names_lost_session(&text);
        if !text.is_empty() {
            if self.words.len() + text.len() > KEPT_WORDS {
                self.words.clear();
            }
            self.words.push_str(&text);
            self.words.push('\n');
        }
    }

    /// Takes an assistant message; true when it is no word of the model but an error, which the result
    /// tells again.
    pub(super) fn assistant(&mut self, event: &Value) -> bool {
        let class = at(event, "error");
        if class.is_empty() {
            self.error = None;
            return false;
        }
        let text = event.pointer("/message/content/0/text").and_then(Value::as_str).unwrap_or(class);
        self.error =
            Some((shorten(class), shorten(text), event.get("api_error_status").and_then(Value::as_u64)));
        true
    }

    pub(super) fn rate_limit(&mut self, event: &Value, out: &mut Output) {
        let info = event.get("rate_limit_info").unwrap_or(&Value::Null);
        let ends = info.get("resetsAt").and_then(Value::as_i64).and_then(of_epoch);
        if at(info, "status") == "rejected" {
            self.limit_ends = ends;
            let which = one_line(&at(info, "rateLimitType").replace('_', " "), 64);
            out.say(AgentEvent::Notice(format!("the account's limit is reached ({which})")));
        }
    }

    /// Why the turn failed; none when it went well.
    pub(super) fn result(&mut self, event: &Value) -> Option<Failed> {
        let error = self.error.take();
        let subtype = at(event, "subtype");
        let failed =
            event.get("is_error").and_then(Value::as_bool).unwrap_or_else(|| subtype.starts_with("error"));
        if !failed {
            return None;
        }
        let message = message(event);
        self.lost_session |= names_lost_session(&message);
        let status = event.get("api_error_status").and_then(Value::as_u64);
        let (class, _, seen) = error.unwrap_or_default();
        let cause = if names_lost_session(&message) {
            FailureCause::Crashed
        } else {
            by_subtype(subtype)
                .or_else(|| by_reason(at(event, "terminal_reason")))
                .or_else(|| by_class(&class))
                .or_else(|| status.or(seen).and_then(by_status))
                .or_else(|| by_text(&message))
                .unwrap_or(FailureCause::AgentFailed)
        };
        Some(self.failed(cause, message))
    }

    /// Why it failed when it ended in the midst of a turn.
    pub(super) fn without_a_word(&self, exit: Exit) -> Failed {
        // It catches some signals, and then tells of them as a shell does.
        let told = exit.code.filter(|code| (129..=159).contains(code)).map(|code| code - 128);
        if let Some(signal) = exit.signal.or(told) {
            return Failed::new(FailureCause::Killed, format!("killed by signal {signal}"));
        }
        let code = exit.code.map_or_else(String::new, |code| format!(" with exit code {code}"));
        let (class, text, status) = self.error.clone().unwrap_or_default();
        let said = if text.is_empty() { self.words.trim_end() } else { text.as_str() };
        let message = match said.lines().last() {
            Some(last) => format!("it ended{code} in the midst of its work: {last}"),
            None => format!("it ended{code} in the midst of its work without a word"),
        };
        let cause = if self.lost_session {
            None
        } else {
            by_class(&class).or_else(|| status.and_then(by_status)).or_else(|| by_text(said))
        };
        self.failed(cause.unwrap_or(FailureCause::Crashed), shorten(&message))
    }

    pub(super) fn lost_session(&self) -> bool {
        self.lost_session
    }

    fn failed(&self, cause: FailureCause, message: String) -> Failed {
        let until =
            (cause == FailureCause::RateLimited).then(|| self.limit_ends.or_else(|| epoch_in(&message)));
        Failed { cause, until: until.flatten(), message }
    }
}

/// A retry of its own, in a line.
pub(super) fn retry(event: &Value) -> String {
    let number = |key: &str| event.get(key).and_then(Value::as_u64);
    let why = match (number("error_status"), at(event, "error")) {
        (Some(429), _) => "429, rate limit".to_owned(),
        (Some(status), class) => one_line(&format!("{status}, {}", class.replace('_', " ")), 80),
        (None, _) => "no answer".to_owned(),
    };
    let (attempt, most) = (number("attempt").unwrap_or(1), number("max_retries").unwrap_or(1));
    format!("the model's provider did not answer well ({why}); try {attempt} of {most} follows")
}

fn message(event: &Value) -> String {
    if at(event, "terminal_reason").starts_with("aborted") {
        return "it was interrupted in the midst of its work".to_owned();
    }
    let result = at(event, "result");
    if !result.is_empty() {
        return shorten(result);
    }
    let errors = event.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let errors: Vec<&str> = errors.iter().filter_map(Value::as_str).take(5).collect();
    shorten(&if errors.is_empty() { at(event, "subtype").replace('_', " ") } else { errors.join("; ") })
}

fn names_lost_session(text: &str) -> bool {
    text.contains("No conversation found") || text.contains("--resume requires a valid session ID")
}

fn by_subtype(subtype: &str) -> Option<FailureCause> {
    match subtype {
        "error_max_budget_usd" => Some(FailureCause::BudgetReached),
        "error_max_turns" => Some(FailureCause::ContextLimit),
        _ => None,
    }
}

fn by_reason(reason: &str) -> Option<FailureCause> {
    match reason {
        "budget_exhausted" => Some(FailureCause::BudgetReached),
        "aborted_streaming" | "aborted_tools" => Some(FailureCause::Killed),
        "prompt_too_long" | "blocking_limit" | "rapid_refill_breaker" | "max_turns" => {
            Some(FailureCause::ContextLimit)
        }
        _ => None,
    }
}

fn by_class(class: &str) -> Option<FailureCause> {
    match class {
        "authentication_failed"
        | "oauth_org_not_allowed"
        | "account_on_hold"
        | "verification_required"
        | "cloud_credential_error" => Some(FailureCause::NotLoggedIn),
        "rate_limit" | "billing_error" => Some(FailureCause::RateLimited),
        "overloaded" | "server_error" => Some(FailureCause::ProviderDown),
        "max_output_tokens" => Some(FailureCause::ContextLimit),
        _ => None,
    }
}

fn by_status(status: u64) -> Option<FailureCause> {
    match status {
        401 | 403 => Some(FailureCause::NotLoggedIn),
        402 | 429 => Some(FailureCause::RateLimited),
        408 | 500..=599 => Some(FailureCause::ProviderDown),
        _ => None,
    }
}

/// The last resort: the words that versions of the program used for people.
fn by_text(text: &str) -> Option<FailureCause> {
    const WORDS: [(FailureCause, &[&str]); 4] = [
        (FailureCause::NotLoggedIn, &["run /login", "not logged in", "invalid api key", "oauth token"]),
        (
            FailureCause::RateLimited,
            &["usage limit", "rate limit", "hit your limit", "limit reached", "credit balance is too low"],
        ),
        (FailureCause::ContextLimit, &["prompt is too long", "context limit", "context window"]),
        (
            FailureCause::ProviderDown,
            &[
                "overloaded",
                "econnrefused",
                "econnreset",
                "enotfound",
                "etimedout",
                "connection error",
                "api error: 5",
            ],
        ),
    ];
    let text = text.to_lowercase();
    let found = WORDS.iter().find(|(_, words)| words.iter().any(|word| text.contains(word)));
    found.map(|(cause, _)| *cause)
}

/// The time after the bar in `usage limit reached|1763822400`.
fn epoch_in(text: &str) -> Option<Timestamp> {
    let digits: String = text.rsplit_once('|')?.1.trim().chars().take_while(char::is_ascii_digit).collect();
    of_epoch(digits.parse().ok()?)
}

/// A time in seconds, or in milliseconds, since 1970; none for what is no time of this century.
fn of_epoch(number: i64) -> Option<Timestamp> {
    const CENTURY: std::ops::Range<i64> = 946_684_800..4_102_444_800;
    let millis = if CENTURY.contains(&number) { number.checked_mul(1000)? } else { number };
    CENTURY.contains(&(millis / 1000)).then(|| Timestamp::from_millis(millis))
}
