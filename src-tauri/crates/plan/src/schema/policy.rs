//! What a plan allows its agents, as a person writes it: approvals, budget, fallback, the tools of
//! MCP servers, and prices.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MAX_DOLLARS, MAX_FAILURES, MAX_SECONDS};
use crate::money::Usd;
use crate::policy::PolicyAnswer;

/// What agents may do without asking a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsEntry {
    /// What becomes of a request that no rule fits; `ask` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AnswerWord>")]
    pub default: Option<PolicyAnswer>,
    /// The first rule that fits decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<ApprovalRuleEntry>>,
    /// After how many seconds a request that nobody answered is answered by itself; 1800 by
    /// default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub time_out_seconds: Option<u32>,
    /// That answer; `deny` by default. `ask` waits on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AnswerWord>")]
    pub on_time_out: Option<PolicyAnswer>,
}

/// One rule on requests for permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRuleEntry {
    /// The tool as its program names it, as in `Bash`; `*` stands for any text.
    #[schemars(length(min = 1))]
    pub tool: String,
    /// What is to be done, as in `pytest *`; `*` stands for any text. Left out, anything fits. A
    /// pattern that is allowed allows one command: a text with `;`, `&`, `|`, `<`, `>`, backquotes,
    /// `$(` or line ends that the pattern does not have is left to the next rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The agent, or the kind of agents; left out, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What becomes of the request.
    #[schemars(with = "AnswerWord")]
    pub answer: PolicyAnswer,
}

/// What may be spent, in US dollars, before a person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetEntry {
    /// By the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>", range(min = 0, max = MAX_DOLLARS))]
    pub run_usd: Option<Usd>,
    /// By each agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>", range(min = 0, max = MAX_DOLLARS))]
    pub agent_usd: Option<Usd>,
    /// By each task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>", range(min = 0, max = MAX_DOLLARS))]
    pub task_usd: Option<Usd>,
}

/// Who takes whose tasks when a program cannot work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackEntry {
    /// Whether Claude agents take the tasks of Codex agents; true by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_to_claude: Option<bool>,
    /// Whether Codex agents take the tasks of Claude agents; false by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claude_to_codex: Option<bool>,
    /// After how many failures in a row that are the program's fault; 3 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_FAILURES))]
    pub after_failures: Option<u32>,
    /// How long it is left alone before one task tries whether it is back; 300 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub recheck_seconds: Option<u32>,
}

/// The tools of an MCP server that an agent is run by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpToolsEntry {
    /// Begins a session.
    pub start: McpToolEntry,
    /// Goes on in one, where the server can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<McpToolEntry>,
}

/// A tool of an MCP server, and how it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpToolEntry {
    /// As the server names it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The arguments by name; `{{prompt}}`, `{{work_folder}}`, `{{session}}`, `{{model}}` and
    /// `{{sandbox}}` stand for what they say. One that is only a placeholder without a value is left
    /// out.
    pub arguments: BTreeMap<String, String>,
}

/// `prices.json`: what tokens cost, in US dollars for a million of them. What it names goes before
/// the built-in table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Miyabi plan: prices.json")]
pub struct PricesFile {
    /// Where this schema is, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The format's version, `1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the figures are from, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// By the model's name, as in `gpt-6-sol`; `*` stands for any text.
    pub models: BTreeMap<String, PriceEntry>,
}

/// What the tokens of a model cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceEntry {
    /// Read for the first time.
    #[schemars(with = "f64", range(min = 0, max = MAX_DOLLARS))]
    pub input: Usd,
    /// Read again from a cache; the price of `input` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>", range(min = 0, max = MAX_DOLLARS))]
    pub cached: Option<Usd>,
    /// Written.
    #[schemars(with = "f64", range(min = 0, max = MAX_DOLLARS))]
    pub output: Usd,
}

/// The words of [`PolicyAnswer`].
#[derive(JsonSchema)]
#[schemars(rename = "Answer", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum AnswerWord {
    /// A person decides.
    Ask,
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// The words of [`crate::policy::Access`].
#[derive(JsonSchema)]
#[schemars(rename = "Access", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum AccessWord {
    /// Read files.
    Read,
    /// Read files, and write them below the work folder.
    Edit,
    /// Anything, without a sandbox of its own.
    Full,
}

/// The words of [`crate::policy::AgentMode`].
#[derive(JsonSchema)]
#[schemars(rename = "Mode", rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum ModeWord {
    /// Claude Code without a screen, by JSON lines both ways.
    Headless,
    /// `codex exec --json`: one process a turn.
    Exec,
    /// `codex app-server`: one process, approvals and follow-ups.
    AppServer,
    /// `codex mcp-server`, where the installed version has it.
    Mcp,
    /// The program's own screen in its tmux window.
    Interactive,
}
