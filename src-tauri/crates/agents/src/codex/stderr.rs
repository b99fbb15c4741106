//! What Codex prints on stderr: text for people, and the best words on why it ended without any on
//! stdout.
//!
//! Its own log goes there too. What is less than an error stays in the raw record, unless the person asked
//! for it by `RUST_LOG`. That variable is not set from here: whatever the agent runs would inherit it.

use std::collections::VecDeque;

use crate::adapter::{Output, Start};
use crate::event::AgentEvent;
use crate::lines::{Line, LineCutter};

use super::cut;

/// How many of the last lines are kept.
const MAX_LINES: usize = 8;
/// How much of each, in bytes.
const MAX_LINE: usize = 400;

/// The state of one stream.
#[derive(Debug, Default)]
pub(super) struct Stderr {
    lines: LineCutter,
    last: VecDeque<String>,
    shown: Shown,
}

/// How much of its log is text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Shown {
    /// Errors.
    #[default]
    Errors,
    /// All that the person asked it to write.
    All,
}

impl Stderr {
    pub(super) fn new(start: &Start) -> Self {
        let asked_for = start.environment.contains_key("RUST_LOG");
        Self { shown: if asked_for { Shown::All } else { Shown::Errors }, ..Self::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Output) {
        let (last, shown) = (&mut self.last, self.shown);
        self.lines.push(bytes, |line| take(last, line, shown, out));
    }

    pub(super) fn finish(&mut self, out: &mut Output) {
        let (last, shown) = (&mut self.last, self.shown);
        self.lines.finish(|line| take(last, line, shown, out));
    }

    /// From the line that says `Error`, or the last line; none when nothing was said.
    pub(super) fn last_words(&self) -> Option<String> {
        let error = self.last.iter().position(|line| line.starts_with("Error"));
        let from = error.unwrap_or(self.last.len().checked_sub(1)?);
        Some(self.last.range(from..).cloned().collect::<Vec<_>>().join(" "))
    }
}

fn take(last: &mut VecDeque<String>, line: Line<'_>, shown: Shown, out: &mut Output) {
    let (Line::Whole(bytes) | Line::Piece(bytes)) = line;
    let words = cut(plain(&String::from_utf8_lossy(bytes)).trim(), MAX_LINE);
    if shown == Shown::All || !is_small_talk(&words) {
        out.say(AgentEvent::Text(bytes.to_vec()));
    }
    if words.is_empty() {
        return;
    }
    if last.len() == MAX_LINES {
        last.pop_front();
    }
    last.push_back(words);
}

/// Whether a line is of its log and no error, as `2026-11-22T10:00:00.000000Z  WARN codex_core: …`.
fn is_small_talk(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let is_time =
        words.next().is_some_and(|word| word.contains('T') && word.parse::<jiff::Timestamp>().is_ok());
    is_time && words.next().is_some_and(|level| ["WARN", "INFO", "DEBUG", "TRACE"].contains(&level))
}

/// Without colours and other control characters.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            if letters.as_str().starts_with('[') {
                let end = |letter: &char| letter.is_ascii_alphabetic();
                letters.find(end);
            }
        } else if !letter.is_control() {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_found_among_the_last_lines_without_its_colours() {
        let (mut stderr, mut out) = (Stderr::default(), Output::default());
        assert_eq!(stderr.last_words(), None);
        stderr.push(b"\x1b[2m12:00\x1b[0m \x1b[31mWARN\x1b[0m one\n", &mut out);
        assert_eq!(stderr.last_words().as_deref(), Some("12:00 WARN one"));
        stderr.push(b"Error loading config.toml:\n\n1:9: extra `=`\nmo", &mut out);
        stderr.finish(&mut out);
        assert_eq!(stderr.last_words().as_deref(), Some("Error loading config.toml: 1:9: extra `=` mo"));
        assert_eq!(out.events.len(), 5);
    }

    #[test]
    fn its_log_is_for_people_where_it_tells_of_errors() {
        let line = |level: &str| {
            format!(
                "\x1b[2m2026-11-22T10:00:00.123456Z\x1b[0m \x1b[33m {level}\x1b[0m codex_core::x: words\n"
            )
        };
        let text = ["WARN", "INFO", "ERROR"].map(line).concat() + "WARN: a line of its own\n";
        let (mut stderr, mut out) = (Stderr::default(), Output::default());
        stderr.push(text.as_bytes(), &mut out);
        assert_eq!(out.events.len(), 2, "{:?}", out.events);
        assert_eq!(stderr.last.len(), 4, "all of it can explain an end");

        let (mut stderr, mut out) = (Stderr { shown: Shown::All, ..Stderr::default() }, Output::default());
        stderr.push(text.as_bytes(), &mut out);
        assert_eq!(out.events.len(), 4, "the person wants to see it");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut stderr, mut out) = (Stderr::default(), Output::default());
        for _ in 0..100 {
            stderr.push(&[b'x'; 10_000], &mut out);
            stderr.push(b"\n", &mut out);
        }
        assert!(stderr.last.len() <= MAX_LINES && stderr.last.iter().all(|line| line.len() <= MAX_LINE));
    }
}
