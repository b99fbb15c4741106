//! From what is written to what it means: every default is filled in here.

use crate::ids::{AgentId, HostId, IdError, TaskId};
use crate::model::{
    Agent, Host, Limits, Plan, Task, TmuxLayout, TransportKind, default_min_free_disk_mib,
    default_min_free_memory_mib,
};
use crate::outputs::plain_output;
use crate::policy::{
    ApprovalPolicy, ApprovalRule, Budget, Failover, Fallback, McpTool, McpTools, PriceTable,
};
use crate::read::agents::modes;
use crate::read::checks;
use crate::read::crew::Crew;
use crate::read::git;
use crate::read::tasks::Tasks;
use crate::schema::{
    AgentEntry, ApprovalRuleEntry, ApprovalsEntry, DEFAULT_PRIORITY, DEFAULT_RETRIES,
    DEFAULT_TIME_LIMIT_SECONDS, FallbackEntry, HostEntry, MAX_PLACES, MAX_SECONDS, McpToolEntry, TaskEntry,
};

/// What the other files of a plan say.
#[derive(Debug)]
pub(crate) struct Extras {
    pub(crate) layout: TmuxLayout,
    pub(crate) template: Option<String>,
    pub(crate) prices: PriceTable,
}

/// The plan that was written. It may still hold errors that were reported; none when it cannot
/// even be put together.
pub(crate) fn build(tasks: &Tasks, crew: &Crew, extras: Extras) -> Option<Plan> {
    let (header, limits) = (&tasks.header, &crew.rest.limits);
    let entries = tasks.entries.iter().map(|(_, entry)| task(entry, crew));
    let defaults = Limits::default();
    Some(Plan {
        name: header.name.clone(),
        title: header.title.clone().unwrap_or_else(|| header.name.clone()),
        label: header.label.clone(),
        rules: header.rules.clone().unwrap_or_default(),
        prompt_template: extras.template,
        order: header.order.unwrap_or_default(),
        work_stealing: header.work_stealing.unwrap_or(true),
        work_folder: header.work_folder.clone().unwrap_or_else(|| "work".to_owned()),
        sequential_waves: header.sequential_waves.clone().unwrap_or_default(),
        tasks: entries.collect::<Result<_, _>>().ok()?,
        agents: crew.agents().map(|(_, entry)| agent(entry, crew)).collect::<Option<_>>()?,
        hosts: crew.hosts().map(|entry| host(entry, crew)).collect::<Result<_, _>>().ok()?,
        limits: Limits {
            parallel: limits.parallel,
            back_off_seconds: limits.back_off_seconds.unwrap_or(defaults.back_off_seconds),
            back_off_max_seconds: limits.back_off_max_seconds.unwrap_or(defaults.back_off_max_seconds),
            offer_seconds: limits.offer_seconds.unwrap_or(defaults.offer_seconds),
            silent_seconds: limits.silent_seconds.unwrap_or(defaults.silent_seconds),
            stagger_seconds: limits.stagger_seconds.unwrap_or(defaults.stagger_seconds),
            lost_after_seconds: limits.lost_after_seconds.unwrap_or(defaults.lost_after_seconds),
        },
        approvals: approvals(&crew.rest.approvals),
        budget: Budget {
            run: crew.rest.budget.run_usd,
            agent: crew.rest.budget.agent_usd,
            task: crew.rest.budget.task_usd,
        },
        fallback: fallback(&crew.rest.fallback),
        failover: crew.rest.failover.as_deref().and_then(Failover::parse).unwrap_or_default(),
        prices: extras.prices,
        layout: extras.layout,
        git: git::build(header.git.as_ref())?,
        verification: header.verification.iter().flatten().map(checks::build).collect(),
    })
}

fn approvals(entry: &ApprovalsEntry) -> ApprovalPolicy {
    let defaults = ApprovalPolicy::default();
    let rule = |rule: &ApprovalRuleEntry| ApprovalRule {
        tool: rule.tool.clone(),
        pattern: rule.pattern.clone(),
        agent: rule.agent.clone(),
        answer: rule.answer,
    };
    ApprovalPolicy {
        default: entry.default.unwrap_or(defaults.default),
        rules: entry.rules.iter().flatten().map(rule).collect(),
        time_out_seconds: entry.time_out_seconds.unwrap_or(defaults.time_out_seconds),
        on_time_out: entry.on_time_out.unwrap_or(defaults.on_time_out),
    }
}

fn fallback(entry: &FallbackEntry) -> Fallback {
    let defaults = Fallback::default();
    Fallback {
        codex_to_claude: entry.codex_to_claude.unwrap_or(defaults.codex_to_claude),
        claude_to_codex: entry.claude_to_codex.unwrap_or(defaults.claude_to_codex),
        after_failures: entry.after_failures.unwrap_or(defaults.after_failures),
        recheck_seconds: entry.recheck_seconds.unwrap_or(defaults.recheck_seconds),
    }
}

fn task(entry: &TaskEntry, crew: &Crew) -> Result<Task, IdError> {
    let mut needs: Vec<TaskId> = Vec::new();
    for need in entry.needs.iter().flatten() {
        let need = TaskId::new(need)?;
        if !needs.contains(&need) {
            needs.push(need);
        }
    }
    let title = if entry.title.is_empty() { &entry.id } else { &entry.title };
    let outputs = entry.outputs.iter().flatten().filter_map(|output| plain_output(output).ok());
    let limit = entry.time_limit_seconds.or(crew.rest.limits.time_limit_seconds);
    let by_estimate =
        entry.estimated_seconds.saturating_mul(4).clamp(DEFAULT_TIME_LIMIT_SECONDS, MAX_SECONDS);
    Ok(Task {
        id: TaskId::new(&entry.id)?,
        title: title.clone(),
        prompt: entry.prompt.clone(),
        agent: AgentId::new(&entry.agent)?,
        needs,
        priority: i32::try_from(entry.priority.unwrap_or(DEFAULT_PRIORITY)).unwrap_or(i32::MAX),
        estimated_seconds: entry.estimated_seconds,
        module: entry.module.clone().unwrap_or_default(),
        wave: entry.wave,
        outputs: outputs.map(str::to_owned).collect(),
        acceptance: entry.acceptance.iter().flatten().map(checks::build).collect(),
        retries: entry.retries.or(crew.rest.limits.retries).unwrap_or(DEFAULT_RETRIES),
        time_limit_seconds: limit.unwrap_or(by_estimate),
        host: entry.host.as_deref().map(HostId::new).transpose()?,
        needs_approval: entry.approval.is_some(),
    })
}

fn agent(entry: &AgentEntry, crew: &Crew) -> Option<Agent> {
    Some(Agent {
        id: AgentId::new(&entry.id).ok()?,
        title: entry.title.clone().unwrap_or_default(),
        host: HostId::new(crew.host_of(entry)?).ok()?,
        runner: entry.runner,
        command: entry.command.clone().unwrap_or_default(),
        environment: entry.environment.clone().unwrap_or_default(),
        mode: entry.mode.or_else(|| modes(entry.runner).first().copied()),
        model: entry.model.clone(),
        access: entry.access.unwrap_or_default(),
        account: entry.account.clone().unwrap_or_else(|| entry.runner.word().to_owned()),
        tools: entry
            .tools
            .as_ref()
            .map(|tools| McpTools { start: tool(&tools.start), reply: tools.reply.as_ref().map(tool) }),
    })
}

fn tool(entry: &McpToolEntry) -> McpTool {
    McpTool { name: entry.name.clone(), arguments: entry.arguments.clone() }
}

fn host(entry: &HostEntry, crew: &Crew) -> Result<Host, IdError> {
    let agents = crew.agents().filter(|(_, agent)| crew.host_of(agent) == Some(&entry.id)).count();
    let by_agents = u32::try_from(agents).unwrap_or(MAX_PLACES).clamp(1, MAX_PLACES);
    Ok(Host {
        id: HostId::new(&entry.id)?,
        title: entry.title.clone().unwrap_or_else(|| entry.id.clone()),
        transport: entry.transport.unwrap_or(TransportKind::Local),
        address: entry.address.clone().unwrap_or_default(),
        capacity: entry.capacity.unwrap_or(by_agents),
        labels: entry.labels.clone().unwrap_or_default(),
        command: entry.command.clone().unwrap_or_default(),
        state_dir: entry.state_dir.clone(),
        work_folder: entry.work_folder.clone(),
        min_free_memory_mib: entry.min_free_memory_mib.unwrap_or_else(default_min_free_memory_mib),
        min_free_disk_mib: entry.min_free_disk_mib.unwrap_or_else(default_min_free_disk_mib),
    })
}
