//! How a plan works on git: whether it can be done, and what it means.

use crate::git::{GitPlan, GitWhen, PortRange};
use crate::ids::AgentId;
use crate::model::RunnerKind;
use crate::read::checks;
use crate::read::crew::Crew;
use crate::read::report::Report;
use crate::read::source::Step;
use crate::read::tasks::Tasks;
use crate::schema::{GitEntry, GitOptionsEntry, MAX_PORT};

impl Tasks {
    pub(crate) fn check_git(&self, crew: &Crew, report: &mut Report) {
        let Some(GitEntry::Options(options)) = &self.header.git else { return };
        let place = |rest: &[Step<'_>]| self.source.place(&[&[Step::Key("git")], rest].concat());
        for (nth, path) in options.copy.iter().flatten().enumerate() {
            let place = place(&[Step::Key("copy"), Step::At(nth)]);
            if let Some(problem) = checks::bad_path(path, "copy").or_else(|| of_git(path)) {
                let remedy = "Name a file below the work folder, as in `.env`.";
                report.error("bad-path", place, problem, remedy);
            }
        }
        for (nth, check) in options.setup.iter().flatten().enumerate() {
            let place = |rest: &[Step<'_>]| place(&[&[Step::Key("setup"), Step::At(nth)], rest].concat());
            let check = (check, &self.raw["git"]["setup"][nth]);
            checks::check("The setup has a command", check, &place, report);
        }
        let remote = options.remote.as_deref().filter(|remote| !is_remote(remote));
        if let Some(remote) = remote {
            let message = format!("`{remote}` is not the name of a remote.");
            let remedy = "Write a name that `git remote` lists, as in `origin`.";
            report.error("bad-remote", place(&[Step::Key("remote")]), message, remedy);
        }
        if let Some(api) = options.api.as_deref().filter(|api| !is_api(api)) {
            let message = format!("`{api}` is not the address of a forge's API.");
            let remedy = "Write one that begins with `https://`, as in `https://git.example/api/v3`.";
            report.error("bad-api", place(&[Step::Key("api")]), message, remedy);
        }
        if crew.is_readable() {
            self.check_ports(options, crew, report);
            self.check_reviewer(options, crew, report);
        }
    }

    /// Every agent may be at work at once, each in a work tree of its own.
    fn check_ports(&self, options: &GitOptionsEntry, crew: &Crew, report: &mut Report) {
        let Some(ports) = options.ports else { return };
        let agents = u32::try_from(crew.agents().count()).unwrap_or(u32::MAX);
        let needed = ports.count.saturating_mul(agents);
        if ports.first.saturating_add(needed.saturating_sub(1)) > MAX_PORT {
            let place = self.source.place(&[Step::Key("git"), Step::Key("ports")]);
            let message = format!(
                "{agents} agents with {} ports each, from {} on, need more ports than there are up to {MAX_PORT}.",
                ports.count, ports.first
            );
            report.error("bad-ports", place, message, "Lower `first` or `count`.");
        }
    }

    fn check_reviewer(&self, options: &GitOptionsEntry, crew: &Crew, report: &mut Report) {
        let Some(reviewer) = &options.reviewer else { return };
        let place = self.source.place(&[Step::Key("git"), Step::Key("reviewer")]);
        let Some(agent) = crew.agent(reviewer) else {
            let message = format!("Conflicts go to `{reviewer}`, which no agent is called.");
            let known = crew.agents().map(|(_, agent)| agent.id.as_str());
            return report.unknown("unknown-agent", place, message, reviewer, known);
        };
        if matches!(agent.runner, RunnerKind::External | RunnerKind::Rehearsal) {
            let message = format!(
                "Conflicts go to {reviewer}, which has no work tree: it is `{}`.",
                agent.runner.word()
            );
            let remedy = "Name an agent of another runner, or write `\"conflicts\": \"person\"`.";
            report.error("bad-reviewer", place, message, remedy);
        }
    }
}

/// What git itself keeps is no file of the work.
fn of_git(path: &str) -> Option<String> {
    let is_gits = path.split('/').any(|part| part.eq_ignore_ascii_case(".git"));
    is_gits.then(|| format!("`{path}` is a file of git itself."))
}

fn is_remote(name: &str) -> bool {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(of_name) && !name.contains("..")
}

/// Plain HTTP would show the token to everybody on the way; on this machine there is no way.
fn is_api(address: &str) -> bool {
    let of_address = |c: char| c.is_ascii_alphanumeric() || "-_.~:/[]".contains(c);
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_local = local.iter().any(|host| {
        address.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let rest = address.strip_prefix("https://").unwrap_or_default();
    address.chars().all(of_address) && (is_local || rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// What is written about git means; none when it names what cannot be.
pub(crate) fn build(entry: Option<&GitEntry>) -> Option<GitPlan> {
    let when = match entry {
        None => GitWhen::Repository,
        Some(GitEntry::Flag(false)) => GitWhen::Never,
        Some(GitEntry::Flag(true) | GitEntry::Options(_)) => GitWhen::Always,
    };
    let Some(GitEntry::Options(options)) = entry else {
        return Some(GitPlan { when, ..GitPlan::default() });
    };
    let port = |number: u32| u16::try_from(number).ok();
    let ports = match options.ports {
        None => None,
        Some(ports) => Some(PortRange { first: port(ports.first)?, count: port(ports.count)? }),
    };
    Some(GitPlan {
        when,
        copy: options.copy.clone().unwrap_or_default(),
        setup: options.setup.iter().flatten().map(checks::build).collect(),
        ports,
        remote: options.remote.clone(),
        api: options.api.clone(),
        conflicts: options.conflicts.unwrap_or_default(),
        reviewer: options.reviewer.as_ref().map(AgentId::new).transpose().ok()?,
    })
}
