//! What Codex prints on stderr: text for people, and the best words on why it ended without any on
//! stdout.

use std::collections::VecDeque;

use crate::adapter::Output;
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
}

impl Stderr {
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Output) {
        let last = &mut self.last;
        self.lines.push(bytes, |line| take(last, line, out));
    }

    pub(super) fn finish(&mut self, out: &mut Output) {
        let last = &mut self.last;
        self.lines.finish(|line| take(last, line, out));
    }

    /// From the line that says `Error`, or the last line; none when nothing was said.
    pub(super) fn last_words(&self) -> Option<String> {
        let error = self.last.iter().position(|line| line.starts_with("Error"));
        let from = error.unwrap_or(self.last.len().checked_sub(1)?);
        Some(self.last.range(from..).cloned().collect::<Vec<_>>().join(" "))
    }
}

fn take(last: &mut VecDeque<String>, line: Line<'_>, out: &mut Output) {
    let (Line::Whole(bytes) | Line::Piece(bytes)) = line;
    out.say(AgentEvent::Text(bytes.to_vec()));
    let words = cut(plain(&String::from_utf8_lossy(bytes)).trim(), MAX_LINE);
    if words.is_empty() {
        return;
    }
    if last.len() == MAX_LINES {
        last.pop_front();
    }
    last.push_back(words);
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
    fn what_is_kept_is_bounded() {
        let (mut stderr, mut out) = (Stderr::default(), Output::default());
        for _ in 0..100 {
            stderr.push(&[b'x'; 10_000], &mut out);
            stderr.push(b"\n", &mut out);
        }
        assert!(stderr.last.len() <= MAX_LINES && stderr.last.iter().all(|line| line.len() <= MAX_LINE));
    }
}
