//! Files that git does not keep, read from the person's work folder just before they are sent.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use miyabi_protocol::CopiedFile;

/// How much may be copied into one work tree, in all.
const MOST: u64 = 1024 * 1024;

/// Fills in what the files hold. Their contents are told nowhere else.
pub(crate) fn fill(folder: &Path, copies: &mut [CopiedFile]) -> Result<(), String> {
    let mut left = MOST;
    for copy in copies {
        let bytes = read(folder, copy, left)?;
        left -= bytes.len() as u64;
        copy.content = BASE64_STANDARD.encode(bytes);
    }
    Ok(())
}

fn read(folder: &Path, copy: &mut CopiedFile, left: u64) -> Result<Vec<u8>, String> {
    let said = |what: &str| {
        format!(
            "`{}`, which the plan copies into work trees, {what} in {}: put it there, or take it out of `git.copy`",
            copy.path,
            folder.display()
        )
    };
    let inside = Path::new(&copy.path).components().all(|part| matches!(part, Component::Normal(_)));
    let root = folder.canonicalize().map_err(|error| said(&format!("cannot be looked for ({error})")))?;
    let path = root.join(&copy.path).canonicalize().map_err(|_| said("is not there"))?;
    let found = path.metadata().map_err(|_| said("is not there"))?;
    if !inside || !path.starts_with(&root) || !found.is_file() {
        return Err(said("is no file"));
    }
    let file = std::fs::File::open(&path).map_err(|error| said(&format!("cannot be read ({error})")))?;
    let mut bytes = Vec::new();
    file.take(left + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| said(&format!("cannot be read ({error})")))?;
    if bytes.len() as u64 > left {
        return Err(said("is too long (1 MiB is copied in all)"));
    }
    copy.executable = found.permissions().mode() & 0o111 != 0;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(path: &str) -> CopiedFile {
        CopiedFile { path: path.to_owned(), content: String::new(), executable: false }
    }

    #[test]
    fn files_are_filled_in_and_what_is_wrong_names_the_file() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join(".env"), "KEY=1\n").expect("written");
        std::fs::write(folder.path().join("big"), vec![0; 1024 * 1024]).expect("written");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).expect("a link");
        let mut good = [copy(".env")];
        fill(folder.path(), &mut good).expect("filled in");
        assert_eq!((good[0].content.as_str(), good[0].executable), ("S0VZPTEK", false));
        for wrong in [vec!["missing"], vec!["../x"], vec!["link"], vec![".env", "big"]] {
            let mut copies: Vec<CopiedFile> = wrong.iter().map(|path| copy(path)).collect();
            let said = fill(folder.path(), &mut copies).expect_err("refused");
            let last = wrong.last().expect("one");
            assert!(said.contains(&format!("`{last}`")) && said.contains("git.copy"), "{said}");
        }
    }
}
