//! From a remote's address to the forge, the project there, and the forge's API.

use crate::ForgeError;
use crate::error::plain;

/// GitHub itself.
const GITHUB: &str = "github.com";
/// Where GitHub takes SSH on the port of HTTPS.
const GITHUB_SSH: &str = "ssh.github.com";
/// GitHub's hosts for companies end so, and have their API beside them.
const GITHUB_CLOUD: &str = ".ghe.com";

/// A project on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// The forge's host, with its port where the address has one of HTTP.
    pub(crate) host: String,
    /// Whether it is on this machine, spoken to without TLS.
    local: bool,
    /// Whose it is.
    pub(crate) owner: String,
    /// What it is called.
    pub(crate) name: String,
}

impl Project {
    /// The project of a remote: `https://host/owner/name.git`, `ssh://git@host/owner/name`,
    /// `git@host:owner/name.git`.
    pub(crate) fn of_remote(url: &str) -> Result<Self, ForgeError> {
        let none = || {
            let message = format!("the remote's address {} names no project of a forge", plain(url));
            ForgeError::new(message).hint(
                "it is expected as in https://github.com/owner/name.git or git@github.com:owner/name.git",
            )
        };
        let (host, path, local) = split(url).ok_or_else(none)?;
        let path = path.trim_matches('/');
        let mut parts = path.rsplit('/');
        let name = parts.next().map(|name| name.strip_suffix(".git").unwrap_or(name));
        let (Some(name), Some(owner)) = (name, parts.next()) else { return Err(none()) };
        if ![owner, name].into_iter().all(is_name) || !is_host(&host) {
            return Err(none());
        }
        let host = if host == GITHUB_SSH { GITHUB.to_owned() } else { host };
        Ok(Self { host, local, owner: owner.to_owned(), name: name.to_owned() })
    }

    /// Where the API of its forge is, by the custom of GitHub.
    pub(crate) fn api(&self) -> Api {
        let host = &self.host;
        let base = match (host.as_str(), self.local) {
            (GITHUB, _) => "https://api.github.com".to_owned(),
            (_, true) => format!("http://{host}/api/v3"),
            (cloud, _) if cloud.ends_with(GITHUB_CLOUD) => format!("https://api.{host}"),
            _ => format!("https://{host}/api/v3"),
        };
        Api { base, host: host.clone() }
    }
}

/// The API of a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Api {
    /// Its address, without a slash at the end.
    pub(crate) base: String,
    /// The host whose token it takes.
    pub(crate) host: String,
}

impl Api {
    /// The one at an address. Its token is that of its own host, so that no other forge is ever shown it.
    pub(crate) fn at(address: &str) -> Result<Self, ForgeError> {
        let wrong = |why: &str| {
            ForgeError::new(format!("the API's address {} {why}", plain(address)))
                .hint("it is `api` below `git` in task_dag.json, as in https://git.example/api/v3")
        };
        let (secure, rest) = match (address.strip_prefix("https://"), address.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(wrong("does not begin with https://")),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if !is_host(authority) || rest.contains(['?', '#', '@']) {
            return Err(wrong("names no host"));
        }
        if !secure && !is_local(authority) {
            return Err(wrong("would show the token to everybody on the way"));
        }
        let host = match authority.strip_prefix("api.") {
            Some(host) if host == GITHUB || host.ends_with(GITHUB_CLOUD) => host,
            _ => authority,
        };
        Ok(Self { base: address.trim_end_matches('/').to_owned(), host: host.to_owned() })
    }

    /// Whether it is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.base.starts_with("http://")
    }
}

/// Host, path, and whether the host is this machine without TLS.
fn split(url: &str) -> Option<(String, &str, bool)> {
    if let Some((scheme, rest)) = url.split_once("://") {
        let (authority, path) = rest.split_once('/')?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
        return match scheme.to_ascii_lowercase().as_str() {
            "https" => Some((authority, path, false)),
            "http" => {
                let local = is_local(&authority);
                Some((authority, path, local))
            }
            // The port of SSH says nothing of HTTPS.
            "ssh" | "git+ssh" | "ssh+git" => Some((without_port(&authority).to_owned(), path, false)),
            _ => None,
        };
    }
    // `[user@]host:path`, where no slash stands before the colon.
    let (host, path) = url.split_once(':')?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    (!host.contains('/') && !path.starts_with(':')).then(|| (host.to_ascii_lowercase(), path, false))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_local(authority: &str) -> bool {
    matches!(without_port(authority), "127.0.0.1" | "localhost" | "[::1]")
}

/// A host, with a port or not. It goes into a command's arguments, so it never begins with a dash.
fn is_host(authority: &str) -> bool {
    let of_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    authority.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') && authority.chars().all(of_host)
}

/// An owner or a project, which goes into a path.
fn is_name(name: &str) -> bool {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    !name.is_empty() && name != "." && name != ".." && name.chars().all(of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_remote_gives_host_owner_and_name() {
        for (url, expected) in [
            ("https://github.com/team/work.git", "github.com team work"),
            ("https://github.com/team/work/", "github.com team work"),
            ("https://me:secret@github.com/team/work", "github.com team work"),
            ("https://git.example:8443/team/work.git", "git.example:8443 team work"),
            ("https://git.example/forge/team/work.js.git", "git.example team work.js"),
            ("ssh://git@github.com:22/team/work.git", "github.com team work"),
            ("ssh://git@ssh.github.com:443/team/work.git", "github.com team work"),
            ("git@GitHub.com:team/work.git", "github.com team work"),
            ("git.example:team/work", "git.example team work"),
        ] {
            let found = Project::of_remote(url).expect(url);
            assert_eq!(format!("{} {} {}", found.host, found.owner, found.name), expected, "{url}");
        }
        for bad in [
            "/srv/work.git",
            "../work.git",
            "file:///srv/a/work.git",
            "https://github.com/work",
            "https://github.com/../work",
            "git@github.com:work.git",
            "ext::sh -c x/y/z",
            "https://-evil/a/b",
            "git@--help:a/b",
            "https://github.com/a b/c",
            "",
        ] {
            assert!(Project::of_remote(bad).is_err(), "{bad}");
        }
        let error = Project::of_remote("https://me:secret@github.com").expect_err("no project");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }

    #[test]
    fn the_api_of_a_forge_is_found_by_custom_and_gets_the_token_of_its_host_alone() {
        let api = |url: &str| Project::of_remote(url).expect(url).api();
        let of = |api: Api| format!("{} {}", api.base, api.host);
        assert_eq!(of(api("git@github.com:a/b")), "https://api.github.com github.com");
        assert_eq!(of(api("https://corp.ghe.com/a/b")), "https://api.corp.ghe.com corp.ghe.com");
        assert_eq!(of(api("git@git.example:a/b")), "https://git.example/api/v3 git.example");
        assert_eq!(of(api("http://127.0.0.1:99/a/b")), "http://127.0.0.1:99/api/v3 127.0.0.1:99");
        assert_eq!(of(api("http://git.example/a/b")), "https://git.example/api/v3 git.example");
        let at = |address: &str| Api::at(address).map(of);
        assert_eq!(at("https://api.github.com/").as_deref(), Ok("https://api.github.com github.com"));
        assert_eq!(at("https://git.example/api/v1").as_deref(), Ok("https://git.example/api/v1 git.example"));
        assert_eq!(at("http://localhost:1/api").as_deref(), Ok("http://localhost:1/api localhost:1"));
        assert_eq!(at("https://api.git.example").as_deref(), Ok("https://api.git.example api.git.example"));
        for bad in
            ["http://git.example", "git.example", "https://", "https://a@b", "https://x?y", "https://--x"]
        {
            assert!(Api::at(bad).is_err(), "{bad}");
        }
    }
}
