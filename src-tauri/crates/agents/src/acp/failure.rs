//! Failures told apart, from what an agent says about them.

use miyabi_plan::FailureCause;
use serde_json::Value;

use super::text;
use crate::adapter::Exit;
use crate::causes::of_words;
use crate::event::Failed;
use crate::json_rpc::RpcError;
use crate::shown::{one_line, shorten};

/// The protocol's code for an agent that is not logged in.
const AUTHENTICATION_REQUIRED: i64 = -32000;
/// The longest message, in bytes.
const MAX_MESSAGE: usize = 2 * 1024;

pub(super) fn of_error(error: &RpcError) -> Failed {
    let said = text(&error.data, "details").or_else(|| text(&error.data, "message"));
    let message = match said {
        Some(said) if !error.message.contains(said) => format!("{}: {said}", error.message),
        _ => error.message.clone(),
    };
    let cause = if error.code == AUTHENTICATION_REQUIRED {
        FailureCause::NotLoggedIn
    } else {
        let data = if error.data.is_null() { String::new() } else { error.data.to_string() };
        of_words(&format!("{message} {}", shorten(&data, MAX_MESSAGE)))
    };
    Failed::new(cause, shorten(message.trim(), MAX_MESSAGE))
}

/// A turn that ended with this reason, where that is a failure.
pub(super) fn of_stop(reason: &str, denied: bool) -> Option<Failed> {
    let (cause, message) = match reason {
        "end_turn" => return None,
        "max_tokens" => (FailureCause::ContextLimit, "the model's token limit is reached".to_owned()),
        "max_turn_requests" => {
            (FailureCause::ContextLimit, "it has had as many requests as one turn may have".to_owned())
        }
        "refusal" => (FailureCause::AgentFailed, "the model refused to go on".to_owned()),
        "cancelled" if denied => {
            (FailureCause::PermissionRefused, "it gave up because a permission was refused".to_owned())
        }
        "cancelled" => (FailureCause::AgentFailed, "its turn was cancelled".to_owned()),
        other => (FailureCause::AgentFailed, format!("its turn ended as `{}`", one_line(other))),
    };
    Some(Failed::new(cause, message))
}

/// A process that ended without an answer.
pub(super) fn of_exit(exit: Exit, last_words: &str) -> Failed {
    let (cause, how) = match (exit.signal, exit.code) {
        (Some(signal), _) => (FailureCause::Killed, format!("killed by signal {signal}")),
        (None, Some(code)) => {
            (FailureCause::Crashed, format!("ended with exit code {code} before its answer"))
        }
        (None, None) => (FailureCause::Crashed, "ended before its answer".to_owned()),
    };
    let words = last_words.trim();
    let message = if words.is_empty() { how } else { format!("{how}: {words}") };
    Failed::new(cause, shorten(&message, MAX_MESSAGE))
}

/// What a program said of a failure of its model, without saying its kind.
pub(super) fn of_model(said: &Value) -> Failed {
    let message = text(said, "message").unwrap_or_default();
    let details = text(said, "additionalDetails").unwrap_or_default();
    let told = if details.is_empty() { message } else { details };
    let told = if told.is_empty() { "the model's provider gave an error" } else { told };
    let words = format!("{told} {}", shorten(&said.to_string(), MAX_MESSAGE));
    let cause = match of_words(&words) {
        FailureCause::AgentFailed => FailureCause::ProviderDown,
        cause => cause,
    };
    Failed::new(cause, shorten(told, MAX_MESSAGE))
}
