//! The screen of a program in our own pane: text is pasted into it and looked for there.
//!
//! tmux is asked for both. A paste is bracketed, so that a line's end in it is no Enter; Enter
//! is pressed when the text is seen to have arrived, and again while it is seen to stand there.

use std::path::PathBuf;
use std::time::Duration;

use miyabi_protocol::StateDir;
use tokio::time::Instant;

use crate::tmux::argv::{self, CommandLine};
use crate::{clock, disk, process};

/// How long tmux may take for one command.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the program may take until text can be typed, a person's answer to its first questions
/// included.
const READY: Duration = Duration::from_secs(120);
/// How long a text may take to be seen, and to be gone again after Enter.
const SEEN: Duration = Duration::from_secs(4);
const LOOK_AGAIN: Duration = Duration::from_millis(150);
/// How often Enter is pressed before that is given up.
const ENTERS: u32 = 5;
/// How much of a text's beginning is looked for.
const BEGINNING: usize = 24;

/// One pane.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    pub(super) pane: String,
    pub(super) dir: StateDir,
    /// Where a text lies for tmux to read.
    pub(super) file: PathBuf,
}

impl Screen {
    /// Types a text and Enter, and makes sure of both.
    pub(super) async fn say(self, text: String) -> Result<(), String> {
        let text = typeable(&text);
        let deadline = Instant::now() + READY;
        let beginning = beginning(&text);
        let mut before = String::new();
        let mut empty: Option<String> = None;
        loop {
            let now = self.look().await?;
            let line = input_line(&now);
            if empty.is_some() && line.is_some_and(|line| holds(line, &beginning)) {
                return self.press_enter(&beginning).await;
            }
            // What still changes may be drawing over what is typed; and what was typed once, though it
            // cannot be recognised, is not typed again.
            let untouched = |line: &str| empty.as_ref().is_none_or(|empty| empty == line);
            if now == before
                && let Some(line) = line.filter(|line| untouched(line))
            {
                empty = Some(line.to_owned());
                if self.paste(&text, &beginning).await? {
                    return self.press_enter(&beginning).await;
                }
            }
            if Instant::now() > deadline {
                let screen: Vec<&str> = now.lines().filter(|line| !line.trim().is_empty()).collect();
                let last = screen[screen.len().saturating_sub(3)..].join(" / ");
                return Err(format!(
                    "the prompt could not be typed into the program's screen, which shows: {last}; \
                     answer its question in the tmux window, then retry"
                ));
            }
            before = now;
            clock::sleep(LOOK_AGAIN).await;
        }
    }

    async fn paste(&self, text: &str, beginning: &str) -> Result<bool, String> {
        disk::write(&self.dir, &self.file, text.as_bytes())?;
        let buffer = format!("miyabi-{}", self.pane.trim_start_matches('%'));
        let file = self.file.to_string_lossy();
        let line = argv::paste(CommandLine::default(), &buffer, &file, &self.pane);
        let pasted = self.ask(line).await;
        // It is kept in the sheet; here it has done its work.
        let _gone = std::fs::remove_file(&self.file);
        pasted?;
        self.until(|screen| input_line(screen).is_some_and(|line| holds(line, beginning))).await
    }

    async fn press_enter(&self, beginning: &str) -> Result<(), String> {
        for _ in 0..ENTERS {
            self.ask(argv::press_enter(CommandLine::default(), &self.pane)).await?;
            if self.until(|screen| !input_line(screen).is_some_and(|line| holds(line, beginning))).await? {
                return Ok(());
            }
        }
        Err("the prompt stands in the program's screen, and Enter does not send it; press it in the tmux window".to_owned())
    }

    async fn until(&self, seen: impl Fn(&str) -> bool) -> Result<bool, String> {
        let deadline = Instant::now() + SEEN;
        while Instant::now() < deadline {
            if seen(&self.look().await?) {
                return Ok(true);
            }
            clock::sleep(LOOK_AGAIN).await;
        }
        Ok(false)
    }

    async fn look(&self) -> Result<String, String> {
        self.ask(argv::capture(CommandLine::default(), &self.pane)).await
    }

    async fn ask(&self, line: CommandLine) -> Result<String, String> {
        let argv = line.into_argv();
        let answer = tokio::task::spawn_blocking(move || process::ask(&argv, ANSWER)).await;
        match answer.map_err(|error| error.to_string())?.map_err(|error| error.to_string())? {
            answer if answer.succeeded => Ok(answer.stdout),
            answer => Err(format!("tmux: {}", answer.stderr.trim())),
        }
    }
}

/// The text without what a program would take for a key, or for the end of the paste.
fn typeable(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// What a text begins with, as it can be found on a screen that wraps lines where it likes.
fn beginning(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(BEGINNING).collect()
}

/// Whether a line of the screen holds the text, or stands for it.
fn holds(line: &str, beginning: &str) -> bool {
    let plain: String = line.chars().filter(|c| !c.is_whitespace()).collect();
    (!beginning.is_empty() && plain.contains(beginning)) || plain.contains("[Pasted")
}

/// The line that a person types into: the last one with a prompt's sign that is no choice of a menu.
fn input_line(screen: &str) -> Option<&str> {
    screen.lines().rev().find_map(|line| {
        let line = line.trim().trim_matches('│').trim();
        let typed = line.strip_prefix(['❯', '›', '>'])?;
        let choice = typed
            .trim_start()
            .split_once('.')
            .is_some_and(|(number, _)| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()));
        (!choice).then_some(typed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_type_into_is_told_from_a_question() {
        let claude = "╭──╮\n Welcome\n──────\n❯ Try \"edit\"\n──────\n  ? for shortcuts\n";
        assert_eq!(input_line(claude), Some(" Try \"edit\""));
        assert_eq!(input_line("Do you trust this folder?\n ❯ 1. Yes, proceed\n   2. No, exit\n"), None);
        assert_eq!(input_line("│ > Do it. │\n"), Some(" Do it."));
        assert_eq!(input_line("› earlier words\n\n• Working\n\n› Ask Codex\n"), Some(" Ask Codex"));
        assert_eq!(input_line(""), None);
    }

    #[test]
    fn no_text_ends_its_own_paste() {
        assert_eq!(typeable("a\u{1b}[201~\r\nb\u{9b}\tc\r\u{3}"), "a[201~\nb\tc");
    }

    #[test]
    fn a_text_is_found_however_its_line_is_cut() {
        let beginning = beginning("Task-2: Core\n\nWrite the whole core of it.");
        assert!(holds(" Task-2: Core  WritethewholecoreX", &beginning));
        assert!(holds(" [Pasted text #1 +12 lines]", &beginning));
        assert!(!holds(" Ask Codex", &beginning));
    }
}
