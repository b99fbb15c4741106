//! What a runner learns from an agent program, whatever its language is.

use miyabi_plan::FailureCause;
use miyabi_protocol::{ApprovalRequest, Timestamp, Usage};

/// The longest text of one event, in bytes; what is longer is shortened, and whole in the raw log.
pub const MAX_TEXT: usize = 16 * 1024;

/// One thing that an agent program said.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AgentEvent {
    /// Its session stands, and can be taken up again under this id.
    Session {
        /// The session's or thread's id, as the program names it.
        id: String,
        /// The model, where the program says so.
        model: Option<String>,
    },
    /// Text for people: one line without its end, or a piece of a line that is too long.
    Text(Vec<u8>),
    /// What it says to the person: whole paragraphs.
    Message(String),
    /// What it thinks aloud.
    Thinking(String),
    /// It uses a tool.
    ToolCall {
        /// Joins the call with its result.
        id: String,
        /// The tool, as the program names it.
        tool: String,
        /// What it does with it, in a line.
        what: String,
    },
    /// What came of it.
    ToolResult {
        /// Of which call.
        id: String,
        /// Whether it failed.
        failed: bool,
        /// What it gave; shortened.
        text: String,
    },
    /// It wrote, moved or removed this file; relative to the work folder or absolute.
    OutputFile(String),
    /// What its session used so far, all turns together.
    Usage(Usage),
    /// It waits for permission.
    Asks(ApprovalRequest),
    /// It does not wait for this answer any more.
    AskGone {
        /// Which request.
        id: String,
    },
    /// How far it is, from 0 to 1.
    Progress(f64),
    /// Something that a person should see in the transcript, as a retry of its own.
    Notice(String),
    /// A turn has come to its end, and the program waits for what is said next.
    TurnEnded(TurnEnd),
    /// The program has come to its end.
    Ended {
        /// Why it failed, for people; none when it succeeded.
        failure: Option<String>,
    },
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TurnEnd {
    /// Why it failed; none when it went well.
    pub failure: Option<Failed>,
    /// The last words.
    pub summary: String,
}

/// A failure that a program told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Why, for programs.
    pub cause: FailureCause,
    /// Why, for people.
    pub message: String,
    /// When a rate limit ends, where the program said so.
    pub until: Option<Timestamp>,
}

impl Failed {
    /// A failure without a time.
    #[must_use]
    pub fn new(cause: FailureCause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), until: None }
    }
}
