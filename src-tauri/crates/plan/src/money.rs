//! Sums of money, exact.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// US dollars, kept in millionths so that sums are exact. A plain number of dollars in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(u64);

/// More than this is no price that anybody meant.
const MAX_DOLLARS: f64 = 1e9;

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From a number of dollars; what is no sum of money counts as nothing.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range, see the clamp")]
    pub fn from_dollars(dollars: f64) -> Self {
        let dollars = if dollars.is_finite() { dollars.clamp(0.0, MAX_DOLLARS) } else { 0.0 };
        Self((dollars * 1e6).round() as u64)
    }

    /// From millionths of a dollar.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// In millionths of a dollar.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// In dollars.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sums of this size fit a double to the millionth")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// What is left after another sum is taken away; never below nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::ZERO, Add::add)
    }
}

/// As people write it: `$1.25`, and small sums with more places.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars();
        if self.0 == 0 || self.0 >= 100_000 { write!(f, "${dollars:.2}") } else { write!(f, "${dollars:.4}") }
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self::from_dollars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sums_are_exact_and_written_for_people() {
        let third = Usd::from_dollars(0.1) + Usd::from_dollars(0.2);
        assert_eq!(third, Usd::from_dollars(0.3));
        assert_eq!(third.to_string(), "$0.30");
        assert_eq!(Usd::from_dollars(0.0042).to_string(), "$0.0042");
        assert_eq!(Usd::from_dollars(f64::NAN), Usd::ZERO);
        assert_eq!(Usd::from_dollars(-3.0), Usd::ZERO);
    }

    proptest! {
        #[test]
        fn a_sum_reads_back_from_json(micros in 0_u64..1_000_000_000_000) {
            let sum = Usd::from_micros(micros);
            let text = serde_json::to_string(&sum).expect("json");
            prop_assert_eq!(serde_json::from_str::<Usd>(&text).expect("reads"), sum);
        }
    }
}
