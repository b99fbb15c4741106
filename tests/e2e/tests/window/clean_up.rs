//! What a run leaves behind: its work trees and branches are listed with their sizes, and removed on request; what is
//! nowhere else stays.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page};
use serde_json::json;

use crate::on_git;
use crate::on_git::{PATIENCE, agent, begin, escape, git, result_branch, status, task};

/// Two tasks in a row, each with a file of its own; that of the first takes 106 KiB.
fn write_plan(folder: &Path) -> Result<()> {
    let script = "if [ \"$MIYABI_TASK\" = Large ]; then seq 20000 > large.txt; \
                  else wc -c < large.txt > size.txt; fi";
    let dag = json!({ "title": "Left behind", "git": true,
        "tasks": [task("Large", &[], "large.txt"), task("Small", &["Large"], "size.txt")] });
    on_git::write_plan(folder, dag, &[agent("CG-1", script)])
}

/// The branches of runs that the person's repository has.
fn branches(work: &Path) -> Result<Vec<String>> {
    let text = git(work, &["for-each-ref", "--format=%(refname:short)", "refs/heads/miyabi/"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// The work trees of a run's attempts, as the run names them.
fn folders(desk: &Desk) -> Result<Vec<PathBuf>> {
    let status = status(desk)?;
    let attempts = status["tasks"].as_array().into_iter().flatten().map(|task| &task["attempts"][0]);
    attempts.map(|one| one["tree"]["folder"].as_str().map(PathBuf::from).context("a tree")).collect()
}

async fn open_sheet(page: &Page) -> Result<()> {
    page.click(&css("trees-button", &[])).await
}

fn row(branch: &str) -> String {
    css("kept-tree", &[("data-branch", branch)])
}

/// The size that a row or the line below says, in KiB.
async fn kib(page: &Page, css: &str) -> Result<u32> {
    let text = page.see(css).await?.prop("innerText").await?.unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let unit = words.iter().position(|word| *word == "KiB").filter(|at| *at > 0);
    let size = unit.with_context(|| format!("no size in {text:?}"))?;
    words[size - 1].parse().with_context(|| format!("{text:?}"))
}

async fn remove_all(page: &Page) -> Result<()> {
    page.click(&css("trees-all", &[])).await?;
    page.click(&css("trees-remove", &[])).await?;
    page.click(&css("confirm-yes", &[])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_of_a_run_are_listed_and_removed_but_for_what_is_nowhere_else() -> Result<()> {
    let mut desk = Desk::make().await?;
    let plan = desk.path("plans/left");
    write_plan(&plan)?;
    let page = begin(&mut desk, &plan).await?;
    page.completes(2, PATIENCE).await?;
    page.phase("completed", PATIENCE).await?;

    let (work, result, trees) = (plan.join("work"), result_branch(&desk)?, folders(&desk)?);
    let run = result.trim_end_matches("/_result");
    let [large, small] = ["Large", "Small"].map(|task| format!("{run}/{task}/1"));
    ensure!(trees.len() == 2 && trees.iter().all(|tree| tree.is_dir()), "{trees:?}");

    open_sheet(&page).await?;
    for (branch, tree) in [(&large, &trees[0]), (&small, &trees[1])] {
        page.says(&row(branch), &tree.to_string_lossy()).await?;
        page.says(&row(branch), "can be removed").await?;
        // Each of the two holds the large file.
        let size = kib(&page, &row(branch)).await?;
        ensure!((106..300).contains(&size), "{branch} takes {size} KiB");
    }
    page.says(&row(&result), "its result is merged into no branch of yours").await?;
    let sum = kib(&page, &row(&large)).await? + kib(&page, &row(&small)).await?;
    ensure!(kib(&page, &css("trees-total", &[])).await? >= sum, "the total is less than {sum} KiB");
    page.click(&css("trees-all", &[])).await?;
    page.says(&css("trees-remove", &[]), "Remove 2").await?;
    page.keep_picture("clean-up").await?;

    // Not now: everything stays.
    page.click(&css("trees-remove", &[])).await?;
    page.says(&css("confirm-lines", &[]), &large).await?;
    page.keep_picture("clean-up-question").await?;
    page.click(&css("confirm-no", &[])).await?;
    page.miss(&css("confirm-dialog", &[])).await?;
    ensure!(branches(&work)?.contains(&large) && trees[0].is_dir(), "removed before it was agreed");

    page.click(&css("trees-remove", &[])).await?;
    page.click(&css("confirm-yes", &[])).await?;
    for branch in [&large, &small] {
        page.miss(&row(branch)).await?;
    }
    // Looked at anew, the list says the same.
    escape(&page).await?;
    page.miss(&css("trees-total", &[])).await?;
    open_sheet(&page).await?;
    page.see(&row(&result)).await?;
    page.keep_picture("clean-up-removed").await?;
    ensure!(branches(&work)? == [result.as_str()], "{:?}", branches(&work)?);
    ensure!(trees.iter().all(|tree| !tree.exists()), "{trees:?}");
    ensure!(git(&work, &["worktree", "list"])?.lines().count() == 1, "git still knows work trees");

    // Once the person has merged the result, its branch may go, too.
    escape(&page).await?;
    page.miss(&row(&result)).await?;
    git(&work, &["-c", "user.name=A", "-c", "user.email=a@example.org", "merge", "--quiet", &result])?;
    open_sheet(&page).await?;
    page.says(&row(&result), "can be removed").await?;
    remove_all(&page).await?;
    page.miss(&row(&result)).await?;
    ensure!(branches(&work)?.is_empty(), "{:?}", branches(&work)?);
    ensure!(work.join("size.txt").exists(), "the merged work is gone");
    Ok(())
}
