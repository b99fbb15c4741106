//! The pane that the runner lends to a program with a screen of its own.

use std::sync::{Arc, Mutex};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::super::super::attempt::lock;
use super::super::super::sink::Sink;

/// Leaves what a screen of its own may have switched on: the other screen, bracketed paste, the mouse,
/// reports of focus, keys in another form, a hidden cursor, colours.
const TIDY: &[u8] =
    b"\x1b[?1049l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[<u\x1b[?25h\x1b[0m\r\n";

/// The runner's own pane.
pub(super) fn own() -> Result<String, String> {
    std::env::var("TMUX_PANE")
        .map_err(|_| "the interactive mode needs a tmux window, and this runner has none".to_owned())
}

/// The pane while it is lent.
pub(super) struct Lent {
    sink: Arc<Mutex<Sink>>,
    terminal: Option<Termios>,
}

impl Lent {
    /// From now on nothing of ours is written to it.
    pub(super) fn lend(sink: &Arc<Mutex<Sink>>) -> Self {
        lock(sink).lend_window();
        Self { sink: sink.clone(), terminal: tcgetattr(std::io::stdin()).ok() }
    }

    /// Makes the terminal what it was.
    pub(super) fn take_back(self) {
        if let Some(terminal) = &self.terminal {
            // A closed window has no terminal any more.
            let _closed = tcsetattr(std::io::stdin(), OptionalActions::Now, terminal);
        }
        let mut sink = lock(&self.sink);
        sink.take_window_back();
        sink.show(TIDY);
    }
}
