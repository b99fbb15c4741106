//! `miyabi monitor`: the run on one screen. Here the loop; what is drawn is in [`draw`].

mod draw;
mod state;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use miyabi_api::{ApiError, ErrorCode, Event as RunEvent, Request};
use miyabi_client::{Connection, Service, now};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use self::state::{Act, MonitorState};
use crate::args::Target;
use crate::exit::Exit;
use crate::follow::Follower;
use crate::raw_terminal::Ends;

/// The shortest time from one picture to the next, however much happens.
const FRAME: Duration = Duration::from_millis(40);
/// How long a backend may take to answer when it is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// Shows the run until the person leaves.
pub(crate) async fn monitor(target: &Target) -> Result<Exit, ApiError> {
    if !std::io::stdout().is_terminal() {
        return Err(ApiError::new(ErrorCode::BadInput, "the monitor needs a terminal")
            .hint("miyabi status   prints the same once"));
    }
    let service = target.service()?;
    let state_dir = service.state_dir_of_some_run(target.state_dir.as_deref()).await?;
    let failed =
        |error: std::io::Error| ApiError::new(ErrorCode::Environment, format!("the terminal: {error}"));
    let ends = Ends::new().map_err(failed)?;
    // Also puts the terminal back when the program panics.
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let shown = Watch::new(service, state_dir).show(&mut terminal, ends).await;
    ratatui::restore();
    shown.map_err(failed)?;
    Ok(Exit::Done)
}

/// The state and where it comes from.
struct Watch {
    service: Service,
    state_dir: PathBuf,
    follower: Option<Follower>,
    state: MonitorState,
    /// What became of requests, to be shown.
    said: (mpsc::UnboundedSender<String>, mpsc::UnboundedReceiver<String>),
}

impl Watch {
    fn new(service: Service, state_dir: PathBuf) -> Self {
        let state = MonitorState::new(&state_dir, now());
        Self { service, state_dir, follower: None, state, said: mpsc::unbounded_channel() }
    }

    async fn show(mut self, terminal: &mut DefaultTerminal, mut ends: Ends) -> std::io::Result<()> {
        let mut keys = keys();
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        self.look().await;
        loop {
            self.state.now = now();
            terminal.draw(|frame| draw::draw(frame, &self.state))?;
            tokio::select! {
                key = keys.recv() => match key {
                    Some(Event::Key(key)) => match self.state.key(key) {
                        Act::Nothing => {}
                        Act::Leave => return Ok(()),
                        Act::Send(request) => self.send(request),
                        Act::SendAll(requests) => requests.into_iter().for_each(|request| self.send(request)),
                    },
                    Some(_) => {}
                    // Nobody can press a key any more: the terminal is gone.
                    None => return Ok(()),
                },
                next = next_of(&mut self.follower) => self.changed(next).await,
                Some(said) = self.said.1.recv() => self.state.message = said,
                _ = tick.tick() => if self.follower.is_none() { self.look().await },
                () = ends.recv() => return Ok(()),
            }
        }
    }

    /// Looks for the backend, once.
    async fn look(&mut self) {
        let begun = timeout(LOOK, Follower::begin(self.service.clone(), self.state_dir.clone())).await;
        match begun {
            Ok(Ok(follower)) => {
                self.state.connected(follower.snapshot.clone());
                self.follower = Some(follower);
            }
            Ok(Err(error)) => self.state.away(&error.message, now()),
            Err(_) => self.state.away("the backend does not answer", now()),
        }
    }

    /// Takes in what has changed, and what comes in the next moment, in one picture.
    async fn changed(&mut self, next: Option<(RunEvent, Vec<String>)>) {
        sleep(FRAME).await;
        let Some(follower) = &mut self.follower else { return };
        let sound = next.is_some() && follower.drain();
        if sound {
            self.state.connected(follower.snapshot.clone());
        } else {
            self.follower = None;
            self.look().await;
        }
    }

    /// Sends a request beside the drawing, which must not wait for its answer.
    fn send(&mut self, request: Request) {
        let Some(follower) = &self.follower else { return };
        let (connection, said) = (follower.connection.clone(), self.said.0.clone());
        tokio::spawn(async move {
            if let Some(text) = outcome(&connection, request).await {
                let _ = said.send(text);
            }
        });
    }
}

async fn outcome(connection: &Connection, request: Request) -> Option<String> {
    connection.request(request).await.err().map(|error| error.message)
}

async fn next_of(follower: &mut Option<Follower>) -> Option<(RunEvent, Vec<String>)> {
    match follower {
        Some(follower) => follower.next().await,
        None => std::future::pending().await,
    }
}

/// Keys and changes of size, from a thread of their own: reading them blocks. It ends with the
/// program.
fn keys() -> mpsc::UnboundedReceiver<Event> {
    let (sender, keys) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    keys
}

/// The folder's name for the screen.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
