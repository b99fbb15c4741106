//! Native windows and dialogs, driven by the keys that a person would press.

use std::path::Path;

use anyhow::{Result, ensure};
use x11rb::protocol::xproto::{ClientMessageEvent, ConnectionExt as _, EventMask};

use crate::{SOON, eventually, process};

/// The display of a desk.
#[derive(Debug, Clone)]
pub struct Display(pub String);

impl Display {
    fn xdotool(&self, words: &[&str]) -> Result<String> {
        let output = process::command("xdotool").args(words).env("DISPLAY", &self.0).output()?;
        ensure!(output.status.success(), "xdotool {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The visible window of this title.
    #[must_use]
    pub fn window(&self, title: &str) -> Option<String> {
        let found = self.xdotool(&["search", "--onlyvisible", "--name", &format!("^{title}")]).ok()?;
        found.lines().last().map(str::to_owned)
    }

    /// Waits for the window of this title.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn wait_for(&self, title: &str) -> Result<String> {
        eventually(&format!("a window `{title}`"), SOON, || async { self.window(title) }).await
    }

    /// Waits until no window of this title is to be seen.
    ///
    /// # Errors
    /// When it stays.
    pub async fn wait_until_gone(&self, title: &str) -> Result<()> {
        let gone = || async { self.window(title).is_none().then_some(()) };
        eventually(&format!("no window `{title}`"), SOON, gone).await
    }

    /// Asks a window to close, as its cross does. There is no window manager to ask on a desk, and
    /// no tool that speaks for one.
    ///
    /// # Errors
    /// When the display is gone.
    pub fn close(&self, window: &str) -> Result<()> {
        let window: u32 = window.parse()?;
        let (display, _) = x11rb::connect(Some(&self.0))?;
        let atom = |name: &[u8]| -> Result<u32> { Ok(display.intern_atom(false, name)?.reply()?.atom) };
        let message = [atom(b"WM_DELETE_WINDOW")?, x11rb::CURRENT_TIME, 0, 0, 0];
        let event = ClientMessageEvent::new(32, window, atom(b"WM_PROTOCOLS")?, message);
        display.send_event(false, window, EventMask::NO_EVENT, event)?.check()?;
        Ok(())
    }

    /// Types a path into the file dialog of this title and agrees.
    ///
    /// # Errors
    /// When the dialog does not come.
    pub async fn save_as(&self, title: &str, file: &Path) -> Result<()> {
        let dialog = self.wait_for(title).await?;
        self.xdotool(&["windowfocus", "--sync", &dialog])?;
        self.xdotool(&["key", "--clearmodifiers", "ctrl+a"])?;
        self.xdotool(&["type", "--delay", "5", &file.to_string_lossy()])?;
        self.xdotool(&["key", "Return"])?;
        self.wait_until_gone(title).await
    }

    /// Presses a key in the window of this title.
    ///
    /// # Errors
    /// When the window does not come.
    pub async fn press(&self, title: &str, key: &str) -> Result<()> {
        let window = self.wait_for(title).await?;
        self.xdotool(&["windowfocus", "--sync", &window])?;
        self.xdotool(&["key", key]).map(drop)
    }
}
