//! Tokens and money: a row an agent and a row a task.

use miyabi_api::UsageView;
use miyabi_plan::Usd;

use crate::document::{Block, Cell, Column, Table};
use crate::model::Report;
use crate::sections::section;

use Column::{Figure, Word};

/// What the work cost; nothing where no model was at work.
pub(super) fn cost(report: &Report) -> Vec<Block> {
    if !is_used(&report.usage) {
        return Vec::new();
    }
    let mut text = format!("All attempts together: {}.", in_words(&report.usage));
    if let Some(budget) = report.budget_usd {
        text.push_str(&format!(" The budget was {}.", Usd::from_dollars(budget)));
    }
    let agents = report.agents.iter().filter(|agent| is_used(&agent.usage));
    let agents = agents.map(|agent| row(agent.id.to_string(), &agent.usage));
    let tasks = report.tasks.iter().filter(|task| is_used(&task.usage));
    let tasks = tasks.map(|task| row(task.id.to_string(), &task.usage));
    vec![
        section("cost", "Cost"),
        Block::Text(text),
        Block::Table(Table::new(&columns("Agent")).rows(agents).without_empty_columns().narrow()),
        Block::Table(Table::new(&columns("Task")).rows(tasks).without_empty_columns().narrow()),
    ]
}

fn columns(first: &'static str) -> [Column; 5] {
    [Word(first), Figure("Tokens read"), Figure("From a cache"), Figure("Written"), Figure("Cost")]
}

fn row(name: String, usage: &UsageView) -> Vec<Cell> {
    let cost = usage.cost_usd.map_or_else(String::new, |cost| Usd::from_dollars(cost).to_string());
    vec![
        Cell::text(name),
        Cell::text(format!("{:.0}", usage.input_tokens)),
        Cell::text(format!("{:.0}", usage.cached_tokens)),
        Cell::text(format!("{:.0}", usage.output_tokens)),
        Cell::text(cost),
    ]
}

fn is_used(usage: &UsageView) -> bool {
    usage.input_tokens + usage.output_tokens > 0.0
}

fn in_words(usage: &UsageView) -> String {
    let cost = usage.cost_usd.map(|cost| format!(", {}", Usd::from_dollars(cost))).unwrap_or_default();
    format!("{:.0} tokens read, {:.0} written{cost}", usage.input_tokens, usage.output_tokens)
}
