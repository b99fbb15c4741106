//! What an agent says and does, for a person's terminal: in colour, compact, a line where a line
//! will do. Whatever the agent said, nothing of it reaches the terminal as a command.

use std::fmt::Write as _;

use miyabi_protocol::Usage;

use crate::event::{AgentEvent, TurnEnd};
use crate::shown::is_hidden;

const DIM: &str = "\x1b[2m";
const DIM_ITALIC: &str = "\x1b[2;3m";
const RED: &str = "\x1b[31m";
const BOLD_RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BOLD_YELLOW: &str = "\x1b[1;33m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "";
const RESET: &str = "\x1b[0m";

/// How many lines of a tool's result are shown.
const RESULT_LINES: usize = 8;
/// How many lines of a thought are shown.
const THOUGHT_LINES: usize = 12;
/// How many lines of a request's detail are shown.
const DETAIL_LINES: usize = 6;
/// How many characters of one line of a result are shown.
const RESULT_WIDTH: usize = 400;

/// Turns events into text for a terminal.
#[derive(Debug, Default)]
pub struct Transcript {
    used: Usage,
}

impl Transcript {
    /// The text for an event, with its line ends; empty for events that a person need not see.
    #[must_use]
    pub fn show(&mut self, event: &AgentEvent) -> Vec<u8> {
        let mut page = Page::default();
        match event {
            AgentEvent::Session { id, model } => {
                let model = model.as_ref().map_or_else(String::new, |model| format!(" · {model}"));
                page.line(DIM, "", &format!("session {id}{model}"));
            }
            AgentEvent::Text(bytes) => page.line(PLAIN, "", &String::from_utf8_lossy(bytes)),
            AgentEvent::Message(text) => page.block(PLAIN, "", text.trim_end(), usize::MAX),
            AgentEvent::Thinking(text) => page.block(DIM_ITALIC, "", text.trim(), THOUGHT_LINES),
            AgentEvent::ToolCall { tool, what, .. } => page.line(CYAN, "● ", &format!("{tool}  {what}")),
            AgentEvent::ToolResult { failed, text, .. } => {
                page.block(if *failed { RED } else { DIM }, "  ", text.trim_end(), RESULT_LINES);
            }
            AgentEvent::Asks(ask) => {
                page.line(BOLD_YELLOW, "", &format!("waits for permission: {}  {}", ask.tool, ask.what));
                page.block(YELLOW, "  ", ask.detail.trim_end(), DETAIL_LINES);
            }
            AgentEvent::AskGone { .. } => page.line(YELLOW, "", "does not wait for that permission any more"),
            AgentEvent::Notice(text) => page.line(YELLOW, "! ", text),
            AgentEvent::Usage(used) => self.used = *used,
            AgentEvent::TurnEnded(end) => self.turn_ended(end, &mut page),
            AgentEvent::Ended { failure: Some(failure) } => page.line(BOLD_RED, "✗ ", failure),
            AgentEvent::Ended { failure: None } | AgentEvent::OutputFile(_) | AgentEvent::Progress(_) => {}
        }
        page.text.into_bytes()
    }

    fn turn_ended(&self, end: &TurnEnd, page: &mut Page) {
        match &end.failure {
            Some(failure) => page.block(BOLD_RED, "✗ ", failure.message.trim(), RESULT_LINES),
            None => page.line(GREEN, "✓ ", "turn ended"),
        }
        if !self.used.is_zero() {
            page.line(DIM, "", &figures(&self.used));
        }
    }
}

/// Tokens and money of a session, in a line.
fn figures(used: &Usage) -> String {
    let mut line = format!("session so far: {} tokens in", thousands(used.input_tokens));
    if used.cached_tokens > 0 {
        let _infallible = write!(line, " ({} cached)", thousands(used.cached_tokens));
    }
    let _infallible = write!(line, ", {} out", thousands(used.output_tokens));
    if let Some(cost) = used.cost {
        let _infallible = write!(line, " · ${:.4}", cost.dollars());
    }
    line
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lines in colour. Every line carries its own colour and ends it, so that a terminal that shows only
/// some of them shows them right.
#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, colour: &str, mark: &str, text: &str) {
        let text = plain(text).replace('\n', " ");
        self.put(colour, mark, &text);
    }

    fn block(&mut self, colour: &str, mark: &str, text: &str, most: usize) {
        let text = plain(text);
        let lines: Vec<&str> = if text.is_empty() { Vec::new() } else { text.lines().collect() };
        // A last line that says "one more" takes as much room as that line.
        let shown = if lines.len() <= most.saturating_add(1) { lines.len() } else { most };
        for line in &lines[..shown] {
            let line = if most == usize::MAX { (*line).to_owned() } else { clip(line) };
            self.put(colour, mark, &line);
        }
        if shown < lines.len() {
            self.put(colour, mark, &format!("… {} more lines", lines.len() - shown));
        }
    }

    fn put(&mut self, colour: &str, mark: &str, text: &str) {
        let end = if colour.is_empty() { "" } else { RESET };
        let _infallible = writeln!(self.text, "{colour}{mark}{text}{end}");
    }
}

fn clip(line: &str) -> String {
    match line.char_indices().nth(RESULT_WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The text without escape sequences and control characters; line ends and tabs stay. Characters that
/// turn the direction of writing go too: they can make a command look like another one.
fn plain(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\n' | '\t' => kept.push(char),
            '\x1b' => skip_sequence(&mut chars),
            // The one-character form of `ESC [`.
            '\u{9b}' => skip_parameters(&mut chars),
            char if is_hidden(char) => {}
            char => kept.push(char),
        }
    }
    kept
}

fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_parameters(chars);
        }
        // Titles, links and the like: up to their end, or the line's.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(char) = chars.next_if(|char| *char != '\n') {
                if char == '\x07' || (char == '\x1b' && chars.next_if_eq(&'\\').is_some()) {
                    return;
                }
            }
        }
        Some(' '..='/') => {
            chars.next();
            chars.next_if(char::is_ascii_graphic);
        }
        Some(char) if char.is_ascii_graphic() => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_parameters(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.next_if(|char| matches!(char, ' '..='?')).is_some() {}
    chars.next_if(|char| matches!(char, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Failed;
    use miyabi_plan::{FailureCause, Usd};
    use miyabi_protocol::{ApprovalRequest, Timestamp};
    use proptest::prelude::*;

    fn page(events: &[AgentEvent]) -> String {
        let mut transcript = Transcript::default();
        let bytes: Vec<u8> = events.iter().flat_map(|event| transcript.show(event)).collect();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_conversation_is_readable() {
        let call = |tool: &str, what: &str| AgentEvent::ToolCall {
            id: "1".into(),
            tool: tool.into(),
            what: what.into(),
        };
        let result = |failed, text: String| AgentEvent::ToolResult { id: "1".into(), failed, text };
        let numbered: Vec<String> = (1..=42).map(|number| format!("line {number}")).collect();
        let ask = ApprovalRequest {
            id: "a".into(),
            tool: "Bash".into(),
            what: "rm x".into(),
            detail: "{\n  \"command\": \"rm x\"\n}".into(),
            asked_at: Timestamp::default(),
        };
        let used = Usage {
            input_tokens: 1_234_567,
            cached_tokens: 1_000,
            output_tokens: 89,
            cost: Some(Usd::from_dollars(0.42)),
        };
        let failed = Failed::new(FailureCause::RateLimited, "limit reached");
        let shown = page(&[
            AgentEvent::Session { id: "b5da".into(), model: Some("opus".into()) },
            AgentEvent::Thinking("Let me see.\n".into()),
            AgentEvent::Message("I write it.\n\nThen I test it.\n".into()),
            call("Bash", "pytest -q"),
            result(false, numbered.join("\n")),
            result(true, "no such file\n".into()),
            AgentEvent::OutputFile("a.py".into()),
            AgentEvent::Asks(ask),
            AgentEvent::AskGone { id: "a".into() },
            AgentEvent::Notice("429".into()),
            AgentEvent::Text(b"plain".to_vec()),
            AgentEvent::Usage(used),
            AgentEvent::TurnEnded(TurnEnd::default()),
            AgentEvent::TurnEnded(TurnEnd { failure: Some(failed), summary: String::new() }),
            AgentEvent::Ended { failure: Some("exit code 3".into()) },
        ]);
        insta::assert_snapshot!(shown.replace('\x1b', "ESC"));
    }

    #[test]
    fn nothing_of_the_agent_commands_the_terminal() {
        let shown = page(&[AgentEvent::Message(
            "a\x1b[31mb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x1b(Be\x1b[2Jf\x08\rg\u{9b}1mh\ti\u{202e}j\x1bPq\x1b\\k\x1b".into(),
        )]);
        assert_eq!(shown, "abcdefgh\tijk\n");
        let line =
            page(&[AgentEvent::ToolCall { id: String::new(), tool: "B\nx".into(), what: "\x1b[Ax".into() }]);
        assert_eq!(line, "\x1b[36m● B x  x\x1b[0m\n");
    }

    #[test]
    fn one_line_over_the_limit_is_shown_and_a_long_line_is_cut() {
        let lines = |count: usize| vec!["x"; count].join("\n");
        let result =
            |text: String| page(&[AgentEvent::ToolResult { id: String::new(), failed: false, text }]);
        assert_eq!(result(lines(9)).lines().count(), 9);
        assert_eq!(result(lines(10)).lines().last(), Some("\x1b[2m  … 2 more lines\x1b[0m"));
        assert_eq!(result(String::new()), "");
        assert!(result("ü".repeat(5000)).chars().count() < 500);
    }

    proptest! {
        #[test]
        fn only_line_ends_and_tabs_are_left_of_control_characters(text in "[\x1b\\[\\]PX0-9;m\x07\n\t\\\\a-zü\u{80}-\u{9f}]{0,80}") {
            let kept = plain(&text);
            prop_assert!(kept.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\t')), "{kept:?}");
            let line = page(&[AgentEvent::Notice(text)]);
            prop_assert_eq!(line.matches('\x1b').count(), 2);
        }
    }
}
