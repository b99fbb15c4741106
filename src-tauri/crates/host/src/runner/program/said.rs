//! What a person said to an agent at its work, in order, each thing once.

use std::collections::VecDeque;

/// More than this is not kept for one moment to say it.
const MAX_WAITING: usize = 1000;

/// What was said and has not reached the program.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The highest number that was received.
    received: u32,
    waiting: VecDeque<(u32, String)>,
}

impl Said {
    /// Takes in something; says whether it is new.
    pub(super) fn add(&mut self, number: u32, text: String) -> bool {
        let new = number > self.received && self.waiting.len() < MAX_WAITING;
        if new {
            self.received = number;
            self.waiting.push_back((number, text));
        }
        new
    }

    /// All that waits as one text, with its highest number.
    pub(super) fn waiting(&self) -> Option<(u32, String)> {
        let (number, _) = self.waiting.back()?;
        let texts: Vec<&str> = self.waiting.iter().map(|(_, text)| text.as_str()).collect();
        Some((*number, texts.join("\n\n")))
    }

    /// The same, which from now on does not wait any more.
    pub(super) fn take(&mut self) -> Option<(u32, String)> {
        let waiting = self.waiting();
        self.waiting.clear();
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_is_heard_once_and_all_that_waits_goes_together() {
        let mut said = Said::default();
        assert!(said.add(2, "one".into()));
        assert!(!said.add(2, "one".into()));
        assert!(!said.add(1, "older".into()));
        assert!(said.add(5, "two".into()));
        assert_eq!(said.take(), Some((5, "one\n\ntwo".to_owned())));
        assert!(!said.add(5, "two".into()), "also after it was taken");
        assert_eq!(said.take(), None);
    }
}
