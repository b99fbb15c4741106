//! Reading a plan: texts in, a checked [`Plan`] and everything there is to say about it out.
//!
//! All findings come at once: the walk over the files' shape ([`shape`]) repairs what it reports,
//! so that the checks of meaning ([`tasks`], [`crew`], [`warn`]) see the rest of the plan as well.

mod build;
mod crew;
mod report;
mod shape;
mod source;
mod tasks;
mod warn;

use crate::finding::{Finding, Place};
use crate::layout_conf::parse_layout;
use crate::model::{Plan, TmuxLayout};
use crate::schema::{TASK_DAG_FILE, TMUX_LAYOUT_FILE};

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let layout = read_layout(text.tmux_layout.as_ref(), &crew, &mut report);
        let built = build::build(tasks, &crew, layout);
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

/// The files in the order in which a person would look at them.
fn file_rank(text: &PlanText, file: &str) -> usize {
    let is = |named: &Option<NamedText>| named.as_ref().is_some_and(|named| named.file == file);
    if is(&text.tasks) {
        0
    } else if is(&text.agent_config) {
        1
    } else {
        2
    }
}

/// The names of the files in a plan's folder, in the order of [`PlanText`].
#[must_use]
pub fn plan_files() -> [&'static str; 3] {
    [TASK_DAG_FILE, crate::schema::AGENT_CONFIG_FILE, TMUX_LAYOUT_FILE]
}
