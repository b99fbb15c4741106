//! The seeded simulator: the engine in a world where everything goes wrong, in virtual time.
//!
//! `MIYABI_SIM_SEEDS` says how many seeds are tried, `MIYABI_SIM_SEED` names one to be tried alone,
//! with all that happens in it.

mod bodies;
mod chance;
mod gits;
mod ledger;
mod links;
mod models;
mod plans;
mod rules;
mod run;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use miyabi_engine::Weakening;
use run::{Outcome, play};

/// What has to happen now and then, for the rules to mean anything.
const SEEN: [&str; 27] = [
    "session goes on",
    "account rests",
    "program lost",
    "trial",
    "program back",
    "stand-in",
    "asked",
    "answered by a person",
    "timed out",
    "budget reached",
    "budget raised",
    "host lost",
    "host back",
    "host given up by a person",
    "host given up after its leases",
    "agent moved",
    "late claim",
    "tree made",
    "work kept",
    "merged",
    "merge task",
    "commit taken",
    "overlap",
    "review",
    "sent back",
    "verified",
    "verified again",
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A panic in the engine is a broken rule like any other.
fn try_seed(seed: u64, weakening: Option<Weakening>, trace: bool) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| play(seed, weakening, trace)))
        .unwrap_or_else(|_| Err("the engine panicked".to_owned()))
}

#[test]
fn every_rule_holds_whatever_goes_wrong() {
    if let Some(seed) = number("MIYABI_SIM_SEED") {
        println!("{:?}", try_seed(seed, None, true).unwrap_or_else(|broken| panic!("seed {seed}: {broken}")));
        return;
    }
    let seeds = number("MIYABI_SIM_SEEDS").unwrap_or(1000);
    let (mut steps, mut millis, mut kills) = (0, 0, 0);
    let mut phases: BTreeMap<String, u32> = BTreeMap::new();
    let mut seen: BTreeMap<&'static str, u32> = BTreeMap::new();
    for seed in 0..seeds {
        let outcome = try_seed(seed, None, false).unwrap_or_else(|broken| {
            panic!(
                "seed {seed}: {broken}\nMIYABI_SIM_SEED={seed} cargo nextest run -p miyabi-engine --test simulator --no-capture"
            )
        });
        (steps, millis, kills) = (steps + outcome.steps, millis + outcome.millis, kills + outcome.kills);
        for (what, times) in outcome.seen {
            *seen.entry(what).or_default() += times;
        }
        *phases.entry(format!("{:?}", outcome.phase)).or_default() += 1;
    }
    println!(
        "{seeds} seeds: {steps} events in {} hours of virtual time, {kills} backends killed, runs ended as {phases:?}",
        millis / 3_600_000
    );
    println!("{seen:?}");
    if seeds >= 1000 {
        for what in SEEN {
            assert!(seen.get(what).is_some_and(|times| *times > 20), "too few: {what} in {seen:?}");
        }
    }
}

#[test]
fn it_bites() {
    for weakening in [
        Weakening::IgnoreAttemptIds,
        Weakening::IgnoreNeeds,
        Weakening::IgnoreRests,
        Weakening::IgnoreBudgets,
        Weakening::IgnoreLeases,
        Weakening::TakeLateClaims,
        Weakening::ReleaseBeforeCarried,
    ] {
        let found = (0..1000).find_map(|seed| Some((seed, try_seed(seed, Some(weakening), false).err()?)));
        let (seed, broken) = found.unwrap_or_else(|| panic!("{weakening:?} goes unnoticed"));
        println!("{weakening:?} is noticed at seed {seed}: {broken}");
    }
}
