//! A run's result becomes a pull request on a forge of the test's own, with a token that `gh` gives; as long as it
//! gives none, the sheet says so and what to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page};
use serde_json::{Value, json};

use crate::forge::{Asked, Forge};
use crate::on_git;
use crate::on_git::{PATIENCE, agent, begin, git, result_branch, task};

const SECRET: &str = "ghp_for_tests";
const TITLE: &str = "Greet everybody";
const URL: &str = "http://forge.example/team/work/pull/7";

/// No pull request is open, and one is opened.
fn answer(asked: &Asked) -> (u16, Value) {
    match asked.method.as_str() {
        "GET" => (200, json!([])),
        _ => (201, json!({ "number": 7, "html_url": URL, "head": { "ref": asked.body["head"] } })),
    }
}

/// A program `gh` of the test's own, before any other one. Until it is logged in it gives no token.
struct Gh(PathBuf);

impl Gh {
    fn first_in_path(desk: &mut Desk) -> Result<Self> {
        let folder = desk.path("bin");
        fs::create_dir(&folder)?;
        let others = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(folder.clone()).chain(std::env::split_paths(&others));
        desk.set("PATH", std::env::join_paths(all)?);
        let gh = Self(folder.join("gh"));
        gh.says("exit 1")?;
        Ok(gh)
    }

    /// From now on it gives the token of one host, and of no other.
    fn logs_in(&self, host: &str) -> Result<()> {
        self.says(&format!("test \"$*\" = 'auth token --hostname {host}' && echo {SECRET}"))
    }

    fn says(&self, script: &str) -> Result<()> {
        // A program that is replaced may be running: it is another file.
        let fresh = self.0.with_extension("fresh");
        fs::write(&fresh, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&fresh, Permissions::from_mode(0o755))?;
        Ok(fs::rename(fresh, &self.0)?)
    }
}

/// A plan on a repository whose remote is a project of this forge; what is pushed there arrives in the folder.
fn write_plan(folder: &Path, forge: &Forge, bare: &Path) -> Result<()> {
    let dag = json!({ "title": "Greetings", "tasks": [task("Greet", &[], "greeting.txt")],
        "git": { "remote": "origin", "api": format!("http://{}/api/v1", forge.address) } });
    on_git::write_plan(folder, dag, &[agent("CG-1", "echo hello > greeting.txt")])?;
    let work = folder.join("work");
    fs::create_dir(bare)?;
    git(bare, &["init", "--quiet", "--bare"])?;
    git(&work, &["init", "--quiet", "--initial-branch=main"])?;
    git(&work, &["add", "--all"])?;
    git(
        &work,
        &["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=one"],
    )?;
    let url = format!("http://{}/team/work.git", forge.address);
    git(&work, &["remote", "add", "origin", &url])?;
    git(&work, &["config", &format!("url.{}.pushInsteadOf", bare.display()), &url])?;
    // No helper of the machine's own is asked for a token.
    git(&work, &["config", "credential.helper", ""]).map(drop)
}

async fn opens(page: &Page) -> Result<()> {
    page.click(&css("pull-open", &[])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_becomes_a_pull_request_once_there_is_a_token() -> Result<()> {
    let forge = Forge::start(answer).await;
    let mut desk = Desk::make().await?;
    let gh = Gh::first_in_path(&mut desk)?;
    let (plan, bare) = (desk.path("plans/pull"), desk.path("bare.git"));
    write_plan(&plan, &forge, &bare)?;
    let page = begin(&mut desk, &plan).await?;
    page.completes(1, PATIENCE).await?;
    page.phase("completed", PATIENCE).await?;

    page.click(&css("pull-button", &[])).await?;
    page.fill(&css("pull-title", &[]), TITLE).await?;
    page.click(&css("pull-draft", &[])).await?;
    opens(&page).await?;
    page.says(&css("pull-refused", &[]), "there is no token for 127.0.0.1").await?;
    page.says(&css("pull-refused", &[]), &format!("gh auth login --hostname {}", forge.address)).await?;
    page.keep_picture("pull-request-no-token").await?;
    ensure!(forge.asked().is_empty(), "asked without a token: {:?}", forge.asked());

    // What was typed is still there.
    gh.logs_in(&forge.address)?;
    opens(&page).await?;
    page.says(&css("pull-opened", &[]), "Pull request 7 is open").await?;
    page.says(&css("pull-opened", &[]), URL).await?;
    page.keep_picture("pull-request").await?;

    let result = result_branch(&desk)?;
    let pushed = git(&bare, &["rev-parse", &format!("refs/heads/{result}")])?;
    ensure!(pushed == git(&plan.join("work"), &["rev-parse", &result])?, "another commit was pushed");
    let asked = forge.asked();
    let [looked, opened] = asked.as_slice() else { anyhow::bail!("asked for {asked:?}") };
    ensure!(looked.method == "GET" && opened.method == "POST", "{asked:?}");
    ensure!(opened.path == "/api/v1/repos/team/work/pulls", "{opened:?}");
    ensure!(asked.iter().all(|one| one.authorization == format!("Bearer {SECRET}")), "{asked:?}");
    let body = opened.body["body"].as_str().context("a text")?;
    ensure!(body.contains("Greetings: 1 of 1 tasks.") && body.contains("- Greet Greet (CG-1)"), "{body}");
    let sent = ["title", "head", "base", "draft"].map(|name| opened.body[name].clone());
    ensure!(sent == [json!(TITLE), json!(result), json!("main"), json!(true)], "{sent:?}");
    Ok(())
}
