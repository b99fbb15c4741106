//! Texts of programs, shortened for people.

/// The longest line that stands for a whole text, in bytes.
const MAX_LINE: usize = 400;

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
    fn texts_are_cut_between_characters_and_say_so() {
        assert_eq!(shorten("日本語", 9), "日本語");
        assert_eq!(shorten("日本語", 8), "日本…");
        assert_eq!(head("日", 1), "");
        assert_eq!(one_line("\n  a b \n\nc"), "a b …");
        assert_eq!(one_line(" \n"), "");
    }
}
