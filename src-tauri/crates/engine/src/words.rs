//! Facts about agent programs and hosts as sentences, for the log and the report.

use miyabi_protocol::{ApprovalAnswer, ApprovalScope};

use crate::fact::{AnsweredBy, BudgetOf, Fact, GivenUpBy};

/// What the programs behind the agents asked, cost and could not do; none for every other fact.
#[must_use]
pub fn of_programs(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::RunnerLost { runner, why, .. } => {
            format!("{} cannot work ({why}); others take its tasks, where the plan allows it", runner.word())
        }
        Fact::RunnerBack { runner } => format!("{} works again and takes its own tasks", runner.word()),
        Fact::AccountRests { account, until, why } => {
            format!("the account {account} rests until {until}: {why}")
        }
        Fact::ApprovalAsked { number, attempt, request } => {
            format!("{attempt} asks for {}: {} (number {number} in the inbox)", request.tool, request.what)
        }
        Fact::ApprovalAnswered { attempt, tool, answer, scope, by, .. } => {
            let word = match answer {
                ApprovalAnswer::Allow => "allowed",
                ApprovalAnswer::Deny { .. } => "refused",
            };
            format!("{attempt}: {tool} was {word}{}, {}", reach(*scope), answerer(*by))
        }
        Fact::BudgetReached { budget, spent, limit, .. } => {
            format!("{} is reached: {spent} of {limit}", name(budget))
        }
        Fact::BudgetRaised { budget, limit } => format!("{} was raised to {limit} by a person", name(budget)),
        Fact::Said { attempt, text, .. } => format!("a person said to {attempt}: {text}"),
        _ => return None,
    })
}

/// What became of hosts and of contact with them; none for every other fact.
#[must_use]
pub fn of_hosts(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::HostLost { host, why } => {
            format!("{host} is lost ({why}); what is under way there is unverified, and waits for it")
        }
        Fact::HostBack { host } => format!("{host} is reached again; what is under way there is adopted"),
        Fact::HostGivenUp { host, by: GivenUpBy::Person } => {
            format!("{host} was given up by a person; its tasks are run elsewhere")
        }
        Fact::HostGivenUp { host, by: GivenUpBy::Lease } => {
            format!(
                "{host} was given up, because the lease of its agents is over; its tasks are run elsewhere"
            )
        }
        Fact::AgentMoved { agent, host } => format!("{agent} works on {host} from here on"),
        _ => return None,
    })
}

/// What became of the work: trees, merges, reviews and the verification; none for every other fact.
#[must_use]
pub fn of_work(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::TreeMade { attempt, tree, .. } => format!("{attempt} has its work tree at {}", tree.folder),
        Fact::WorkKept { attempt, commit: Some(commit) } => {
            format!("what {attempt} left is kept: {}", short(commit))
        }
        Fact::WorkKept { attempt, commit: None } => format!("{attempt} left nothing behind"),
        Fact::Merged { task: Some(task), commit, .. } => {
            format!("what {task} needs is merged: {}", short(commit))
        }
        Fact::Merged { task: None, commit, .. } => format!("all work is merged: {}", short(commit)),
        Fact::TaskAdded { task, merge } => {
            let waits = merge.waits.as_ref().map_or_else(|| "the result".to_owned(), ToString::to_string);
            format!(
                "{} is added: it resolves the conflict before {waits} in {}",
                task.id,
                merge.files.join(", ")
            )
        }
        Fact::CommitTaken { task, commit } => {
            format!("{task} was resolved by a person: {}", short(commit))
        }
        Fact::OverlapSeen { attempts, files } => {
            let attempts: Vec<String> = attempts.iter().map(ToString::to_string).collect();
            format!("{} have both touched {}", attempts.join(" and "), files.join(", "))
        }
        Fact::ReviewAsked { number, attempt, .. } => {
            format!("the work of {attempt} waits to be accepted (number {number} in the inbox)")
        }
        Fact::SentBack { attempt, comments } => {
            let plural = if comments.len() == 1 { "" } else { "s" };
            format!("a person sent the work of {attempt} back with {} comment{plural}", comments.len())
        }
        Fact::Verified { problem: Some(problem), .. } => format!("nothing could be verified: {problem}"),
        Fact::Verified { checks, problem: None } => {
            let passed = checks.iter().filter(|check| check.passed).count();
            format!("the verification was run: {passed} of {} checks hold", checks.len())
        }
        Fact::VerifyAgain => "a person wants the verification run again".to_owned(),
        _ => return None,
    })
}

/// The beginning of a commit's name, as people write it.
fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

fn reach(scope: ApprovalScope) -> &'static str {
    match scope {
        ApprovalScope::Once => "",
        ApprovalScope::Task => " for the task",
        ApprovalScope::Run => " for the run",
    }
}

fn answerer(by: AnsweredBy) -> &'static str {
    match by {
        AnsweredBy::Person => "by a person",
        AnsweredBy::Grant => "as a person had said before",
        AnsweredBy::Plan => "by the plan's rules",
        AnsweredBy::TimeOut => "because nobody answered in time",
    }
}

fn name(budget: &BudgetOf) -> String {
    match budget {
        BudgetOf::Run => "the run's budget".to_owned(),
        BudgetOf::Agent { agent } => format!("the budget of {agent}"),
        BudgetOf::Task { task } => format!("the budget of {task}"),
    }
}
