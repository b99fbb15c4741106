//! A desk: a display, a session bus and a home of its own, and the program's window on it.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use fantoccini::ClientBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;

use crate::bus::Bus;
use crate::files::StateFolder;
use crate::native::Display;
use crate::process::{self, Guarded};
use crate::{Page, SOON, eventually};

/// As large as a small laptop's.
const SCREEN: &str = "1600x1000x24";

/// A machine of its own for one test. Whatever was started on it ends with it.
pub struct Desk {
    /// The session bus.
    pub bus: Bus,
    /// The display.
    pub display: Display,
    window: Option<OpenWindow>,
    more: Vec<(String, OsString)>,
    folder: TempDir,
    _screen: Guarded,
    _alone: File,
}

struct OpenWindow {
    /// The session, and the program with it, ends with its last holder.
    _page: Page,
    program: u32,
    _driver: Guarded,
}

impl Desk {
    /// Makes a desk. It waits until no other test has one: two windows at once on a small machine
    /// make each other late.
    ///
    /// # Errors
    /// When a program is missing.
    pub async fn make() -> Result<Self> {
        let alone = tokio::task::spawn_blocking(take_turn).await??;
        let folder = tempfile::Builder::new().prefix("miyabi-desk-").tempdir()?;
        for name in ["home", "runtime", "tmux", "state", "plans"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        std::fs::set_permissions(folder.path().join("runtime"), Permissions::from_mode(0o700))?;
        let bus = Bus::start(folder.path()).await?;
        let (screen, display) = tokio::task::spawn_blocking(start_screen).await??;
        Ok(Self { bus, display, window: None, more: Vec::new(), folder, _screen: screen, _alone: alone })
    }

    /// Adds a variable to the environment of what is started on this desk from now on, in place of
    /// one of this name.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.more.push((name.to_owned(), value.into()));
    }

    /// A place on this desk.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The state folder that the tests use.
    #[must_use]
    pub fn state(&self) -> StateFolder {
        StateFolder(self.path("state/run"))
    }

    /// The words that name the state folder.
    #[must_use]
    pub fn state_words(&self) -> [String; 2] {
        ["--state-dir".to_owned(), self.state().0.to_string_lossy().into_owned()]
    }

    /// Opens the program's window with these words and waits for its page.
    ///
    /// # Errors
    /// When the window does not open.
    pub async fn open(&mut self, words: &[&str]) -> Result<Page> {
        ensure!(self.window.is_none(), "the window is open");
        let program = program("miyabi-desktop")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = self.command(Path::new("WebKitWebDriver"));
        let driver = Guarded::start(command.args([format!("--port={port}"), "--host=127.0.0.1".to_owned()]))?;
        let answers = || async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop) };
        eventually("WebKitWebDriver on its port", SOON, answers).await?;
        let options = json!({ "webkitgtk:browserOptions": { "binary": program, "args": words } });
        let capabilities = options.as_object().cloned().context("an object")?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("the window did not open")?;
        let id = process::running(&self.processes(), &program).context("the program is not running")?;
        let page = Page::of(client);
        self.window = Some(OpenWindow { _page: page.clone(), program: id, _driver: driver });
        Ok(page)
    }

    /// The window's process.
    ///
    /// # Errors
    /// When no window is open.
    pub fn program(&self) -> Result<u32> {
        Ok(self.window.as_ref().context("no window is open")?.program)
    }

    /// Kills the window's process, as a crash would. The desk and all else on it stay.
    pub fn crash_window(&mut self) {
        if let Some(window) = self.window.take() {
            process::crash(window.program);
        }
    }

    /// The process of the backend at work on this desk.
    #[must_use]
    pub fn backend(&self) -> Option<u32> {
        let miyabi = program("miyabi").ok()?;
        let is_backend = |id: &u32| process::words(*id).iter().any(|word| word == "orchestrate");
        let backends: Vec<u32> = self.processes().into_iter().filter(is_backend).collect();
        process::running(&backends, &miyabi)
    }

    /// Runs `miyabi` on this desk to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn miyabi(&self, words: &[&str]) -> Result<Output> {
        Ok(self.command(&program("miyabi")?).args(words).stdin(Stdio::null()).output()?)
    }

    /// A second start of the window's program on this desk, to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start_again(&self, words: &[String]) -> Result<Output> {
        let mut command = self.command(&program("miyabi-desktop")?);
        command.args(words).stdin(Stdio::null());
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// A command in this desk's environment, and in no other.
    fn command(&self, program: &Path) -> Command {
        let mut command = process::command(program);
        command.env_clear().current_dir(self.path("home"));
        for name in ["PATH", "MIYABI_LOG"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        for (name, place) in [
            ("HOME", "home"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("XDG_STATE_HOME", "home/state"),
            ("XDG_CONFIG_HOME", "home/config"),
            ("XDG_DATA_HOME", "home/data"),
            ("XDG_CACHE_HOME", "home/cache"),
            ("TMUX_TMPDIR", "tmux"),
        ] {
            command.env(name, self.path(place));
        }
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus.address).env("DISPLAY", &self.display.0);
        command.envs([
            ("LANG", "C.UTF-8"),
            ("SHELL", "/bin/sh"),
            ("TERM", "xterm-256color"),
            ("GDK_BACKEND", "x11"),
            ("GSETTINGS_BACKEND", "memory"),
            ("NO_AT_BRIDGE", "1"),
            ("TAURI_WEBVIEW_AUTOMATION", "true"),
        ]);
        command.envs(self.more.iter().map(|(name, value)| (name, value)));
        command
    }

    /// All processes of this desk: its tmux folder is in nobody else's environment.
    fn processes(&self) -> Vec<u32> {
        process::with_environment(&format!("TMUX_TMPDIR={}", self.path("tmux").display()))
    }
}

impl Drop for Desk {
    /// Backends outlive windows, and agents outlive backends; they must not outlive the test. What
    /// one of them starts while it is being ended is found by the next look.
    fn drop(&mut self) {
        self.crash_window();
        for _ in 0..10 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(process::crash);
        }
    }
}

/// Where the programs were built: the folder above the one of the tests.
fn program(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("MIYABI_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let test = std::env::current_exe()?;
            test.ancestors().nth(2).context("the tests lie in a build folder")?.to_owned()
        }
    };
    let file = folder.join(name);
    ensure!(
        file.exists(),
        "{} is missing: cargo build -p miyabi-desktop -p miyabi-cli -p miyabi-host",
        file.display()
    );
    Ok(file.canonicalize()?)
}

fn take_turn() -> Result<File> {
    // Beside the tests: a test in a namespace of its own has another /tmp.
    let file = File::create(std::env::current_exe()?.with_file_name("miyabi-desk.lock"))?;
    file.lock()?;
    Ok(file)
}

fn start_screen() -> Result<(Guarded, Display)> {
    let mut command = process::command("Xvfb");
    command.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]);
    let mut screen = Guarded::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let mut line = String::new();
    BufReader::new(screen.output().context("Xvfb has no output")?).read_line(&mut line)?;
    ensure!(!line.trim().is_empty(), "Xvfb did not start");
    Ok((screen, Display(format!(":{}", line.trim()))))
}
