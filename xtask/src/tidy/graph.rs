//! The crates that this project is made of, ours and others', as `cargo metadata` tells them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::project;

/// One crate with what it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) is_ours: bool,
    pub(crate) licence: Option<String>,
    /// The crates that its programs are made of: normal and build dependencies, by index.
    pub(crate) built_from: BTreeSet<usize>,
    /// These, and what its tests need too, by index.
    pub(crate) needs: BTreeSet<usize>,
}

/// All crates, the window included, for the systems that we support.
pub(crate) fn read() -> Result<Vec<Package>> {
    let platforms = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin"];
    let call = project::cargo().args(["metadata", "--format-version", "1"]);
    let call = platforms.iter().fold(call, |call, platform| call.args(["--filter-platform", platform]));
    let text = call.output()?;
    parse(&text).context("cargo metadata has an unexpected form")
}

fn parse(text: &str) -> Option<Vec<Package>> {
    let metadata: Value = serde_json::from_str(text).ok()?;
    let ours: BTreeSet<&str> =
        metadata["workspace_members"].as_array()?.iter().filter_map(Value::as_str).collect();
    let nodes = metadata["resolve"]["nodes"].as_array()?;
    let index: BTreeMap<&str, usize> =
        nodes.iter().enumerate().filter_map(|(at, node)| Some((node["id"].as_str()?, at))).collect();
    let about: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()?
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    nodes.iter().map(|node| package(node, &ours, &index, &about)).collect()
}

fn package(
    node: &Value,
    ours: &BTreeSet<&str>,
    index: &BTreeMap<&str, usize>,
    about: &BTreeMap<&str, &Value>,
) -> Option<Package> {
    let id = node["id"].as_str()?;
    let about = about.get(id)?;
    let mut needs = BTreeSet::new();
    let mut built_from = BTreeSet::new();
    for dependency in node["deps"].as_array()? {
        let at = *index.get(dependency["pkg"].as_str()?)?;
        needs.insert(at);
        if dependency["dep_kinds"].as_array()?.iter().any(|kind| kind["kind"] != "dev") {
            built_from.insert(at);
        }
    }
    Some(Package {
        name: about["name"].as_str()?.to_owned(),
        version: about["version"].as_str()?.to_owned(),
        is_ours: ours.contains(id),
        licence: about["license"].as_str().map(str::to_owned),
        built_from,
        needs,
    })
}

/// The way from one crate to another of this name through what it is built from; names in order.
pub(crate) fn way(packages: &[Package], from: usize, to: &str) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for next in &packages[at].built_from {
            if *next == from || came_from.contains_key(next) {
                continue;
            }
            came_from.insert(*next, at);
            if packages[*next].name == to {
                return Some(names_back(packages, &came_from, *next));
            }
            open.push(*next);
        }
    }
    None
}

fn names_back(packages: &[Package], came_from: &BTreeMap<usize, usize>, end: usize) -> Vec<String> {
    let chain = std::iter::successors(Some(end), |at| came_from.get(at).copied());
    let mut names: Vec<_> = chain.map(|at| packages[at].name.clone()).collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_dependencies_are_told_apart() {
        let text = r#"{
            "workspace_members": ["a"],
            "packages": [
                {"id": "a", "name": "a", "version": "0.1.0", "license": "MIT"},
                {"id": "b", "name": "b", "version": "1.0.0", "license": null},
                {"id": "c", "name": "c", "version": "2.0.0", "license": "ISC"}],
            "resolve": {"nodes": [
                {"id": "a", "deps": [
                    {"pkg": "b", "dep_kinds": [{"kind": null}]},
                    {"pkg": "c", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "b", "deps": []},
                {"id": "c", "deps": []}]}}"#;
        let packages = parse(text).expect("parsed");
        assert!(packages[0].is_ours && !packages[1].is_ours);
        assert_eq!(packages[0].built_from, BTreeSet::from([1]));
        assert_eq!(packages[0].needs, BTreeSet::from([1, 2]));
        assert_eq!(way(&packages, 0, "b"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(way(&packages, 0, "c"), None, "a test may use what the program may not");
    }
}
