//! One turn: from a prompt to its answer.

use miyabi_plan::{FailureCause, Usd};
use miyabi_protocol::Usage;
use serde_json::{Value, json};

use super::speech::{Speech, Voice};
use super::tools::Tools;
use super::{Acp, failure, text};
use crate::adapter::Output;
use crate::event::{AgentEvent, Failed};
use crate::json_rpc::RpcError;
use crate::shown::shorten;

/// The request by which a client speaks to a working agent: `{sessionId, prompt}`, answered with an
/// `outcome` of `injected` or, when the turn had ended already, `promptRequired`.
pub(super) const STEERING: &str = "_session/steering";
/// How many words to a working agent may wait for their answers.
const MAX_SAID: usize = 32;

/// How often an agent is told in a turn of its own why something was not permitted: one that asks for
/// the same again and again ends by itself.
const MAX_REASONS: u32 = 3;

/// What is known of the turn that is under way.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) speech: Speech,
    pub(super) tools: Tools,
    /// Whether a permission was refused in it.
    pub(super) denied: bool,
    /// What the program said of a failure of its model.
    trouble: Option<Failed>,
    /// Whether the turn itself broke by it.
    is_broken: bool,
    /// What was said meanwhile and is not confirmed yet, by the call.
    said: Vec<(u64, String)>,
    /// What was said meanwhile and came too late for the turn.
    later: Vec<String>,
    /// Why something was denied, which the answer to the request has no place for.
    reasons: Vec<String>,
    /// How often it was told such reasons.
    told_why: u32,
    /// How it ended, while something that was said meanwhile is not confirmed yet.
    end: Option<Result<Value, RpcError>>,
}

impl Turn {
    pub(super) fn begin(&mut self) {
        self.speech.begin();
        self.tools.clear();
        self.denied = false;
        self.trouble = None;
        self.is_broken = false;
    }

    pub(super) fn can_hear(&self) -> bool {
        self.said.len() + self.later.len() < MAX_SAID && self.end.is_none()
    }

    pub(super) fn said(&mut self, call: u64, text: &str) {
        self.said.push((call, text.to_owned()));
    }

    pub(super) fn deny(&mut self, reason: &str) {
        self.denied = true;
        if !reason.trim().is_empty() && self.reasons.len() < MAX_SAID {
            self.reasons.push(format!("That was not permitted: {reason}"));
        }
    }

    /// What is said in the next turn of the same work, when this one has ended; some agents end
    /// theirs with the first refusal.
    fn next_words(&mut self, failure: Option<&Failed>) -> Vec<String> {
        let mut words = std::mem::take(&mut self.later);
        let reasons = std::mem::take(&mut self.reasons);
        let gave_up = failure.is_some_and(|failed| failed.cause == FailureCause::PermissionRefused);
        if (failure.is_none() || gave_up) && !reasons.is_empty() && self.told_why < MAX_REASONS {
            self.told_why += 1;
            words.extend(reasons);
        }
        words
    }

    pub(super) fn update(&mut self, update: &Value, used: &mut Counter, out: &mut Output) {
        match text(update, "sessionUpdate").unwrap_or_default() {
            "agent_message_chunk" if is_informational(update) => {
                let said = update.pointer("/content/text").and_then(Value::as_str).unwrap_or_default();
                out.say(AgentEvent::Notice(shorten(said.trim(), crate::event::MAX_TEXT)));
            }
            "agent_message_chunk" => self.speech.add(Voice::Message, update, out),
            "agent_thought_chunk" => self.speech.add(Voice::Thought, update, out),
            "tool_call" | "tool_call_update" => {
                self.speech.pause(out);
                self.tools.update(update, out);
            }
            "plan" => {
                if let Some(progress) = progress(update) {
                    out.say(AgentEvent::Progress(progress));
                }
            }
            "usage_update" => used.cost(update, out),
            "session_info_update" => self.trouble(update, out),
            _ => {}
        }
    }

    /// Codex's adapter ends a broken turn as a good one; what happened stands in its own notes.
    fn trouble(&mut self, update: &Value, out: &mut Output) {
        if let Some(error) = update.pointer("/_meta/codex/error") {
            let failed = failure::of_model(error);
            out.say(AgentEvent::Notice(failed.message.clone()));
            self.trouble = Some(failed);
        }
        if let Some(status) = update.pointer("/_meta/codex/threadStatus/type").and_then(Value::as_str) {
            self.is_broken = status == "systemError" || (self.is_broken && status == "idle");
        }
    }

    fn broken(&mut self) -> Option<Failed> {
        let summary = self.speech.summary();
        let unknown = || failure::of_model(&json!({ "message": summary }));
        self.is_broken.then(|| self.trouble.take().unwrap_or_else(unknown))
    }
}

/// A note of the adapter itself among the agent's words.
fn is_informational(update: &Value) -> bool {
    update.pointer("/_meta/claudeCode/kind").and_then(Value::as_str) == Some("informational")
}

fn progress(update: &Value) -> Option<f64> {
    let entries = update.get("entries").and_then(Value::as_array).filter(|entries| !entries.is_empty())?;
    let done = entries.iter().filter(|entry| text(entry, "status") == Some("completed")).count();
    let share = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    Some(share(done) / share(entries.len()))
}

/// What the session used. Both real adapters tell tokens for a turn, and money for the session, also
/// after it was taken up again.
#[derive(Debug, Default)]
pub(super) struct Counter {
    used: Usage,
    before: Usage,
}

impl Counter {
    /// What the session had used before this process.
    pub(super) fn begin_at(&mut self, used: Usage) {
        (self.used, self.before) = (used, used);
    }

    fn cost(&mut self, update: &Value, out: &mut Output) {
        let in_dollars = update.pointer("/cost/currency").and_then(Value::as_str) == Some("USD");
        let amount = update.pointer("/cost/amount").and_then(Value::as_f64).filter(|_| in_dollars);
        if let Some(amount) = amount.filter(|amount| amount.is_finite() && *amount >= 0.0) {
            let before = self.before.cost.unwrap_or_default();
            let told = Usd::from_dollars(amount);
            // An agent that began to count anew has used at least what it had used before.
            self.used.cost = Some(if told < before { before + told } else { told });
            out.say(AgentEvent::Usage(self.used));
        }
    }

    fn turn(&mut self, usage: &Value, out: &mut Output) {
        let tokens = |name| usage.get(name).and_then(Value::as_u64).unwrap_or_default();
        let cached = tokens("cachedReadTokens");
        let read = tokens("inputTokens").saturating_add(cached).saturating_add(tokens("cachedWriteTokens"));
        let turn = Usage {
            input_tokens: read,
            cached_tokens: cached,
            output_tokens: tokens("outputTokens"),
            cost: None,
        };
        if !turn.is_zero() {
            self.used = self.used.plus(&turn);
            out.say(AgentEvent::Usage(self.used));
        }
    }
}

impl Acp {
    pub(super) fn prompt_answered(&mut self, result: Result<Value, RpcError>, out: &mut Output) {
        self.turn.speech.pause(out);
        if let Ok(answer) = &result {
            self.used.turn(answer.get("usage").unwrap_or(&Value::Null), out);
        }
        self.turn.end = Some(result);
        self.settle(out);
    }

    /// What was said in the midst of the turn reached the agent, or did not.
    pub(super) fn steered(&mut self, call: u64, result: &Result<Value, RpcError>, out: &mut Output) {
        let Some(at) = self.turn.said.iter().position(|(said, _)| *said == call) else { return };
        let (_, said) = self.turn.said.remove(at);
        let outcome = result.as_ref().ok().and_then(|answer| text(answer, "outcome"));
        if !matches!(outcome, Some("injected" | "startedNewTurn")) {
            self.turn.later.push(said);
        }
        self.settle(out);
    }

    /// Ends the turn once it is known of everything that was said whether it was heard.
    fn settle(&mut self, out: &mut Output) {
        if !self.turn.said.is_empty() {
            return;
        }
        let Some(result) = self.turn.end.take() else { return };
        let failure = match result {
            Err(error) => Some(failure::of_error(&error)),
            Ok(answer) => {
                let reason = text(&answer, "stopReason").unwrap_or("without a reason");
                self.turn.broken().or_else(|| failure::of_stop(reason, self.turn.denied))
            }
        };
        let told_why = self.turn.told_why;
        let words = self.turn.next_words(failure.as_ref());
        if (failure.is_none() || self.turn.told_why > told_why) && !words.is_empty() {
            self.turn.speech.pause(out);
            return self.prompt(&words.join("\n\n"), out);
        }
        if !words.is_empty() {
            out.say(AgentEvent::Notice("what was said last did not reach the agent".to_owned()));
        }
        self.end_turn(failure, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_is_denied_the_same_again_and_again_hears_why_a_few_times() {
        let mut turn = Turn::default();
        let heard = (0..10).filter(|_| {
            turn.begin();
            turn.deny("not here");
            !turn.next_words(None).is_empty()
        });
        assert_eq!(heard.count(), 3);
        turn.deny(" ");
        turn.later.push("and more".to_owned());
        assert_eq!(turn.next_words(None), ["and more"], "what a person said is always told");
    }
}
