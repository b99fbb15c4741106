//! Codex, by `codex exec --json` and by `codex app-server`: the argv, and what both share.

mod account;
mod app_server;
mod approvals;
mod exec;
mod failures;
mod items;
mod stderr;
mod words;

pub use app_server::CodexAppServer;
pub use exec::CodexExec;

use jiff::tz::TimeZone;
use miyabi_plan::{Access, FailureCause};
use miyabi_protocol::Usage;
use serde_json::Value;

use crate::adapter::{Exit, Start};
use crate::event::{AgentEvent, Failed, MAX_TEXT};

/// What an unattended Codex is told on top of the person's own settings. Their provider, model and
/// login stay as they are.
///
/// Without the last one a refused connection is tried again for ever, without a word.
const OVERRIDES: [&str; 3] = [
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    "features.unbounded_connection_retries=false",
];

/// An id that no session has: Codex refuses it, whereas it takes a text that is no UUID for a name
/// and begins a new session without a word.
const NO_SESSION: &str = "00000000-0000-0000-0000-000000000000";

/// The sandbox of an access, by the name that both ways of Codex know.
const fn sandbox(access: Access) -> &'static str {
    match access {
        Access::Read => "read-only",
        Access::Edit => "workspace-write",
        Access::Full => "danger-full-access",
    }
}

/// The program with the person's own arguments, and a subcommand of it with our overrides.
fn argv(start: &Start, subcommand: &str) -> Vec<String> {
    let mut argv = if start.argv.is_empty() { vec!["codex".to_owned()] } else { start.argv.clone() };
    argv.push(subcommand.to_owned());
    argv.extend(OVERRIDES.iter().flat_map(|pair| ["-c".to_owned(), (*pair).to_owned()]));
    argv
}

/// The session to go on in, in the form in which Codex cannot mistake it for a name.
fn resumed(start: &Start) -> Option<&str> {
    let session = start.resume.as_deref()?;
    Some(if is_uuid(session) { session } else { NO_SESSION })
}

/// Whether Codex would refuse the session that it is to go on in, or worse, begin a new one.
fn is_lost_from_the_start(start: &Start) -> bool {
    start.resume.as_deref().is_some_and(|session| !is_uuid(session))
}

/// Whether Codex says that it does not have the session that it is to go on in.
fn says_lost(message: &str) -> bool {
    ["no rollout found", "thread not found", "invalid thread id"].iter().any(|words| message.contains(words))
}

/// The failure of a process whose session is gone.
fn lost() -> Failed {
    Failed::new(FailureCause::Crashed, "Codex does not find the session to go on in.")
}

/// Whether Codex takes this text for a session and for nothing else: not for a name, which begins a new
/// session without a word, and not for an option.
#[must_use]
pub fn is_session(text: &str) -> bool {
    is_uuid(text)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Reads the totals of a session. Both ways of Codex count over the whole session, also when it is
/// taken up again; the tokens from the cache are part of the input, those of thinking part of the
/// output. Codex tells no cost.
fn usage(totals: &Value) -> Usage {
    let count = |snake: &str, camel: &str| {
        totals.get(snake).or_else(|| totals.get(camel)).and_then(Value::as_u64).unwrap_or_default()
    };
    Usage {
        input_tokens: count("input_tokens", "inputTokens"),
        cached_tokens: count("cached_input_tokens", "cachedInputTokens"),
        output_tokens: count("output_tokens", "outputTokens"),
        cost: None,
    }
}

/// The time zone in which Codex tells times: that of its host, or of its own environment.
fn zone_of(start: &Start) -> TimeZone {
    let named = start.environment.get("TZ").and_then(|name| TimeZone::get(name).ok());
    named.unwrap_or_else(TimeZone::system)
}

/// The text, or its beginning where it is longer than an event may be.
fn shortened(text: &str) -> String {
    cut(text, MAX_TEXT)
}

/// The text, or its beginning with a mark where it is longer than this many bytes.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// A line on stdout that is no JSON, as of a wrapper around Codex.
fn stray(mut line: Vec<u8>) -> AgentEvent {
    line.truncate(MAX_TEXT);
    AgentEvent::Text(line)
}

/// A text within a value; empty where there is none.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// How far a process had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has no session yet.
    Starting,
    /// Its session stands.
    Working,
}

/// What the exit itself tells, where the stream did not say how the work ended. `last_words` is the
/// best that the program said about it.
fn without_a_word(exit: Exit, stage: Stage, last_words: Option<&str>) -> Failed {
    // A shell or the Node wrapper around the program turns signal 9 into exit code 137.
    let by_wrapper = exit.code.filter(|code| (129..=159).contains(code)).map(|code| code - 128);
    if let Some(signal) = exit.signal.or(by_wrapper) {
        return Failed::new(FailureCause::Killed, format!("Codex was killed by signal {signal}."));
    }
    let how = match stage {
        Stage::Starting => "Codex did not start",
        Stage::Working => "Codex ended in the midst of its work",
    };
    let why = match (exit.code, last_words) {
        (_, Some(words)) => words.to_owned(),
        (Some(code), None) => format!("exit code {code}, without a word"),
        (None, None) => "nothing was said".to_owned(),
    };
    let told = last_words.and_then(failures::cause_of_last_words);
    // Before there is a session, an error is about the program and its settings.
    let is_refusal = stage == Stage::Starting && last_words.is_some_and(|words| words.starts_with("Error"));
    let cause = told.unwrap_or(if is_refusal { FailureCause::NotStarted } else { FailureCause::Crashed });
    Failed::new(cause, format!("{how}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_is_a_session() {
        for (text, expected) in [
            ("0199c0de-0000-7000-8000-00000000000A", true),
            (NO_SESSION, true),
            ("0199c0de-0000-7000-8000-00000000000", false),
            ("0199c0de00000-7000-8000-00000000000a", false),
            ("my thread", false),
            ("--last", false),
            ("", false),
        ] {
            assert_eq!(is_uuid(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("ああ", 6), "ああ");
        assert_eq!(cut("あああ", 8), "あ…");
        assert_eq!(cut("abc", 0), "…");
    }

    #[test]
    fn an_exit_without_a_word_is_told_as_what_it_was() {
        let cause = |code, signal, stage, words| without_a_word(Exit { code, signal }, stage, words).cause;
        let (starting, working) = (Stage::Starting, Stage::Working);
        assert_eq!(cause(None, Some(9), working, None), FailureCause::Killed);
        assert_eq!(cause(Some(143), None, starting, None), FailureCause::Killed);
        assert_eq!(cause(Some(0), None, working, None), FailureCause::Crashed);
        assert_eq!(cause(Some(1), None, starting, None), FailureCause::Crashed);
        assert_eq!(cause(Some(1), None, working, Some("Error: Not logged in")), FailureCause::NotLoggedIn);
        assert_eq!(cause(Some(1), None, working, Some("Error: thread panicked")), FailureCause::Crashed);
        let settings = "Error: approval_policy = \"untrusted\" is no longer supported; remove this setting";
        assert_eq!(cause(Some(1), None, starting, Some(settings)), FailureCause::NotStarted);
        let long = "Error: turn/start failed: Input exceeds the maximum length of 1048576 characters.";
        assert_eq!(cause(Some(1), None, working, Some(long)), FailureCause::ContextLimit);
    }
}
