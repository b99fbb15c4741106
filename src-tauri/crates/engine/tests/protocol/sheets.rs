//! What the runner of an agent with a model is told: program, protocol, prompt, session, money.

use AgentStatus::{Completed, Failed, InProgress};
use miyabi_engine::{Fact, NoteKind};
use miyabi_plan::{AgentMode, Check, FailureCause, McpTool, McpTools, Plan, RunnerKind, Usd};
use miyabi_protocol::{AgentProtocol, AgentStatus, MiyabiStamp, StatusFile, Usage};

use crate::bench::{Bench, file, host, missing, opening, plan, with_models};

fn one(id: &str) -> Plan {
    with_models(plan(&[id], &[("A", id, "")]))
}

fn session(session: &str) -> MiyabiStamp {
    MiyabiStamp { session: Some(session.to_owned()), ..MiyabiStamp::default() }
}

fn used(output_tokens: u64, dollars: f64) -> Usage {
    Usage { input_tokens: 10, output_tokens, cost: Some(Usd::from_dollars(dollars)), ..Usage::default() }
}

#[test]
fn runner_and_mode_choose_the_protocol_and_the_program() {
    let tool = McpTool { name: "codex_exec".to_owned(), arguments: [].into() };
    let tools = McpTools { start: tool, reply: None };
    for (runner, mode, command, protocol, argv) in [
        (RunnerKind::Claude, None, "", AgentProtocol::ClaudeStream, "claude"),
        (RunnerKind::Claude, Some(AgentMode::Headless), "", AgentProtocol::ClaudeStream, "claude"),
        (RunnerKind::Claude, Some(AgentMode::Interactive), "", AgentProtocol::ClaudeTerminal, "claude"),
        (RunnerKind::Codex, None, "", AgentProtocol::CodexExec, "codex"),
        (RunnerKind::Codex, Some(AgentMode::Exec), "", AgentProtocol::CodexExec, "codex"),
        (
            RunnerKind::Codex,
            Some(AgentMode::AppServer),
            "./codex -c x=1",
            AgentProtocol::CodexAppServer,
            "/plan/codex -c x=1",
        ),
        (
            RunnerKind::Codex,
            Some(AgentMode::Interactive),
            "/opt/codex",
            AgentProtocol::CodexTerminal,
            "/opt/codex",
        ),
        (RunnerKind::Acp, None, "gemini --acp", AgentProtocol::Acp, "gemini --acp"),
        (RunnerKind::Mcp, None, "node x.js", AgentProtocol::Mcp { tools: tools.clone() }, "node x.js"),
    ] {
        let mut plan = one("CG-1");
        let agent = &mut plan.agents[0];
        (agent.runner, agent.mode, agent.tools) = (runner, mode, Some(tools.clone()));
        agent.command = command.split_whitespace().map(Into::into).collect();
        let bench = Bench::begun(opening(plan));
        let spec = bench.spec();
        assert_eq!((&spec.protocol, spec.argv.join(" ").as_str()), (&protocol, argv), "{runner:?} {mode:?}");
        assert_eq!(spec.environment["MIYABI_PLAN_DIR"], "/plan");
        assert_eq!((spec.silent_seconds, spec.budget, &spec.resume), (900, None, &None));
    }
}

#[test]
fn codex_by_mcp_has_the_tools_of_its_server() {
    let mut plan = one("CG-1");
    plan.agents[0].mode = Some(AgentMode::Mcp);
    let bench = Bench::begun(opening(plan));
    assert_eq!(bench.spec().argv, ["codex", "mcp-server"]);
    let AgentProtocol::Mcp { tools } = &bench.spec().protocol else { panic!("{:?}", bench.spec()) };
    assert_eq!(
        (tools.start.name.as_str(), tools.start.arguments["cwd"].as_str()),
        ("codex", "{{work_folder}}")
    );
    let reply = tools.reply.as_ref().expect("it can go on");
    assert_eq!((reply.name.as_str(), reply.arguments["threadId"].as_str()), ("codex-reply", "{{session}}"));
}

#[test]
fn an_mcp_server_whose_tools_nobody_named_fails_at_once_with_the_remedy() {
    let mut plan = one("CG-1");
    plan.agents[0].runner = RunnerKind::Mcp;
    let bench = Bench::begun(opening(plan));
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::NotStarted));
    assert!(bench.task("A").error.as_deref().is_some_and(|error| error.contains("agent_config.json")));
}

#[test]
fn the_prompt_tells_what_the_needs_produced_the_rules_and_what_counts() {
    let mut plan = with_models(plan(&["CCG-1", "CG-1"], &[("A", "CCG-1", ""), ("B", "CG-1", "A")]));
    plan.rules = vec!["No new dependencies.".to_owned()];
    plan.tasks[1].outputs = vec!["src/*.py".to_owned()];
    plan.tasks[1].acceptance = vec![Check {
        run: ["pytest", "-k", "a b"].map(Into::into).into(),
        time_limit_seconds: 9,
        ..Default::default()
    }];
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CCG-1", "A.1");
    let stamp = MiyabiStamp { activity: Some("Planned it all.".to_owned()), ..MiyabiStamp::default() };
    let known = file("CCG-1", Completed, "A.1");
    let of = known.miyabi.clone().expect("a stamp");
    let output_files = vec!["plan.md".to_owned()];
    let stamp = MiyabiStamp { run_id: of.run_id, attempt: 1, ..stamp };
    bench.writes(StatusFile { output_files, miyabi: Some(stamp), ..known });
    let prompt = &bench.sheet().prompt;
    for part in [
        "# B: B",
        "do it",
        "`/work`",
        "plan.md",
        "Planned it all.",
        "No new dependencies.",
        "src/*.py",
        "pytest -k 'a b'",
    ] {
        assert!(prompt.contains(part), "{part} is not in {prompt}");
    }
}

#[test]
fn a_broken_template_falls_back_and_says_where_it_is_broken_once() {
    let mut plan = with_models(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "")]));
    plan.prompt_template = Some("Do this:\n{{ taks.prompt }}\n".to_owned());
    let mut bench = Bench::begun(opening(plan));
    assert!(bench.sheet().prompt.starts_with("# A: A"), "the built-in one");
    bench.works("CG-1", "A.1");
    let notes = bench.facts().into_iter().filter_map(|fact| match fact {
        Fact::Noted { kind: NoteKind::AgentProblem, detail, .. } => Some(detail.as_str()),
        _ => None,
    });
    let notes: Vec<&str> = notes.collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("prompt_template.md") && notes[0].contains("line 2"), "{notes:?}");
}

#[test]
fn the_plans_own_template_is_used_and_what_agents_say_is_never_one() {
    let mut plan = one("CG-1");
    plan.prompt_template =
        Some("{{ task.prompt }}|{% for f in failures %}{{ f.error }}{% endfor %}".to_owned());
    let mut bench = Bench::begun(opening(plan));
    assert_eq!(bench.sheet().prompt, "do it|");
    bench.takes("CG-1", "A.1");
    let failed = StatusFile { errors: vec!["{{ task.id }}".to_owned()], ..file("CG-1", Failed, "A.1") };
    bench.writes(failed);
    bench.pass(10);
    assert_eq!(bench.sheet().prompt, "do it|{{ task.id }}");
}

#[test]
fn an_attempt_goes_on_in_the_session_of_the_one_before_where_that_is_of_use() {
    use FailureCause::*;
    for (cause, goes_on) in [
        (Crashed, true),
        (Killed, true),
        (Silent, true),
        (AgentFailed, true),
        (ContextLimit, false),
        (NotStarted, false),
    ] {
        let mut bench = Bench::begun(opening(one("CG-1")));
        bench.offered("A.1");
        bench.says_with(
            "CG-1",
            InProgress,
            "A.1",
            MiyabiStamp { usage: Some(used(5, 1.0)), ..session("s-1") },
        );
        bench.fails("CG-1", "A.1", cause);
        bench.pass(10);
        let resume = bench.spec().resume.clone();
        assert_eq!(resume.is_some(), goes_on, "{cause:?}");
        if let Some(resume) = resume {
            assert_eq!((resume.session.as_str(), resume.used), ("s-1", used(5, 1.0)));
            assert!(
                resume.prompt.contains("it went wrong") && resume.prompt.contains("files show"),
                "{}",
                resume.prompt
            );
        }
        assert!(
            bench.sheet().prompt.contains("Attempt 1 failed: it went wrong"),
            "a fresh one has a summary"
        );
    }
}

#[test]
fn after_a_resume_that_died_the_session_is_a_fresh_one() {
    let mut plan = one("CG-1");
    plan.tasks[0].retries = 5;
    let mut bench = Bench::begun(opening(plan));
    bench.offered("A.1");
    bench.says_with("CG-1", InProgress, "A.1", session("s-1"));
    bench.fails("CG-1", "A.1", FailureCause::Crashed);
    bench.pass(10);
    assert!(bench.spec().resume.is_some());
    bench.takes("CG-1", "A.2");
    bench.runner_gone("CG-1");
    bench.runner_up("CG-1", "");
    bench.pass(13);
    assert_eq!(bench.task("A").attempts.len(), 3);
    assert_eq!(bench.spec().resume, None);
}

#[test]
fn what_was_missing_is_said_in_the_session_that_claimed_to_be_done() {
    let mut plan = one("CCG-1");
    plan.tasks[0].outputs = vec!["a.txt".to_owned()];
    let mut bench = Bench::begun(opening(plan));
    bench.offered("A.1");
    bench.says_with("CCG-1", InProgress, "A.1", session("s-1"));
    bench.says("CCG-1", Completed, "A.1");
    bench.evidence("A.1", missing("a.txt"));
    bench.pass(10);
    let resume = bench.spec().resume.clone().expect("the same session");
    assert!(
        resume.prompt.contains("It is not: claimed to be done, but a.txt is missing"),
        "{}",
        resume.prompt
    );
}

#[test]
fn what_a_session_wrote_before_counts_for_the_attempt_that_goes_on_in_it() {
    let mut plan = one("CCG-1");
    plan.tasks[0].outputs = vec!["a.txt".to_owned(), "b.txt".to_owned()];
    for (session_then, began) in [("s-1", "A.1"), ("s-2", "A.2")] {
        let mut bench = Bench::begun(opening(plan.clone()));
        bench.offered_with("A.1", "as it was before A.1");
        bench.says_with("CCG-1", InProgress, "A.1", session("s-1"));
        bench.says("CCG-1", Completed, "A.1");
        bench.evidence("A.1", missing("b.txt"));
        bench.pass(10);
        bench.offered_with("A.2", "as it was before A.2");
        bench.says_with("CCG-1", InProgress, "A.2", session(session_then));
        bench.says("CCG-1", Completed, "A.2");
        let (sheet, baseline) = bench.check();
        let assigned = bench.task("A").attempts.iter().find(|a| format!("A.{}", a.number) == began);
        assert_eq!(Some(sheet.assigned_at), assigned.map(|attempt| attempt.assigned_at), "{session_then}");
        let digest = format!("as it was before {began}");
        assert_eq!(baseline.get("a.txt"), Some(&digest), "{session_then}");
    }
}

#[test]
fn a_session_is_taken_up_by_another_agent_of_the_same_program_on_the_same_host_only() {
    for (second_host, runner, goes_on) in [
        ("local", RunnerKind::Codex, true),
        ("other", RunnerKind::Codex, false),
        ("local", RunnerKind::Claude, false),
    ] {
        let mut plan = with_models(plan(&["CG-1", "CG-2"], &[("A", "CG-1", "")]));
        plan.hosts.push(host("other", 4));
        (plan.agents[1].host, plan.agents[1].runner) = (second_host.parse().expect("an id"), runner);
        let mut bench = Bench::begun(opening(plan));
        bench.offered("A.1");
        bench.says_with("CG-1", InProgress, "A.1", session("s-1"));
        bench.report(miyabi_protocol::link::Report::AgentProblem {
            agent: crate::bench::agent("CG-1"),
            message: "its window is gone".to_owned(),
        });
        bench.runner_gone("CG-1");
        bench.pass(10);
        assert_eq!(bench.sheet().agent.as_str(), "CG-2");
        assert_eq!(bench.spec().resume.is_some(), goes_on, "{second_host} {runner:?}");
    }
}

#[test]
fn a_session_is_not_taken_up_while_the_agent_before_may_still_be_in_it() {
    let mut plan = with_models(plan(&["CG-1", "CG-2"], &[("A", "CG-1", "")]));
    plan.tasks[0].time_limit_seconds = 60;
    let mut bench = Bench::begun(opening(plan));
    bench.offered("A.1");
    bench.says_with("CG-1", InProgress, "A.1", session("s-1"));
    bench.pass(70);
    assert_eq!((bench.sheet().agent.as_str(), &bench.spec().resume), ("CG-2", &None));
}

#[test]
fn a_session_that_is_no_plain_name_is_not_kept() {
    let mut bench = Bench::begun(opening(one("CG-1")));
    bench.offered("A.1");
    for bad in ["", "a\u{1b}[2J", &"x".repeat(400)] {
        bench.says_with("CG-1", InProgress, "A.1", session(bad));
        assert_eq!(bench.task("A").attempts[0].session, None);
    }
    bench.says_with("CG-1", InProgress, "A.1", session("good"));
    bench.says_with("CG-1", InProgress, "A.1", session("other"));
    let known = bench.facts().into_iter().filter(|fact| matches!(fact, Fact::SessionKnown { .. })).count();
    assert_eq!((known, bench.task("A").attempts[0].session.as_deref()), (1, Some("good")));
}
