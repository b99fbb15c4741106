//! How contact with a site stands, and what is to be done about it next. Pure: the time is passed
//! in, and whoever holds the link acts.

use std::collections::VecDeque;
use std::time::Duration;

use miyabi_api::HostContact;
use miyabi_protocol::{HostQuestion, Timestamp};
use miyabi_reach::ReachError;
use tokio::time::Instant;

/// For how long a helper may look at its folder before it answers for the first time, at least.
const GREETING: Duration = Duration::from_secs(30);

/// What differs between this machine and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Without an answer for so long, contact is lost; none where a link cannot die unseen.
    pub(crate) lost_after: Option<Duration>,
    /// The pause before the first new try; doubled for each further one in a row.
    pub(crate) first_pause: Duration,
    /// The longest such pause.
    pub(crate) longest_pause: Duration,
}

impl Rules {
    /// A child process of ours.
    pub(crate) const fn here() -> Self {
        Self {
            lost_after: None,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(5),
        }
    }

    /// A host over a link.
    pub(crate) fn there(lost_after_seconds: u32) -> Self {
        Self {
            lost_after: Some(Duration::from_secs(u64::from(lost_after_seconds.max(1)))),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What is to be done while no link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Reach the site.
    Connect,
    /// Reach it then.
    Wait(Instant),
    /// Wait for a person.
    Person,
}

/// What is to be done with the link that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// Ask for an answer.
    Ping {
        /// Comes back with it.
        token: u32,
    },
    /// Contact is lost: cut the link.
    Drop {
        /// Why, for people.
        why: String,
    },
}

/// What an answer told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    /// How long it took, in milliseconds.
    pub(crate) round_trip_ms: f64,
    /// How far the clock there is ahead of ours, in seconds.
    pub(crate) clock_ahead_seconds: f64,
}

/// Contact with one site.
#[derive(Debug)]
pub(crate) struct Contact {
    rules: Rules,
    state: State,
    /// Whether it ever got to work.
    was_ready: bool,
    /// How many tries failed in a row.
    failures: u32,
    last_token: u32,
    question: Option<HostQuestion>,
    problem: Option<String>,
    measured: Option<Measured>,
}

#[derive(Debug)]
enum State {
    Connecting,
    Waiting { until: Instant, turned_away: bool },
    Held,
    Greeting { until: Option<Instant> },
    Linked(Linked),
}

#[derive(Debug)]
struct Linked {
    heard_at: Instant,
    ping_at: Instant,
    /// Pings that were not answered, the oldest first.
    asked: VecDeque<(u32, Instant)>,
    is_overdue: bool,
}

impl Contact {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Connecting,
            was_ready: false,
            failures: 0,
            last_token: 0,
            question: None,
            problem: None,
            measured: None,
        }
    }

    /// What is to be done while no link stands.
    pub(crate) fn next(&self) -> Next {
        match self.state {
            State::Waiting { until, .. } => Next::Wait(until),
            State::Held => Next::Person,
            State::Connecting | State::Greeting { .. } | State::Linked(_) => Next::Connect,
        }
    }

    /// For people.
    pub(crate) fn word(&self) -> HostContact {
        match &self.state {
            State::Held | State::Waiting { turned_away: true, .. } => HostContact::Refused,
            State::Waiting { .. } => HostContact::Reconnecting,
            State::Linked(linked) if linked.is_overdue => HostContact::Probing,
            State::Linked(_) => HostContact::Ready,
            State::Connecting | State::Greeting { .. } if self.was_ready || self.failures > 0 => {
                HostContact::Reconnecting
            }
            State::Connecting | State::Greeting { .. } => HostContact::Connecting,
        }
    }

    /// What a person has to say before it can be reached.
    pub(crate) fn question(&self) -> Option<&HostQuestion> {
        self.question.as_ref()
    }

    /// What is wrong, while something is.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// What the last answer told.
    pub(crate) fn measured(&self) -> Option<Measured> {
        self.measured
    }

    /// It is being reached now.
    pub(crate) fn begin(&mut self) {
        self.state = State::Connecting;
    }

    /// A person, or a machine that woke up, wants it reached now.
    pub(crate) fn try_now(&mut self) {
        if matches!(self.state, State::Waiting { .. } | State::Held) {
            self.state = State::Connecting;
            self.question = None;
        }
    }

    /// The machine slept: pauses are over, and a link that stood may be dead or not. It is asked, and
    /// gets the whole time for its answer.
    pub(crate) fn slept(&mut self, now: Instant) {
        match &mut self.state {
            State::Waiting { .. } => {
                self.failures = 0;
                self.state = State::Connecting;
            }
            State::Linked(linked) => {
                (linked.heard_at, linked.ping_at) = (now, now);
                linked.asked.clear();
            }
            State::Greeting { until: Some(until) } => *until = now + GREETING,
            State::Connecting | State::Held | State::Greeting { .. } => {}
        }
    }

    /// A helper was started.
    pub(crate) fn linked(&mut self, now: Instant) {
        let until = self.rules.lost_after.map(|lost_after| now + lost_after.max(GREETING));
        self.state = State::Greeting { until };
    }

    /// The helper has shown all that is there.
    pub(crate) fn listed(&mut self, now: Instant) {
        self.was_ready = true;
        self.failures = 0;
        (self.problem, self.question) = (None, None);
        let linked = Linked { heard_at: now, ping_at: now, asked: VecDeque::new(), is_overdue: false };
        self.state = State::Linked(linked);
    }

    /// It was not reached.
    pub(crate) fn failed(&mut self, now: Instant, error: &ReachError) {
        self.problem = Some(error.to_string());
        self.question = None;
        match error {
            ReachError::Question { question, .. } => {
                self.question = Some(question.clone());
                self.state = State::Held;
            }
            ReachError::ChangedKey { .. } => self.state = State::Held,
            // One that let us in before may do so again, as after a reboot. One that never did would
            // only count our tries against us.
            ReachError::Refused { .. } if !self.was_ready => self.state = State::Held,
            ReachError::Refused { .. } | ReachError::Unfit { .. } => self.pause(now, true),
            ReachError::Unreachable { .. } => self.pause(now, false),
        }
    }

    /// The link is gone.
    pub(crate) fn lost(&mut self, now: Instant, end: LinkEnd) {
        match end {
            LinkEnd::Broke(why) => {
                self.problem = Some(in_bounds(why));
                self.pause(now, false);
            }
            LinkEnd::TurnedAway(why) => {
                self.problem = Some(in_bounds(why));
                self.pause(now, true);
            }
        }
    }

    fn pause(&mut self, now: Instant, turned_away: bool) {
        let doubled = self.rules.first_pause.saturating_mul(1 << self.failures.min(16));
        self.failures += 1;
        self.state = State::Waiting { until: now + doubled.min(self.rules.longest_pause), turned_away };
    }

    /// When [`Self::on_time`] is due; none where only the end of the link counts.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let lost_after = self.rules.lost_after?;
        match &self.state {
            State::Greeting { until } => *until,
            State::Linked(linked) => Some(linked.ping_at.min(linked.heard_at + lost_after)),
            State::Connecting | State::Waiting { .. } | State::Held => None,
        }
    }

    /// Looks whether an answer is overdue, and whether it is time to ask again.
    pub(crate) fn on_time(&mut self, now: Instant) -> Option<Act> {
        let lost_after = self.rules.lost_after?;
        match &mut self.state {
            State::Greeting { until } if until.is_some_and(|until| until <= now) => {
                let why = format!("its helper did not begin within {} s", lost_after.max(GREETING).as_secs());
                Some(Act::Drop { why })
            }
            State::Linked(linked) if linked.heard_at + lost_after <= now => {
                Some(Act::Drop { why: format!("no answer for {} s", lost_after.as_secs()) })
            }
            State::Linked(linked) if linked.ping_at <= now => {
                linked.is_overdue = !linked.asked.is_empty();
                linked.ping_at = now + lost_after / 3;
                self.last_token = self.last_token.wrapping_add(1);
                linked.asked.push_back((self.last_token, now));
                Some(Act::Ping { token: self.last_token })
            }
            _ => None,
        }
    }

    /// An answer has come; `theirs` is the clock there, `ours` the one here at this moment.
    pub(crate) fn answered(&mut self, token: u32, theirs: Timestamp, now: Instant, ours: Timestamp) {
        let State::Linked(linked) = &mut self.state else { return };
        let Some(place) = linked.asked.iter().position(|(asked, _)| *asked == token) else { return };
        let Some((_, asked_at)) = linked.asked.drain(..=place).next_back() else { return };
        (linked.heard_at, linked.is_overdue) = (now, false);
        let round_trip = now.saturating_duration_since(asked_at);
        let ahead = Duration::from_millis(u64::try_from(theirs.millis_since(ours).max(0)).unwrap_or(0));
        let behind = Duration::from_millis(u64::try_from(ours.millis_since(theirs).max(0)).unwrap_or(0));
        self.measured = Some(Measured {
            round_trip_ms: round_trip.as_secs_f64() * 1000.0,
            clock_ahead_seconds: ahead.as_secs_f64() - behind.as_secs_f64() + round_trip.as_secs_f64() / 2.0,
        });
    }
}

/// What a helper says in words is kept and shown, so one that is broken or hostile must not fill the
/// journal and every view with a frame's worth of them.
pub(crate) fn in_bounds(mut text: String) -> String {
    const MOST: usize = 4 * 1024;
    if text.len() > MOST {
        let end = (0..=MOST).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

/// How a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkEnd {
    /// It broke, or the helper ended.
    Broke(String),
    /// The helper said that it cannot serve.
    TurnedAway(String),
}

impl LinkEnd {
    /// Why, for people.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Broke(why) | Self::TurnedAway(why) => why,
        }
    }
}

#[cfg(test)]
#[path = "contact_tests.rs"]
mod tests;
