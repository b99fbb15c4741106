//! Asking the person at the terminal, if there is one.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::raw_terminal::RawMode;

/// Whether a person can be asked.
pub(crate) fn has_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks a question that is answered with yes or, by anything else, with no.
pub(crate) fn agrees(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    if std::io::stdin().lock().read_line(&mut answer).is_err() {
        return false;
    }
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Asks for a word or none; in lower case.
pub(crate) fn choice(question: &str) -> String {
    eprint!("{question}");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        // The end of the input is no answer, and nothing is done without one.
        Ok(0) | Err(_) => "no".to_owned(),
        Ok(_) => answer.trim().to_ascii_lowercase(),
    }
}

/// Asks for a word that is not shown; none when the person would rather not say it.
pub(crate) fn secret(prompt: &str) -> Option<String> {
    eprint!("{prompt}");
    let _ = std::io::stderr().flush();
    let mut word = Some(String::new());
    let raw = RawMode::enter().ok()?;
    loop {
        let Ok(event) = event::read() else {
            word = None;
            break;
        };
        let Event::Key(key) = event else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (key.code, &mut word) {
            (KeyCode::Enter, _) => break,
            (KeyCode::Esc, _) => word = None,
            (KeyCode::Char('c' | 'd'), _) if has_control => word = None,
            (KeyCode::Char('u'), Some(word)) if has_control => word.clear(),
            (KeyCode::Backspace, Some(word)) => drop(word.pop()),
            (KeyCode::Char(letter), Some(word)) if !has_control => word.push(letter),
            _ => {}
        }
        if word.is_none() {
            break;
        }
    }
    drop(raw);
    eprintln!();
    word
}

/// Prints to the standard output. A reader who has seen enough, as `head`, is no error.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
