//! `miyabi reassign`: shows what the next agent is told, and asks before it stops a running attempt or
//! takes an agent of another kind.

use std::fmt::Write as _;

use miyabi_api::{Answer, ApiError, ErrorCode, HandOver, Request};
use miyabi_client::Connection;
use miyabi_plan::Kind;

use crate::args::Reassign;
use crate::exit::Exit;
use crate::{editor, terminal, text};

/// How many files that go along are named.
const FILES: usize = 12;

/// Gives a task to another agent.
pub(crate) async fn reassign(args: &Reassign) -> Result<Exit, ApiError> {
    let connection = args.target.connect().await?;
    let made = made(args, &connection).await;
    let agreed = agrees_to_kind(args, made.as_ref().and_then(|made| made.planned_kind.as_ref()))?;
    let packet = if agreed { packet(args, made)? } else { None };
    let Some(packet) = packet else { return Ok(stays(args)) };
    let request = |stop_running| Request::Reassign {
        task: args.task.clone(),
        agent: args.agent.clone(),
        stop_running,
        across_kinds: agreed,
        packet: (!packet.trim().is_empty()).then(|| packet.clone()),
    };
    match connection.request(request(args.yes)).await {
        Err(error) if error.code == ErrorCode::NeedsConfirmation => {
            if !terminal::has_person() {
                return Err(error.hint("--yes stops the running attempt"));
            }
            if !terminal::agrees(&format!("{}. Stop it and give it to {}?", error.message, args.agent)) {
                return Ok(stays(args));
            }
            connection.request(request(true)).await?;
        }
        other => {
            other?;
        }
    }
    println!("{} goes to {}", args.task, args.agent);
    Ok(Exit::Done)
}

fn stays(args: &Reassign) -> Exit {
    println!("{} stays where it is", args.task);
    Exit::Done
}

/// What would move. What stands in the way of the move is told by the move.
async fn made(args: &Reassign, connection: &Connection) -> Option<HandOver> {
    let request = Request::HandOver { task: args.task.clone(), agent: args.agent.clone() };
    match connection.request(request).await {
        Ok(Answer::HandOver(made)) => Some(*made),
        Ok(_) | Err(_) => None,
    }
}

/// Whether the person takes an agent of another kind than the task is planned for.
fn agrees_to_kind(args: &Reassign, planned: Option<&Kind>) -> Result<bool, ApiError> {
    let Some(planned) = planned.filter(|_| !args.across_kinds) else { return Ok(true) };
    let Reassign { task, agent, .. } = args;
    let what =
        format!("{task} is planned for an agent of kind {planned}; {agent} is of kind {}", agent.kind());
    if terminal::has_person() {
        return Ok(terminal::agrees(&format!("{what}. Give it to {agent} all the same?")));
    }
    Err(ApiError::new(ErrorCode::BadInput, what)
        .hint(format!("--across-kinds gives it to {agent} all the same")))
}

/// What the next agent is told; none when the person would rather not move the task.
fn packet(args: &Reassign, made: Option<HandOver>) -> Result<Option<String>, ApiError> {
    let said = |made: &HandOver| with_note(args.note.as_deref(), &made.text);
    let Some(made) = made.filter(|made| !args.no_packet && !made.text.trim().is_empty()) else {
        return Ok(Some(args.note.clone().unwrap_or_default()));
    };
    if args.note.is_some() || args.yes || !terminal::has_person() {
        return Ok(Some(said(&made)));
    }
    eprint!("{}", render(&made));
    match terminal::choice("Send it? [Y]es, [e]dit it first, [w]ithout it, [n]o: ").as_str() {
        "" | "y" | "yes" => Ok(Some(said(&made))),
        "e" | "edit" => {
            let folder = args.target.environment()?.runtime_dir;
            editor::edited(&folder, &made.text).map(Some)
        }
        "w" | "without" => Ok(Some(String::new())),
        _ => Ok(None),
    }
}

fn with_note(note: Option<&str>, text: &str) -> String {
    note.map_or_else(|| text.to_owned(), |note| format!("{note}\n\n{text}"))
}

/// The packet for a person: everything that moves, and the words that are said.
fn render(made: &HandOver) -> String {
    let mut out = format!("{} takes along:\n", made.task);
    if let Some(branch) = &made.branch {
        let host = made.host.as_ref().map(|host| format!(", from {host}")).unwrap_or_default();
        let _ = writeln!(out, "  branch {}{host}", text::clean(branch));
    }
    for file in made.files.iter().take(FILES) {
        let _ = writeln!(out, "    {}", text::short(file, 100));
    }
    if made.files.len() > FILES {
        let _ = writeln!(out, "    and {} more", made.files.len() - FILES);
    }
    out.push_str("  and its next agent is told:\n");
    for line in text::clean(&made.text).lines() {
        let _ = writeln!(out, "  │ {line}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_sees_everything_that_moves() {
        let made = HandOver {
            task: "Task-7".parse().expect("an id"),
            branch: Some("miyabi/r/Task-7/1".into()),
            host: Some("MUGEN".parse().expect("an id")),
            planned_kind: None,
            files: (0..14).map(|nth| format!("src/{nth}.py")).collect(),
            text: "It was said: use the router.\n\nThe log ends so:\n\u{1b}[2Jboom".into(),
        };
        insta::assert_snapshot!(render(&made));
        assert_eq!(with_note(Some("first this"), "then"), "first this\n\nthen");
    }
}
