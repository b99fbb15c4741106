//! How a conversation begins: version, session, settings, and the first prompt.

use serde_json::{Value, json};

use super::{Acp, PROTOCOL_VERSION, failure, settings, text};
use crate::adapter::{Hearing, Output};
use crate::event::{AgentEvent, Failed};
use crate::json_rpc::RpcError;
use crate::shown::one_line;
use miyabi_plan::FailureCause;

/// Where a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The agent has not said yet what it can.
    Opening,
    /// It makes or loads the session.
    Session,
    /// It is told its mode and its model; so many answers are open.
    Settings(u8),
    /// It works.
    Turn,
    /// It waits for the next prompt.
    Idle,
    /// It could not begin.
    Over,
}

/// What an agent said that it can.
#[derive(Debug, Default)]
pub(super) struct Abilities {
    /// Taking up a session without telling it again.
    resume: bool,
    /// Taking up a session, telling it again.
    load: bool,
    /// Hearing something in the midst of a turn.
    pub(super) steering: bool,
    /// The ways to log in.
    logins: Vec<String>,
}

impl Abilities {
    fn read(answer: &Value) -> Self {
        let at = |path| answer.pointer(path);
        let logins = answer.get("authMethods").and_then(Value::as_array);
        Self {
            resume: at("/agentCapabilities/sessionCapabilities/resume").is_some_and(Value::is_object),
            load: at("/agentCapabilities/loadSession") == Some(&Value::Bool(true)),
            steering: at("/_meta/steering/supported") == Some(&Value::Bool(true)),
            logins: logins
                .into_iter()
                .flatten()
                .filter_map(|login| text(login, "name").or_else(|| text(login, "id")))
                .take(8)
                .map(one_line)
                .collect(),
        }
    }
}

impl Acp {
    pub(super) fn answered(
        &mut self,
        call: u64,
        method: &'static str,
        result: Result<Value, RpcError>,
        out: &mut Output,
    ) {
        match (method, result) {
            ("initialize", Ok(answer)) => self.initialized(&answer, out),
            ("session/new" | "session/load" | "session/resume", Ok(answer)) => {
                self.session_stands(&answer, out);
            }
            ("session/set_mode" | "session/set_config_option", result) => {
                self.set(method, result.err(), out);
            }
            ("session/prompt", result) => self.prompt_answered(result, out),
            (super::turn::STEERING, result) => self.steered(call, &result, out),
            (_, Ok(_)) => {}
            (method, Err(error)) => self.cannot_begin(method, &error, out),
        }
    }

    fn initialized(&mut self, answer: &Value, out: &mut Output) {
        if answer.get("protocolVersion").and_then(Value::as_u64) != Some(PROTOCOL_VERSION) {
            let spoken = answer.get("protocolVersion").unwrap_or(&Value::Null);
            let message = format!(
                "the agent speaks version {} of the Agent Client Protocol, and only {PROTOCOL_VERSION} is \
                 known here; install another version of it",
                one_line(&spoken.to_string()),
            );
            return self.end_turn(Some(Failed::new(FailureCause::NotStarted, message)), out);
        }
        self.can = Abilities::read(answer);
        let folder = self.start.work_folder.as_deref().unwrap_or(".");
        let mut params = json!({ "cwd": folder, "mcpServers": [] });
        let method = match &self.start.resume {
            None => "session/new",
            Some(_) if self.can.resume => "session/resume",
            Some(_) if self.can.load => "session/load",
            Some(_) => {
                self.is_lost = true;
                let message = "the agent cannot take up a session again";
                return self.end_turn(Some(Failed::new(FailureCause::AgentFailed, message)), out);
            }
        };
        if let Some(session) = &self.start.resume {
            params["sessionId"] = json!(session);
        }
        self.stage = Stage::Session;
        self.peer.call(method, &params, out);
    }

    fn session_stands(&mut self, answer: &Value, out: &mut Output) {
        let id = self.start.resume.clone().or_else(|| text(answer, "sessionId").map(ToOwned::to_owned));
        let Some(id) = id.filter(|id| id.len() <= 1024) else {
            let message = "the agent made a session without an id";
            return self.end_turn(Some(Failed::new(FailureCause::AgentFailed, message)), out);
        };
        let wanted = settings::wanted(answer, self.start.access, self.start.model.as_deref());
        let model = self.start.model.clone().filter(|_| wanted.model.is_some()).or(wanted.model_now);
        self.session = Some(id.clone());
        self.models = wanted.models;
        out.say(AgentEvent::Session { id: id.clone(), model });
        if let (Some(model), None) = (&self.start.model, &wanted.model) {
            out.say(AgentEvent::Notice(format!(
                "this agent offers no choice of models: `{model}` is not set"
            )));
        }
        let mut open = 0;
        for (method, mut params) in [wanted.mode, wanted.model].into_iter().flatten() {
            params["sessionId"] = json!(id);
            self.peer.call(method, &params, out);
            open += 1;
        }
        self.stage = Stage::Settings(open);
        self.begin_when_set(out);
    }

    fn set(&mut self, method: &str, error: Option<RpcError>, out: &mut Output) {
        let Stage::Settings(open) = self.stage else { return };
        if let Some(error) = error {
            // To work with more rights, or with a model of another price, is not what was asked for.
            let why = one_line(&error.message);
            let message = match (&self.start.model, method) {
                (Some(model), "session/set_config_option") if !self.models.is_empty() => {
                    format!("the agent refused the model `{model}`: {why}; it offers: {}", self.models)
                }
                _ => format!("the agent refused {method}: {why}"),
            };
            self.stage = Stage::Idle;
            return self.end_turn(Some(Failed::new(FailureCause::NotStarted, message)), out);
        }
        self.stage = Stage::Settings(open.saturating_sub(1));
        self.begin_when_set(out);
    }

    fn begin_when_set(&mut self, out: &mut Output) {
        if self.stage == Stage::Settings(0) {
            let prompt = std::mem::take(&mut self.start.prompt);
            self.prompt(&prompt, out);
        }
    }

    fn cannot_begin(&mut self, method: &str, error: &RpcError, out: &mut Output) {
        if !matches!(self.stage, Stage::Opening | Stage::Session) {
            return;
        }
        let mut failed = failure::of_error(error);
        self.is_lost = matches!(method, "session/load" | "session/resume") && !failed.cause.is_the_programs();
        failed.message = format!("{method}: {}", failed.message);
        if failed.cause == FailureCause::NotLoggedIn && !self.can.logins.is_empty() {
            failed.message = format!("{}; ways to log in: {}", failed.message, self.can.logins.join(", "));
        }
        self.end_turn(Some(failed), out);
    }

    pub(super) fn prompt(&mut self, said: &str, out: &mut Output) {
        let Some(session) = &self.session else { return };
        let params = json!({ "sessionId": session, "prompt": [{ "type": "text", "text": said }] });
        self.turn.begin();
        self.failure = None;
        self.stage = Stage::Turn;
        self.peer.call("session/prompt", &params, out);
    }

    /// Says something in the midst of a turn, by an extension that both adapters of the large programs have.
    pub(super) fn steer(&mut self, said: &str, out: &mut Output) -> Hearing {
        let (Some(session), true) = (&self.session, self.turn.can_hear()) else {
            return Hearing::AfterTheTurn;
        };
        let params = json!({
            "sessionId": session,
            "prompt": [{ "type": "text", "text": said }],
            "_meta": { "steering": { "idleBehavior": "promptRequired" } },
        });
        let call = self.peer.call(super::turn::STEERING, &params, out);
        self.turn.said(call, said);
        Hearing::Now
    }
}
