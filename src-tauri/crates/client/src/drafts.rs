//! Plans that are made for a person: of one prompt, or of a goal for which an agent drafts the plan.
//!
//! Both are plans of one task in a folder of the state home, and run as any other. The person gave
//! the words of the one, the words of the other are ours, so neither asks for trust.

use std::fs;
use std::path::{Path, PathBuf};

use miyabi_api::{ApiError, ErrorCode, GoalPlan, PromptPlan};
use miyabi_plan::RunnerKind;
use miyabi_plan::schema::{
    AGENT_CONFIG_FILE, AgentConfigFile, AgentEntry, ApprovalRuleEntry, ApprovalsEntry, CheckEntry, GitEntry,
    LimitsEntry, PLAN_VERSION, TASK_DAG_FILE, TaskDagFile, TaskEntry,
};
use miyabi_plan::{PolicyAnswer, Severity};
use miyabi_protocol::atomic::{self, Durability};

use crate::clock;
use crate::environment::Environment;
use crate::inspect::Inspected;
use crate::launch::{make_private, not_written};
use crate::places;
use crate::trust::TrustStore;

/// What an agent is told that drafts a plan; the words between `@` are filled in.
const GOAL_PROMPT: &str = include_str!("goal_prompt.md");
/// How many letters of a prompt make the title.
const TITLE_LETTERS: usize = 60;
/// How long a prompt may be worked at.
const PROMPT_SECONDS: u32 = 4 * 3600;
/// How long one round of drafting may take.
const ROUND_SECONDS: u32 = 3600;
/// How often a plan with errors goes back: three rounds in all.
const DRAFT_RETRIES: u32 = 2;
/// How long a question of the drafting agent waits for a person.
const QUESTION_SECONDS: u32 = 600;
/// Tools that only read, as Claude Code calls them.
const READING: [&str; 4] = ["Read", "Glob", "Grep", "LS"];

/// Makes a plan of one task from a prompt; gives its folder.
pub(crate) fn prompt_plan(environment: &Environment, wanted: &PromptPlan) -> Result<PathBuf, ApiError> {
    let work_folder = folder(&wanted.work_folder, "the work folder")?;
    let prompt = words(&wanted.prompt, "the prompt")?;
    let agent = agent(environment, wanted.agent)?;
    let task = TaskEntry {
        retries: Some(1),
        time_limit_seconds: Some(PROMPT_SECONDS),
        ..task(title(prompt), prompt.to_owned(), &agent)
    };
    keep(environment, "prompt", (task, agent), &work_folder, Policy::default())
}

/// Makes a plan of one task, in which an agent drafts the plan for a goal; gives its folder.
pub(crate) fn goal_plan(environment: &Environment, wanted: &GoalPlan) -> Result<PathBuf, ApiError> {
    let goal = words(&wanted.goal, "the goal")?;
    let repo = wanted.repo.as_deref().map(|repo| folder(repo, "the repository")).transpose()?;
    let agent = agent(environment, wanted.agent)?;
    let out = places::normal(Path::new(&wanted.out))?;
    for file in [TASK_DAG_FILE, AGENT_CONFIG_FILE] {
        if out.join(file).exists() {
            let message = format!("{} is there already; nothing was started", out.join(file).display());
            return Err(ApiError::new(ErrorCode::BadInput, message).hint("choose another folder with -o"));
        }
    }
    fs::create_dir_all(&out).map_err(|error| {
        ApiError::new(ErrorCode::Environment, format!("cannot make {}: {error}", out.display()))
    })?;
    let check = check(environment);
    let prompt = goal_prompt(environment, goal, repo.as_deref(), &check.join(" "));
    let task = TaskEntry {
        // No `outputs`: a round that mends one file alone leaves the other as it was.
        acceptance: Some(vec![
            CheckEntry::Words(["test", "-s", AGENT_CONFIG_FILE].map(str::to_owned).to_vec()),
            CheckEntry::Words(check.clone()),
        ]),
        retries: Some(DRAFT_RETRIES),
        time_limit_seconds: Some(ROUND_SECONDS),
        ..task(format!("Draft a plan: {}", title(goal)), prompt, &agent)
    };
    let policy = Policy {
        approvals: Some(reading_only(&check.join(" "))),
        // What is wrong with a draft is not mended by waiting.
        limits: Some(LimitsEntry { back_off_seconds: Some(1), ..LimitsEntry::default() }),
    };
    keep(environment, "goal", (task, agent), &out, policy)
}

/// The state folder of a run that is to be started: as everywhere, but a plan that was made here has
/// one of its own, so that prompts stand in no other run's way.
pub(crate) fn state_dir(
    environment: &Environment,
    plan: &Path,
    asked: Option<&Path>,
    rehearse: Option<f64>,
) -> Result<PathBuf, ApiError> {
    let plan = places::normal(plan)?;
    match plan.strip_prefix(folder_of_all(environment)) {
        Ok(name) if asked.is_none() && rehearse.is_none() && name.components().count() == 1 => {
            Ok(PathBuf::from(format!("/tmp/miyabi-{}", name.display())))
        }
        _ => places::state_dir_for(asked, rehearse),
    }
}

/// Where made plans lie.
fn folder_of_all(environment: &Environment) -> PathBuf {
    environment.state_home.join("prompts")
}

/// The command that looks for errors in the drafted plan, in its folder.
fn check(environment: &Environment) -> Vec<String> {
    let program = environment.miyabi.display().to_string();
    [program.as_str(), "validate", "--brief", "."].map(str::to_owned).to_vec()
}

/// The words that were given, if there are any.
fn words<'a>(text: &'a str, what: &str) -> Result<&'a str, ApiError> {
    match text.trim() {
        "" => Err(ApiError::new(ErrorCode::BadInput, format!("{what} is empty"))),
        text => Ok(text),
    }
}

fn folder(path: &str, what: &str) -> Result<PathBuf, ApiError> {
    let folder = places::normal(Path::new(path))?;
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(ApiError::new(ErrorCode::BadInput, format!("{what} {} is no folder", folder.display())))
}

/// The first words of a text, in one line.
fn title(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE_LETTERS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_LETTERS - 1).collect();
    let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    format!("{whole}…")
}

/// The one agent of such a plan. Its program must be there: nobody else could do the task.
fn agent(environment: &Environment, runner: RunnerKind) -> Result<AgentEntry, ApiError> {
    let (id, install) = match runner {
        RunnerKind::Claude => ("CCG-1", "npm install -g @anthropic-ai/claude-code"),
        RunnerKind::Codex => ("CG-1", "npm install -g @openai/codex"),
        other => {
            let message = format!("`{}` cannot be told a prompt here", other.word());
            return Err(ApiError::new(ErrorCode::BadInput, message).hint("choose claude or codex"));
        }
    };
    if environment.find(runner.word()).is_none() {
        let message = format!("{} is not installed", runner.word());
        return Err(ApiError::new(ErrorCode::Environment, message)
            .hint(format!("{install}   installs it"))
            .hint("--agent   chooses another"));
    }
    Ok(AgentEntry::new(id, runner))
}

fn task(title: String, prompt: String, agent: &AgentEntry) -> TaskEntry {
    TaskEntry {
        id: "Task-1".to_owned(),
        title,
        prompt,
        agent: agent.id.clone(),
        needs: None,
        priority: None,
        estimated_seconds: 600,
        module: None,
        wave: None,
        outputs: None,
        acceptance: None,
        retries: None,
        time_limit_seconds: None,
        host: None,
        approval: None,
    }
}

/// Who drafts a plan may read anything, write in its own folder, and run the check; more is asked.
fn reading_only(check: &str) -> ApprovalsEntry {
    let rule = |tool: &str, pattern: Option<&str>| ApprovalRuleEntry {
        tool: tool.to_owned(),
        pattern: pattern.map(str::to_owned),
        agent: None,
        answer: PolicyAnswer::Allow,
    };
    let reading = READING.iter().map(|tool| rule(tool, None));
    // A star in the path of this program would stand for any text.
    let checking = ["Bash", "shell"].map(|tool| rule(tool, Some(check)));
    let checking = checking.into_iter().filter(|_| !check.contains('*'));
    ApprovalsEntry {
        rules: Some(reading.chain(checking).collect()),
        time_out_seconds: Some(QUESTION_SECONDS),
        ..ApprovalsEntry::default()
    }
}

/// What a made plan says of its run, besides the one task.
#[derive(Debug, Default)]
struct Policy {
    approvals: Option<ApprovalsEntry>,
    limits: Option<LimitsEntry>,
}

/// Writes the plan into a fresh folder, reads it back, and remembers that it is the person's own.
fn keep(
    environment: &Environment,
    name: &str,
    (task, agent): (TaskEntry, AgentEntry),
    work_folder: &Path,
    policy: Policy,
) -> Result<PathBuf, ApiError> {
    let dag = TaskDagFile {
        schema: None,
        version: Some(PLAN_VERSION.to_owned()),
        name: name.to_owned(),
        title: Some(task.title.clone()),
        label: None,
        rules: None,
        work_folder: Some(work_folder.display().to_string()),
        order: None,
        work_stealing: None,
        sequential_waves: None,
        // The one agent works in the folder itself, beside the person.
        git: Some(GitEntry::Flag(false)),
        verification: None,
        tasks: vec![task],
    };
    let config = AgentConfigFile {
        schema: None,
        version: Some(PLAN_VERSION.to_owned()),
        hosts: None,
        agents: vec![agent],
        limits: policy.limits,
        approvals: policy.approvals,
        budget: None,
        fallback: None,
        failover: None,
    };
    let now = clock::now();
    let folder = folder_of_all(environment).join(format!("{name}-{}", clock::new_run_id(now)));
    make_private(&folder)?;
    let written = atomic::write_json(&folder.join(TASK_DAG_FILE), &dag, Durability::Synced)
        .and_then(|()| atomic::write_json(&folder.join(AGENT_CONFIG_FILE), &config, Durability::Synced));
    written.map_err(|error| not_written(&error))?;
    let inspected = Inspected::read(&folder)?;
    if inspected.plan.is_none() {
        // What a person typed cannot stand in a plan, as a NUL character.
        let _ = fs::remove_dir_all(&folder);
        let mut error = ApiError::new(ErrorCode::BadInput, "this cannot be made a plan");
        error.findings = inspected.findings;
        error.findings.retain(|finding| finding.severity == Severity::Error);
        return Err(error);
    }
    TrustStore::of(&environment.state_home)
        .trust(&inspected.hash, &folder, now)
        .map_err(|error| not_written(&error))?;
    Ok(folder)
}

/// What the drafting agent is told.
fn goal_prompt(environment: &Environment, goal: &str, repo: Option<&Path>, check: &str) -> String {
    let there = |program: &str| environment.find(program).is_some();
    let kinds = Kinds { claude: there("claude"), codex: there("codex") };
    let repository = repo.map_or_else(
        || "There is no repository yet: the work begins with an empty folder.".to_owned(),
        |repo| format!("The repository is `{}`. Read it; change nothing there.", repo.display()),
    );
    let work_folder = repo.map_or_else(|| "work".to_owned(), |repo| repo.display().to_string());
    // The goal last: what it says is never filled in.
    GOAL_PROMPT
        .replace("@REPOSITORY@", &repository)
        .replace("@AGENTS@", kinds.described())
        .replace("@FIRST_AGENT@", kinds.first())
        .replace("@AGENT_LINES@", &kinds.lines())
        .replace("@DIVISION@", kinds.division())
        .replace("@CAPACITY@", &capacity().to_string())
        .replace("@WORK_FOLDER@", &json_inside(&work_folder))
        .replace("@CHECK@", check)
        .replace("@GOAL@", goal)
}

/// A text as it stands between the quotes of a JSON string.
fn json_inside(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
}

/// How many agents may work at once: they mostly wait for their models, but tests need the machine.
fn capacity() -> usize {
    std::thread::available_parallelism().map_or(4, usize::from).clamp(2, 8)
}

/// Which agent programs are at hand.
#[derive(Debug, Clone, Copy)]
struct Kinds {
    claude: bool,
    codex: bool,
}

impl Kinds {
    fn described(self) -> &'static str {
        match (self.claude, self.codex) {
            (true, true) => {
                "Agents of two kinds: `CCG` (Claude Code, runner `claude`) and `CG` (OpenAI Codex, runner `codex`)."
            }
            (false, true) => "Agents of one kind: `CG` (OpenAI Codex, runner `codex`).",
            (_, false) => "Agents of one kind: `CCG` (Claude Code, runner `claude`).",
        }
    }

    fn first(self) -> &'static str {
        if self.codex && !self.claude { "CG-1" } else { "CCG-1" }
    }

    fn lines(self) -> String {
        const CLAUDE: &str = r#"    { "id": "CCG-1", "title": "Plan", "host": "local", "runner": "claude" }"#;
        const CODEX: &str = r#"    { "id": "CG-1", "title": "Core", "host": "local", "runner": "codex" }"#;
        match (self.claude, self.codex) {
            (true, true) => format!("{CLAUDE},\n{CODEX}"),
            (false, true) => CODEX.to_owned(),
            (_, false) => CLAUDE.to_owned(),
        }
    }

    fn division(self) -> &'static str {
        if self.claude && self.codex {
            "8. Agents of kind `CCG` plan, write tests and documents, review and verify; agents of kind `CG` implement: some 60 % of the work."
        } else {
            "8. One agent plans and reviews; the others implement, test and document."
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use miyabi_plan::{Access, Plan};

    use super::*;

    /// A home, and programs of these names on the search path.
    fn place(programs: &[&str]) -> (tempfile::TempDir, Environment) {
        let base = tempfile::tempdir().expect("folder");
        let bin = base.path().join("bin");
        fs::create_dir_all(&bin).expect("folder");
        for name in programs {
            fs::write(bin.join(name), "#!/bin/sh\n").expect("written");
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("mode");
        }
        let environment = Environment {
            state_home: base.path().join("state"),
            runtime_dir: base.path().join("run"),
            miyabi: base.path().join("miyabi"),
            miyabi_host: base.path().join("miyabi-host"),
            path: vec![bin],
        };
        (base, environment)
    }

    fn read(environment: &Environment, folder: &Path) -> Plan {
        let inspected = Inspected::read(folder).expect("read");
        assert_eq!(inspected.findings, [], "a made plan has nothing to warn of");
        assert!(TrustStore::of(&environment.state_home).trusts(&inspected.hash), "it is the person's own");
        inspected.plan.expect("no findings")
    }

    #[test]
    fn a_prompt_is_a_plan_of_one_task_in_the_folder_where_it_was_given() {
        let (base, environment) = place(&["codex"]);
        let wanted = PromptPlan {
            prompt: "  Mend the \"login\" {{ form }}\nand say what was wrong with it, in a few clear words please ".to_owned(),
            agent: RunnerKind::Codex,
            work_folder: base.path().display().to_string(),
        };
        let folder = prompt_plan(&environment, &wanted).expect("made");
        let plan = read(&environment, &folder);
        assert_eq!(plan.work_folder, base.path().display().to_string());
        let [task] = plan.tasks.as_slice() else { panic!("one task") };
        assert_eq!(task.prompt, wanted.prompt.trim());
        assert_eq!(task.title, "Mend the \"login\" {{ form }} and say what was wrong with…");
        assert_eq!((task.agent.as_str(), task.retries), ("CG-1", 1));
        assert!(task.outputs.is_empty() && task.acceptance.is_empty());
        assert_eq!((plan.agents[0].runner, plan.agents[0].access), (RunnerKind::Codex, Access::Edit));
        let mode = folder.metadata().expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "a prompt may be private");
        let other = prompt_plan(&environment, &wanted).expect("made");
        let state_dir = |plan: &Path, asked: Option<&str>| {
            state_dir(&environment, plan, asked.map(Path::new), None).expect("a folder")
        };
        assert_ne!(state_dir(&folder, None), state_dir(&other, None), "two prompts run beside one another");
        assert_eq!(state_dir(&folder, Some("/s")), Path::new("/s"));
        assert_eq!(state_dir(base.path(), None), Path::new("/tmp/miyabi-level6"));
    }

    #[test]
    fn what_cannot_be_done_is_said_before_anything_is_made() {
        let (base, environment) = place(&["codex"]);
        let wanted = |prompt: &str, agent, folder: &str| PromptPlan {
            prompt: prompt.to_owned(),
            agent,
            work_folder: folder.to_owned(),
        };
        let here = base.path().display().to_string();
        for (wanted, code, word) in [
            (wanted(" \n", RunnerKind::Codex, &here), ErrorCode::BadInput, "the prompt is empty"),
            (wanted("x", RunnerKind::Codex, "/nowhere"), ErrorCode::BadInput, "/nowhere is no folder"),
            (wanted("x", RunnerKind::External, &here), ErrorCode::BadInput, "`external`"),
            (wanted("x", RunnerKind::Claude, &here), ErrorCode::Environment, "claude is not installed"),
            (wanted("x\0", RunnerKind::Codex, &here), ErrorCode::BadInput, "cannot be made a plan"),
        ] {
            let error = prompt_plan(&environment, &wanted).expect_err(word);
            assert!(error.code == code && error.message.contains(word), "{error}");
        }
        let kept = fs::read_dir(folder_of_all(&environment)).into_iter().flatten().count();
        assert_eq!(kept, 0);
    }

    #[test]
    fn a_goal_is_drafted_beside_the_repository_and_checked_by_this_program() {
        let (base, environment) = place(&["claude", "codex"]);
        let out = base.path().join("made/plan");
        let repo = base.path().join("a \"repo\"");
        fs::create_dir(&repo).expect("folder");
        let wanted = GoalPlan {
            goal: "Port @CHECK@ to Rust".to_owned(),
            repo: Some(repo.display().to_string()),
            out: out.display().to_string(),
            agent: RunnerKind::Claude,
        };
        let plan = read(&environment, &goal_plan(&environment, &wanted).expect("made"));
        assert_eq!((plan.work_folder.as_str(), out.is_dir()), (wanted.out.as_str(), true));
        let [task] = plan.tasks.as_slice() else { panic!("one task") };
        let miyabi = environment.miyabi.display().to_string();
        assert_eq!(task.acceptance[1].run, [miyabi.as_str(), "validate", "--brief", "."]);
        assert_eq!(task.retries, 2, "three rounds");
        for part in [
            "Port @CHECK@ to Rust",
            "a \\\"repo\\\"",
            "`CCG`",
            "`CG`",
            "10 to 15 tasks",
            "validate --brief .",
        ] {
            assert!(task.prompt.contains(part), "`{part}` is missing:\n{}", task.prompt);
        }
        assert_eq!(task.prompt.matches('@').count(), 2, "everything else is filled in");
        let may = |tool, what: &str| plan.approvals.answer(&task.agent, tool, what);
        assert_eq!(may("Read", "/etc/hosts"), PolicyAnswer::Allow);
        assert_eq!(may("Bash", &format!("{miyabi} validate --brief .")), PolicyAnswer::Allow);
        assert_eq!(may("Bash", &format!("{miyabi} validate --brief .; rm x")), PolicyAnswer::Ask);

        fs::write(out.join(TASK_DAG_FILE), "{}").expect("written");
        let error = goal_plan(&environment, &wanted).expect_err("a plan is there");
        assert!(error.message.contains("is there already"), "{error}");
    }

    #[test]
    fn the_examples_in_the_prompt_are_themselves_a_sound_plan() {
        for programs in [&["claude", "codex"][..], &["codex"], &["claude"]] {
            let (_base, environment) = place(programs);
            let text = goal_prompt(&environment, "g", None, "c");
            let blocks: Vec<&str> =
                text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
            let [dag, config] = blocks.as_slice() else { panic!("two examples") };
            let found = miyabi_plan::read(&miyabi_plan::PlanText {
                tasks: Some(miyabi_plan::NamedText::new(TASK_DAG_FILE, *dag)),
                agent_config: Some(miyabi_plan::NamedText::new(AGENT_CONFIG_FILE, *config)),
                ..miyabi_plan::PlanText::default()
            });
            let lines: Vec<String> = found
                .findings
                .iter()
                .filter(|finding| finding.code != "idle-agent")
                .map(ToString::to_string)
                .collect();
            assert_eq!(lines, Vec::<String>::new(), "{programs:?}");
        }
    }
}
