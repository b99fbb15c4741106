//! Known keys of hosts: asked for once, kept, and never another one taken.

use std::os::unix::fs::PermissionsExt as _;

use miyabi_protocol::HostQuestion;
use miyabi_reach::{Part, ReachError, trust_in};

use crate::programs::run;
use crate::stage::{Setup, Stage, all_of};

#[tokio::test]
async fn an_unknown_key_is_asked_about_as_ssh_shows_it_and_kept_when_trusted() {
    let Some(stage) = Stage::new(&Setup::default()) else { return };
    let (question, was_wrong) = stage.question(&[]).await;
    let shown = run(&["ssh-keygen", "-l", "-f", &stage.text("host_ed25519.pub")], &[]);
    let HostQuestion::UnknownKey { fingerprint, key_type, kept_as } = question else {
        panic!("{question:?}")
    };
    assert!(shown.contains(&fingerprint), "{shown} {fingerprint}");
    assert_eq!((key_type.as_str(), was_wrong), ("ssh-ed25519", false));
    assert_eq!(kept_as, format!("[127.0.0.1]:{} in {}", stage.port, stage.text("ssh/known_hosts")));

    let other = trust_in("box", "SHA256:other", &stage.environment).await.expect_err("another key");
    assert!(matches!(other, ReachError::Refused { .. }), "{other}");
    assert!(!stage.path("ssh/known_hosts").exists());

    trust_in("box", &fingerprint, &stage.environment).await.expect("kept");
    let mode = |name: &str| std::fs::metadata(stage.path(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode("ssh"), mode("ssh/known_hosts")), (0o700, 0o600));
    // What ssh itself makes of the line is the proof that it is right.
    let known = run(
        &["ssh-keygen", "-F", &format!("[127.0.0.1]:{}", stage.port), "-f", &stage.text("ssh/known_hosts")],
        &[],
    );
    assert!(known.contains("found: line 1"), "{known}");
    assert!(all_of(stage.start(Part::Probe).await.expect("reached")).await.starts_with("home "));
}

#[tokio::test]
async fn a_changed_key_is_refused_with_its_file_and_line_and_cannot_be_trusted() {
    let Some(stage) = Stage::new(&Setup::default()) else { return };
    stage.know("id_plain");
    let changed = ReachError::ChangedKey {
        name: format!("[127.0.0.1]:{}", stage.port),
        file: stage.text("ssh/known_hosts"),
        line: 2,
    };
    assert_eq!(stage.start(Part::Probe).await.expect_err("changed"), changed);
    let before = stage.read("ssh/known_hosts");
    assert_eq!(trust_in("box", "SHA256:any", &stage.environment).await, Err(changed));
    assert_eq!(stage.read("ssh/known_hosts"), before);
}

#[tokio::test]
async fn hashed_names_wildcards_and_other_types_of_key_are_known() {
    let Some(mut stage) = Stage::new(&Setup::default()) else { return };
    // The host has two keys; only the one that we would not ask for by ourselves is known.
    run(&["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", &stage.text("host_ecdsa")], &[]);
    let config = format!("HostKey {}\n{}", stage.text("host_ecdsa"), stage.read("sshd_config"));
    stage.write("sshd_config", &config);
    stage.restart_sshd();
    stage.know("host_ecdsa");
    run(&["ssh-keygen", "-q", "-H", "-f", &stage.text("ssh/known_hosts")], &[]);
    assert!(!stage.read("ssh/known_hosts").contains("127.0.0.1"));
    all_of(stage.start(Part::Probe).await.expect("known by its hashed name")).await;

    let key = stage.read("host_ecdsa.pub");
    stage.write("ssh/known_hosts", &format!("[127.0.0.*]:* {key}"));
    all_of(stage.start(Part::Probe).await.expect("known by a wildcard")).await;

    stage.write("ssh/known_hosts", &format!("[127.0.0.*]:* {key}@revoked * {key}"));
    let error = stage.start(Part::Probe).await.expect_err("revoked");
    assert!(matches!(&error, ReachError::Refused { why, .. } if why.contains("line 2")), "{error}");

    stage.write("ssh/known_hosts", &format!("@cert-authority * {key}"));
    let (question, _) = stage.question(&[]).await;
    assert!(matches!(question, HostQuestion::UnknownKey { .. }), "{question:?}");
}
