//! Every finding there is: its place, its line, its remedy. One row a fault, put into a good plan.

mod git_rows;
mod model_rows;
mod rows;

use miyabi_plan::{
    Access, AgentMode, ConflictsGo, Expect, Finding, GitWhen, NamedText, PlanText, PolicyAnswer, PortRange,
    RunnerKind, Severity, TestSource, read,
};

const DAG: &str = r#"{
  "version": "1.0.0",
  "name": "demo",
  "work_folder": "work",
  "order": "priority",
  "tasks": [
    {
      "id": "Task-1", "title": "One", "prompt": "Do.",
      "agent": "CG-1",
      "needs": [],
      "estimated_seconds": 60,
      "outputs": ["a.txt"],
      "acceptance": [["true"]]
    },
    {
      "id": "Task-2", "title": "Two", "prompt": "Do.",
      "agent": "CG-2",
      "needs": ["Task-1"],
      "estimated_seconds": 60,
      "outputs": ["b.txt"],
      "acceptance": [{ "run": ["true"], "time_limit_seconds": 5 }]
    }
  ]
}"#;

const CONFIG: &str = r#"{
  "version": "1.0.0",
  "hosts": [
    { "id": "here", "transport": "local", "capacity": 2 },
    { "id": "there", "transport": "ssh", "address": "there" }
  ],
  "agents": [
    { "id": "CG-1", "host": "here", "runner": "codex" },
    { "id": "CG-2", "host": "there", "runner": "command", "command": ["./go"], "environment": { "A": "b" } }
  ],
  "limits": { "parallel": 3, "retries": 1 }
}"#;

const LAYOUT: &str = "# Windows\nwindow CG-1 CG-1-Core\noption mode-keys vi\n";

const TEMPLATE: &str = "# {{ task.id }}\n{{ task.prompt }}\n";

const PRICES: &str = r#"{
  "models": {
    "mine": { "input": 2, "cached": 0.5, "output": 8 }
  }
}"#;

fn plan(dag: &str, config: &str, layout: &str) -> PlanText {
    PlanText {
        default_name: None,
        tasks: Some(NamedText::new("task_dag.json", dag)),
        agent_config: Some(NamedText::new("agent_config.json", config)),
        tmux_layout: Some(NamedText::new("tmux_layout.conf", layout)),
        prompt_template: Some(NamedText::new("prompt_template.md", TEMPLATE)),
        prices: Some(NamedText::new("prices.json", PRICES)),
    }
}

fn findings(dag: &str, config: &str, layout: &str) -> Vec<Finding> {
    findings_of(&plan(dag, config, layout))
}

fn findings_of(text: &PlanText) -> Vec<Finding> {
    let found = read(text);
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    assert_eq!(found.plan.is_none(), found.findings.iter().any(is_error), "{:?}", found.findings);
    found.findings
}

fn all_rows() -> impl Iterator<Item = &'static rows::Row> {
    rows::ROWS.iter().chain(model_rows::MODEL_ROWS).chain(git_rows::GIT_ROWS)
}

/// Which file a row changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum File {
    Dag,
    Config,
    Layout,
    Template,
    Prices,
}

fn change(file: File, from: &str, to: &str) -> Vec<Finding> {
    let put = |text: &str| {
        assert!(text.contains(from), "`{from}` is not in the file");
        text.replacen(from, to, 1)
    };
    match file {
        File::Dag => findings(&put(DAG), CONFIG, LAYOUT),
        File::Config => findings(DAG, &put(CONFIG), LAYOUT),
        File::Layout => findings(DAG, CONFIG, &put(LAYOUT)),
        File::Template => {
            let template = Some(NamedText::new("prompt_template.md", put(TEMPLATE)));
            findings_of(&PlanText { prompt_template: template, ..plan(DAG, CONFIG, LAYOUT) })
        }
        File::Prices => {
            let prices = Some(NamedText::new("prices.json", put(PRICES)));
            findings_of(&PlanText { prices, ..plan(DAG, CONFIG, LAYOUT) })
        }
    }
}

#[test]
fn the_good_plan_is_good() {
    assert_eq!(findings(DAG, CONFIG, LAYOUT), []);
}

#[test]
fn each_fault_is_told_with_its_place_and_its_remedy() {
    let mut wrong = Vec::new();
    for (file, from, to, expected) in all_rows() {
        let found: Vec<String> = change(*file, from, to).iter().map(ToString::to_string).collect();
        if found != [*expected] && !found.contains(&(*expected).to_owned()) {
            wrong.push(format!(
                "{file:?} {to}\n  expected {expected}\n  found    {}",
                found.join("\n           ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_template_that_cannot_be_filled_in_is_told_with_its_line() {
    for (to, line) in [("task.promt", 2), ("task.prompt }} {% if", 2)] {
        let found = change(File::Template, "task.prompt", to);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place.to_string(), format!("prompt_template.md:{line}"));
        assert!(found[0].code == "bad-template" && found[0].severity == Severity::Error);
        assert!(found[0].message.contains("`task.prompt`"), "what can be named: {}", found[0].message);
    }
}

#[test]
fn one_fault_makes_one_finding() {
    // Faults that cannot but show twice: an id that is gone is missed where it is named.
    let doubled = ["invalid-id", "duplicate-id", "unknown-agent", "unknown-host", "reserved-id"];
    for (file, from, to, expected) in all_rows() {
        let found = change(*file, from, to);
        if doubled.iter().all(|code| !expected.contains(code)) {
            assert_eq!(found.len(), 1, "{to}: {found:#?}");
        }
    }
}

#[test]
fn all_faults_come_at_once_errors_first() {
    let dag = DAG
        .replacen(r#""title": "One","#, r#""titel": "One","#, 1)
        .replacen(r#""estimated_seconds": 60"#, r#""estimated_seconds": 0"#, 1)
        .replace(r#"["Task-1"]"#, r#"["Task-1", "Task-9"]"#)
        .replacen(r#""needs": []"#, r#""needs": ["Task-2"]"#, 1)
        .replacen(r#""acceptance": [["true"]]"#, r#""acceptance": []"#, 1);
    let config = CONFIG.replace(r#""runner": "codex""#, r#""runner": "command""#);
    let found = findings(&dag, &config, "mouse on\n");
    let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
    let expected = [
        "unknown-key",
        "out-of-range",
        "unknown-need",
        "cycle",
        "no-command",
        "unknown-word",
        "no-acceptance",
    ];
    assert_eq!(codes, expected);
}

#[test]
fn a_plan_may_be_broken_or_empty_or_missing() {
    let code = |dag: &str| {
        let found = findings(dag, CONFIG, LAYOUT);
        found[0].to_string()
    };
    let broken = code("{\n\"name\": \"demo\",\n\"tasks\": [}");
    assert_eq!(
        broken.split(" Look").next(),
        Some("error[syntax] task_dag.json:3 tasks[0]: This is not JSON: expected value (line 3, column 11).")
    );
    assert!(
        code("[]").starts_with("error[wrong-type] task_dag.json:1: The file is a list; it must be an object")
    );
    assert!(
        code(r#"{"name": "demo", "tasks": []}"#)
            .starts_with("error[empty-plan] task_dag.json:1 tasks: The plan has no task.")
    );
    assert!(code(r#"{"name": "demo"}"#).contains("lacks the key `tasks`"));
    let nothing = read(&PlanText::default());
    assert_eq!((nothing.plan, nothing.findings[0].code.as_str()), (None, "missing-file"));
}

#[test]
fn a_broken_agent_config_hides_nothing_and_invents_nothing() {
    let found = findings(&DAG.replacen("Task-1\"]", "Task-7\"]", 1), "{", LAYOUT);
    let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["unknown-need", "syntax"]);
}

#[test]
fn tasks_that_may_run_at_once_and_write_the_same_are_told() {
    let share = |first: &str, second: &str, needs: &str| {
        let dag = DAG.replace("a.txt", first).replace("b.txt", second).replacen(r#"["Task-1"]"#, needs, 1);
        let found = findings(&dag, CONFIG, LAYOUT);
        found
            .iter()
            .filter(|finding| finding.code == "shared-output")
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let same = share("x/a.txt", "./x/a.txt", "[]");
    assert_eq!(same.len(), 1);
    assert!(
        same[0].contains("Task-1 and Task-2 may run at the same time, and both write `x/a.txt`."),
        "{same:?}"
    );
    assert!(same[0].contains("task_dag.json:20 tasks[1].outputs"), "{same:?}");
    assert_eq!(share("x/*.txt", "x/a.txt", "[]").len(), 1);
    assert_eq!(share("x/a.txt", "**/*.txt", "[]").len(), 1);
    assert_eq!(share("[ab].txt", "[ab].txt", "[]").len(), 1);
    assert_eq!(share("x/*.txt", "x/y/a.txt", "[]").len(), 0);
    assert_eq!(share("x/a.txt", "x/a.txt", r#"["Task-1"]"#).len(), 0, "one waits for the other");
}

#[test]
fn waves_against_needs_are_told() {
    let waves = |one: u32, two: u32, more: &str| {
        let dag = DAG
            .replacen(r#""agent": "CG-1","#, &format!(r#""agent": "CG-1", "wave": {one},"#), 1)
            .replacen(r#""agent": "CG-2","#, &format!(r#""agent": "CG-2", "wave": {two},"#), 1)
            .replacen(r#""name": "demo","#, &format!(r#""name": "demo", {more}"#), 1);
        findings(&dag, CONFIG, LAYOUT).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(waves(1, 2, ""), "");
    assert!(waves(3, 3, "").starts_with(
        "warning[wave-conflict] task_dag.json:18 tasks[1].needs[0]: Task-2 stands in wave 3 beside Task-1, which it needs."
    ));
    assert!(waves(4, 3, "").contains("Task-2 stands in wave 3, before wave 4 of Task-1, which it needs."));
    assert_eq!(waves(3, 3, r#""sequential_waves": [3],"#), "");
}

#[test]
fn defaults_are_filled_in() {
    let plan = read(&plan(DAG, CONFIG, LAYOUT)).plan.expect("the good plan");
    let (first, second) = (&plan.tasks[0], &plan.tasks[1]);
    assert_eq!((first.retries, first.time_limit_seconds, first.priority), (1, 600, 100));
    assert_eq!((first.acceptance[0].time_limit_seconds, second.acceptance[0].time_limit_seconds), (600, 5));
    assert_eq!((plan.title.as_str(), plan.work_folder.as_str(), plan.work_stealing), ("demo", "work", true));
    assert_eq!((plan.hosts[1].capacity, plan.limits.offer_seconds), (1, 15));
    assert_eq!((plan.limits.silent_seconds, plan.limits.stagger_seconds), (900, 5));
    assert_eq!(
        (plan.label.as_deref(), plan.rules.len(), plan.budget),
        (None, 0, miyabi_plan::Budget::default())
    );
    let codex = &plan.agents[0];
    assert_eq!((codex.mode, codex.access), (Some(AgentMode::AppServer), Access::Edit));
    assert_eq!((codex.account.as_str(), plan.agents[1].mode), ("codex", None));
    assert_eq!((plan.approvals.default, plan.approvals.time_out_seconds), (PolicyAnswer::Ask, 1800));
    assert!(plan.fallback.codex_to_claude && !plan.fallback.claude_to_codex);
    let long = DAG.replacen(r#""estimated_seconds": 60"#, r#""estimated_seconds": 900"#, 1);
    let long = read(&self::plan(&long, CONFIG, LAYOUT)).plan.expect("the good plan");
    assert_eq!(long.tasks[0].time_limit_seconds, 3_600);
    let names: Vec<String> = miyabi_plan::windows(&plan).into_iter().map(|window| window.name).collect();
    assert_eq!(names, ["CG-1-Core", "CG-2"]);
}

#[test]
fn what_a_plan_says_of_its_agents_is_what_they_get() {
    let dag =
        DAG.replacen(r#""name": "demo""#, r#""name": "demo", "label": "trial", "rules": ["Be brief."]"#, 1);
    let config = r#"{
      "agents": [
        { "id": "CG-1", "runner": "mcp", "command": ["node", "index.js"], "model": "m", "account": "team", "access": "read",
          "tools": { "start": { "name": "codex_exec", "arguments": { "prompt": "{{prompt}}", "cwd": "{{ work_folder }}" } },
                     "reply": { "name": "codex_reply", "arguments": { "prompt": "{{prompt}}", "id": "{{session}}" } } } },
        { "id": "CG-2", "runner": "claude", "command": ["claude", "--add-dir", "/x"], "mode": "headless" }
      ],
      "limits": { "silent_seconds": 60, "stagger_seconds": 0 },
      "approvals": {
        "default": "deny", "time_out_seconds": 60, "on_time_out": "ask",
        "rules": [{ "tool": "Bash", "pattern": "pytest *", "agent": "CG", "answer": "allow" }]
      },
      "budget": { "run_usd": 12.5, "task_usd": 0 },
      "fallback": { "codex_to_claude": false, "claude_to_codex": false, "after_failures": 2, "recheck_seconds": 9 }
    }"#;
    let found = read(&plan(&dag, config, LAYOUT));
    assert_eq!(found.findings, []);
    let plan = found.plan.expect("no findings");
    assert_eq!(
        (plan.label.as_deref(), plan.rules.as_slice()),
        (Some("trial"), &["Be brief.".to_owned()][..])
    );
    assert_eq!(plan.prompt_template.as_deref(), Some(TEMPLATE));
    let [mcp, claude] = plan.agents.as_slice() else { panic!("two agents") };
    assert_eq!((mcp.mode, mcp.model.as_deref(), mcp.access), (None, Some("m"), Access::Read));
    assert_eq!((mcp.account.as_str(), claude.account.as_str()), ("team", "claude"));
    let tools = mcp.tools.as_ref().expect("tools");
    assert_eq!(tools.start.arguments["cwd"], "{{ work_folder }}");
    assert_eq!(tools.reply.as_ref().map(|tool| tool.name.as_str()), Some("codex_reply"));
    assert_eq!((claude.mode, claude.command.len()), (Some(AgentMode::Headless), 3));
    let answer = |tool, what| plan.approvals.answer(&claude.id, tool, what);
    assert_eq!((answer("Bash", "pytest -q"), answer("Edit", "x")), (PolicyAnswer::Allow, PolicyAnswer::Deny));
    assert_eq!((plan.approvals.time_out_seconds, plan.approvals.on_time_out), (60, PolicyAnswer::Ask));
    let budget =
        [plan.budget.run, plan.budget.agent, plan.budget.task].map(|sum| sum.map(miyabi_plan::Usd::dollars));
    assert_eq!(budget, [Some(12.5), None, Some(0.0)]);
    assert!(!plan.fallback.codex_to_claude);
    assert_eq!((plan.fallback.after_failures, plan.fallback.recheck_seconds), (2, 9));
    assert_eq!((plan.limits.silent_seconds, plan.limits.stagger_seconds), (60, 0));
    assert_eq!(plan.prices.cost("mine", 1_000_000, 0, 0), Some(miyabi_plan::Usd::from_dollars(2.0)));
}

#[test]
fn a_model_without_a_price_is_told_where_there_is_a_budget() {
    let with = |model: &str, budget: &str| {
        let config = CONFIG
            .replacen(r#""runner": "codex""#, &format!(r#""runner": "codex", "model": "{model}""#), 1)
            .replacen(r#""retries": 1 }"#, &format!(r#""retries": 1 }}{budget}"#), 1);
        findings(DAG, &config, LAYOUT).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let budget = r#", "budget": { "agent_usd": 5 }"#;
    assert_eq!(
        with("unheard-of", budget),
        [
            "warning[no-price] agent_config.json:8 agents[0].model: There is no price of `unheard-of`, so the budget does not count what CG-1 uses. Add its price to prices.json beside the plan."
        ]
    );
    assert_eq!(with("unheard-of", ""), Vec::<String>::new());
    assert_eq!((with("mine", budget), with("gpt-5-codex", budget)), (Vec::new(), Vec::new()));
}

#[test]
fn a_plan_of_one_task_needs_no_acceptance_command() {
    let dag = r#"{"name":"p","tasks":[{"id":"Task-1","title":"t","prompt":"p","agent":"CG-1","estimated_seconds":9}]}"#;
    assert_eq!(findings(dag, r#"{"agents":[{"id":"CG-1","runner":"claude"}]}"#, ""), []);
}

#[test]
fn without_an_agent_config_the_agents_are_guessed_and_said_so() {
    let text = PlanText { agent_config: None, tmux_layout: None, ..plan(DAG, CONFIG, LAYOUT) };
    let found = read(&text);
    assert_eq!(found.findings.len(), 1);
    assert_eq!(found.findings[0].code, "no-agent-config");
    let plan = found.plan.expect("a warning only");
    assert_eq!((plan.agents.len(), plan.hosts[0].id.as_str(), plan.hosts[0].capacity), (2, "local", 2));
    assert!(plan.agents.iter().all(|agent| agent.runner == RunnerKind::External));
}

fn queue(tasks: &str) -> (Option<miyabi_plan::Plan>, Vec<String>) {
    let text = PlanText {
        default_name: Some("nightly".to_owned()),
        tasks: Some(NamedText::new("task_queue.json", format!("{{\"tasks\": [{tasks}]}}"))),
        ..PlanText::default()
    };
    let found = read(&text);
    (found.plan, found.findings.iter().map(ToString::to_string).collect())
}

#[test]
fn a_plain_queue_is_a_plan() {
    let seven = r#""agent": "CCG-1", "description": "Plan\nall", "dependencies": [], "status": "PENDING", "priority": 1, "estimated_time": 600.5"#;
    let first = format!(r#"{{"task_id": "Task-1", {seven}}}"#);
    let eleven = r#"{"task_id": "Task-2", "agent": "CG-1", "description": "Core", "dependencies": ["Task-1"], "status": "PENDING",
      "priority": 2, "estimated_time": 900, "module": "core", "started_at": null, "completed_at": null, "error": null}"#;
    let (plan, findings) = queue(&format!("{first},{eleven}"));
    assert_eq!(findings, Vec::<String>::new());
    let plan = plan.expect("no findings");
    assert_eq!(
        (plan.name.as_str(), plan.tasks.len(), plan.agents.len(), plan.hosts.len()),
        ("nightly", 2, 2, 1)
    );
    let task = &plan.tasks[0];
    assert_eq!(
        (task.title.as_str(), task.prompt.as_str(), task.estimated_seconds),
        ("Plan", "Plan\nall", 601)
    );
    assert_eq!(plan.tasks[1].module, "core");
    assert_eq!(plan.agents[0].runner, RunnerKind::External);

    let (plan, findings) = queue(&format!(
        r#"{first},{}"#,
        eleven.replace("\"Task-1\"", "\"Task-2\"").replace("module", "modul")
    ));
    assert!(plan.is_none());
    assert!(
        findings[0]
            .starts_with("error[self-need] task_queue.json:1 tasks[1].dependencies[0]: Task-2 needs itself.")
    );
    assert!(
        findings[1].starts_with("warning[unknown-key]"),
        "other people's keys are no errors: {findings:?}"
    );
}

#[test]
fn ten_thousand_tasks_are_read_drawn_and_forecast() {
    let task = |nth: u32| {
        let needs = if nth < 100 { String::new() } else { format!("\"T{}\", \"T{}\"", nth - 100, nth - 99) };
        format!(
            r#"{{"id": "T{nth}", "title": "t", "prompt": "p", "agent": "CG-{}", "needs": [{needs}], "estimated_seconds": 5, "outputs": ["out/{nth}/*.txt"], "acceptance": [["true"]]}}"#,
            nth % 50
        )
    };
    let tasks: Vec<String> = (0..10_000).map(task).collect();
    let text = PlanText {
        tasks: Some(NamedText::new(
            "task_dag.json",
            format!("{{\"name\": \"big\", \"tasks\": [\n{}\n]}}", tasks.join(",\n")),
        )),
        ..PlanText::default()
    };
    let found = read(&text);
    assert_eq!(found.findings.len(), 1, "only the missing agent_config");
    let plan = found.plan.expect("a warning only");
    let forecast = miyabi_plan::forecast(&plan, miyabi_plan::Choice::default());
    assert_eq!(forecast.expected_seconds, 1_000.0, "50 agents, 10,000 tasks of 5 s");
    let tasks: Vec<_> = plan.tasks.into_iter().map(|task| (task.id, task.needs)).collect();
    assert_eq!(miyabi_plan::layout(&tasks).len(), 10_000);
}

#[test]
fn what_a_plan_says_of_git_and_checks_is_what_is_done() {
    let of = |more: &str| {
        let dag = DAG.replacen(r#""name": "demo","#, &format!(r#""name": "demo", {more}"#), 1);
        let read = read(&plan(&dag, CONFIG, LAYOUT));
        read.plan.unwrap_or_else(|| panic!("{:?}", read.findings))
    };
    let when = |more: &str| of(more).git.when;
    assert_eq!(when(""), GitWhen::Repository);
    assert_eq!((when(r#""git": true,"#), when(r#""git": {},"#)), (GitWhen::Always, GitWhen::Always));
    assert_eq!(when(r#""git": false,"#), GitWhen::Never);
    let all = of(
        r#""git": {"copy": [".env"], "setup": [["npm", "ci"]], "ports": {"first": 4000, "count": 10},
            "remote": "origin", "api": "https://git.example/api/v3", "conflicts": "person", "reviewer": "CG-1"},
        "verification": [["make", "lint"], {"run": ["a"], "exit_code": 3},
            {"name": "files", "run": ["a"], "number": {"equals": 55}},
            {"run": ["a"], "number": {"about": 2174, "within_percent": 5}, "time_limit_seconds": 9},
            {"run": ["a"], "number": {"at_least": -1.5}},
            {"run": ["a"], "tests": {"junit": "out/junit.xml", "passed": 42}},
            {"run": ["a"], "tests": {"pytest": true}}],"#,
    );
    let git = all.git;
    assert_eq!(
        (git.copy, git.setup[0].run.clone()),
        (vec![".env".to_owned()], vec!["npm".into(), "ci".into()])
    );
    assert_eq!(git.ports, Some(PortRange { first: 4000, count: 10 }));
    assert_eq!((git.remote.as_deref(), git.conflicts), (Some("origin"), ConflictsGo::Person));
    assert_eq!(git.api.as_deref(), Some("https://git.example/api/v3"));
    assert_eq!(git.reviewer.map(|agent| agent.to_string()).as_deref(), Some("CG-1"));
    let number = |at_least, at_most| Expect::Number { at_least, at_most };
    let expected = [
        Expect::Exit { code: 0 },
        Expect::Exit { code: 3 },
        number(Some(55.0), Some(55.0)),
        number(Some(2174.0 - 108.7), Some(2174.0 + 108.7)),
        number(Some(-1.5), None),
        Expect::Tests { source: TestSource::Junit { file: "out/junit.xml".to_owned() }, passed: Some(42) },
        Expect::Tests { source: TestSource::Pytest, passed: None },
    ];
    assert_eq!(all.verification.iter().map(|check| check.expect.clone()).collect::<Vec<_>>(), expected);
    assert_eq!((all.verification[2].name.as_str(), all.verification[3].time_limit_seconds), ("files", 9));
}

#[test]
fn a_person_accepts_where_the_plan_says_so() {
    let approved = DAG.replacen(r#""needs": [],"#, r#""needs": [], "approval": "person","#, 1);
    let plan = read(&plan(&approved, CONFIG, LAYOUT)).plan.expect("a plan");
    assert_eq!(plan.tasks.iter().map(|task| task.needs_approval).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_conflict_goes_to_nobody_without_a_work_tree() {
    let dag = DAG.replacen(r#""name": "demo","#, r#""name": "demo", "git": {"reviewer": "CG-2"},"#, 1);
    let config = CONFIG.replace(r#""runner": "command", "command": ["./go"], "#, r#""runner": "external", "#);
    let config = config.replace(r#", "environment": { "A": "b" }"#, "");
    let found: Vec<String> = findings(&dag, &config, LAYOUT)
        .iter()
        .filter(|finding| finding.code == "bad-reviewer")
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "error[bad-reviewer] task_dag.json:3 git.reviewer: Conflicts go to CG-2, which has no work tree: it is \
          `external`. Name an agent of another runner, or write `\"conflicts\": \"person\"`."
        ]
    );
}
