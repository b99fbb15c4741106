//! The files of a plan as a person writes them, and their JSON Schemas.
//!
//! Reading goes through [`crate::read`], which fills in the defaults and checks what a schema
//! cannot; these types are also what `miyabi init` and other writers fill in.

mod policy;
mod work;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};

use crate::model::{Order, RunnerKind, TransportKind};
use crate::policy::{Access, AgentMode};

use policy::{AccessWord, ModeWord};
pub use policy::{
    ApprovalRuleEntry, ApprovalsEntry, BudgetEntry, FallbackEntry, McpToolEntry, McpToolsEntry, PriceEntry,
    PricesFile,
};
use work::ApprovalWord;
pub use work::{
    ApprovalBy, CheckEntry, GitEntry, GitOptionsEntry, LimitedCheckEntry, NumberEntry, PortsEntry, TestsEntry,
};

/// The name of the file with the tasks.
pub const TASK_DAG_FILE: &str = "task_dag.json";
/// The name of the file with the agents, hosts and limits.
pub const AGENT_CONFIG_FILE: &str = "agent_config.json";
/// The name of the file with the windows.
pub const TMUX_LAYOUT_FILE: &str = "tmux_layout.conf";
/// The name of the file with the text that agents are told, where a plan has one of its own.
pub const PROMPT_TEMPLATE_FILE: &str = "prompt_template.md";
/// The name of the file with what tokens cost, where a plan has one of its own.
pub const PRICES_FILE: &str = "prices.json";
/// The version of both JSON files that this program writes and reads.
pub const PLAN_VERSION: &str = "1.0.0";

/// The longest time that a plan may name: 30 days.
pub const MAX_SECONDS: u32 = 30 * 24 * 3600;
/// The highest number of a priority or a wave.
pub const MAX_RANK: u32 = 1_000_000;
/// The most tasks at once, on a host or over all.
pub const MAX_PLACES: u32 = 10_000;
/// The most retries.
pub const MAX_RETRIES: u32 = 100;
/// The most dollars that a plan may name.
pub const MAX_DOLLARS: u32 = 1_000_000;
/// The most letters of a label: it stands in every line about the run.
pub const MAX_LABEL: usize = 40;
/// The most failures in a row before others stand in.
pub const MAX_FAILURES: u32 = 100;
/// The highest exit code.
pub const MAX_EXIT_CODE: u32 = 255;
/// The highest port.
pub const MAX_PORT: u32 = 65_535;
/// The most ports of one work tree.
pub const MAX_PORTS: u32 = 1_000;
/// The most tests that a check may expect.
pub const MAX_TESTS: u32 = 1_000_000;
/// The most memory or disk that a host may be asked to keep free, in MiB: 1 TiB.
pub const MAX_MIB: u32 = 1024 * 1024;

/// The priority of a task that names none.
pub const DEFAULT_PRIORITY: u32 = 100;
/// How often a failed attempt is tried again, where the plan does not say.
pub const DEFAULT_RETRIES: u32 = 2;
/// The shortest time limit of an attempt, where the plan does not say; otherwise it is four times
/// the estimate.
pub const DEFAULT_TIME_LIMIT_SECONDS: u32 = 600;
/// The time limit of a check, where the plan does not say.
pub const DEFAULT_CHECK_SECONDS: u32 = 600;

/// The pattern of every id.
const ID: &str = "^[A-Za-z][A-Za-z0-9_-]{0,47}$";

/// `task_dag.json`: the tasks of a plan and what they need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Miyabi plan: task_dag.json")]
pub struct TaskDagFile {
    /// Where this schema is, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The format's version, `1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A short name for folders and sessions, as in `level6`.
    #[schemars(regex(pattern = ID))]
    pub name: String,
    /// A line for people; the name where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A mark that every view, line and report of the run shows, as in `trial`; at most 40 letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_LABEL))]
    pub label: Option<String>,
    /// What every agent is told besides its task, a rule an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<String>>,
    /// Where the work is done: below the plan's folder, or an absolute path; `work` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_folder: Option<String>,
    /// In which order ready tasks go; `priority` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<OrderWord>")]
    pub order: Option<Order>,
    /// Whether an idle agent may take a waiting task of its kind; true by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_stealing: Option<bool>,
    /// Waves whose tasks follow one another by their needs: a need inside such a wave is no
    /// conflict and is never dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(inner(range(min = 0, max = MAX_RANK)))]
    pub sequential_waves: Option<Vec<u32>>,
    /// Whether each attempt has a work tree and a branch of its own. True, or an object: always, a work folder
    /// that is no repository becomes one; false: never; by default where the work folder is a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitEntry>,
    /// What must hold of all the work together before the run counts as completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Vec<CheckEntry>>,
    /// The tasks.
    #[schemars(length(min = 1))]
    pub tasks: Vec<TaskEntry>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskEntry {
    /// Its id, as in `Task-1`; unique ignoring case.
    #[schemars(regex(pattern = ID))]
    pub id: String,
    /// A line for people.
    pub title: String,
    /// What the agent is told.
    pub prompt: String,
    /// The agent that the plan gives it to; the part of its id before the first `-` says which
    /// kind of agent may take the task.
    #[schemars(regex(pattern = ID))]
    pub agent: String,
    /// The tasks that must be COMPLETED before it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(inner(regex(pattern = ID)))]
    pub needs: Option<Vec<String>>,
    /// Lower goes first; 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_RANK))]
    pub priority: Option<u32>,
    /// How long it is expected to take, in seconds.
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub estimated_seconds: u32,
    /// The part of the work it belongs to, as in `core`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The wave as written, where the plan has waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_RANK))]
    pub wave: Option<u32>,
    /// Globs of files below the work folder that the task promises to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<String>>,
    /// Checks that must hold in the work folder before a claim counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Vec<CheckEntry>>,
    /// How often a failed attempt is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_RETRIES))]
    pub retries: Option<u32>,
    /// After how many seconds an attempt is stopped; by default the longer of four times the
    /// estimate and 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub time_limit_seconds: Option<u32>,
    /// The host it must run on; by default its agent's, and any other of the same kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = ID))]
    pub host: Option<String>,
    /// Who has to accept its work before it counts; by default nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ApprovalWord>")]
    pub approval: Option<ApprovalBy>,
}

/// `agent_config.json`: who does the work, where, and within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Miyabi plan: agent_config.json")]
pub struct AgentConfigFile {
    /// Where this schema is, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The format's version, `1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The machines; by default one, `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<HostEntry>>,
    /// The agents.
    pub agents: Vec<AgentEntry>,
    /// What bounds a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsEntry>,
    /// What agents may do without asking a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<ApprovalsEntry>,
    /// What may be spent before a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetEntry>,
    /// Who takes whose tasks when a program cannot work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackEntry>,
    /// What becomes of tasks on a host that is lost: `by a person` (the default), or for how long it
    /// may be lost before they run elsewhere by themselves, as in `after 10m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = FAILOVER))]
    pub failover: Option<String>,
}

/// A machine that agents run on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostEntry {
    /// Its id, as in `MUGEN`; unique ignoring case.
    #[schemars(regex(pattern = ID))]
    pub id: String,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How it is reached; `local` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<TransportWord>")]
    pub transport: Option<TransportKind>,
    /// The name under which `ssh` knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How many tasks may run there at once; by default as many as it has agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_PLACES))]
    pub capacity: Option<u32>,
    /// Words for people and for choosing, as in `cpu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// For the transport `command`: words that, followed by a program and its arguments, run that
    /// program on the host, as in `["kubectl", "exec", "-i", "worker-0", "--"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Where the state folder lies on the host, absolute; by default at the same path as here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
    /// Where the work is done on the host, absolute; by default at the same path as here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_folder: Option<String>,
    /// With less free memory than this, nothing is started there; in MiB, 512 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = MAX_MIB))]
    pub min_free_memory_mib: Option<u32>,
    /// With less free disk than this, nothing is started there; in MiB, 512 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = MAX_MIB))]
    pub min_free_disk_mib: Option<u32>,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentEntry {
    /// Its id, as in `CG-1`; unique ignoring case. The part before the first `-` is its kind.
    #[schemars(regex(pattern = ID))]
    pub id: String,
    /// What it does, in a word or two, as in `Core`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where it runs; may be left out where there is one host only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = ID))]
    pub host: Option<String>,
    /// How it is run.
    #[schemars(with = "RunnerWord")]
    pub runner: RunnerKind,
    /// The program and its arguments, for the runners `command`, `acp` and `mcp`. For `claude` and
    /// `codex` where the program is not simply on the PATH, or has arguments of your own. A relative
    /// program path that contains `/` is relative to the plan's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Variables added to the program's environment. Not for secrets: set those in the environment
    /// that `miyabi` is started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
    /// How the program is spoken to. `claude`: `headless` (by default) or `interactive`; `codex`:
    /// `app-server` (by default), `exec`, `mcp` or `interactive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ModeWord>")]
    pub mode: Option<AgentMode>,
    /// The model, as the program names it; by default the program's own choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it may do without asking; `edit` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<AccessWord>")]
    pub access: Option<Access>,
    /// Agents of one account share its rate limit; by default all agents of one runner do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The tools of the MCP server, for the runner `mcp`; for `codex` in the mode `mcp` where the server
    /// is another than its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<McpToolsEntry>,
}

impl AgentEntry {
    /// An agent of which the plan says no more than how it is run.
    #[must_use]
    pub fn new(id: impl Into<String>, runner: RunnerKind) -> Self {
        Self {
            id: id.into(),
            title: None,
            host: None,
            runner,
            command: None,
            environment: None,
            mode: None,
            model: None,
            access: None,
            account: None,
            tools: None,
        }
    }
}

/// What bounds a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsEntry {
    /// Tasks at once over all hosts; by default only the hosts' capacities count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_PLACES))]
    pub parallel: Option<u32>,
    /// How often a failed attempt is tried again, for tasks that do not say; 2 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_RETRIES))]
    pub retries: Option<u32>,
    /// The pause before the first retry, doubled for each further one; 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_SECONDS))]
    pub back_off_seconds: Option<u32>,
    /// The longest such pause; 300 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_SECONDS))]
    pub back_off_max_seconds: Option<u32>,
    /// After how many seconds an attempt is stopped, for tasks that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub time_limit_seconds: Option<u32>,
    /// After how many seconds a BUSY that nobody took is withdrawn; 15 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub offer_seconds: Option<u32>,
    /// After how many seconds without a word an agent program is stopped and its session taken up
    /// again; 900 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub silent_seconds: Option<u32>,
    /// How far apart agents of one account start again after a rate limit; 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MAX_SECONDS))]
    pub stagger_seconds: Option<u32>,
    /// After how many seconds without an answer a host counts as lost; 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_SECONDS))]
    pub lost_after_seconds: Option<u32>,
}

/// `by a person`, or `after` and a time, as in `after 90s`, `after 10m` and `after 2h`.
const FAILOVER: &str = "^(by a person|after [1-9][0-9]{0,5}[smh])$";

/// The words of [`Order`].
#[derive(JsonSchema)]
#[schemars(rename = "Order", rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its schema is used")]
enum OrderWord {
    /// By priority, lower first; equal ones by the longest remaining path.
    Priority,
    /// By the longest remaining path; equal ones by priority.
    CriticalPath,
}

/// The words of [`RunnerKind`].
#[derive(JsonSchema)]
#[schemars(rename = "Runner", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum RunnerWord {
    /// Claude Code.
    Claude,
    /// OpenAI Codex.
    Codex,
    /// Any program that speaks the Agent Client Protocol.
    Acp,
    /// An MCP server whose tools are agents.
    Mcp,
    /// Any program.
    Command,
    /// Somebody else's loop over its status file.
    External,
    /// Plays the estimate; does nothing.
    Rehearsal,
}

/// The words of [`TransportKind`].
#[derive(JsonSchema)]
#[schemars(rename = "Transport", rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum TransportWord {
    /// This machine.
    Local,
    /// SSH.
    Ssh,
    /// A command whose stdin and stdout reach a program there.
    Command,
}

/// The JSON Schema of each file, under the name of its committed copy in `docs/schema/`.
#[must_use]
pub fn json_schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("task_dag.schema.json", schema_for!(TaskDagFile)),
        ("agent_config.schema.json", schema_for!(AgentConfigFile)),
        ("prices.schema.json", schema_for!(PricesFile)),
    ]
}
