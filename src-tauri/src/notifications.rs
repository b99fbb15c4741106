//! Native notifications of the open run, and what a click on one does.

use miyabi_api::{Notice, TaskId};
use tauri::{AppHandle, Manager as _};
use tauri_plugin_notification::{ActionPerformed, NotificationExt as _};
use tauri_specta::Event as _;

use crate::events::FocusTask;
use crate::shell::Shell;
use crate::window;

/// Under which key a notification carries its task.
const TASK: &str = "task";

/// Shows those of the notices that a person should hear of even while the window is away.
pub(crate) fn tell(app: &AppHandle, notices: &[Notice]) {
    let shell = app.state::<Shell>();
    if !shell.notifies() {
        return;
    }
    let language = shell.language();
    for notice in notices {
        if let Some((title, body)) = language.notification(notice) {
            show(app, &title, &body, notice.task.as_ref());
        }
    }
}

/// Shows one notification.
pub(crate) fn show(app: &AppHandle, title: &str, body: &str, task: Option<&TaskId>) {
    let mut notification = app.notification().builder().title(title).body(escaped(body));
    if let Some(task) = task {
        notification = notification.extra(TASK, task);
    }
    if let Err(error) = notification.show() {
        tracing::warn!(%error, "a notification could not be shown");
    }
}

/// Listens for clicks. Notifications that were shown before report none, so this comes first.
pub(crate) fn listen(app: &AppHandle) {
    let clicked_in = app.clone();
    let listening = app.notification().on_action(move |action| clicked(&clicked_in, action));
    if let Err(error) = listening {
        tracing::warn!(%error, "clicks on notifications are not heard");
    }
}

fn clicked(app: &AppHandle, action: &ActionPerformed) {
    window::show(app);
    let task = action.notification().and_then(|notification| notification.extra().get(TASK).cloned());
    let Some(task) = task.and_then(|task| serde_json::from_value(task).ok()) else { return };
    if let Err(error) = FocusTask(task).emit(app) {
        tracing::warn!(%error, "the window could not be told which task was clicked");
    }
}

/// On a freedesktop bus the text of a notification is markup, and `<stdin>` would be a tag.
fn escaped(text: &str) -> String {
    if cfg!(target_os = "macos") {
        return text.to_owned();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
