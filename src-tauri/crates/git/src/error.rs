//! What can go wrong, for people.

/// Git could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GitError {
    /// What is wrong, with the place, git's own words and the remedy.
    pub message: String,
}

impl GitError {
    /// An error with this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
