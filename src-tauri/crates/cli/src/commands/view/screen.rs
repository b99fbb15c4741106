//! The lines of a log, and one line under them that stays. The log flows on in the terminal as it would
//! without us, so that scrolling back finds all of it.

use std::io;

use miyabi_api::AgentId;

use crate::raw_terminal;

/// A line of a log that is longer than this is shown in parts.
const MAX_LINE: usize = 8 * 1024;

/// What is on the screen.
#[derive(Debug)]
pub(super) struct Screen {
    /// The line of the log that has no end yet.
    open: Vec<u8>,
    /// The line under the log.
    foot: String,
}

impl Screen {
    /// An empty one, with the agent's name in the terminal's title.
    pub(super) fn new(agent: &AgentId) -> Self {
        // A terminal that cannot be written to says so with the first line.
        let _ = raw_terminal::write(format!("\x1b]2;{agent}\x07").as_bytes());
        Self { open: Vec::new(), foot: String::new() }
    }

    /// More of the log.
    pub(super) fn log(&mut self, bytes: &[u8]) -> io::Result<()> {
        let lines = self.whole_lines(bytes);
        if lines.is_empty() { Ok(()) } else { self.write(&lines) }
    }

    /// A word of ours among the lines.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.write(&format!("\x1b[33m{}\x1b[0m\r\n", plain(text.as_bytes())))
    }

    /// Another line under the log.
    pub(super) fn foot(&mut self, text: &str) -> io::Result<()> {
        if self.foot == text {
            return Ok(());
        }
        text.clone_into(&mut self.foot);
        self.again()
    }

    /// The line under the log once more, as after a change of size.
    pub(super) fn again(&mut self) -> io::Result<()> {
        self.write("")
    }

    /// Leaves the screen to whoever comes next.
    pub(super) fn end(&mut self) -> io::Result<()> {
        raw_terminal::write(b"\r\x1b[K")
    }

    fn write(&self, lines: &str) -> io::Result<()> {
        let width = usize::from(raw_terminal::size().columns).saturating_sub(1);
        let foot: String = self.foot.chars().take(width).collect();
        raw_terminal::write(format!("\r\x1b[K{lines}\x1b[7m{foot}\x1b[0m").as_bytes())
    }

    /// The lines that are whole now, ready for a terminal in raw mode.
    fn whole_lines(&mut self, bytes: &[u8]) -> String {
        let mut out = String::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") || self.open.len() > MAX_LINE {
                out.push_str(&plain(self.open.trim_ascii_end()));
                out.push_str("\x1b[0m\r\n");
                self.open.clear();
            }
        }
        out
    }
}

/// A line of somebody else's: colours stay, nothing else that a terminal would obey.
fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = rest.find(|c: char| c.is_control()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match colour(rest) {
            Some(length) => {
                out.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            None => {
                let control = rest.chars().next().unwrap_or_default();
                match control {
                    '\t' => out.push_str("    "),
                    '\r' => {}
                    _ => out.push('\u{fffd}'),
                }
                rest = &rest[control.len_utf8()..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The length of the colour that a text begins with: `ESC [`, digits and semicolons, `m`.
fn colour(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("\x1b[")?;
    let length = inside.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    inside[length..].starts_with('m').then_some(length + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen { open: Vec::new(), foot: String::new() }
    }

    #[test]
    fn a_log_keeps_its_colours_and_moves_no_cursor() {
        for (line, shown) in [
            ("plain", "plain"),
            ("\x1b[1;36mblue\x1b[0m", "\x1b[1;36mblue\x1b[0m"),
            ("a\x1b[2Jb", "a\u{fffd}[2Jb"),
            ("\x1b]52;c;x\x07", "\u{fffd}]52;c;x\u{fffd}"),
            ("a\tb\r", "a    b"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("\x1b[", "\u{fffd}["),
            ("\x1b[31", "\u{fffd}[31"),
        ] {
            assert_eq!(plain(line.as_bytes()), shown, "{line:?}");
        }
    }

    #[test]
    fn a_line_is_shown_when_it_is_whole_and_a_letter_is_never_torn() {
        let mut screen = screen();
        let bytes = "ありがとう\nnext".as_bytes();
        let shown: String = bytes.chunks(2).map(|part| screen.whole_lines(part)).collect();
        assert_eq!(shown, "ありがとう\x1b[0m\r\n");
        assert_eq!(screen.whole_lines(b"\n"), "next\x1b[0m\r\n");
        let endless = screen.whole_lines(&[b'x'; MAX_LINE + 1]);
        assert!(endless.ends_with("\r\n"), "a line without an end does not grow for ever");
    }
}
