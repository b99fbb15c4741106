//! What one agent's entry says: its command, mode, access, tools and environment, and whether they
//! fit its runner.

use crate::model::RunnerKind;
use crate::policy::{Access, AgentMode};
use crate::read::crew::Crew;
use crate::read::report::{Report, nearest};
use crate::read::source::Step;
use crate::schema::{AgentEntry, McpToolEntry};

/// What may stand in an argument of an MCP tool.
const PLACEHOLDERS: [&str; 5] = ["prompt", "work_folder", "session", "model", "sandbox"];
/// How the name of a variable ends that holds a secret.
const SECRETS: [&str; 5] = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_CREDENTIALS"];

/// The ways in which a runner's program can be spoken to, the usual one first; none where there is
/// only one.
pub(crate) const fn modes(runner: RunnerKind) -> &'static [AgentMode] {
    match runner {
        RunnerKind::Claude => &[AgentMode::Headless, AgentMode::Interactive],
        RunnerKind::Codex => &[AgentMode::AppServer, AgentMode::Exec, AgentMode::Mcp, AgentMode::Interactive],
        RunnerKind::Acp
        | RunnerKind::Mcp
        | RunnerKind::Command
        | RunnerKind::External
        | RunnerKind::Rehearsal => &[],
    }
}

const fn word(mode: AgentMode) -> &'static str {
    match mode {
        AgentMode::Headless => "headless",
        AgentMode::Exec => "exec",
        AgentMode::AppServer => "app-server",
        AgentMode::Mcp => "mcp",
        AgentMode::Interactive => "interactive",
    }
}

impl Crew {
    pub(crate) fn check_agent(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        self.check_command(at, agent, report);
        self.check_mode(at, agent, report);
        self.check_model(at, agent, report);
        self.check_access(at, agent, report);
        self.check_tools(at, agent, report);
        self.check_environment(at, agent, report);
    }

    fn check_command(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        let Some(place) = self.agent_place(at, &[Step::Key("command")]) else { return };
        let program = agent.command.as_ref().map(|command| command.first().map_or("", |word| word.trim()));
        match (agent.runner, program) {
            (RunnerKind::Command, None) => {
                let message = format!("{} is run as a command and names none.", agent.id);
                let remedy = "Add the program and its arguments under `command`.";
                report.error("no-command", place, message, remedy);
            }
            (RunnerKind::Acp, None) => {
                let message = format!("{} is a program that speaks ACP, and none is named.", agent.id);
                let remedy = "Add it under `command`, as in `[\"gemini\", \"--experimental-acp\"]`.";
                report.error("no-command", place, message, remedy);
            }
            (RunnerKind::Mcp, None) => {
                let message = format!("{} is run by an MCP server, and none is named.", agent.id);
                let remedy = "Add the server under `command`, as in `[\"node\", \"server/index.js\"]`.";
                report.error("no-command", place, message, remedy);
            }
            (RunnerKind::External | RunnerKind::Rehearsal, Some(_)) => {
                let message = format!("{} has a `command`, which its runner does not use.", agent.id);
                report.warning("unused-command", place, message, "Remove it, or set `runner` to `command`.");
            }
            (_, Some("")) => {
                let message = format!("The command of {} has no program.", agent.id);
                report.error("empty-command", place, message, "Write the program first, then its arguments.");
            }
            (_, Some(_) | None) => {}
        }
    }

    fn check_mode(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        let (Some(mode), Some(place)) = (agent.mode, self.agent_place(at, &[Step::Key("mode")])) else {
            return;
        };
        let known = modes(agent.runner);
        if !known.contains(&mode) {
            let message = format!(
                "{} is run by `{}`, which has no mode `{}`.",
                agent.id,
                agent.runner.word(),
                word(mode)
            );
            let words: Vec<&str> = known.iter().map(|mode| word(*mode)).collect();
            let remedy = if words.is_empty() {
                "Remove it: this runner knows one way only.".to_owned()
            } else {
                format!("Write one of `{}`.", words.join("`, `"))
            };
            report.error("wrong-mode", place, message, remedy);
        } else if mode == AgentMode::Interactive {
            let message = format!(
                "{} works on its program's own screen: what it costs is not seen, and it asks for permission there.",
                agent.id
            );
            let remedy = format!(
                "Watch its tmux window with `miyabi attach {}`, or set `mode` to `{}`.",
                agent.id,
                known.first().map_or("", |mode| word(*mode))
            );
            report.warning("interactive", place, message, remedy);
        }
    }

    fn check_model(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        for (key, text) in [("model", &agent.model), ("account", &agent.account)] {
            let (Some(text), Some(place)) = (text, self.agent_place(at, &[Step::Key(key)])) else { continue };
            if !agent.runner.has_model() {
                self.unused(at, key, agent, report);
            } else if text.trim().is_empty() || text.starts_with('-') || text.chars().any(char::is_control) {
                let message =
                    format!("`{key}` of {} is `{}`, which is no name.", agent.id, text.escape_debug());
                let remedy = format!("Write the {key}'s name, or leave `{key}` out.");
                report.error("bad-name", place, message, remedy);
            }
        }
    }

    fn check_access(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        let (Some(access), Some(place)) = (agent.access, self.agent_place(at, &[Step::Key("access")])) else {
            return;
        };
        if !agent.runner.has_model() {
            self.unused(at, "access", agent, report);
        } else if access == Access::Full {
            let message = format!(
                "{} may run any command and change any file of yours on its host, without asking and without a sandbox.",
                agent.id
            );
            let remedy = "Leave it only on a host that may be lost; otherwise write `edit` and allow tools in `approvals`.";
            report.warning("full-access", place, message, remedy);
        }
    }

    fn unused(&self, at: usize, key: &'static str, agent: &AgentEntry, report: &mut Report) {
        let Some(place) = self.agent_place(at, &[Step::Key(key)]) else { return };
        let message =
            format!("{} has `{key}`, which the runner `{}` does not use.", agent.id, agent.runner.word());
        report.warning("unused-key", place, message, "Remove it.");
    }

    fn check_tools(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        let Some(place) = self.agent_place(at, &[Step::Key("tools")]) else { return };
        let by_mcp = agent.runner == RunnerKind::Codex && agent.mode == Some(AgentMode::Mcp);
        match (agent.runner, &agent.tools) {
            // Tools that cannot be used were told already.
            (RunnerKind::Mcp, None) if report.tells_of(&place) => {}
            (RunnerKind::Mcp, None) => {
                let message = format!("{} is run by an MCP server, and its tools are not named.", agent.id);
                let remedy = "Add `tools` with `start`: the tool's `name` and its `arguments`, one of them `\"{{prompt}}\"`.";
                report.error("no-tools", place, message, remedy);
            }
            (runner, Some(tools)) if runner == RunnerKind::Mcp || by_mcp => {
                self.check_tool(at, ("start", &["prompt"]), &tools.start, report);
                if let Some(reply) = &tools.reply {
                    self.check_tool(at, ("reply", &["prompt", "session"]), reply, report);
                }
            }
            (_, Some(_)) => self.unused(at, "tools", agent, report),
            (_, None) => {}
        }
    }

    /// A tool must be told the prompt, and one that goes on in a session must be told which.
    fn check_tool(
        &self,
        at: usize,
        (key, needed): (&'static str, &[&str]),
        tool: &McpToolEntry,
        report: &mut Report,
    ) {
        let path = [Step::Key("tools"), Step::Key(key)];
        let mut used = Vec::new();
        for (name, text) in &tool.arguments {
            for placeholder in placeholders(text) {
                used.push(placeholder);
                let path = [&path[..], &[Step::Key("arguments"), Step::Key(name)]].concat();
                let Some(place) = self.agent_place(at, &path) else { continue };
                if !PLACEHOLDERS.contains(&placeholder) {
                    let message = format!("`{{{{{placeholder}}}}}` stands for nothing.");
                    let remedy = nearest(placeholder, PLACEHOLDERS).map_or_else(
                        || format!("Write one of `{}` in the braces.", PLACEHOLDERS.join("`, `")),
                        |known| format!("Did you mean `{{{{{known}}}}}`?"),
                    );
                    report.error("unknown-placeholder", place, message, remedy);
                }
            }
        }
        let missing = needed.iter().find(|needed| !used.contains(*needed));
        if let (Some(missing), Some(place)) = (missing, self.agent_place(at, &path)) {
            let message = format!("No argument of the tool `{}` is `{{{{{missing}}}}}`.", tool.name);
            let remedy = format!("Give it to the argument that takes the {missing}.");
            report.error("no-placeholder", place, message, remedy);
        }
    }

    fn check_environment(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        for (name, value) in agent.environment.iter().flatten() {
            let Some(place) = self.agent_place(at, &[Step::Key("environment"), Step::Key(name)]) else {
                return;
            };
            if name.starts_with("MIYABI_") {
                let message = format!("`{name}` is a variable that this program sets itself.");
                report.error("bad-variable", place, message, "Give it another name.");
            } else if !is_variable(name) {
                let message = format!("`{name}` is not the name of a variable.");
                let remedy = "Use letters, digits and `_`, and no digit first.";
                report.error("bad-variable", place, message, remedy);
            } else if agent.runner.has_model() && !value.is_empty() && is_secret(name) {
                let message =
                    format!("`{name}` looks like a secret, and everyone who can read the plan can read it.");
                let remedy = "Remove it, and set it in the environment that `miyabi` is started from.";
                report.warning("plain-secret", place, message, remedy);
            }
        }
    }
}

/// The names in `{{…}}`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}").map(|(name, _)| name.trim()))
}

fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn is_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    SECRETS.iter().any(|end| upper.ends_with(end))
}
