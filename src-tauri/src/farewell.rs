//! The end of the program. Runs do not end with it, and a person is told so.

use tauri::{AppHandle, Manager as _};
use tauri_plugin_dialog::{DialogExt as _, MessageDialogButtons, MessageDialogKind};

use crate::shell::Shell;
use crate::texts::Text;
use crate::window;

/// Ends the program; while a run is at work, says first what becomes of it and lets the person
/// think again.
pub(crate) fn quit(app: &AppHandle) {
    let shell = app.state::<Shell>();
    let Some(run) = shell.open_run().filter(|run| !run.phase.has_ended()) else {
        app.exit(0);
        return;
    };
    let language = shell.language();
    let (quit, cancel) = (language.text(Text::Quit), language.text(Text::Cancel));
    let mut dialog = app
        .dialog()
        .message(language.agents_go_on(&run.session))
        .title(language.text(Text::QuitTitle))
        .kind(MessageDialogKind::Info)
        .buttons(MessageDialogButtons::OkCancelCustom(quit.to_owned(), cancel.to_owned()));
    if let Some(window) = window::find(app).filter(|window| window.is_visible().unwrap_or(false)) {
        dialog = dialog.parent(&window);
    }
    let app = app.clone();
    dialog.show(move |agreed| {
        if agreed {
            app.exit(0);
        }
    });
}
