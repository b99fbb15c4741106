//! An attempt's share of its budgets, watched while its program is at work: it is to end between two requests
//! to the model, before the one that would cost more than is left. Nobody knows what a request will cost, so
//! the costliest one so far stands for the next.

use miyabi_agents::{AgentEvent, Failed};
use miyabi_plan::{FailureCause, PriceTable, Usd};
use miyabi_protocol::{AgentProtocol, AgentSpec, Usage};

/// What is left of a share, as far as its program tells.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// None where nothing is watched.
    limit: Option<Usd>,
    prices: PriceTable,
    spent: Usd,
    /// The most that was spent from one word about it to the next.
    costliest: Usd,
    /// How many tools are at work.
    tools: u32,
    /// How far it is.
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Enough,
    /// Another request may cost more than is left; whether there will be one is not known.
    Last,
    UsedUp,
}

/// What an event means for a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A tool began, after which the model is asked again.
    Tool,
    /// It came to its end.
    ToolEnded,
    /// The model works.
    Work,
    /// A turn has ended.
    TurnEnded,
    /// More was used.
    Used,
    /// Nothing.
    Nothing,
}

impl Step {
    pub(super) fn of(event: &AgentEvent) -> Self {
        match event {
            AgentEvent::ToolCall { .. } => Self::Tool,
            AgentEvent::ToolResult { .. } => Self::ToolEnded,
            AgentEvent::Message(_) | AgentEvent::Thinking(_) | AgentEvent::Asks(_) => Self::Work,
            AgentEvent::TurnEnded(_) => Self::TurnEnded,
            AgentEvent::Usage(_) => Self::Used,
            _ => Self::Nothing,
        }
    }
}

impl Share {
    pub(super) fn of(spec: &AgentSpec) -> Self {
        // Claude Code is given the limit itself, and tells of money at the end of a turn only.
        let by_itself = matches!(
            spec.protocol,
            AgentProtocol::ClaudeStream | AgentProtocol::ClaudeTerminal | AgentProtocol::CodexTerminal
        );
        let limit = spec.budget.filter(|_| !by_itself);
        Self { limit, prices: spec.prices.clone(), ..Self::default() }
    }

    /// Takes in a step, with what the attempt used until now.
    pub(super) fn take(&mut self, step: Step, used: Option<Usage>, model: Option<&str>) {
        let Some(limit) = self.limit else { return };
        match step {
            Step::Used => {
                if let Some(spent) = used.and_then(|used| self.cost(&used, model)) {
                    self.costliest = self.costliest.max(spent.less(self.spent));
                    self.spent = self.spent.max(spent);
                }
            }
            Step::Tool => self.tools = self.tools.saturating_add(1),
            Step::ToolEnded => self.tools = self.tools.saturating_sub(1),
            Step::TurnEnded => self.tools = 0,
            Step::Work | Step::Nothing => {}
        }
        self.state = match self.state {
            State::Enough if self.spent > Usd::ZERO && self.spent + self.costliest > limit => State::Last,
            State::Last if matches!(step, Step::Tool | Step::ToolEnded | Step::Work) => State::UsedUp,
            state => state,
        };
        // What a tool gives goes to the model.
        if self.state == State::Last && self.tools > 0 {
            self.state = State::UsedUp;
        }
    }

    fn cost(&self, used: &Usage, model: Option<&str>) -> Option<Usd> {
        let by_table =
            |model| self.prices.cost(model, used.input_tokens, used.cached_tokens, used.output_tokens);
        used.cost.or_else(|| model.and_then(by_table))
    }

    /// Why the program is to end now; none while it may go on.
    pub(super) fn used_up(&self) -> Option<Failed> {
        let limit = self.limit.filter(|_| self.state == State::UsedUp)?;
        let (spent, next) = (self.spent, self.costliest);
        let message = format!("{spent} of its {limit} is spent, and a request costs up to {next}");
        Some(Failed::new(FailureCause::BudgetReached, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(limit: Option<f64>) -> Share {
        Share { limit: limit.map(Usd::from_dollars), ..Share::default() }
    }

    fn goes_on(share: &mut Share, steps: &[(Step, f64)]) -> bool {
        for (step, dollars) in steps {
            let cost = Some(Usd::from_dollars(*dollars));
            share.take(*step, Some(Usage { cost, ..Usage::default() }), None);
        }
        share.used_up().is_none()
    }

    #[test]
    fn the_request_that_would_pass_the_share_is_not_made() {
        let mut two = share(Some(2.0));
        assert!(goes_on(&mut two, &[(Step::Tool, 0.0), (Step::Used, 0.9), (Step::ToolEnded, 0.9)]));
        assert!(!goes_on(&mut two, &[(Step::Tool, 0.9), (Step::Used, 1.2)]));
        let why = two.used_up().expect("used up");
        assert_eq!(why.cause, FailureCause::BudgetReached);
        assert_eq!(why.message, "$1.20 of its $2.00 is spent, and a request costs up to $0.90");
    }

    #[test]
    fn a_turn_that_ends_anyway_is_not_cut_off() {
        let mut two = share(Some(2.0));
        assert!(goes_on(&mut two, &[(Step::Work, 0.0), (Step::Used, 1.9), (Step::TurnEnded, 1.9)]));
        assert!(!goes_on(&mut two, &[(Step::Work, 1.9)]), "another one is");
    }

    #[test]
    fn without_a_share_or_without_a_price_nothing_is_watched() {
        assert!(goes_on(&mut share(None), &[(Step::Tool, 0.0), (Step::Used, 9.0), (Step::Work, 9.0)]));
        let mut unknown = share(Some(2.0));
        unknown.take(Step::Used, Some(Usage { input_tokens: 9, ..Usage::default() }), Some("m"));
        unknown.take(Step::Work, None, Some("m"));
        assert!(unknown.used_up().is_none());
    }
}
