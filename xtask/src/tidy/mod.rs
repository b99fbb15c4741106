//! `cargo xtask tidy`: what the documents promise of the sources, checked.
//!
//! Every check is a pure function from texts to findings, so that each has a test with a sample
//! that breaks it.

mod architecture;
mod edges;
mod graph;
mod licences;
mod sources;
mod tree;
mod variables;

use std::fmt;

use anyhow::{Result, bail};

use crate::project;

/// One thing that is not as promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Runs all checks and prints all findings.
pub(crate) fn run() -> Result<()> {
    let files = tree::read(&project::root())?;
    let packages = graph::read()?;
    let mut findings = edges::check(&packages);
    findings.extend(sources::check(&files));
    findings.extend(architecture::check(&files));
    findings.extend(variables::check(&files));
    findings.extend(licences::check_crates(&packages));
    findings.extend(licences::check_npm(&files));
    println!("    {}", sources::lengths(&files));
    println!("    {} crates and their licences, {} files", packages.len(), files.len());
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        println!("    {finding}");
    }
    bail!("{} finding(s) in the sources", findings.len())
}
