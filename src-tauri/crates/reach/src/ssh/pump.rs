//! Bytes between a channel and our two sockets, as fast as both sides take them, and not one wake-up
//! while nothing happens.
//!
//! Rules of libssh2 that this keeps: a write that could not be finished is repeated with the same
//! bytes at the same place, so the buffer of a direction is filled again only when it is empty; and a
//! read that could not be finished is repeated too, which it is because that buffer then is empty.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use ssh2::{BlockDirections, Channel, Session};

use crate::stream::Said;

/// Big enough that a system call carries several packets.
const BUFFER: usize = 256 * 1024;
/// How long the last words of a channel may take, in milliseconds.
const LAST_WORDS: u32 = 2_000;

/// The thread's ends of the sockets.
pub(super) struct Ends {
    /// What goes to the host.
    pub(super) up: UnixStream,
    /// What comes from it.
    pub(super) down: UnixStream,
    /// Readable when the connection is to be cut.
    pub(super) life: UnixStream,
}

/// Bytes that were read and not yet all written.
struct Held {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Held {
    fn new() -> Self {
        Self { bytes: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads when there is nothing to write. None: nothing came for now.
    fn fill(&mut self, from: &mut impl Read) -> io::Result<Option<usize>> {
        let read = none_when_it_would_wait(from.read(&mut self.bytes))?;
        (self.start, self.end) = (0, read.unwrap_or(0));
        Ok(read)
    }

    /// Writes what it takes for now; whether it took any.
    fn drain(&mut self, to: &mut impl Write) -> io::Result<bool> {
        let wrote = none_when_it_would_wait(to.write(&self.bytes[self.start..self.end]))?.unwrap_or(0);
        self.start += wrote;
        Ok(wrote > 0)
    }
}

fn none_when_it_would_wait(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Carries until the program on the host ends, the connection breaks, or it is cut.
pub(super) fn carry(session: &Session, channel: Channel, wire: &OwnedFd, ends: Ends, said: &Said) {
    let Ends { up, down, life } = ends;
    let mut pump = Pump {
        session,
        stderr: channel.stderr(),
        channel,
        up: Some(up),
        down: Some(down),
        outgoing: Held::new(),
        incoming: Held::new(),
        said,
    };
    if let Err(error) = pump.run(wire, &life) {
        said.broke(format!("the connection broke: {error}"));
    }
    tracing::debug!(stderr = said.stderr(), broken = said.broken(), "the connection ended");
}

struct Pump<'a> {
    session: &'a Session,
    channel: Channel,
    stderr: ssh2::Stream,
    /// None after its end.
    up: Option<UnixStream>,
    /// None when nobody reads any more; what comes is thrown away then.
    down: Option<UnixStream>,
    outgoing: Held,
    incoming: Held,
    said: &'a Said,
}

impl Pump<'_> {
    fn run(&mut self, wire: &OwnedFd, life: &UnixStream) -> io::Result<()> {
        loop {
            let down = self.carry_down()?;
            if self.channel.eof() && self.incoming.is_empty() {
                self.hear_the_end();
                return Ok(());
            }
            let up = self.carry_up()?;
            if !down && !up && self.wait(wire, life)? {
                return Err(io::Error::new(ErrorKind::ConnectionAborted, "it was cut here"));
            }
        }
    }

    fn carry_down(&mut self) -> io::Result<bool> {
        let mut has_moved = false;
        while self.incoming.is_empty() {
            match self.incoming.fill(&mut self.channel)? {
                None | Some(0) => break,
                Some(_) => has_moved = true,
            }
            self.hand_over()?;
        }
        has_moved |= self.hand_over()?;
        // This also takes in what the wire holds while nobody reads stdout: the host's answers to what
        // we send come the same way. It is bounded by the window.
        let mut buffer = [0; 1024];
        while let Some(read @ 1..) = none_when_it_would_wait(self.stderr.read(&mut buffer))? {
            self.said.hear(&buffer[..read]);
            has_moved = true;
        }
        Ok(has_moved)
    }

    fn hand_over(&mut self) -> io::Result<bool> {
        if self.incoming.is_empty() {
            return Ok(false);
        }
        let drained = match &mut self.down {
            Some(down) => self.incoming.drain(down),
            None => self.incoming.drain(&mut io::sink()),
        };
        if drained.is_err() {
            self.down = None;
            return Ok(true);
        }
        drained
    }

    fn carry_up(&mut self) -> io::Result<bool> {
        if self.outgoing.is_empty() {
            let Some(up) = &mut self.up else { return Ok(false) };
            match self.outgoing.fill(up)? {
                None => return Ok(false),
                Some(0) => {
                    self.up = None;
                    self.say_the_end()?;
                    return Ok(true);
                }
                Some(_) => {}
            }
        }
        let mut has_moved = false;
        while !self.outgoing.is_empty() && self.outgoing.drain(&mut self.channel)? {
            has_moved = true;
        }
        Ok(has_moved)
    }

    /// Blocking, for libssh2 builds this packet on its stack and so cannot be asked for it twice.
    fn say_the_end(&mut self) -> io::Result<()> {
        self.session.set_timeout(LAST_WORDS);
        self.session.set_blocking(true);
        let sent = self.channel.send_eof();
        self.session.set_blocking(false);
        sent.map_err(Into::into)
    }

    /// Keeps why a program ended that did not end well. The signal first: the exit status of a
    /// program that was killed by one reads as 0.
    fn hear_the_end(&mut self) {
        self.session.set_timeout(LAST_WORDS);
        self.session.set_blocking(true);
        // A program that closed its stdout and goes on says no more; its end is not awaited.
        let _still_there = self.channel.wait_close();
        let signal = self.channel.exit_signal().ok().and_then(|end| end.exit_signal);
        let why = match (signal, self.channel.exit_status()) {
            (Some(signal), _) => format!("the helper was ended by SIG{signal}"),
            (None, Ok(code)) if code != 0 => format!("the helper ended with exit code {code}"),
            _ => return,
        };
        let stderr = self.said.stderr();
        self.said.broke(if stderr.is_empty() { why } else { format!("{why}: {stderr}") });
    }

    /// Waits for anything to happen; whether it is to be cut.
    fn wait(&self, wire: &OwnedFd, life: &UnixStream) -> io::Result<bool> {
        let directions = self.session.block_directions();
        let wants_out = matches!(directions, BlockDirections::Outbound | BlockDirections::Both);
        let wire_flags = if wants_out { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut watched =
            vec![PollFd::from_borrowed_fd(life.as_fd(), PollFlags::IN), PollFd::new(wire, wire_flags)];
        if let Some(up) = self.up.as_ref().filter(|_| self.outgoing.is_empty()) {
            watched.push(PollFd::new(up, PollFlags::IN));
        }
        if let Some(down) = self.down.as_ref().filter(|_| !self.incoming.is_empty()) {
            watched.push(PollFd::new(down, PollFlags::OUT));
        }
        match poll(&mut watched, None) {
            Ok(_) => Ok(!watched[0].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
