//! The variables that a `command` program is given: what is documented is set, and what the examples
//! and templates use is documented.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::SourceFile;

const DOCUMENT: &str = "docs/command-agents.md";
const PREFIX: &str = "MIYABI_";

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let documented: BTreeSet<&str> =
        files.iter().filter(|file| file.path == DOCUMENT).flat_map(|file| variables(&file.text)).collect();
    let set: BTreeSet<&str> = files
        .iter()
        .filter(|file| sets_variables(&file.path))
        .flat_map(|file| variables(&file.text))
        .collect();
    let mut findings: Vec<Finding> = documented
        .difference(&set)
        .map(|name| Finding::new(DOCUMENT, format!("documents {name}, which no program is given")))
        .collect();
    for file in files.iter().filter(|file| uses_variables(&file.path)) {
        let used: BTreeSet<&str> = variables(&file.text).collect();
        let unknown = used.difference(&documented);
        findings
            .extend(unknown.map(|name| {
                Finding::new(&file.path, format!("uses {name}, which {DOCUMENT} does not know"))
            }));
    }
    findings
}

fn sets_variables(path: &str) -> bool {
    let crates = ["src-tauri/crates/agents/src/", "src-tauri/crates/engine/src/"];
    crates.iter().any(|folder| path.starts_with(folder))
}

fn uses_variables(path: &str) -> bool {
    path.starts_with("examples/") || path == "src-tauri/crates/plan/src/templates.rs"
}

/// Every name in a text that is a variable of ours; the bare prefix is none.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(rest.len());
        (end > PREFIX.len()).then(|| &rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let file = |(path, text): &(&str, &str)| SourceFile { path: (*path).into(), text: (*text).into() };
        let files: Vec<_> = files.iter().map(file).collect();
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_used_documented_and_set_must_be_the_same() {
        let agents = ("src-tauri/crates/agents/src/command.rs", "set(\"MIYABI_TASK\")");
        let document = (DOCUMENT, "`MIYABI_TASK`; names beginning with `MIYABI_` are ours");
        assert_eq!(
            problems(&[agents, document, ("examples/a.sh", "echo $MIYABI_TASK")]),
            Vec::<String>::new()
        );
        assert_eq!(
            problems(&[agents, document, ("examples/a.sh", "echo $MIYABI_JOB")]),
            ["examples/a.sh: uses MIYABI_JOB, which docs/command-agents.md does not know"]
        );
        assert_eq!(
            problems(&[agents, (DOCUMENT, "`MIYABI_TASK`, `MIYABI_MOON`")]),
            ["docs/command-agents.md: documents MIYABI_MOON, which no program is given"]
        );
    }
}
