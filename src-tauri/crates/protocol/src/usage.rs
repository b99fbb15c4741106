//! What a model read, wrote and cost.

use miyabi_plan::Usd;
use serde::{Deserialize, Serialize};

/// Tokens and money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read, those from a cache included.
    #[serde(default)]
    pub input_tokens: u64,
    /// Tokens read from a cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Tokens written, thinking included.
    #[serde(default)]
    pub output_tokens: u64,
    /// What that cost; none where nobody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
}

impl Usage {
    /// What came on top of an earlier figure of the same session. Programs count over a whole
    /// session, so only differences may be summed.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_sub(earlier.input_tokens),
            cached_tokens: self.cached_tokens.saturating_sub(earlier.cached_tokens),
            output_tokens: self.output_tokens.saturating_sub(earlier.output_tokens),
            cost: self.cost.map(|cost| cost.less(earlier.cost.unwrap_or_default())),
        }
    }

    /// Both together. A cost that one of them does not know is left out of the sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cost: match (self.cost, other.cost) {
                (Some(one), Some(two)) => Some(one + two),
                (one, two) => one.or(two),
            },
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.input_tokens == 0 && self.output_tokens == 0 && self.cost.unwrap_or_default() == Usd::ZERO
    }
}
