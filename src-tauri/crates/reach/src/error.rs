//! Why a host was not reached.

use miyabi_protocol::HostQuestion;

/// Why a host was not reached. Each says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// A person has to say something first.
    #[error("{}", asked(.question, *.was_wrong))]
    Question {
        /// What.
        question: HostQuestion,
        /// Whether the answer that was given before was wrong.
        was_wrong: bool,
    },
    /// Its key is another one than the one that is kept: nothing goes on by itself.
    #[error(
        "the key of {name} has changed: {file}, line {line}, keeps another one. Somebody may be listening. If the host was set up anew, remove the old key (`ssh-keygen -R {name}`), then test the host again"
    )]
    ChangedKey {
        /// Under which name it is kept.
        name: String,
        /// In which file.
        file: String,
        /// In which line, from 1.
        line: u32,
    },
    /// It turned us away.
    #[error("{why}; {remedy}")]
    Refused {
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// Nothing answers; it is worth trying again.
    #[error("{why}")]
    Unreachable {
        /// Why.
        why: String,
    },
    /// It was reached, and cannot run a helper.
    #[error("{why}; {remedy}")]
    Unfit {
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
}

fn asked(question: &HostQuestion, was_wrong: bool) -> String {
    let wrong = if was_wrong { "that was not it: " } else { "" };
    match question {
        HostQuestion::UnknownKey { fingerprint, key_type, kept_as } => {
            format!("the key of this host is not known ({kept_as}): {key_type} {fingerprint}")
        }
        HostQuestion::Passphrase { key } => format!("{wrong}the key {key} is locked by a passphrase"),
        HostQuestion::Password { prompt } => format!("{wrong}the host asks: {prompt}"),
    }
}
