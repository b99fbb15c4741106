//! Where things lie in this project, and its programs as cargo builds them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::process::Program;

/// The plan that a newcomer sees first.
pub(crate) const LEVEL6: &str = "examples/level6";

/// The repository's folder, whatever the current one is.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// A call of cargo in the repository's folder.
///
/// What cargo set for us is taken out, so that the call is the same as a person's own.
pub(crate) fn cargo() -> Program {
    let ours = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CARGO_PKG_"));
    let call = Program::new("cargo").folder(&root()).without_env("CARGO_MANIFEST_DIR");
    ours.fold(call.without_env("CARGO_MANIFEST_PATH"), |call, name| call.without_env(&name))
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let text = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: serde_json::Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(folder.into())
}
