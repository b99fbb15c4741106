//! The one script that is run on a host, as one word.

/// Explained where it stands.
const SOURCE: &str = include_str!("script.sh");

/// The line after which the script speaks; whatever came before is the login shell's noise.
pub(super) const MARKER: &str = "::miyabi 1::";

/// The script in one line, fit to stand in single quotes in any shell.
pub(crate) fn script() -> String {
    let lines = SOURCE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join(" ")
}

/// What a login shell is asked to run: the same in sh, bash, zsh, fish, csh and tcsh.
pub(crate) fn login_shell_command() -> String {
    format!("exec /bin/sh -c '{}'", script())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_can_stand_in_single_quotes_of_any_shell_and_holds_no_data() {
        let script = script();
        // csh takes an exclamation mark for its history, fish a backslash, within single quotes too.
        let unsafe_there = ['\'', '!', '\\', '\n', '\r', '\t'];
        assert!(!script.contains(unsafe_there), "{script}");
        assert!(script.is_ascii());
        assert!(script.contains(MARKER));
        // tcsh and the limits of an argument on all systems.
        assert!(script.len() < 4000, "{} bytes", script.len());
    }
}
