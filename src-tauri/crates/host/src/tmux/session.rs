//! What is done with tmux: a few of its command lines in turn, so that fifteen windows cost as
//! many calls as one.

use std::io;
use std::time::Duration;

use super::argv::{self, CommandLine, Listing, NewWindow, Respawn, Window};
use super::error::TmuxError;
use crate::process;

/// The mark and name of the backend's window.
pub const ORCHESTRATOR: &str = "Orchestrator";
/// The mark and name of the dashboard's window.
pub const MONITOR: &str = "Monitor";

/// The role of a window that only shows a log; a program that does work may take its place.
const LOG_ROLE: &str = "log";
/// The role of a window that shows an agent of another site.
const VIEW_ROLE: &str = "view";
/// tmux answers in milliseconds; a server that does not is stopped or broken.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A window that shall be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowPlan {
    /// Whose it is: the mark by which it is found again.
    pub agent: String,
    /// What people read.
    pub name: String,
    /// How many places after the backend's window it shall stand, where that place is free.
    pub place: Option<u32>,
    /// What runs in it.
    pub argv: Vec<String>,
    /// What it is for.
    pub role: Role,
}

/// What a window is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A program of ours that does work: left alone while it runs.
    Work,
    /// It shows a log: replaced by a program that does work.
    Log,
    /// It shows an agent that is at another site: replaced when the agent comes here.
    View,
}

impl Role {
    fn mark(self) -> &'static str {
        match self {
            Self::Work => "",
            Self::Log => LOG_ROLE,
            Self::View => VIEW_ROLE,
        }
    }
}

/// Whether there is a tmux to run.
#[must_use]
pub fn is_installed() -> bool {
    run(CommandLine::default().then(["-V"])).is_ok()
}

/// Makes sure that a session is there and that the backend's program runs in a window of it,
/// marked `Orchestrator`. A session that is there is joined; a dead window of ours is used again.
/// `state` is the state folder's short name. Gives back the window's id.
///
/// # Errors
/// When tmux is missing or refuses.
pub fn ensure_session(session: &str, state: &str, argv: &[String]) -> Result<String, TmuxError> {
    let listing = match listing(session) {
        Err(TmuxError::NoSession { .. }) => match create(session, state, argv, Role::Work) {
            Ok(window) => return Ok(window.id),
            // Somebody else was quicker: the session is joined.
            Err(_) => listing(session)?,
        },
        other => other?,
    };
    let free = |window: &&Window| {
        is_of(window, state, ORCHESTRATOR) && (window.ended.is_some() || window.role == LOG_ROLE)
    };
    if let Some(window) = listing.ours.iter().find(free) {
        reuse(std::slice::from_ref(&(window, argv.to_vec(), Role::Work)), state)?;
        return Ok(window.id.clone());
    }
    let window = add(
        session,
        &listing,
        state,
        &[&WindowPlan {
            agent: ORCHESTRATOR.to_owned(),
            name: ORCHESTRATOR.to_owned(),
            place: None,
            argv: argv.to_vec(),
            role: Role::Work,
        }],
    )?;
    window.into_iter().next().map(|window| window.id).ok_or_else(|| no_answer("new-window"))
}

/// Makes sure that these windows are there and alive, in as few calls as possible. A session that
/// is gone is made again, with `stand_in` in its window 0.
///
/// # Errors
/// When tmux is missing or refuses.
pub fn open_windows(
    session: &str,
    state: &str,
    stand_in: &[String],
    plans: &[WindowPlan],
) -> Result<(), TmuxError> {
    let listing = match listing(session) {
        Err(TmuxError::NoSession { .. }) => {
            match create(session, state, stand_in, Role::Log) {
                Ok(_) | Err(TmuxError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
            listing(session)?
        }
        other => other?,
    };
    let (mut dead, mut missing) = (Vec::new(), Vec::new());
    for plan in plans {
        match listing.ours.iter().find(|window| is_of(window, state, &plan.agent)) {
            Some(window) if window.ended.is_none() && window.role == plan.role.mark() => {}
            Some(window) => dead.push((window, plan.argv.clone(), plan.role)),
            None => missing.push(plan),
        }
    }
    reuse(&dead, state)?;
    add(session, &listing, state, &missing)?;
    Ok(())
}

/// Sets window options on our windows; one that tmux refuses is left out and named.
///
/// # Errors
/// When tmux is missing or the session is gone.
pub fn set_options(
    session: &str,
    state: &str,
    options: &[(String, String)],
) -> Result<Vec<String>, TmuxError> {
    let mut refused = Vec::new();
    if options.is_empty() {
        return Ok(refused);
    }
    let ours = list_windows(session, state)?;
    for (name, value) in options {
        let set = |line, window: &Window| argv::set_option(line, &window.id, name, value);
        for lines in batches(&ours, set) {
            match run(lines) {
                Ok(_) => {}
                Err(TmuxError::Refused { message, .. }) => {
                    refused.push(format!("{name} {value}: {message}"));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(refused)
}

/// Our windows of a session; none where there is no such session.
///
/// # Errors
/// When tmux is missing or refuses.
pub fn list_windows(session: &str, state: &str) -> Result<Vec<Window>, TmuxError> {
    match listing(session) {
        Ok(listing) => Ok(listing.ours.into_iter().filter(|window| window.state == state).collect()),
        Err(TmuxError::NoSession { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The window of an agent, of [`ORCHESTRATOR`] or of [`MONITOR`].
///
/// # Errors
/// When tmux is missing or refuses.
pub fn find_window(session: &str, state: &str, agent: &str) -> Result<Option<Window>, TmuxError> {
    Ok(list_windows(session, state)?.into_iter().find(|window| window.agent == agent))
}

/// Removes a person's session over the windows of another one, made by [`argv::view_argv`]; the windows
/// stay. One that is gone already is as good as removed.
///
/// # Errors
/// When tmux is missing or does not answer.
pub fn remove_view(view: &str) -> Result<(), TmuxError> {
    match run(argv::kill_session(view)) {
        Ok(_) | Err(TmuxError::Refused { .. } | TmuxError::NoSession { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Has the server look for children that ended. While it logs a terminal in or out (utempter) it
/// can miss the end of a program for good; the end of any other one makes it look at all.
///
/// # Errors
/// When tmux is missing or refuses.
pub fn wake_server() -> Result<(), TmuxError> {
    run(argv::wake_server()).map(drop)
}

/// Removes our windows of a session, but for those whose marks are in `keep`. The session goes
/// with its last window, as tmux has it; windows that are not ours keep it.
///
/// # Errors
/// When tmux is missing or refuses.
pub fn remove_windows(session: &str, state: &str, keep: &[&str]) -> Result<(), TmuxError> {
    let mut ours = list_windows(session, state)?;
    ours.retain(|window| !keep.contains(&window.agent.as_str()));
    for line in batches(&ours, |line, window| argv::kill_window(line, &window.id)) {
        match run(line) {
            // A window that went by itself in the meantime is as good as removed.
            Ok(_) | Err(TmuxError::Refused { .. } | TmuxError::NoSession { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_of(window: &Window, state: &str, agent: &str) -> bool {
    window.state == state && window.agent == agent
}

fn listing(session: &str) -> Result<Listing, TmuxError> {
    match run(argv::list(session)) {
        Ok(text) => Ok(Listing::parse(&text)),
        Err(TmuxError::Refused { message, .. }) => {
            Err(TmuxError::NoSession { session: session.to_owned(), message })
        }
        Err(error) => Err(error),
    }
}

fn create(session: &str, state: &str, argv: &[String], role: Role) -> Result<NewWindow, TmuxError> {
    let text = run(argv::new_session(session, ORCHESTRATOR, argv))?;
    let window = argv::parse_new(&text).into_iter().next().ok_or_else(|| no_answer("new-session"))?;
    run(argv::mark_window(CommandLine::default(), &window, state, role.mark(), ORCHESTRATOR))?;
    if window.index != 0 {
        // A person's `base-index` may be 1; the session is ours, and its first window is window 0.
        run(argv::move_window(&window.id, session, 0))?;
    }
    Ok(window)
}

fn reuse(windows: &[(&Window, Vec<String>, Role)], state: &str) -> Result<(), TmuxError> {
    let respawn = |line, (window, argv, role): &(&Window, Vec<String>, Role)| {
        let new = NewWindow { id: window.id.clone(), pane: window.pane.clone(), index: window.index };
        let line = argv::mark_window(line, &new, state, role.mark(), &window.agent);
        argv::respawn(line, &window.pane, Respawn::Always, argv)
    };
    for line in batches(windows, respawn) {
        run(line)?;
    }
    Ok(())
}

fn add(
    session: &str,
    listing: &Listing,
    state: &str,
    plans: &[&WindowPlan],
) -> Result<Vec<NewWindow>, TmuxError> {
    let first = listing.ours.iter().find(|window| is_of(window, state, ORCHESTRATOR));
    let first = first.map_or(0, |window| window.index);
    let mut taken = listing.indexes.clone();
    let mut placed = Vec::new();
    for plan in plans {
        let index = plan.place.map(|place| first + place).filter(|index| !taken.contains(index));
        let index = index.unwrap_or_else(|| taken.iter().max().map_or(0, |last| last + 1));
        taken.push(index);
        placed.push((*plan, index));
    }
    let mut windows = Vec::new();
    for line in batches(&placed, |line, (plan, index)| {
        argv::new_window(line, session, Some(*index), &plan.name, &plan.argv)
    }) {
        windows.extend(argv::parse_new(&run(line)?));
    }
    let made: Vec<_> = windows.iter().zip(plans).collect();
    for line in batches(&made, |line, (window, plan)| {
        argv::mark_window(line, window, state, plan.role.mark(), &plan.agent)
    }) {
        run(line)?;
    }
    Ok(windows)
}

fn batches<T>(items: &[T], mut add: impl FnMut(CommandLine, &T) -> CommandLine) -> Vec<CommandLine> {
    let mut lines = Vec::new();
    let mut line = CommandLine::default();
    for item in items {
        line = add(line, item);
        if line.is_full() {
            lines.push(std::mem::take(&mut line));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

fn no_answer(command: &str) -> TmuxError {
    TmuxError::Refused { command: command.to_owned(), message: "it did not name the new window".to_owned() }
}

fn run(line: CommandLine) -> Result<String, TmuxError> {
    let argv = line.into_argv();
    match process::ask(&argv, ANSWER_LIMIT) {
        Ok(answer) if answer.succeeded => Ok(answer.stdout),
        Ok(answer) => Err(TmuxError::Refused {
            command: argv.iter().skip(1).take(3).cloned().collect::<Vec<_>>().join(" "),
            message: answer.stderr.trim().chars().take(300).collect(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(TmuxError::Missing),
        Err(error) => Err(error.into()),
    }
}
