//! The flags of what is done with hosts, and with the windows of agents on them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use miyabi_plan::{AgentId, HostId};

use super::{Output, Target};

/// List hosts, try them out, add them to a plan, answer what they ask, give them up
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi host test mugen                     can it run agents? `mugen` as `ssh mugen` knows it
  miyabi host add mugen --plan my-plan       the same, then it is written into the plan
  miyabi host list                           the hosts of the run: contact, load, unverified tasks
  miyabi host answer MUGEN                   a key, a passphrase or a password that it waits for
  miyabi host give-up MUGEN                  run its tasks elsewhere; says first what that costs")]
pub(crate) struct Host {
    #[command(subcommand)]
    pub(crate) command: HostCommand,
}

/// What is done with a host.
#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    List(HostList),
    Test(HostTest),
    Add(HostAdd),
    /// Answer what a host of the run asks before it can be reached
    Answer(OneHost),
    GiveUp(GiveUp),
    /// Try to reach a host of the run now, without waiting for the next try
    Try(OneHost),
}

/// List the hosts of the run, or of a plan, and the names in ~/.ssh/config
#[derive(Debug, Args)]
pub(crate) struct HostList {
    /// A plan's folder or file [default: the run]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Try a host out: reach, log-in, helper, tmux, disk, memory, clock, agent programs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi host test mugen
  miyabi host test MUGEN --plan examples/level6          as the plan reaches it, with its agents
  miyabi host test pod -- kubectl exec -i worker-0 --    any command that runs what follows it

What is asked (an unknown key, a passphrase, a password) is asked here, and nothing secret is kept.
The helper is put on the host if it is not there. Exits with 3 when something is missing that a run
needs.")]
pub(crate) struct HostTest {
    #[command(flatten)]
    pub(crate) host: WhichHost,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A host, and how it is reached.
#[derive(Debug, Args)]
pub(crate) struct WhichHost {
    /// A name that `ssh` knows, or a host of the plan
    pub(crate) name: String,
    /// The plan's folder or file
    #[arg(long, value_name = "PLAN", value_hint = ValueHint::AnyPath)]
    pub(crate) plan: Option<PathBuf>,
    /// Where the state folder will lie there [default: as here]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<String>,
    /// Reach it by this command instead of SSH
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Test a host, then write it into a plan's agent_config.json
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi host add mugen                                    to the plan in this folder
  miyabi host add mugen --plan my-plan --id MUGEN --capacity 5 --label cpu
  miyabi host add pod --plan my-plan -- kubectl exec -i worker-0 --

The rest of the file stays as it is. Agents are placed on the host by their `host`.")]
pub(crate) struct HostAdd {
    #[command(flatten)]
    pub(crate) host: WhichHost,
    /// Its name in the plan [default: NAME]
    #[arg(long)]
    pub(crate) id: Option<HostId>,
    /// A line for people
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// How many tasks may run there at once [default: as many as it has agents]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) capacity: Option<u32>,
    /// A word for people and for choosing; may be given several times
    #[arg(long = "label", value_name = "L")]
    pub(crate) labels: Vec<String>,
    /// Where the work is done there [default: as here]
    #[arg(long, value_name = "DIR")]
    pub(crate) work_folder: Option<String>,
    /// Write it also when the test fails
    #[arg(long)]
    pub(crate) untested: bool,
}

/// One host of the run.
#[derive(Debug, Args)]
pub(crate) struct OneHost {
    /// The host, as the plan calls it
    pub(crate) host: HostId,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Run the tasks of a lost host elsewhere, under new attempts
#[derive(Debug, Args)]
#[command(after_help = "\
Shows first what it would cost. What the old attempts still write is kept apart and never taken. The
host is still looked for; when it is back, its agents work again.")]
pub(crate) struct GiveUp {
    /// The host, as the plan calls it
    pub(crate) host: HostId,
    /// Without being asked
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Look at the run in tmux, at an agent's window if one is named, wherever it is
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi attach             the orchestrator's session
  miyabi attach CG-1        the window of CG-1, in a view of your own

Ctrl-b d leaves; nothing is stopped by it. In the window of an agent on another host, Ctrl-\\ leaves
too, also when its link is dead.")]
pub(crate) struct Attach {
    /// The agent
    pub(crate) agent: Option<AgentId>,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// Show an agent's log as it grows, wherever it is, and how contact with its host stands
#[derive(Debug, Args)]
#[command(after_help = "\
This is what the tmux windows of agents on other hosts run. Enter opens the agent's real terminal,
Ctrl-\\ comes back, Ctrl-c leaves.")]
pub(crate) struct View {
    /// The agent
    pub(crate) agent: AgentId,
    #[command(flatten)]
    pub(crate) target: Target,
}
