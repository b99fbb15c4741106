//! Whether the agent programs of a plan can work: their version, log-in and a first handshake, as
//! `miyabi-host probe` finds them. No model is asked.

use std::path::Path;

use miyabi_api::DoctorLine;
use miyabi_plan::{Agent, AgentMode, Host, Plan, RunnerKind, TransportKind};
use miyabi_protocol::{AgentProgram, LoggedIn, ProbeAnswer, ProbeRequest};

use crate::environment::Environment;
use crate::inspect::few;
use crate::programs::told;

/// How many programs are asked for at once; a plan with more different ones has its first looked at.
const MAX_PROGRAMS: usize = 64;

/// A program, and who needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The question about it.
    pub(crate) request: ProbeRequest,
    agents: Vec<String>,
    /// Whether nothing can be done in its place.
    is_needed: bool,
}

/// The lines about the agent programs of a plan on this machine. Required is each for which no other
/// stands in.
pub(crate) fn of_plan(environment: &Environment, plan: &Plan, folder: &Path) -> Vec<DoctorLine> {
    look(environment, &wanted(plan, folder, |agent| is_near(plan, agent)))
}

/// The lines about Claude Code and Codex, neither of which has to be there.
pub(crate) fn usual(environment: &Environment) -> Vec<DoctorLine> {
    look(environment, &usual_programs())
}

/// The programs that the agents of a host need.
pub(crate) fn on_host(plan: &Plan, folder: &Path, host: &Host) -> Vec<Wanted> {
    wanted(plan, folder, |agent| agent.host == host.id)
}

/// The programs of all agents of a plan; none has to be there, as nobody knows who will be placed where.
pub(crate) fn anywhere(plan: &Plan, folder: &Path) -> Vec<Wanted> {
    let mut all = wanted(plan, folder, |_| true);
    for wanted in &mut all {
        wanted.agents.clear();
        wanted.is_needed = false;
    }
    all
}

/// Claude Code and Codex, neither of which has to be there.
pub(crate) fn usual_programs() -> Vec<Wanted> {
    [AgentProgram::Claude, AgentProgram::Codex]
        .map(|agent_program| Wanted {
            request: ProbeRequest {
                agent_program,
                argv: vec![word(agent_program).to_owned()],
                environment: std::collections::BTreeMap::new(),
            },
            agents: Vec::new(),
            is_needed: false,
        })
        .into()
}

/// The different programs of these agents.
fn wanted(plan: &Plan, folder: &Path, which: impl Fn(&Agent) -> bool) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for agent in plan.agents.iter().filter(|agent| which(agent)) {
        let Some(request) = request(agent, folder) else { continue };
        let known = all.iter().position(|wanted| wanted.request == request);
        match known {
            Some(at) => all[at].agents.push(agent.id.to_string()),
            None if all.len() < MAX_PROGRAMS => {
                let (agents, is_needed) = (vec![agent.id.to_string()], !has_stand_in(plan, agent));
                all.push(Wanted { request, agents, is_needed });
            }
            None => {}
        }
    }
    all
}

/// Whether agents with another program may take over what this one has to do.
fn has_stand_in(plan: &Plan, agent: &Agent) -> bool {
    let other = match agent.runner {
        RunnerKind::Codex if plan.fallback.codex_to_claude => RunnerKind::Claude,
        RunnerKind::Claude if plan.fallback.claude_to_codex => RunnerKind::Codex,
        _ => return false,
    };
    plan.agents.iter().any(|one| one.runner == other && one.host == agent.host)
}

fn is_near(plan: &Plan, agent: &Agent) -> bool {
    plan.hosts.iter().any(|host| host.id == agent.host && host.transport == TransportKind::Local)
}

/// What is asked about an agent's program; none for those without a model.
fn request(agent: &Agent, folder: &Path) -> Option<ProbeRequest> {
    let agent_program = match (agent.runner, agent.mode) {
        (RunnerKind::Codex, Some(AgentMode::Mcp)) | (RunnerKind::Mcp, _) => AgentProgram::Mcp,
        (RunnerKind::Claude, _) => AgentProgram::Claude,
        (RunnerKind::Codex, _) => AgentProgram::Codex,
        (RunnerKind::Acp, _) => AgentProgram::Acp,
        (RunnerKind::Command | RunnerKind::External | RunnerKind::Rehearsal, _) => return None,
    };
    let mut argv = agent.command.clone();
    match argv.first_mut() {
        None => argv.push(agent.runner.word().to_owned()),
        // As in a run: a path with `/` is relative to the plan's folder.
        Some(program) if program.contains('/') => *program = folder.join(&program).display().to_string(),
        Some(_) => {}
    }
    if agent.runner == RunnerKind::Codex
        && agent_program == AgentProgram::Mcp
        && !argv.iter().any(|word| word == "mcp-server")
    {
        argv.push("mcp-server".to_owned());
    }
    Some(ProbeRequest { agent_program, argv, environment: agent.environment.clone() })
}

/// Asks `miyabi-host probe`, and makes a line of each answer.
fn look(environment: &Environment, all: &[Wanted]) -> Vec<DoctorLine> {
    if all.is_empty() {
        return Vec::new();
    }
    let requests: Vec<&ProbeRequest> = all.iter().map(|wanted| &wanted.request).collect();
    let asked = serde_json::to_vec(&requests).unwrap_or_default();
    let text = told(&environment.miyabi_host, &["probe"], &asked).unwrap_or_default();
    let mut answers = text.lines().map(|line| serde_json::from_str::<ProbeAnswer>(line).ok());
    all.iter().map(|wanted| line(wanted, answers.next().flatten())).collect()
}

/// The lines about programs, from the answers in their order.
pub(crate) fn lines(all: &[Wanted], answers: Vec<ProbeAnswer>) -> Vec<DoctorLine> {
    let mut answers = answers.into_iter();
    all.iter().map(|wanted| line(wanted, answers.next())).collect()
}

fn line(wanted: &Wanted, answer: Option<ProbeAnswer>) -> DoctorLine {
    let names: Vec<&str> = wanted.agents.iter().map(String::as_str).collect();
    let needed_by = few(&names).map(|names| format!(" (for {names})")).unwrap_or_default();
    let (ok, found, remedy) = match answer {
        None => (false, "could not be looked at".to_owned(), "mend miyabi-host, above".to_owned()),
        Some(answer) => {
            let remedy = answer.remedy.clone().unwrap_or_default();
            (answer.problem.is_none(), described(answer), remedy)
        }
    };
    DoctorLine {
        name: name(&wanted.request),
        ok,
        required: wanted.is_needed,
        for_agents: true,
        found: format!("{found}{needed_by}"),
        remedy,
    }
}

fn described(answer: ProbeAnswer) -> String {
    let log_in = match answer.logged_in {
        LoggedIn::Yes => Some("logged in"),
        LoggedIn::Unknown if answer.problem.is_none() => Some("log-in not known"),
        LoggedIn::Unknown | LoggedIn::No => None,
    };
    let parts = [answer.version, answer.problem, log_in.map(str::to_owned), answer.handshake];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The program's own name: a path is too long for the head of a line, and `node` tells nothing.
fn name(request: &ProbeRequest) -> String {
    let program = request.argv.first().map_or("", String::as_str);
    let short = program.rsplit('/').next().unwrap_or(program);
    match request.agent_program {
        AgentProgram::Claude | AgentProgram::Codex => short.to_owned(),
        AgentProgram::Acp | AgentProgram::Mcp => format!("{short} ({})", word(request.agent_program)),
    }
}

const fn word(program: AgentProgram) -> &'static str {
    match program {
        AgentProgram::Claude => "claude",
        AgentProgram::Codex => "codex",
        AgentProgram::Acp => "acp",
        AgentProgram::Mcp => "mcp",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use miyabi_plan::{NamedText, PlanText};

    use super::*;

    fn plan(config: &str) -> Plan {
        let dag = r#"{"name":"p","tasks":[{"id":"A","title":"a","prompt":"p","agent":"X-1","estimated_seconds":5}]}"#;
        let read = miyabi_plan::read(&PlanText {
            tasks: Some(NamedText::new("task_dag.json", dag)),
            agent_config: Some(NamedText::new("agent_config.json", config)),
            ..PlanText::default()
        });
        read.plan.unwrap_or_else(|| panic!("{:?}", read.findings))
    }

    #[test]
    fn each_different_program_is_asked_for_once_and_as_it_would_be_run() {
        let plan = plan(
            r#"{"hosts": [{"id": "here"}, {"id": "far", "transport": "ssh", "address": "far"}], "agents": [
                {"id": "X-1", "host": "here", "runner": "claude"}, {"id": "X-2", "host": "here", "runner": "claude"},
                {"id": "X-3", "host": "here", "runner": "codex", "mode": "mcp"},
                {"id": "X-4", "host": "here", "runner": "acp", "command": ["bin/agent", "--acp"]},
                {"id": "X-5", "host": "here", "runner": "external"},
                {"id": "X-6", "host": "far", "runner": "codex"}]}"#,
        );
        let folder = Path::new("/plans/p");
        let shown = |all: Vec<Wanted>| -> Vec<(AgentProgram, String, usize)> {
            let shown = all.into_iter().map(|wanted| {
                (wanted.request.agent_program, wanted.request.argv.join(" "), wanted.agents.len())
            });
            shown.collect()
        };
        assert_eq!(
            shown(on_host(&plan, folder, &plan.hosts[0])),
            [
                (AgentProgram::Claude, "claude".to_owned(), 2),
                (AgentProgram::Mcp, "codex mcp-server".to_owned(), 1),
                (AgentProgram::Acp, "/plans/p/bin/agent --acp".to_owned(), 1),
            ]
        );
        assert_eq!(
            shown(on_host(&plan, folder, &plan.hosts[1])),
            [(AgentProgram::Codex, "codex".to_owned(), 1)]
        );
        assert!(
            anywhere(&plan, folder).iter().all(|wanted| wanted.agents.is_empty()),
            "nobody must have them on a host that the plan does not know yet"
        );
    }

    /// An environment whose `miyabi-host` prints this, whatever it is asked.
    fn with_answers(base: &Path, lines: &str) -> Environment {
        let miyabi_host = base.join("miyabi-host");
        fs::write(base.join("answers"), lines).expect("written");
        let script = format!("#!/bin/sh\ncat > {0}/asked\ncat {0}/answers\n", base.display());
        fs::write(&miyabi_host, script).expect("written");
        fs::set_permissions(&miyabi_host, fs::Permissions::from_mode(0o755)).expect("mode");
        Environment {
            state_home: base.join("state"),
            runtime_dir: base.join("run"),
            miyabi: base.join("miyabi"),
            miyabi_host,
            path: Vec::<PathBuf>::new(),
        }
    }

    #[test]
    fn what_was_found_is_a_line_with_its_remedy() {
        let base = tempfile::tempdir().expect("folder");
        let answers = concat!(
            r#"{"name":"claude","installed":true,"version":"2.1.330","logged_in":"yes","handshake":"headless","problem":null,"remedy":null}"#,
            "\n",
            r#"{"name":"codex","installed":false,"version":null,"logged_in":"unknown","handshake":null,"problem":"`codex` is not installed on this host","remedy":"npm"}"#,
            "\n"
        );
        let environment = with_answers(base.path(), answers);
        let lines = usual(&environment);
        let shown = |line: &DoctorLine| {
            format!("{} {} {} {} [{}]", line.name, line.ok, line.required, line.found, line.remedy)
        };
        assert_eq!(
            lines.iter().map(shown).collect::<Vec<_>>(),
            [
                "claude true false 2.1.330, logged in, headless []",
                "codex false false `codex` is not installed on this host [npm]",
            ]
        );
        let plan =
            plan(r#"{"agents": [{"id": "X-1", "runner": "claude"}, {"id": "X-2", "runner": "codex"}]}"#);
        let mut alone = plan.clone();
        alone.fallback.codex_to_claude = false;
        let lines = of_plan(&environment, &alone, base.path());
        assert!(lines[0].ok && lines[1].required && lines[1].found.ends_with("(for X-2)"), "{lines:?}");
        assert!(lines.iter().all(|line| line.for_agents), "{lines:?}");
        let mut helped = plan;
        helped.fallback.codex_to_claude = true;
        let required =
            of_plan(&environment, &helped, base.path()).iter().map(|line| line.required).collect::<Vec<_>>();
        assert_eq!(required, [true, false], "Claude stands in for Codex");
        let asked: serde_json::Value =
            serde_json::from_slice(&fs::read(base.path().join("asked")).expect("asked")).expect("json");
        assert_eq!(asked[1]["agent_program"], "codex");

        let broken = with_answers(base.path(), "no json\n");
        assert!(usual(&broken).iter().all(|line| !line.ok && line.found.contains("could not be looked at")));
    }

    #[tokio::test]
    async fn to_look_at_a_plan_starts_no_program_of_it_before_it_is_trusted() {
        let base = tempfile::tempdir().expect("folder");
        let service = crate::Service::new(with_answers(base.path(), ""));
        let folder = base.path().join("plan");
        fs::create_dir(&folder).expect("made");
        let dag = r#"{"name":"p","tasks":[{"id":"A","title":"a","prompt":"p","agent":"X-1","estimated_seconds":5}]}"#;
        let config = r#"{"agents": [{"id": "X-1", "runner": "acp", "command": ["bin/agent"]}]}"#;
        fs::write(folder.join("task_dag.json"), dag).expect("written");
        fs::write(folder.join("agent_config.json"), config).expect("written");
        let names = |lines: &[DoctorLine]| {
            let ours = lines.iter().filter(|line| line.for_agents);
            ours.map(|line| (line.name.clone(), line.required)).collect::<Vec<_>>()
        };
        let usual = [("claude".to_owned(), false), ("codex".to_owned(), false)];
        let state = Some(base.path());
        assert_eq!(names(&service.doctor_before_start(None, state).await), usual);
        assert_eq!(names(&service.doctor_before_start(Some(&folder), state).await), usual);
        service.trust(&folder).expect("trusted");
        let lines = service.doctor_before_start(Some(&folder), state).await;
        assert_eq!(names(&lines), [("agent (acp)".to_owned(), true)]);
        // A plan with errors says so elsewhere.
        fs::write(folder.join("task_dag.json"), "{").expect("written");
        assert_eq!(names(&service.doctor_before_start(Some(&folder), state).await), usual);
    }
}
