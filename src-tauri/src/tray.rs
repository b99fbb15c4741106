//! The tray icon: what brings the window back after it was closed. Where the desktop shows no
//! tray there is no icon, and closing the window ends the program.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use miyabi_api::RunPhase;
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager as _, Wry};

use crate::menu::{PAUSE, QUIT, SHOW};
use crate::shell::{Shell, lock};
use crate::texts::Text;
use crate::tray_host;

/// The icon's entries, kept to change their words.
#[derive(Default)]
pub(crate) struct Tray {
    entries: Mutex<Option<Entries>>,
    was_hidden: AtomicBool,
}

#[derive(Clone)]
struct Entries {
    show: MenuItem<Wry>,
    pause: MenuItem<Wry>,
    quit: MenuItem<Wry>,
}

/// Whether there is a tray icon; makes it when the desktop has come to show a tray. To be called
/// on the main thread.
pub(crate) fn ensure(app: &AppHandle) -> bool {
    let tray = app.state::<Tray>();
    if !tray_host::is_there() {
        return false;
    }
    if lock(&tray.entries).is_some() {
        return true;
    }
    // The library that draws the icon is loaded at run time; the binding panics where it is
    // missing. That must cost the icon, not the window.
    let built = catch_unwind(AssertUnwindSafe(|| build(app)));
    match built {
        Ok(Ok(entries)) => *lock(&tray.entries) = Some(entries),
        Ok(Err(error)) => tracing::warn!(%error, "no tray icon"),
        Err(_) => tracing::warn!("no tray icon: libayatana-appindicator3 is missing"),
    }
    let is_there = lock(&tray.entries).is_some();
    refresh(app);
    is_there
}

/// Whether this is the first time that the window went to the tray: a person is told once.
pub(crate) fn first_hiding(app: &AppHandle) -> bool {
    !app.state::<Tray>().was_hidden.swap(true, Ordering::Relaxed)
}

fn build(app: &AppHandle) -> tauri::Result<Entries> {
    let show = MenuItem::with_id(app, SHOW, "", true, None::<&str>)?;
    let pause = MenuItem::with_id(app, PAUSE, "", true, None::<&str>)?;
    let quit = MenuItem::with_id(app, QUIT, "", true, None::<&str>)?;
    let line = PredefinedMenuItem::separator(app)?;
    let menu = Menu::with_items(app, &[&show, &pause, &line, &quit])?;
    let mut icon = TrayIconBuilder::with_id("main").menu(&menu).tooltip("Miyabi Orchestra");
    if let Some(image) = app.default_window_icon() {
        icon = icon.icon(image.clone());
    }
    icon.build(app)?;
    Ok(Entries { show, pause, quit })
}

/// Has the entries say what they do now, in the language of now.
pub(crate) fn refresh(app: &AppHandle) {
    let Some(entries) = lock(&app.state::<Tray>().entries).clone() else { return };
    let shell = app.state::<Shell>();
    let language = shell.language();
    let phase = shell.open_run().map(|run| run.phase);
    let pause = if phase == Some(RunPhase::Paused) { Text::Resume } else { Text::Pause };
    let can_pause = phase.is_some_and(|phase| !phase.has_ended());
    let changed = app.run_on_main_thread(move || {
        let _ = entries.show.set_text(language.text(Text::Show));
        let _ = entries.pause.set_text(language.text(pause));
        let _ = entries.pause.set_enabled(can_pause);
        let _ = entries.quit.set_text(language.text(Text::Quit));
    });
    if let Err(error) = changed {
        tracing::debug!(%error, "the tray's entries keep their words");
    }
}
