//! What `ssh` would do for an address: asked of `ssh -G`, so that every rule of its files holds.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Environment, ReachError, process};

/// How long `ssh -G` may take; a `Match exec` of the person's may look things up.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a host has for its first word, where the configuration says nothing.
const CONNECT: Duration = Duration::from_secs(15);

/// What stands between us and the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Road {
    Direct,
    /// Hosts to go through, in their order.
    Jumps(Vec<String>),
    /// A command for the person's shell.
    Command(String),
}

/// How to connect and to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) address: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) road: Road,
    /// Under which name its key is kept.
    pub(super) kept_as: String,
    /// Where keys are kept, the person's own files first.
    pub(super) known_hosts: Vec<PathBuf>,
    /// The file that takes new keys.
    pub(super) keeps_in: Option<PathBuf>,
    pub(super) identity_files: Vec<PathBuf>,
    pub(super) identities_only: bool,
    pub(super) agent: Option<PathBuf>,
    pub(super) keys_allowed: bool,
    pub(super) passwords_allowed: bool,
    pub(super) prompts_allowed: bool,
    pub(super) connect_limit: Duration,
}

/// Asks `ssh` what it would do for this address.
pub(super) async fn resolve(address: &str, environment: &Environment) -> Result<Settings, ReachError> {
    check_address(address)?;
    let mut argv = ssh_words(environment);
    argv.extend(["-G", "--", address].map(OsString::from));
    let answer = process::ask(&argv, LIMIT).await.map_err(|error| ReachError::Refused {
        why: format!("cannot ask `ssh -G` about {address}: {error}"),
        remedy: "install the OpenSSH client; its configuration is used here".to_owned(),
    })?;
    if answer.code != Some(0) {
        return Err(ReachError::Refused {
            why: format!("`ssh -G {address}` says: {}", crate::stream::readable(answer.stderr.as_bytes())),
            remedy: "correct ~/.ssh/config".to_owned(),
        });
    }
    read(address, &answer.stdout, environment)
}

/// `ssh`, with the configuration that is meant.
pub(super) fn ssh_words(environment: &Environment) -> Vec<OsString> {
    let mut argv = vec![OsString::from("ssh")];
    if let Some(config) = &environment.ssh_config {
        argv.extend([OsString::from("-F"), config.into()]);
    }
    argv
}

/// Refuses what no host is called. The address comes from a plan, and the person's own files may put
/// it into a shell line (`ProxyCommand … %h`, `Match exec`): newer releases of `ssh` refuse the same.
pub(super) fn check_address(address: &str) -> Result<(), ReachError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "'`\"$\\;&<>|(){}!*?#~".contains(c);
    if !address.is_empty()
        && address.len() <= 512
        && !address.starts_with('-')
        && !address.contains("@-")
        && !address.contains(odd)
    {
        return Ok(());
    }
    Err(ReachError::Refused {
        why: format!("{address:?} is not a name that a host can have"),
        remedy: "write a name from ~/.ssh/config, `host` or `user@host`".to_owned(),
    })
}

fn read(address: &str, text: &str, environment: &Environment) -> Result<Settings, ReachError> {
    let mut all: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in text.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        all.entry(name).or_default().push(value.trim());
    }
    let one = |name: &str| {
        all.get(name).and_then(|values| values.first()).copied().filter(|value| !value.is_empty())
    };
    let yes = |name: &str| one(name) == Some("yes") || one(name) == Some("true");
    let not_no = |name: &str| one(name) != Some("no");
    let missing = |name: &str| ReachError::Refused {
        why: format!("`ssh -G {address}` names no {name}"),
        remedy: "look at what it prints".to_owned(),
    };
    let host = one("hostname").ok_or_else(|| missing("hostname"))?.to_ascii_lowercase();
    let port = one("port").and_then(|port| port.parse().ok()).ok_or_else(|| missing("port"))?;
    let user = one("user").ok_or_else(|| missing("user"))?.to_owned();
    let tokens = Tokens { host: &host, port, user: &user, address, environment };
    let files = |name: &str| -> Vec<PathBuf> {
        let words = all.get(name).into_iter().flatten().flat_map(|value| value.split_whitespace());
        words.filter(|word| *word != "none").map(|word| tokens.path(word)).collect()
    };
    let kept_as = match one("hostkeyalias") {
        Some(alias) => alias.to_owned(),
        None if port == 22 => host.clone(),
        None => format!("[{host}]:{port}"),
    };
    // A whole line is one file: its name may have blanks.
    let identity_files = all
        .get("identityfile")
        .into_iter()
        .flatten()
        .filter(|file| **file != "none")
        .map(|file| tokens.path(file));
    Ok(Settings {
        road: road(one("proxyjump"), one("proxycommand"), yes("proxyusefdpass"), &tokens)?,
        kept_as,
        keeps_in: files("userknownhostsfile").into_iter().next(),
        known_hosts: files("userknownhostsfile").into_iter().chain(files("globalknownhostsfile")).collect(),
        identity_files: identity_files.collect(),
        identities_only: yes("identitiesonly"),
        agent: agent(one("identityagent"), &tokens),
        keys_allowed: not_no("pubkeyauthentication"),
        passwords_allowed: not_no("passwordauthentication"),
        prompts_allowed: not_no("kbdinteractiveauthentication"),
        connect_limit: one("connecttimeout").and_then(seconds).unwrap_or(CONNECT),
        address: address.to_owned(),
        host,
        port,
        user,
    })
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

fn road(
    jump: Option<&str>,
    command: Option<&str>,
    passes_descriptor: bool,
    tokens: &Tokens<'_>,
) -> Result<Road, ReachError> {
    if passes_descriptor {
        return Err(ReachError::Refused {
            why: "the configuration says `ProxyUseFdpass yes`, which is not supported".to_owned(),
            remedy: "use a ProxyCommand that carries the bytes itself, as `nc` does without -F".to_owned(),
        });
    }
    Ok(match (jump.filter(|jump| *jump != "none"), command.filter(|command| *command != "none")) {
        (Some(jumps), _) => Road::Jumps(jumps.split(',').map(|jump| jump.trim().to_owned()).collect()),
        (None, Some(command)) => Road::Command(tokens.expand(command)),
        (None, None) => Road::Direct,
    })
}

fn agent(named: Option<&str>, tokens: &Tokens<'_>) -> Option<PathBuf> {
    match named {
        Some("none") => None,
        None | Some("SSH_AUTH_SOCK") => tokens.environment.agent.clone(),
        // A variable of the environment, as `ssh` reads it.
        Some(named) if named.starts_with('$') => {
            std::env::var_os(named.trim_start_matches(['$', '{']).trim_end_matches('}')).map(PathBuf::from)
        }
        Some(named) => Some(tokens.path(named)),
    }
}

/// What `%h` and the others stand for: `ssh -G` leaves them as they are.
struct Tokens<'a> {
    host: &'a str,
    port: u16,
    user: &'a str,
    address: &'a str,
    environment: &'a Environment,
}

impl Tokens<'_> {
    fn path(&self, text: &str) -> PathBuf {
        self.environment.expand_home(&self.expand(text))
    }

    fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            match characters.next() {
                Some('%') | None => expanded.push('%'),
                Some('h') => expanded.push_str(self.host),
                Some('p') => expanded.push_str(&self.port.to_string()),
                Some('r') => expanded.push_str(self.user),
                Some('n') => expanded.push_str(self.address.rsplit('@').next().unwrap_or(self.address)),
                Some('u') => expanded.push_str(self.environment.user.as_deref().unwrap_or_default()),
                Some('d') => {
                    let home = self.environment.home.as_deref().unwrap_or(Path::new("/"));
                    expanded.push_str(&home.to_string_lossy());
                }
                Some(other) => expanded.extend(['%', other]),
            }
        }
        expanded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        let environment = Environment {
            home: Some("/home/me".into()),
            user: Some("me".to_owned()),
            ..Environment::default()
        };
        read("ada@box", text, &environment).expect("read")
    }

    #[test]
    fn what_ssh_says_is_read_with_its_tokens() {
        let text = "user ada\nhostname Box.example\nport 2200\nidentityfile ~/.ssh/key of %r\nidentitiesonly yes\n\
            userknownhostsfile ~/.ssh/known_hosts /k/%h\nconnecttimeout 7\nproxycommand nc -X 5 %h %p %%\n";
        let settings = settings(text);
        assert_eq!(
            (settings.host.as_str(), settings.port, settings.user.as_str()),
            ("box.example", 2200, "ada")
        );
        assert_eq!(settings.kept_as, "[box.example]:2200");
        assert_eq!(settings.identity_files, [PathBuf::from("/home/me/.ssh/key of ada")]);
        assert_eq!(
            settings.known_hosts,
            [PathBuf::from("/home/me/.ssh/known_hosts"), PathBuf::from("/k/box.example")]
        );
        assert_eq!(settings.road, Road::Command("nc -X 5 box.example 2200 %".to_owned()));
        assert_eq!(settings.connect_limit, Duration::from_secs(7));
        assert!(settings.identities_only);
    }

    #[test]
    fn a_key_is_kept_under_the_alias_and_jumps_keep_their_order() {
        let text =
            "user a\nhostname box\nport 22\nhostkeyalias farm\nproxyjump one,me@two:33\nproxycommand none\n";
        let settings = settings(text);
        assert_eq!(settings.kept_as, "farm");
        assert_eq!(settings.road, Road::Jumps(vec!["one".to_owned(), "me@two:33".to_owned()]));
        assert_eq!(settings.connect_limit, CONNECT);
    }

    #[test]
    fn names_that_a_shell_or_ssh_would_obey_are_refused() {
        for odd in
            ["", "-oProxyCommand=x", "a b", "a;b", "$(id)", "`id`", "a'b", "a\nb", "u@-x", "a|b", "a\"b"]
        {
            assert!(check_address(odd).is_err(), "{odd:?}");
        }
        for good in ["mugen", "me@box.example", "::1", "fe80::1%eth0", "a_b-c", "ssh://me@box:22"] {
            assert!(check_address(good).is_ok(), "{good:?}");
        }
    }
}
