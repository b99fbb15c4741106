//! The keys of hosts that are known, and what a key that a host shows means beside them.
//!
//! The files are searched by `ssh-keygen -F`, OpenSSH's own matcher: it knows hashed names, ports,
//! wildcards and negation, of which libssh2 knows the half and reads the rest as a changed key.

use std::ffi::OsString;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use miyabi_protocol::HostQuestion;
use sha2::{Digest as _, Sha256};

use super::config::Settings;
use crate::{ReachError, process};

const LIMIT: Duration = Duration::from_secs(10);

/// All that we speak, in the order that OpenSSH prefers.
const ALGORITHMS: &[(&str, &str)] = &[
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256"),
];

/// A key as a host shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostKey {
    pub(super) blob: Vec<u8>,
}

impl HostKey {
    /// As in `ssh-ed25519`: the first string of a key is its type.
    pub(super) fn key_type(&self) -> String {
        let name = self.blob.split_at_checked(4).and_then(|(length, rest)| {
            let length = u32::from_be_bytes(length.try_into().ok()?);
            rest.get(..usize::try_from(length).ok()?)
        });
        name.map_or_else(|| "unknown".to_owned(), |name| String::from_utf8_lossy(name).into_owned())
    }

    /// As `ssh` writes it.
    pub(super) fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }
}

/// One line of a file that fits the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    file: String,
    line: u32,
    is_revoked: bool,
    key_type: String,
    blob: Vec<u8>,
}

/// What is kept about a host, in all files.
pub(super) async fn look_up(settings: &Settings) -> Result<Vec<Kept>, ReachError> {
    let mut all = Vec::new();
    for file in settings.known_hosts.iter().filter(|file| file.exists()) {
        let argv: Vec<OsString> = vec![
            "ssh-keygen".into(),
            "-F".into(),
            settings.kept_as.clone().into(),
            "-f".into(),
            file.clone().into_os_string(),
        ];
        let refused = |why: String| ReachError::Refused {
            why: format!("cannot look for known keys in {}: {why}", file.display()),
            remedy: "make the file readable, or correct UserKnownHostsFile".to_owned(),
        };
        let answer = process::ask(&argv, LIMIT).await.map_err(|error| refused(error.to_string()))?;
        // 1: nothing is kept there.
        if !matches!(answer.code, Some(0 | 1)) {
            return Err(refused(crate::stream::readable(answer.stderr.as_bytes())));
        }
        all.extend(read(&answer.stdout, file));
    }
    Ok(all)
}

/// Reads pairs of lines, `# Host NAME found: line N` and the line itself.
fn read(text: &str, file: &Path) -> Vec<Kept> {
    let mut number = 0;
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# Host ") {
            let after = head.rsplit_once(" found: line ").map_or("", |(_, after)| after);
            number = after.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0);
            continue;
        }
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        // Certificates are not supported; a host that shows its plain key has to be known by it.
        if marker.is_some_and(|marker| marker != "@revoked") {
            continue;
        }
        let (Some(_name), Some(key_type), Some(key)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if let Ok(blob) = STANDARD.decode(key) {
            let (file, key_type) = (file.display().to_string(), key_type.to_owned());
            all.push(Kept { file, line: number, is_revoked: marker.is_some(), key_type, blob });
        }
    }
    all
}

/// The algorithms to ask the host for: those of known keys first, else it would show another key.
pub(super) fn preference(kept: &[Kept]) -> String {
    let is_known = |key_type: &str| kept.iter().any(|kept| !kept.is_revoked && kept.key_type == key_type);
    let (known, others): (Vec<_>, Vec<_>) = ALGORITHMS.iter().partition(|(key_type, _)| is_known(key_type));
    known.iter().chain(&others).map(|(_, algorithms)| *algorithms).collect::<Vec<_>>().join(",")
}

/// Whether a key is the one that is kept.
pub(super) fn check(key: &HostKey, kept: &[Kept], settings: &Settings) -> Result<(), ReachError> {
    let same = |kept: &&Kept| kept.blob == key.blob;
    if let Some(revoked) = kept.iter().filter(|kept| kept.is_revoked).find(same) {
        return Err(ReachError::Refused {
            why: format!(
                "the host shows a key that is revoked by {}, line {}: {}",
                revoked.file,
                revoked.line,
                key.fingerprint()
            ),
            remedy: "do not connect; ask who runs the host for its new key".to_owned(),
        });
    }
    let mut trusted = kept.iter().filter(|kept| !kept.is_revoked);
    if trusted.clone().any(|kept| same(&kept)) {
        return Ok(());
    }
    let of_its_type = trusted.clone().find(|kept| kept.key_type == key.key_type());
    // A host that is known by other types, and shows none of them although they were asked for, has
    // changed too.
    match of_its_type.or_else(|| trusted.next()) {
        Some(other) => Err(ReachError::ChangedKey {
            name: settings.kept_as.clone(),
            file: other.file.clone(),
            line: other.line,
        }),
        None => Err(ReachError::Question { question: question(key, settings), was_wrong: false }),
    }
}

fn question(key: &HostKey, settings: &Settings) -> HostQuestion {
    let file = settings.keeps_in.as_deref().map_or("no file".to_owned(), |file| file.display().to_string());
    HostQuestion::UnknownKey {
        fingerprint: key.fingerprint(),
        key_type: key.key_type(),
        kept_as: format!("{} in {file}", settings.kept_as),
    }
}

/// Keeps a key: one line at the end of the person's first file.
pub(super) fn keep(key: &HostKey, settings: &Settings) -> Result<(), ReachError> {
    let Some(file) = &settings.keeps_in else {
        return Err(ReachError::Refused {
            why: "UserKnownHostsFile is `none`: there is no file to keep the key in".to_owned(),
            remedy: "name a file in ~/.ssh/config".to_owned(),
        });
    };
    let line = format!("{} {} {}\n", settings.kept_as, key.key_type(), STANDARD.encode(&key.blob));
    append(file, &line).map_err(|error| ReachError::Refused {
        why: format!("cannot keep the key in {}: {error}", file.display()),
        remedy: "make the file writable".to_owned(),
    })
}

fn append(file: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut open = std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    let mut text = String::new();
    if open.metadata()?.len() > 0 {
        open.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        open.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push('\n');
        }
    }
    text.push_str(line);
    open.write_all(text.as_bytes())?;
    open.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Host box found: line 4 REVOKED\n@revoked box ssh-ed25519 AAAA\n\
        # Host box found: line 5 CA\n@cert-authority *.x ssh-rsa BBBB\n\
        # Host box found: line 9 \n|1|salt=|hash= ecdsa-sha2-nistp256 AAAB comment\n";

    #[test]
    fn lines_are_read_with_their_markers_and_authorities_are_left_out() {
        let kept = read(TEXT, Path::new("/k"));
        let short: Vec<_> =
            kept.iter().map(|kept| (kept.line, kept.is_revoked, kept.key_type.as_str())).collect();
        assert_eq!(short, [(4, true, "ssh-ed25519"), (9, false, "ecdsa-sha2-nistp256")]);
    }

    #[test]
    fn known_types_are_asked_for_first_and_a_revoked_one_does_not_count() {
        let preference = preference(&read(TEXT, Path::new("/k")));
        assert!(preference.starts_with("ecdsa-sha2-nistp256,ssh-ed25519,"), "{preference}");
        assert!(preference.ends_with("rsa-sha2-512,rsa-sha2-256"), "{preference}");
    }

    #[test]
    fn a_line_is_added_behind_one_without_an_end_and_new_files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("ssh/known_hosts");
        append(&file, "one\n").expect("written");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&folder.path().join("ssh"))), (0o600, 0o700));
        std::fs::write(&file, "no end").expect("written");
        append(&file, "two\n").expect("written");
        assert_eq!(std::fs::read_to_string(&file).expect("text"), "no end\ntwo\n");
    }

    #[test]
    fn the_type_of_a_key_is_its_first_string_and_nonsense_has_none() {
        let key = HostKey { blob: [&[0, 0, 0, 11][..], b"ssh-ed25519", &[0, 0, 0, 1, 7]].concat() };
        assert_eq!(key.key_type(), "ssh-ed25519");
        assert_eq!(HostKey { blob: vec![0xff; 6] }.key_type(), "unknown");
        assert_eq!(HostKey { blob: Vec::new() }.key_type(), "unknown");
    }
}
