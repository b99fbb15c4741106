//! Contact by the table: no link, no clock.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn unreachable() -> ReachError {
    ReachError::Unreachable { why: "no route".to_owned() }
}

fn refused() -> ReachError {
    ReachError::Refused { why: "no key fits".to_owned(), remedy: "add one".to_owned() }
}

fn question(was_wrong: bool) -> ReachError {
    let question = HostQuestion::Passphrase { key: "/k".to_owned() };
    ReachError::Question { question, was_wrong }
}

/// A contact that stands since this moment.
fn ready() -> (Contact, Instant) {
    let mut contact = Contact::new(Rules::there(9));
    let now = Instant::now();
    contact.linked(now);
    contact.listed(now);
    (contact, now)
}

fn ping(contact: &mut Contact, now: Instant) -> u32 {
    match contact.on_time(now) {
        Some(Act::Ping { token }) => token,
        other => panic!("a ping was due: {other:?}"),
    }
}

#[test]
fn pauses_double_up_to_half_a_minute_and_begin_anew_after_contact() {
    let mut contact = Contact::new(Rules::there(10));
    assert_eq!((contact.word(), contact.next()), (HostContact::Connecting, Next::Connect));
    let now = Instant::now();
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        contact.failed(now, &unreachable());
        assert_eq!(contact.next(), Next::Wait(now + SECOND * seconds));
        assert_eq!(contact.word(), HostContact::Reconnecting);
        assert_eq!(contact.problem(), Some("no route"));
        contact.begin();
    }
    contact.linked(now);
    assert_eq!(contact.word(), HostContact::Reconnecting, "it has not answered yet");
    contact.listed(now);
    assert_eq!((contact.word(), contact.problem()), (HostContact::Ready, None));
    contact.lost(now, LinkEnd::Broke("cut".to_owned()));
    assert_eq!(contact.next(), Next::Wait(now + SECOND));
}

#[test]
fn an_answer_that_is_overdue_is_shown_and_then_the_link_is_dropped() {
    let (mut contact, start) = ready();
    assert_eq!(contact.deadline(), Some(start), "asked at once");
    let first = ping(&mut contact, start);
    assert_eq!(contact.deadline(), Some(start + SECOND * 3), "every third of the time");
    contact.answered(first, Timestamp::from_millis(0), start + SECOND, Timestamp::from_millis(0));
    ping(&mut contact, start + SECOND * 3);
    assert_eq!(contact.word(), HostContact::Ready);
    ping(&mut contact, start + SECOND * 6);
    assert_eq!(contact.word(), HostContact::Probing, "the one before was not answered");
    let third = ping(&mut contact, start + SECOND * 9);
    assert_eq!(contact.deadline(), Some(start + SECOND * 10), "nine seconds after the last answer");
    assert_eq!(contact.on_time(start + SECOND * 10), Some(Act::Drop { why: "no answer for 9 s".to_owned() }));
    contact.answered(third, Timestamp::from_millis(0), start + SECOND * 10, Timestamp::from_millis(0));
    assert_eq!(contact.word(), HostContact::Ready, "one answer is contact");
    assert_eq!(contact.on_time(start + SECOND * 10), None);
}

#[test]
fn a_helper_that_never_begins_is_left() {
    let mut contact = Contact::new(Rules::there(10));
    let now = Instant::now();
    contact.linked(now);
    assert_eq!(contact.on_time(now + SECOND * 29), None);
    assert!(matches!(contact.on_time(now + SECOND * 30), Some(Act::Drop { .. })));
}

#[test]
fn an_answer_tells_how_long_it_took_and_what_the_clock_there_says() {
    let (mut contact, start) = ready();
    let token = ping(&mut contact, start);
    // Ten minutes ahead, as it was in the middle of four seconds.
    let (theirs, ours) = (Timestamp::from_millis(1_602_000), Timestamp::from_millis(1_004_000));
    contact.answered(token, theirs, start + SECOND * 4, ours);
    let measured = contact.measured().expect("measured");
    assert!((measured.round_trip_ms - 4000.0).abs() < 1e-6, "{measured:?}");
    assert!((measured.clock_ahead_seconds - 600.0).abs() < 1e-6, "{measured:?}");
    contact.answered(token, Timestamp::from_millis(0), start + SECOND * 5, ours);
    assert_eq!(contact.measured(), Some(measured), "an answer counts once");
}

#[test]
fn a_question_stops_the_tries_until_somebody_speaks() {
    let mut contact = Contact::new(Rules::there(10));
    let now = Instant::now();
    contact.failed(now, &question(false));
    assert_eq!((contact.next(), contact.word()), (Next::Person, HostContact::Refused));
    assert_eq!(contact.question(), Some(&HostQuestion::Passphrase { key: "/k".to_owned() }));
    contact.slept(now);
    assert_eq!(contact.next(), Next::Person, "no sleep answers it");
    contact.try_now();
    assert_eq!((contact.next(), contact.question()), (Next::Connect, None));
    contact.failed(now, &question(true));
    assert!(contact.problem().is_some_and(|problem| problem.starts_with("that was not it")));
}

#[test]
fn a_host_that_turned_us_away_is_tried_again_only_if_it_let_us_in_before() {
    let mut stranger = Contact::new(Rules::there(10));
    let now = Instant::now();
    stranger.failed(now, &refused());
    assert_eq!((stranger.next(), stranger.word()), (Next::Person, HostContact::Refused));
    let (mut known, now) = ready();
    known.lost(now, LinkEnd::Broke("reboot".to_owned()));
    known.begin();
    known.failed(now, &refused());
    assert_eq!((known.next(), known.word()), (Next::Wait(now + SECOND * 2), HostContact::Refused));
}

#[test]
fn after_a_sleep_a_link_is_asked_at_once_and_not_taken_for_lost() {
    let (mut contact, start) = ready();
    ping(&mut contact, start);
    let woken = start + SECOND * 3600;
    contact.slept(woken);
    ping(&mut contact, woken);
    assert_eq!(contact.on_time(woken), None);
    assert!(matches!(contact.on_time(woken + SECOND * 9), Some(Act::Drop { .. } | Act::Ping { .. })));
    let (mut waiting, now) = ready();
    waiting.lost(now, LinkEnd::Broke("cut".to_owned()));
    waiting.slept(now);
    assert_eq!(waiting.next(), Next::Connect);
}

#[test]
fn this_machine_is_never_probed() {
    let mut contact = Contact::new(Rules::here());
    let now = Instant::now();
    contact.linked(now);
    assert_eq!((contact.deadline(), contact.on_time(now + SECOND * 999)), (None, None));
    contact.listed(now);
    assert_eq!((contact.deadline(), contact.on_time(now + SECOND * 999)), (None, None));
    contact.lost(now, LinkEnd::Broke("killed".to_owned()));
    assert_eq!(contact.next(), Next::Wait(now + Duration::from_millis(100)));
}
