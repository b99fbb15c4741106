//! The plan as the rest of the program sees it: checked, complete, with every default filled in.
//!
//! The files that a person writes are in [`crate::schema`]; this is what they mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::git::{Expect, GitPlan};
use crate::ids::{AgentId, HostId, Kind, Site, TaskId};
use crate::policy::{Access, AgentMode, ApprovalPolicy, Budget, Failover, Fallback, McpTools, PriceTable};

/// A plan that passed validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// A short name for folders and sessions, as in `level6`.
    pub name: String,
    /// A line for people.
    pub title: String,
    /// A mark that every view, the queue's descriptions and the report show, as `scripted model`.
    #[serde(default)]
    pub label: Option<String>,
    /// What every agent is told, a rule an entry.
    #[serde(default)]
    pub rules: Vec<String>,
    /// The text of `prompt_template.md`; none for the built-in one.
    #[serde(default)]
    pub prompt_template: Option<String>,
    /// In which order ready tasks go.
    pub order: Order,
    /// Whether an idle agent may take a waiting task of its kind.
    pub work_stealing: bool,
    /// Where the work is done: an absolute path, or one below the plan's folder.
    pub work_folder: String,
    /// Waves that are written as sequential: a need inside such a wave is no conflict, and is
    /// never dropped.
    #[serde(default)]
    pub sequential_waves: Vec<u32>,
    /// In the order of the file.
    pub tasks: Vec<Task>,
    /// In the order of the file.
    pub agents: Vec<Agent>,
    /// In the order of the file; a plan without hosts has one, `local`.
    pub hosts: Vec<Host>,
    /// What bounds a run.
    pub limits: Limits,
    /// What agents may do without asking.
    #[serde(default)]
    pub approvals: ApprovalPolicy,
    /// What may be spent before a person is asked.
    #[serde(default)]
    pub budget: Budget,
    /// Who stands in for whom.
    #[serde(default)]
    pub fallback: Fallback,
    /// What becomes of the tasks on a host that is lost.
    #[serde(default)]
    pub failover: Failover,
    /// What tokens cost: `prices.json`, else the built-in table.
    #[serde(default)]
    pub prices: PriceTable,
    /// How the tmux session looks.
    pub layout: TmuxLayout,
    /// How the work travels.
    #[serde(default)]
    pub git: GitPlan,
    /// What must hold of all the work together, before the run counts as completed.
    #[serde(default)]
    pub verification: Vec<Check>,
}

impl Plan {
    /// The task of this id.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        self.tasks.iter().find(|task| &task.id == id)
    }

    /// The agent of this id.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<&Agent> {
        self.agents.iter().find(|agent| &agent.id == id)
    }

    /// The host of this id.
    #[must_use]
    pub fn host(&self, id: &HostId) -> Option<&Host> {
        self.hosts.iter().find(|host| &host.id == id)
    }

    /// The state folder and helper that a host is served by, when hosts are really reached.
    #[must_use]
    pub fn site(&self, host: &HostId) -> Site {
        match self.host(host).map(|host| host.transport) {
            None | Some(TransportKind::Local) => Site::Here,
            Some(TransportKind::Ssh | TransportKind::Command) => Site::There(host.clone()),
        }
    }

    /// The name of an agent's tmux window: as the layout says, else its id and what it does.
    #[must_use]
    pub fn window_name(&self, agent: &AgentId) -> String {
        if let Some(window) = self.layout.windows.iter().find(|window| &window.agent == agent) {
            return window.name.clone();
        }
        let title = self.agent(agent).map(|agent| agent.title.as_str()).unwrap_or_default();
        let safe = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
        let title: String = title.chars().filter(safe).take(24).collect();
        if title.is_empty() { agent.to_string() } else { format!("{agent}-{title}") }
    }

    /// The sum of all estimates in seconds: what one agent alone would need.
    #[must_use]
    pub fn work_seconds(&self) -> u64 {
        self.tasks.iter().map(|task| u64::from(task.estimated_seconds)).sum()
    }
}

/// The order in which ready tasks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By priority, lower first; equal ones by the longest remaining path.
    #[default]
    Priority,
    /// By the longest remaining path; equal ones by priority.
    CriticalPath,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id, as in `Task-1`.
    pub id: TaskId,
    /// A line for people.
    pub title: String,
    /// What the agent is told.
    pub prompt: String,
    /// The agent that the plan gives it to.
    pub agent: AgentId,
    /// The tasks that must be COMPLETED before it starts.
    pub needs: Vec<TaskId>,
    /// Lower goes first.
    pub priority: i32,
    /// How long it is expected to take, in seconds.
    pub estimated_seconds: u32,
    /// The part of the work it belongs to, as in `core`.
    pub module: String,
    /// The wave as written, where the plan has waves.
    pub wave: Option<u32>,
    /// Globs of files below the work folder that the task promises to write.
    pub outputs: Vec<String>,
    /// Commands that must succeed in the work folder before a claim counts.
    pub acceptance: Vec<Check>,
    /// How often a failed attempt is tried again.
    pub retries: u32,
    /// After how many seconds an attempt is stopped.
    pub time_limit_seconds: u32,
    /// The host it must run on, where the plan says so.
    pub host: Option<HostId>,
    /// Whether a person has to accept its work before it counts.
    #[serde(default)]
    pub needs_approval: bool,
}

impl Task {
    /// Which kind of agent may take this task.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.agent.kind()
    }
}

/// A command and what is expected of it; without more, that it exits with 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Check {
    /// A word or two for people; empty for the command itself.
    #[serde(default)]
    pub name: String,
    /// The program and its arguments; never a shell line.
    pub run: Vec<String>,
    /// After how many seconds it counts as failed.
    pub time_limit_seconds: u32,
    /// What must come of it.
    #[serde(default)]
    pub expect: Expect,
}

impl Check {
    /// A command that must exit with 0.
    #[must_use]
    pub fn command(run: Vec<String>, time_limit_seconds: u32) -> Self {
        Self { run, time_limit_seconds, ..Self::default() }
    }
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its id, as in `CG-1`.
    pub id: AgentId,
    /// What it does, in a word or two, as in `Core`; part of its window's name.
    pub title: String,
    /// Where it runs.
    pub host: HostId,
    /// How it is run.
    pub runner: RunnerKind,
    /// The program and its arguments, for the runners `command`, `acp` and `mcp`. For `claude` and
    /// `codex` the program where it is not simply on the PATH, and arguments of the person's own;
    /// otherwise empty.
    pub command: Vec<String>,
    /// Variables added to the program's environment.
    pub environment: BTreeMap<String, String>,
    /// How the program is spoken to; none where its runner knows one way only.
    #[serde(default)]
    pub mode: Option<AgentMode>,
    /// The model, as the program names it; none for the program's own choice.
    #[serde(default)]
    pub model: Option<String>,
    /// What it may do without asking.
    #[serde(default)]
    pub access: Access,
    /// Agents of one account share its rate limit; the runner's word where the plan does not say.
    #[serde(default)]
    pub account: String,
    /// The tools of the MCP server, for the runner `mcp`.
    #[serde(default)]
    pub tools: Option<McpTools>,
}

/// How an agent is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum RunnerKind {
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

impl RunnerKind {
    /// Its word in `agent_config.json`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Acp => "acp",
            Self::Mcp => "mcp",
            Self::Command => "command",
            Self::External => "external",
            Self::Rehearsal => "rehearsal",
        }
    }

    /// Whether a model works behind it, with sessions, tokens and an account.
    #[must_use]
    pub const fn has_model(self) -> bool {
        matches!(self, Self::Claude | Self::Codex | Self::Acp | Self::Mcp)
    }
}

/// A machine that agents run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its id, as in `MUGEN`.
    pub id: HostId,
    /// A line for people.
    pub title: String,
    /// How it is reached.
    pub transport: TransportKind,
    /// The name under which `ssh` knows it; empty otherwise.
    pub address: String,
    /// For the transport `command`: words that, followed by a program and its arguments, run that
    /// program on the host with its stdin and stdout as ours.
    #[serde(default)]
    pub command: Vec<String>,
    /// Where the state folder lies there, absolute; none for the same path as here.
    #[serde(default)]
    pub state_dir: Option<String>,
    /// Where the work is done there, absolute; none for the same path as here.
    #[serde(default)]
    pub work_folder: Option<String>,
    /// With less free memory than this, nothing is started there; in MiB.
    #[serde(default = "default_min_free_memory_mib")]
    pub min_free_memory_mib: u32,
    /// With less free disk where its state folder lies than this, nothing is started there; in MiB.
    #[serde(default = "default_min_free_disk_mib")]
    pub min_free_disk_mib: u32,
    /// How many tasks may run there at once.
    pub capacity: u32,
    /// Words for people and for choosing, as in `cpu`.
    pub labels: Vec<String>,
}

impl Host {
    /// This machine, under this name.
    #[must_use]
    pub fn local(id: HostId, capacity: u32) -> Self {
        Self {
            id,
            title: String::new(),
            transport: TransportKind::Local,
            address: String::new(),
            capacity,
            labels: Vec::new(),
            command: Vec::new(),
            state_dir: None,
            work_folder: None,
            min_free_memory_mib: default_min_free_memory_mib(),
            min_free_disk_mib: default_min_free_disk_mib(),
        }
    }
}

/// Enough for one agent program, as they were measured in 2026: 230 MB for Claude Code, 150 for Codex.
pub(crate) const fn default_min_free_memory_mib() -> u32 {
    512
}

pub(crate) const fn default_min_free_disk_mib() -> u32 {
    512
}

/// How a host is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "lowercase")]
pub enum TransportKind {
    /// This machine.
    Local,
    /// SSH.
    Ssh,
    /// A command whose stdin and stdout reach a program there, as `kubectl exec -i POD --`.
    Command,
}

/// What bounds a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Tasks at once over all hosts; none means that only the hosts' capacities count.
    pub parallel: Option<u32>,
    /// The pause before the first retry, in seconds; doubled for each further one.
    pub back_off_seconds: u32,
    /// The longest such pause, in seconds.
    pub back_off_max_seconds: u32,
    /// After how many seconds a BUSY that nobody took is withdrawn.
    pub offer_seconds: u32,
    /// After how many seconds without any word an agent program counts as silent and is stopped.
    #[serde(default = "default_silent_seconds")]
    pub silent_seconds: u32,
    /// How far apart agents of one account start again after a rate limit, in seconds.
    #[serde(default = "default_stagger_seconds")]
    pub stagger_seconds: u32,
    /// After how many seconds without an answer a host counts as lost.
    #[serde(default = "default_lost_after_seconds")]
    pub lost_after_seconds: u32,
}

const fn default_lost_after_seconds() -> u32 {
    10
}

const fn default_silent_seconds() -> u32 {
    900
}

const fn default_stagger_seconds() -> u32 {
    5
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parallel: None,
            back_off_seconds: 5,
            back_off_max_seconds: 300,
            offer_seconds: 15,
            silent_seconds: default_silent_seconds(),
            stagger_seconds: default_stagger_seconds(),
            lost_after_seconds: default_lost_after_seconds(),
        }
    }
}

/// How the tmux session looks: `tmux_layout.conf`, read by us and never sourced.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TmuxLayout {
    /// Windows in their order; agents that are not named come after them in the plan's order.
    pub windows: Vec<TmuxWindow>,
    /// Window options from the allow-list, name and value.
    pub options: Vec<(String, String)>,
}

/// One agent's window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TmuxWindow {
    /// Whose window it is.
    pub agent: AgentId,
    /// Its name, as in `CG-1-Core`.
    pub name: String,
}
