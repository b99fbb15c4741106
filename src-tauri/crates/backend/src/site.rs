//! One site's helper: reached, spoken to, reached again when it is gone. [`Contact`] decides, this
//! module acts.

use std::sync::Arc;

use miyabi_api::{HostAnswer, HostContact};
use miyabi_plan::Site;
use miyabi_protocol::frame::{Chunk, Frame};
use miyabi_protocol::link::{Command, Hello, Report};
use miyabi_protocol::{HostQuestion, Timestamp};
use miyabi_transport::{LinkReceiver, LinkSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use crate::clock;
use crate::contact::{Act, Contact, LinkEnd, Measured, Next, Rules};
use crate::door::{Door, OpenLink};
use crate::runtime::Input;
use crate::streams::Streams;

/// How many pieces of what a person types wait for a host that does not read; more are lost, as on a
/// line that hangs.
const TYPED_AHEAD: usize = 64;

/// How many reports of a site wait for the run's loop; while so many do, no more is read from the site:
/// one that tells more than the loop can take in waits, and does not fill our memory.
const REPORTS_AHEAD: usize = 1024;

/// A report's place among those that wait, free again when this is dropped.
pub(crate) type Slot = OwnedSemaphorePermit;

/// From the run's loop to a site's task.
#[derive(Debug)]
pub(crate) enum ToSite {
    /// Pass it on; lost when no helper is there (the engine sends it again after a listing).
    Command(Box<Command>),
    /// What a person types into a terminal there.
    Typed(Chunk),
    /// What git says to git there: nothing of it is lost while the link stands. It holds its place among
    /// those that wait until it is written.
    Bytes(Chunk, OwnedSemaphorePermit),
    /// All that git has to say on this stream was sent before.
    EndInput(u32),
    /// The loop knows that the helper was gone: commands from here on are for the next one.
    LossKnown,
    /// A person's answer to what the host asks.
    Answer(HostAnswer),
    /// The machine slept until now.
    Slept,
}

/// What a site's task works with.
pub(crate) struct SiteSetup {
    pub(crate) site: Site,
    pub(crate) door: Door,
    pub(crate) rules: Rules,
    /// As of now; made anew when agents move.
    pub(crate) hello: watch::Receiver<Hello>,
    pub(crate) streams: Streams,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
}

/// How contact with a site stands, for the loop and the views.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContactSeen {
    pub(crate) word: HostContact,
    pub(crate) since: Timestamp,
    pub(crate) next_try_at: Option<Timestamp>,
    pub(crate) question: Option<HostQuestion>,
    pub(crate) problem: Option<String>,
    pub(crate) measured: Option<Measured>,
}

impl ContactSeen {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            word: HostContact::Connecting,
            since: now,
            next_try_at: None,
            question: None,
            problem: None,
            measured: None,
        }
    }
}

/// Keeps a helper at work until the loop ends.
pub(crate) fn start(setup: SiteSetup) -> mpsc::UnboundedSender<ToSite> {
    let (sender, commands) = mpsc::unbounded_channel();
    let keeper = Keeper {
        contact: Contact::new(setup.rules),
        seen: ContactSeen::new(clock::now()),
        links: 0,
        loss_was_told: false,
        slots: Arc::new(Semaphore::new(REPORTS_AHEAD)),
        setup,
        commands,
    };
    tokio::spawn(keeper.keep());
    sender
}

/// The loop is gone, and with it all that a site's task is for.
struct LoopGone;

struct Keeper {
    setup: SiteSetup,
    commands: mpsc::UnboundedReceiver<ToSite>,
    contact: Contact,
    seen: ContactSeen,
    /// Counts the links of this backend to this site.
    links: u32,
    /// Whether the loop knows that the site is not there.
    loss_was_told: bool,
    slots: Arc<Semaphore>,
}

impl Keeper {
    async fn keep(mut self) {
        while self.step().await.is_ok() {}
    }

    async fn step(&mut self) -> Result<(), LoopGone> {
        self.show();
        match self.contact.next() {
            Next::Connect => self.connect().await,
            Next::Wait(until) => {
                tokio::select! {
                    () = tokio::time::sleep_until(until) => self.contact.begin(),
                    message = self.commands.recv() => self.while_apart(message.ok_or(LoopGone)?).await,
                }
                Ok(())
            }
            Next::Person => {
                let message = self.commands.recv().await.ok_or(LoopGone)?;
                self.while_apart(message).await;
                Ok(())
            }
        }
    }

    async fn connect(&mut self) -> Result<(), LoopGone> {
        self.contact.begin();
        self.show();
        let opened = {
            let open = self.setup.door.open();
            tokio::pin!(open);
            loop {
                tokio::select! {
                    opened = &mut open => break opened,
                    // Nobody is there yet to pass anything on to.
                    message = self.commands.recv() => drop(message.ok_or(LoopGone)?),
                }
            }
        };
        match opened {
            Ok(link) => self.serve(link).await,
            Err(error) => {
                self.setup.door.forget_wrong(&error);
                self.contact.failed(Instant::now(), &error);
                self.show();
                if self.loss_was_told { Ok(()) } else { self.tell_loss(&error.to_string()).await }
            }
        }
    }

    /// A message that came while no link stands.
    async fn while_apart(&mut self, message: ToSite) {
        match message {
            ToSite::Slept => self.contact.slept(Instant::now()),
            ToSite::Answer(HostAnswer::TryAgain) => self.contact.try_now(),
            ToSite::Answer(HostAnswer::Secret { secret }) => {
                if let Some(question) = self.contact.question().cloned() {
                    self.setup.door.keep_secret(&question, secret);
                    self.contact.try_now();
                }
            }
            ToSite::Answer(HostAnswer::Trust { fingerprint }) => {
                match self.setup.door.trust(&fingerprint).await {
                    Ok(()) => self.contact.try_now(),
                    Err(error) => self.contact.failed(Instant::now(), &error),
                }
            }
            ToSite::Command(_)
            | ToSite::Typed(_)
            | ToSite::Bytes(..)
            | ToSite::EndInput(_)
            | ToSite::LossKnown => {}
        }
    }

    /// Has the loop know of a loss before anything that it says is for the next helper.
    async fn tell_loss(&mut self, why: &str) -> Result<(), LoopGone> {
        self.loss_was_told = true;
        let down = Input::LinkDown(self.setup.site.clone(), why.to_owned());
        self.setup.inputs.send(down).map_err(|_| LoopGone)?;
        loop {
            match self.commands.recv().await.ok_or(LoopGone)? {
                ToSite::LossKnown => return Ok(()),
                ToSite::Command(_) | ToSite::Typed(_) | ToSite::Bytes(..) | ToSite::EndInput(_) => {}
                other => self.while_apart(other).await,
            }
        }
    }

    /// One link from its first word to its end.
    async fn serve(&mut self, link: OpenLink) -> Result<(), LoopGone> {
        self.links += 1;
        let (mut receiver, sender, hold) = link.split();
        let hello = Hello { link: self.links, ..self.setup.hello.borrow().clone() };
        self.contact.linked(Instant::now());
        self.show();
        let end = match sender.message(&Command::Hello(hello)) {
            Ok(()) => self.converse(&mut receiver, &sender).await?,
            Err(error) => LinkEnd::Broke(format!("the helper did not read: {error}")),
        };
        drop((sender, receiver));
        let end = match (hold.close().await, end) {
            (Some(status), LinkEnd::Broke(why)) if why.is_empty() => {
                LinkEnd::Broke(format!("the helper ended: {status}"))
            }
            (None, LinkEnd::Broke(why)) if why.is_empty() => LinkEnd::Broke("the link ended".to_owned()),
            (_, end) => end,
        };
        self.contact.lost(Instant::now(), end.clone());
        self.show();
        self.tell_loss(end.why()).await
    }

    async fn converse(
        &mut self,
        receiver: &mut LinkReceiver,
        sender: &LinkSender,
    ) -> Result<LinkEnd, LoopGone> {
        let typed = forward_typed(sender.clone());
        let bytes = forward_bytes(sender.clone());
        let mut turned_away = None;
        let broke = loop {
            let deadline = self.contact.deadline();
            tokio::select! {
                // Commands and our own clock go on while the loop has enough to do.
                (slot, frame) = next_frame(self.slots.clone(), receiver) => match frame {
                    Ok(Some(Frame::Bulk(chunk))) => self.setup.streams.deliver(&self.setup.site, chunk),
                    Ok(Some(frame)) => match frame.message::<Report>() {
                        Ok(Report::Refused { message }) => {
                            turned_away = Some(message.clone());
                            self.report(Report::Refused { message }, slot)?;
                        }
                        Ok(report) => self.report(report, slot)?,
                        Err(error) => break format!("the helper sent something that is no report: {error}"),
                    },
                    Ok(None) => break String::new(),
                    Err(error) => break format!("the link to the helper broke: {error}"),
                },
                message = self.commands.recv() => match message.ok_or(LoopGone)? {
                    ToSite::Command(command) => {
                        if let Err(error) = sender.message(&command) {
                            break format!("the helper no longer reads: {error}");
                        }
                    }
                    ToSite::Typed(chunk) => drop(typed.try_send(chunk)),
                    // They end with the link.
                    ToSite::Bytes(chunk, place) => drop(bytes.send(OfGit::Bytes(chunk, place))),
                    ToSite::EndInput(stream) => drop(bytes.send(OfGit::End(stream))),
                    ToSite::Slept => self.contact.slept(Instant::now()),
                    ToSite::Answer(_) | ToSite::LossKnown => {}
                },
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    match self.contact.on_time(Instant::now()) {
                        Some(Act::Ping { token }) => {
                            self.show();
                            // A link that is gone ends the other branch.
                            drop(sender.message(&Command::Ping { token }));
                        }
                        Some(Act::Drop { why }) => break why,
                        None => {}
                    }
                }
            }
        };
        Ok(turned_away.map_or(LinkEnd::Broke(broke), LinkEnd::TurnedAway))
    }

    fn report(&mut self, report: Report, slot: Slot) -> Result<(), LoopGone> {
        match &report {
            Report::Listed => {
                self.contact.listed(Instant::now());
                self.loss_was_told = false;
                self.show();
            }
            Report::Pong { token, now } if self.setup.site != Site::Here => {
                self.contact.answered(*token, *now, Instant::now(), clock::now());
                self.show();
                return Ok(());
            }
            _ => {}
        }
        let input = Input::Reported(self.setup.site.clone(), report, slot);
        self.setup.inputs.send(input).map_err(|_| LoopGone)
    }

    /// Tells the loop how contact stands, where that is news.
    fn show(&mut self) {
        let now = clock::now();
        let word = self.contact.word();
        let next_try_at = match self.contact.next() {
            Next::Wait(until) => {
                let pause = until.saturating_duration_since(Instant::now());
                Some(now.plus_millis(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
            }
            Next::Connect | Next::Person => None,
        };
        let seen = ContactSeen {
            word,
            since: if word == self.seen.word { self.seen.since } else { now },
            // Asked twice in one pause, the same time comes out a moment later.
            next_try_at: next_try_at
                .map(|at| self.seen.next_try_at.filter(|_| word == self.seen.word).unwrap_or(at)),
            question: self.contact.question().cloned(),
            problem: self.contact.problem().map(str::to_owned),
            measured: self.contact.measured(),
        };
        if seen != self.seen {
            self.seen = seen.clone();
            // The loop may be gone; the next message to it finds out.
            drop(self.setup.inputs.send(Input::Contact(self.setup.site.clone(), seen)));
        }
    }
}

/// The next frame, once there is room for a report. Loses nothing when cancelled.
async fn next_frame(
    slots: Arc<Semaphore>,
    receiver: &mut LinkReceiver,
) -> (Slot, std::io::Result<Option<Frame>>) {
    match slots.acquire_owned().await {
        Ok(slot) => (slot, receiver.recv().await),
        // Nobody closes it.
        Err(_closed) => std::future::pending().await,
    }
}

/// What a person types goes its own way: a host that does not read it holds nothing else up.
fn forward_typed(sender: LinkSender) -> mpsc::Sender<Chunk> {
    let (typed, mut chunks) = mpsc::channel(TYPED_AHEAD);
    tokio::spawn(async move {
        while let Some(chunk) = chunks.recv().await {
            if sender.send(Frame::Bulk(chunk)).await.is_err() {
                return;
            }
        }
    });
    typed
}

/// What git says, in order.
enum OfGit {
    Bytes(Chunk, OwnedSemaphorePermit),
    End(u32),
}

/// What git says goes a way of its own, too: it waits for a slow host, and holds nothing else up. How much can
/// wait is bounded by the places that chunks hold.
fn forward_bytes(sender: LinkSender) -> mpsc::UnboundedSender<OfGit> {
    let (bytes, mut next) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(next) = next.recv().await {
            let sent = match next {
                OfGit::Bytes(chunk, place) => {
                    let sent = sender.send(Frame::Bulk(chunk)).await;
                    drop(place);
                    sent
                }
                OfGit::End(stream) => {
                    // The end goes by the fast lane.
                    sender.bulk_written().await;
                    sender.message(&Command::EndInput { stream })
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_transport::Link;

    #[tokio::test]
    async fn what_a_site_tells_in_a_flood_waits_there_until_the_loop_has_taken_some_in() {
        let (near, far) = tokio::io::duplex(1024);
        let (read, write) = tokio::io::split(far);
        let (far, _heard) = Link::new(read, write).split();
        for token in 0..20 {
            far.message(&Report::Pong { token, now: clock::now() }).expect("sent");
        }
        drop(far);
        let (read, write) = tokio::io::split(near);
        let (_sender, mut receiver) = Link::new(read, write).split();
        let slots = Arc::new(Semaphore::new(2));
        let (one, _) = next_frame(slots.clone(), &mut receiver).await;
        let (_two, _) = next_frame(slots.clone(), &mut receiver).await;
        let other = tokio::select! {
            biased;
            _ = next_frame(slots.clone(), &mut receiver) => "one more was read",
            () = tokio::time::sleep(std::time::Duration::from_millis(50)) => "commands and pings go on",
        };
        assert_eq!(other, "commands and pings go on");
        drop(one);
        let mut tokens = Vec::new();
        while let (_slot, Ok(Some(frame))) = next_frame(slots.clone(), &mut receiver).await {
            let Report::Pong { token, .. } = frame.message().expect("a report") else { panic!("a pong") };
            tokens.push(token);
        }
        assert_eq!(tokens, (2..20).collect::<Vec<_>>(), "and nothing of it is lost");
    }
}
