//! `tmux_layout.conf`: the order and the names of the windows, and a few harmless window options.
//!
//! Read line by line by us and never sourced: a tmux file could run commands. The lines are
//! `window AGENT NAME`, `option NAME VALUE` and comments that begin with `#`.

use std::collections::HashMap;

use crate::finding::{Finding, Place};
use crate::ids::AgentId;
use crate::model::{Agent, Plan, TmuxLayout, TmuxWindow};
use crate::read::{Report, nearest};

/// The names of the first and the last window of every session.
pub const FIXED_WINDOWS: [&str; 2] = ["Orchestrator", "Monitor"];

/// The longest name of a window.
const LONGEST_NAME: usize = 60;

/// What an option's value may be. No option is among them whose value tmux expands as a format:
/// a format can run a command.
enum Allowed {
    Words(&'static [&'static str]),
    Number { max: u32 },
    Colour,
}

static OPTIONS: &[(&str, Allowed)] = &[
    ("aggressive-resize", Allowed::Words(&["on", "off"])),
    ("clock-mode-colour", Allowed::Colour),
    ("clock-mode-style", Allowed::Words(&["12", "24"])),
    ("main-pane-height", Allowed::Number { max: 1_000 }),
    ("main-pane-width", Allowed::Number { max: 1_000 }),
    ("mode-keys", Allowed::Words(&["vi", "emacs"])),
    ("monitor-activity", Allowed::Words(&["on", "off"])),
    ("monitor-bell", Allowed::Words(&["on", "off"])),
    ("monitor-silence", Allowed::Number { max: 86_400 }),
    ("pane-border-lines", Allowed::Words(&["single", "double", "heavy", "simple"])),
    ("pane-border-status", Allowed::Words(&["off", "top", "bottom"])),
    ("wrap-search", Allowed::Words(&["on", "off"])),
];

/// Parses the file. `agents` are the plan's, and a window of any other is a finding; none where
/// they could not be read.
#[must_use]
pub fn parse_layout(file: &str, text: &str, agents: Option<&[AgentId]>) -> (TmuxLayout, Vec<Finding>) {
    let mut parser =
        Parser { agents, layout: TmuxLayout::default(), seen: HashMap::new(), report: Report::default() };
    for (line, content) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let place = Place { file: file.to_owned(), path: String::new(), line: Some(line) };
        parser.line(content.trim(), place);
    }
    (parser.layout, parser.report.findings)
}

struct Parser<'a> {
    agents: Option<&'a [AgentId]>,
    layout: TmuxLayout,
    /// Window names, folded, and agents: each may come once.
    seen: HashMap<String, u32>,
    report: Report,
}

impl Parser<'_> {
    fn line(&mut self, content: &str, place: Place) {
        if content.is_empty() || content.starts_with('#') {
            return;
        }
        let words: Vec<&str> = content.split_whitespace().collect();
        match words.as_slice() {
            ["window", agent, name] => self.window(agent, name, place),
            ["window", ..] => self.report.error(
                "bad-line",
                place,
                "A window's line is `window AGENT NAME`.",
                "Write one agent and one name without spaces.",
            ),
            ["option", name, value] => self.option(name, value, place),
            ["option", ..] => self.report.error(
                "bad-line",
                place,
                "An option's line is `option NAME VALUE`.",
                "Write one name and one value without spaces.",
            ),
            [word, ..] => {
                let message = format!("`{word}` begins no line of this file.");
                let remedy = nearest(word, ["window", "option"]).map_or_else(
                    || {
                        "Write `window AGENT NAME` or `option NAME VALUE`; tmux commands are not run."
                            .to_owned()
                    },
                    |word| format!("Did you mean `{word}`?"),
                );
                self.report.error("unknown-word", place, message, remedy);
            }
            [] => {}
        }
    }

    fn window(&mut self, agent: &str, name: &str, place: Place) {
        let is_known = self.agents.is_none_or(|agents| agents.iter().any(|known| known.as_str() == agent));
        let Some(known) = AgentId::new(agent).ok().filter(|_| is_known) else {
            let message = format!("The window `{name}` is for `{agent}`, which no agent is called.");
            let remedy = nearest(agent, self.agents.into_iter().flatten().map(AgentId::as_str)).map_or_else(
                || "Correct the id, or remove the line.".to_owned(),
                |id| format!("Did you mean `{id}`?"),
            );
            self.report.error("unknown-agent", place, message, remedy);
            return;
        };
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        if name.len() > LONGEST_NAME || !name.chars().all(fits) {
            let message = format!("`{name}` cannot be a window's name here.");
            let remedy = format!("Use letters, digits, `_` and `-`, at most {LONGEST_NAME} of them.");
            self.report.error("bad-window", place, message, remedy);
        } else if FIXED_WINDOWS.iter().any(|fixed| fixed.eq_ignore_ascii_case(name)) {
            let message = format!("`{name}` is a window that every session has.");
            self.report.error("bad-window", place, message, "Give this one another name.");
        } else if let Some(first) = self.first(format!("agent {agent}"), &place) {
            let message = format!("{agent} has a window already, in line {first}.");
            self.report.error("duplicate-window", place, message, "Remove one of the two.");
        } else if let Some(first) = self.first(format!("name {}", name.to_ascii_lowercase()), &place) {
            let message = format!("Another window is called `{name}` already, in line {first}.");
            self.report.error("duplicate-window", place, message, "Give one of them another name.");
        } else {
            self.layout.windows.push(TmuxWindow { agent: known, name: name.to_owned() });
        }
    }

    /// The line in which this was seen before, if it was.
    fn first(&mut self, what: String, place: &Place) -> Option<u32> {
        self.seen.insert(what, place.line.unwrap_or_default())
    }

    fn option(&mut self, name: &str, value: &str, place: Place) {
        let Some((_, allowed)) = OPTIONS.iter().find(|(known, _)| *known == name) else {
            let message = format!("`{name}` is not among the options that a plan may set.");
            let known: Vec<&str> = OPTIONS.iter().map(|(known, _)| *known).collect();
            let remedy = nearest(name, known.iter().copied()).map_or_else(
                || format!("Allowed are `{}`.", known.join("`, `")),
                |known| format!("Did you mean `{known}`?"),
            );
            self.report.error("unknown-option", place, message, remedy);
            return;
        };
        let (fits, remedy) = match allowed {
            Allowed::Words(words) => {
                (words.contains(&value), format!("Write one of `{}`.", words.join("`, `")))
            }
            Allowed::Number { max } => (
                value.parse::<u32>().is_ok_and(|number| number <= *max),
                format!("Write a number from 0 to {max}."),
            ),
            Allowed::Colour => (
                value.chars().all(|letter| letter.is_ascii_alphanumeric()),
                "Write the name of a colour, as in `green` or `colour33`.".to_owned(),
            ),
        };
        if fits {
            self.layout.options.retain(|(known, _)| known != name);
            self.layout.options.push((name.to_owned(), value.to_owned()));
        } else {
            let message = format!("`{value}` is not a value of `{name}`.");
            self.report.error("bad-option", place, message, remedy);
        }
    }
}

/// The agents' windows in their order, by the layout and then by the plan: `ID` or `ID-Title`
/// where the layout names none.
#[must_use]
pub fn windows(plan: &Plan) -> Vec<TmuxWindow> {
    let mut windows: Vec<TmuxWindow> =
        plan.layout.windows.iter().filter(|window| plan.agent(&window.agent).is_some()).cloned().collect();
    for agent in &plan.agents {
        if !windows.iter().any(|window| window.agent == agent.id) {
            windows.push(TmuxWindow { agent: agent.id.clone(), name: default_name(agent) });
        }
    }
    windows
}

fn default_name(agent: &Agent) -> String {
    let parts =
        agent.title.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let mut name = parts.fold(agent.id.to_string(), |name, part| format!("{name}-{part}"));
    name.truncate(LONGEST_NAME);
    name
}
