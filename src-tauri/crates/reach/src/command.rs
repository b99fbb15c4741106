//! A host that is reached by a command which runs what follows it there.

use std::ffi::OsString;

use crate::process::{self, Running};
use crate::stream::{Said, Stdin, Stdout, Streams};
use crate::{ReachError, bootstrap};

/// Starts the command with our script behind its words.
pub(crate) fn open(argv: &[String]) -> Result<(Streams, Running), ReachError> {
    let said = Said::default();
    let words = words(argv);
    let piped = process::start_piped(&words, &said).map_err(|error| {
        let program = argv.first().map_or("", String::as_str);
        ReachError::Refused {
            why: format!("cannot start `{program}`: {error}"),
            remedy: "correct the host's `command` in the plan, or install the program".to_owned(),
        }
    })?;
    let stdout = Stdout { from: piped.stdout, said: said.clone() };
    Ok((Streams { stdout: Box::new(stdout), stdin: Box::new(Stdin::new(piped.stdin)), said }, piped.running))
}

fn words(argv: &[String]) -> Vec<OsString> {
    let script = ["/bin/sh".to_owned(), "-c".to_owned(), bootstrap::script()];
    argv.iter().cloned().chain(script).map(OsString::from).collect()
}
