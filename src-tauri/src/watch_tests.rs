//! A run that is followed, lost and found again, in virtual time.

use std::collections::VecDeque;
use std::sync::Mutex;

use miyabi_api::{ErrorCode, NoticeKind};
use serde_json::json;
use tokio::time::Instant;

use super::*;

const NOW: &str = "2026-11-22T15:34:00Z";

/// A notice of `Task-7`.
pub(crate) fn notice(id: u32, kind: NoticeKind) -> Notice {
    let text = json!({ "id": id, "at": NOW, "kind": kind, "task": "Task-7", "agent": null, "detail": "exit status 2", "blocks": 0 });
    serde_json::from_value(text).expect("a notice")
}

fn snapshot(run_id: &str, notices: &[Notice]) -> RunSnapshot {
    let choice = json!({ "follow_waves": false, "drop_conflicting_edges": false });
    let run = json!({
        "run_id": run_id, "name": "level6", "title": "Level 6", "phase": "running", "rehearsal_speed": null,
        "choice": choice, "state_dir": "/tmp/s", "session": "s", "work_folder": "/tmp/w", "started_at": null,
        "ended_at": null, "now": NOW, "progress": 0.0, "completed": 0, "failed": 0, "running": 0, "total": 0,
        "forecast": {
            "choice": choice, "levels": 0, "critical_path": [], "critical_path_seconds": 0.0, "lower_bound_seconds": 0.0,
            "expected_seconds": 0.0, "one_agent_seconds": 0.0, "dropped_edges": [], "slots": []
        },
        "expected_seconds": 0.0, "stuck": [], "label": null, "budget_usd": null, "stand_ins": [],
        "usage": { "input_tokens": 0.0, "cached_tokens": 0.0, "output_tokens": 0.0, "cost_usd": null }
    });
    let text = json!({ "revision": 1, "run": run, "tasks": [], "agents": [], "hosts": [], "inbox": [], "notices": notices });
    serde_json::from_value(text).expect("a snapshot")
}

fn noticed(notice: &Notice) -> Told {
    Told::Event(Box::new(Event::Notice(notice.clone())))
}

/// Answers with what was laid ready, in order.
struct Scripted(Mutex<VecDeque<Result<Subscription, ApiError>>>);

impl RunSource for Scripted {
    async fn subscribe(&self) -> Result<Subscription, ApiError> {
        let next = self.0.lock().expect("nobody panics with it").pop_front();
        next.unwrap_or_else(|| Err(ApiError::new(ErrorCode::NoRun, "nobody answers")))
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_backend_is_told_once_and_found_again() {
    let (first, first_events) = mpsc::channel(4);
    let (_second, second_events) = mpsc::channel(4);
    let gone = || Err(ApiError::new(ErrorCode::NoRun, "nobody answers"));
    let back = Ok((snapshot("r1", &[]), second_events));
    let source = Scripted(Mutex::new(VecDeque::from([gone(), gone(), back])));
    let (tell, mut told) = mpsc::unbounded_channel();
    let watching = tokio::spawn(follow(source, first_events, move |what| drop(tell.send(what))));

    let event = Event::Notice(notice(1, NoticeKind::AttemptFailed));
    first.send(event.clone()).await.expect("is followed");
    assert_eq!(told.recv().await, Some(Told::Event(Box::new(event))));
    let lost_at = Instant::now();
    drop(first);
    assert_eq!(told.recv().await, Some(Told::Lost));
    assert_eq!(told.recv().await, Some(Told::Back(Box::new(snapshot("r1", &[])))));
    assert_eq!(lost_at.elapsed().as_secs(), 3, "two tries found nobody, the third one somebody");
    watching.abort();
}

#[test]
fn a_notice_is_told_once_and_one_missed_while_lost_is_caught_up() {
    let old = notice(1, NoticeKind::TaskFailed);
    let mut memory = Memory::of(&snapshot("r1", std::slice::from_ref(&old)));
    assert!(memory.take(&noticed(&old)).is_empty(), "was there before");

    let new = notice(2, NoticeKind::TaskFailed);
    assert_eq!(memory.take(&noticed(&new)), std::slice::from_ref(&new));
    assert!(memory.take(&noticed(&new)).is_empty());

    assert!(memory.take(&Told::Lost).is_empty());
    let missed = notice(3, NoticeKind::RunFailed);
    let back = snapshot("r1", &[old.clone(), new, missed.clone()]);
    assert_eq!(memory.take(&Told::Back(Box::new(back))), [missed]);

    let another = snapshot("r2", &[old]);
    assert!(memory.take(&Told::Back(Box::new(another))).is_empty(), "another run starts afresh");
    assert_eq!(memory.run_id, "r2");
}
