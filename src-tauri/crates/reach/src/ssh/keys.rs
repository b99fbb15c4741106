//! Key files: whether one is locked, and its public half, read without unlocking it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// No key is longer.
const LONGEST: u64 = 64 * 1024;

/// A private key as it lies in its file.
pub(super) struct KeyFile {
    /// Its text, for libssh2.
    pub(super) text: String,
    /// A line as in `id_ed25519.pub`; none where only unlocking would show it.
    pub(super) public: Option<String>,
    pub(super) is_locked: bool,
}

/// Reads a key file; none where there is none.
pub(super) fn read(path: &Path) -> std::io::Result<Option<KeyFile>> {
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > LONGEST {
        return Err(std::io::Error::other("it is too long for a key"));
    }
    let text = std::fs::read_to_string(path)?;
    let open_ssh = open_ssh(&text);
    let beside = public_beside(path);
    let is_locked = match &open_ssh {
        Some((is_locked, _)) => *is_locked,
        None => text.contains("ENCRYPTED"),
    };
    Ok(Some(KeyFile { public: open_ssh.map(|(_, public)| public).or(beside), text, is_locked }))
}

/// The public key in the file beside a private one; all there is for keys that an agent holds.
pub(super) fn public_beside(path: &Path) -> Option<String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    let text = std::fs::read_to_string(name).ok()?;
    text.lines().next().map(str::to_owned)
}

/// The key itself, of a public line.
pub(super) fn blob(public: &str) -> Option<Vec<u8>> {
    STANDARD.decode(public.split_whitespace().nth(1)?).ok()
}

/// OpenSSH's own format (PROTOCOL.key): the cipher and the public key stand in the clear.
fn open_ssh(text: &str) -> Option<(bool, String)> {
    let body = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----")?.1;
    let body = body.split_once("-----END OPENSSH PRIVATE KEY-----")?.0;
    let bytes = STANDARD.decode(body.split_whitespace().collect::<String>()).ok()?;
    let mut rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let cipher = string(&mut rest)?;
    let _derivation = string(&mut rest)?;
    let _options = string(&mut rest)?;
    let _count = rest.split_off(..4)?;
    let public = string(&mut rest)?;
    let mut inner = public;
    let key_type = std::str::from_utf8(string(&mut inner)?).ok()?;
    Some((cipher != b"none", format!("{key_type} {}", STANDARD.encode(public))))
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(rest.split_off(..4)?.try_into().ok()?);
    rest.split_off(..usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen -t ed25519 -N x`, and thrown away.
    const LOCKED_HEAD: &[u8] = b"openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt\0\0\0\0\0\0\0\x01";

    fn armoured(bytes: &[u8]) -> String {
        let body = STANDARD.encode(bytes);
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
    }

    #[test]
    fn a_locked_key_shows_its_public_half() {
        let public = [&[0, 0, 0, 11][..], b"ssh-ed25519", &[0, 0, 0, 2, 1, 2]].concat();
        let length = u32::try_from(public.len()).expect("short").to_be_bytes();
        let text = armoured(&[LOCKED_HEAD, &length, &public].concat());
        let (is_locked, line) = open_ssh(&text).expect("read");
        assert!(is_locked);
        assert_eq!(blob(&line), Some(public));
        assert!(line.starts_with("ssh-ed25519 "));
    }

    #[test]
    fn a_file_that_is_cut_or_odd_is_no_key() {
        for bytes in [&b""[..], b"openssh-key-v1\0", LOCKED_HEAD, b"openssh-key-v1\0\xff\xff\xff\xffx"] {
            assert!(open_ssh(&armoured(bytes)).is_none());
        }
        assert!(open_ssh("no key at all").is_none());
    }
}
