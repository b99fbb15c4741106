//! Whatever the login shell is, and whatever it says first.

use miyabi_reach::{Part, ReachError};

use crate::stage::{Setup, Stage, all_of};

async fn through(shell: &str) {
    let Some(stage) = Stage::ready(&Setup { shell, ..Setup::default() }) else { return };
    let said = all_of(stage.start(Part::Probe).await.expect("reached")).await;
    assert!(said.contains("mask 0022"), "the helper has the person's own mask: {said}");
}

#[tokio::test]
async fn dash() {
    through("/bin/dash").await;
}

#[tokio::test]
async fn fish() {
    through("/usr/bin/fish").await;
}

#[tokio::test]
async fn zsh() {
    through("/usr/bin/zsh").await;
}

#[tokio::test]
async fn tcsh() {
    through("/usr/bin/tcsh").await;
}

#[tokio::test]
async fn noise_before_the_helper_is_skipped_also_without_an_end_of_line() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    stage.write(
        "home/.bashrc",
        "echo welcome; for i in $(seq 2000); do echo 'a line of noise'; done; printf 'no end'\n",
    );
    let said = all_of(stage.start(Part::Probe).await.expect("reached")).await;
    assert!(said.starts_with("home "), "{said}");
}

#[tokio::test]
async fn a_shell_that_does_not_run_our_script_is_quoted() {
    let Some(stage) = Stage::ready(&Setup { shell: "/usr/sbin/nologin", ..Setup::default() }) else { return };
    let error = stage.start(Part::Probe).await.expect_err("no shell");
    let ReachError::Unreachable { why } = &error else { panic!("{error:?}") };
    assert!(why.contains("This account is currently not available"), "{why}");
}

#[tokio::test]
async fn a_shell_that_never_stops_talking_is_given_up() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    stage.write("home/.bashrc", "yes 'noise without end'\n");
    let error = stage.start(Part::Probe).await.expect_err("noise");
    assert!(
        error.to_string().contains("said a lot") && error.to_string().contains("noise without end"),
        "{error}"
    );
}
