//! What may be written on the command line, and its help.

mod draft;
mod host;
mod work;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use miyabi_api::{ApprovalScope, ReportFormat};
use miyabi_plan::{AgentId, Choice, TaskId};

pub(crate) use draft::{Doctor, Draft, PromptFlags};
pub(crate) use host::{
    Attach, GiveUp, Host, HostAdd, HostCommand, HostList, HostTest, OneHost, View, WhichHost,
};
pub(crate) use work::{Checks, Diff, History, Merged, Pr, Reassign, SendBack, Status, Trees};

/// How fast a rehearsal plays when no speed is named.
const DEFAULT_SPEED: &str = "60";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "miyabi",
    version,
    about = "Runs a plan with a team of coding agents, in parallel, in tmux windows that you can watch.",
    after_help = "\
A first tour:
  miyabi validate examples/level6            what is wrong with a plan, and how long it will take
  miyabi run examples/level6 --rehearse      play it 60 times faster; nothing is done, all is shown
  miyabi monitor                             the whole run on one screen
  miyabi attach CG-1                         look over an agent's shoulder, on whatever host it is
  miyabi host test mugen                     whether a host that `ssh` knows can run agents

Exit codes: 0 done · 1 the run failed or is stuck · 2 bad input · 3 the machine lacks something"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Validate(Validate),
    Setup(Setup),
    Run(Run),
    Init(Init),
    Plan(Draft),
    /// List all runs, the newest first
    Runs {
        #[command(flatten)]
        output: Output,
    },
    Status(Status),
    Why(OneTask),
    History(History),
    Logs(Logs),
    Monitor(Monitor),
    Reassign(Reassign),
    /// Try a failed or cancelled task again, with all its retries
    Retry(OneTask),
    Cancel(Cancel),
    Diff(Diff),
    /// Accept the work of a task that waits for that
    Accept(OneTask),
    SendBack(SendBack),
    Merged(Merged),
    Checks(Checks),
    /// Run the plan's verification once more
    Verify(Target),
    Pr(Pr),
    Trees(Trees),
    Inbox(Inbox),
    Approve(Approve),
    Deny(Deny),
    Budget(Budget),
    Send(Send),
    /// Start nothing new; what runs goes on to its end
    Pause(Target),
    /// Let a paused run go on
    #[command(after_help = "To go on with a run whose backend is gone: miyabi run --resume")]
    Resume(Target),
    Stop(Stop),
    Host(Host),
    Attach(Attach),
    View(View),
    Report(Report),
    Doctor(Doctor),
    #[command(hide = true)]
    Orchestrate(Orchestrate),
    Completions(Completions),
    Schema(Schema),
}

/// Check a plan and forecast how long it takes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi validate examples/level6
  miyabi validate examples/level6 --json | jq '.choices[].expected_seconds'
  miyabi validate examples/level6 --brief     a line a finding, nothing else

Exits with 0 when the plan can run (warnings do not stop it) and with 2 when it cannot.")]
pub(crate) struct Validate {
    /// The plan's folder, its task_dag.json, or a plain task_queue.json
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) plan: PathBuf,
    /// Print the findings alone, a line each, warnings before errors
    #[arg(long, conflicts_with = "json")]
    pub(crate) brief: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Make session, folders and queue, and check everything; starts nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi setup examples/level6 && tmux attach -t miyabi-level6-orchestra")]
pub(crate) struct Setup {
    /// The plan's folder or file
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) play: Play,
}

/// How a plan is played.
#[derive(Debug, Args)]
pub(crate) struct Play {
    /// Play the estimates this many times faster; nothing is really done
    #[arg(long, value_name = "SPEED", num_args = 0..=1, require_equals = true,
          default_missing_value = DEFAULT_SPEED, value_parser = speed)]
    pub(crate) rehearse: Option<f64>,
    /// Start no agents: they are loops of their own over their status files
    #[arg(long, conflicts_with = "rehearse")]
    pub(crate) external: bool,
    /// Rehearse on the plan's own hosts, and not on this machine alone
    #[arg(long, requires = "rehearse")]
    pub(crate) on_hosts: bool,
    #[command(flatten)]
    pub(crate) choice: ChoiceFlags,
}

/// How waves and edges are read.
#[derive(Debug, Args)]
pub(crate) struct ChoiceFlags {
    /// A wave begins only when the one before it has ended
    #[arg(long)]
    pub(crate) follow_waves: bool,
    /// Needs within a wave, or against the waves, do not count; they are listed first
    #[arg(long)]
    pub(crate) drop_conflicting_edges: bool,
}

impl ChoiceFlags {
    /// As the plan's choice.
    pub(crate) fn choice(&self) -> Choice {
        Choice { follow_waves: self.follow_waves, drop_conflicting_edges: self.drop_conflicting_edges }
    }
}

/// Run a plan, or go on with an unfinished run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi run examples/level6 --rehearse         play the plan 60 times faster
  miyabi run examples/level6 --rehearse=600     ... 600 times faster
  miyabi run my-plan --rehearse --on-hosts      ... on the plan's own hosts, over their real links
  miyabi run examples/commands                  real work by programs, with checks
  miyabi run --resume                           go on after a reboot or a crash
  miyabi run my-plan -d && miyabi monitor       leave it, and watch it
  miyabi run --prompt \"Mend the login form\"    no plan: one agent, one task, in this folder

`run` stays until the run has ended; Ctrl-C leaves the run at work.
A plan whose commands you never agreed to asks first; --trust agrees beforehand.")]
pub(crate) struct Run {
    /// The plan's folder or file
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present_any = ["resume", "prompt"],
          conflicts_with = "resume")]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) prompt: PromptFlags,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) play: Play,
    /// Leave an unfinished run behind and begin anew
    #[arg(long = "new", conflicts_with = "resume")]
    pub(crate) new_run: bool,
    /// Go on with the unfinished run of the state folder
    #[arg(long, conflicts_with_all = ["rehearse", "external", "on_hosts", "follow_waves", "drop_conflicting_edges"])]
    pub(crate) resume: bool,
    /// Agree to the plan's commands
    #[arg(long)]
    pub(crate) trust: bool,
    /// Put what is not committed in the work folder aside first, by git stash
    #[arg(long, conflicts_with_all = ["resume", "rehearse", "external"])]
    pub(crate) stash: bool,
    /// Agree to dropped edges without being asked
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Leave the run at work as soon as it has begun
    #[arg(long, short = 'd')]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Start a new plan folder with a small plan to change
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi init my-plan && miyabi validate my-plan && miyabi run my-plan --rehearse")]
pub(crate) struct Init {
    /// The folder to make
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

/// Which run a command is about.
#[derive(Debug, Args, Clone)]
pub(crate) struct Target {
    /// The run's state folder [default: /tmp/miyabi-level6, or else that of the one run at work; for a
    /// new rehearsal /tmp/miyabi-level6-rehearsal]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Where sockets lie; windows of a tmux server with another environment are told it
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) runtime_dir: Option<PathBuf>,
    /// Where runs are kept; as above
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) state_home: Option<PathBuf>,
}

/// For people or for programs.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Output {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Tell why a task does not run, and what was tried
#[derive(Debug, Args)]
pub(crate) struct OneTask {
    /// The task, as in Task-3
    pub(crate) task: TaskId,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Print an agent's log
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi logs CG-1
  miyabi logs -f CG-1
  miyabi logs orchestrator       the orchestrator's own log")]
pub(crate) struct Logs {
    /// The agent, as in CG-1, or `orchestrator`
    pub(crate) agent: AgentId,
    /// Go on as the log grows
    #[arg(long, short)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Watch the run on a full screen
#[derive(Debug, Args)]
#[command(after_help = "\
Keys: q leaves · p pauses and resumes the run · t tries lost hosts · ↑ ↓ PgUp PgDn Home End scroll")]
pub(crate) struct Monitor {
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Cancel one task, or the whole run
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi cancel Task-3      take one task out; a running attempt of it is stopped
  miyabi cancel             end the run; running attempts are stopped")]
pub(crate) struct Cancel {
    /// The task; without it the whole run
    pub(crate) task: Option<TaskId>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show what waits for a person: permissions, reviews, conflicts, budgets, failed tasks, hosts
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi inbox
  miyabi inbox --json | jq -r '.[] | select(.kind == \"approval\") | .number'

Exits with 0 whether something waits or not.")]
pub(crate) struct Inbox {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Allow what an agent asks for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi approve 3               this once
  miyabi approve 3 --for task    the same tool in all attempts of that task
  miyabi approve 3 --for run     the same tool for every agent of the run")]
pub(crate) struct Approve {
    /// The number in the inbox
    pub(crate) number: u32,
    /// How far it reaches
    #[arg(long = "for", value_enum, default_value = "once", value_name = "SCOPE")]
    pub(crate) scope: Scope,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// How far an allowance reaches, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// This request
    Once,
    /// The same tool, in all attempts of the task
    Task,
    /// The same tool, for every agent of the run
    Run,
}

impl From<Scope> for ApprovalScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Once => Self::Once,
            Scope::Task => Self::Task,
            Scope::Run => Self::Run,
        }
    }
}

/// Refuse what an agent asks for
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi deny 3 \"use the test database instead\"")]
pub(crate) struct Deny {
    /// The number in the inbox
    pub(crate) number: u32,
    /// What the agent is told
    #[arg(default_value = "a person refused it")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Raise a budget that is reached, so that the work goes on
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi budget 4 25      up to 25 US dollars in all")]
pub(crate) struct Budget {
    /// The number in the inbox
    pub(crate) number: u32,
    /// What may be spent in all, in US dollars
    #[arg(value_parser = dollars)]
    pub(crate) limit_usd: f64,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Say something to an agent at its work
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi send CG-1 \"use the router from app/routing.py\"

It reaches the agent in its session: at once where its program can listen while it works, otherwise when its
turn has ended.")]
pub(crate) struct Send {
    /// The agent
    pub(crate) agent: AgentId,
    /// What is said
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// End every agent and the backend; the run can be resumed
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi stop --all && miyabi run --resume

The journal stays, so the run goes on where it was; what ran is tried again.")]
pub(crate) struct Stop {
    /// Really all of it: agents, windows and backend
    #[arg(long, required = true)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Write the report of a run: forecast against actual, attempts, failures, checks
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi report                        Markdown, to the terminal
  miyabi report -o report.html         one file that works offline, with the timeline drawn
  miyabi report --format json | jq .")]
pub(crate) struct Report {
    /// The form [default: by the file's ending, else md]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// Write to a file instead of the terminal
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// A report's form, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown
    Md,
    /// One HTML file
    Html,
    /// For programs
    Json,
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Md => Self::Markdown,
            Format::Html => Self::Html,
            Format::Json => Self::Json,
        }
    }
}

/// The backend itself; started by `run` in window 0 of the run's tmux session.
#[derive(Debug, Args)]
pub(crate) struct Orchestrate {
    /// The run, as listed by `miyabi runs`
    #[arg(long = "run", value_name = "ID")]
    pub(crate) run_id: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi completions bash > ~/.local/share/bash-completion/completions/miyabi
  miyabi completions zsh > ~/.zfunc/_miyabi
  miyabi completions fish > ~/.config/fish/completions/miyabi.fish")]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Print the JSON Schema of a plan's files
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  miyabi schema task_dag > task_dag.schema.json")]
pub(crate) struct Schema {
    /// Of which file; without it all, in one object
    pub(crate) file: Option<SchemaFile>,
}

/// The files of a plan that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum SchemaFile {
    /// Tasks and their needs
    TaskDag,
    /// Agents, hosts and limits
    AgentConfig,
    /// What tokens cost
    Prices,
}

fn dollars(text: &str) -> Result<f64, String> {
    match text.trim_start_matches('$').parse::<f64>() {
        Ok(sum) if sum.is_finite() && (0.0..=1e9).contains(&sum) => Ok(sum),
        _ => Err("a sum is a number of US dollars, as in 25 or 2.50".to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(speed) if speed.is_finite() && (0.01..=100_000.0).contains(&speed) => Ok(speed),
        _ => Err("a speed is a number from 0.01 to 100000, as in 60".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_rehearsal_has_a_speed_and_never_swallows_the_plan() {
        let of = |line: &str| match parse(line).expect("parsed").command {
            Command::Run(run) => (run.play.rehearse, run.plan.map(|p| p.display().to_string())),
            other => panic!("{other:?}"),
        };
        assert_eq!(of("miyabi run p --rehearse"), (Some(60.0), Some("p".into())));
        assert_eq!(of("miyabi run --rehearse p"), (Some(60.0), Some("p".into())));
        assert_eq!(of("miyabi run p --rehearse=600"), (Some(600.0), Some("p".into())));
        assert_eq!(of("miyabi run p"), (None, Some("p".into())));
        for bad in ["0", "-1", "nan", "inf", "fast", "1e9"] {
            assert!(parse(&format!("miyabi run p --rehearse={bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        for bad in [
            "miyabi run",
            "miyabi run p --resume",
            "miyabi run --resume --new",
            "miyabi run --resume --rehearse",
            "miyabi run p --prompt x",
            "miyabi run --resume --prompt x",
            "miyabi run --prompt x --rehearse",
            "miyabi run p --agent claude",
            "miyabi run --prompt x --agent gemini",
            "miyabi validate p --brief --json",
            "miyabi plan",
            "miyabi run p --rehearse --external",
            "miyabi run p --on-hosts",
            "miyabi host",
            "miyabi host test",
            "miyabi host add mugen --id a/b",
            "miyabi host add mugen --capacity 0",
            "miyabi host give-up",
            "miyabi view",
            "miyabi stop",
            "miyabi why",
            "miyabi why ../x",
            "miyabi reassign Task-1",
            "miyabi orchestrate",
        ] {
            let error = parse(bad).expect_err(bad);
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
        for good in [
            "miyabi run --resume --state-dir /x",
            "miyabi run p -d --trust --new --json --follow-waves --drop-conflicting-edges",
            "miyabi run --prompt x",
            "miyabi run --prompt x --agent codex --work-folder w -d --json",
            "miyabi plan x",
            "miyabi plan x --repo r -o o --agent codex",
            "miyabi doctor",
            "miyabi doctor p --state-dir s",
            "miyabi cancel",
            "miyabi cancel Task-1",
            "miyabi logs -f CG-1",
            "miyabi run p --rehearse --on-hosts",
            "miyabi host list",
            "miyabi host list p --json",
            "miyabi host test mugen --plan p",
            "miyabi host test pod -- kubectl exec -i worker-0 --",
            "miyabi host add mugen --plan p --id MUGEN --capacity 5 --label cpu --label big",
            "miyabi host give-up MUGEN --yes",
            "miyabi host try MUGEN --state-dir s",
            "miyabi view CG-1 --state-dir s --state-home h --runtime-dir r",
            "miyabi stop --all",
            "miyabi report --format html -o r.html",
            "miyabi completions zsh",
            "miyabi schema task_dag",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn the_help_of_every_command() {
        let mut text = String::new();
        let mut command = Cli::command().term_width(100);
        command.build();
        text.push_str(&command.render_help().to_string());
        for sub in command.get_subcommands_mut().filter(|sub| !sub.is_hide_set()) {
            text.push_str(&format!("\n======== {}\n", sub.get_name()));
            text.push_str(&sub.clone().term_width(100).render_help().to_string());
            let is_host = sub.get_name() == "host";
            for inner in sub.get_subcommands_mut().filter(|inner| is_host && inner.get_name() != "help") {
                text.push_str(&format!("\n======== host {}\n", inner.get_name()));
                text.push_str(&inner.clone().term_width(100).render_help().to_string());
            }
        }
        insta::assert_snapshot!(text);
    }
}
