//! A host of the test's own, and a person's `ssh` files beside it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use miyabi_protocol::{HostQuestion, Secret};
use miyabi_reach::{Environment, Helpers, Part, Reach, ReachError, SecretOf, Secrets, Spoken, Way};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::programs::{self, Started, run};

/// Stands in for `miyabi-host`: what is tested here is how it gets there and what carries its bytes.
const HELPER: &str = r#"#!/bin/sh
case "$1" in
--version) echo "miyabi-host 0.0.0" ;;
serve) exec cat ;;
probe) printf 'home %s\nmask %s\nshell %s\n' "$HOME" "$(umask)" "$0" ;;
esac
"#;

/// What `unshare` runs: a mount namespace in which all that the host may touch is the test's own.
const NAMESPACE: &str = r#"
set -e
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
mount --bind "$STAGE/passwd" /etc/passwd
mount --bind "$STAGE/shadow" /etc/shadow
mkdir -p /run/sshd
sh -e "$STAGE/mounts"
exec /usr/sbin/sshd -D -e -f "$STAGE/sshd_config"
"#;

/// How the host is set up.
pub(crate) struct Setup<'a> {
    pub(crate) shell: &'a str,
    /// More lines of `sshd_config`.
    pub(crate) sshd: &'a str,
    /// A script with more mounts.
    pub(crate) mounts: &'a str,
    /// More lines of the person's `ssh` configuration, of the host named `box`.
    pub(crate) client: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { shell: "/bin/bash", sshd: "", mounts: "", client: "" }
    }
}

/// A host, a person's files, and the helper to put there.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    sshd: Option<Started>,
    pub(crate) port: u16,
    pub(crate) environment: Environment,
}

/// Says why a test leaves off.
pub(crate) fn skip(why: &str) {
    println!("skipped: {why}");
}

/// A port that is free for now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

impl Stage {
    /// None, with a message, where this cannot be done.
    pub(crate) fn new(setup: &Setup<'_>) -> Option<Self> {
        if !rustix::process::geteuid().is_root() || !programs::succeeds(&["unshare", "-m", "true"]) {
            skip("a host of its own needs root and namespaces");
            return None;
        }
        if !Path::new("/usr/sbin/sshd").exists() {
            skip("/usr/sbin/sshd is missing (package openssh-server)");
            return None;
        }
        if !Path::new(setup.shell).exists() {
            skip(&format!("{} is missing", setup.shell));
            return None;
        }
        if env!("CARGO_TARGET_TMPDIR").starts_with("/tmp/") {
            skip("the target folder lies below /tmp, and the host has a /tmp of its own");
            return None;
        }
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("folder");
        let environment = Environment {
            ssh_config: Some(folder.path().join("config")),
            home: Some(folder.path().to_owned()),
            user: Some("person".to_owned()),
            agent: None,
            shell: None,
        };
        let mut stage = Self { folder, sshd: None, port: free_port(), environment };
        stage.write_files(setup);
        stage.sshd = Some(stage.start_sshd());
        Some(stage)
    }

    /// A host that knows the person's unlocked key, and whose own key is known.
    pub(crate) fn ready(setup: &Setup<'_>) -> Option<Self> {
        let stage = Self::new(setup)?;
        stage.know("host_ed25519");
        Some(stage)
    }

    fn write_files(&self, setup: &Setup<'_>) {
        let home = self.path("home");
        std::fs::create_dir(&home).expect("folder");
        for key in ["host_ed25519", "id_plain"] {
            run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.text(key).as_str()], &[]);
        }
        let hash = run(&["openssl", "passwd", "-6", "open sesame"], &[]);
        self.write("passwd", &format!("root:x:0:0:root:{}:{}\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n", home.display(), setup.shell));
        self.write("shadow", &format!("root:{}:20000:0:99999:7:::\n", hash.trim()));
        self.write("mounts", setup.mounts);
        self.write("authorized_keys", &self.read("id_plain.pub"));
        self.write_helper(HELPER);
        let here = self.folder.path().display();
        self.write(
            "sshd_config",
            &format!(
                "{}\nListenAddress 127.0.0.1:{}\nHostKey {here}/host_ed25519\nAuthorizedKeysFile {here}/authorized_keys\n\
                 PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nMaxStartups 100\n",
                setup.sshd, self.port
            ),
        );
        self.configure(&format!("{}\n  IdentityFile {here}/id_plain", setup.client));
    }

    /// Writes the person's configuration anew, with these lines for the host.
    pub(crate) fn configure(&self, lines: &str) {
        let (port, here) = (self.port, self.folder.path().display());
        self.write(
            "config",
            &format!(
                "Host box\n  HostName 127.0.0.1\n  Port {port}\n{lines}\nHost *\n  User root\n  IdentitiesOnly yes\n  IdentityFile {here}/id_plain\n  \
                 UserKnownHostsFile {here}/ssh/known_hosts\n  GlobalKnownHostsFile none\n"
            ),
        );
    }

    fn start_sshd(&self) -> Started {
        let here = self.folder.path().to_str().expect("text");
        programs::start(&["unshare", "-m", "sh", "-c", NAMESPACE], &[("STAGE", here)], "Server listening")
    }

    /// Ends the server and starts it again, with what its files say now.
    pub(crate) fn restart_sshd(&mut self) {
        self.sshd = None;
        self.sshd = Some(self.start_sshd());
    }

    pub(crate) fn sshd_id(&self) -> i32 {
        self.sshd.as_ref().expect("runs").id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        std::fs::write(path, text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Gives the person another helper.
    pub(crate) fn write_helper(&self, text: &str) {
        self.write("helper", text);
        std::fs::set_permissions(self.path("helper"), std::fs::Permissions::from_mode(0o755)).expect("mode");
    }

    /// Makes a key the known one of the host.
    pub(crate) fn know(&self, key: &str) {
        let public = self.read(&format!("{key}.pub"));
        self.write("ssh/known_hosts", &format!("# kept\n[127.0.0.1]:{} {public}", self.port));
    }

    /// Lets the person reach the host by another port, and know its key there.
    pub(crate) fn know_at(&self, port: u16) {
        let config = self.read("config").replace(&format!("Port {}", self.port), &format!("Port {port}"));
        self.write("config", &config);
        self.write("ssh/known_hosts", &format!("[127.0.0.1]:{port} {}", self.read("host_ed25519.pub")));
    }

    pub(crate) fn reach_by(&self, way: Way, secrets: &[(SecretOf, &str)]) -> Reach {
        let secrets = secrets.iter().map(|(of, secret)| (of.clone(), Secret((*secret).to_owned())));
        let helpers = Helpers { own: self.path("helper"), folder: self.path("helpers") };
        Reach { way, helpers, secrets: Secrets(secrets.collect()) }
    }

    pub(crate) async fn start_with(
        &self,
        part: Part,
        secrets: &[(SecretOf, &str)],
    ) -> Result<Spoken, ReachError> {
        let reach = self.reach_by(Way::Ssh { address: "box".to_owned() }, secrets);
        miyabi_reach::start_in(&reach, part, &self.environment).await
    }

    pub(crate) async fn start(&self, part: Part) -> Result<Spoken, ReachError> {
        self.start_with(part, &[]).await
    }

    pub(crate) async fn question(&self, secrets: &[(SecretOf, &str)]) -> (HostQuestion, bool) {
        match self.start_with(Part::Probe, secrets).await {
            Err(ReachError::Question { question, was_wrong }) => (question, was_wrong),
            other => panic!("no question: {other:?}"),
        }
    }

    /// The folder that takes the helper first.
    pub(crate) fn bin(&self) -> PathBuf {
        self.path("home/.local/share/miyabi/bin")
    }
}

/// All that a program says until it ends well.
pub(crate) async fn all_of(mut spoken: Spoken) -> String {
    let mut text = String::new();
    spoken.stdout.read_to_string(&mut text).await.expect("a good end");
    text
}

/// Sends a word through a helper that sends it back.
pub(crate) async fn echo(spoken: &mut Spoken, word: &[u8]) {
    spoken.stdin.write_all(word).await.expect("sent");
    spoken.stdin.flush().await.expect("sent");
    let mut back = vec![0; word.len()];
    spoken.stdout.read_exact(&mut back).await.expect("came back");
    assert_eq!(back, word);
}

/// Long enough for a loaded machine, short beside every limit of the program itself.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Waits until this holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "{what} within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The processes that this one started and that are not ended, by name.
pub(crate) fn children() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    let ids = tasks.flatten().flat_map(|entry| {
        let text = std::fs::read_to_string(entry.path().join("children")).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    ids.map(|id| std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned())
        .collect()
}
