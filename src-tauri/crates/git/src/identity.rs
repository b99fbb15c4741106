//! In whose name commits are made.

use std::path::Path;

use crate::process::Git;

/// The name and address where a person has set none.
pub(crate) const NAME: &str = "Miyabi Orchestra";
/// See [`NAME`].
pub(crate) const EMAIL: &str = "miyabi@localhost";

/// Adds the person's own name to a call, or ours where they have none.
pub(crate) fn signed<'a>(git: Git<'a>, folder: &Path) -> Git<'a> {
    let words = ["--null", "--get-regexp", "^user\\.(name|email)$"];
    let said = Git::ask(folder, "config").args(words).run().map(|answer| answer.parts().collect::<Vec<_>>());
    let said = said.unwrap_or_default();
    // The last one said counts.
    let value = |name: &str| {
        let values = said.iter().rev().filter_map(|entry| entry.split_once('\n'));
        values.filter(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned()).next()
    };
    let name = value("user.name").filter(|name| !name.is_empty()).unwrap_or_else(|| NAME.to_owned());
    let email = value("user.email").filter(|email| !email.is_empty()).unwrap_or_else(|| EMAIL.to_owned());
    as_both(git, &name, &email)
}

/// Adds our name and a time to a call, so that the same commit comes out of it whenever it is made.
pub(crate) fn fixed(git: Git<'_>, seconds: u64) -> Git<'_> {
    let date = format!("@{seconds} +0000");
    as_both(git, NAME, EMAIL).env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date)
}

fn as_both<'a>(git: Git<'a>, name: &str, email: &str) -> Git<'a> {
    git.env("GIT_AUTHOR_NAME", name)
        .env("GIT_AUTHOR_EMAIL", email)
        .env("GIT_COMMITTER_NAME", name)
        .env("GIT_COMMITTER_EMAIL", email)
}

/// A setting of the repository or the person; none where it is empty.
pub(crate) fn setting(folder: &Path, name: &str) -> Option<String> {
    let value = Git::ask(folder, "config").args(["--get", name]).maybe().ok()??;
    Some(value).filter(|value| !value.trim().is_empty())
}
