//! The one direction of dependence between our crates, and what must stay far from each.

use super::Finding;
use super::graph::{Package, way};

/// What one of our crates may depend on.
struct Rule {
    name: &'static str,
    /// The crates of ours that it may use.
    may_use: &'static [&'static str],
    /// Crates of others that it must not use itself.
    without: &'static [&'static str],
    /// Crates of others that must not be anywhere below it.
    far_from: &'static [&'static str],
}

/// What only the window may know.
const TAURI: &[&str] = &["tauri", "wry", "tao"];
/// What would make the engine depend on a clock, a link or a screen.
const OUTSIDE: &[&str] = &["tauri", "ssh2", "russh", "notify", "ratatui", "tmux_interface"];

const RULES: &[Rule] = &[
    Rule {
        name: "miyabi-plan",
        may_use: &[],
        without: &["jiff", "rand"],
        far_from: &["tokio", "tauri", "ssh2", "notify", "rustix"],
    },
    Rule { name: "miyabi-protocol", may_use: &["miyabi-plan"], without: &[], far_from: OUTSIDE },
    Rule {
        name: "miyabi-agents",
        may_use: &["miyabi-plan", "miyabi-protocol"],
        without: &["tokio"],
        far_from: OUTSIDE,
    },
    Rule {
        name: "miyabi-engine",
        may_use: &["miyabi-plan", "miyabi-protocol"],
        without: &["tokio", "rustix"],
        far_from: OUTSIDE,
    },
    Rule {
        name: "miyabi-git",
        may_use: &["miyabi-plan", "miyabi-protocol"],
        without: &["tokio"],
        far_from: OUTSIDE,
    },
    Rule { name: "miyabi-forge", may_use: &[], without: &[], far_from: OUTSIDE },
    Rule { name: "miyabi-transport", may_use: &["miyabi-protocol"], without: &[], far_from: TAURI },
    Rule {
        name: "miyabi-reach",
        may_use: &["miyabi-plan", "miyabi-protocol", "miyabi-transport"],
        without: &[],
        far_from: TAURI,
    },
    Rule {
        name: "miyabi-api",
        may_use: &["miyabi-plan", "miyabi-protocol"],
        without: &["tokio"],
        far_from: OUTSIDE,
    },
    Rule {
        name: "miyabi-host",
        may_use: &["miyabi-agents", "miyabi-git", "miyabi-plan", "miyabi-protocol", "miyabi-transport"],
        without: &[],
        far_from: TAURI,
    },
    Rule {
        name: "miyabi-report",
        may_use: &["miyabi-api", "miyabi-engine", "miyabi-plan", "miyabi-protocol"],
        without: &["tokio"],
        far_from: OUTSIDE,
    },
    Rule {
        name: "miyabi-client",
        may_use: &[
            "miyabi-api",
            "miyabi-forge",
            "miyabi-git",
            "miyabi-host",
            "miyabi-plan",
            "miyabi-protocol",
            "miyabi-reach",
        ],
        without: &["ssh2"],
        far_from: TAURI,
    },
    Rule {
        name: "miyabi-backend",
        may_use: &[
            "miyabi-agents",
            "miyabi-api",
            "miyabi-engine",
            "miyabi-git",
            "miyabi-host",
            "miyabi-plan",
            "miyabi-protocol",
            "miyabi-reach",
            "miyabi-report",
            "miyabi-transport",
        ],
        without: &[],
        far_from: TAURI,
    },
    Rule {
        name: "miyabi-cli",
        may_use: &[
            "miyabi-agents",
            "miyabi-api",
            "miyabi-backend",
            "miyabi-client",
            "miyabi-engine",
            "miyabi-git",
            "miyabi-host",
            "miyabi-plan",
            "miyabi-protocol",
            "miyabi-reach",
            "miyabi-report",
            "miyabi-transport",
        ],
        without: &[],
        far_from: TAURI,
    },
    Rule {
        name: "miyabi-desktop",
        may_use: &["miyabi-api", "miyabi-client"],
        without: &["ssh2", "rustix"],
        far_from: &[],
    },
    // The tests of the window look at it from outside: through its screen, its files and its socket.
    Rule {
        name: "miyabi-e2e",
        may_use: &["miyabi-agent-tests", "miyabi-api", "miyabi-plan", "miyabi-protocol"],
        without: &[],
        far_from: TAURI,
    },
    // The tests with real agent programs start ours as a person does.
    Rule { name: "miyabi-agent-tests", may_use: &["miyabi-plan"], without: &["tokio"], far_from: TAURI },
    // The tests on two hosts start ours as a person does, and borrow isolation and programs.
    Rule {
        name: "miyabi-host-lab",
        may_use: &["miyabi-agent-tests"],
        without: &["tokio", "ssh2"],
        far_from: TAURI,
    },
    // Ready in seconds, before anything of ours compiles.
    Rule { name: "xtask", may_use: &[], without: &["tokio"], far_from: TAURI },
];

pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    let ours = (0..packages.len()).filter(|at| packages[*at].is_ours);
    ours.flat_map(|at| match RULES.iter().find(|rule| rule.name == packages[at].name) {
        Some(rule) => broken(packages, at, rule),
        None => vec![Finding::new(&packages[at].name, "has no rule in xtask/src/tidy/edges.rs")],
    })
    .collect()
}

fn broken(packages: &[Package], at: usize, rule: &Rule) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |problem: String| findings.push(Finding::new(rule.name, problem));
    for used in packages[at].needs.iter().map(|used| &packages[*used]) {
        if used.is_ours && used.name != rule.name && !rule.may_use.contains(&used.name.as_str()) {
            refuse(format!("must not depend on {}", used.name));
        }
    }
    for used in packages[at].built_from.iter().map(|used| &packages[*used]) {
        if rule.without.contains(&used.name.as_str()) {
            refuse(format!("must not use {} itself", used.name));
        }
    }
    for far in rule.far_from {
        if let Some(names) = way(packages, at, far) {
            refuse(format!("must stay far from {far}: {}", names.join(" -> ")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Crates in a row, each with the names of what it is built from.
    fn workspace(crates: &[(&str, &[&str])]) -> Vec<Package> {
        let at = |name: &str| crates.iter().position(|(other, _)| *other == name).expect("named");
        let package = |(name, uses): &(&str, &[&str])| {
            let uses: BTreeSet<usize> = uses.iter().map(|name| at(name)).collect();
            Package {
                name: (*name).to_owned(),
                version: "0.1.0".to_owned(),
                is_ours: name.starts_with("miyabi-"),
                licence: Some("MIT".to_owned()),
                built_from: uses.clone(),
                needs: uses,
            }
        };
        crates.iter().map(package).collect()
    }

    fn problems(crates: &[(&str, &[&str])]) -> Vec<String> {
        check(&workspace(crates)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_allowed_direction_is_silent() {
        let found = problems(&[
            ("miyabi-plan", &["petgraph"]),
            ("miyabi-protocol", &["miyabi-plan", "tokio"]),
            ("miyabi-engine", &["miyabi-plan", "miyabi-protocol"]),
            ("miyabi-desktop", &["tauri"]),
            ("petgraph", &[]),
            ("tauri", &[]),
            ("tokio", &[]),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_forbidden_edge_is_named() {
        let found = problems(&[("miyabi-plan", &["miyabi-engine"]), ("miyabi-engine", &[])]);
        assert_eq!(found, ["miyabi-plan: must not depend on miyabi-engine"]);
        let found = problems(&[("miyabi-desktop", &["miyabi-engine"]), ("miyabi-engine", &[])]);
        assert_eq!(found, ["miyabi-desktop: must not depend on miyabi-engine"]);
        let found = problems(&[("miyabi-engine", &["tokio"]), ("tokio", &[])]);
        assert_eq!(found, ["miyabi-engine: must not use tokio itself"]);
    }

    #[test]
    fn what_must_stay_far_is_found_through_others() {
        let found = problems(&[("miyabi-engine", &["a"]), ("a", &["b"]), ("b", &["ssh2"]), ("ssh2", &[])]);
        assert_eq!(found, ["miyabi-engine: must stay far from ssh2: miyabi-engine -> a -> b -> ssh2"]);
    }

    #[test]
    fn a_new_crate_needs_a_rule() {
        assert_eq!(problems(&[("miyabi-new", &[])]).len(), 1);
    }
}
