//! What programs leave behind without meaning it: never committed by us, and no reason to call a tree dirty.

/// Folders and files of that kind.
const FOLDERS: &[&str] = &["__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"];
const FILES: &[&str] = &[".DS_Store"];
const ENDINGS: &[&str] = &[".pyc", ".pyo"];

/// Words for git that leave them out; the first one says that all else is meant.
pub(crate) fn left_out() -> Vec<String> {
    let folders = FOLDERS.iter().map(|name| format!(":(exclude,glob)**/{name}/**"));
    let files = FILES.iter().map(|name| format!(":(exclude,glob)**/{name}"));
    let endings = ENDINGS.iter().map(|ending| format!(":(exclude,glob)**/*{ending}"));
    std::iter::once(".".to_owned()).chain(folders).chain(files).chain(endings).collect()
}

/// Whether a path below a work tree is one of them.
pub(crate) fn is_one(path: &str) -> bool {
    let mut parts = path.trim_end_matches('/').split('/').rev();
    let Some(name) = parts.next() else { return false };
    let file = FILES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending));
    let folder = |part: &str| FOLDERS.contains(&part);
    file || (path.ends_with('/') && folder(name)) || parts.any(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_told_from_work() {
        for cache in ["__pycache__/a.pyc", "a/b/__pycache__/c", "x/.DS_Store", "a.pyc", ".ruff_cache/1/2"] {
            assert!(is_one(cache), "{cache}");
        }
        for work in ["src/a.py", "__pycache__", "docs/pycache/a", ".DS_Store.md"] {
            assert!(!is_one(work), "{work}");
        }
    }
}
