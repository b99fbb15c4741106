//! The one place of this crate that reads the clock and draws chance.
#![expect(clippy::disallowed_methods, reason = "this module owns the clock")]

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::SystemTime;

use miyabi_protocol::Timestamp;

/// This moment.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// A fresh run id, as in `20261122-153400-4f2a`: sorts by time, is safe in a file name.
#[must_use]
pub(crate) fn new_run_id(now: Timestamp) -> String {
    // Every `RandomState` has keys of its own, drawn by the system: enough for four digits that
    // only have to tell apart two runs of the same second.
    let chance = RandomState::new().hash_one(now.as_millis()) & 0xffff;
    let digits: String = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = digits.split_at(8);
    format!("{day}-{time}-{chance:04x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_is_the_second_and_four_digits_of_chance() {
        let id = new_run_id(Timestamp::from_millis(1_795_361_640_250));
        assert_eq!(&id[..16], "20261122-153400-");
        assert_eq!(id.len(), 20);
        assert!(id[16..].chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    }
}
