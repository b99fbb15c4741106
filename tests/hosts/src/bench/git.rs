//! How fast work travels and is merged, for a repository of many files, beside git's own commands over ssh.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::process::command;
use serde_json::{Value, json};

use super::{millis, row};
use crate::host::{HOME, Host};
use crate::journal::Journal;
use crate::lab::Lab;
use crate::plan::Plan;
use crate::run::Run;

/// How many files a folder holds.
const FOLDER: usize = 100;
/// How many lines a file has.
const LINES: usize = 40;
/// How many tasks follow one another on each host.
const ROUNDS: usize = 3;

/// Measures and prints.
///
/// # Errors
/// When something cannot be measured.
pub fn run(lab: &Lab, files: usize) -> Result<()> {
    let repository = lab.laptop.path("repository");
    make(&repository, files)?;
    let bytes = size(&repository.join(".git"))?;
    println!("\nA repository of {files} files, {bytes} KiB of objects; links as they are:\n");
    println!("  {}", row(&["", "first", "later"].map(str::to_owned)));
    by_miyabi(lab, &repository, files)?;
    by_hand(lab, &repository)
}

/// Files with lines of their own, in one commit.
fn make(repository: &Path, files: usize) -> Result<()> {
    std::fs::create_dir_all(repository)?;
    git(repository, &["init", "-q", "-b", "main"])?;
    // Git would tidy up behind the commit, beside what is measured.
    git(repository, &["config", "gc.auto", "0"])?;
    git(repository, &["config", "maintenance.auto", "false"])?;
    for file in 0..files {
        let folder = repository.join(format!("part{:03}", file / FOLDER));
        std::fs::create_dir_all(&folder)?;
        let lines: String =
            (0..LINES).map(|line| format!("{file} {line} {}\n", file * 31 + line * 7)).collect();
        std::fs::write(folder.join(format!("file{file:05}.txt")), lines)?;
    }
    git(repository, &["add", "-A"])?;
    let me = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-q", "-m", "all"];
    git(repository, &me)?;
    git(repository, &["gc", "-q"]).map(drop)
}

/// Changes one file in ten, all of one half of the repository.
fn script(files: usize, half: usize, round: usize) -> String {
    let first = half * files.div_ceil(2) / FOLDER;
    let last = (first + files.div_ceil(2) / FOLDER).saturating_sub(1);
    format!(
        "for part in $(seq -f part%03g {first} {last}); do for file in $part/file*[05].txt; do \
         [ -e $file ] && echo round {round} >> $file; done; done\nexit 0"
    )
}

fn by_miyabi(lab: &Lab, repository: &Path, files: usize) -> Result<()> {
    let mut tasks: Vec<Value> = Vec::new();
    for (half, agent) in ["CG-1", "CG-2"].into_iter().enumerate() {
        for round in 1..=ROUNDS {
            let needs = if round == 1 { vec![] } else { vec![format!("{agent}-{}", round - 1)] };
            tasks.push(json!({ "id": format!("{agent}-{round}"), "title": "change", "agent": agent,
                "prompt": script(files, half, round), "needs": needs, "estimated_seconds": 5 }));
        }
    }
    let both = [format!("CG-1-{ROUNDS}"), format!("CG-2-{ROUNDS}")];
    tasks.push(
        json!({ "id": "Both", "title": "both", "agent": "CG-1", "prompt": "echo done > done.txt\nexit 0",
        "needs": both, "estimated_seconds": 5 }),
    );
    let worker = |id: &str, host: &Host| {
        json!({ "id": id, "host": host.name, "runner": "command",
            "command": ["sh", "-ec", "eval \"$MIYABI_PROMPT\""] })
    };
    let agents = [worker("CG-1", &lab.mugen), worker("CG-2", &lab.majin)];
    let mut plan = Plan::of(&tasks, &agents, &[&lab.mugen, &lab.majin]);
    plan.dag["work_folder"] = json!(repository);
    plan.dag["work_stealing"] = json!(false);
    plan.config["limits"] = json!({});
    let run = Run::start(&lab.laptop, &plan, &["--new"])?;
    run.completed()?;
    let journal = run.journal()?;
    let between = |from: &str, to: &str, attempt: &str| {
        let at = |name: &str| time_of(&journal, name, attempt);
        Ok::<_, anyhow::Error>(millis(at(to)?.saturating_sub(at(from)?)))
    };
    for host in ["CG-1", "CG-2"] {
        let (first, later) = (format!("{host}-1.1"), format!("{host}-2.1"));
        let there = [between("assigned", "tree_made", &first)?, between("assigned", "tree_made", &later)?];
        println!("  {}", row(&[&[format!("miyabi, to {host}: commit and work tree")], &there[..]].concat()));
        let back = [between("claimed", "completed", &first)?, between("claimed", "completed", &later)?];
        println!("  {}", row(&[&["  back: checked, committed, here".to_owned()], &back[..]].concat()));
    }
    let last = both.iter().map(|task| time_of(&journal, "completed", &format!("{task}.1")));
    let last = last.collect::<Result<Vec<_>>>()?.into_iter().max().context("a time")?;
    let merged = journal.first("merged", |fact| fact["task"] == "Both").context("merged")?.1;
    let merging = clock(merged)?.saturating_sub(last);
    println!("  {}", row(&["  two halves merged".to_owned(), millis(merging)]));
    run.told(&["stop", "--all"]).map(drop)
}

fn time_of(journal: &Journal, name: &str, attempt: &str) -> Result<Duration> {
    let found = journal.first(name, |fact| fact["attempt"] == attempt);
    clock(found.with_context(|| format!("no {name} of {attempt}"))?.1)
}

/// The time of the day in `2026-11-22T15:34:14.123Z`.
fn clock(text: &str) -> Result<Duration> {
    let time = text.split_once('T').context("a time")?.1.trim_end_matches('Z');
    let parts: Vec<f64> = time.split(':').map(str::parse).collect::<Result<_, _>>()?;
    ensure!(parts.len() == 3, "{text} is no time");
    Ok(Duration::from_secs_f64(parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]))
}

/// What a person would type: push to the host, a work tree there, a change, and fetch it back.
fn by_hand(lab: &Lab, repository: &Path) -> Result<()> {
    let (store, tree) = (format!("{HOME}/by-hand.git"), format!("{HOME}/by-hand"));
    lab.laptop.ssh("mugen", &["git", "init", "-q", "--bare", &store])?;
    let remote = format!("ssh://mugen{store}");
    let mut times = [Vec::new(), Vec::new()];
    for (round, files) in [("one", "[05]"), ("two", "[16]")] {
        let begun = Instant::now();
        over_ssh(lab, repository, &["push", "-q", &remote, &format!("main:refs/heads/{round}")])?;
        lab.laptop.ssh(
            "mugen",
            &["git", "-C", &store, "worktree", "add", "-q", &format!("{tree}-{round}"), round],
        )?;
        times[0].push(millis(begun.elapsed()));
        let change = format!(
            "cd {tree}-{round} && for part in part*; do for file in $part/file*{files}.txt; do echo x >> $file; done; done"
        );
        lab.laptop.ssh("mugen", &[&change])?;
        let begun = Instant::now();
        let commit = format!(
            "cd {tree}-{round} && git add -A && git -c user.name=a -c user.email=a@b commit -q -m changed"
        );
        lab.laptop.ssh("mugen", &[&commit])?;
        over_ssh(lab, repository, &["fetch", "-q", &remote, &format!("+{round}:refs/heads/{round}")])?;
        times[1].push(millis(begun.elapsed()));
    }
    let [there, back] = times;
    println!("  {}", row(&[&["by hand, to MUGEN: push, worktree add".to_owned()], &there[..]].concat()));
    println!("  {}", row(&[&["  back: commit, fetch".to_owned()], &back[..]].concat()));
    let begun = Instant::now();
    git(repository, &["merge-tree", "--write-tree", "one", "two"])?;
    println!("  {}", row(&["  git merge-tree".to_owned(), millis(begun.elapsed())]));
    Ok(())
}

fn over_ssh(lab: &Lab, repository: &Path, words: &[&str]) -> Result<()> {
    let mut line = lab.laptop.command("git");
    let ssh = format!("ssh -F {} -o BatchMode=yes", lab.laptop.path("ssh/config").display());
    line.arg("-C").arg(repository).args(words).env("GIT_SSH_COMMAND", ssh);
    to_its_end(&mut line).map(drop)
}

fn git(repository: &Path, words: &[&str]) -> Result<String> {
    to_its_end(command("git").arg("-C").arg(repository).args(words))
}

fn to_its_end(line: &mut Command) -> Result<String> {
    let output = line.output().context("git cannot be started")?;
    ensure!(output.status.success(), "{line:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// In KiB.
fn size(folder: &Path) -> Result<u64> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += entry.metadata()?.len();
            }
        }
    }
    Ok(bytes / 1024)
}
