//! `miyabi view`: what the window of an agent shows here when the agent is on another host: its log as
//! it grows, and under it where it really is and how contact with that host stands.

mod screen;
mod words;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use miyabi_api::{AgentId, ApiError, ErrorCode};
use miyabi_client::{LogStream, Service, now};
use miyabi_protocol::link::before_the_end;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::screen::Screen;
use crate::args::View;
use crate::exit::Exit;
use crate::far_terminal::{self, Left};
use crate::follow::Follower;
use crate::raw_terminal::{Did, Person, RawMode};

/// How much of a log is shown that was there before.
const FIRST: u32 = 64 * 1024;
/// How many bytes may be under way; given back as they are shown.
const CREDIT: u32 = 256 * 1024;
/// How long it takes from one look for a backend to the next.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Ctrl-c, as it comes in raw mode.
const INTERRUPT: u8 = 0x03;

/// Shows the log until the person leaves.
pub(crate) async fn view(args: &View) -> Result<Exit, ApiError> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(ApiError::new(ErrorCode::BadInput, "view needs a terminal")
            .hint(format!("miyabi logs -f {}   prints the log", args.agent)));
    }
    let service = args.target.service()?;
    let state_dir = service.state_dir_of_some_run(args.target.state_dir.as_deref()).await?;
    let failed =
        |error: std::io::Error| ApiError::new(ErrorCode::Environment, format!("the terminal: {error}"));
    let person = Person::listen().map_err(failed)?;
    let _raw = RawMode::enter().map_err(failed)?;
    let screen = Screen::new(&args.agent);
    let mut viewer = Viewer { service, state_dir, agent: args.agent.clone(), next: None, person, screen };
    viewer.show().await.map_err(failed)?;
    viewer.screen.end().map_err(failed)?;
    Ok(Exit::Done)
}

/// What goes on after a stay at one backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Leave,
    LookAgain,
}

struct Viewer {
    service: Service,
    state_dir: PathBuf,
    agent: AgentId,
    /// Where the next byte of the log lies; none before the first one.
    next: Option<u64>,
    person: Person,
    screen: Screen,
}

impl Viewer {
    async fn show(&mut self) -> std::io::Result<()> {
        loop {
            let begun = timeout(LOOK_AGAIN, Follower::begin(self.service.clone(), self.state_dir.clone()));
            match begun.await {
                Ok(Ok(follower)) => {
                    if self.watch(follower).await? == Then::Leave {
                        return Ok(());
                    }
                }
                Ok(Err(_)) | Err(_) => self.screen.foot(&words::no_backend(&self.state_dir))?,
            }
            if self.wait().await? == Then::Leave {
                return Ok(());
            }
        }
    }

    /// Waits for the next look; a key that leaves is heard all the same.
    async fn wait(&mut self) -> std::io::Result<Then> {
        let pause = tokio::time::sleep(LOOK_AGAIN);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return Ok(Then::LookAgain),
                did = self.person.next() => match did {
                    Did::Ended => return Ok(Then::Leave),
                    Did::Typed(keys) if keys.contains(&INTERRUPT) => return Ok(Then::Leave),
                    Did::Typed(_) | Did::Resized => self.screen.again()?,
                },
            }
        }
    }

    /// Shows what one backend tells, until it is gone.
    async fn watch(&mut self, mut follower: Follower) -> std::io::Result<Then> {
        let known = follower.snapshot.agents.iter().find(|agent| agent.id.folded() == self.agent.folded());
        let Some(agent) = known.map(|agent| agent.id.clone()) else {
            self.screen.foot(&words::no_agent(&self.agent))?;
            return Ok(Then::LookAgain);
        };
        let from = self.next.unwrap_or(before_the_end(FIRST));
        let Ok(mut log) = follower.connection.follow_log(Some(agent.clone()), from, CREDIT).await else {
            return Ok(Then::LookAgain);
        };
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                chunk = log.recv() => {
                    let Some(chunk) = chunk else { return Ok(Then::LookAgain) };
                    self.take(&log, chunk.offset, &chunk.bytes)?;
                }
                next = follower.next() => {
                    if next.is_none() {
                        return Ok(Then::LookAgain);
                    }
                    self.tell(&follower)?;
                }
                _ = tick.tick() => self.tell(&follower)?,
                did = self.person.next() => match did {
                    Did::Ended => return Ok(Then::Leave),
                    Did::Resized => self.screen.again()?,
                    Did::Typed(keys) if keys.contains(&INTERRUPT) => return Ok(Then::Leave),
                    Did::Typed(keys) if keys.contains(&b'\r') => {
                        if self.real_terminal(&follower, &agent).await? == Then::Leave {
                            return Ok(Then::Leave);
                        }
                    }
                    Did::Typed(_) => {}
                },
            }
        }
    }

    fn take(&mut self, log: &LogStream, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        if self.next.is_some_and(|next| offset < next) {
            self.screen.note("the log was begun anew")?;
        }
        self.next = Some(offset + bytes.len() as u64);
        self.screen.log(bytes)?;
        log.add_credit(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        Ok(())
    }

    fn tell(&mut self, follower: &Follower) -> std::io::Result<()> {
        self.screen.foot(&words::foot(&follower.snapshot, &self.agent, now()))
    }

    /// The agent's real terminal, until it is left.
    async fn real_terminal(&mut self, follower: &Follower, agent: &AgentId) -> std::io::Result<Then> {
        let left = far_terminal::show(&follower.connection, agent, &mut self.person).await;
        self.screen.again()?;
        match left {
            Ok(Left::Ended) => return Ok(Then::Leave),
            Ok(Left::ByKey | Left::BackendGone) => {}
            Ok(Left::Over(why)) => self.screen.note(&words::over(&why))?,
            Err(error) => self.screen.note(&words::over(&error.message))?,
        }
        self.tell(follower)?;
        Ok(Then::LookAgain)
    }
}
