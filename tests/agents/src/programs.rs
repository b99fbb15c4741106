//! The agent programs that `cargo xtask` installed: never the person's own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Names the folder of the programs in place of `target/agent-programs`.
pub const FOLDER: &str = "MIYABI_AGENT_PROGRAMS";

/// The programs, each as what is started: the native one, without a wrapper that could die alone.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Claude Code.
    pub claude: PathBuf,
    /// Codex, the newest of the two.
    pub codex: PathBuf,
    /// Codex as it was when `codex mcp-server` was still there.
    pub codex_mcp: PathBuf,
    /// The adapter that speaks ACP for Claude Code: a script for node.
    pub claude_acp: PathBuf,
    /// The adapter that speaks ACP for Codex: a script for node.
    pub codex_acp: PathBuf,
}

impl Programs {
    /// Looks for the programs; none, said loudly, where they are not installed. A test then ends
    /// without having shown anything.
    ///
    /// # Panics
    /// When [`FOLDER`] names a place and they are not there: who names it wants the test to be made.
    #[must_use]
    pub fn installed() -> Option<Self> {
        match folder().and_then(|folder| Self::below(&folder.join("node_modules"))) {
            Ok(programs) => Some(programs),
            Err(error) => {
                let wanted = std::env::var_os(FOLDER);
                assert!(
                    wanted.is_none(),
                    "the agent programs are not in {wanted:?}, as {FOLDER} says: {error:#}"
                );
                eprintln!(
                    "SKIPPED: the agent programs are not installed ({error:#}); `cargo xtask agents` does"
                );
                None
            }
        }
    }

    fn below(modules: &Path) -> Result<Self> {
        Ok(Self {
            claude: native(&modules.join("@anthropic-ai"), "claude-code-", "claude")?,
            codex: codex(&modules.join("@openai"))?,
            codex_mcp: codex(&modules.join("codex-mcp/node_modules/@openai"))?,
            claude_acp: script(&modules.join("@agentclientprotocol/claude-agent-acp"))?,
            codex_acp: script(&modules.join("@agentclientprotocol/codex-acp"))?,
        })
    }
}

fn folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Ok(folder.into());
    }
    let program = std::env::current_exe()?;
    let target = program.ancestors().find(|folder| folder.join("agent-programs").is_dir());
    Ok(target.context("there is no folder agent-programs in the build folder")?.join("agent-programs"))
}

/// The native program of this machine: npm installs the packages that fit it and no others.
fn native(scope: &Path, prefix: &str, program: &str) -> Result<PathBuf> {
    let packages = std::fs::read_dir(scope).with_context(|| format!("cannot read {}", scope.display()))?;
    let fits = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
    };
    let mut found: Vec<_> = packages.flatten().map(|entry| entry.path()).filter(fits).collect();
    // Where the packages for both kinds of C library are there, the shorter name is the common one.
    found.sort_by_key(|path| path.as_os_str().len());
    let found = found.into_iter().map(|package| package.join(program)).find(|path| path.is_file());
    found.with_context(|| format!("no package {prefix}… with {program} in {}", scope.display()))
}

fn codex(scope: &Path) -> Result<PathBuf> {
    let packages = std::fs::read_dir(scope).with_context(|| format!("cannot read {}", scope.display()))?;
    let vendors = packages.flatten().filter_map(|entry| std::fs::read_dir(entry.path().join("vendor")).ok());
    let mut programs = vendors.flatten().flatten().map(|entry| entry.path().join("bin/codex"));
    programs.find(|path| path.is_file()).with_context(|| format!("no native codex in {}", scope.display()))
}

/// The script that a package's `bin` names.
fn script(package: &Path) -> Result<PathBuf> {
    let manifest = package.join("package.json");
    let text = std::fs::read(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let manifest: serde_json::Value = serde_json::from_slice(&text)?;
    let bin = &manifest["bin"];
    let name = bin.as_str().or_else(|| bin.as_object()?.values().next()?.as_str());
    Ok(package.join(name.context("the package has no program")?))
}
