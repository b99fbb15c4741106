//! Texts of programs, shortened for people.

/// The longest line that stands for a whole text, in bytes.
const MAX_LINE: usize = 400;

/// Whether a character of a program's words can change how the rest of them looks: a command to the
/// terminal, or a turn of the direction of writing, which can make a command look like another one.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The end of what a program complained of, which tells best why it ended.
#[derive(Debug, Default)]
pub struct LastWords(String);

impl LastWords {
    /// How much is kept, in bytes.
    const MOST: usize = 2 * 1024;

    /// Takes the next line, or a piece of one.
    pub fn add(&mut self, line: &[u8]) {
        self.0.push_str(String::from_utf8_lossy(line).trim_end());
        self.0.push('\n');
        // Only now and then, so that many short lines cost little.
        if self.0.len() > 2 * Self::MOST {
            let from = (self.0.len() - Self::MOST..=self.0.len()).find(|at| self.0.is_char_boundary(*at));
            self.0.drain(..from.unwrap_or_default());
        }
    }

    /// What was said last; empty when nothing was said.
    #[must_use]
    pub fn text(&self) -> &str {
        let from = self.0.len().saturating_sub(Self::MOST);
        let from = (from..=self.0.len()).find(|at| self.0.is_char_boundary(*at));
        self.0[from.unwrap_or_default()..].trim()
    }
}

/// At most so many bytes, cut between two characters.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    let kept = head(text, most);
    if kept.len() == text.len() { kept.to_owned() } else { format!("{kept}…") }
}

/// The beginning of a text: at most so many bytes.
pub(crate) fn head(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

/// The first line that says something, shortened.
pub(crate) fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let more = if lines.next().is_some() { " …" } else { "" };
    format!("{}{more}", shorten(first, MAX_LINE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_look_of_a_text_is_hidden_and_words_are_not() {
        assert!("\u{1b}\n\u{9b}\u{7f}\u{202e}\u{2067}\u{61c}".chars().all(is_hidden));
        assert!("aé日 \u{200d}👩\u{fffd}".chars().all(|letter| !is_hidden(letter)));
    }

    #[test]
    fn the_last_words_are_the_end_also_of_one_long_line() {
        let mut words = LastWords::default();
        assert_eq!(words.text(), "");
        words.add(b"one \n");
        words.add(b"two\xff");
        assert_eq!(words.text(), "one\ntwo\u{fffd}");
        for _ in 0..100 {
            words.add(format!("{}end", "ü".repeat(5000)).as_bytes());
            assert!(words.0.len() <= 2 * LastWords::MOST && words.text().ends_with("üend"));
        }
        assert!((2000..=LastWords::MOST).contains(&words.text().len()));
    }

    #[test]
    fn texts_are_cut_between_characters_and_say_so() {
        assert_eq!(shorten("日本語", 9), "日本語");
        assert_eq!(shorten("日本語", 8), "日本…");
        assert_eq!(head("日", 1), "");
        assert_eq!(one_line("\n  a b \n\nc"), "a b …");
        assert_eq!(one_line(" \n"), "");
    }
}
