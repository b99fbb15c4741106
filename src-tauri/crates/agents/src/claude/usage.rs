//! What the session used so far.
//!
//! A result tells what came since the last one of its process (`model_usage_since_last_result`), and the
//! session's totals (`modelUsage`, `total_cost_usd`). After SIGKILL those totals lack what the killed process
//! used; after SIGTERM they know what it cost, which nobody else does. The larger figure counts. Between results the messages tell what each
//! request read; what it wrote and cost is known at the result only.

use std::collections::VecDeque;

use miyabi_plan::Usd;
use miyabi_protocol::Usage;
use serde_json::Value;

use super::messages::at;
use crate::adapter::Output;
use crate::event::AgentEvent;

/// How many messages are remembered, because one message comes as several events; messages of
/// subagents stand between them.
const REMEMBERED: usize = 32;

/// The figures of one session.
#[derive(Debug)]
pub(super) struct Totals {
    /// At the last result; none while a resumed session has not told what it had used before.
    settled: Option<Usage>,
    /// Since then.
    running: Usage,
    counted: VecDeque<String>,
}

impl Totals {
    pub(super) fn new(settled: Option<Usage>) -> Self {
        Self { settled, running: Usage::default(), counted: VecDeque::new() }
    }

    pub(super) fn message(&mut self, event: &Value, out: &mut Output) {
        let message = event.get("message").unwrap_or(&Value::Null);
        let id = at(message, "id");
        let Some(usage) = message.get("usage") else { return };
        if id.is_empty() || id.len() > 256 || self.counted.iter().any(|counted| counted == id) {
            return;
        }
        if self.counted.len() >= REMEMBERED {
            self.counted.pop_front();
        }
        self.counted.push_back(id.to_owned());
        self.running = self.running.plus(&of_usage(usage));
        if let Some(settled) = &self.settled {
            out.say(AgentEvent::Usage(settled.plus(&self.running)));
        }
    }

    pub(super) fn result(&mut self, event: &Value, out: &mut Output) {
        let Some(total) = self.total(event).filter(|total| !total.is_zero()) else { return };
        self.settled = Some(total);
        self.running = Usage::default();
        out.say(AgentEvent::Usage(total));
    }

    fn total(&self, event: &Value) -> Option<Usage> {
        let models = |key| event.get(key).and_then(Value::as_object).filter(|models| !models.is_empty());
        let told = models("modelUsage").map(|models| {
            let cost = event.get("total_cost_usd").and_then(Value::as_f64).map(Usd::from_dollars);
            let total = sum(models);
            Usage { cost: cost.or(total.cost), ..total }
        });
        let Some(before) = self.settled else { return told };
        let counted = match (models("model_usage_since_last_result"), &told) {
            (Some(added), _) => before.plus(&sum(added)),
            // An older version, whose totals are the session's too.
            (None, Some(told)) => return Some(*told),
            // Nothing was answered; what the messages told is kept.
            (None, None) => before.plus(&self.running),
        };
        // Each can know of what the other does not.
        Some(told.map_or(counted, |told| larger(&counted, &told)))
    }
}

fn larger(one: &Usage, other: &Usage) -> Usage {
    Usage {
        input_tokens: one.input_tokens.max(other.input_tokens),
        cached_tokens: one.cached_tokens.max(other.cached_tokens),
        output_tokens: one.output_tokens.max(other.output_tokens),
        cost: one.cost.max(other.cost),
    }
}

fn sum(models: &serde_json::Map<String, Value>) -> Usage {
    models.values().map(of_model).fold(Usage::default(), |sum, one| sum.plus(&one))
}

fn of_usage(usage: &Value) -> Usage {
    let cached = count(usage, "cache_read_input_tokens");
    let fresh = count(usage, "input_tokens").saturating_add(count(usage, "cache_creation_input_tokens"));
    Usage {
        input_tokens: fresh.saturating_add(cached),
        cached_tokens: cached,
        output_tokens: count(usage, "output_tokens"),
        cost: None,
    }
}

fn of_model(usage: &Value) -> Usage {
    let cached = count(usage, "cacheReadInputTokens");
    let fresh = count(usage, "inputTokens").saturating_add(count(usage, "cacheCreationInputTokens"));
    Usage {
        input_tokens: fresh.saturating_add(cached),
        cached_tokens: cached,
        output_tokens: count(usage, "outputTokens"),
        cost: usage.get("costUSD").and_then(Value::as_f64).map(Usd::from_dollars),
    }
}

fn count(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}
