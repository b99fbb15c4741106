//! The helper's program on a host: put there once, verified, beside older ones, wherever it can run.

use std::os::unix::fs::PermissionsExt as _;

use miyabi_reach::{Part, Platform, ReachError, Way};
use tokio::io::AsyncWriteExt as _;

use crate::stage::{Setup, Stage, all_of, echo, skip};

fn names(stage: &Stage) -> Vec<String> {
    let entries = std::fs::read_dir(stage.bin()).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn it_is_put_there_once_private_and_without_sftp() {
    // No Subsystem line: this sshd has no sftp-server.
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let first = stage.start(Part::Probe).await.expect("reached");
    assert!(first.helper.is_new);
    assert!(
        Platform::from_uname(&format!("{} {}", first.helper.platform.system, first.helper.platform.machine))
            .is_some()
    );
    let path = std::path::PathBuf::from(&first.helper.path);
    assert_eq!(path.parent(), Some(stage.bin().as_path()));
    all_of(first).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&stage.bin()), mode(&path)), (0o700, 0o700));
    assert_eq!(std::fs::read(&path).expect("there"), std::fs::read(stage.path("helper")).expect("here"));

    let again = stage.start(Part::Probe).await.expect("reached");
    assert!(!again.helper.is_new);
    all_of(again).await;
    assert_eq!(names(&stage).len(), 1, "nothing temporary is left: {:?}", names(&stage));
}

#[tokio::test]
async fn one_that_was_changed_there_is_put_there_again() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let first = stage.start(Part::Probe).await.expect("reached");
    let path = first.helper.path.clone();
    all_of(first).await;
    std::fs::write(&path, "#!/bin/sh\necho stolen\n").expect("changed");
    let again = stage.start(Part::Probe).await.expect("reached");
    assert!(again.helper.is_new && again.helper.path == path);
    assert!(all_of(again).await.starts_with("home "));
}

#[tokio::test]
async fn a_newer_one_lies_beside_the_old_one_that_runs() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let mut old = stage.start(Part::Serve).await.expect("reached");
    let text = format!("{}# newer\n", stage.read("helper"));
    stage.write_helper(&text);
    let mut new = stage.start(Part::Serve).await.expect("reached");
    assert_ne!(old.helper.path, new.helper.path);
    assert!(new.helper.is_new);
    echo(&mut old, b"old").await;
    echo(&mut new, b"new").await;
    assert_eq!(names(&stage).len(), 2);
}

#[tokio::test]
async fn a_home_that_runs_no_programs_leaves_it_to_the_next_place() {
    let mounts = "mount -t tmpfs -o noexec tmpfs \"$STAGE/home\"";
    let Some(stage) = Stage::ready(&Setup { mounts, ..Setup::default() }) else { return };
    let first = stage.start(Part::Probe).await.expect("reached");
    assert!(first.helper.path.starts_with("/var/tmp/miyabi-0/"), "{}", first.helper.path);
    all_of(first).await;
    let again = stage.start(Part::Probe).await.expect("reached");
    assert!(!again.helper.is_new);
    all_of(again).await;
}

#[tokio::test]
async fn a_full_disk_leaves_it_to_the_next_place() {
    let mounts = "mount -t tmpfs -o size=16k tmpfs \"$STAGE/home\"";
    let Some(stage) = Stage::ready(&Setup { mounts, ..Setup::default() }) else { return };
    grow(&stage);
    let spoken = stage.start(Part::Probe).await.expect("reached");
    assert!(spoken.helper.path.starts_with("/var/tmp/miyabi-0/"), "{}", spoken.helper.path);
    all_of(spoken).await;
}

#[tokio::test]
async fn when_no_place_takes_it_each_is_named_with_its_error() {
    let mounts = "mount -t tmpfs -o size=16k tmpfs \"$STAGE/home\"\n\
        mount -t tmpfs -o size=16k tmpfs /var/tmp\nmount -t tmpfs -o noexec tmpfs /tmp\n";
    let Some(stage) = Stage::ready(&Setup { mounts, ..Setup::default() }) else { return };
    grow(&stage);
    let error = stage.start(Part::Probe).await.expect_err("no place");
    let ReachError::Unfit { why, .. } = &error else { panic!("{error:?}") };
    let home = format!("{}: cat: write error: No space left on device", stage.bin().display());
    for place in
        [home.as_str(), "/var/tmp/miyabi-0: cat: write error", "/tmp/miyabi-0: no program can run there: "]
    {
        assert!(why.contains(place), "{place}: {why}");
    }
}

/// Makes the helper longer than a small disk, and long enough to fill every buffer on the way.
fn grow(stage: &Stage) {
    let text = format!("{}exit\n{}", stage.read("helper"), "# filling\n".repeat(1_000_000));
    stage.write_helper(&text);
}

#[tokio::test]
async fn a_folder_of_somebody_else_is_not_used() {
    let mounts = "mount -t tmpfs -o noexec tmpfs \"$STAGE/home\"\n\
        mkdir -m 777 /var/tmp/miyabi-0\nchown 65534 /var/tmp/miyabi-0\nln -s /dev /tmp/miyabi-0\n";
    let Some(stage) = Stage::ready(&Setup { mounts, ..Setup::default() }) else { return };
    let error = stage.start(Part::Probe).await.expect_err("no place");
    let text = error.to_string();
    assert!(text.contains("/var/tmp/miyabi-0: it is not a folder of this user"), "{text}");
    assert!(text.contains("/tmp/miyabi-0: it is not a folder of this user"), "{text}");
}

#[tokio::test]
async fn a_platform_without_a_helper_is_named_with_the_command_that_builds_it() {
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    std::fs::remove_file(stage.path("helper")).expect("removed");
    let error = stage.start(Part::Probe).await.expect_err("no helper");
    let text = error.to_string();
    assert!(
        matches!(error, ReachError::Unfit { .. }) && text.contains("cargo xtask helpers --target "),
        "{text}"
    );
}

#[tokio::test]
async fn the_program_that_xtask_builds_runs_there() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/helpers");
    if !folder.join(format!("miyabi-host-linux-{}", std::env::consts::ARCH)).is_file() {
        return skip("target/helpers is empty (`cargo xtask helpers` fills it)");
    }
    let Some(stage) = Stage::ready(&Setup::default()) else { return };
    let mut reach = stage.reach_by(Way::Ssh { address: "box".to_owned() }, &[]);
    reach.helpers.folder = folder;
    let mut spoken = miyabi_reach::start_in(&reach, Part::Probe, &stage.environment).await.expect("reached");
    spoken.stdin.write_all(b"[]").await.expect("sent");
    spoken.stdin.shutdown().await.expect("ended");
    let begun = std::time::Instant::now();
    assert_eq!(all_of(spoken).await, "", "it was asked for nothing");
    let again = miyabi_reach::start_in(&reach, Part::Serve, &stage.environment).await.expect("reached");
    assert!(!again.helper.is_new);
    println!("reached again, with the real program, in {:?}", begun.elapsed());
}
