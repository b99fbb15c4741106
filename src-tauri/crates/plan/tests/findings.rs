//! Every finding there is: its place, its line, its remedy. One row a fault, put into a good plan.

use miyabi_plan::{Finding, NamedText, PlanText, RunnerKind, Severity, read};

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

fn plan(dag: &str, config: &str, layout: &str) -> PlanText {
    PlanText {
        default_name: None,
        tasks: Some(NamedText::new("task_dag.json", dag)),
        agent_config: Some(NamedText::new("agent_config.json", config)),
        tmux_layout: Some(NamedText::new("tmux_layout.conf", layout)),
    }
}

fn findings(dag: &str, config: &str, layout: &str) -> Vec<Finding> {
    let found = read(&plan(dag, config, layout));
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    assert_eq!(found.plan.is_none(), found.findings.iter().any(is_error), "{:?}", found.findings);
    found.findings
}

/// Which file a row changes.
#[derive(Debug, Clone, Copy)]
enum File {
    Dag,
    Config,
    Layout,
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
    }
}

#[test]
fn the_good_plan_is_good() {
    assert_eq!(findings(DAG, CONFIG, LAYOUT), []);
}

/// File, what is replaced, by what; then the finding: severity and code, place, message, remedy.
type Row = (File, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    // The shape.
    (
        File::Dag,
        r#""title": "One","#,
        r#""titel": "One","#,
        "error[unknown-key] task_dag.json:8 tasks[0].titel: A task has no key `titel`. Did you mean `title`?",
    ),
    (
        File::Dag,
        r#""title": "One","#,
        "",
        "error[missing-key] task_dag.json:7 tasks[0]: A task lacks the key `title`. Add it; it must be a text.",
    ),
    (
        File::Dag,
        r#""order": "priority""#,
        r#""order": "critical""#,
        "error[unknown-word] task_dag.json:5 order: `critical` is not a word that `order` knows. Did you mean `critical-path`?",
    ),
    (
        File::Dag,
        r#""estimated_seconds": 60"#,
        r#""estimated_seconds": "60""#,
        "error[wrong-type] task_dag.json:11 tasks[0].estimated_seconds: `estimated_seconds` is a text; it must be a whole number. Change it.",
    ),
    (
        File::Dag,
        r#""estimated_seconds": 60"#,
        r#""estimated_seconds": 1.5"#,
        "error[wrong-type] task_dag.json:11 tasks[0].estimated_seconds: `estimated_seconds` is 1.5; it must be a whole number. Change it.",
    ),
    (
        File::Dag,
        r#""estimated_seconds": 60"#,
        r#""estimated_seconds": 0"#,
        "error[out-of-range] task_dag.json:11 tasks[0].estimated_seconds: `estimated_seconds` is 0. Write a number from 1 to 2592000.",
    ),
    (
        File::Dag,
        r#""estimated_seconds": 60"#,
        r#""estimated_seconds": -60"#,
        "error[out-of-range] task_dag.json:11 tasks[0].estimated_seconds: `estimated_seconds` is -60. Write a number from 1 to 2592000.",
    ),
    (
        File::Dag,
        r#""estimated_seconds": 60"#,
        r#""estimated_seconds": 2592001"#,
        "error[out-of-range] task_dag.json:11 tasks[0].estimated_seconds: `estimated_seconds` is 2592001. Write a number from 1 to 2592000.",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""priority": -1,"#,
        "error[out-of-range] task_dag.json:10 tasks[0].priority: `priority` is -1. Write a number from 0 to 1000000.",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""retries": 1000,"#,
        "error[out-of-range] task_dag.json:10 tasks[0].retries: `retries` is 1000. Write a number from 0 to 100.",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""time_limit": 5,"#,
        "error[unknown-key] task_dag.json:10 tasks[0].time_limit: A task has no key `time_limit`. Did you mean `time_limit_seconds`?",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""needs": "Task-2","#,
        "error[wrong-type] task_dag.json:10 tasks[0].needs: `needs` is a text; it must be a list. Change it.",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""needs": [7],"#,
        "error[wrong-type] task_dag.json:10 tasks[0].needs[0]: An entry of `needs` is 7; it must be an id, a text. Change it.",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        "\"needs\": [],\n\"needs\": [],",
        "error[duplicate-key] task_dag.json:11 tasks[0].needs: The key `needs` is written twice in one object; only one of them would count. Remove one of the two.",
    ),
    (
        File::Dag,
        r#""prompt": "Do.""#,
        r#""prompt": "D\u0000""#,
        "error[bad-text] task_dag.json:8 tasks[0].prompt: The text holds a NUL character. Remove it.",
    ),
    (
        File::Dag,
        r#""id": "Task-2""#,
        r#""id": "Task 2""#,
        "error[invalid-id] task_dag.json:16 tasks[1].id: `Task 2` is not a valid id. An id starts with a letter, goes on with letters, digits, `_` or `-`, and has at most 48 characters.",
    ),
    (
        File::Dag,
        r#""name": "demo""#,
        r#""name": "../demo""#,
        "error[invalid-id] task_dag.json:3 name: `../demo` is not a valid id. An id starts with a letter, goes on with letters, digits, `_` or `-`, and has at most 48 characters.",
    ),
    (
        File::Dag,
        r#""version": "1.0.0""#,
        r#""version": "2.0.0""#,
        "error[unsupported-version] task_dag.json:2 version: The file is of version `2.0.0`; this program reads version 1.0.0. Use the program that belongs to the file, or bring the file up to this version.",
    ),
    // What the tasks say.
    (
        File::Dag,
        r#""id": "Task-2""#,
        r#""id": "task-1""#,
        "error[duplicate-id] task_dag.json:16 tasks[1].id: The task `task-1` differs from `Task-1` only in upper and lower case. Give one of them another id.",
    ),
    (
        File::Dag,
        r#""needs": ["Task-1"]"#,
        r#""needs": ["Task1"]"#,
        "error[unknown-need] task_dag.json:18 tasks[1].needs[0]: Task-2 needs `Task1`, which no task is called. Did you mean `Task-1`?",
    ),
    (
        File::Dag,
        r#""needs": ["Task-1"]"#,
        r#""needs": ["Nothing"]"#,
        "error[unknown-need] task_dag.json:18 tasks[1].needs[0]: Task-2 needs `Nothing`, which no task is called. Correct the id, or add what it names.",
    ),
    (
        File::Dag,
        r#""needs": []"#,
        r#""needs": ["Task-1"]"#,
        "error[self-need] task_dag.json:10 tasks[0].needs[0]: Task-1 needs itself. Remove the need.",
    ),
    (
        File::Dag,
        r#""needs": []"#,
        r#""needs": ["Task-2"]"#,
        "error[cycle] task_dag.json:10 tasks[0].needs[0]: These tasks wait for one another: Task-1 -> Task-2 -> Task-1. Remove one of these needs, as in Task-2 from the needs of Task-1.",
    ),
    (
        File::Dag,
        r#""needs": ["Task-1"]"#,
        r#""needs": ["Task-1", "Task-1"]"#,
        "warning[duplicate-need] task_dag.json:18 tasks[1].needs[0]: Task-2 names its need Task-1 twice. Remove one of the two.",
    ),
    (
        File::Dag,
        r#""agent": "CG-1""#,
        r#""agent": "CG-11""#,
        "error[unknown-agent] task_dag.json:9 tasks[0].agent: Task-1 is given to `CG-11`, which no agent is called. Did you mean `CG-1`?",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""host": "hre","#,
        "error[unknown-host] task_dag.json:10 tasks[0].host: Task-1 must run on `hre`, which no host is called. Did you mean `here`?",
    ),
    (
        File::Dag,
        r#""needs": [],"#,
        r#""host": "there","#,
        "warning[other-host] task_dag.json:10 tasks[0].host: Task-1 must run on there, but its agent CG-1 is on here. Give it to an agent on there, or leave its `host` out.",
    ),
    (
        File::Dag,
        r#""a.txt""#,
        r#""../a.txt""#,
        "error[bad-output] task_dag.json:12 tasks[0].outputs[0]: The output `../a.txt` leads out of the work folder. Write a path or a glob below the work folder, as in `src/**/*.py`.",
    ),
    (
        File::Dag,
        r#""a.txt""#,
        r#""/a.txt""#,
        "error[bad-output] task_dag.json:12 tasks[0].outputs[0]: The output `/a.txt` leads out of the work folder. Write a path or a glob below the work folder, as in `src/**/*.py`.",
    ),
    (
        File::Dag,
        r#"[["true"]]"#,
        "[[]]",
        "error[empty-command] task_dag.json:13 tasks[0].acceptance[0]: Task-1 has an acceptance command without a program. Write the program and its arguments, as in `[\"make\", \"test\"]`.",
    ),
    (
        File::Dag,
        r#"[["true"]]"#,
        r#"["true"]"#,
        "error[wrong-type] task_dag.json:13 tasks[0].acceptance[0]: An entry of `acceptance` is a text; it must be a list of words, as in `[\"make\", \"test\"]`. Change it.",
    ),
    (
        File::Dag,
        r#"[["true"]]"#,
        "[]",
        "warning[no-acceptance] task_dag.json:6 tasks: Task-1 has no acceptance command. Add a command that shows the work to be right: without one, only the outputs are looked for.",
    ),
    (
        File::Dag,
        r#""work_folder": "work""#,
        r#""work_folder": "../work""#,
        "error[bad-folder] task_dag.json:4 work_folder: `work_folder` is `../work`, which leads out of the plan's folder. Name a folder below the plan's, or write an absolute path.",
    ),
    // Who does the work.
    (
        File::Config,
        r#""id": "CG-1", "host": "here""#,
        r#""id": "CG-1", "host": "her""#,
        "error[unknown-host] agent_config.json:8 agents[0].host: CG-1 runs on `her`, which no host is called. Did you mean `here`?",
    ),
    (
        File::Config,
        r#""id": "CG-1", "host": "here""#,
        r#""id": "CG-1""#,
        "error[missing-key] agent_config.json:8 agents[0].host: CG-1 has no `host`, and there is more than one. Write one of `here`, `there`.",
    ),
    (
        File::Config,
        r#""runner": "codex""#,
        r#""runner": "Codex""#,
        "error[unknown-word] agent_config.json:8 agents[0].runner: `Codex` is not a word that `runner` knows. Did you mean `codex`?",
    ),
    (
        File::Config,
        r#""runner": "codex""#,
        r#""runner": "command""#,
        "error[no-command] agent_config.json:8 agents[0].command: CG-1 is run as a command and names none. Add the program and its arguments under `command`.",
    ),
    (
        File::Config,
        r#"["./go"]"#,
        r#"[""]"#,
        "error[empty-command] agent_config.json:9 agents[1].command: The command of CG-2 has no program. Write the program first, then its arguments.",
    ),
    (
        File::Config,
        r#""runner": "codex""#,
        r#""runner": "codex", "command": ["x"]"#,
        "warning[unused-command] agent_config.json:8 agents[0].command: CG-1 has a `command`, which its runner does not use. Remove it, or set `runner` to `command`.",
    ),
    (
        File::Config,
        r#""A": "b""#,
        r#""1A": "b""#,
        "error[bad-variable] agent_config.json:9 agents[1].environment.1A: `1A` is not the name of a variable. Use letters, digits and `_`, and no digit first.",
    ),
    (
        File::Config,
        r#""A": "b""#,
        r#""MIYABI_X": "b""#,
        "error[bad-variable] agent_config.json:9 agents[1].environment.MIYABI_X: `MIYABI_X` is a variable that this program sets itself. Give it another name.",
    ),
    (
        File::Config,
        r#""capacity": 2"#,
        r#""capacity": 0"#,
        "error[out-of-range] agent_config.json:4 hosts[0].capacity: `capacity` is 0. Write a number from 1 to 10000.",
    ),
    (
        File::Config,
        r#""id": "there""#,
        r#""id": "HERE""#,
        "error[duplicate-id] agent_config.json:5 hosts[1].id: The host `HERE` differs from `here` only in upper and lower case. Give one of them another id.",
    ),
    (
        File::Config,
        r#", "address": "there""#,
        "",
        "error[no-address] agent_config.json:5 hosts[1].address: The host there is reached by SSH and has no `address`. Write the name under which `ssh` knows it.",
    ),
    (
        File::Config,
        r#""address": "there""#,
        r#""address": "-oProxyCommand=x""#,
        "error[bad-address] agent_config.json:5 hosts[1].address: `-oProxyCommand=x` is not a name that `ssh` can know. Write a host name, as in `mugen` or `me@mugen.example`.",
    ),
    (
        File::Config,
        r#""parallel": 3"#,
        r#""paralel": 3"#,
        "error[unknown-key] agent_config.json:11 limits.paralel: An object of limits has no key `paralel`. Did you mean `parallel`?",
    ),
    (
        File::Config,
        r#""retries": 1"#,
        r#""back_off_seconds": 9, "back_off_max_seconds": 3"#,
        "warning[back-off] agent_config.json:11 limits.back_off_max_seconds: The longest pause, 3 s, is shorter than the first, 9 s. Raise it, or lower `back_off_seconds`.",
    ),
    (
        File::Config,
        r#"{ "id": "CG-1","#,
        r#"{ "id": "CG-7", "host": "here", "runner": "codex" }, { "id": "CG-1","#,
        "warning[idle-agent] agent_config.json:8 agents[0]: No task is given to CG-7. Give it one, or remove it; it may still take over tasks of its kind.",
    ),
    (
        File::Config,
        r#"{ "id": "CG-1","#,
        r#"{ "id": "monitor", "host": "here", "runner": "codex" }, { "id": "CG-1","#,
        "error[reserved-id] agent_config.json:8 agents[0].id: An agent cannot be called `Monitor`: every session has a window of that name. Give it another id.",
    ),
    // The windows.
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "windw CG-1 CG-1-Core",
        "error[unknown-word] tmux_layout.conf:2: `windw` begins no line of this file. Did you mean `window`?",
    ),
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "window CG-3 CG-3-Core",
        "error[unknown-agent] tmux_layout.conf:2: The window `CG-3-Core` is for `CG-3`, which no agent is called. Did you mean `CG-1`?",
    ),
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "window CG-1 Core:1",
        "error[bad-window] tmux_layout.conf:2: `Core:1` cannot be a window's name here. Use letters, digits, `_` and `-`, at most 60 of them.",
    ),
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "window CG-1 monitor",
        "error[bad-window] tmux_layout.conf:2: `monitor` is a window that every session has. Give this one another name.",
    ),
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "window CG-1",
        "error[bad-line] tmux_layout.conf:2: A window's line is `window AGENT NAME`. Write one agent and one name without spaces.",
    ),
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "window CG-1 a\nwindow CG-1 b",
        "error[duplicate-window] tmux_layout.conf:3: CG-1 has a window already, in line 2. Remove one of the two.",
    ),
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "window CG-1 a\nwindow CG-2 A",
        "error[duplicate-window] tmux_layout.conf:3: Another window is called `A` already, in line 2. Give one of them another name.",
    ),
    (
        File::Layout,
        "window CG-1 CG-1-Core",
        "run-shell true",
        "error[unknown-word] tmux_layout.conf:2: `run-shell` begins no line of this file. Write `window AGENT NAME` or `option NAME VALUE`; tmux commands are not run.",
    ),
    (
        File::Layout,
        "mode-keys vi",
        "mode-keys ed",
        "error[bad-option] tmux_layout.conf:3: `ed` is not a value of `mode-keys`. Write one of `vi`, `emacs`.",
    ),
    (
        File::Layout,
        "mode-keys vi",
        "mode-key vi",
        "error[unknown-option] tmux_layout.conf:3: `mode-key` is not among the options that a plan may set. Did you mean `mode-keys`?",
    ),
    (
        File::Layout,
        "mode-keys vi",
        "clock-mode-colour #(id)",
        "error[bad-option] tmux_layout.conf:3: `#(id)` is not a value of `clock-mode-colour`. Write the name of a colour, as in `green` or `colour33`.",
    ),
];

#[test]
fn each_fault_is_told_with_its_place_and_its_remedy() {
    let mut wrong = Vec::new();
    for (file, from, to, expected) in ROWS {
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
fn one_fault_makes_one_finding() {
    // Faults that cannot but show twice: an id that is gone is missed where it is named.
    let doubled = ["invalid-id", "duplicate-id", "unknown-agent", "unknown-host", "reserved-id"];
    for (file, from, to, expected) in ROWS {
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
    let long = DAG.replacen(r#""estimated_seconds": 60"#, r#""estimated_seconds": 900"#, 1);
    let long = read(&self::plan(&long, CONFIG, LAYOUT)).plan.expect("the good plan");
    assert_eq!(long.tasks[0].time_limit_seconds, 3_600);
    let names: Vec<String> = miyabi_plan::windows(&plan).into_iter().map(|window| window.name).collect();
    assert_eq!(names, ["CG-1-Core", "CG-2"]);
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
