//! The declared outputs below a work folder: which files match, and whether they changed.
//!
//! Links to folders are not followed, and a link to a file counts only where that file lies below
//! the work folder too: a plan cannot make us read another place.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use miyabi_protocol::{Baseline, CommittedWork, EvidenceReport, Timestamp};
use sha2::{Digest as _, Sha256};

/// One declared output.
struct Declared {
    glob: String,
    matcher: GlobMatcher,
    /// The folder below which every match lies.
    base: PathBuf,
    /// How many folders below `base` a match can lie; none for any number.
    depth: Option<usize>,
}

/// The files that match each glob, in the order of the globs.
type Matches = Vec<(String, BTreeSet<String>)>;

/// The SHA-256 of every file that matches a glob.
///
/// # Errors
/// When a glob cannot be read or a matching file cannot.
pub(crate) fn baseline(folder: &Path, globs: &[String]) -> Result<Baseline, String> {
    let mut found = Baseline::new();
    for (_, files) in matching(folder, globs)? {
        for file in files {
            let path = folder.join(&file);
            if let Entry::Vacant(place) = found.entry(file) {
                let digest = digest(&path);
                place.insert(digest.map_err(|error| format!("cannot read {}: {error}", path.display()))?);
            }
        }
    }
    Ok(found)
}

/// The files that match a glob and were written at or after a time, sorted.
///
/// # Errors
/// When a glob cannot be read.
pub(crate) fn written_since(
    folder: &Path,
    globs: &[String],
    since: Timestamp,
) -> Result<Vec<String>, String> {
    let files: BTreeSet<String> = matching(folder, globs)?.into_iter().flat_map(|(_, files)| files).collect();
    Ok(files.into_iter().filter(|file| is_newer(&folder.join(file), since)).collect())
}

/// What became of the declared outputs since the baseline; without one, since the assignment. An
/// output counts as changed when its bytes differ or it was written again.
///
/// # Errors
/// When a glob cannot be read or a matching file cannot.
pub(crate) fn compare(
    folder: &Path,
    globs: &[String],
    before: Option<&Baseline>,
    assigned_at: Timestamp,
) -> Result<EvidenceReport, String> {
    let mut report = EvidenceReport::default();
    let matches = matching(folder, globs)?;
    let changed: BTreeMap<String, bool> = match before {
        Some(before) => baseline(folder, globs)?
            .into_iter()
            .map(|(file, digest)| {
                let differs = before.get(&file) != Some(&digest);
                let changed = differs || was_written_again(&folder.join(&file), assigned_at);
                (file, changed)
            })
            .collect(),
        None => matches
            .iter()
            .flat_map(|(_, files)| files)
            .map(|file| (file.clone(), is_newer(&folder.join(file), assigned_at)))
            .collect(),
    };
    for (glob, files) in matches {
        if files.is_empty() {
            report.missing.push(glob);
        } else if !files.iter().any(|file| changed.get(file).copied().unwrap_or(false)) {
            report.unchanged.push(glob);
        }
    }
    report.changed = changed.into_iter().filter(|(_, changed)| *changed).map(|(file, _)| file).collect();
    Ok(report)
}

/// Counts what differs from an attempt's base as changed, whoever wrote it first: a later attempt goes on in what
/// the one before it left.
pub(crate) fn count_work(report: &mut EvidenceReport, work: &CommittedWork) {
    let differs = |glob: &str| {
        let matcher = miyabi_plan::outputs::output_matcher(glob);
        matcher.is_ok_and(|matcher| work.files.iter().any(|file| matcher.is_match(&file.path)))
    };
    report.unchanged.retain(|glob| !differs(glob));
}

/// Counts outputs that are there and that the commit does not hold, as what git ignores, as missing: whoever builds on
/// the work would not find them.
pub(crate) fn miss_what_is_not_kept(report: &mut EvidenceReport, globs: &[String], kept: &[String]) {
    let is_kept = |glob: &str| {
        let matcher = miyabi_plan::outputs::output_matcher(glob);
        matcher.is_ok_and(|matcher| kept.iter().any(|path| matcher.is_match(path)))
    };
    let lost: Vec<&String> =
        globs.iter().filter(|glob| !report.missing.contains(glob) && !is_kept(glob)).collect();
    report.unchanged.retain(|glob| !lost.contains(&glob));
    let told = |glob: &String| format!("{glob} (it is there, and not in the commit: does git ignore it?)");
    report.missing.extend(lost.into_iter().map(told));
}

/// Whether a file was written after the assignment, be it with the bytes that it had: a program
/// that is run a second time may well make the same. Only where the file system keeps times finely
/// enough to tell; elsewhere the bytes alone decide.
fn was_written_again(path: &Path, assigned_at: Timestamp) -> bool {
    let Ok(modified) = fs::metadata(path).and_then(|found| found.modified()) else { return false };
    let since_epoch = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since_epoch.subsec_nanos() != 0 && Timestamp::from(modified) >= assigned_at
}

fn is_newer(path: &Path, since: Timestamp) -> bool {
    // A file system may keep whole seconds only, so that a file written at once would look older.
    let since = Timestamp::from_millis(since.as_millis().div_euclid(1000) * 1000);
    fs::metadata(path)
        .and_then(|found| found.modified())
        .is_ok_and(|modified| Timestamp::from(modified) >= since)
}

fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..count]);
    }
}

fn matching(folder: &Path, globs: &[String]) -> Result<Matches, String> {
    let real = folder.canonicalize().ok();
    let find = |glob: &String| {
        let declared = declare(glob)?;
        let mut files = BTreeSet::new();
        let inside = |real: &&PathBuf| {
            folder.join(&declared.base).canonicalize().is_ok_and(|base| base.starts_with(real))
        };
        if let Some(real) = real.as_ref().filter(inside) {
            walk(folder, real, &declared, &declared.base, 0, &mut files);
        }
        Ok((declared.glob, files))
    };
    globs.iter().map(find).collect()
}

fn declare(glob: &str) -> Result<Declared, String> {
    let matcher = GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .map_err(|error| format!("the output glob `{glob}` cannot be read: {error}"))?
        .compile_matcher();
    let parts: Vec<&str> = glob.split('/').collect();
    let plain = |part: &&str| !part.contains(['*', '?', '[', '{', '\\']) && !matches!(*part, "" | "." | "..");
    let folders = parts.len() - 1;
    let literal = parts.iter().take(folders).take_while(|part| plain(part)).count();
    let open = glob.contains("**") || glob.contains('{');
    Ok(Declared {
        glob: glob.to_owned(),
        matcher,
        base: parts[..literal].iter().collect(),
        depth: (!open).then_some(folders - literal),
    })
}

fn walk(
    folder: &Path,
    real: &Path,
    declared: &Declared,
    below: &Path,
    depth: usize,
    files: &mut BTreeSet<String>,
) {
    // A folder that is not there holds no match; one that cannot be read neither, for us.
    let Ok(entries) = fs::read_dir(folder.join(below)) else { return };
    for entry in entries.flatten() {
        let path = below.join(entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if declared.depth.is_none_or(|limit| depth < limit) {
                walk(folder, real, declared, &path, depth + 1, files);
            }
        } else if declared.matcher.is_match(&path) && is_inside(&entry.path(), kind, real) {
            files.insert(path.to_string_lossy().into_owned());
        }
    }
}

fn is_inside(path: &Path, kind: fs::FileType, real: &Path) -> bool {
    if kind.is_file() {
        return true;
    }
    kind.is_symlink() && path.canonicalize().is_ok_and(|target| target.starts_with(real) && target.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn globs(globs: &[&str]) -> Vec<String> {
        globs.iter().map(|glob| (*glob).to_owned()).collect()
    }

    #[test]
    fn missing_unchanged_and_changed_outputs_are_told_apart() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path();
        fs::create_dir_all(root.join("app/deep/er")).expect("made");
        let now = crate::clock::now();
        for name in ["app/a.py", "app/b.py", "app/deep/er/c.py", "README.md"] {
            fs::write(root.join(name), name).expect("written");
            let old = fs::File::options().write(true).open(root.join(name)).expect("open");
            old.set_modified(std::time::UNIX_EPOCH).expect("an old file");
        }
        let wanted = globs(&["app/*.py", "README.md", "**/c.py", "docs/*.md", "app"]);
        let before = baseline(root, &wanted).expect("read");
        assert_eq!(
            before.keys().collect::<Vec<_>>(),
            ["README.md", "app/a.py", "app/b.py", "app/deep/er/c.py"]
        );
        fs::write(root.join("app/b.py"), "new").expect("written");
        fs::write(root.join("README.md"), "README.md").expect("the same again");
        let since = |at| compare(root, &wanted, Some(&before), at).expect("read");
        let report = since(now.plus_seconds(60));
        assert_eq!(report.changed, ["app/b.py"], "by their bytes alone");
        assert_eq!(report.missing, ["docs/*.md", "app"]);
        assert_eq!(report.unchanged, ["README.md", "**/c.py"]);
        let report = since(now.plus_millis(-1000));
        assert_eq!(report.changed, ["README.md", "app/b.py"], "the same bytes, written again");
        assert_eq!(report.unchanged, ["**/c.py"]);
    }

    #[test]
    fn an_output_that_is_not_in_the_commit_is_missing() {
        let mut report = EvidenceReport { missing: vec!["none.md".into()], ..EvidenceReport::default() };
        let wanted = globs(&["none.md", "dist/app.js", "src/*.py"]);
        miss_what_is_not_kept(&mut report, &wanted, &["src/a.py".to_owned()]);
        let told: Vec<&str> = report.missing.iter().map(|one| one.split(' ').next().unwrap_or("")).collect();
        assert_eq!(told, ["none.md", "dist/app.js"]);
        assert!(report.missing[1].contains("does git ignore it?"));
    }

    #[test]
    fn without_a_baseline_the_time_of_the_assignment_decides() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("a"), "a").expect("written");
        let at = |now: Timestamp| compare(folder.path(), &globs(&["a"]), None, now).expect("read");
        let now = crate::clock::now();
        assert_eq!(at(now).changed, ["a"]);
        assert_eq!(at(now.plus_seconds(5)).unchanged, ["a"]);
    }

    #[test]
    fn links_do_not_lead_out_of_the_work_folder() {
        let (inside, outside) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        fs::write(outside.path().join("secret.py"), "s").expect("written");
        fs::write(inside.path().join("real.py"), "r").expect("written");
        symlink(outside.path(), inside.path().join("out")).expect("link");
        symlink(outside.path().join("secret.py"), inside.path().join("leak.py")).expect("link");
        symlink("real.py", inside.path().join("alias.py")).expect("link");
        symlink(".", inside.path().join("loop")).expect("link");
        let found = baseline(inside.path(), &globs(&["**/*.py", "out/*.py", "../*"])).expect("read");
        assert_eq!(found.keys().collect::<Vec<_>>(), ["alias.py", "real.py"]);
        assert!(baseline(inside.path(), &globs(&["a[", "b"])).expect_err("bad glob").contains("a["));
    }
}
