//! ARCHITECTURE.md kept true: it names every crate, and every numbered invariant names its check.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::SourceFile;

const DOCUMENT: &str = "ARCHITECTURE.md";
const CRATES: &str = "src-tauri/crates/";
/// What introduces the check of an invariant.
const HELD_BY: &str = "Held by";

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![Finding::new(DOCUMENT, "is missing")];
    };
    let mut findings = unnamed_crates(files, &document.text);
    findings.extend(unheld_invariants(&document.text));
    findings
}

fn unnamed_crates(files: &[SourceFile], document: &str) -> Vec<Finding> {
    let names: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.strip_prefix(CRATES)?.split('/').next()).collect();
    let named =
        |name: &str| document.contains(&format!("`{name}`")) || document.contains(&format!("crates/{name}"));
    let missing = names.into_iter().filter(|name| !named(name));
    missing.map(|name| Finding::new(DOCUMENT, format!("does not name the crate `{name}`"))).collect()
}

fn unheld_invariants(document: &str) -> Vec<Finding> {
    let invariants = invariants(document);
    if invariants.is_empty() {
        return vec![Finding::new(DOCUMENT, "has no numbered invariants under a heading `Invariants`")];
    }
    let unheld = invariants.iter().filter(|(_, text)| !text.contains(HELD_BY));
    unheld
        .map(|(line, text)| {
            let start: String = text.chars().take(50).collect();
            let problem = format!("this invariant does not say `{HELD_BY}` which check: {start}…");
            Finding::new(format!("{DOCUMENT}:{line}"), problem)
        })
        .collect()
}

/// The numbered items below the heading that says "invariants", each with its line.
fn invariants(document: &str) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut items: Vec<(usize, String)> = Vec::new();
    for (number, line) in document.lines().enumerate() {
        if line.starts_with('#') {
            inside = line.to_lowercase().contains("invariant");
            continue;
        }
        if !inside {
            continue;
        }
        if is_numbered(line) {
            items.push((number + 1, line.to_owned()));
        } else if let Some((_, text)) = items.last_mut() {
            text.push(' ');
            text.push_str(line.trim());
        }
    }
    items
}

fn is_numbered(line: &str) -> bool {
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    digits > 0 && line[digits..].starts_with(". ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(document: &str) -> Vec<String> {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let files = [file("src-tauri/crates/plan/src/lib.rs", ""), file(DOCUMENT, document)];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_that_is_not_in_the_map_is_named() {
        let held = "## Invariants\n1. One owner. Held by `a_test`.\n";
        assert_eq!(problems(&format!("`plan` is pure.\n{held}")), Vec::<String>::new());
        assert_eq!(problems(held), ["ARCHITECTURE.md: does not name the crate `plan`"]);
    }

    #[test]
    fn an_invariant_without_a_check_is_named_with_its_line() {
        let document =
            "`plan`\n# Invariants\n1. One owner,\n   truly. Held by a test.\n2. No clock.\n# Else\n3. x\n";
        let found = problems(document);
        assert!(found.len() == 1 && found[0].starts_with("ARCHITECTURE.md:5: "), "{found:?}");
        assert_eq!(problems("`plan`\n").len(), 1, "no invariants at all");
    }

    #[test]
    fn the_document_must_be_there() {
        assert_eq!(check(&[]).len(), 1);
    }
}
