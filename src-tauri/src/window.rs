//! The one window: made, shown, and hidden when it is closed while a tray icon can bring it back.

use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent};

use crate::farewell;
use crate::notifications;
use crate::shell::Shell;
use crate::texts::Text;
use crate::tray;

/// The window's name in `tauri.conf.json`'s capabilities.
const LABEL: &str = "main";
const TITLE: &str = "Miyabi Orchestra";
const SIZE: (f64, f64) = (1440.0, 900.0);
const SMALLEST: (f64, f64) = (960.0, 600.0);

/// Makes the window.
///
/// # Errors
/// When the desktop cannot make one.
pub(crate) fn create(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title(TITLE)
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(SMALLEST.0, SMALLEST.1)
        .build()?;
    let handle = app.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            closed(&handle);
        }
    });
    Ok(window)
}

/// The window, where it is there.
pub(crate) fn find(app: &AppHandle) -> Option<WebviewWindow> {
    app.get_webview_window(LABEL)
}

/// Brings the window to the front.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = find(app) else { return };
    let shown = window.show().and_then(|()| window.unminimize()).and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, "the window could not be shown");
    }
}

/// Loads the page again.
///
/// # Errors
/// When there is no page.
pub(crate) fn reload(app: &AppHandle) -> tauri::Result<()> {
    find(app).map_or(Ok(()), |window| window.reload())
}

/// A person closed the window: it goes to the tray, and where there is none the program ends.
fn closed(app: &AppHandle) {
    if !tray::ensure(app) {
        farewell::quit(app);
        return;
    }
    if let Some(window) = find(app) {
        let _ = window.hide();
    }
    let language = app.state::<Shell>().language();
    if tray::first_hiding(app) {
        notifications::show(app, language.text(Text::HiddenTitle), language.text(Text::HiddenBody), None);
    }
}
