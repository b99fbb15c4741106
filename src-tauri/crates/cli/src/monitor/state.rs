//! What the monitor knows, and what a key does to it. No terminal here.

use std::path::Path;

use miyabi_api::{HostAnswer, HostContact, HostView, Request, RunSnapshot};
use miyabi_plan::RunPhase;
use miyabi_protocol::Timestamp;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::text;

/// How many agents a page key moves by.
const PAGE: usize = 8;

/// Everything that is drawn.
#[derive(Debug, Clone)]
pub(crate) struct MonitorState {
    /// The run's state folder.
    pub(crate) state_dir: String,
    /// Whether the backend answers.
    pub(crate) link: Link,
    /// The run as it was last heard of.
    pub(crate) snapshot: Option<RunSnapshot>,
    /// The first agent that is shown.
    pub(crate) scroll: usize,
    /// What became of the last key; empty for nothing to say.
    pub(crate) message: String,
    /// The clock.
    pub(crate) now: Timestamp,
}

/// Whether the backend answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// It does.
    Connected,
    /// It does not, since then, for this reason.
    Away {
        /// Since when.
        since: Timestamp,
        /// Why.
        why: String,
    },
}

/// What is to be done about a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// Draw again, no more.
    Nothing,
    /// End the program.
    Leave,
    /// Ask the backend.
    Send(Request),
    /// Ask the backend, one after the other.
    SendAll(Vec<Request>),
}

impl MonitorState {
    /// Before anything was heard.
    pub(crate) fn new(state_dir: &Path, now: Timestamp) -> Self {
        Self {
            state_dir: super::shown(state_dir),
            link: Link::Away { since: now, why: "looking for the backend".to_owned() },
            snapshot: None,
            scroll: 0,
            message: String::new(),
            now,
        }
    }

    /// The backend answers.
    pub(crate) fn connected(&mut self, snapshot: RunSnapshot) {
        self.link = Link::Connected;
        self.snapshot = Some(snapshot);
    }

    /// The backend does not answer; what was heard last stays on the screen.
    pub(crate) fn away(&mut self, why: &str, now: Timestamp) {
        let since = match &self.link {
            Link::Away { since, .. } => *since,
            Link::Connected => now,
        };
        self.link = Link::Away { since, why: why.to_owned() };
    }

    /// A key was pressed.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Act {
        if key.kind == KeyEventKind::Release {
            return Act::Nothing;
        }
        self.message.clear();
        let last = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.agents.len().saturating_sub(1));
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return Act::Leave,
            KeyCode::Char('q') | KeyCode::Esc => return Act::Leave,
            KeyCode::Char('p') => return self.pause(),
            KeyCode::Char('t') => return self.try_hosts(),
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll += 1,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(PAGE),
            KeyCode::PageDown => self.scroll += PAGE,
            KeyCode::Home => self.scroll = 0,
            KeyCode::End => self.scroll = last,
            _ => {}
        }
        self.scroll = self.scroll.min(last);
        Act::Nothing
    }

    /// Has every lost host tried now.
    fn try_hosts(&mut self) -> Act {
        let hosts = self.snapshot.iter().flat_map(|snapshot| &snapshot.hosts);
        let is_lost = |host: &&HostView| {
            !host.connected
                && matches!(
                    host.contact,
                    HostContact::Reconnecting | HostContact::Refused | HostContact::Gone
                )
        };
        let again =
            |host: &HostView| Request::AnswerHost { host: host.id.clone(), answer: HostAnswer::TryAgain };
        let requests: Vec<Request> = hosts.filter(is_lost).map(again).collect();
        if requests.is_empty() || self.link != Link::Connected {
            self.message = "no host is lost".to_owned();
            return Act::Nothing;
        }
        self.message = format!("trying {}", text::count(requests.len(), "lost host", "lost hosts"));
        Act::SendAll(requests)
    }

    fn pause(&mut self) -> Act {
        let phase = self.snapshot.as_ref().map(|snapshot| snapshot.run.phase);
        match (&self.link, phase) {
            (Link::Connected, Some(RunPhase::Running)) => Act::Send(Request::Pause),
            (Link::Connected, Some(RunPhase::Paused)) => Act::Send(Request::Resume),
            _ => {
                self.message = "there is nothing to pause".to_owned();
                Act::Nothing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::tests::{START, far_away, halfway};

    fn press(state: &mut MonitorState, code: KeyCode) -> Act {
        state.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn p_pauses_and_resumes_and_says_when_it_cannot() {
        let mut state = MonitorState::new(Path::new("/tmp/small"), START);
        assert_eq!(press(&mut state, KeyCode::Char('p')), Act::Nothing);
        assert!(!state.message.is_empty());
        state.connected(halfway());
        assert_eq!(press(&mut state, KeyCode::Char('p')), Act::Send(Request::Pause));
        state.snapshot.as_mut().expect("there").run.phase = RunPhase::Paused;
        assert_eq!(press(&mut state, KeyCode::Char('p')), Act::Send(Request::Resume));
        assert_eq!(press(&mut state, KeyCode::Char('q')), Act::Leave);
    }

    #[test]
    fn t_tries_every_lost_host_and_no_other() {
        let mut state = MonitorState::new(Path::new("/tmp/small"), START);
        state.connected(halfway());
        assert_eq!(press(&mut state, KeyCode::Char('t')), Act::Nothing);
        assert_eq!(state.message, "no host is lost");
        state.connected(far_away());
        let Act::SendAll(requests) = press(&mut state, KeyCode::Char('t')) else { panic!("requests") };
        let hosts: Vec<String> = requests
            .into_iter()
            .map(|request| match request {
                Request::AnswerHost { host, answer: HostAnswer::TryAgain } => host.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(hosts, ["MUGEN", "MAJIN"]);
    }

    #[test]
    fn the_list_stays_within_its_agents() {
        let mut state = MonitorState::new(Path::new("/tmp/small"), START);
        state.connected(halfway());
        for (key, scroll) in [
            (KeyCode::Up, 0),
            (KeyCode::Down, 1),
            (KeyCode::PageDown, 2),
            (KeyCode::Home, 0),
            (KeyCode::End, 2),
        ] {
            press(&mut state, key);
            assert_eq!(state.scroll, scroll, "{key:?}");
        }
    }

    #[test]
    fn a_backend_that_is_away_is_so_since_it_went() {
        let mut state = MonitorState::new(Path::new("/tmp/small"), START);
        state.connected(halfway());
        for seconds in [5, 9] {
            state.away("gone", START.plus_seconds(seconds));
        }
        assert_eq!(state.link, Link::Away { since: START.plus_seconds(5), why: "gone".to_owned() });
        assert!(state.snapshot.is_some(), "what was heard last stays");
    }
}
