//! `cargo xtask run`: from a fresh checkout to the window with a rehearsal under way; where there is
//! no display, to the same rehearsal in the terminal.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::process::{Program, on_path};
use crate::project::{self, LEVEL6, cargo};
use crate::steps::{Counts, Steps};
use crate::{packages, ui};

/// How much faster than real time the rehearsal plays: Level 6 ends after two minutes.
const SPEED: &str = "--rehearse=60";
/// Where the rehearsal in the terminal has its files: the place that rehearsals have anyway.
const STATE_DIR: &str = "/tmp/miyabi-level6-rehearsal";
/// The name of its report for a browser, in cargo's target folder.
const REPORT: &str = "rehearsal-report.html";

/// Options of `cargo xtask run`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Stay in the terminal, even where there is a display.
    #[arg(long)]
    terminal: bool,
    /// Install and build, and start nothing.
    #[arg(long)]
    build_only: bool,
    /// Arguments for the program, in place of `examples/level6 --rehearse=60`.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Where the rehearsal is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Window,
    Terminal,
}

/// What the environment says of the person's desktop.
#[derive(Debug, Clone, Default)]
struct Desktop {
    macos: bool,
    display: bool,
    session_bus: bool,
}

impl Desktop {
    fn here() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        // Where no address is set, clients look for the user's bus in the runtime folder.
        let bus = set("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).join("bus").exists());
        Self {
            macos: cfg!(target_os = "macos"),
            display: set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some(),
            session_bus: bus || set("DBUS_SESSION_BUS_ADDRESS").is_some(),
        }
    }

    fn stage(&self) -> Stage {
        if self.macos || self.display { Stage::Window } else { Stage::Terminal }
    }

    /// Root and containers often have no session bus; notifications and the tray need one.
    fn with_bus(&self, program: Program) -> Program {
        if self.macos || self.session_bus || !on_path("dbus-run-session") {
            return program;
        }
        program.under(["dbus-run-session", "--"])
    }
}

/// Installs, builds and starts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let desktop = Desktop::here();
    let stage = if options.terminal { Stage::Terminal } else { desktop.stage() };
    if stage == Stage::Terminal && !options.terminal {
        println!("There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set):");
        println!("the rehearsal is shown in this terminal, and the window is not built.\n");
    }
    prepare(stage)?;
    if options.build_only {
        return Ok(());
    }
    let programs = project::target_folder()?.join("debug");
    match stage {
        Stage::Window => {
            println!("Opening the window. Closing it leaves the run at work; see `miyabi runs`.");
            desktop.with_bus(window(&programs, &options.arguments)).run()
        }
        Stage::Terminal => terminal(&programs, &options.arguments).iter().try_for_each(|program| {
            println!("$ {program}");
            program.run()
        }),
    }
}

fn prepare(stage: Stage) -> Result<()> {
    let ready = |()| Counts::ONE;
    type Work = fn(Stage) -> Result<()>;
    let all: [(&str, &str, Work); 4] = [
        ("packages", "what the system must have", |stage| match stage {
            Stage::Window => packages::ensure(&[packages::TERMINAL, packages::WINDOW]),
            Stage::Terminal => packages::ensure(&[packages::TERMINAL]),
        }),
        ("ui-install", "npm packages", |_| ui::install()),
        ("ui-build", "the user interface", |_| ui::build()),
        ("build", "the programs", |stage| build(stage).run()),
    ];
    let needed = |name: &str| stage == Stage::Window || !name.starts_with("ui-");
    let mine: Vec<_> = all.into_iter().filter(|(name, ..)| needed(name)).collect();
    let mut steps = Steps::new(mine.len());
    for (name, about, work) in mine {
        if !steps.step(name, about, || work(stage).map(ready)) {
            bail!("`{name}` failed; the lines above say why");
        }
    }
    println!("Ready after {}.\n", steps.elapsed());
    Ok(())
}

/// The whole workspace at once, as in `cargo xtask test`: so both share what is compiled. Without
/// the window only the default members, which never compile a browser.
fn build(stage: Stage) -> Program {
    match stage {
        Stage::Window => cargo().args(["build", "--workspace", "--bins"]),
        Stage::Terminal => cargo().args(["build", "--bins"]),
    }
}

fn window(programs: &Path, arguments: &[OsString]) -> Program {
    let window = Program::new(programs.join("miyabi-desktop")).folder(&project::root());
    if arguments.is_empty() { window.args([LEVEL6, SPEED]) } else { window.args(arguments) }
}

fn terminal(programs: &Path, arguments: &[OsString]) -> Vec<Program> {
    let miyabi = || Program::new(programs.join("miyabi")).folder(&project::root());
    if !arguments.is_empty() {
        return vec![miyabi().args(arguments)];
    }
    // Named, so that the report is never that of another run which is at work.
    let state_dir = ["--state-dir", STATE_DIR];
    vec![
        miyabi().args(["run", LEVEL6, SPEED, "--new"]).args(state_dir),
        miyabi().arg("report").args(state_dir),
        miyabi().args(["report", "-o"]).arg(programs.with_file_name(REPORT)).args(state_dir),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_opened_only_where_there_is_a_display() {
        assert_eq!(Desktop::default().stage(), Stage::Terminal);
        assert_eq!(Desktop { display: true, ..Desktop::default() }.stage(), Stage::Window);
        assert_eq!(Desktop { macos: true, ..Desktop::default() }.stage(), Stage::Window);
    }

    #[test]
    fn a_session_bus_that_is_there_is_used() {
        let window = || Program::new("miyabi-desktop");
        let bus = Desktop { session_bus: true, ..Desktop::default() };
        assert_eq!(bus.with_bus(window()), window());
        let macos = Desktop { macos: true, ..Desktop::default() };
        assert_eq!(macos.with_bus(window()), window());
    }

    #[test]
    fn both_stages_play_the_same_rehearsal() {
        let words = |program: &Program| program.to_string();
        let programs = Path::new("/t/debug");
        assert_eq!(words(&window(programs, &[])), "/t/debug/miyabi-desktop examples/level6 --rehearse=60");
        let lines = terminal(programs, &[]);
        let place = "--state-dir /tmp/miyabi-level6-rehearsal";
        let run = "/t/debug/miyabi run examples/level6 --rehearse=60 --new";
        assert_eq!(words(&lines[0]), format!("{run} {place}"));
        assert_eq!(words(&lines[1]), format!("/t/debug/miyabi report {place}"), "to its report");
        let own = terminal(programs, &["validate".into(), "x y".into()]);
        assert_eq!(words(&own[0]), "/t/debug/miyabi validate x y");
    }

    #[test]
    fn no_browser_is_compiled_for_the_terminal() {
        assert!(build(Stage::Window).to_string().contains("--workspace"));
        assert!(!build(Stage::Terminal).to_string().contains("--workspace"));
    }
}
