//! The mode and the model that a session is set to, from what the agent offers.

use miyabi_plan::Access;
use serde_json::{Value, json};

use super::text;
use crate::shown::shorten;

/// The calls that set a session up; the session's id is still to be added.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wanted {
    pub(super) mode: Option<(&'static str, Value)>,
    pub(super) model: Option<(&'static str, Value)>,
    /// The model that it has without a word of ours.
    pub(super) model_now: Option<String>,
    /// The models to choose from, for people.
    pub(super) models: String,
}

/// Names of modes that agents in use have, the most fitting first: those of `claude-agent-acp`,
/// `codex-acp` and Gemini CLI. No mode that only plans is among them, because the work would not be done.
fn modes(access: Access) -> &'static [&'static str] {
    match access {
        Access::Read => &["read-only", "default", "ask"],
        Access::Edit => &["acceptEdits", "workspace-write", "autoEdit", "auto_edit", "default"],
        Access::Full => &[
            "bypassPermissions",
            "agent-full-access",
            "full-access",
            "yolo",
            "acceptEdits",
            "workspace-write",
            "autoEdit",
        ],
    }
}

pub(super) fn wanted(session: &Value, access: Access, model: Option<&str>) -> Wanted {
    let options = session.get("configOptions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of = |category| options.iter().find(|option| text(option, "category") == Some(category));
    let model_option =
        of("model").or_else(|| options.iter().find(|option| text(option, "id") == Some("model")));
    let now = model_option.and_then(|option| text(option, "currentValue"));
    let now = now.or_else(|| session.pointer("/models/currentModelId").and_then(Value::as_str));
    let set = |option: &Value, value: &str| {
        let id = text(option, "id")?;
        Some(("session/set_config_option", json!({ "configId": id, "value": value })))
    };
    Wanted {
        mode: mode_by_list(session, access)
            .or_else(|| mode_by_option(of("mode")?, access).and_then(|(option, mode)| set(option, mode))),
        model: model.and_then(|model| set(model_option?, model)),
        models: model_option.map(names).unwrap_or_default(),
        model_now: now.map(|model| shorten(model, 200)),
    }
}

fn names(option: &Value) -> String {
    let offered = option.get("options").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> = offered.filter_map(|offer| text(offer, "value")).take(32).collect();
    shorten(&names.join(", "), 400)
}

fn mode_by_list(session: &Value, access: Access) -> Option<(&'static str, Value)> {
    let offered = session.pointer("/modes/availableModes")?.as_array()?;
    let is_offered = |mode: &&&str| offered.iter().any(|offer| text(offer, "id") == Some(**mode));
    let mode = modes(access).iter().find(is_offered)?;
    Some(("session/set_mode", json!({ "modeId": mode })))
}

fn mode_by_option(option: &Value, access: Access) -> Option<(&Value, &'static str)> {
    let offered = option.get("options")?.as_array()?;
    let is_offered = |mode: &&&str| offered.iter().any(|offer| text(offer, "value") == Some(**mode));
    modes(access).iter().find(is_offered).map(|mode| (option, *mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(modes: &[&str]) -> Value {
        let modes: Vec<Value> = modes.iter().map(|id| json!({ "id": id })).collect();
        json!({ "modes": { "availableModes": modes, "currentModeId": "auto" } })
    }

    #[test]
    fn the_mode_gives_what_the_plan_gives_and_no_more() {
        let claude = offers(&["default", "acceptEdits", "plan", "auto"]);
        let codex = offers(&["read-only", "workspace-write", "agent", "agent-full-access"]);
        let mode = |session: &Value, access| {
            let (_, params) = wanted(session, access, None).mode?;
            text(&params, "modeId").map(ToOwned::to_owned)
        };
        for (session, access, expected) in [
            (&claude, Access::Read, Some("default")),
            (&claude, Access::Edit, Some("acceptEdits")),
            (&claude, Access::Full, Some("acceptEdits")),
            (&codex, Access::Read, Some("read-only")),
            (&codex, Access::Edit, Some("workspace-write")),
            (&codex, Access::Full, Some("agent-full-access")),
            (&offers(&["plan"]), Access::Edit, None),
            (&json!({}), Access::Edit, None),
        ] {
            assert_eq!(mode(session, access).as_deref(), expected, "{session} {access:?}");
        }
    }

    #[test]
    fn modes_and_models_may_also_be_options() {
        let session = json!({ "configOptions": [
            { "id": "m", "category": "mode", "options": [{ "value": "default" }, { "value": "yolo" }] },
            { "id": "model", "category": "model", "currentValue": "a", "options": [{ "value": "a" }, { "value": "c" }] },
        ]});
        let wanted = wanted(&session, Access::Full, Some("b"));
        assert_eq!(
            wanted.mode,
            Some(("session/set_config_option", json!({ "configId": "m", "value": "yolo" })))
        );
        assert_eq!(
            wanted.model,
            Some(("session/set_config_option", json!({ "configId": "model", "value": "b" })))
        );
        assert_eq!(wanted.model_now.as_deref(), Some("a"));
        assert_eq!(wanted.models, "a, c");
    }
}
