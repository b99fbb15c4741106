//! Whether the agent programs of a plan can work: their version, log-in and a first handshake, as
//! `miyabi-host probe` finds them. No model is asked.

use std::path::Path;

use miyabi_api::DoctorLine;
use miyabi_plan::{Agent, AgentMode, Plan, RunnerKind, TransportKind};
use miyabi_protocol::{AgentProgram, LoggedIn, ProbeAnswer, ProbeRequest};

use crate::environment::Environment;
use crate::inspect::few;
use crate::programs::told;

/// How many programs are asked for at once; a plan with more different ones has its first looked at.
const MAX_PROGRAMS: usize = 64;

/// A program, and who needs it.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    request: ProbeRequest,
    agents: Vec<String>,
}

/// The lines about the agent programs of a plan, each of which it needs.
pub(crate) fn of_plan(environment: &Environment, plan: &Plan, folder: &Path) -> Vec<DoctorLine> {
    let mut lines = look(environment, &wanted(plan, folder));
    lines.extend(far_hosts(plan));
    lines
}

/// The lines about Claude Code and Codex, neither of which has to be there.
pub(crate) fn usual(environment: &Environment) -> Vec<DoctorLine> {
    let usual = [AgentProgram::Claude, AgentProgram::Codex].map(|agent_program| Wanted {
        request: ProbeRequest {
            agent_program,
            argv: vec![word(agent_program).to_owned()],
            environment: std::collections::BTreeMap::new(),
        },
        agents: Vec::new(),
    });
    look(environment, &usual)
}

/// The different programs of the agents on this machine.
fn wanted(plan: &Plan, folder: &Path) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    for agent in plan.agents.iter().filter(|agent| is_near(plan, agent)) {
        let Some(request) = request(agent, folder) else { continue };
        let known = all.iter().position(|wanted| wanted.request == request);
        match known {
            Some(at) => all[at].agents.push(agent.id.to_string()),
            None if all.len() < MAX_PROGRAMS => {
                all.push(Wanted { request, agents: vec![agent.id.to_string()] });
            }
            None => {}
        }
    }
    all
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
        required: !wanted.agents.is_empty(),
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

/// Hosts that this version cannot look at.
fn far_hosts(plan: &Plan) -> Vec<DoctorLine> {
    let far = plan.hosts.iter().filter(|host| host.transport == TransportKind::Ssh);
    let agents = |host: &miyabi_plan::Host| plan.agents.iter().filter(|agent| agent.host == host.id).count();
    far.map(|host| DoctorLine {
        name: host.id.to_string(),
        ok: false,
        required: false,
        found: format!("over SSH, with {} agents: not looked at by this version", agents(host)),
        remedy: "--rehearse plays the plan without it".to_owned(),
    })
    .collect()
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
        let found: Vec<(AgentProgram, String, usize)> = wanted(&plan, Path::new("/plans/p"))
            .into_iter()
            .map(|wanted| (wanted.request.agent_program, wanted.request.argv.join(" "), wanted.agents.len()))
            .collect();
        assert_eq!(
            found,
            [
                (AgentProgram::Claude, "claude".to_owned(), 2),
                (AgentProgram::Mcp, "codex mcp-server".to_owned(), 1),
                (AgentProgram::Acp, "/plans/p/bin/agent --acp".to_owned(), 1),
            ]
        );
        let far = far_hosts(&plan);
        assert!(
            far.len() == 1 && !far[0].ok && !far[0].required && far[0].found.contains("1 agents"),
            "{far:?}"
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
        let lines = of_plan(&environment, &plan, base.path());
        assert!(lines[0].ok && lines[1].required && lines[1].found.ends_with("(for X-2)"), "{lines:?}");
        let asked: serde_json::Value =
            serde_json::from_slice(&fs::read(base.path().join("asked")).expect("asked")).expect("json");
        assert_eq!(asked[1]["agent_program"], "codex");

        let broken = with_answers(base.path(), "no json\n");
        assert!(usual(&broken).iter().all(|line| !line.ok && line.found.contains("could not be looked at")));
    }
}
