//! Leases: agents stop by themselves when nothing is heard of their backend for too long.

use std::time::{Duration, Instant};

use miyabi_protocol::AgentStatus;
use miyabi_protocol::link::{Command, Hello, Report};
use tokio::time::timeout;

use crate::common::{Helper, Place, agent, lives};

/// Short, and long enough for a slow machine to answer within.
const SECONDS: u32 = 2;

fn hello(place: &Place, link: u32) -> Hello {
    Hello { link, lease_seconds: Some(SECONDS), ..place.hello(&place.run_id(), 1) }
}

/// Waits for the question after a lease; it is answered where the helper is to be granted any.
async fn until_asked(helper: &mut Helper) {
    helper
        .until("a lease to be asked for", |report| matches!(report, Report::LeaseAsked { .. }).then_some(()))
        .await;
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_ends_the_attempt_and_all_its_children() {
    let place = Place::new();
    let mut helper = place.helper_with(hello(&place, 1)).await;
    helper.grants = Some(SECONDS);
    helper.until("listed", |report| matches!(report, Report::Listed).then_some(())).await;
    until_asked(&mut helper).await;
    helper.ensure("CG-1").await;
    let pids = place.path("pids").to_string_lossy().into_owned();
    let script = format!(
        "trap '' TERM; sleep 1000 & echo $! >> {pids}; echo $$ >> {pids}; echo ::progress 0.5; while :; do sleep 1; done"
    );
    helper.offer(&place.sheet("CG-1", "Task-2.1", &script));
    helper.until_file("CG-1", "half way", |status| status.progress > 0.4).await;

    // Longer than one lease, as long as they are granted: asked for at least three times in each.
    let begun = Instant::now();
    for _ in 0..6 {
        until_asked(&mut helper).await;
    }
    let two_leases = Duration::from_secs(2 * u64::from(SECONDS));
    assert!(begun.elapsed() <= two_leases, "{:?} for six questions", begun.elapsed());
    while begun.elapsed() < two_leases {
        until_asked(&mut helper).await;
    }
    assert_eq!(place.status("CG-1").status, AgentStatus::InProgress);

    helper.crash(&place).await;
    let failed = timeout(Duration::from_secs(8), async {
        loop {
            let status = place.status("CG-1");
            if status.status == AgentStatus::Failed {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let failed = failed.await.expect("it ends by itself");
    assert!(failed.errors[0].starts_with("its lease is over: "), "{:?}", failed.errors);
    let pids = std::fs::read_to_string(&pids).expect("pids");
    assert!(pids.lines().count() == 2 && !pids.lines().any(lives), "{pids}");

    // An offer without a lease waits for it, and is taken then.
    let mut helper = place.helper_with(hello(&place, 2)).await;
    helper.until_up("CG-1").await;
    helper.send(&Command::WriteStatus { agent: agent("CG-1"), status: crate::common::idle("CG-1") });
    helper.offer(&place.sheet("CG-1", "Task-2.2", "exit 0"));
    helper.until_status("CG-1", AgentStatus::Busy).await;
    let untaken = timeout(Duration::from_millis(700), helper.until_status("CG-1", AgentStatus::InProgress));
    assert!(untaken.await.is_err(), "no work without a lease");
    helper.grants = Some(SECONDS);
    helper.until_status("CG-1", AgentStatus::Completed).await;
}

#[tokio::test]
async fn work_that_is_offered_before_the_first_lease_is_not_begun_when_the_link_dies_in_between() {
    let place = Place::new();
    let mut helper = place.helper_with(hello(&place, 1)).await;
    helper.offer(&place.sheet("CG-1", "Task-2.1", "exit 0"));
    helper.until_up("CG-1").await;
    helper.until_status("CG-1", AgentStatus::Busy).await;
    // Nobody would ever end it: it knows of no lease that could be over.
    let untaken = timeout(Duration::from_millis(700), helper.until_status("CG-1", AgentStatus::InProgress));
    assert!(untaken.await.is_err(), "no work without a lease");
    helper.crash(&place).await;
    let mut helper = place.helper_with(hello(&place, 2)).await;
    helper.until_up("CG-1").await;
    assert_eq!(place.status("CG-1").status, AgentStatus::Busy);
    helper.grants = Some(SECONDS);
    helper.until_status("CG-1", AgentStatus::Completed).await;
}

#[tokio::test]
async fn a_runner_that_comes_later_has_the_lease_and_one_without_any_needs_none() {
    let place = Place::new();
    let mut helper = place.helper_with(hello(&place, 1)).await;
    helper.grants = Some(SECONDS);
    until_asked(&mut helper).await;
    helper.grants = None;
    // Nothing is granted to it but what was granted before it came.
    helper.offer(&place.sheet("CG-1", "Task-2.1", "while :; do sleep 1; done"));
    let failed = helper.until_status("CG-1", AgentStatus::Failed).await;
    assert!(failed.errors[0].starts_with("its lease is over: "), "{:?}", failed.errors);

    let other = Place::new();
    let mut helper = other.helper().await;
    helper.offer(&other.sheet("CG-1", "Task-2.1", "sleep 3"));
    helper.until_status("CG-1", AgentStatus::InProgress).await;
    helper.crash(&other).await;
    let mut helper = other.helper_for(&other.run_id(), 2).await;
    helper.until_status("CG-1", AgentStatus::Completed).await;
}
