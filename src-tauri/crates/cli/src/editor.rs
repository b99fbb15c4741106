//! A text in the person's own editor.
#![expect(clippy::disallowed_methods, reason = "this module owns the starting of the editor")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use miyabi_api::{ApiError, ErrorCode};

/// The text as the person left it. The file lies in a folder of the person's own for as long as the editor is open.
pub(crate) fn edited(folder: &Path, text: &str) -> Result<String, ApiError> {
    let file = folder.join(format!("hand-over-{}.md", std::process::id()));
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        ApiError::new(ErrorCode::Environment, format!("{what} {}: {error}", file.display()))
    };
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| failed("cannot write", &error))?;
    let ended = open(&file);
    let left = fs::read_to_string(&file).map_err(|error| failed("cannot read", &error));
    let _ = fs::remove_file(&file);
    ended?;
    left
}

fn open(file: &Path) -> Result<(), ApiError> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    let words = named.map(|words| words.trim().to_owned()).find(|words| !words.is_empty());
    let words = words.unwrap_or_else(|| "vi".to_owned());
    // `code --wait`: a program and its arguments, and no shell.
    let mut words = words.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let failed = |why: String| {
        ApiError::new(ErrorCode::Environment, format!("the editor {program} {why}"))
            .hint("EDITOR names another; --note TEXT says something without one")
    };
    let status = Command::new(program).args(words).arg(file).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("ended with {status}"))),
        Err(error) => Err(failed(format!("cannot be started: {error}"))),
    }
}
