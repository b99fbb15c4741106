//! `miyabi trees`: the work trees and branches that are left of runs, and their removal.

use std::fmt::Write as _;

use miyabi_api::{Answer, ApiError, ErrorCode, KeptAt, KeptTrees, Request};
use miyabi_client::Connection;
use miyabi_protocol::KeptTree;

use crate::args::Trees;
use crate::exit::Exit;
use crate::{terminal, text};

/// Lists or removes them.
pub(crate) async fn trees(args: &Trees) -> Result<Exit, ApiError> {
    let connection = args.target.connect().await?;
    let kept = ask(&connection, Request::Trees).await?;
    let Some(named) = &args.remove else {
        terminal::print(&if args.output.json { text::json(&kept)? } else { render(&kept) });
        return Ok(Exit::Done);
    };
    let branches = chosen(&kept, named)?;
    if branches.is_empty() {
        println!("nothing can be removed: what is left holds work that is nowhere else, or there is nothing");
        return Ok(Exit::Done);
    }
    if !args.yes && !agrees(&kept, &branches)? {
        println!("nothing was removed");
        return Ok(Exit::Done);
    }
    let left = ask(&connection, Request::RemoveTrees { branches: branches.clone() }).await?;
    let refused: Vec<&KeptTree> = all(&left).filter(|tree| branches.contains(&tree.branch)).collect();
    if args.output.json {
        terminal::print(&text::json(&left)?);
    } else {
        let gone = branches.len().saturating_sub(refused.len());
        println!("{} removed", text::count(gone, "branch is", "branches are"));
        for tree in &refused {
            let why = tree.unmerged.as_deref().unwrap_or("it is still there");
            println!("! {}: {}", text::clean(&tree.branch), text::clean(why));
        }
        left.places.iter().for_each(print_problem);
    }
    Ok(if refused.is_empty() { Exit::Done } else { Exit::Environment })
}

async fn ask(connection: &Connection, request: Request) -> Result<KeptTrees, ApiError> {
    match connection.request(request).await? {
        Answer::Trees(trees) => Ok(trees),
        _ => Err(ApiError::new(ErrorCode::Internal, "the backend answered something else than work trees")),
    }
}

fn all(kept: &KeptTrees) -> impl Iterator<Item = &KeptTree> {
    kept.places.iter().flat_map(|place| &place.trees)
}

/// The branches to be removed: those that are named, else all that can go.
fn chosen(kept: &KeptTrees, named: &[String]) -> Result<Vec<String>, ApiError> {
    if named.is_empty() {
        let mut free: Vec<String> = all(kept)
            .filter(|tree| tree.unmerged.is_none() && !tree.branch.is_empty())
            .map(|tree| tree.branch.clone())
            .collect();
        free.sort();
        free.dedup();
        // One that is merged at one place and not at another stays.
        let held = |branch: &String| all(kept).any(|tree| &tree.branch == branch && tree.unmerged.is_some());
        free.retain(|branch| !held(branch));
        return Ok(free);
    }
    match named.iter().find(|name| !all(kept).any(|tree| &tree.branch == *name)) {
        Some(unknown) => Err(ApiError::new(
            ErrorCode::BadInput,
            format!("no work tree is on a branch `{}`", text::clean(unknown)),
        )
        .hint("miyabi trees   lists them")),
        None => Ok(named.to_vec()),
    }
}

/// Asks before anything is removed.
fn agrees(kept: &KeptTrees, branches: &[String]) -> Result<bool, ApiError> {
    let size: u64 =
        all(kept).filter(|tree| branches.contains(&tree.branch)).map(|tree| u64::from(tree.size_kib)).sum();
    let many = text::count(branches.len(), "branch and its work tree", "branches and their work trees");
    let question = format!("Remove {many} ({})?", kibibytes(size));
    if !terminal::has_person() {
        return Err(ApiError::new(ErrorCode::NeedsConfirmation, question).hint("--yes   removes them"));
    }
    for branch in branches {
        eprintln!("  {}", text::clean(branch));
    }
    Ok(terminal::agrees(&question))
}

fn render(kept: &KeptTrees) -> String {
    let mut out = String::new();
    for place in &kept.places {
        let host = place.host.as_ref().map_or_else(|| "this machine".to_owned(), ToString::to_string);
        let size: u64 = place.trees.iter().map(|tree| u64::from(tree.size_kib)).sum();
        let many = text::count(place.trees.len(), "branch", "branches");
        let _ = writeln!(out, "{host}: {many}, {}", kibibytes(size));
        if let Some(problem) = &place.problem {
            let _ = writeln!(out, "! {}", text::clean(problem));
        }
        for tree in &place.trees {
            let glyph = if tree.unmerged.is_some() { "◆" } else { "·" };
            let name = match (tree.branch.is_empty(), &tree.folder) {
                (true, Some(folder)) => folder,
                _ => &tree.branch,
            };
            let size = match &tree.folder {
                Some(_) => kibibytes(u64::from(tree.size_kib)),
                None => "branch only".to_owned(),
            };
            let kept = tree.unmerged.as_ref().map(|why| format!("  kept: {}", text::short(why, 80)));
            let _ =
                writeln!(out, "  {glyph} {:<50} {size:>11}{}", text::clean(name), kept.unwrap_or_default());
        }
    }
    if all(kept).next().is_none() {
        out.push_str("no work trees or branches are left\n");
    } else if all(kept).any(|tree| tree.unmerged.is_none()) {
        out.push_str("  → miyabi trees --remove   removes those marked ·\n");
    }
    out
}

fn print_problem(place: &KeptAt) {
    if let Some(problem) = &place.problem {
        println!("! {}", text::clean(problem));
    }
}

fn kibibytes(kib: u64) -> String {
    match kib {
        0..1024 => format!("{kib} KiB"),
        1024..1_048_576 => format!("{} MiB", kib / 1024),
        _ => format!("{:.1} GiB", kib as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> KeptTrees {
        let tree = |branch: &str, folder: Option<&str>, size_kib, unmerged: Option<&str>| KeptTree {
            run_id: "r".into(),
            task: None,
            branch: branch.into(),
            folder: folder.map(str::to_owned),
            size_kib,
            unmerged: unmerged.map(str::to_owned),
            at: None,
        };
        let here = KeptAt {
            host: None,
            trees: vec![
                tree("miyabi/r/Task-1/1", Some("/t/Task-1-1"), 2048, None),
                tree("miyabi/r/Task-2/1", None, 0, None),
                tree(
                    "miyabi/r/Task-3/1",
                    Some("/t/Task-3-1"),
                    12,
                    Some("2 files are not committed\u{1b}[2J"),
                ),
            ],
            problem: None,
        };
        let there = KeptAt {
            host: Some("MUGEN".parse().expect("an id")),
            trees: vec![tree("miyabi/r/Task-2/1", Some("/t/Task-2-1"), 1, Some("not merged"))],
            problem: Some("no answer for 10 s".into()),
        };
        KeptTrees { places: vec![here, there] }
    }

    #[test]
    fn what_is_left_stands_with_its_size_and_why_it_is_kept() {
        insta::assert_snapshot!(render(&kept()));
        assert_eq!(render(&KeptTrees { places: Vec::new() }), "no work trees or branches are left\n");
    }

    #[test]
    fn only_what_is_free_at_every_place_is_chosen_unasked() {
        assert_eq!(chosen(&kept(), &[]).expect("some"), ["miyabi/r/Task-1/1"]);
        let named = ["miyabi/r/Task-3/1".to_owned()];
        assert_eq!(chosen(&kept(), &named).expect("named"), named);
        let error = chosen(&kept(), &["miyabi/none".to_owned()]).expect_err("unknown");
        assert!(error.message.contains("miyabi/none"), "{error:?}");
        let unasked = agrees(&kept(), &named).expect_err("nobody is there in a test");
        assert_eq!(unasked.message, "Remove 1 branch and its work tree (12 KiB)?");
    }
}
