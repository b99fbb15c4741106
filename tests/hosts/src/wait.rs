//! Waiting for what other programs do: always with an end, and with words on what was seen instead.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use miyabi_agent_tests::process;

/// Looks again and again. A look gives what was waited for, or what is there instead.
///
/// # Errors
/// After the patience, with what was seen last.
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Result<T, String>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(seen) if begun.elapsed() > patience => {
                bail!("waited {} s in vain for this: {what}\nseen instead: {seen}", patience.as_secs())
            }
            Err(_) => process::a_moment(),
        }
    }
}

/// Makes sure that something stays as it is for a while: the only way to see that nothing happens.
///
/// # Errors
/// As soon as it does not hold.
pub fn stays(what: &str, time: Duration, mut look: impl FnMut() -> Result<(), String>) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if let Err(seen) = look() {
            bail!("after {:.1} s this was over: {what}\nseen: {seen}", begun.elapsed().as_secs_f64());
        }
        process::a_moment();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_with_what_was_seen() {
        let error = until::<()>("rain", Duration::ZERO, || Err("sun".into())).expect_err("never");
        assert_eq!(error.to_string(), "waited 0 s in vain for this: rain\nseen instead: sun");
        let mut looks = 0;
        let found = until("the third look", Duration::from_secs(5), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks.to_string()) }
        });
        assert_eq!(found.expect("found"), 3);
    }

    #[test]
    fn what_does_not_stay_is_told() {
        let error = stays("calm", Duration::from_secs(5), || Err("a storm".into())).expect_err("at once");
        assert!(error.to_string().ends_with("this was over: calm\nseen: a storm"), "{error}");
        stays("calm", Duration::from_millis(150), || Ok(())).expect("it stayed");
    }
}
