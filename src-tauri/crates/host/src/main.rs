//! The `miyabi-host` program: reads its arguments and hands over to the library.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use miyabi_host::{git_pipe, helper, probe, runner, show_log};
use miyabi_plan::AgentId;
use miyabi_protocol::opening::state_home;
use miyabi_protocol::state_dir;
use miyabi_transport::Link;
use tokio::signal::unix::{SignalKind, signal};

/// What runs on every host of a Miyabi run. Started by `miyabi`, not by people.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Join stdin and stdout with a socket: git's way over the link.
    #[command(hide = true)]
    GitPipe {
        /// The socket.
        socket: PathBuf,
    },
    /// Serve a backend on stdin and stdout.
    Serve,
    /// Carry out one agent's attempts, in its tmux window.
    Run {
        /// Whose runner it is.
        #[arg(long)]
        agent: AgentId,
        /// What people call its window.
        #[arg(long)]
        title: String,
        /// The state folder.
        #[arg(long)]
        state_dir: PathBuf,
        /// The run.
        #[arg(long)]
        run_id: String,
        /// Where helpers find it.
        #[arg(long)]
        socket: PathBuf,
        /// It needs a lease before it begins any work.
        #[arg(long)]
        leased: bool,
    },
    /// Look whether agent programs are there, logged in and answer: a JSON list on stdin, a line for
    /// each on stdout.
    Probe,
    /// Show a log as it grows.
    ShowLog {
        /// What people call it.
        #[arg(long)]
        title: String,
        /// The log.
        #[arg(long)]
        file: PathBuf,
        /// A status file to show between.
        #[arg(long)]
        status: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let result = runtime.block_on(act(arguments.part));
    // A read of stdin may still be under way; it must not hold up the end.
    runtime.shutdown_background();
    result.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

/// How long the last words may take: over a link that is dead they would take for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn failed(error: &anyhow::Error) -> ExitCode {
    let words = format!("miyabi-host: {error:#}\n");
    let (said, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Nobody may be there to hear it.
        let _unheard = std::io::Write::write_all(&mut std::io::stderr(), words.as_bytes());
        let _late = said.send(());
    });
    let _late = wait.recv_timeout(LAST_WORDS);
    ExitCode::FAILURE
}

async fn act(part: Part) -> anyhow::Result<()> {
    match part {
        Part::Serve => serve().await,
        Part::GitPipe { socket } => Ok(git_pipe::run(&socket).await?),
        Part::Run { agent, title, state_dir, run_id, socket, leased } => {
            Ok(runner::run(runner::Setup { agent, title, state_dir, run_id, socket, leased }).await?)
        }
        Part::Probe => Ok(probe::run(tokio::io::stdin(), tokio::io::stdout()).await?),
        Part::ShowLog { title, file, status } => {
            Ok(show_log::run(show_log::Shown { title, file, status }).await?)
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    // A terminal's signals are for the backend: the end of stdin is what ends a helper.
    let (mut hang_up, mut interrupt) = (signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = hang_up.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    });
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let runtime_dir = variable("XDG_RUNTIME_DIR");
    let place = helper::Place {
        program: std::env::current_exe()?,
        runtime_dir: state_dir::runtime_dir(runtime_dir.as_deref())?,
        state_home: state_home(variable("XDG_STATE_HOME").as_deref(), &variable("HOME").unwrap_or_default()),
    };
    Ok(helper::serve(Link::new(tokio::io::stdin(), tokio::io::stdout()), place).await?)
}
