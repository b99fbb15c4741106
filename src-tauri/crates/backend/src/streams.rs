//! Which stream of which site belongs to which stream of which client: logs, and terminals.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use miyabi_plan::{AgentId, Site};
use miyabi_protocol::frame::Chunk;
use miyabi_protocol::link::{Command, TerminalSize};
use tokio::sync::mpsc;

use crate::git_streams::{GitStream, GitStreams};

/// Names a connection of a client.
pub(crate) type ClientId = u32;

/// A stream as its client calls it.
pub(crate) type ClientStream = (ClientId, u32);

/// What goes to a client on its streams, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToReader {
    Bytes(Chunk),
    /// This stream is over, for this reason.
    Ended(u32, String),
}

/// The streams that are open. Shared with the tasks that read from the helpers, so that bytes never
/// pass through the run's loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    last: u32,
    streams: HashMap<u32, Stream>,
    gits: GitStreams,
}

#[derive(Debug)]
struct Stream {
    client: ClientStream,
    site: Site,
    agent: Option<AgentId>,
    kind: Kind,
    /// How many bytes the client still allows.
    credit: u64,
    to: mpsc::UnboundedSender<ToReader>,
}

#[derive(Debug)]
enum Kind {
    Log {
        /// Where the next byte lies in the file: a new helper goes on from here.
        offset: u64,
    },
    Terminal,
}

impl Stream {
    fn is_terminal(&self) -> bool {
        matches!(self.kind, Kind::Terminal)
    }

    fn follow(&self, stream: u32) -> Option<Command> {
        let Kind::Log { offset } = self.kind else { return None };
        let credit = u32::try_from(self.credit).unwrap_or(u32::MAX);
        Some(Command::FollowLog { stream, agent: self.agent.clone(), offset, credit })
    }
}

impl Open {
    fn add(&mut self, stream: Stream) -> u32 {
        self.last += 1;
        self.streams.insert(self.last, stream);
        self.last
    }

    fn of(&mut self, client: ClientStream) -> Option<(u32, &mut Stream)> {
        let mut found = self.streams.iter_mut();
        found.find(|(_, stream)| stream.client == client).map(|(id, stream)| (*id, stream))
    }
}

impl Streams {
    fn with<T>(&self, act: impl FnOnce(&mut Open) -> T) -> T {
        act(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a log; the command asks the site's helper for it.
    pub(crate) fn follow(
        &self,
        client: ClientStream,
        (site, agent): (Site, Option<AgentId>),
        (offset, credit): (u64, u32),
        to: mpsc::UnboundedSender<ToReader>,
    ) -> Command {
        let kind = Kind::Log { offset };
        let stream = Stream { client, site, agent: agent.clone(), kind, credit: u64::from(credit), to };
        let stream = self.with(|open| open.add(stream));
        Command::FollowLog { stream, agent, offset, credit }
    }

    /// Opens a terminal, likewise.
    pub(crate) fn open_terminal(
        &self,
        client: ClientStream,
        (site, agent): (Site, AgentId),
        (size, credit): (TerminalSize, u32),
        to: mpsc::UnboundedSender<ToReader>,
    ) -> Command {
        let (shown, kind) = (Some(agent.clone()), Kind::Terminal);
        let stream = Stream { client, site, agent: shown, kind, credit: u64::from(credit), to };
        let stream = self.with(|open| open.add(stream));
        Command::OpenTerminal { stream, agent: Some(agent), size, credit }
    }

    /// A terminal has another size.
    pub(crate) fn resize(&self, client: ClientStream, size: TerminalSize) -> Option<(Site, Command)> {
        self.with(|open| {
            let (stream, found) = open.of(client).filter(|(_, stream)| stream.is_terminal())?;
            Some((found.site.clone(), Command::ResizeTerminal { stream, size }))
        })
    }

    /// The client allows more bytes.
    pub(crate) fn credit(&self, client: ClientStream, bytes: u32) -> Option<(Site, Command)> {
        self.with(|open| {
            let (stream, found) = open.of(client)?;
            found.credit = found.credit.saturating_add(u64::from(bytes));
            Some((found.site.clone(), Command::StreamCredit { stream, bytes }))
        })
    }

    /// What a person types into a terminal, on its way to the site.
    pub(crate) fn typed(&self, client: ClientId, chunk: Chunk) -> Option<(Site, Chunk)> {
        self.with(|open| {
            let (stream, found) = open.of((client, chunk.stream)).filter(|(_, it)| it.is_terminal())?;
            Some((found.site.clone(), Chunk { stream, ..chunk }))
        })
    }

    /// Closes one stream of a client, or all of them.
    pub(crate) fn drop_of(&self, client: ClientId, only: Option<u32>) -> Vec<(Site, Command)> {
        let is_meant = |stream: &Stream| {
            let (owner, number) = stream.client;
            owner == client && only.is_none_or(|only| number == only)
        };
        let dropped = self.take(|_, stream| is_meant(stream));
        let close = |(stream, dropped): (u32, Stream)| (dropped.site, Command::CloseStream { stream });
        dropped.into_iter().map(close).collect()
    }

    fn take(&self, is_meant: impl Fn(u32, &Stream) -> bool) -> Vec<(u32, Stream)> {
        self.with(|open| {
            let ids = open.streams.iter().filter(|(id, stream)| is_meant(**id, stream)).map(|(id, _)| *id);
            let ids: Vec<u32> = ids.collect();
            ids.into_iter().filter_map(|id| Some((id, open.streams.remove(&id)?))).collect()
        })
    }

    /// Passes bytes from a site on. One that sends on a stream of another site, or more than the client
    /// allows, is not heard.
    pub(crate) fn deliver(&self, site: &Site, chunk: Chunk) {
        self.with(|open| {
            if !open.streams.contains_key(&chunk.stream) {
                open.gits.take(site, chunk.stream, chunk.bytes);
                return;
            }
            let found = open.streams.get_mut(&chunk.stream).filter(|stream| &stream.site == site);
            let Some(stream) = found else { return };
            let length = chunk.bytes.len() as u64;
            let Some(left) = stream.credit.checked_sub(length) else {
                tracing::warn!(%site, "more came on a stream than was allowed; it is left out");
                return;
            };
            stream.credit = left;
            if let Kind::Log { offset } = &mut stream.kind {
                *offset = chunk.offset.saturating_add(length);
            }
            let (_, number) = stream.client;
            // A client that is gone is taken out when its connection ends.
            drop(stream.to.send(ToReader::Bytes(Chunk { stream: number, ..chunk })));
        });
    }

    /// Asks a new helper for every open log of its site, from where the old one stopped.
    pub(crate) fn follow_again(&self, site: &Site) -> Vec<Command> {
        self.with(|open| {
            let there = open.streams.iter().filter(|(_, stream)| &stream.site == site);
            there.filter_map(|(id, stream)| stream.follow(*id)).collect()
        })
    }

    /// An agent works at another site from here on: its logs are followed there, from the beginning
    /// of the new file.
    pub(crate) fn follow_to(&self, agent: &AgentId, site: &Site) -> Vec<(Site, Command)> {
        self.with(|open| {
            let mut commands = Vec::new();
            for (id, stream) in &mut open.streams {
                if stream.agent.as_ref() != Some(agent) || &stream.site == site || stream.is_terminal() {
                    continue;
                }
                let before = std::mem::replace(&mut stream.site, site.clone());
                if let Kind::Log { offset } = &mut stream.kind {
                    *offset = 0;
                }
                commands.push((before, Command::CloseStream { stream: *id }));
                commands.extend(stream.follow(*id).map(|follow| (site.clone(), follow)));
            }
            commands
        })
    }

    /// A site says that a stream of it is over: whose it was.
    pub(crate) fn ended(&self, site: &Site, stream: u32) -> Option<ClientStream> {
        let ended = self.take(|id, it| id == stream && &it.site == site);
        ended.into_iter().map(|(_, stream)| stream.client).next()
    }

    /// Opens a stream on which git speaks to git.
    pub(crate) fn open_git(&self, site: &Site) -> GitStream {
        self.with(|open| {
            open.last += 1;
            open.gits.open(open.last, site.clone())
        })
    }

    /// Our end of such a stream is over.
    pub(crate) fn close_git(&self, stream: u32) {
        self.with(|open| open.gits.close(stream));
    }

    /// A site may send more on such a stream.
    pub(crate) fn allow_git(&self, site: &Site, stream: u32, bytes: u32) {
        self.with(|open| open.gits.allow(site, stream, bytes));
    }

    /// We may send more on such a stream.
    pub(crate) fn git_credit(&self, site: &Site, stream: u32, bytes: u32) {
        self.with(|open| open.gits.credit(site, stream, bytes));
    }

    /// A site says that a stream of it is over. Whether it was one of git.
    pub(crate) fn git_ended(&self, site: &Site, stream: u32, why: &str) -> bool {
        self.with(|open| open.gits.ended(site, stream, why))
    }

    /// The link to a site is gone, and its terminals with it: whose they were.
    pub(crate) fn lose_terminals(&self, site: &Site) -> Vec<ClientStream> {
        let lost = self.take(|_, stream| &stream.site == site && stream.is_terminal());
        lost.into_iter().map(|(_, stream)| stream.client).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

    fn there(host: &str) -> Site {
        Site::There(host.parse().expect("an id"))
    }

    fn agent(id: &str) -> AgentId {
        id.parse().expect("an id")
    }

    fn chunk(stream: u32, offset: u64, bytes: &[u8]) -> Chunk {
        Chunk { stream, offset, bytes: bytes.to_vec() }
    }

    #[test]
    fn a_log_goes_on_after_a_cut_where_it_stopped_and_follows_its_agent() {
        let streams = Streams::default();
        let (to, mut bytes) = mpsc::unbounded_channel();
        let mugen = there("MUGEN");
        streams.follow((1, 9), (mugen.clone(), Some(agent("CG-1"))), (0, 100), to);
        streams.deliver(&mugen, chunk(1, 0, b"hello"));
        streams.deliver(&there("MAJIN"), chunk(1, 5, b"forged"));
        assert_eq!(bytes.try_recv().expect("bytes"), ToReader::Bytes(chunk(9, 0, b"hello")));
        streams.deliver(&mugen, chunk(1, 5, &[0; 96]));
        assert!(bytes.try_recv().is_err(), "what another site sends is not heard, nor what is too much");
        let again = Command::FollowLog { stream: 1, agent: Some(agent("CG-1")), offset: 5, credit: 95 };
        assert_eq!(streams.follow_again(&mugen), [again]);
        assert!(streams.follow_again(&Site::Here).is_empty());

        let moved = streams.follow_to(&agent("CG-1"), &Site::Here);
        let follow = Command::FollowLog { stream: 1, agent: Some(agent("CG-1")), offset: 0, credit: 95 };
        assert_eq!(moved, [(mugen, Command::CloseStream { stream: 1 }), (Site::Here, follow)]);
        assert_eq!(streams.follow_again(&Site::Here).len(), 1);
    }

    #[test]
    fn a_terminal_is_typed_into_and_ends_with_its_link() {
        let streams = Streams::default();
        let (to, _bytes) = mpsc::unbounded_channel();
        let mugen = there("MUGEN");
        streams.open_terminal((1, 3), (mugen.clone(), agent("CG-1")), (SIZE, 100), to.clone());
        streams.follow((1, 4), (mugen.clone(), Some(agent("CG-1"))), (0, 100), to);
        assert_eq!(streams.typed(1, chunk(3, 0, b"ls")), Some((mugen.clone(), chunk(1, 0, b"ls"))));
        assert_eq!(streams.typed(2, chunk(3, 0, b"ls")), None, "another client's");
        assert_eq!(streams.typed(1, chunk(4, 0, b"ls")), None, "a log takes nothing");
        assert_eq!(streams.resize((1, 4), SIZE), None);
        assert!(streams.resize((1, 3), SIZE).is_some());
        assert_eq!(streams.ended(&there("MAJIN"), 1), None, "another site's word");
        assert_eq!(streams.lose_terminals(&mugen), [(1, 3)]);
        assert_eq!(streams.lose_terminals(&mugen), [], "once");
        assert_eq!(streams.follow_again(&mugen).len(), 1, "its log lives on");
        assert_eq!(streams.drop_of(1, None), [(mugen, Command::CloseStream { stream: 2 })]);
    }
}
