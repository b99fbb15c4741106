//! What a merge leaves in conflict without a marker: a binary file, or one that is changed on one side and removed on
//! the other. It says nothing to a reader, so that it counts as decided only once it was changed or git was told.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::GitError;
use crate::process::Git;
use crate::tree::{conflicts, link, stage};

/// Where it is kept what was merged into a tree, in the tree's own folder.
const RECORD: &str = "miyabi-merge";
/// How much of a file is read at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// What stands in place of a hash where nothing lies.
const NOTHING: &str = "-";

/// What was merged into a tree, and what that left in conflict without a marker.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Merged {
    /// The commit.
    pub(super) commit: String,
    silent: Vec<Silent>,
}

#[derive(Debug, PartialEq)]
struct Silent {
    /// Whether the tree was kept with it; git's own word of the conflict is gone since then.
    kept: bool,
    hash: String,
    path: String,
}

impl Merged {
    /// Looks at what a merge has just left.
    pub(super) fn now(folder: &Path, commit: &str) -> Result<Self, GitError> {
        let paths = stage::Index::of(folder)?.files_in_conflict();
        let silent = paths.into_iter().filter(|path| !conflicts::holds_marker(&folder.join(path)));
        let silent =
            silent.map(|path| Silent { kept: false, hash: hash(&folder.join(&path)), path }).collect();
        Ok(Self { commit: commit.to_owned(), silent })
    }

    /// Nothing is in conflict any more.
    pub(super) fn before(commit: &str) -> Self {
        Self { commit: commit.to_owned(), silent: Vec::new() }
    }

    /// None where nothing was ever merged into the tree.
    pub(super) fn read(own: &Path) -> Option<Self> {
        let text = fs::read_to_string(own.join(RECORD)).ok()?;
        let mut parts = text.split('\0');
        let commit = parts.next()?.to_owned();
        let silent = parts.filter_map(|part| {
            let (about, path) = part.split_once(' ')?;
            let (kept, hash) = (about.starts_with('!'), about.get(1..)?.to_owned());
            Some(Silent { kept, hash, path: path.to_owned() })
        });
        Some(Self { commit, silent: silent.collect() })
    }

    pub(super) fn write(&self, own: &Path) -> Result<(), GitError> {
        let mut text = self.commit.clone();
        for Silent { kept, hash, path } in &self.silent {
            let sign = if *kept { '!' } else { '?' };
            text += &format!("\0{sign}{hash} {path}");
        }
        fs::write(own.join(RECORD), text).map_err(|error| link::cannot("write to", own, &error))
    }

    /// The files about which nobody decided. Written down, as git's own word of them ends when the tree is kept.
    pub(super) fn undecided(
        &mut self,
        folder: &Path,
        own: &Path,
        index: &stage::Index,
    ) -> Result<BTreeSet<String>, GitError> {
        let told = index.conflicts();
        self.silent.retain(|one| {
            let now = hash(&folder.join(&one.path));
            // What is kept may have been taken back, as below.
            let is_as_left = now == one.hash || (one.kept && now == NOTHING);
            (one.kept || told.contains(&one.path)) && is_as_left
        });
        for one in &mut self.silent {
            one.kept = true;
        }
        self.write(own)?;
        Ok(self.silent.iter().map(|one| one.path.clone()).collect())
    }
}

/// Takes files out of the tree that only the other side has: kept, they would look like decided ones to the next merge.
/// They are as that side has them.
pub(super) fn take_back(folder: &Path, undecided: &BTreeSet<String>) -> Result<(), GitError> {
    for path in undecided {
        let of_ours = format!("HEAD:{path}");
        if Git::ask(folder, "cat-file").args(["-e", &of_ours]).run()?.code == Some(0) {
            continue;
        }
        match fs::remove_file(folder.join(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(link::cannot("remove", &folder.join(path), &error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn hash(path: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut sum = Sha256::new();
        if path.symlink_metadata()?.is_symlink() {
            sum.update(fs::read_link(path)?.as_os_str().as_bytes());
        } else {
            let mut file = BufReader::with_capacity(CHUNK, File::open(path)?);
            while let chunk = file.fill_buf()?
                && !chunk.is_empty()
            {
                let read = chunk.len();
                sum.update(chunk);
                file.consume(read);
            }
        }
        Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    read().unwrap_or_else(|_| NOTHING.to_owned())
}
