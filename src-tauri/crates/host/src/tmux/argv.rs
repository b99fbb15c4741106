//! tmux commands as argument lists, and the reading of its answers. Pure.
//!
//! Three things in an argument mean something to tmux itself and are escaped here: a `;` at its
//! end (the next command), a `#` in a window's name (a format, which can run a program), and a
//! program without arguments (given to a shell).

/// One command line for tmux, made of commands that are carried out in turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    argv: Vec<String>,
}

/// tmux refuses a command line of more than 16 KiB; this leaves room for its own packing.
const MAX_LENGTH: usize = 8 * 1024;

impl CommandLine {
    /// Adds a command.
    #[must_use]
    pub fn then<I, S>(mut self, command: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        self.argv.push(if self.argv.is_empty() { "tmux".to_owned() } else { ";".to_owned() });
        self.argv.extend(command.into_iter().map(|word| literal(word.as_ref())));
        self
    }

    /// Whether another command had better begin a new line.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.argv.iter().map(|word| word.len() + 1).sum::<usize>() > MAX_LENGTH
    }

    /// Whether there is no command in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.argv.is_empty()
    }

    /// The program and its arguments.
    #[must_use]
    pub fn into_argv(self) -> Vec<String> {
        self.argv
    }
}

/// A word that tmux takes as it is.
fn literal(word: &str) -> String {
    word.strip_suffix(';').map_or_else(|| word.to_owned(), |head| format!("{head}\\;"))
}

/// A window's name without any format in it.
fn plain_name(name: &str) -> String {
    let visible: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    visible.replace('#', "##")
}

/// A program for a pane. tmux gives a single word to a shell, and two or more to nobody.
fn program(argv: &[String]) -> Vec<String> {
    match argv {
        [single] => vec!["env".to_owned(), "--".to_owned(), single.clone()],
        _ => argv.to_vec(),
    }
}

/// Matches the session of exactly this name.
fn exactly(session: &str) -> String {
    format!("={session}")
}

/// What [`Window::parse`] reads. No field can hold a `|`, and no control character is used:
/// tmux replaces those where the locale is not UTF-8.
const WINDOW_FORMAT: &str = "#{window_id}|#{pane_id}|#{window_index}|#{pane_dead}|#{pane_dead_status}|#{pane_dead_signal}|#{pane_pid}|#{@miyabi_pane}|#{@miyabi_state}|#{@miyabi_role}|#{@miyabi_agent}";
/// What a new window or session prints.
const NEW_FORMAT: &str = "#{window_id}|#{pane_id}|#{window_index}";

/// A window with our marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its id, as in `@3`: the same as long as the window lives.
    pub id: String,
    /// Its pane that is ours, as in `%5`.
    pub pane: String,
    /// Its place in the session.
    pub index: u32,
    /// Whether the program in it has ended, and how: an exit code or a signal.
    pub ended: Option<Ended>,
    /// The program in it.
    pub pid: Option<u32>,
    /// Our mark: the state folder's short name.
    pub state: String,
    /// Our mark: what the window is for, where it only shows a log.
    pub role: String,
    /// Our mark: whose window it is.
    pub agent: String,
}

/// How the program in a window ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code or by this signal, in words.
    As(String),
    /// tmux does not know, or not yet.
    Somehow,
}

/// All windows of a session: ours, and the places that others take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Windows with our marks.
    pub ours: Vec<Window>,
    /// Every index that is taken, by anybody.
    pub indexes: Vec<u32>,
}

impl Listing {
    /// Reads the answer to [`list`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut listing = Self::default();
        for line in text.lines() {
            let Some((window, pane)) = parse_line(line) else { continue };
            listing.indexes.push(window.index);
            // A person may have split the window: only the marked pane counts.
            if !window.agent.is_empty() && window.pane == pane {
                listing.ours.push(window);
            }
        }
        listing.indexes.sort_unstable();
        listing.indexes.dedup();
        listing
    }
}

fn parse_line(line: &str) -> Option<(Window, String)> {
    let mut fields = line.splitn(11, '|');
    let mut next = || fields.next();
    let (id, pane, index) = (next()?, next()?, next()?.parse().ok()?);
    let (dead, status, signal) = (next()? == "1", next()?, next()?);
    let (pid, marked, state, role, agent) = (next()?.parse().ok(), next()?, next()?, next()?, next()?);
    let ended = dead.then(|| match (signal, status) {
        ("" | "0", "") => Ended::Somehow,
        ("" | "0", status) => Ended::As(format!("exit code {status}")),
        (signal, _) => Ended::As(format!("killed by signal {signal}")),
    });
    let window = Window {
        id: id.to_owned(),
        pane: pane.to_owned(),
        index,
        ended,
        pid,
        state: state.to_owned(),
        role: role.to_owned(),
        agent: agent.to_owned(),
    };
    Some((window, marked.to_owned()))
}

/// A window that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWindow {
    /// Its id.
    pub id: String,
    /// Its pane.
    pub pane: String,
    /// Its place.
    pub index: u32,
}

/// Reads what new windows printed, one a line.
#[must_use]
pub fn parse_new(text: &str) -> Vec<NewWindow> {
    let parse = |line: &str| {
        let mut fields = line.split('|');
        let (id, pane) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        Some(NewWindow { id, pane, index: fields.next()?.trim().parse().ok()? })
    };
    text.lines().filter_map(parse).collect()
}

/// Prints every pane of a session.
#[must_use]
pub fn list(session: &str) -> CommandLine {
    CommandLine::default().then([
        "list-panes",
        "-s",
        "-t",
        &format!("{}:", exactly(session)),
        "-F",
        WINDOW_FORMAT,
    ])
}

/// Makes a session, in the background, with one window.
#[must_use]
pub fn new_session(session: &str, name: &str, argv: &[String]) -> CommandLine {
    let name = plain_name(name);
    let head = [
        "new-session",
        "-d",
        "-P",
        "-F",
        NEW_FORMAT,
        "-x",
        "200",
        "-y",
        "50",
        "-s",
        session,
        "-n",
        &name,
        "--",
    ];
    CommandLine::default().then(head.into_iter().map(str::to_owned).chain(program(argv)))
}

/// Adds a window without going to it; at the next free place where no index is given.
#[must_use]
pub fn new_window(
    line: CommandLine,
    session: &str,
    index: Option<u32>,
    name: &str,
    argv: &[String],
) -> CommandLine {
    let target = format!("{}:{}", exactly(session), index.map(|index| index.to_string()).unwrap_or_default());
    let name = plain_name(name);
    let head = ["new-window", "-d", "-P", "-F", NEW_FORMAT, "-t", &target, "-n", &name, "--"];
    line.then(head.into_iter().map(str::to_owned).chain(program(argv)))
}

/// Moves a window of ours within its session.
#[must_use]
pub fn move_window(id: &str, session: &str, index: u32) -> CommandLine {
    CommandLine::default().then([
        "move-window",
        "-d",
        "-s",
        id,
        "-t",
        &format!("{}:{index}", exactly(session)),
    ])
}

/// Sets a window's options and marks. What keeps a dead window open comes first.
#[must_use]
pub fn mark_window(
    line: CommandLine,
    window: &NewWindow,
    state: &str,
    role: &str,
    agent: &str,
) -> CommandLine {
    [
        ("remain-on-exit", "on"),
        ("automatic-rename", "off"),
        ("allow-rename", "off"),
        ("@miyabi_pane", window.pane.as_str()),
        ("@miyabi_state", state),
        ("@miyabi_role", role),
        ("@miyabi_agent", agent),
    ]
    .into_iter()
    .fold(line, |line, (name, value)| set_option(line, &window.id, name, value))
}

/// Sets one option of one window.
#[must_use]
pub fn set_option(line: CommandLine, window: &str, name: &str, value: &str) -> CommandLine {
    line.then(["set-option", "-w", "-t", window, name, value])
}

/// What happens to a program that still runs in a pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Respawn {
    /// tmux refuses when one runs.
    IfDead,
    /// It is ended first.
    Always,
}

/// Starts a program in a pane of ours.
#[must_use]
pub fn respawn(line: CommandLine, pane: &str, respawn: Respawn, argv: &[String]) -> CommandLine {
    let mut head = vec!["respawn-pane".to_owned()];
    if respawn == Respawn::Always {
        head.push("-k".to_owned());
    }
    head.extend(["-t", pane, "--"].map(str::to_owned));
    line.then(head.into_iter().chain(program(argv)))
}

/// Removes a window.
#[must_use]
pub fn kill_window(line: CommandLine, id: &str) -> CommandLine {
    line.then(["kill-window", "-t", id])
}

/// Has the server start a program that does nothing, so that it hears of a child's end.
#[must_use]
pub fn wake_server() -> CommandLine {
    CommandLine::default().then(["run-shell", "-b", "true"])
}

/// Pastes a file's text into a pane as one bracketed paste.
#[must_use]
pub fn paste(line: CommandLine, buffer: &str, file: &str, pane: &str) -> CommandLine {
    line.then(["load-buffer", "-b", buffer, file]).then([
        "paste-buffer",
        "-p",
        "-d",
        "-b",
        buffer,
        "-t",
        pane,
    ])
}

/// Presses Enter in a pane.
#[must_use]
pub fn press_enter(line: CommandLine, pane: &str) -> CommandLine {
    line.then(["send-keys", "-t", pane, "Enter"])
}

/// What a pane shows.
#[must_use]
pub fn capture(line: CommandLine, pane: &str) -> CommandLine {
    line.then(["capture-pane", "-p", "-t", pane])
}

/// What a person's terminal runs to look at a session, at one window where its id is given: a
/// session of its own over the same windows, so that two people do not share a cursor. It goes
/// when they leave. Within tmux, run it without `TMUX` in the environment.
#[must_use]
pub fn attach_argv(session: &str, window: Option<&str>) -> Vec<String> {
    let line = CommandLine::default().then(["new-session", "-t", &exactly(session)]).then([
        "set-option",
        "destroy-unattached",
        "on",
    ]);
    match window {
        Some(id) => line.then(["select-window", "-t", id]),
        None => line,
    }
    .into_argv()
}

/// The same for a terminal that a helper opens for a person far away: the session has a name, so that it
/// can be removed, and what its own environment says of characters and terminals does not matter.
#[must_use]
pub fn view_argv(session: &str, view: &str, window: &str) -> Vec<String> {
    let of_view = format!("{}:", exactly(view));
    let mut argv = CommandLine::default()
        .then(["new-session", "-t", &exactly(session), "-s", view])
        // Before it has somebody who looks, this would be its end.
        .then(["set-option", "-t", &of_view, "destroy-unattached", "on"])
        .then(["select-window", "-t", &format!("{of_view}{window}")])
        .into_argv();
    argv.insert(1, "-u".to_owned());
    argv
}

/// Removes a session; its windows stay where another session has them, too.
#[must_use]
pub fn kill_session(session: &str) -> CommandLine {
    CommandLine::default().then(["kill-session", "-t", &exactly(session)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn shown(line: CommandLine) -> String {
        line.into_argv().join(" ").replace(WINDOW_FORMAT, "ALL").replace(NEW_FORMAT, "NEW")
    }

    #[test]
    fn commands_are_argument_lists_with_exact_targets() {
        let argv = words(&["/x/miyabi-host", "run", "--agent", "CG-1"]);
        assert_eq!(
            shown(new_session("s", "Orchestrator", &argv)),
            "tmux new-session -d -P -F NEW -x 200 -y 50 -s s -n Orchestrator -- /x/miyabi-host run --agent CG-1"
        );
        let two = new_window(CommandLine::default(), "s", Some(2), "CG-1-Core", &argv);
        assert_eq!(
            shown(new_window(two, "s", None, "x", &argv)),
            "tmux new-window -d -P -F NEW -t =s:2 -n CG-1-Core -- /x/miyabi-host run --agent CG-1 ; \
             new-window -d -P -F NEW -t =s: -n x -- /x/miyabi-host run --agent CG-1"
        );
        assert_eq!(shown(list("s")), "tmux list-panes -s -t =s: -F ALL");
        assert_eq!(shown(kill_window(CommandLine::default(), "@4")), "tmux kill-window -t @4");
        assert_eq!(
            shown(respawn(CommandLine::default(), "%4", Respawn::Always, &argv)),
            "tmux respawn-pane -k -t %4 -- /x/miyabi-host run --agent CG-1"
        );
        assert_eq!(
            attach_argv("s", Some("@3")).join(" "),
            "tmux new-session -t =s ; set-option destroy-unattached on ; select-window -t @3"
        );
        assert_eq!(
            view_argv("s", "v", "@3").join(" "),
            "tmux -u new-session -t =s -s v ; set-option -t =v: destroy-unattached on ; select-window -t =v:@3"
        );
        assert_eq!(shown(kill_session("v")), "tmux kill-session -t =v");
        assert_eq!(
            shown(paste(CommandLine::default(), "b", "/s/p;", "%4")),
            "tmux load-buffer -b b /s/p\\; ; paste-buffer -p -d -b b -t %4"
        );
    }

    #[test]
    fn a_window_is_kept_open_before_it_gets_its_marks() {
        let window = NewWindow { id: "@1".into(), pane: "%2".into(), index: 1 };
        let line = shown(mark_window(CommandLine::default(), &window, "abc", "", "CG-1"));
        assert!(line.starts_with("tmux set-option -w -t @1 remain-on-exit on ;"), "{line}");
        assert!(line.ends_with("; set-option -w -t @1 @miyabi_agent CG-1"), "{line}");
    }

    #[test]
    fn nothing_in_data_means_anything_to_tmux() {
        let argv = words(&["prog", "a;", ";", "#(touch /tmp/x)"]);
        let line = new_window(CommandLine::default(), "s", None, "n#(id);", &argv).into_argv();
        assert!(line.contains(&"n##(id)\\;".to_owned()), "{line:?}");
        assert_eq!(&line[line.len() - 3..], ["a\\;", "\\;", "#(touch /tmp/x)"]);
        let single = new_session("s", "n", &words(&["a b; c"])).into_argv();
        assert_eq!(&single[single.len() - 3..], ["env", "--", "a b; c"]);
    }

    #[test]
    fn only_the_marked_pane_of_a_split_window_counts() {
        let listing = Listing::parse(
            "@0|%0|0|0|||11||||\n@1|%1|3|1||9|12|%1|abc||CG-1\n@1|%7|3|0|||13|%1|abc||CG-1\nnonsense\n@2|%2|4|1|3||9|%2|abc|log|Orchestrator\n",
        );
        assert_eq!(listing.indexes, [0, 3, 4]);
        let ours: Vec<_> = listing.ours.iter().map(|w| (w.id.clone(), w.ended.clone())).collect();
        let ended = |id: &str, how: &str| (id.to_owned(), Some(Ended::As(how.to_owned())));
        assert_eq!(ours, [ended("@1", "killed by signal 9"), ended("@2", "exit code 3")]);
    }
}
