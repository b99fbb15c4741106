//! What can go wrong, for people.

/// A pull request could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ForgeError {
    /// What is wrong.
    pub message: String,
    /// What helps, a line each.
    pub hints: Vec<String>,
}

impl ForgeError {
    pub(crate) fn new(message: impl AsRef<str>) -> Self {
        Self { message: plain(message.as_ref()), hints: Vec::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// A text of git or of a forge without the secrets that addresses may hold, and without anything that a
/// terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "/'\"`<>".contains(c)).unwrap_or(after.len());
        let host = after[..end].rfind('@').map_or(0, |at| at + 1);
        out.push_str(&after[host..end]);
        rest = &after[end..];
    }
    out.push_str(rest);
    out.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_no_password_of_an_address() {
        let said =
            "fatal: unable to access 'https://me:ghp_secret@github.com/a/b.git/': \u{1b}[2Jno\nhttp://t@x y";
        assert_eq!(plain(said), "fatal: unable to access 'https://github.com/a/b.git/':  [2Jno\nhttp://x y");
        assert_eq!(plain("https://a:b@c@host"), "https://host");
        assert_eq!(plain("mail@example.org is no address"), "mail@example.org is no address");
    }
}
