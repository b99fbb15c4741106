//! Services of git for the other end of a stream, and programs that callers start themselves.

use std::path::Path;
use std::process::{Command, Output};

use miyabi_git::{CommandLine, Repository, command_line, service_argv};
use miyabi_protocol::GitService;

use crate::common::{Place, git, program, write};

/// A program as its caller would start it.
fn started(line: &CommandLine) -> Command {
    let mut command = program(&line.program);
    for name in &line.unset {
        command.env_remove(name);
    }
    command.args(&line.args).envs(line.env.iter().cloned());
    command
}

/// Fetch or push through a service, as through a tunnel.
fn carry(from: &Path, words: &[&str], service: GitService, store: &Path, refs: &str) -> Output {
    let line = service_argv(service, store);
    let dir = tempfile::tempdir().expect("a folder");
    let script: Vec<String> = std::iter::once(&line.program)
        .chain(&line.args)
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
        .collect();
    write(dir.path(), "service", format!("#!/bin/sh\nexec {}\n", script.join(" ")));
    let remote = format!("ext::/bin/sh {}", dir.path().join("service").display());
    let mut args = vec!["-c", "protocol.ext.allow=always"];
    args.extend(words);
    args.extend([remote.as_str(), refs]);
    started(&command_line(from, &args)).output().expect("git starts")
}

fn store(place: &Place) -> Repository {
    Repository::store(&place.dir.path().join("state home/repositories/s.git")).expect("a store")
}

#[test]
fn branches_of_runs_travel_both_ways() {
    let place = Place::with(&[("a", "1\n")]);
    let store = store(&place);
    let one = place.work("Task-1", &[("b 作業", "x")]);
    let name = format!("refs/heads/miyabi/{}/Task-1/1", crate::common::RUN);
    let sent = format!("{one}:{name}");
    let output = carry(place.top(), &["push", "--quiet"], GitService::ReceivePack, store.path(), &sent);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(store.commit_of(&name).expect("there"), one);
    git(place.top(), &["update-ref", "-d", &name]);
    let back = format!("+{one}:refs/heads/miyabi/x/back");
    let output =
        carry(place.top(), &["fetch", "--quiet", "--no-tags"], GitService::UploadPack, store.path(), &back);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(place.hub.commit_of("miyabi/x/back").expect("there"), one);
}

#[test]
fn nothing_but_branches_of_runs_is_received() {
    let place = Place::with(&[("a", "1\n")]);
    let store = store(&place);
    for name in ["refs/heads/main", "refs/tags/v1", "refs/heads/miyabix", "refs/stash"] {
        let sent = format!("HEAD:{name}");
        let output = carry(place.top(), &["push", "--quiet"], GitService::ReceivePack, store.path(), &sent);
        assert!(!output.status.success(), "{name} was taken");
        assert!(store.commit_of(name).is_err());
    }
}

#[test]
fn a_branch_under_a_tree_is_not_moved_from_afar() {
    let place = Place::with(&[("a", "1\n")]);
    let store = store(&place);
    let name = format!("miyabi/{}/Task-1/1", crate::common::RUN);
    let sent = format!("HEAD:refs/heads/{name}");
    let push = ["push", "--quiet", "--force"];
    assert!(carry(place.top(), &push, GitService::ReceivePack, store.path(), &sent).status.success());
    let folder = place.trees().join("there");
    miyabi_git::Tree::make(&store, &folder, &name, &place.base).expect("a tree");
    assert!(carry(place.top(), &push, GitService::ReceivePack, store.path(), &sent).status.success());
    write(place.top(), "a", "2\n");
    crate::common::commit_all(place.top(), "two");
    assert!(!carry(place.top(), &push, GitService::ReceivePack, store.path(), &sent).status.success());
    assert_eq!(store.commit_of(&name).expect("there"), place.base);
}

#[test]
fn a_store_has_no_hook_and_lets_nobody_commit_without_a_name() {
    let place = Place::with(&[("a", "1\n")]);
    let store = store(&place);
    assert!(!store.path().join("hooks").exists());
    let name = git(store.path(), &["-c", "user.name=", "config", "--get-all", "user.name"]);
    assert!(!name.is_empty());
}

#[test]
fn locks_that_killed_transfers_left_are_removed() {
    let place = Place::with(&[("a", "1\n")]);
    let store = store(&place);
    let branch = format!("refs/heads/miyabi/{}/Task-1/1", crate::common::RUN);
    for common in [store.path().to_owned(), place.top().join(".git")] {
        write(&common, &format!("{branch}.lock"), "");
        let lock = std::fs::File::open(common.join(format!("{branch}.lock"))).expect("a lock");
        lock.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("an old one");
    }
    let there = format!("HEAD:{branch}");
    let push =
        |there: &str| carry(place.top(), &["push", "--quiet"], GitService::ReceivePack, store.path(), there);
    assert!(!push(&there).status.success(), "it is locked");
    Repository::store(store.path()).expect("opened");
    assert!(push(&there).status.success());
    let back = format!("+{branch}:{branch}");
    let words = ["fetch", "--quiet", "--no-tags"];
    let fetch = || carry(place.top(), &words, GitService::UploadPack, store.path(), &back);
    assert!(!fetch().status.success(), "it is locked");
    place.hub.unlock().expect("unlocked");
    assert!(fetch().status.success());
}
