//! The agents, hosts and limits as they are written, or as the tasks let them be guessed.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::finding::Place;
use crate::ids::AgentId;
use crate::model::{RunnerKind, TransportKind};
use crate::read::NamedText;
use crate::read::records::{AGENT, AGENT_CONFIG, HOST};
use crate::read::report::Report;
use crate::read::shape::Walk;
use crate::read::source::{Source, Step};
use crate::read::tasks::{Format, Tasks, check_version};
use crate::schema::{
    AGENT_CONFIG_FILE, AgentConfigFile, AgentEntry, ApprovalsEntry, BudgetEntry, FallbackEntry, HostEntry,
    LimitsEntry,
};

/// The host of a plan that names none.
pub(crate) const LOCAL: &str = "local";
/// Windows that every session has: no agent may be called so.
const RESERVED: [&str; 2] = ["Orchestrator", "Monitor"];

/// Who does the work, and where.
#[derive(Debug)]
pub(crate) struct Crew {
    origin: Origin,
    agents: Vec<(usize, AgentEntry)>,
    by_id: HashMap<String, usize>,
    hosts: Vec<(usize, HostEntry)>,
    pub(crate) rest: Rest,
}

/// What the file says besides hosts and agents.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) limits: LimitsEntry,
    pub(crate) approvals: ApprovalsEntry,
    pub(crate) budget: BudgetEntry,
    pub(crate) fallback: FallbackEntry,
    pub(crate) failover: Option<String>,
}

impl From<AgentConfigFile> for Rest {
    fn from(file: AgentConfigFile) -> Self {
        Self {
            limits: file.limits.unwrap_or_default(),
            approvals: file.approvals.unwrap_or_default(),
            budget: file.budget.unwrap_or_default(),
            fallback: file.fallback.unwrap_or_default(),
            failover: file.failover,
        }
    }
}

#[derive(Debug)]
enum Origin {
    File(Source),
    /// The file is there and cannot be read.
    Broken,
    /// Guessed from the tasks.
    Tasks,
}

impl Crew {
    pub(crate) fn read(text: Option<&NamedText>, tasks: Option<&Tasks>, report: &mut Report) -> Self {
        let Some(named) = text else { return Self::guessed(tasks, report) };
        let Some((source, raw)) = Source::parse(&named.file, &named.text, &mut report.findings) else {
            return Self::new(Origin::Broken, Vec::new(), Vec::new(), Rest::default());
        };
        let mut walk = Walk { source: &source, report };
        let header = walk.file::<AgentConfigFile>(&raw, &AGENT_CONFIG);
        let hosts = walk.entries(&raw, "hosts", &HOST);
        let agents = walk.entries(&raw, "agents", &AGENT);
        check_version(header.as_ref().and_then(|header| header.version.as_deref()), &source, report);
        let rest = header.map(Rest::from).unwrap_or_default();
        let is_list = raw.get("agents").is_some_and(serde_json::Value::is_array);
        let origin = if is_list { Origin::File(source) } else { Origin::Broken };
        Self::new(origin, agents, hosts, rest)
    }

    fn new(
        origin: Origin,
        agents: Vec<(usize, AgentEntry)>,
        mut hosts: Vec<(usize, HostEntry)>,
        rest: Rest,
    ) -> Self {
        if hosts.is_empty() {
            let host = |id: &str| HostEntry {
                id: id.to_owned(),
                title: Some("This machine".to_owned()),
                transport: None,
                address: None,
                capacity: None,
                labels: None,
                command: None,
                state_dir: None,
                work_folder: None,
                min_free_memory_mib: None,
                min_free_disk_mib: None,
            };
            hosts.push((0, host(LOCAL)));
        }
        let by_id =
            agents.iter().enumerate().rev().map(|(nth, (_, agent))| (agent.id.clone(), nth)).collect();
        Self { origin, agents, by_id, hosts, rest }
    }

    /// Every agent that the tasks name is somebody else's loop over its status file, on this
    /// machine: that is all a plain queue can mean.
    fn guessed(tasks: Option<&Tasks>, report: &mut Report) -> Self {
        let mut seen = BTreeSet::new();
        let mut agents = Vec::new();
        for (at, task) in tasks.into_iter().flat_map(|tasks| &tasks.entries) {
            if seen.insert(&task.agent) {
                agents.push((*at, AgentEntry::new(&task.agent, RunnerKind::External)));
            }
        }
        if tasks.is_some_and(|tasks| tasks.format == Format::Dag) {
            let place = Place { file: AGENT_CONFIG_FILE.to_owned(), path: String::new(), line: None };
            let message = "The file is not there: every agent counts as `external`, on this machine.";
            report.warning("no-agent-config", place, message, "Write one that says how the agents are run.");
        }
        Self::new(Origin::Tasks, agents, Vec::new(), Rest::default())
    }

    /// Whether the agents are known, so that a task's agent can be looked for.
    pub(crate) fn is_readable(&self) -> bool {
        !matches!(self.origin, Origin::Broken)
    }

    /// Each with its place in its file.
    pub(crate) fn agents(&self) -> impl Iterator<Item = (usize, &AgentEntry)> {
        self.agents.iter().map(|(at, agent)| (*at, agent))
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &HostEntry> {
        self.hosts.iter().map(|(_, host)| host)
    }

    pub(crate) fn agent(&self, id: &str) -> Option<&AgentEntry> {
        self.by_id.get(id).map(|nth| &self.agents[*nth].1)
    }

    /// None where the agents could not be read.
    pub(crate) fn agent_ids(&self) -> Option<Vec<AgentId>> {
        let ids = self.agents().filter_map(|(_, agent)| AgentId::new(&agent.id).ok());
        self.is_readable().then(|| ids.collect())
    }

    pub(crate) fn host_ids(&self) -> Vec<&str> {
        self.hosts().map(|host| host.id.as_str()).collect()
    }

    /// An agent's host: the written one, or the only one there is.
    pub(crate) fn host_of<'a>(&'a self, agent: &'a AgentEntry) -> Option<&'a str> {
        match (&agent.host, self.hosts.as_slice()) {
            (Some(host), _) => Some(host),
            (None, [(_, only)]) => Some(&only.id),
            (None, _) => None,
        }
    }

    /// The place of an agent or a part of it, where there is a file.
    pub(crate) fn agent_place(&self, at: usize, rest: &[Step<'_>]) -> Option<Place> {
        self.place("agents", at, rest)
    }

    /// The place of one of the other keys, where there is a file.
    pub(crate) fn rest_place(&self, path: &[Step<'_>]) -> Option<Place> {
        let Origin::File(source) = &self.origin else { return None };
        Some(source.place(path))
    }

    fn place(&self, list: &'static str, at: usize, rest: &[Step<'_>]) -> Option<Place> {
        let Origin::File(source) = &self.origin else { return None };
        Some(source.place(&[&[Step::Key(list), Step::At(at)], rest].concat()))
    }

    /// Finds what the shape alone does not show.
    pub(crate) fn check(&self, tasks: &Tasks, report: &mut Report) {
        self.check_agent_ids(tasks, report);
        if !matches!(self.origin, Origin::File(_)) {
            return;
        }
        self.check_hosts(report);
        for (at, agent) in self.agents() {
            self.check_host_of(at, agent, report);
            self.check_agent(at, agent, report);
        }
        self.check_policy(report);
    }

    fn check_agent_ids(&self, tasks: &Tasks, report: &mut Report) {
        let mut folded: HashMap<String, &str> = HashMap::new();
        for (at, agent) in self.agents() {
            let place = || {
                let written = self.agent_place(at, &[Step::Key("id")]);
                written.unwrap_or_else(|| tasks.place(at, &[Step::Key("agent")]))
            };
            if let Some(first) = folded.insert(agent.id.to_ascii_lowercase(), &agent.id) {
                report.duplicate("agent", &agent.id, first, place());
            }
            if let Some(name) = RESERVED.iter().find(|name| name.eq_ignore_ascii_case(&agent.id)) {
                let message =
                    format!("An agent cannot be called `{name}`: every session has a window of that name.");
                report.error("reserved-id", place(), message, "Give it another id.");
            }
        }
    }

    fn check_hosts(&self, report: &mut Report) {
        let mut folded: HashMap<String, &str> = HashMap::new();
        for (at, host) in &self.hosts {
            let place = |key| self.place("hosts", *at, &[Step::Key(key)]);
            if let (Some(first), Some(place)) =
                (folded.insert(host.id.to_ascii_lowercase(), &host.id), place("id"))
            {
                report.duplicate("host", &host.id, first, place);
            }
            let Some(place) = place("address") else { continue };
            let address = host.address.as_deref().unwrap_or_default();
            match host.transport.unwrap_or(TransportKind::Local) {
                TransportKind::Ssh if address.is_empty() => {
                    let message = format!("The host {} is reached by SSH and has no `address`.", host.id);
                    report.error("no-address", place, message, "Write the name under which `ssh` knows it.");
                }
                TransportKind::Ssh if !is_address(address) => {
                    let message = format!("`{address}` is not a name that `ssh` can know.");
                    report.error(
                        "bad-address",
                        place,
                        message,
                        "Write a host name, as in `mugen` or `me@mugen.example`.",
                    );
                }
                TransportKind::Local if !address.is_empty() => {
                    let message =
                        format!("The host {} is this machine and yet has the address `{address}`.", host.id);
                    report.warning(
                        "unused-address",
                        place,
                        message,
                        "Remove it, or set `transport` to `ssh`.",
                    );
                }
                TransportKind::Ssh | TransportKind::Local | TransportKind::Command => {}
            }
            self.check_reach(*at, host, report);
        }
    }

    fn check_reach(&self, at: usize, host: &HostEntry, report: &mut Report) {
        let is_by_command = host.transport == Some(TransportKind::Command);
        let words = host.command.as_deref().unwrap_or_default();
        if is_by_command == words.is_empty()
            && let Some(place) = self.place("hosts", at, &[Step::Key("command")])
        {
            let (message, remedy) = if is_by_command {
                (
                    format!("The host {} is reached by a command and has none.", host.id),
                    r#"Write its words, as in `"command": ["kubectl", "exec", "-i", "worker-0", "--"]`."#,
                )
            } else {
                (
                    format!("The host {} has a `command` and is not reached by it.", host.id),
                    "Set `transport` to `command`, or remove it.",
                )
            };
            report.error("host-command", place, message, remedy);
        }
        for (key, path) in [("state_dir", &host.state_dir), ("work_folder", &host.work_folder)] {
            let is_relative = path.as_deref().is_some_and(|path| !path.starts_with('/'));
            if let (true, Some(place)) = (is_relative, self.place("hosts", at, &[Step::Key(key)])) {
                let message = format!("`{key}` of the host {} is not absolute.", host.id);
                report.error("relative-path", place, message, "Write the whole path, from `/` on.");
            }
        }
    }

    fn check_host_of(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        let Some(place) = self.agent_place(at, &[Step::Key("host")]) else { return };
        match self.host_of(agent) {
            Some(host) if !self.host_ids().contains(&host) => {
                let message = format!("{} runs on `{host}`, which no host is called.", agent.id);
                report.unknown("unknown-host", place, message, host, self.host_ids());
            }
            None => {
                let message = format!("{} has no `host`, and there is more than one.", agent.id);
                let remedy = format!("Write one of `{}`.", self.host_ids().join("`, `"));
                report.error("missing-key", place, message, remedy);
            }
            Some(_) => {}
        }
    }

    /// The agents that no task is given to.
    pub(crate) fn without_task(&self, tasks: &Tasks) -> Vec<(Place, &str)> {
        let used: HashSet<&str> = tasks.entries.iter().map(|(_, task)| task.agent.as_str()).collect();
        let idle = self.agents().filter(|(_, agent)| !used.contains(agent.id.as_str()));
        idle.filter_map(|(at, agent)| Some((self.agent_place(at, &[])?, agent.id.as_str()))).collect()
    }
}

/// An address becomes an argument of `ssh`: it must not look like an option.
fn is_address(text: &str) -> bool {
    !text.starts_with('-')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._@:%-".contains(letter))
}
