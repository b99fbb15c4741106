//! The tasks as they are written, from a `task_dag.json` or a plain `task_queue.json`, and the
//! checks of what they say.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::dag::Dag;
use crate::finding::Place;
use crate::ids::{AgentId, TaskId};
use crate::outputs::plain_output;
use crate::read::NamedText;
use crate::read::checks;
use crate::read::crew::Crew;
use crate::read::records::{QUEUE_TASK, TASK, TASK_DAG, TASK_QUEUE};
use crate::read::report::{Report, nearest};
use crate::read::shape::{Record, Walk};
use crate::read::source::{Source, Step};
use crate::schema::{MAX_LABEL, PLAN_VERSION, TaskDagFile, TaskEntry};

/// The tasks of a plan, those that can be used; each with its place in the file.
#[derive(Debug)]
pub(crate) struct Tasks {
    pub(crate) source: Source,
    pub(crate) raw: Value,
    pub(crate) format: Format,
    pub(crate) header: TaskDagFile,
    pub(crate) entries: Vec<(usize, TaskEntry)>,
}

/// Which of the two formats the tasks are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Dag,
    Queue,
}

impl Format {
    fn key(self, dag: &'static str, queue: &'static str) -> &'static str {
        match self {
            Self::Dag => dag,
            Self::Queue => queue,
        }
    }
}

/// One task of a plain `task_queue.json`.
#[derive(Debug, Deserialize)]
struct QueueEntry {
    task_id: String,
    agent: String,
    description: String,
    dependencies: Vec<String>,
    priority: u32,
    estimated_time: u32,
    module: Option<String>,
}

impl From<QueueEntry> for TaskEntry {
    fn from(entry: QueueEntry) -> Self {
        Self {
            id: entry.task_id,
            title: entry.description.lines().next().unwrap_or_default().to_owned(),
            prompt: entry.description,
            agent: entry.agent,
            needs: Some(entry.dependencies),
            priority: Some(entry.priority),
            estimated_seconds: entry.estimated_time,
            module: entry.module,
            wave: None,
            outputs: None,
            acceptance: None,
            retries: None,
            time_limit_seconds: None,
            host: None,
            approval: None,
        }
    }
}

/// A task of a queue has `task_id`, one of a DAG has `id`.
fn format_of(value: &Value) -> Format {
    let tasks = value.get("tasks").and_then(Value::as_array);
    let count = |key: &str| tasks.into_iter().flatten().filter(|task| task.get(key).is_some()).count();
    if count("task_id") > count("id") { Format::Queue } else { Format::Dag }
}

impl Tasks {
    pub(crate) fn read(named: &NamedText, default_name: Option<&str>, report: &mut Report) -> Option<Self> {
        let (source, raw) = Source::parse(&named.file, &named.text, &mut report.findings)?;
        let format = format_of(&raw);
        let mut walk = Walk { source: &source, report };
        let (header, entries) = match format {
            Format::Dag => (walk.file::<TaskDagFile>(&raw, &TASK_DAG), walk.entries(&raw, "tasks", &TASK)),
            Format::Queue => {
                walk.file::<Value>(&raw, &TASK_QUEUE);
                let entries = walk.entries::<QueueEntry>(&raw, "tasks", &QUEUE_TASK);
                let entries = entries.into_iter().map(|(at, entry)| (at, entry.into())).collect();
                (Some(queue_header(default_name)), entries)
            }
        };
        if raw.get("tasks").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            let place = source.place(&[Step::Key("tasks")]);
            report.error("empty-plan", place, "The plan has no task.", "Add one to `tasks`.");
        }
        let header = header.unwrap_or_else(|| queue_header(default_name));
        check_version(header.version.as_deref(), &source, report);
        Some(Self { source, raw, format, header, entries })
    }

    pub(crate) fn place(&self, at: usize, rest: &[Step<'_>]) -> Place {
        self.source.place(&[&[Step::Key("tasks"), Step::At(at)], rest].concat())
    }

    pub(crate) fn id_place(&self, at: usize) -> Place {
        self.place(at, &[Step::Key(self.format.key("id", "task_id"))])
    }

    /// The place of an entry of one of a task's lists, found by its text: a repaired list may be
    /// shorter than the written one.
    fn item_place(&self, at: usize, key: &'static str, text: &str) -> Place {
        let written = self.raw["tasks"][at][key].as_array();
        let found = written.and_then(|items| items.iter().position(|item| item == text));
        match found {
            Some(item) => self.place(at, &[Step::Key(key), Step::At(item)]),
            None => self.place(at, &[Step::Key(key)]),
        }
    }

    pub(crate) fn need_place(&self, at: usize, need: &str) -> Place {
        self.item_place(at, self.format.key("needs", "dependencies"), need)
    }

    pub(crate) fn output_place(&self, at: usize, output: &str) -> Place {
        self.item_place(at, "outputs", output)
    }

    /// Whether any acceptance command is written, usable or not.
    pub(crate) fn has_acceptance(&self, at: usize) -> bool {
        self.raw["tasks"][at]["acceptance"].as_array().is_some_and(|checks| !checks.is_empty())
    }

    /// Finds what the shape alone does not show.
    pub(crate) fn check(&self, crew: &Crew, report: &mut Report) {
        self.check_header(report);
        self.check_verification(report);
        self.check_git(crew, report);
        let index = self.check_ids(report);
        for (at, task) in &self.entries {
            self.check_needs(*at, task, &index, report);
            self.check_who(*at, task, crew, report);
            self.check_outputs(*at, task, report);
            self.check_acceptance(*at, task, report);
        }
        self.check_cycles(&index, report);
    }

    fn check_header(&self, report: &mut Report) {
        self.check_label(report);
        for (nth, rule) in self.header.rules.iter().flatten().enumerate() {
            if rule.trim().is_empty() {
                let place = self.source.place(&[Step::Key("rules"), Step::At(nth)]);
                report.warning(
                    "empty-rule",
                    place,
                    "The rule is empty.",
                    "Write what every agent is told, or remove it.",
                );
            }
        }
        let Some(folder) = &self.header.work_folder else { return };
        let place = self.source.place(&[Step::Key("work_folder")]);
        if folder.trim().is_empty() {
            report.error(
                "bad-folder",
                place,
                "`work_folder` is empty.",
                "Name a folder below the plan's, as in `work`.",
            );
        } else if folder.split('/').any(|part| part == "..") || folder.starts_with('~') {
            let message = format!("`work_folder` is `{folder}`, which leads out of the plan's folder.");
            report.error(
                "bad-folder",
                place,
                message,
                "Name a folder below the plan's, or write an absolute path.",
            );
        }
    }

    fn check_label(&self, report: &mut Report) {
        let Some(label) = &self.header.label else { return };
        let place = self.source.place(&[Step::Key("label")]);
        let letters = label.chars().count();
        if label.trim().is_empty() || label.chars().any(char::is_control) {
            let remedy = "Write a few words, as in `trial`, or remove it.";
            report.error("bad-label", place, "`label` is not one line of text.", remedy);
        } else if letters > MAX_LABEL {
            let message = format!("`label` has {letters} letters; it stands in every line about the run.");
            let remedy = format!("Write at most {MAX_LABEL}; a longer text fits into `title`.");
            report.error("bad-label", place, message, remedy);
        }
    }

    fn check_ids(&self, report: &mut Report) -> HashMap<&str, usize> {
        let mut index = HashMap::new();
        let mut folded: HashMap<String, &str> = HashMap::new();
        for (nth, (at, task)) in self.entries.iter().enumerate() {
            if let Some(first) = folded.get(&task.id.to_ascii_lowercase()) {
                report.duplicate("task", &task.id, first, self.id_place(*at));
                continue;
            }
            folded.insert(task.id.to_ascii_lowercase(), &task.id);
            index.insert(task.id.as_str(), nth);
        }
        index
    }

    fn check_needs(&self, at: usize, task: &TaskEntry, index: &HashMap<&str, usize>, report: &mut Report) {
        let mut seen = HashSet::new();
        for need in task.needs.iter().flatten() {
            let place = || self.need_place(at, need);
            if *need == task.id {
                let message = format!("{} needs itself.", task.id);
                report.error("self-need", place(), message, "Remove the need.");
            } else if !index.contains_key(need.as_str()) {
                let message = format!("{} needs `{need}`, which no task is called.", task.id);
                report.unknown("unknown-need", place(), message, need, index.keys().copied());
            } else if !seen.insert(need) {
                let message = format!("{} names its need {need} twice.", task.id);
                report.warning("duplicate-need", place(), message, "Remove one of the two.");
            }
        }
    }

    fn check_who(&self, at: usize, task: &TaskEntry, crew: &Crew, report: &mut Report) {
        if !crew.is_readable() {
            return;
        }
        if crew.agent(&task.agent).is_none() {
            let message = format!("{} is given to `{}`, which no agent is called.", task.id, task.agent);
            let known = crew.agents().map(|(_, agent)| agent.id.as_str());
            report.unknown(
                "unknown-agent",
                self.place(at, &[Step::Key("agent")]),
                message,
                &task.agent,
                known,
            );
        }
        let Some(host) = &task.host else { return };
        let place = self.place(at, &[Step::Key("host")]);
        if !crew.host_ids().contains(&host.as_str()) {
            let message = format!("{} must run on `{host}`, which no host is called.", task.id);
            report.unknown("unknown-host", place, message, host, crew.host_ids());
        } else if let Some(own) = crew.agent(&task.agent).and_then(|agent| crew.host_of(agent))
            && own != host
        {
            self.check_host(task, (own, host), place, crew, report);
        }
    }

    /// A task that is bound to another host than its agent's can only go to another agent.
    fn check_host(
        &self,
        task: &TaskEntry,
        hosts: (&str, &str),
        place: Place,
        crew: &Crew,
        report: &mut Report,
    ) {
        let (own, host) = hosts;
        let kind = |id: &str| AgentId::new(id).map(|id| id.kind()).ok();
        let same = |agent: &str| kind(agent) == kind(&task.agent);
        let mut others =
            crew.agents().filter(|(_, agent)| same(&agent.id) && crew.host_of(agent) == Some(host));
        let message = format!("{} must run on {host}, but its agent {} is on {own}.", task.id, task.agent);
        let remedy = format!("Give it to an agent on {host}, or leave its `host` out.");
        if self.header.work_stealing.unwrap_or(true) && others.next().is_some() {
            report.warning("other-host", place, message, remedy);
        } else {
            report.error("other-host", place, message, remedy);
        }
    }

    fn check_outputs(&self, at: usize, task: &TaskEntry, report: &mut Report) {
        for output in task.outputs.iter().flatten() {
            if let Err(error) = plain_output(output) {
                let remedy = "Write a path or a glob below the work folder, as in `src/**/*.py`.";
                report.error("bad-output", self.output_place(at, output), error.to_string(), remedy);
            }
        }
    }

    fn check_acceptance(&self, at: usize, task: &TaskEntry, report: &mut Report) {
        for (nth, check) in task.acceptance.iter().flatten().enumerate() {
            let place = |rest: &[Step<'_>]| {
                self.place(at, &[&[Step::Key("acceptance"), Step::At(nth)], rest].concat())
            };
            let whose = format!("{} has an acceptance command", task.id);
            checks::check(&whose, (check, &self.raw["tasks"][at]["acceptance"][nth]), &place, report);
        }
    }

    fn check_verification(&self, report: &mut Report) {
        for (nth, check) in self.header.verification.iter().flatten().enumerate() {
            let place = |rest: &[Step<'_>]| {
                self.source.place(&[&[Step::Key("verification"), Step::At(nth)], rest].concat())
            };
            let check = (check, &self.raw["verification"][nth]);
            checks::check("The verification has a command", check, &place, report);
        }
    }

    fn check_cycles(&self, index: &HashMap<&str, usize>, report: &mut Report) {
        let edges = self.entries.iter().enumerate().flat_map(|(nth, (_, task))| {
            let needs = task.needs.iter().flatten();
            needs
                .filter_map(|need| index.get(need.as_str()))
                .map(move |need| (*need, nth))
                .collect::<Vec<_>>()
        });
        let edges = edges.filter(|(need, task)| need != task);
        for cycle in Dag::new(self.entries.len(), edges).cycles() {
            let ids: Vec<&str> = cycle.iter().map(|nth| self.entries[*nth].1.id.as_str()).collect();
            let (Some(first), Some(last)) = (cycle.first(), ids.last()) else { continue };
            let message = format!("These tasks wait for one another: {} -> {}.", ids.join(" -> "), ids[0]);
            let place = self.need_place(self.entries[*first].0, last);
            let remedy = format!("Remove one of these needs, as in {last} from the needs of {}.", ids[0]);
            report.error("cycle", place, message, remedy);
        }
    }
}

/// The header of a file that has none.
fn queue_header(default_name: Option<&str>) -> TaskDagFile {
    let name = default_name.filter(|name| TaskId::new(*name).is_ok()).unwrap_or("plan");
    TaskDagFile {
        schema: None,
        version: None,
        name: name.to_owned(),
        title: None,
        label: None,
        rules: None,
        work_folder: None,
        order: None,
        work_stealing: None,
        sequential_waves: None,
        git: None,
        verification: None,
        tasks: Vec::new(),
    }
}

/// Files of the same major version can be read.
pub(crate) fn check_version(version: Option<&str>, source: &Source, report: &mut Report) {
    let Some(version) = version else { return };
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(version) != major(PLAN_VERSION) {
        let message =
            format!("The file is of version `{version}`; this program reads version {PLAN_VERSION}.");
        let remedy = "Use the program that belongs to the file, or bring the file up to this version.";
        report.error("unsupported-version", source.place(&[Step::Key("version")]), message, remedy);
    }
}

impl Walk<'_> {
    /// The keys at the top of a file.
    pub(crate) fn file<T: DeserializeOwned>(&mut self, raw: &Value, record: &'static Record) -> Option<T> {
        let repaired = self.record(raw, record, &[]).or_else(|| {
            // Only a name can be missing for good: with another one, the rest is still of use.
            let mut members = raw.as_object()?.clone();
            members.insert("name".to_owned(), json!("plan"));
            let mut quiet = Report::default();
            Walk { source: self.source, report: &mut quiet }.record(&Value::Object(members), record, &[])
        })?;
        serde_json::from_value(repaired).ok()
    }

    /// The entries of a list at the top of a file, those that can be used.
    pub(crate) fn entries<T: DeserializeOwned>(
        &mut self,
        raw: &Value,
        list: &'static str,
        record: &'static Record,
    ) -> Vec<(usize, T)> {
        let items = raw.get(list).and_then(Value::as_array);
        let items = items.into_iter().flatten().enumerate();
        let walked = items.filter_map(|(at, item)| {
            let repaired = self.record(item, record, &[Step::Key(list), Step::At(at)])?;
            Some((at, serde_json::from_value(repaired).ok()?))
        });
        walked.collect()
    }
}

impl Report {
    pub(crate) fn duplicate(&mut self, what: &str, id: &str, first: &str, place: Place) {
        let message = if id == first {
            format!("There are two of the {what} `{id}`.")
        } else {
            format!("The {what} `{id}` differs from `{first}` only in upper and lower case.")
        };
        self.error("duplicate-id", place, message, "Give one of them another id.");
    }

    pub(crate) fn unknown<'a>(
        &mut self,
        code: &str,
        place: Place,
        message: String,
        text: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let mut known: Vec<&str> = known.into_iter().collect();
        known.sort_unstable();
        let remedy = nearest(text, known).map_or_else(
            || "Correct the id, or add what it names.".to_owned(),
            |id| format!("Did you mean `{id}`?"),
        );
        self.error(code, place, message, remedy);
    }
}
