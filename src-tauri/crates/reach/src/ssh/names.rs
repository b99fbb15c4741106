//! The names of hosts in the person's `ssh` configuration, to choose from.

use std::path::{Path, PathBuf};

use globset::Glob;

use crate::Environment;

/// As `ssh`: files that include files that include files end somewhere.
const DEEPEST: usize = 16;

/// The names without patterns, in the order of the files.
pub(crate) fn known_names(environment: &Environment) -> Vec<String> {
    let config = match (&environment.ssh_config, &environment.home) {
        (Some(config), _) => config.clone(),
        (None, Some(home)) => home.join(".ssh/config"),
        (None, None) => return Vec::new(),
    };
    let mut names = Vec::new();
    read(&config, environment, DEEPEST, &mut names);
    names
}

fn read(file: &Path, environment: &Environment, depth: usize, names: &mut Vec<String>) {
    // A file that is not there, or not ours to read, has no names.
    let Ok(text) = std::fs::read_to_string(file) else { return };
    for line in text.lines() {
        let words = words(line);
        let Some((key, values)) = words.split_first() else { continue };
        if key.eq_ignore_ascii_case("host") {
            for name in values.iter().filter(|name| !name.contains(['*', '?', '!'])) {
                if !names.contains(name) && super::config::check_address(name).is_ok() {
                    names.push(name.clone());
                }
            }
        } else if key.eq_ignore_ascii_case("include") && depth > 0 {
            for file in values.iter().flat_map(|pattern| included(pattern, environment)) {
                read(&file, environment, depth - 1, names);
            }
        }
    }
}

/// Words by blanks and one `=` behind the first; quotes hold blanks together; `#` begins a comment line.
fn words(line: &str) -> Vec<String> {
    let line = line.trim();
    if line.starts_with('#') {
        return Vec::new();
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let mut words = vec![key.to_owned()];
    let mut word = String::new();
    let mut is_quoted = false;
    for character in rest.chars().chain([' ']) {
        match character {
            '"' => is_quoted = !is_quoted,
            blank if blank.is_whitespace() && !is_quoted => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            other => word.push(other),
        }
    }
    words
}

/// Files that an `Include` names, sorted; relative ones lie in `~/.ssh`.
fn included(pattern: &str, environment: &Environment) -> Vec<PathBuf> {
    let path = environment.expand_home(pattern);
    let path = match &environment.home {
        Some(home) if path.is_relative() => home.join(".ssh").join(path),
        _ => path,
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let Ok(glob) = Glob::new(name) else { return Vec::new() };
    let matcher = glob.compile_matcher();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> =
        entries.filter(|entry| matcher.is_match(entry.file_name())).map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_their_order_with_included_files_and_without_patterns() {
        let home = tempfile::tempdir().expect("folder");
        let ssh = home.path().join(".ssh");
        std::fs::create_dir_all(ssh.join("conf.d")).expect("folder");
        let write = |name: &str, text: &str| std::fs::write(ssh.join(name), text).expect("written");
        write(
            "config",
            "# Host no\nHost mugen majin *.x !y\n  HostName 10.0.0.1\nInclude conf.d/*.conf\nHost=last \"q r\"\nhost mugen\nInclude config\n",
        );
        write("conf.d/b.conf", "Host b\n");
        write("conf.d/a.conf", "Match host z\nHOST a\n");
        write("conf.d/c.txt", "Host c\n");
        let environment = Environment { home: Some(home.path().to_owned()), ..Environment::default() };
        assert_eq!(known_names(&environment), ["mugen", "majin", "a", "b", "last"]);
    }
}
