//! The token: where it is found. It is in no log, no error and no `Debug`.

use std::fmt;
use std::path::Path;

use crate::address::Api;
use crate::{ForgeError, process};

/// A secret word.
pub(crate) struct Token(String);

impl Token {
    /// The word itself, for the one request that needs it.
    pub(crate) fn into_secret(self) -> String {
        self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The token for an API: by `gh`, else by git's credential helpers (on macOS the keychain).
pub(crate) async fn find(repository: &Path, api: &Api) -> Result<Token, ForgeError> {
    let host = &api.host;
    if let Some(token) = process::gh_token(host).await.and_then(word) {
        return Ok(token);
    }
    let protocol = if api.is_plain() { "http" } else { "https" };
    let answer = process::credential(repository, protocol, host).await.unwrap_or_default();
    if let Some(token) = password(&answer).and_then(word) {
        return Ok(token);
    }
    Err(ForgeError::new(format!("there is no token for {host}: neither `gh auth token` nor git's credential helper gives one"))
        .hint(format!("gh auth login --hostname {host}   logs in"))
        .hint(format!("or keep a token with the right to open pull requests in git's credential helper, as `git push` to {host} does")))
}

/// A word that can stand in a header.
fn word(text: String) -> Option<Token> {
    let is_word = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    is_word.then_some(Token(text))
}

fn password(answer: &str) -> Option<String> {
    answer.lines().find_map(|line| line.strip_prefix("password=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_and_never_shown() {
        let token = word("ghp_secret".to_owned()).expect("a word");
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_eq!(password("protocol=https\nusername=me\npassword=a=b\n").as_deref(), Some("a=b"));
        for bad in ["", "two words", "line\r\nX-Other: 1"] {
            assert!(word(bad.to_owned()).is_none(), "{bad:?}");
        }
    }
}
