//! Requests for permission, and the options to answer them with.

use std::collections::BTreeMap;

use miyabi_protocol::{ApprovalAnswer, ApprovalRequest, Timestamp};
use serde_json::{Value, json};

use super::text;
use super::tools::Tools;
use crate::shown::shorten;

/// The longest detail, in bytes.
const MAX_DETAIL: usize = 4 * 1024;
/// The longest id of an option.
const MAX_OPTION: usize = 1024;

/// The ids of the options that mean yes and no.
#[derive(Debug)]
struct Options {
    yes: Option<String>,
    no: Option<String>,
}

/// The requests that wait. The peer bounds their number.
#[derive(Debug, Default)]
pub(super) struct Asks {
    open: BTreeMap<String, Options>,
}

impl Asks {
    pub(super) fn ask(
        &mut self,
        id: String,
        params: &Value,
        tools: &Tools,
        now: Timestamp,
    ) -> ApprovalRequest {
        // What holds for later too is for the plan's rules: a program's own memory is never fed.
        let option = |kind: &str| {
            let options = params.get("options")?.as_array()?;
            let found = options.iter().find(|option| text(option, "kind") == Some(kind))?;
            text(found, "optionId").filter(|id| id.len() <= MAX_OPTION).map(ToOwned::to_owned)
        };
        let options = Options { yes: option("allow_once"), no: option("reject_once") };
        let call = params.get("toolCall").unwrap_or(&Value::Null);
        let (tool, what) = tools.describe(call);
        self.open.insert(id.clone(), options);
        ApprovalRequest { id, tool, what, detail: detail(call), asked_at: now }
    }

    /// The outcome that an answer means; none for a request that does not wait.
    pub(super) fn answer(&mut self, id: &str, answer: &ApprovalAnswer) -> Option<Value> {
        let options = self.open.remove(id)?;
        let chosen = match answer {
            ApprovalAnswer::Allow => options.yes,
            ApprovalAnswer::Deny { .. } => options.no,
        };
        Some(chosen.map_or_else(
            || json!({ "outcome": { "outcome": "cancelled" } }),
            |option| json!({ "outcome": { "outcome": "selected", "optionId": option } }),
        ))
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.open.remove(id);
    }

    /// All that wait; none does any more.
    pub(super) fn all(&mut self) -> Vec<String> {
        std::mem::take(&mut self.open).into_keys().collect()
    }
}

fn detail(call: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(title) = text(call, "title") {
        parts.push(shorten(title, MAX_DETAIL));
    }
    if let Some(input) = call.get("rawInput").filter(|input| !input.is_null()) {
        let shown = serde_json::to_string_pretty(input).unwrap_or_default();
        parts.push(shorten(&shown, MAX_DETAIL));
    }
    shorten(&parts.join("\n"), MAX_DETAIL)
}
