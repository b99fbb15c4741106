//! Names of tasks, agents, hosts and attempts.
//!
//! Every id matches `[A-Za-z][A-Za-z0-9_-]{0,47}`, so that it is safe in a file name, a tmux
//! window name and a git branch without any quoting. Ids are unique ignoring case; the spelling
//! of the plan is kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id, in characters.
pub const MAX_ID_LENGTH: usize = 48;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid id: an id starts with a letter, goes on with letters, digits, `_` or `-`, and has at most {MAX_ID_LENGTH} characters"
)]
pub struct IdError {
    /// The refused text, shortened for display.
    pub text: String,
}

fn check(text: &str) -> Result<(), IdError> {
    let mut characters = text.chars();
    let head = characters.next().is_some_and(|c| c.is_ascii_alphabetic());
    let tail = characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if head && tail && text.len() <= MAX_ID_LENGTH {
        return Ok(());
    }
    let text = text.chars().take(60).flat_map(char::escape_debug).collect();
    Err(IdError { text })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        pub struct $name(String);

        impl $name {
            /// Checks a text and takes it as an id.
            ///
            /// # Errors
            /// [`IdError`] when the text is not an id.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The id as it is written in the plan.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form under which ids are compared for uniqueness.
            #[must_use]
            pub fn folded(&self) -> String {
                self.0.to_ascii_lowercase()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A task, as in `Task-1`.
    TaskId
);
id!(
    /// An agent, as in `CCG-1`.
    AgentId
);
id!(
    /// A host, as in `MUGEN`.
    HostId
);
id!(
    /// Who may take a task: the part of an agent's id before its first `-`, as in `CCG`.
    Kind
);

impl AgentId {
    /// The kind of this agent: the part of its id before the first `-`.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let text = self.0.split_once('-').map_or(self.0.as_str(), |(kind, _)| kind);
        Kind(text.to_owned())
    }
}

/// One try of a task. Results count only for a task's current attempt.
///
/// Written as `Task-2.1`: an id has no `.`, so the text is unambiguous and safe in a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[cfg_attr(feature = "specta", specta(type = String))]
pub struct AttemptId {
    /// The task that is tried.
    pub task: TaskId,
    /// Counts the tries of this task from 1.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.task, self.number)
    }
}

impl FromStr for AttemptId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let refused = || IdError { text: text.chars().take(60).collect() };
        let (task, number) = text.rsplit_once('.').ok_or_else(refused)?;
        let number = number.parse().ok().filter(|n| *n > 0).ok_or_else(refused)?;
        Ok(Self { task: TaskId::new(task)?, number })
    }
}

impl Serialize for AttemptId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttemptId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A place with a state folder and a helper of its own: this machine, whatever hosts of a plan are
/// played on it, or a host that is reached over a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The machine of the backend.
    Here,
    /// This host.
    There(HostId),
}

impl Site {
    /// The host at the other end of the link; none here.
    #[must_use]
    pub const fn host(&self) -> Option<&HostId> {
        match self {
            Self::Here => None,
            Self::There(host) => Some(host),
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("this machine"),
            Self::There(host) => host.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_safe_in_file_names_and_branches() {
        for good in ["T", "Task-1", "CG-10", "a_b-C9", &"x".repeat(48)] {
            assert!(TaskId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a.b", "a b", "a/b", "../a", "日本", "a\n", &"x".repeat(49)] {
            assert!(TaskId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_kind_ends_at_the_first_dash() {
        let kind = |text: &str| AgentId::new(text).map(|id| id.kind().to_string());
        assert_eq!(kind("CCG-1"), Ok("CCG".to_owned()));
        assert_eq!(kind("CG-10-b"), Ok("CG".to_owned()));
        assert_eq!(kind("Solo"), Ok("Solo".to_owned()));
    }

    #[test]
    fn an_attempt_reads_back_what_it_writes() {
        let attempt: AttemptId = "Task-2.13".parse().expect("valid");
        assert_eq!((attempt.task.as_str(), attempt.number), ("Task-2", 13));
        assert_eq!(attempt.to_string(), "Task-2.13");
        for bad in ["Task-2", "Task-2.0", "Task-2.x", ".1", "Task-2.-1"] {
            assert!(bad.parse::<AttemptId>().is_err(), "{bad}");
        }
    }
}
