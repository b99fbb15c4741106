//! The attempt sheet: all that a runner must know, from the plan and the run so far.

use std::collections::BTreeMap;
use std::path::Path;

use miyabi_plan::policy::STAND_IN_PERCENT;
use miyabi_plan::{Agent, AgentMode, AttemptId, Check, HostId, McpTool, McpTools, RunnerKind, Site};
use miyabi_protocol::{AgentProtocol, AgentSpec, AttemptSheet, RunnerSpec};

use super::Engine;
use crate::state::AgentState;

impl Engine {
    /// The sheet of an attempt; none when the attempt is not in the run, or nothing says how its
    /// agent is run.
    pub(super) fn sheet(&self, id: &AttemptId) -> Option<AttemptSheet> {
        let opening = &self.state.opening;
        let task = opening.plan.task(&id.task)?;
        let attempt = self.state.attempt(id)?;
        let agent = self.state.agent(&attempt.agent)?;
        let tree = attempt.tree().map(|tree| Path::new(&tree.folder));
        let acceptance = task.acceptance.iter().map(|check| self.absolute_check(check, &agent.host, tree));
        Some(AttemptSheet {
            run_id: opening.run_id.clone(),
            attempt: id.clone(),
            agent: agent.id.clone(),
            host: agent.host.to_string(),
            title: task.title.clone(),
            prompt: match agent.runner.has_model() {
                true => self.model_prompt(id).0,
                false => self.plain_prompt(id),
            },
            module: task.module.clone(),
            work_folder: Some(self.work_folder(id).to_owned()),
            outputs: task.outputs.clone(),
            acceptance: acceptance.collect(),
            runner: self.runner_spec(id, agent)?,
            estimated_seconds: match self.state.stands_in(self.state.task(&id.task)?, attempt) {
                true => task.estimated_seconds.saturating_mul(STAND_IN_PERCENT) / 100,
                false => task.estimated_seconds,
            },
            assigned_at: attempt.assigned_at,
            tree: attempt.tree().cloned(),
        })
    }

    fn runner_spec(&self, id: &AttemptId, agent: &AgentState) -> Option<RunnerSpec> {
        let planned = self.state.opening.plan.agent(&agent.id);
        match agent.runner {
            RunnerKind::External => Some(RunnerSpec::External),
            RunnerKind::Rehearsal => {
                Some(RunnerSpec::Rehearsal { speed: self.state.opening.rehearse.unwrap_or(1.0) })
            }
            RunnerKind::Command => {
                let planned = planned?;
                let environment = self.environment(id, planned, &agent.host);
                let argv = self.absolute(&planned.command, &agent.host, self.tree_folder(id));
                Some(RunnerSpec::Command { argv, environment })
            }
            RunnerKind::Claude | RunnerKind::Codex | RunnerKind::Acp | RunnerKind::Mcp => {
                Some(RunnerSpec::Agent(Box::new(self.agent_spec(id, planned?, &agent.host)?)))
            }
        }
    }

    fn agent_spec(&self, id: &AttemptId, planned: &Agent, host: &HostId) -> Option<AgentSpec> {
        let share = self.state.attempt(id)?.share;
        Some(AgentSpec {
            protocol: protocol(planned)?,
            argv: self.absolute(&agent_argv(planned), host, self.tree_folder(id)),
            environment: self.environment(id, planned, host),
            model: planned.model.clone(),
            access: planned.access,
            budget: share,
            prices: share.map(|_| self.state.opening.plan.prices.clone()).unwrap_or_default(),
            silent_seconds: self.state.opening.plan.limits.silent_seconds,
            resume: self.session(id),
        })
    }

    fn tree_folder(&self, id: &AttemptId) -> Option<&Path> {
        self.state.attempt(id)?.tree().map(|tree| Path::new(&tree.folder))
    }

    fn environment(&self, id: &AttemptId, planned: &Agent, host: &HostId) -> BTreeMap<String, String> {
        let opening = &self.state.opening;
        let state_dir = opening.state_dir_at(&opening.site(host)).to_owned();
        let mut environment = planned.environment.clone();
        environment.insert("MIYABI_PLAN_DIR".to_owned(), self.plan_dir_on(host, self.tree_folder(id)));
        environment.insert("MIYABI_STATE_DIR".to_owned(), state_dir);
        if let Some(attempt) = self.state.attempt(id)
            && let Some(tree) = attempt.tree()
        {
            environment.insert("MIYABI_TREE".to_owned(), tree.folder.clone());
            environment.insert("MIYABI_BRANCH".to_owned(), tree.branch.clone());
            environment.extend(self.port_variables(attempt));
        }
        environment
    }

    /// Where the work of an attempt is done.
    pub(super) fn work_folder(&self, id: &AttemptId) -> &str {
        let opening = &self.state.opening;
        let Some(attempt) = self.state.attempt(id) else { return &opening.work_folder };
        attempt.tree().map_or_else(|| opening.work_folder_on(&attempt.host), |tree| &tree.folder)
    }

    /// Where the plan's folder lies on a host. One that is part of the work folder here is part of the
    /// one there; of any other one there is no copy, and the work folder stands for it. Where there is a
    /// tree, a plan that is part of the repository is part of that.
    fn plan_dir_on(&self, host: &HostId, tree: Option<&Path>) -> String {
        let opening = &self.state.opening;
        if let (Some(tree), Some(git), true) = (tree, &opening.git, opening.site(host) != Site::Here)
            && let Ok(rest) = Path::new(&opening.plan_dir).strip_prefix(&git.repository)
        {
            let place = if rest == Path::new("") { tree.to_owned() } else { tree.join(rest) };
            return place.to_string_lossy().into_owned();
        }
        let there = opening.site(host).host().and_then(|host| opening.plan.host(host)).cloned();
        let Some(there) = there.and_then(|host| host.work_folder) else { return opening.plan_dir.clone() };
        let place = match Path::new(&opening.plan_dir).strip_prefix(&opening.work_folder) {
            Ok(rest) if rest != Path::new("") => Path::new(&there).join(rest),
            _ => return there,
        };
        place.to_string_lossy().into_owned()
    }

    pub(super) fn absolute_check(&self, check: &Check, host: &HostId, tree: Option<&Path>) -> Check {
        Check { run: self.absolute(&check.run, host, tree), ..check.clone() }
    }

    /// A program given with a folder is meant from the plan's folder; a bare name is looked up.
    fn absolute(&self, argv: &[String], host: &HostId, tree: Option<&Path>) -> Vec<String> {
        let mut argv = argv.to_vec();
        if let Some(program) = argv.first_mut()
            && program.contains('/')
        {
            let path = Path::new(&self.plan_dir_on(host, tree)).join(program.trim_start_matches("./"));
            *program = path.to_string_lossy().into_owned();
        }
        argv
    }
}

/// How an agent with a model is spoken to; none for an MCP server whose tools nobody named.
fn protocol(agent: &Agent) -> Option<AgentProtocol> {
    Some(match (agent.runner, agent.mode) {
        (RunnerKind::Claude, Some(AgentMode::Interactive)) => AgentProtocol::ClaudeTerminal,
        (RunnerKind::Claude, _) => AgentProtocol::ClaudeStream,
        (RunnerKind::Codex, Some(AgentMode::Interactive)) => AgentProtocol::CodexTerminal,
        (RunnerKind::Codex, Some(AgentMode::AppServer)) => AgentProtocol::CodexAppServer,
        (RunnerKind::Codex, Some(AgentMode::Mcp)) => {
            AgentProtocol::Mcp { tools: agent.tools.clone().unwrap_or_else(codex_tools) }
        }
        (RunnerKind::Codex, _) => AgentProtocol::CodexExec,
        (RunnerKind::Acp, _) => AgentProtocol::Acp,
        (RunnerKind::Mcp, _) => AgentProtocol::Mcp { tools: agent.tools.clone()? },
        (RunnerKind::Command | RunnerKind::External | RunnerKind::Rehearsal, _) => return None,
    })
}

fn agent_argv(agent: &Agent) -> Vec<String> {
    let mut argv = agent.command.clone();
    let by_mcp = agent.runner == RunnerKind::Codex && agent.mode == Some(AgentMode::Mcp);
    if argv.is_empty() {
        argv.push(agent.runner.word().to_owned());
    }
    if by_mcp && !argv.iter().any(|word| word == "mcp-server") {
        argv.push("mcp-server".to_owned());
    }
    argv
}

/// The tools of `codex mcp-server`.
fn codex_tools() -> McpTools {
    let tool = |name: &str, arguments: &[(&str, &str)]| McpTool {
        name: name.to_owned(),
        arguments: arguments.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let start = [
        ("prompt", "{{prompt}}"),
        ("cwd", "{{work_folder}}"),
        ("sandbox", "{{sandbox}}"),
        ("model", "{{model}}"),
        ("approval-policy", "on-request"),
    ];
    let reply = [("threadId", "{{session}}"), ("prompt", "{{prompt}}")];
    McpTools { start: tool("codex", &start), reply: Some(tool("codex-reply", &reply)) }
}
