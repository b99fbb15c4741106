//! The interactive mode: the program has the pane for its own screen, and what is said to it is
//! typed there. Its hooks tell of the session, of tools and of the end of a turn.
//!
//! Silence is not watched here: a program that waits for a person looks like one that hangs.

mod events;
mod hooks;
mod launch;
mod pane;
mod screen;

use std::future::Future;
use std::pin::Pin;

use miyabi_agents::{AgentEvent, Exit, Failed, TurnEnd};
use miyabi_plan::FailureCause;
use miyabi_protocol::AgentProtocol;
use tokio::time::sleep_until;

use self::events::EventsFile;
use self::pane::Lent;
use self::screen::Screen;
use super::super::attempt::{Stop, Told};
use super::super::child::{Happening, Program, Reach};
use super::super::raw;
use super::process::not_started;
use super::{After, Opening, Talk};

/// Whether a program is run with its own screen.
pub(super) fn is_for(protocol: &AgentProtocol) -> bool {
    matches!(protocol, AgentProtocol::ClaudeTerminal | AgentProtocol::CodexTerminal)
}

/// A text on its way into the screen.
type Saying = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A program with its screen in our pane.
struct Shown {
    program: Program,
    screen: Screen,
    saying: Option<Saying>,
    events: EventsFile,
    /// What it was told last.
    told: String,
    has_session: bool,
}

/// How it came to its end.
enum Ending {
    Turn(TurnEnd),
    Itself(Exit),
    Untold(String),
    Stopped(Stop),
}

impl Talk<'_> {
    /// Gives the pane to a program, types what it is told, and takes the pane back.
    pub(super) async fn one_screen(&mut self, opening: &Opening) -> After {
        if opening.session.as_ref().is_some_and(|session| !launch::can_resume(self.spec, session)) {
            return After::Lost;
        }
        let lent = Lent::lend(&self.order.sink);
        let after = match self.show(opening) {
            Ok(mut shown) => {
                let ending = self.attend(&mut shown).await;
                let reach = Reach::everything(&self.order.sheet);
                shown.program.end(&reach, |_, _| {}).await;
                self.take_events(&mut shown);
                self.telling.process_gone();
                after(ending, &shown, opening)
            }
            Err(failed) => After::Failed(failed),
        };
        lent.take_back();
        after
    }

    fn show(&mut self, opening: &Opening) -> Result<Shown, Failed> {
        let refuse = |why: String| Failed::new(FailureCause::NotStarted, why);
        let pane = pane::own().map_err(refuse)?;
        self.telling.sent(opening.prompt.as_bytes());
        let (dir, sheet) = (&self.order.dir, &self.order.sheet);
        let events = EventsFile::new(dir, raw::path(dir, sheet, "jsonl"));
        let launch = launch::launch(
            sheet,
            self.spec,
            &self.order.state_dir,
            &events.path.to_string_lossy(),
            opening.session.as_deref(),
        );
        let launch = launch.ok_or_else(|| refuse("this program has no screen of its own".to_owned()))?;
        let program = Program::in_the_pane(&launch).map_err(|error| not_started(&launch, &error))?;
        self.telling.process(program.pid());
        let file = dir.attempts().join(format!("{}.prompt", sheet.attempt));
        let screen = Screen { pane, dir: dir.clone(), file };
        let saying: Saying = Box::pin(screen.clone().say(opening.prompt.clone()));
        Ok(Shown {
            program,
            screen,
            saying: Some(saying),
            events,
            told: opening.prompt.clone(),
            has_session: false,
        })
    }

    async fn attend(&mut self, shown: &mut Shown) -> Ending {
        loop {
            let tick = self.telling.next_tick();
            tokio::select! {
                stop = &mut self.order.stop => return Ending::Stopped(Stop::of(stop)),
                happening = shown.program.next() => if let Happening::Ended(exit) = happening {
                    return Ending::Itself(exit.unwrap_or(Exit { code: None, signal: None }));
                },
                Some(told) = self.order.told.recv() => {
                    // A request for permission stands on its screen and is answered there.
                    if let Told::Say { number, text } = told
                        && self.said.add(number, text)
                    {
                        self.telling.said_later();
                    }
                },
                said = until_said(&mut shown.saying) => {
                    shown.saying = None;
                    if let Err(why) = said {
                        return Ending::Untold(why);
                    }
                }
                () = shown.events.changed() => {
                    if let Some(turn) = self.take_events(shown)
                        && let Some(turn) = self.after_turn(shown, turn)
                    {
                        return Ending::Turn(turn);
                    }
                }
                () = sleep_until(tick) => {
                    self.telling.tick();
                    shown.events.renew();
                    if let Some(turn) = self.take_events(shown)
                        && let Some(turn) = self.after_turn(shown, turn)
                    {
                        return Ending::Turn(turn);
                    }
                }
            }
        }
    }

    /// Types what waits; gives the turn back where nothing does. A text that is still being looked
    /// for on the screen has arrived, since its turn has ended.
    fn after_turn(&mut self, shown: &mut Shown, turn: TurnEnd) -> Option<TurnEnd> {
        if turn.failure.is_some() {
            return Some(turn);
        }
        let Some((number, text)) = self.said.take() else { return Some(turn) };
        self.telling.sent(text.as_bytes());
        self.telling.spoken(number, &text);
        shown.told.clone_from(&text);
        shown.saying = Some(Box::pin(shown.screen.clone().say(text)));
        None
    }

    /// Takes in what the hooks told; gives back the end of a turn.
    fn take_events(&mut self, shown: &mut Shown) -> Option<TurnEnd> {
        let mut last = None;
        for event in shown.events.read(&shown.told) {
            if let AgentEvent::Session { id, .. } = &event {
                // Every hook names it again.
                if shown.has_session && self.telling.session() == Some(id) {
                    continue;
                }
                shown.has_session = true;
                self.in_session();
            }
            last = self.telling.take(event).or(last);
        }
        self.telling.tell();
        last
    }
}

async fn until_said(saying: &mut Option<Saying>) -> Result<(), String> {
    match saying {
        Some(saying) => saying.await,
        None => std::future::pending().await,
    }
}

fn after(ending: Ending, shown: &Shown, opening: &Opening) -> After {
    let failed = |cause, why: &str| After::Failed(Failed::new(cause, why));
    match ending {
        Ending::Stopped(stop) => After::Stopped(stop),
        Ending::Turn(TurnEnd { failure: Some(failure), .. }) => After::Failed(failure),
        Ending::Turn(_) => After::Finished,
        Ending::Untold(why) => failed(FailureCause::NotStarted, &why),
        Ending::Itself(Exit { signal: Some(signal), .. }) => {
            failed(FailureCause::Killed, &format!("its program was killed by signal {signal}"))
        }
        Ending::Itself(_) if opening.session.is_some() && !shown.has_session => After::Lost,
        Ending::Itself(_) => failed(FailureCause::Crashed, "its screen was left before its turn had ended"),
    }
}
