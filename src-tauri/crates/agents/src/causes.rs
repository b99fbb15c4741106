//! Failures told apart by their words, for programs of which only the protocol is known: whatever
//! stands behind it wrote the message.

use miyabi_plan::FailureCause;

/// The words that tell a cause; numbers count only as whole words.
const WORDS: [(FailureCause, &[&str]); 4] = [
    (
        FailureCause::RateLimited,
        &[
            "429",
            "rate limit",
            "rate_limit",
            "ratelimit",
            "too many requests",
            "quota",
            "usage limit",
            "usagelimit",
            "billing",
        ],
    ),
    (
        FailureCause::NotLoggedIn,
        &["401", "unauthorized", "api key", "authentication", "not logged in", "log in", "/login", "login"],
    ),
    (
        FailureCause::ContextLimit,
        &[
            "context window",
            "contextwindow",
            "context length",
            "context_length",
            "prompt is too long",
            "context_exhausted",
        ],
    ),
    (
        FailureCause::ProviderDown,
        &[
            "500",
            "502",
            "503",
            "504",
            "529",
            "overloaded",
            "high demand",
            "server_error",
            "connection",
            "disconnected",
            "timed out",
            "timeout",
            "econnrefused",
            "enotfound",
            "unreachable",
            "fetch failed",
            "internal server error",
        ],
    ),
];

/// The cause that these words tell; [`FailureCause::AgentFailed`] where they tell none.
#[must_use]
pub fn of_words(said: &str) -> FailureCause {
    let said = said.to_lowercase();
    let whole = |word: &str| {
        said.match_indices(word).any(|(at, _)| {
            let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let before = at.checked_sub(1).and_then(|before| said.as_bytes().get(before));
            !digit(before) && !digit(said.as_bytes().get(at + word.len()))
        })
    };
    let is_said = |word: &&str| {
        if word.bytes().all(|byte| byte.is_ascii_digit()) { whole(word) } else { said.contains(word) }
    };
    let found = WORDS.iter().find(|(_, words)| words.iter().any(is_said));
    found.map_or(FailureCause::AgentFailed, |(cause, _)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_real_failures_tell_their_cause() {
        for (said, cause) in [
            ("Internal error: API Error: Request rejected (429) · slow down", FailureCause::RateLimited),
            ("exceeded retry limit, last status: 429 Too Many Requests", FailureCause::RateLimited),
            ("Invalid API key · Fix external API key", FailureCause::NotLoggedIn),
            ("stream disconnected before completion", FailureCause::ProviderDown),
            ("API Error: 500 broken", FailureCause::ProviderDown),
            ("Prompt is too long", FailureCause::ContextLimit),
            ("the file 5004.txt has 14290 lines", FailureCause::AgentFailed),
            ("", FailureCause::AgentFailed),
        ] {
            assert_eq!(of_words(said), cause, "{said}");
        }
    }
}
