//! What may stand between us and a host until a person says something. Nothing of an answer is ever
//! written to a file, a log or the journal.

use serde::{Deserialize, Serialize};

/// What a person has to say before a host can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case", tag = "question")]
pub enum HostQuestion {
    /// Its key is not known: is it the right one?
    UnknownKey {
        /// As `ssh` writes it, `SHA256:…`.
        fingerprint: String,
        /// As in `ssh-ed25519`.
        key_type: String,
        /// Under which name it would be kept, and in which file.
        kept_as: String,
    },
    /// A key file is locked.
    Passphrase {
        /// The key's file.
        key: String,
    },
    /// The host wants a password.
    Password {
        /// What it says, in its own words.
        prompt: String,
    },
}

/// A text that shows itself to nobody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}
