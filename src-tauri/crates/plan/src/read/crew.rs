//! The agents, hosts and limits as they are written, or as the tasks let them be guessed.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::finding::Place;
use crate::ids::AgentId;
use crate::model::{RunnerKind, TransportKind};
use crate::read::NamedText;
use crate::read::report::Report;
use crate::read::shape::{AGENT, AGENT_CONFIG, HOST, Walk};
use crate::read::source::{Source, Step};
use crate::read::tasks::{Format, Tasks, check_version};
use crate::schema::{AGENT_CONFIG_FILE, AgentConfigFile, AgentEntry, HostEntry, LimitsEntry};

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
    pub(crate) limits: LimitsEntry,
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
            return Self::new(Origin::Broken, Vec::new(), Vec::new(), LimitsEntry::default());
        };
        let mut walk = Walk { source: &source, report };
        let header = walk.file::<AgentConfigFile>(&raw, &AGENT_CONFIG);
        let hosts = walk.entries(&raw, "hosts", &HOST);
        let agents = walk.entries(&raw, "agents", &AGENT);
        check_version(header.as_ref().and_then(|header| header.version.as_deref()), &source, report);
        let limits = header.and_then(|header| header.limits).unwrap_or_default();
        let is_list = raw.get("agents").is_some_and(serde_json::Value::is_array);
        let origin = if is_list { Origin::File(source) } else { Origin::Broken };
        Self::new(origin, agents, hosts, limits)
    }

    fn new(
        origin: Origin,
        agents: Vec<(usize, AgentEntry)>,
        mut hosts: Vec<(usize, HostEntry)>,
        limits: LimitsEntry,
    ) -> Self {
        if hosts.is_empty() {
            let host = |id: &str| HostEntry {
                id: id.to_owned(),
                title: Some("This machine".to_owned()),
                transport: None,
                address: None,
                capacity: None,
                labels: None,
            };
            hosts.push((0, host(LOCAL)));
        }
        let by_id =
            agents.iter().enumerate().rev().map(|(nth, (_, agent))| (agent.id.clone(), nth)).collect();
        Self { origin, agents, by_id, hosts, limits }
    }

    /// Every agent that the tasks name is somebody else's loop over its status file, on this
    /// machine: that is all a plain queue can mean.
    fn guessed(tasks: Option<&Tasks>, report: &mut Report) -> Self {
        let mut seen = BTreeSet::new();
        let mut agents = Vec::new();
        for (at, task) in tasks.into_iter().flat_map(|tasks| &tasks.entries) {
            if seen.insert(&task.agent) {
                let agent = AgentEntry {
                    id: task.agent.clone(),
                    title: None,
                    host: None,
                    runner: RunnerKind::External,
                    command: None,
                    environment: None,
                };
                agents.push((*at, agent));
            }
        }
        if tasks.is_some_and(|tasks| tasks.format == Format::Dag) {
            let place = Place { file: AGENT_CONFIG_FILE.to_owned(), path: String::new(), line: None };
            let message = "The file is not there: every agent counts as `external`, on this machine.";
            report.warning("no-agent-config", place, message, "Write one that says how the agents are run.");
        }
        Self::new(Origin::Tasks, agents, Vec::new(), LimitsEntry::default())
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

    fn place(&self, list: &'static str, at: usize, rest: &[Step<'_>]) -> Option<Place> {
        let Origin::File(source) = &self.origin else { return None };
        Some(source.place(&[&[Step::Key(list), Step::At(at)], rest].concat()))
    }

    /// Finds what the shape alone does not show.
    pub(crate) fn check(&self, tasks: &Tasks, report: &mut Report) {
        self.check_agent_ids(tasks, report);
        if let Origin::File(source) = &self.origin {
            self.check_hosts(report);
            for (at, agent) in self.agents() {
                self.check_host_of(at, agent, report);
                self.check_command(at, agent, report);
                self.check_environment(at, agent, report);
            }
            let (first, longest) = (self.limits.back_off_seconds, self.limits.back_off_max_seconds);
            if let (Some(first), Some(longest)) = (first, longest)
                && first > longest
            {
                let place = source.place(&[Step::Key("limits"), Step::Key("back_off_max_seconds")]);
                let message =
                    format!("The longest pause, {longest} s, is shorter than the first, {first} s.");
                report.warning("back-off", place, message, "Raise it, or lower `back_off_seconds`.");
            }
        }
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
                TransportKind::Ssh | TransportKind::Local => {}
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

    fn check_command(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        let Some(place) = self.agent_place(at, &[Step::Key("command")]) else { return };
        let program = agent.command.iter().flatten().next();
        match (agent.runner, program) {
            (RunnerKind::Command, None) => {
                let message = format!("{} is run as a command and names none.", agent.id);
                report.error(
                    "no-command",
                    place,
                    message,
                    "Add the program and its arguments under `command`.",
                );
            }
            (RunnerKind::Command, Some(program)) if program.trim().is_empty() => {
                let message = format!("The command of {} has no program.", agent.id);
                report.error("empty-command", place, message, "Write the program first, then its arguments.");
            }
            (RunnerKind::Command, Some(_)) | (_, None) => {}
            (_, Some(_)) => {
                let message = format!("{} has a `command`, which its runner does not use.", agent.id);
                report.warning("unused-command", place, message, "Remove it, or set `runner` to `command`.");
            }
        }
    }

    fn check_environment(&self, at: usize, agent: &AgentEntry, report: &mut Report) {
        for name in agent.environment.iter().flatten().map(|(name, _)| name) {
            let Some(place) = self.agent_place(at, &[Step::Key("environment"), Step::Key(name)]) else {
                return;
            };
            if name.starts_with("MIYABI_") {
                let message = format!("`{name}` is a variable that this program sets itself.");
                report.error("bad-variable", place, message, "Give it another name.");
            } else if !is_variable(name) {
                let message = format!("`{name}` is not the name of a variable.");
                report.error(
                    "bad-variable",
                    place,
                    message,
                    "Use letters, digits and `_`, and no digit first.",
                );
            }
        }
    }

    /// The agents that no task is given to.
    pub(crate) fn without_task(&self, tasks: &Tasks) -> Vec<(Place, &str)> {
        let used: HashSet<&str> = tasks.entries.iter().map(|(_, task)| task.agent.as_str()).collect();
        let idle = self.agents().filter(|(_, agent)| !used.contains(agent.id.as_str()));
        idle.filter_map(|(at, agent)| Some((self.agent_place(at, &[])?, agent.id.as_str()))).collect()
    }
}

fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// An address becomes an argument of `ssh`: it must not look like an option.
fn is_address(text: &str) -> bool {
    !text.starts_with('-')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._@:%-".contains(letter))
}
