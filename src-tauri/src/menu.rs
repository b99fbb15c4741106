//! The menus' entries and what they do. Only macOS has a menu bar, as its programs do; there it
//! also brings the keys for copy and paste.

use tauri::menu::{Menu, MenuEvent, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{AppHandle, Manager as _, Wry};

use crate::farewell;
use crate::shell::Shell;
use crate::texts::{Language, Text};
use crate::window;

/// Bring the window to the front.
pub(crate) const SHOW: &str = "show";
/// Pause or resume the open run.
pub(crate) const PAUSE: &str = "pause";
/// End the program.
pub(crate) const QUIT: &str = "quit";

/// The menu bar of macOS.
///
/// # Errors
/// When the desktop cannot make it.
pub(crate) fn bar(app: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let language = Language::default();
    // A quit of the system's own would end the program without a word.
    let quit = MenuItem::with_id(app, QUIT, language.text(Text::Quit), true, Some("CmdOrCtrl+Q"))?;
    let about = PredefinedMenuItem::about(app, None, None)?;
    let line = PredefinedMenuItem::separator(app)?;
    let hide = PredefinedMenuItem::hide(app, None)?;
    let program = Submenu::with_items(app, "Miyabi Orchestra", true, &[&about, &line, &hide, &quit])?;
    let [undo, redo] = [PredefinedMenuItem::undo(app, None)?, PredefinedMenuItem::redo(app, None)?];
    let [cut, copy] = [PredefinedMenuItem::cut(app, None)?, PredefinedMenuItem::copy(app, None)?];
    let [paste, all] = [PredefinedMenuItem::paste(app, None)?, PredefinedMenuItem::select_all(app, None)?];
    let edit = Submenu::with_items(
        app,
        language.text(Text::Edit),
        true,
        &[&undo, &redo, &cut, &copy, &paste, &all],
    )?;
    Menu::with_items(app, &[&program, &edit])
}

/// Does what an entry of any menu says.
pub(crate) fn chosen(app: &AppHandle, event: &MenuEvent) {
    match event.id().as_ref() {
        SHOW => window::show(app),
        PAUSE => pause_or_resume(app),
        QUIT => farewell::quit(app),
        _ => {}
    }
}

fn pause_or_resume(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if let Err(error) = app.state::<Shell>().pause_or_resume().await {
            tracing::warn!(%error, "the run was not paused or resumed");
        }
    });
}
