//! Ways that are not a plain connection: jumps, proxies, and any command.

use miyabi_reach::{Part, ReachError, Way};
use tokio::io::AsyncWriteExt as _;

use crate::stage::{Setup, Stage, all_of, echo};

#[tokio::test]
async fn through_another_host_by_proxy_jump() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let config = format!(
        "Host jump\n  HostName 127.0.0.1\n  Port {}\n{}",
        stage.port,
        stage.read("config").replacen("Host box", "Host box\n  ProxyJump jump", 1)
    );
    stage.write("config", &config);
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    echo(&mut spoken, b"through two doors").await;

    // The host on the way turns us away: that is said, in its own words.
    stage.write("config", &config.replacen("Host jump", "Host jump\n  User nobody", 1));
    let error = stage.start(Part::Probe).await.expect_err("turned away");
    assert!(
        matches!(&error, ReachError::Refused { why, .. } if why.contains("Permission denied")),
        "{error:?}"
    );
}

#[tokio::test]
async fn through_a_proxy_command_with_its_tokens() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let plain = stage.read("config");
    stage.write("relay.py", RELAY);
    let command = format!("python3 {} %h %p %r", stage.text("relay.py"));
    stage.write("config", &plain.replacen("Host box", &format!("Host box\n  ProxyCommand {command}"), 1));
    let mut spoken = stage.start(Part::Serve).await.expect("reached");
    echo(&mut spoken, b"through a program").await;

    stage.write(
        "config",
        &plain.replacen("Host box", "Host box\n  ProxyCommand echo no way through >&2; false", 1),
    );
    let error = stage.start(Part::Probe).await.expect_err("no way");
    assert!(matches!(&error, ReachError::Unreachable { why } if why.contains("no way through")), "{error:?}");
}

const RELAY: &str = "
import os, socket, sys, threading
host, port, user = sys.argv[1:]
assert user == 'root'
peer = socket.create_connection((host, int(port)))
def up():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
";

#[tokio::test]
async fn by_any_command_that_runs_what_follows_it() {
    let Some(stage) = Stage::new(&Setup::default()) else { return };
    let home = format!("HOME={}", stage.text("home"));
    let argv = ["env", "-u", "XDG_DATA_HOME", &home].map(str::to_owned).to_vec();
    let reach = stage.reach_by(Way::Command { argv }, &[]);
    let mut spoken = miyabi_reach::start_in(&reach, Part::Serve, &stage.environment).await.expect("reached");
    assert!(spoken.helper.is_new);
    echo(&mut spoken, b"no ssh at all").await;
    drop(spoken);
    let said =
        all_of(miyabi_reach::start_in(&reach, Part::Probe, &stage.environment).await.expect("reached")).await;
    assert!(said.contains(&stage.text("home")), "{said}");
}

#[tokio::test]
async fn the_end_of_our_stream_reaches_a_program_behind_a_command() {
    let Some(stage) = Stage::new(&Setup::default()) else { return };
    let home = format!("HOME={}", stage.text("home"));
    let argv = ["env", "-u", "XDG_DATA_HOME", &home].map(str::to_owned).to_vec();
    let reach = stage.reach_by(Way::Command { argv }, &[]);
    let mut spoken = miyabi_reach::start_in(&reach, Part::Serve, &stage.environment).await.expect("reached");
    echo(&mut spoken, b"the last word").await;
    spoken.stdin.shutdown().await.expect("ended");
    spoken.stdin.shutdown().await.expect("once more does no harm");
    spoken.stdin.write_all(b"late").await.expect_err("nothing goes after the end");
    let rest = tokio::time::timeout(crate::stage::SOON, all_of(spoken)).await.expect("it saw the end");
    assert_eq!(rest, "");
}

/// Tells what a program behind a command finds of what this process runs in.
const TELLS_ITS_SURROUNDINGS: &str = "#!/bin/sh
case \"$1\" in
--version) echo 'miyabi-host 0.0.0' ;;
probe) echo \"${TMUX-none} ${TMUX_PANE-none} ${CLAUDECODE-none} ${CLAUDE_CODE_ENTRYPOINT-none}\" ;;
esac
";

#[tokio::test]
async fn what_this_process_runs_in_is_not_handed_on() {
    const INNER: &str = "MIYABI_TEST_WITHIN_A_PANE";
    if std::env::var_os(INNER).is_none() {
        // The variables are those of a process, so the test runs once more in one that has them.
        let this = std::env::current_exe().expect("this program").display().to_string();
        let argv = [this.as_str(), "--exact", "roads::what_this_process_runs_in_is_not_handed_on"];
        let inner = [(INNER, "1"), ("TMUX", "/tmp/x,1,0"), ("TMUX_PANE", "%1"), ("CLAUDECODE", "1")];
        let more = [("CLAUDE_CODE_ENTRYPOINT", "cli")];
        let said = crate::programs::run(&argv, &[&inner[..], &more[..]].concat());
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    let Some(stage) = Stage::new(&Setup::default()) else { return };
    stage.write_helper(TELLS_ITS_SURROUNDINGS);
    let home = format!("HOME={}", stage.text("home"));
    let argv = ["env", "-u", "XDG_DATA_HOME", &home].map(str::to_owned).to_vec();
    let reach = stage.reach_by(Way::Command { argv }, &[]);
    let said =
        all_of(miyabi_reach::start_in(&reach, Part::Probe, &stage.environment).await.expect("reached")).await;
    assert_eq!(said, "none none none none\n");
}

#[tokio::test]
async fn a_command_that_fails_is_quoted_and_a_missing_one_named() {
    let Some(stage) = Stage::new(&Setup::default()) else { return };
    let argv = ["sh", "-c", "echo 'pod worker-3 not found' >&2; exit 1"].map(str::to_owned).to_vec();
    let reach = stage.reach_by(Way::Command { argv }, &[]);
    let error = miyabi_reach::start_in(&reach, Part::Probe, &stage.environment).await.expect_err("fails");
    assert!(
        matches!(&error, ReachError::Unreachable { why } if why.contains("pod worker-3 not found")),
        "{error:?}"
    );
    let reach = stage.reach_by(Way::Command { argv: vec!["/no/such/program".to_owned()] }, &[]);
    let error = miyabi_reach::start_in(&reach, Part::Probe, &stage.environment).await.expect_err("missing");
    assert!(
        matches!(&error, ReachError::Refused { why, .. } if why.contains("/no/such/program")),
        "{error:?}"
    );
}

#[tokio::test]
async fn nobody_at_the_port_is_worth_another_try() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let port = crate::stage::free_port();
    stage.write(
        "config",
        &stage.read("config").replace(&format!("Port {}", stage.port), &format!("Port {port}")),
    );
    let error = stage.start(Part::Probe).await.expect_err("nobody");
    assert!(
        matches!(&error, ReachError::Unreachable { why } if why.contains(&port.to_string())),
        "{error:?}"
    );
}
