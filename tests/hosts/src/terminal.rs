//! A terminal on the laptop, with a person at it: what is typed reaches a program, and the screen is read.

use std::time::Duration;

use anyhow::Result;

use crate::files::run;
use crate::laptop::Laptop;
use crate::wait::until;

/// How long a program may take to its next words.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal with one program in it, in a tmux server that is not the person's.
#[derive(Debug)]
pub struct Terminal {
    laptop: Laptop,
}

impl Terminal {
    /// Starts `miyabi` with these words; the screen stays when it has ended, and says how.
    ///
    /// # Errors
    /// When tmux or the program is missing.
    pub fn start(laptop: &Laptop, words: &[&str]) -> Result<Self> {
        let program = laptop.miyabi(&[])?.get_program().to_owned();
        let terminal = Self { laptop: laptop.clone() };
        let size = ["new-session", "-d", "-x", "160", "-y", "50"];
        // The shell only adds what a person reads off a prompt.
        let after = ["sh", "-c", "\"$@\"; echo \"exit code $?\"; sleep 600", "sh"];
        run(terminal.tmux().args(size).args(after).arg(program).args(words))?;
        Ok(terminal)
    }

    /// Types a line and Enter.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn type_line(&self, text: &str) -> Result<()> {
        run(self.tmux().args(["send-keys", "-l", text]))?;
        run(self.tmux().args(["send-keys", "Enter"])).map(drop)
    }

    /// Waits until the screen holds this; all that it holds then.
    ///
    /// # Errors
    /// When it does not come.
    pub fn shows(&self, text: &str) -> Result<String> {
        self.shows_times(text, 1)
    }

    /// Waits until the screen holds this so many times; all that it holds then.
    ///
    /// # Errors
    /// When it does not come.
    pub fn shows_times(&self, text: &str, times: usize) -> Result<String> {
        until(&format!("{text:?} on the screen, {times} times"), PATIENCE, || {
            let screen = run(self.tmux().args(["capture-pane", "-p", "-J", "-S", "-200"]));
            let screen = screen.map_err(|why| why.to_string())?;
            if screen.matches(text).count() >= times { Ok(screen) } else { Err(screen) }
        })
    }

    fn tmux(&self) -> std::process::Command {
        let mut line = self.laptop.command("tmux");
        line.args(["-L", "desk", "-f", "/dev/null"]);
        line
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = run(self.tmux().arg("kill-server"));
    }
}
