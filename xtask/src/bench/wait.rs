//! Waiting for something that another program does: the only place of xtask that sleeps.
#![expect(clippy::disallowed_methods, reason = "this module owns the sleeping in xtask")]

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a file is looked at. It is the precision of every time that is measured by it, and
/// coarse enough to leave the processor to the programs that are measured.
pub(crate) const LOOK: Duration = Duration::from_micros(200);

/// Looks until there is an answer; an error that says what was waited for, after the patience.
pub(crate) fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = look() {
            return Ok(answer);
        }
        if begun.elapsed() > patience {
            bail!("waited {} s in vain for {what}", patience.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}

/// Does nothing for a while.
pub(crate) fn rest(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_with_a_word_on_what_was_waited_for() {
        assert_eq!(until("now", Duration::ZERO, || Some(1)).expect("at once"), 1);
        let error = until::<()>("rain", Duration::ZERO, || None).expect_err("never").to_string();
        assert!(error.ends_with("in vain for rain"), "{error}");
    }
}
