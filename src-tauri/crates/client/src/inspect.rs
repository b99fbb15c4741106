//! Looking at a plan before its run: findings, forecast, and what stands in the way of it.

use std::path::{Path, PathBuf};
use std::slice;

use miyabi_api::preview::{PreviewAbout, preview};
use miyabi_api::{ApiError, ChoiceView, PlanView};
use miyabi_plan::{
    Access, Agent, Choice, Finding, Host, NamedText, Plan, PlanText, PolicyAnswer, ReadPlan, Task,
    TransportKind, forecasts,
};
use miyabi_protocol::StateDir;

use crate::clock;
use crate::drafts;
use crate::environment::{Environment, is_program};
use crate::places;
use crate::plan_files::{AGENTS_FILE, LAYOUT_FILE, PRICE_FILE, PlanFiles, TEMPLATE_FILE};
use crate::repository::{self, Ground};
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
        PlanFiles::read(path).map(Self::of)
    }

    /// Reads the plan that these files make.
    pub(crate) fn of(files: PlanFiles) -> Self {
        let ReadPlan { plan, findings } = miyabi_plan::read(&text_of(&files));
        Self { hash: files.hash(), plan, findings, files }
    }

    /// Where its work is done, and what of it is not the work.
    pub(crate) fn ground(&self, plan: &Plan, state_dir: &Path) -> Ground {
        let folder = &self.files.folder;
        Ground {
            work_folder: self.work_folder(plan),
            plan_folder: places::normal(folder).unwrap_or_else(|_| folder.clone()),
            state_dir: state_dir.to_owned(),
        }
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
    let named = |file: &str, text: &Option<String>| text.as_ref().map(|text| NamedText::new(file, &**text));
    PlanText {
        default_name: name,
        tasks: Some(NamedText::new(&*files.tasks.0, &*files.tasks.1)),
        agent_config: named(AGENTS_FILE, &files.agents),
        tmux_layout: named(LAYOUT_FILE, &files.layout),
        prompt_template: named(TEMPLATE_FILE, &files.template),
        prices: named(PRICE_FILE, &files.prices),
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
    let state_dir = drafts::state_dir(environment, &inspected.files.folder, state_dir, rehearse)?;
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
        obstacles: match plan {
            Some(plan) => all_obstacles(environment, plan, inspected.ground(plan, &state_dir)).await,
            None => Vec::new(),
        },
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

/// Why a real run is not possible here.
async fn all_obstacles(environment: &Environment, plan: &Plan, ground: Ground) -> Vec<String> {
    let mut all = obstacles(environment, plan);
    let (environment, plan) = (environment.clone(), plan.clone());
    // Git looks at every file of the repository.
    let looked = move || repository::obstacles(&environment, &plan, &ground);
    all.extend(tokio::task::spawn_blocking(looked).await.unwrap_or_default());
    all
}

/// Why a plan's hosts cannot be reached from this machine at all; empty when they can.
pub(crate) fn obstacles(environment: &Environment, plan: &Plan) -> Vec<String> {
    let lacks = |program: &str| match program.contains('/') {
        true => !is_program(Path::new(program)),
        false => environment.find(program).is_none(),
    };
    let program = |host: &Host| match host.transport {
        TransportKind::Local => None,
        TransportKind::Ssh => Some("ssh".to_owned()),
        TransportKind::Command => host.command.first().cloned(),
    };
    let missing = plan.hosts.iter().filter_map(|host| {
        let program = program(host).filter(|program| lacks(program))?;
        let shown = words(slice::from_ref(&program));
        Some(format!("{} is reached by {shown}, which is not installed here", host.id))
    });
    missing.collect()
}

/// The first few names, and how many more there are.
pub(crate) fn few(names: &[&str]) -> Option<String> {
    const SHOWN: usize = 6;
    match names.len() {
        0 => None,
        all if all > SHOWN => Some(format!("{} and {} more", names[..SHOWN].join(", "), all - SHOWN)),
        _ => Some(names.join(", ")),
    }
}

/// Everything that a real run would start or allow, a line each, for the person who has to agree.
pub(crate) fn commands(plan: &Plan) -> Vec<String> {
    let agents = plan.agents.iter().filter_map(|agent| {
        let program = match (agent.command.is_empty(), agent.runner.has_model()) {
            (false, _) => words(&agent.command),
            (true, true) => agent.runner.word().to_owned(),
            (true, false) => return None,
        };
        Some(format!("{} runs {program}{}{}", agent.id, variables(agent), access(agent)))
    });
    let check = |task: &Task| -> Vec<String> {
        task.acceptance
            .iter()
            .map(|check| format!("{} is checked by {}", task.id, words(&check.run)))
            .collect()
    };
    let tasks = plan.tasks.iter().flat_map(check);
    agents
        .chain(allowed(plan))
        .chain(reaching(plan))
        .chain(tasks)
        .chain(on_git(plan))
        .chain(verified(plan))
        .collect()
}

/// What is done with the repository beside the work itself, a line each.
fn on_git(plan: &Plan) -> Vec<String> {
    let git = &plan.git;
    let copied = git.copy.iter().map(|file| {
        format!(
            "every work tree, on every host, gets the file {} of the work folder",
            words(slice::from_ref(file))
        )
    });
    let setup = git.setup.iter().map(|step| format!("every work tree is made ready by {}", words(&step.run)));
    let remote = git.remote.iter().map(|remote| {
        format!("the run's branches are pushed to the remote {}", words(slice::from_ref(remote)))
    });
    let api = git.api.iter().map(|api| {
        format!(
            "a pull request, where you ask for one, goes to {} with your token for that host",
            words(slice::from_ref(api))
        )
    });
    copied.chain(setup).chain(remote).chain(api).collect()
}

fn verified(plan: &Plan) -> Vec<String> {
    plan.verification
        .iter()
        .map(|check| format!("all the work is verified by {}", words(&check.run)))
        .collect()
}

/// How the plan's other hosts are reached, a line each.
pub(crate) fn reaching(plan: &Plan) -> Vec<String> {
    let line = |host: &Host| match host.transport {
        TransportKind::Local => None,
        TransportKind::Ssh => {
            Some(format!("{} is reached by ssh {}", host.id, words(slice::from_ref(&host.address))))
        }
        TransportKind::Command => Some(format!("{} is reached by {}", host.id, words(&host.command))),
    };
    plan.hosts.iter().filter_map(line).collect()
}

/// The names of the variables that the plan sets: one of them may send the agent elsewhere.
fn variables(agent: &Agent) -> String {
    let names: Vec<String> = agent.environment.keys().cloned().collect();
    if names.is_empty() { String::new() } else { format!(" with {}", words(&names)) }
}

/// What an agent with a model may do without asking.
fn access(agent: &Agent) -> &'static str {
    match agent.access {
        _ if !agent.runner.has_model() => "",
        Access::Read => ", which may read files",
        Access::Edit => ", which may change files in the work folder",
        Access::Full => ", which MAY DO ANYTHING on its host without asking",
    }
}

/// What is allowed without asking a person.
fn allowed(plan: &Plan) -> Vec<String> {
    let policy = &plan.approvals;
    if !plan.agents.iter().any(|agent| agent.runner.has_model()) {
        return Vec::new();
    }
    let rules = policy.rules.iter().filter(|rule| rule.answer == PolicyAnswer::Allow).map(|rule| {
        let who = rule
            .agent
            .as_ref()
            .map_or_else(|| "every agent".to_owned(), |agent| words(slice::from_ref(agent)));
        let what = rule.pattern.as_ref().map(|pattern| format!(" {}", words(slice::from_ref(pattern))));
        format!(
            "{who} may use {}{} without asking",
            words(slice::from_ref(&rule.tool)),
            what.unwrap_or_default()
        )
    });
    let rest = [
        (policy.default, "every other request for permission is allowed without asking"),
        (policy.on_time_out, "a request for permission that nobody answers is allowed"),
    ];
    let rest = rest.into_iter().filter(|(answer, _)| *answer == PolicyAnswer::Allow);
    rules.chain(rest.map(|(_, line)| line.to_owned())).collect()
}

/// A command as its words: one that is not plain is shown quoted, so that no space hides in it.
fn words(command: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%*".contains(c))
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

    fn plan(agents: &str) -> Plan {
        let dag = r#"{"name":"p","tasks":[{"id":"A","title":"a","prompt":"p","agent":"X-1","estimated_seconds":5}]}"#;
        let read = miyabi_plan::read(&PlanText {
            tasks: Some(NamedText::new("task_dag.json", dag)),
            agent_config: Some(NamedText::new(AGENTS_FILE, agents)),
            ..PlanText::default()
        });
        read.plan.unwrap_or_else(|| panic!("{:?}", read.findings))
    }

    #[test]
    fn a_person_agrees_to_programs_access_and_what_is_allowed() {
        let plan = plan(
            r#"{"agents": [
                {"id": "X-1", "runner": "claude", "environment": {"ANTHROPIC_BASE_URL": "http://elsewhere"}},
                {"id": "X-2", "runner": "codex", "access": "full", "command": ["/opt/codex", "-c", "a b"]},
                {"id": "X-3", "runner": "acp", "access": "read", "command": ["gemini"]},
                {"id": "X-4", "runner": "external"}],
              "approvals": {"default": "allow", "rules": [
                {"tool": "Bash", "pattern": "pytest *", "agent": "X-1", "answer": "allow"},
                {"tool": "Read", "answer": "allow"}, {"tool": "Bash", "answer": "deny"}]}}"#,
        );
        assert_eq!(
            commands(&plan),
            [
                "X-1 runs claude with ANTHROPIC_BASE_URL, which may change files in the work folder",
                "X-2 runs /opt/codex -c \"a b\", which MAY DO ANYTHING on its host without asking",
                "X-3 runs gemini, which may read files",
                "X-1 may use Bash \"pytest *\" without asking",
                "every agent may use Read without asking",
                "every other request for permission is allowed without asking",
            ]
        );
    }

    #[test]
    fn how_hosts_are_reached_is_agreed_to_and_must_be_possible_from_here() {
        let plan = plan(
            r#"{"hosts": [{"id": "here"}, {"id": "far", "transport": "ssh", "address": "far.example"},
                {"id": "pod", "transport": "command", "command": ["/nowhere/kubectl", "exec", "a b", "--"]}],
              "agents": [{"id": "X-1", "runner": "claude", "host": "far"}]}"#,
        );
        let ways =
            ["far is reached by ssh far.example", "pod is reached by /nowhere/kubectl exec \"a b\" --"];
        assert_eq!(reaching(&plan), ways);
        assert!(ways.iter().all(|way| commands(&plan).iter().any(|line| line == way)));
        let environment = Environment {
            state_home: PathBuf::new(),
            runtime_dir: PathBuf::new(),
            miyabi: PathBuf::new(),
            miyabi_host: PathBuf::new(),
            path: Vec::new(),
        };
        assert_eq!(
            obstacles(&environment, &plan),
            [
                "far is reached by ssh, which is not installed here",
                "pod is reached by /nowhere/kubectl, which is not installed here"
            ]
        );
    }
}
