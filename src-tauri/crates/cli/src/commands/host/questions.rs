//! What a host asks, asked of the person at the terminal. Nothing of an answer is kept or shown.

use miyabi_api::{HostAnswer, HostQuestion, Secret};

use crate::{terminal, text};

/// Asks the person; none when they do not want to answer, or nobody is there. `answered` is the question
/// that was answered last: the same once more means that the answer was wrong.
pub(super) fn ask(
    host: &str,
    question: &HostQuestion,
    answered: Option<&HostQuestion>,
) -> Option<HostAnswer> {
    if !terminal::has_person() {
        return None;
    }
    if answered == Some(question) {
        eprintln!("That was not it.");
    }
    let secret =
        |prompt: &str| terminal::secret(prompt).map(|word| HostAnswer::Secret { secret: Secret(word) });
    match question {
        HostQuestion::UnknownKey { fingerprint, .. } => {
            eprintln!("{}", unknown_key(host, question));
            let trusted = terminal::agrees("Is this the right key? Then it is kept.");
            trusted.then(|| HostAnswer::Trust { fingerprint: fingerprint.clone() })
        }
        HostQuestion::Passphrase { key } => secret(&format!("passphrase of {}: ", text::clean(key))),
        HostQuestion::Password { prompt } => {
            secret(&format!("{} asks: {} ", text::clean(host), text::short(prompt, 100).trim_end()))
        }
    }
}

/// The words before the question about a key.
fn unknown_key(host: &str, question: &HostQuestion) -> String {
    let HostQuestion::UnknownKey { fingerprint, key_type, kept_as } = question else { return String::new() };
    let (host, key_type) = (text::clean(host), text::short(key_type, 40));
    format!(
        "{host} shows a key that is not known:\n  {key_type} {}\nCompare it with the host's own: ssh-keygen -lf \
         /etc/ssh/ssh_host_*_key.pub, at its console.\nIt would be kept as {}.",
        text::short(fingerprint, 100),
        text::short(kept_as, 160)
    )
}

/// A question in a line, for a list.
pub(super) fn line(question: &HostQuestion) -> String {
    match question {
        HostQuestion::UnknownKey { fingerprint, .. } => {
            format!("its key is not known: {}", text::short(fingerprint, 100))
        }
        HostQuestion::Passphrase { key } => format!("the key {} is locked", text::short(key, 100)),
        HostQuestion::Password { .. } => "it wants a password".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_with_how_to_compare_it_and_no_host_moves_the_cursor() {
        let question = HostQuestion::UnknownKey {
            fingerprint: "SHA256:abc\u{1b}[2K".to_owned(),
            key_type: "ssh-ed25519".to_owned(),
            kept_as: "mugen in /home/me/.ssh/known_hosts".to_owned(),
        };
        insta::assert_snapshot!(unknown_key("mugen", &question));
    }
}
