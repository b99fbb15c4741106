//! The flags of what is made for a person: plans from a prompt or a goal; and of the check-up, which
//! looks for the programs that a plan names.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use miyabi_plan::RunnerKind;

use super::Target;

/// One prompt instead of a plan.
#[derive(Debug, Args)]
pub(crate) struct PromptFlags {
    /// Let one agent carry out this text, without a plan
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["plan", "resume", "rehearse", "external"])]
    pub(crate) prompt: Option<String>,
    /// Which agent program carries it out
    #[arg(long, value_enum, default_value = "claude", value_name = "AGENT", conflicts_with_all = ["plan", "resume"])]
    pub(crate) agent: AgentProgram,
    /// Where it works
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath,
          conflicts_with_all = ["plan", "resume"])]
    pub(crate) work_folder: PathBuf,
}

/// Let an agent draft a plan for a goal, check it, and show it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi plan \"Port the parser to Rust, with the same tests\"
  miyabi plan \"A small web framework\" --repo ../new -o framework-plan --agent codex

The agent reads the repository and writes task_dag.json and agent_config.json into the output
folder. What `miyabi validate` finds goes back to it, three rounds in all. Nothing of the plan
itself is run. Exits with 0 when there is a plan that can run.")]
pub(crate) struct Draft {
    /// What is to be reached
    pub(crate) goal: String,
    /// The repository that the plan is for
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) repo: PathBuf,
    /// The folder that the plan is written to
    #[arg(long, short, value_name = "DIR", default_value = "miyabi-plan", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Which agent program drafts it
    #[arg(long, value_enum, default_value = "claude", value_name = "AGENT")]
    pub(crate) agent: AgentProgram,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// An agent program, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgentProgram {
    /// Claude Code
    Claude,
    /// OpenAI Codex
    Codex,
}

impl From<AgentProgram> for RunnerKind {
    fn from(program: AgentProgram) -> Self {
        match program {
            AgentProgram::Claude => Self::Claude,
            AgentProgram::Codex => Self::Codex,
        }
    }
}

/// Look at what is installed, what is missing, and what mends it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  miyabi doctor                   this machine
  miyabi doctor examples/level6   and the agent programs of a plan: version, log-in and a first handshake

Exits with 3 when something is missing that a run needs.")]
pub(crate) struct Doctor {
    /// The plan whose agent programs are looked for [default: claude and codex, neither of them needed]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: Target,
}
