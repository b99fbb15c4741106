//! Looking at a plan before its run: findings, forecast, and what stands in the way of it.

use std::path::{Path, PathBuf};

use miyabi_api::preview::{PreviewAbout, preview};
use miyabi_api::{ApiError, ChoiceView, PlanView};
use miyabi_plan::{
    Choice, Finding, NamedText, Plan, PlanText, ReadPlan, RunnerKind, Task, TransportKind, forecasts,
};
use miyabi_protocol::StateDir;

use crate::clock;
use crate::environment::Environment;
use crate::places;
use crate::plan_files::{AGENTS_FILE, LAYOUT_FILE, PlanFiles};
use crate::runs;
use crate::trust::TrustStore;

/// A plan read and checked, with the files that it came from.
#[derive(Debug, Clone)]
pub(crate) struct Inspected {
    pub(crate) files: PlanFiles,
    pub(crate) hash: String,
    pub(crate) plan: Option<Plan>,
    pub(crate) findings: Vec<Finding>,
}

impl Inspected {
    /// Reads the plan at a path. Findings are no error here.
    pub(crate) fn read(path: &Path) -> Result<Self, ApiError> {
        let files = PlanFiles::read(path)?;
        let ReadPlan { plan, findings } = miyabi_plan::read(&text_of(&files));
        Ok(Self { hash: files.hash(), plan, findings, files })
    }

    /// The work folder, absolute.
    pub(crate) fn work_folder(&self, plan: &Plan) -> PathBuf {
        // Joining an absolute path gives that path.
        let folder = self.files.folder.join(&plan.work_folder);
        places::normal(&folder).unwrap_or(folder)
    }
}

fn text_of(files: &PlanFiles) -> PlanText {
    let name = files.folder.file_name().map(|name| name.to_string_lossy().into_owned());
    PlanText {
        default_name: name,
        tasks: Some(NamedText::new(&*files.tasks.0, &*files.tasks.1)),
        agent_config: files.agents.as_ref().map(|text| NamedText::new(AGENTS_FILE, &**text)),
        tmux_layout: files.layout.as_ref().map(|text| NamedText::new(LAYOUT_FILE, &**text)),
    }
}

/// Everything that a person should see before a start.
pub(crate) async fn inspect(
    environment: &Environment,
    path: &Path,
    choice: Choice,
    rehearse: Option<f64>,
    state_dir: Option<&Path>,
) -> Result<PlanView, ApiError> {
    let inspected = Inspected::read(path)?;
    let state_dir = places::state_dir_for(state_dir, rehearse)?;
    let kept = runs::kept(environment)?;
    let unfinished = match runs::unfinished_of(&kept, &state_dir) {
        None => None,
        Some(run) => {
            let answer = runs::who_answers(environment, &state_dir).await;
            let alive = answer.is_some_and(|(_, snapshot)| snapshot.run.run_id == run.opening.run_id);
            Some(run.to_summary(alive))
        }
    };
    let plan = inspected.plan.as_ref();
    let drawn = |plan: &Plan| {
        let about = PreviewAbout {
            work_folder: inspected.work_folder(plan).display().to_string(),
            state_dir: state_dir.display().to_string(),
            session: StateDir::unchecked(&state_dir).session(),
            rehearse,
            now: clock::now(),
        };
        Box::new(preview(plan, choice, &about))
    };
    Ok(PlanView {
        path: path.display().to_string(),
        holds_commands: plan.is_some_and(|plan| !commands(plan).is_empty()),
        trusted: TrustStore::of(&environment.state_home).trusts(&inspected.hash),
        obstacles: plan.map(|plan| obstacles(plan, Agents::Started)).unwrap_or_default(),
        choices: plan.map(choices).unwrap_or_default(),
        preview: plan.map(drawn),
        unfinished,
        findings: inspected.findings,
        hash: inspected.hash,
    })
}

fn choices(plan: &Plan) -> Vec<ChoiceView> {
    let view = |forecast: miyabi_plan::Forecast| ChoiceView {
        choice: forecast.choice,
        levels: forecast.levels,
        expected_seconds: forecast.expected_seconds,
        lower_bound_seconds: forecast.lower_bound_seconds,
        dropped_edges: u32::try_from(forecast.dropped_edges.len()).unwrap_or(u32::MAX),
    };
    forecasts(plan).into_iter().map(view).collect()
}

/// Who starts the agents of a real run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agents {
    /// We do, each by its runner.
    Started,
    /// Nobody: they are loops of their own.
    External,
}

/// Why this version cannot run a plan for real; empty when it can.
pub(crate) fn obstacles(plan: &Plan, agents: Agents) -> Vec<String> {
    let mut found = Vec::new();
    if agents == Agents::Started {
        for (runner, program) in [(RunnerKind::Claude, "Claude Code"), (RunnerKind::Codex, "OpenAI Codex")] {
            let names: Vec<&str> = plan
                .agents
                .iter()
                .filter(|agent| agent.runner == runner)
                .map(|agent| agent.id.as_str())
                .collect();
            if let Some(text) = few(&names) {
                found.push(format!("{text}: agents run by {program} cannot be started by this version yet"));
            }
        }
    }
    let remote: Vec<&str> = plan
        .hosts
        .iter()
        .filter(|host| host.transport == TransportKind::Ssh)
        .map(|host| host.id.as_str())
        .collect();
    if let Some(text) = few(&remote) {
        found.push(format!("{text}: hosts over SSH cannot be reached by this version yet"));
    }
    found
}

/// The first few names, and how many more there are.
fn few(names: &[&str]) -> Option<String> {
    const SHOWN: usize = 6;
    match names.len() {
        0 => None,
        all if all > SHOWN => Some(format!("{} and {} more", names[..SHOWN].join(", "), all - SHOWN)),
        _ => Some(names.join(", ")),
    }
}

/// Every command that a real run would start, a line each, for the person who has to agree.
pub(crate) fn commands(plan: &Plan) -> Vec<String> {
    let agents = plan
        .agents
        .iter()
        .filter(|agent| !agent.command.is_empty())
        .map(|agent| format!("{} runs {}", agent.id, words(&agent.command)));
    let check = |task: &Task| -> Vec<String> {
        task.acceptance
            .iter()
            .map(|check| format!("{} is checked by {}", task.id, words(&check.run)))
            .collect()
    };
    agents.chain(plan.tasks.iter().flat_map(check)).collect()
}

/// A command as its words: one that is not plain is shown quoted, so that no space hides in it.
fn words(command: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c))
    };
    let shown: Vec<String> =
        command.iter().map(|word| if plain(word) { word.clone() } else { format!("{word:?}") }).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_so_that_nothing_hides_in_it() {
        let line = ["sh", "-c", "rm -rf \"$X\"\u{1b}[2K", ""].map(str::to_owned);
        assert_eq!(words(&line), r#"sh -c "rm -rf \"$X\"\u{1b}[2K" """#);
    }
}
