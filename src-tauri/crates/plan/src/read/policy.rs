//! What the limits, approvals, budget and fallback of a plan say, and whether they fit its agents.

use crate::ids::AgentId;
use crate::model::{Plan, RunnerKind};
use crate::policy::{Failover, PolicyAnswer};
use crate::read::crew::Crew;
use crate::read::report::{Report, nearest};
use crate::read::source::Step;
use crate::schema::ApprovalRuleEntry;

impl Crew {
    pub(crate) fn check_policy(&self, report: &mut Report) {
        self.check_pauses(report);
        self.check_approvals(report);
        self.check_budget(report);
        self.check_fallback(report);
        self.check_failover(report);
    }

    fn check_pauses(&self, report: &mut Report) {
        let limits = &self.rest.limits;
        let (Some(first), Some(longest)) = (limits.back_off_seconds, limits.back_off_max_seconds) else {
            return;
        };
        let place = self.rest_place(&[Step::Key("limits"), Step::Key("back_off_max_seconds")]);
        if let (true, Some(place)) = (first > longest, place) {
            let message = format!("The longest pause, {longest} s, is shorter than the first, {first} s.");
            report.warning("back-off", place, message, "Raise it, or lower `back_off_seconds`.");
        }
    }

    fn check_failover(&self, report: &mut Report) {
        let Some(text) = &self.rest.failover else { return };
        if let (None, Some(place)) = (Failover::parse(text), self.rest_place(&[Step::Key("failover")])) {
            let message = format!("`{text}` does not say when a lost host's tasks run elsewhere.");
            let remedy = "Write `by a person`, or a time as in `after 90s`, `after 10m` or `after 2h`.";
            report.error("bad-failover", place, message, remedy);
        }
    }

    fn check_approvals(&self, report: &mut Report) {
        let approvals = &self.rest.approvals;
        for key in ["default", "on_time_out"] {
            let answer = if key == "default" { approvals.default } else { approvals.on_time_out };
            let place = self.rest_place(&[Step::Key("approvals"), Step::Key(key)]);
            if let (Some(PolicyAnswer::Allow), Some(place)) = (answer, place) {
                let message = if key == "default" {
                    "Every request for permission that no rule fits is allowed, unseen."
                } else {
                    "Every request for permission that nobody answers in time is allowed."
                };
                report.warning(
                    "allows-all",
                    place,
                    message,
                    "Write `ask` or `deny`, and allow single tools in `rules`.",
                );
            }
        }
        for (nth, rule) in approvals.rules.iter().flatten().enumerate() {
            self.check_rule(nth, rule, report);
        }
    }

    fn check_rule(&self, nth: usize, rule: &ApprovalRuleEntry, report: &mut Report) {
        let place = |key| {
            self.rest_place(&[Step::Key("approvals"), Step::Key("rules"), Step::At(nth), Step::Key(key)])
        };
        if let (true, Some(place)) = (rule.tool.trim().is_empty(), place("tool")) {
            let remedy = "Write its name, as in `Bash`, or `*` for all.";
            report.error("empty-tool", place, "The rule names no tool.", remedy);
        }
        let any = |text: &str| text.trim_matches('*').is_empty();
        let everything = any(&rule.tool) && rule.pattern.as_deref().is_none_or(any);
        if let (true, PolicyAnswer::Allow, None, Some(place)) =
            (everything && !rule.tool.is_empty(), rule.answer, &rule.agent, place("tool"))
        {
            let remedy = "Name a tool, as in `Bash`, and a `pattern`, as in `pytest *`.";
            report.warning("allows-all", place, "The rule allows every tool to every agent, unseen.", remedy);
        }
        let Some(named) = &rule.agent else { return };
        let ids = self.agent_ids().unwrap_or_default();
        let kinds = ids.iter().map(AgentId::kind).collect::<Vec<_>>();
        let known: Vec<&str> =
            ids.iter().map(AgentId::as_str).chain(kinds.iter().map(crate::Kind::as_str)).collect();
        if let (false, Some(place)) = (known.contains(&named.as_str()), place("agent")) {
            let message =
                format!("The rule is for `{named}`, which no agent and no kind of agents is called.");
            let remedy = nearest(named, known.iter().copied()).map_or_else(
                || "Name an agent, as in `CG-1`, or a kind, as in `CG`.".to_owned(),
                |known| format!("Did you mean `{known}`?"),
            );
            report.warning("idle-rule", place, message, remedy);
        }
    }

    fn check_budget(&self, report: &mut Report) {
        let budget = &self.rest.budget;
        for (key, part) in [("agent_usd", budget.agent_usd), ("task_usd", budget.task_usd)] {
            let (Some(part), Some(whole)) = (part, budget.run_usd) else { continue };
            let place = self.rest_place(&[Step::Key("budget"), Step::Key(key)]);
            if let (true, Some(place)) = (part > whole, place) {
                let message = format!("`{key}` is {part}, more than the {whole} of the whole run.");
                report.warning("budget-order", place, message, "Lower it, or raise `run_usd`.");
            }
        }
    }

    fn check_fallback(&self, report: &mut Report) {
        let fallback = &self.rest.fallback;
        for (key, wanted, runner, name) in [
            ("codex_to_claude", fallback.codex_to_claude, RunnerKind::Claude, "Claude"),
            ("claude_to_codex", fallback.claude_to_codex, RunnerKind::Codex, "Codex"),
        ] {
            let none = !self.agents().any(|(_, agent)| agent.runner == runner);
            let place = self.rest_place(&[Step::Key("fallback"), Step::Key(key)]);
            if let (Some(true), true, Some(place)) = (wanted, none, place) {
                let message = format!("{name} agents are to stand in, and the plan has none.");
                report.warning(
                    "no-stand-in",
                    place,
                    message,
                    format!("Add an agent with `runner` `{}`, or remove it.", runner.word()),
                );
            }
        }
    }
}

/// Budgets count what has a price: a model without one is told before it is used.
pub(crate) fn unpriced(plan: &Plan, crew: &Crew, report: &mut Report) {
    let budget = &plan.budget;
    if budget.run.or(budget.agent).or(budget.task).is_none() {
        return;
    }
    for ((at, entry), agent) in crew.agents().zip(&plan.agents) {
        let (RunnerKind::Codex, Some(model)) = (agent.runner, &entry.model) else { continue };
        let place = crew.agent_place(at, &[Step::Key("model")]);
        if let (None, Some(place)) = (plan.prices.cost(model, 0, 0, 0), place) {
            let message = format!(
                "There is no price of `{model}`, so the budget does not count what {} uses.",
                agent.id
            );
            report.warning("no-price", place, message, "Add its price to prices.json beside the plan.");
        }
    }
}
