//! Facts about agent programs as sentences, for the log and the report.

use miyabi_protocol::{ApprovalAnswer, ApprovalScope};

use crate::fact::{AnsweredBy, BudgetOf, Fact};

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
