//! Proving who we are: keys, the agent, passwords; and what is said when nothing is taken.

use miyabi_protocol::HostQuestion;
use miyabi_reach::{Part, ReachError, SecretOf};

use crate::programs::{self, run};
use crate::stage::{Setup, Stage, all_of};

fn lock_a_key(stage: &Stage, name: &str) {
    run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "sesame", "-f", &stage.text(name)], &[]);
}

/// Lets the host take this key and no other, and the person offer these.
fn only(stage: &Stage, taken: &str, offered: &[&str]) {
    stage.write("authorized_keys", &stage.read(&format!("{taken}.pub")));
    let lines: Vec<_> = offered.iter().map(|key| format!("  IdentityFile {}", stage.text(key))).collect();
    stage.configure(&lines.join("\n"));
}

#[tokio::test]
async fn a_locked_key_is_asked_for_until_the_passphrase_is_right() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    lock_a_key(&stage, "id_locked");
    // The public half is read from the key itself.
    only(&stage, "id_locked", &["id_locked"]);
    std::fs::remove_file(stage.path("id_locked.pub")).expect("removed");
    let key = stage.text("id_locked");
    let asked = HostQuestion::Passphrase { key: key.clone() };
    assert_eq!(stage.question(&[]).await, (asked.clone(), false));
    assert_eq!(stage.question(&[(SecretOf::Key(key.clone()), "wrong")]).await, (asked, true));
    let right = stage.start_with(Part::Probe, &[(SecretOf::Key(key), "sesame")]).await.expect("reached");
    all_of(right).await;
}

#[tokio::test]
async fn the_passphrase_of_a_key_that_the_host_would_not_take_is_not_asked_for() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    lock_a_key(&stage, "id_other");
    only(&stage, "id_plain", &["id_other", "id_plain"]);
    all_of(stage.start(Part::Probe).await.expect("reached by the second key")).await;
}

#[tokio::test]
async fn keys_of_the_agent_are_taken_and_identities_only_is_respected() {
    let Some(mut stage) = Stage::ready(&Setup::default()) else { return };
    lock_a_key(&stage, "id_locked");
    only(&stage, "id_locked", &["id_locked"]);
    let socket = stage.text("agent");
    let _agent = programs::start(
        &["sh", "-c", "exec ssh-agent -D -a \"$1\" >&2", "sh", &socket],
        &[],
        "SSH_AUTH_SOCK",
    );
    // An agent listens at once or a moment later: ssh-add says when.
    while !stage.path("agent").exists() {
        tokio::task::yield_now().await;
    }
    stage.write("ask", "#!/bin/sh\necho sesame\n");
    run(&["chmod", "700", &stage.text("ask")], &[]);
    let ask = stage.text("ask");
    let asking =
        [("SSH_AUTH_SOCK", socket.as_str()), ("SSH_ASKPASS", &ask), ("SSH_ASKPASS_REQUIRE", "force")];
    run(&["ssh-add", "-q", &stage.text("id_locked")], &asking);
    stage.environment.agent = Some(socket.into());
    all_of(stage.start(Part::Probe).await.expect("reached without a question")).await;

    // Another key is named, and only named ones may be used.
    stage.configure(&format!("  IdentitiesOnly yes\n  IdentityFile {}", stage.text("id_plain")));
    let error = stage.start(Part::Probe).await.expect_err("not taken");
    assert!(matches!(&error, ReachError::Refused { why, .. } if !why.contains("agent")), "{error}");
    stage.configure("  IdentitiesOnly no\n  IdentityFile none");
    let config = stage.read("config").replace("Host *", "Host other");
    stage.write(
        "config",
        &config
            .replace("  Port", "  User root\n  UserKnownHostsFile HERE\n  Port")
            .replace("HERE", &stage.text("ssh/known_hosts")),
    );
    all_of(stage.start(Part::Probe).await.expect("all keys of the agent may be used")).await;
}

#[tokio::test]
async fn a_password_is_asked_for_only_where_the_host_takes_one() {
    let Some(stage) = Stage::ready(&Setup { sshd: "PasswordAuthentication yes", ..Setup::default() }) else {
        return;
    };
    stage.write("authorized_keys", "");
    let prompt = "root@127.0.0.1's password".to_owned();
    let asked = HostQuestion::Password { prompt };
    assert_eq!(stage.question(&[]).await, (asked.clone(), false));
    assert_eq!(stage.question(&[(SecretOf::Host, "wrong")]).await, (asked, true));
    all_of(stage.start_with(Part::Probe, &[(SecretOf::Host, "open sesame")]).await.expect("reached")).await;
}

#[tokio::test]
async fn a_host_that_takes_no_key_of_ours_says_which_were_tried() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    stage.write("authorized_keys", "");
    let error = stage.start(Part::Probe).await.expect_err("not taken");
    let ReachError::Refused { why, remedy } = &error else { panic!("{error:?}") };
    assert!(why.contains("id_plain") && why.contains("publickey"), "{why}");
    assert!(remedy.contains("ssh box"), "{remedy}");
}

#[tokio::test]
async fn names_that_a_shell_or_ssh_would_obey_never_get_so_far() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let trap = stage.text("trap");
    let odd = [
        format!("-oProxyCommand=touch {trap}"),
        format!("-oProxyCommand=touch\u{a0}{trap}"),
        format!("$(touch {trap})"),
        format!("box;touch {trap}"),
        format!("box'\"`touch {trap}`"),
        "box\nProxyCommand x".to_owned(),
    ];
    stage.configure("");
    let config = stage.read("config").replace("Host *", "Host *\n  ProxyCommand sh -c 'echo %n %h'");
    stage.write("config", &config);
    for address in odd {
        let reach = stage.reach_by(miyabi_reach::Way::Ssh { address: address.clone() }, &[]);
        let error =
            miyabi_reach::start_in(&reach, Part::Probe, &stage.environment).await.expect_err("refused");
        assert!(matches!(error, ReachError::Refused { .. }), "{address}: {error}");
    }
    assert!(!stage.path("trap").exists());
}

#[tokio::test]
async fn what_the_host_itself_asks_is_passed_on_and_answered() {
    let sshd = "KbdInteractiveAuthentication yes\nUsePAM yes";
    let Some(stage) = Stage::ready(&Setup { sshd, ..Setup::default() }) else { return };
    stage.write("authorized_keys", "");
    let asked = HostQuestion::Password { prompt: "Password".to_owned() };
    assert_eq!(stage.question(&[]).await, (asked, false));
    all_of(stage.start_with(Part::Probe, &[(SecretOf::Host, "open sesame")]).await.expect("reached")).await;
}
