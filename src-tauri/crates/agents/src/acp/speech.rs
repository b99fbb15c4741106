//! Puts the pieces of what an agent says and thinks together again.

use serde_json::Value;

use super::text;
use crate::adapter::Output;
use crate::event::{AgentEvent, MAX_TEXT};
use crate::shown::{head, shorten};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Voice {
    #[default]
    Message,
    Thought,
}

/// What is being said.
#[derive(Debug, Default)]
pub(super) struct Speech {
    voice: Voice,
    /// Names the message, where the agent does.
    message: Option<String>,
    /// What was not given out yet.
    open: String,
    /// The last message, from its beginning.
    last: String,
    /// Whether the next piece begins a message.
    paused: bool,
}

impl Speech {
    /// Takes a piece, and gives out what is complete: whole paragraphs.
    pub(super) fn add(&mut self, voice: Voice, update: &Value, out: &mut Output) {
        let content = update.get("content").unwrap_or(&Value::Null);
        let Some(piece) = text(content, "text") else { return };
        let message = text(update, "messageId").map(|id| shorten(id, 200));
        if voice != self.voice || message != self.message {
            self.pause(out);
            (self.voice, self.message) = (voice, message);
        }
        if voice == Voice::Message && std::mem::take(&mut self.paused) {
            self.last.clear();
        }
        if voice == Voice::Message && self.last.len() < MAX_TEXT {
            self.last.push_str(head(piece, MAX_TEXT));
        }
        self.open.push_str(piece);
        if let Some(end) = self.open.rfind("\n\n") {
            let rest = self.open.split_off(end + 2);
            self.give(out);
            self.open = rest;
        }
        if self.open.len() > MAX_TEXT {
            self.give(out);
        }
    }

    /// Something else happens: what was said is complete.
    pub(super) fn pause(&mut self, out: &mut Output) {
        self.give(out);
        self.message = None;
        self.voice = Voice::default();
        self.paused = true;
    }

    /// A new turn begins.
    pub(super) fn begin(&mut self) {
        self.last.clear();
    }

    /// The last message.
    pub(super) fn summary(&self) -> String {
        shorten(self.last.trim(), MAX_TEXT)
    }

    fn give(&mut self, out: &mut Output) {
        let said = std::mem::take(&mut self.open);
        let mut rest = said.trim_matches('\n');
        while !rest.trim().is_empty() {
            let (piece, left) = rest.split_at(head(rest, MAX_TEXT).len());
            out.say(match self.voice {
                Voice::Message => AgentEvent::Message(piece.to_owned()),
                Voice::Thought => AgentEvent::Thinking(piece.to_owned()),
            });
            rest = left;
        }
    }
}
