//! The person's terminal, lent to somebody else: every key as it is, and everything put back at the
//! end, whatever the end is.

use std::io::{self, Read as _, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use miyabi_api::TerminalSize;
use ratatui::crossterm::terminal as crossterm;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Takes back what a program on the other side may have asked of the terminal and never took back
/// itself, as its link was cut: the other screen, the mouse, pasting and keys in other forms, colours,
/// scrolling in a part, a hidden cursor.
const TAKE_BACK: &[u8] = b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[>4;0m\x1b[?1l\x1b>\x1b(B\x1b[r\x1b[0m\x1b[?25h\x1b[?1049l";
/// The other screen, cleared, for somebody else to draw on.
const LEND: &[u8] = b"\x1b[?1049h\x1b[2J\x1b[H";

/// Whether the terminal is in raw mode by us.
static IS_RAW: AtomicBool = AtomicBool::new(false);
/// Whether the screen is lent.
static IS_LENT: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Keys come as they are pressed while this lives.
#[derive(Debug)]
pub(crate) struct RawMode;

impl RawMode {
    /// Switches the terminal over.
    pub(crate) fn enter() -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            // A message of a panic must be readable, and the shell after it usable.
            std::panic::set_hook(Box::new(move |info| {
                put_back();
                before(info);
            }));
        });
        IS_RAW.store(true, Ordering::SeqCst);
        crossterm::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        put_back();
    }
}

/// The screen, lent to a terminal on another host while this lives.
#[derive(Debug)]
pub(crate) struct LentScreen;

impl LentScreen {
    /// Gives the screen away.
    pub(crate) fn lend() -> io::Result<Self> {
        IS_LENT.store(true, Ordering::SeqCst);
        write(LEND)?;
        Ok(Self)
    }
}

impl Drop for LentScreen {
    fn drop(&mut self) {
        take_back();
    }
}

fn take_back() {
    if IS_LENT.swap(false, Ordering::SeqCst) {
        // A terminal that is gone has nothing to be taken back.
        let _ = write(TAKE_BACK);
    }
}

fn put_back() {
    take_back();
    if IS_RAW.swap(false, Ordering::SeqCst) {
        let _ = crossterm::disable_raw_mode();
    }
}

/// Writes to the terminal at once.
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// The size of the terminal; a usual one where it does not say.
pub(crate) fn size() -> TerminalSize {
    let (columns, rows) = crossterm::size().unwrap_or((80, 24));
    TerminalSize { columns: columns.max(2), rows: rows.max(2) }
}

/// What a person does at the terminal.
pub(crate) struct Person {
    keys: mpsc::UnboundedReceiver<Vec<u8>>,
    resized: Signal,
    ends: Ends,
}

/// One thing that a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Did {
    /// These bytes were typed.
    Typed(Vec<u8>),
    /// The window has another size.
    Resized,
    /// The terminal is gone, or the program is to end.
    Ended,
}

impl Person {
    /// Listens to the terminal from now on, once in a program's life: a thread reads the keys, and ends
    /// with the program.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, keys) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = io::stdin().read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { keys, resized: signal(SignalKind::window_change())?, ends: Ends::new()? })
    }

    /// What is done next.
    pub(crate) async fn next(&mut self) -> Did {
        tokio::select! {
            keys = self.keys.recv() => keys.map_or(Did::Ended, Did::Typed),
            _ = self.resized.recv() => Did::Resized,
            () = self.ends.recv() => Did::Ended,
        }
    }
}

/// The signals that end the program: it ends by itself then, so that the terminal is put back.
pub(crate) struct Ends {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
}

impl Ends {
    /// From now on these signals end nothing by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when one of them came.
    pub(crate) async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
