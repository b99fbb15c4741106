//! A slow link: a relay on the laptop that holds every byte back for a while, in both directions. The
//! kernel would do this by itself (netem), but not every one is built with it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// A relay at work; it ends with its value, and with it what went through it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Relay {
    /// Listens at one address, and hands on to another.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub fn start(listen: SocketAddr, to: SocketAddr, delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind(listen).with_context(|| format!("cannot listen at {listen}"))?;
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let listening = thread::spawn(move || listen_on(&listener, to, delay, &ends));
        Ok(Self { address, is_over, listening: Some(listening) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the listening thread, which then ends.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn listen_on(listener: &TcpListener, to: SocketAddr, delay: Duration, is_over: &AtomicBool) {
    let mut open: Vec<TcpStream> = Vec::new();
    for near in listener.incoming().flatten() {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let Ok(far) = TcpStream::connect(to) else { continue };
        for (from, into) in [(&near, &far), (&far, &near)] {
            if let (Ok(from), Ok(into)) = (from.try_clone(), into.try_clone()) {
                hand_on(from, into, delay);
            }
        }
        open.extend([near, far]);
    }
    for stream in open {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Two threads, so that what is held back does not hold up what comes after it.
fn hand_on(mut from: TcpStream, mut into: TcpStream, delay: Duration) {
    let (hold, held) = mpsc::channel::<(Instant, Vec<u8>)>();
    let _ = into.set_nodelay(true);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if hold.send((Instant::now() + delay, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        let _ = let_go(&held, &mut into);
        let _ = into.shutdown(Shutdown::Write);
    });
}

fn let_go(held: &Receiver<(Instant, Vec<u8>)>, into: &mut TcpStream) -> Result<()> {
    // Nobody ever sends here: waiting for it is waiting for the time.
    let (_never, nothing) = mpsc::channel::<()>();
    for (at, bytes) in held {
        let _ = nothing.recv_timeout(at.saturating_duration_since(Instant::now()));
        into.write_all(&bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_held_back_and_none_is_lost() -> Result<()> {
        let far = TcpListener::bind("127.0.0.1:0")?;
        let delay = Duration::from_millis(100);
        let relay = Relay::start("127.0.0.1:0".parse()?, far.local_addr()?, delay)?;
        let mut near = TcpStream::connect(relay.address())?;
        let (mut accepted, _) = far.accept()?;
        let echo = thread::spawn(move || -> Result<()> {
            let mut text = [0; 5];
            accepted.read_exact(&mut text)?;
            Ok(accepted.write_all(&text)?)
        });
        let begun = Instant::now();
        near.write_all(b"hello")?;
        let mut answer = String::new();
        near.read_to_string(&mut answer)?;
        assert_eq!(answer, "hello");
        assert!(begun.elapsed() >= 2 * delay, "{:?}", begun.elapsed());
        echo.join().expect("the far end")
    }
}
