//! Reading a plan: texts in, a checked [`Plan`] and everything there is to say about it out.
//!
//! All findings come at once: the walk over the files' shape ([`shape`]) repairs what it reports,
//! so that the checks of meaning ([`tasks`], [`crew`], [`warn`]) see the rest of the plan as well.

mod agents;
mod build;
mod checks;
mod crew;
mod git;
mod policy;
mod prices;
mod records;
mod report;
mod shape;
mod source;
mod tasks;
mod warn;

use crate::finding::{Finding, Place};
use crate::layout_conf::parse_layout;
use crate::model::{Plan, TmuxLayout};
use crate::prompt::check_template;
use crate::schema::{AGENT_CONFIG_FILE, PRICES_FILE, PROMPT_TEMPLATE_FILE, TASK_DAG_FILE, TMUX_LAYOUT_FILE};

use build::Extras;
use crew::Crew;
pub(crate) use report::{Report, nearest};
use tasks::Tasks;

/// The texts of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanText {
    /// The name of a plan that does not name itself (a plain queue), as in the name of its folder.
    pub default_name: Option<String>,
    /// The tasks: a `task_dag.json`, or a `task_queue.json`, which is told by its content.
    pub tasks: Option<NamedText>,
    /// `agent_config.json`.
    pub agent_config: Option<NamedText>,
    /// `tmux_layout.conf`.
    pub tmux_layout: Option<NamedText>,
    /// `prompt_template.md`.
    pub prompt_template: Option<NamedText>,
    /// `prices.json`.
    pub prices: Option<NamedText>,
}

/// A text and the name of the file that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedText {
    /// The name by which findings call it.
    pub file: String,
    /// Its content.
    pub text: String,
}

impl NamedText {
    /// A text and its file's name.
    #[must_use]
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }
}

/// What reading a plan gave.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadPlan {
    /// The plan; none when a finding is an error.
    pub plan: Option<Plan>,
    /// Everything there is to say, errors first, then in the order of the files.
    pub findings: Vec<Finding>,
}

/// Reads and checks a plan.
#[must_use]
pub fn read(text: &PlanText) -> ReadPlan {
    let mut report = Report::default();
    let tasks = match &text.tasks {
        Some(named) => Tasks::read(named, text.default_name.as_deref(), &mut report),
        None => {
            missing_tasks(&mut report);
            None
        }
    };
    let crew = Crew::read(text.agent_config.as_ref(), tasks.as_ref(), &mut report);
    let mut plan = None;
    if let Some(tasks) = &tasks {
        tasks.check(&crew, &mut report);
        crew.check(tasks, &mut report);
        let extras = Extras {
            layout: read_layout(text.tmux_layout.as_ref(), &crew, &mut report),
            template: read_template(text.prompt_template.as_ref(), &mut report),
            prices: prices::read(text.prices.as_ref(), &mut report),
        };
        let built = build::build(tasks, &crew, extras);
        if let Some(built) = &built {
            warn::warn(built, tasks, &crew, &mut report);
        }
        plan = built.filter(|_| !report.has_errors());
    }
    let mut findings = report.findings;
    findings.sort_by_key(|finding| (finding.severity, file_rank(text, &finding.place.file)));
    ReadPlan { plan, findings }
}

fn missing_tasks(report: &mut Report) {
    let place = Place { file: TASK_DAG_FILE.to_owned(), path: String::new(), line: None };
    report.error(
        "missing-file",
        place,
        "The file is not there.",
        "Start a plan with `miyabi init`, or name another folder.",
    );
}

fn read_layout(text: Option<&NamedText>, crew: &Crew, report: &mut Report) -> TmuxLayout {
    let Some(named) = text else { return TmuxLayout::default() };
    let (layout, findings) = parse_layout(&named.file, &named.text, crew.agent_ids().as_deref());
    report.findings.extend(findings);
    layout
}

fn read_template(text: Option<&NamedText>, report: &mut Report) -> Option<String> {
    let named = text?;
    let place = |line| Place { file: named.file.clone(), path: String::new(), line };
    if named.text.trim().is_empty() {
        let remedy = "Remove the file, or write what agents are told.";
        report.error(
            "bad-template",
            place(None),
            "The template is empty: agents would be told nothing.",
            remedy,
        );
    } else if let Err(error) = check_template(&named.text) {
        let message = format!("The template cannot be filled in: {}.", error.message.trim_end_matches('.'));
        let remedy = "Correct that place, or remove the file to use the built-in template.";
        report.error("bad-template", place(u32::try_from(error.line).ok()), message, remedy);
    }
    Some(named.text.clone())
}

/// The files in the order in which a person would look at them.
fn file_rank(text: &PlanText, file: &str) -> usize {
    let files = [&text.tasks, &text.agent_config, &text.tmux_layout, &text.prompt_template, &text.prices];
    let is = |named: &&Option<NamedText>| named.as_ref().is_some_and(|named| named.file == file);
    files.iter().position(is).unwrap_or(files.len())
}

/// The names of the files in a plan's folder, in the order of [`PlanText`].
#[must_use]
pub fn plan_files() -> [&'static str; 5] {
    [TASK_DAG_FILE, AGENT_CONFIG_FILE, TMUX_LAYOUT_FILE, PROMPT_TEMPLATE_FILE, PRICES_FILE]
}
