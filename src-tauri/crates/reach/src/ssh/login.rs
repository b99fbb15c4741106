//! Logging in: the agent's keys, key files, then what a person says. Blocking, in the session's thread.

use std::collections::HashSet;
use std::path::Path;

use miyabi_protocol::HostQuestion;
use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt, Session};

use super::config::Settings;
use super::keys::{self, KeyFile};
use crate::stream::readable;
use crate::{ReachError, SecretOf, Secrets};

/// What became of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Taken,
    NotTaken,
    /// The server would take the key, and nobody here could sign with it.
    CannotSign,
    Lost,
}

/// libssh2 has one code for a signature that was not made, one that was not taken, and a link that
/// broke meanwhile; only its words tell them apart.
fn outcome(result: &Result<(), ssh2::Error>) -> Outcome {
    let Err(error) = result else { return Outcome::Taken };
    match error.code() {
        ErrorCode::Session(-18 | -19) if error.message().starts_with("Waiting") => Outcome::Lost,
        ErrorCode::Session(-19) if error.message().starts_with("Callback") => Outcome::CannotSign,
        ErrorCode::Session(-18 | -19) => Outcome::NotTaken,
        // Of the socket, and its time limit.
        ErrorCode::Session(-7 | -9 | -13 | -43) => Outcome::Lost,
        // A file that cannot be read as a key without its passphrase, a kind of key that only an agent
        // can use, an agent that does not sign.
        _ => Outcome::CannotSign,
    }
}

/// Proves to the server who we are.
pub(super) fn log_in(session: &Session, settings: &Settings, secrets: &Secrets) -> Result<(), ReachError> {
    let methods = match session.auth_methods(&settings.user) {
        Ok(methods) => methods.to_owned(),
        // A server that asks for nothing.
        Err(_) if session.authenticated() => return Ok(()),
        Err(error) => return Err(lost(settings, &error)),
    };
    let offered = |method: &str| methods.split(',').any(|offered| offered == method);
    let mut attempt = Attempt { session, settings, secrets, tried: Vec::new(), blobs: HashSet::new() };
    if offered("publickey") && settings.keys_allowed && attempt.keys()? {
        return Ok(());
    }
    let by_password = offered("password") && settings.passwords_allowed;
    let by_prompts = offered("keyboard-interactive") && settings.prompts_allowed;
    if (by_password || by_prompts) && attempt.password(by_password, by_prompts)? {
        return Ok(());
    }
    Err(attempt.refused(&methods))
}

fn lost(settings: &Settings, error: &ssh2::Error) -> ReachError {
    ReachError::Unreachable {
        why: format!("{} ended the log-in: {}", settings.host, readable(error.message().as_bytes())),
    }
}

struct Attempt<'a> {
    session: &'a Session,
    settings: &'a Settings,
    secrets: &'a Secrets,
    /// For the message, when nothing was taken.
    tried: Vec<String>,
    /// Keys that were offered: each counts against the server's limit.
    blobs: HashSet<Vec<u8>>,
}

impl Attempt<'_> {
    fn refused(&self, methods: &str) -> ReachError {
        let tried = if self.tried.is_empty() {
            "nothing, for there is no key".to_owned()
        } else {
            self.tried.join(", ")
        };
        ReachError::Refused {
            why: format!(
                "{} does not let {} in; it takes {methods}; tried: {tried}",
                self.settings.host, self.settings.user
            ),
            remedy: format!(
                "make `ssh {}` work in a terminal, then test the host again",
                self.settings.address
            ),
        }
    }

    /// Whether the server took it; an error when the link itself is gone, or gone by too many tries.
    fn taken(&self, result: Result<(), ssh2::Error>) -> Result<bool, ReachError> {
        match (outcome(&result), result) {
            (Outcome::Lost, Err(error)) if self.tried.len() > 4 => Err(ReachError::Refused {
                why: format!(
                    "{} ended the log-in after {} keys ({})",
                    self.settings.host,
                    self.tried.len(),
                    error.message()
                ),
                remedy: "name the right one by IdentityFile and say IdentitiesOnly yes in ~/.ssh/config"
                    .to_owned(),
            }),
            (Outcome::Lost, Err(error)) => Err(lost(self.settings, &error)),
            (outcome, _) => Ok(outcome == Outcome::Taken),
        }
    }

    /// The order of `ssh`: the agent's keys that are named by the configuration, its others, then files.
    fn keys(&mut self) -> Result<bool, ReachError> {
        if let Some(socket) = self.settings.agent.clone().filter(|socket| socket.exists())
            && self.agent_keys(&socket)?
        {
            return Ok(true);
        }
        for path in &self.settings.identity_files {
            if self.key_file(path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn agent_keys(&mut self, socket: &Path) -> Result<bool, ReachError> {
        let listed = self.session.agent().and_then(|mut agent| {
            agent.set_identity_path(socket)?;
            agent.connect()?;
            agent.list_identities()?;
            let identities = agent.identities()?;
            Ok((agent, identities))
        });
        let (agent, mut identities) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                self.tried.push(format!("the agent, which did not answer ({})", error.message()));
                return Ok(false);
            }
        };
        let files = &self.settings.identity_files;
        let named: HashSet<Vec<u8>> = files.iter().filter_map(|path| public_of(path)).collect();
        if self.settings.identities_only {
            identities.retain(|identity| named.contains(identity.blob()));
        }
        identities.sort_by_key(|identity| !named.contains(identity.blob()));
        for identity in &identities {
            self.blobs.insert(identity.blob().to_vec());
            self.tried.push(format!("{} of the agent", readable(identity.comment().as_bytes())));
            if self.taken(agent.userauth(&self.settings.user, identity))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn key_file(&mut self, path: &Path) -> Result<bool, ReachError> {
        let name = path.display().to_string();
        let key = match keys::read(path) {
            Ok(Some(key)) => key,
            Ok(None) => return Ok(false),
            Err(error) => {
                self.tried.push(format!("{name}, which cannot be read ({error})"));
                return Ok(false);
            }
        };
        if let Some(blob) = key.public.as_deref().and_then(keys::blob)
            && !self.blobs.insert(blob)
        {
            return Ok(false);
        }
        self.tried.push(name.clone());
        let secret = self.secrets.0.get(&SecretOf::Key(name.clone()));
        // A locked key is offered too: the server is asked before the key is opened, so a person is
        // asked for the passphrase of a key that the server would take, and of no other.
        let offered = self.offer(&key, secret.map(|secret| secret.0.as_str()));
        if outcome(&offered) == Outcome::CannotSign {
            if key.is_locked {
                let question = HostQuestion::Passphrase { key: name };
                return Err(ReachError::Question { question, was_wrong: secret.is_some() });
            }
            self.tried.pop();
            self.tried.push(format!("{name}, which cannot be used without an agent"));
        }
        self.taken(offered)
    }

    fn offer(&self, key: &KeyFile, passphrase: Option<&str>) -> Result<(), ssh2::Error> {
        // Without a passphrase libssh2 would ask OpenSSL, and OpenSSL the terminal.
        let passphrase = passphrase.or(key.is_locked.then_some(""));
        self.session.userauth_pubkey_memory(&self.settings.user, key.public.as_deref(), &key.text, passphrase)
    }

    fn password(&mut self, by_password: bool, by_prompts: bool) -> Result<bool, ReachError> {
        let user = &self.settings.user;
        let secret = self.secrets.0.get(&SecretOf::Host);
        let mut prompter = Prompter { answer: secret.map(|secret| secret.0.as_str()), asked: None };
        let result = match secret {
            Some(secret) if by_password => Some(self.session.userauth_password(user, &secret.0)),
            // Also without an answer: that is how the server's own question is learnt.
            _ if by_prompts => Some(self.session.userauth_keyboard_interactive(user, &mut prompter)),
            _ => None,
        };
        if let Some(result) = result
            && self.taken(result)?
        {
            return Ok(true);
        }
        let prompt = prompter.asked.unwrap_or_else(|| format!("{user}@{}'s password", self.settings.host));
        let question = HostQuestion::Password { prompt };
        Err(ReachError::Question { question, was_wrong: secret.is_some() })
    }
}

fn public_of(path: &Path) -> Option<Vec<u8>> {
    let public = keys::read(path).ok().flatten().and_then(|key| key.public);
    keys::blob(&public.or_else(|| keys::public_beside(path))?)
}

/// Answers what a server asks with what the person said, and keeps the first question.
struct Prompter<'a> {
    answer: Option<&'a str>,
    asked: Option<String>,
}

impl KeyboardInteractivePrompt for Prompter<'_> {
    fn prompt<'a>(&mut self, _user: &str, instructions: &str, prompts: &[Prompt<'a>]) -> Vec<String> {
        let answer = |prompt: &Prompt<'_>| {
            if self.asked.is_none() {
                let words = format!("{instructions} {}", prompt.text);
                self.asked = Some(readable(words.as_bytes()).trim_end_matches(':').to_owned());
            }
            // What shows on a screen is no password.
            if prompt.echo { String::new() } else { self.answer.unwrap_or_default().to_owned() }
        };
        prompts.iter().map(answer).collect()
    }
}
