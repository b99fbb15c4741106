//! What a runner learns from an agent program, whatever its language is.

/// One thing that an agent program said.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AgentEvent {
    /// Text for people: one line without its end, or a piece of a line that is too long.
    Text(Vec<u8>),
    /// How far it is, from 0 to 1.
    Progress(f64),
    /// It wrote this file; relative to the work folder or absolute.
    OutputFile(String),
    /// It has come to its end.
    Ended {
        /// Why it failed, for people; none when it succeeded.
        failure: Option<String>,
    },
}
