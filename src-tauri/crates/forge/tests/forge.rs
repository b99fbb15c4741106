//! Pull requests against a small server on loopback that speaks GitHub's API, with real repositories and git's own
//! credential store.

#![expect(clippy::disallowed_methods, reason = "tests start git")]

mod loopback;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miyabi_forge::{ForgeError, Opened, Proposal, open};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use loopback::{Answer, Asked, Forge};

const SECRET: &str = "ghp_for_tests";
const BRANCH: &str = "miyabi/20261122-153400-4f2a/_result";

/// A repository with a result branch, and a bare one that its pushes reach.
struct Place {
    _base: TempDir,
    work: PathBuf,
    bare: PathBuf,
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output().expect("git");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// `token` is what the credential store knows for the host.
fn place(address: &str, token: Option<&str>) -> Place {
    let base = tempfile::tempdir().expect("folder");
    let [work, bare] = ["my work", "bare.git"].map(|name| base.path().join(name));
    for folder in [&work, &bare] {
        fs::create_dir(folder).expect("folder");
    }
    git(&bare, &["init", "--quiet", "--bare"]);
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    for (name, value) in [("user.name", "A"), ("user.email", "a@example.org")] {
        git(&work, &["config", name, value]);
    }
    git(&work, &["commit", "--quiet", "--allow-empty", "--message=one"]);
    git(&work, &["branch", BRANCH]);
    let url = format!("http://{address}/team/work.git");
    git(&work, &["remote", "add", "origin", &url]);
    git(&work, &["config", &format!("url.{}.pushInsteadOf", bare.display()), &url]);
    // A hook that would stop every push: none of the repository is run.
    let hook = work.join(".git/hooks/pre-push");
    fs::create_dir_all(hook.parent().expect("a folder")).expect("folder");
    fs::write(&hook, "#!/bin/sh\nexit 1\n").expect("hook");
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
    // Empty first: no helper of the person's own is asked.
    git(&work, &["config", "--add", "credential.helper", ""]);
    if let Some(token) = token {
        let store = base.path().join("credentials");
        fs::write(&store, format!("http://me:{token}@{address}\n")).expect("credentials");
        git(&work, &["config", "--add", "credential.helper", &format!("store --file={}", store.display())]);
    }
    Place { _base: base, work, bare }
}

fn proposal(place: &Place) -> Proposal {
    Proposal {
        repository: place.work.clone(),
        remote: "origin".to_owned(),
        api: None,
        branch: BRANCH.to_owned(),
        base: "main".to_owned(),
        title: "The work".to_owned(),
        body: "All of it.".to_owned(),
        draft: true,
    }
}

fn none_is_open(asked: &Asked) -> (u16, Value) {
    match asked.method.as_str() {
        "GET" => (200, json!([{"number": 3, "html_url": "http://x/3", "head": {"ref": "another"}}])),
        _ => {
            (201, json!({"number": 7, "html_url": "http://forge/team/work/pull/7", "head": {"ref": BRANCH}}))
        }
    }
}

#[tokio::test]
async fn the_branch_is_pushed_and_a_pull_request_opened_with_the_token_of_the_store() {
    let forge = Forge::start(none_is_open).await;
    let place = place(&forge.address, Some(SECRET));
    let opened = open(&proposal(&place)).await.expect("opened");
    let url = "http://forge/team/work/pull/7".to_owned();
    assert_eq!(opened, Opened { number: 7, url, existed: false });
    let pushed = git(&place.bare, &["rev-parse", &format!("refs/heads/{BRANCH}")]);
    assert_eq!(pushed, git(&place.work, &["rev-parse", BRANCH]));

    let asked = forge.asked();
    assert_eq!(asked.iter().map(|asked| asked.method.as_str()).collect::<Vec<_>>(), ["GET", "POST"]);
    assert!(
        asked[0].path.starts_with("/api/v3/repos/team/work/pulls?state=open&head=team%3Amiyabi"),
        "{asked:?}"
    );
    assert_eq!(asked[1].path, "/api/v3/repos/team/work/pulls");
    assert!(asked.iter().all(|asked| asked.authorization == format!("Bearer {SECRET}")), "{asked:?}");
    let wanted =
        json!({"title": "The work", "body": "All of it.", "head": BRANCH, "base": "main", "draft": true});
    assert_eq!(asked[1].body, wanted);

    // A branch of the run may be moved, and is pushed again.
    git(&place.work, &["checkout", "--quiet", "--orphan", "other"]);
    git(&place.work, &["commit", "--quiet", "--allow-empty", "--message=two"]);
    git(&place.work, &["branch", "--force", BRANCH, "other"]);
    let api = Some(format!("http://{}/api/v1/", forge.address));
    open(&Proposal { api, ..proposal(&place) }).await.expect("opened again");
    assert_eq!(
        git(&place.bare, &["rev-parse", &format!("refs/heads/{BRANCH}")]),
        git(&place.work, &["rev-parse", "other"])
    );
    assert_eq!(forge.asked()[3].path, "/api/v1/repos/team/work/pulls");
}

#[tokio::test]
async fn one_that_is_open_is_given_and_not_made_twice() {
    let forge = Forge::start(|_| {
        (200, json!([{"number": 4, "html_url": "http://forge/4", "head": {"ref": BRANCH}}]))
    })
    .await;
    let opened = open(&proposal(&place(&forge.address, Some(SECRET)))).await.expect("found");
    assert_eq!((opened.number, opened.existed), (4, true));
    assert!(forge.asked().iter().all(|asked| asked.method == "GET"));
}

async fn refused(answer: Answer) -> ForgeError {
    let forge = Forge::start(answer).await;
    let error = open(&proposal(&place(&forge.address, Some(SECRET)))).await.expect_err("refused");
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    assert!(!error.hints.is_empty(), "{error:?}");
    error
}

#[tokio::test]
async fn a_refusal_is_told_in_plain_words() {
    let bad_token = refused(|_| (401, json!({"message": "Bad credentials"}))).await;
    assert!(bad_token.message.contains("refuses the token: Bad credentials"), "{bad_token:?}");
    assert!(bad_token.hints[0].starts_with("gh auth login --hostname 127.0.0.1:"), "{bad_token:?}");
    let unknown = refused(|_| (404, json!({"message": "Not Found"}))).await;
    assert!(unknown.message.contains("knows no project team/work"), "{unknown:?}");
    let nothing_new = refused(|asked| match asked.method.as_str() {
        "GET" => (200, json!([])),
        _ => {
            let errors =
                json!([{"message": "No commits between main and x"}, {"field": "base", "code": "invalid"}]);
            (422, json!({"message": "Validation Failed", "errors": errors}))
        }
    })
    .await;
    let said = "Validation Failed; No commits between main and x; base is invalid";
    assert!(nothing_new.message.ends_with(said), "{nothing_new:?}");
    let moved = refused(|_| (301, json!({"message": "Moved Permanently"}))).await;
    assert!(moved.hints[0].contains("git remote set-url origin"), "{moved:?}");
    let odd = refused(|_| (200, json!("hello"))).await;
    assert!(odd.message.contains("not as GitHub's API does"), "{odd:?}");
    let broken = refused(|_| (502, json!("<html>"))).await;
    assert!(broken.message.contains("answers with 502"), "{broken:?}");
}

#[tokio::test]
async fn without_a_token_or_a_network_it_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);

    let without = place(&address, None);
    let error = open(&proposal(&without)).await.expect_err("no token");
    assert!(
        error.message.contains("`gh auth token`") && error.message.contains("credential helper"),
        "{error:?}"
    );
    assert!(git(&without.bare, &["branch", "--list", "--all"]).is_empty(), "nothing was pushed for nothing");

    let error = open(&proposal(&place(&address, Some(SECRET)))).await.expect_err("no network");
    assert!(error.message.contains("cannot be reached: Connection refused"), "{error:?}");
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
}

#[tokio::test]
async fn a_remote_that_is_none_and_a_push_that_fails_name_the_remedy() {
    let forge = Forge::start(none_is_open).await;
    let place = place(&forge.address, Some(SECRET));
    let error = open(&Proposal { remote: "upstream".into(), ..proposal(&place) }).await.expect_err("none");
    assert!(error.message.contains("has no remote `upstream`"), "{error:?}");
    let error = open(&Proposal { branch: "none".into(), ..proposal(&place) }).await.expect_err("no branch");
    assert!(error.message.contains("git cannot push none to origin"), "{error:?}");
    git(&place.work, &["remote", "set-url", "origin", &place.bare.display().to_string()]);
    let error = open(&proposal(&place)).await.expect_err("no forge");
    assert!(error.message.contains("names no project of a forge"), "{error:?}");
    assert!(forge.asked().is_empty());
}
