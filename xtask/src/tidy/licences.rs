//! Whether everything that we ship may be shipped under MIT.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use super::graph::Package;
use super::tree::SourceFile;

/// Licences that let us pass the work on under MIT. MPL-2.0 asks for the source of its own files,
/// which we use unchanged.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "WTFPL",
    "Zlib",
];

/// Looks at every crate that one of our programs is built from; what only tests use is not shipped.
pub(crate) fn check_crates(packages: &[Package]) -> Vec<Finding> {
    let mut shipped: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<usize> = (0..packages.len()).filter(|at| packages[*at].is_ours).collect();
    while let Some(at) = open.pop() {
        if shipped.insert(at) {
            open.extend(&packages[at].built_from);
        }
    }
    let look = |at: usize| {
        let package = &packages[at];
        judge(&format!("{} {}", package.name, package.version), package.licence.as_deref())
    };
    shipped.into_iter().filter_map(look).collect()
}

/// Looks at every npm package that the bundle is made from.
pub(crate) fn check_npm(files: &[SourceFile]) -> Vec<Finding> {
    let Some(lock) = files.iter().find(|file| file.path == "ui/package-lock.json") else {
        return vec![Finding::new("ui/package-lock.json", "is missing")];
    };
    let lock: Value = serde_json::from_str(&lock.text).unwrap_or_default();
    let Some(packages) = lock["packages"].as_object() else {
        return vec![Finding::new("ui/package-lock.json", "is not a lock file of npm")];
    };
    let shipped = packages.iter().filter(|(path, about)| !path.is_empty() && about["dev"] != true);
    shipped.filter_map(|(path, about)| judge(path, about["license"].as_str())).collect()
}

fn judge(name: &str, licence: Option<&str>) -> Option<Finding> {
    match licence {
        None => Some(Finding::new(name, "names no licence")),
        Some(text) if !allows(text) => {
            Some(Finding::new(name, format!("its licence `{text}` is not on the list")))
        }
        Some(_) => None,
    }
}

/// Whether a licence expression (SPDX, or with the `/` of older crates) gives a choice on our list.
fn allows(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let here = rest.first().is_some_and(|first| *first == word);
    if here {
        *rest = &rest[1..];
    }
    here
}

fn either(rest: &mut &[&str]) -> Option<bool> {
    let mut allowed = both(rest)?;
    while take(rest, "OR") {
        allowed |= both(rest)?;
    }
    Some(allowed)
}

fn both(rest: &mut &[&str]) -> Option<bool> {
    let mut allowed = one(rest)?;
    while take(rest, "AND") {
        allowed &= one(rest)?;
    }
    Some(allowed)
}

fn one(rest: &mut &[&str]) -> Option<bool> {
    if take(rest, "(") {
        let allowed = either(rest)?;
        return take(rest, ")").then_some(allowed);
    }
    let (name, behind) = rest.split_first()?;
    *rest = behind;
    if !take(rest, "WITH") {
        return Some(ALLOWED.contains(name));
    }
    let (exception, behind) = rest.split_first()?;
    *rest = behind;
    Some(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_on_the_list_is_enough_and_a_duty_off_it_is_not() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(allows(good), "{good}");
        }
        for bad in ["GPL-3.0-only", "MIT AND GPL-2.0", "", "MIT OR", "(MIT", "Apache-2.0 WITH Odd", "MIT MIT"]
        {
            assert!(!allows(bad), "{bad}");
        }
    }

    fn package(name: &str, licence: Option<&str>, built_from: &[usize]) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            is_ours: name == "ours",
            licence: licence.map(str::to_owned),
            built_from: built_from.iter().copied().collect(),
            needs: BTreeSet::new(),
        }
    }

    #[test]
    fn a_crate_that_may_not_be_shipped_is_named() {
        let packages = [
            package("ours", Some("MIT"), &[1, 2]),
            package("strict", Some("AGPL-3.0-only"), &[]),
            package("silent", None, &[]),
            package("only-in-tests", Some("AGPL-3.0-only"), &[]),
        ];
        let found: Vec<_> = check_crates(&packages).iter().map(ToString::to_string).collect();
        let strict = "strict 1.0.0: its licence `AGPL-3.0-only` is not on the list";
        assert_eq!(found, [strict, "silent 1.0.0: names no licence"]);
    }

    #[test]
    fn an_npm_package_that_may_not_be_shipped_is_named() {
        let text = r#"{"packages": {"": {}, "node_modules/a": {"license": "MIT"},
            "node_modules/b": {"license": "AGPL-3.0"}, "node_modules/c": {"license": "AGPL-3.0", "dev": true}}}"#;
        let lock = SourceFile { path: "ui/package-lock.json".to_owned(), text: text.to_owned() };
        let found: Vec<_> = check_npm(&[lock]).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["node_modules/b: its licence `AGPL-3.0` is not on the list"]);
        assert_eq!(check_npm(&[]).len(), 1);
    }
}
