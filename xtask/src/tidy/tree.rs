//! The text files of the repository, read once for all checks.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// A text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// Below the repository's folder, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn is_typescript(&self) -> bool {
        self.path.ends_with(".ts") || self.path.ends_with(".tsx")
    }
}

/// Folders that hold what is made, not what is written.
const MADE: &[&str] = &[".git", "node_modules", "dist", "gen", "work"];

/// Reads every text file that is written by hand or committed.
pub(crate) fn read(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if !MADE.contains(&name.as_str()) && !name.starts_with("target") {
                    folders.push(path);
                }
                continue;
            }
            // What is not UTF-8 is a picture or the like; what is gone by now is somebody's
            // temporary file.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(SourceFile { path, text });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_not_read() {
        let root = tempfile::tempdir().expect("folder");
        for path in ["src/a.rs", "target/b.rs", "target-x/c.rs", "ui/node_modules/d.ts"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, "//! x\n").expect("written");
        }
        fs::write(root.path().join("icon.png"), [0x89, 0xff, 0x00]).expect("written");
        let files = read(root.path()).expect("read");
        assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["src/a.rs"]);
    }
}
