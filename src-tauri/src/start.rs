//! From the program's first line to its window.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use miyabi_api::ApiError;
use miyabi_client::{Environment, Service};
use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Manager as _, RunEvent, Wry};
use tracing_subscriber::EnvFilter;

use crate::bindings::bindings;
use crate::launch::Launch;
use crate::shell::Shell;
use crate::tray::Tray;
use crate::{login_shell, menu, notifications, tray, window};

/// The exit code for a machine that lacks something, as the `miyabi` program has it.
const ENVIRONMENT: u8 = 3;
const IDENTIFIER: &str = "dev.miyabi.orchestra";

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let launch = Launch::parse();
    login_shell::take_environment();
    let filter = EnvFilter::try_from_env("MIYABI_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let folder = std::env::current_dir().unwrap_or_default();
    match prepare() {
        Ok(service) => run(service, launch.in_folder(&folder)),
        Err(error) => {
            eprintln!("miyabi-desktop: {error}");
            for hint in &error.hints {
                eprintln!("  {hint}");
            }
            ExitCode::from(ENVIRONMENT)
        }
    }
}

fn prepare() -> Result<Service, ApiError> {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if cfg!(target_os = "linux") && !has_display {
        let code = miyabi_api::ErrorCode::Environment;
        return Err(ApiError::new(code, "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set")
            .hint("miyabi run PLAN   runs the same plan in the terminal"));
    }
    Environment::from_process().map(Service::new)
}

fn run(service: Service, launch: Launch) -> ExitCode {
    let bindings = bindings();
    let commands = bindings.invoke_handler();
    let builder = tauri::Builder::default();
    // Only macOS has a menu bar; elsewhere an empty one would take its room in the window.
    let builder = if cfg!(target_os = "macos") { builder.menu(menu::bar) } else { builder };
    let built = builder
        .plugin(one_window_a_state_folder(&launch))
        .plugin(tauri_plugin_notification::init())
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(commands)
        .on_menu_event(|app, event| menu::chosen(app, &event))
        .setup(move |app| {
            bindings.mount_events(app);
            let app = app.handle();
            app.manage(Tray::default());
            app.manage(Shell::new(app.clone(), service, launch));
            notifications::listen(app);
            window::create(app)?;
            tray::ensure(app);
            Ok(())
        })
        .build(tauri::generate_context!());
    match built {
        Ok(app) => {
            app.run(reopened);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("miyabi-desktop: the window cannot be made: {error}");
            ExitCode::from(ENVIRONMENT)
        }
    }
}

/// On macOS a click on the program's icon in the Dock brings a hidden window back.
fn reopened(app: &AppHandle, event: RunEvent) {
    #[cfg(target_os = "macos")]
    if let RunEvent::Reopen { .. } = event {
        window::show(app);
    }
    #[cfg(not(target_os = "macos"))]
    let _ = (app, event);
}

/// A second start for the same state folder brings the first one's window to the front and hands
/// it what it was asked for.
fn one_window_a_state_folder(launch: &Launch) -> TauriPlugin<Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(instance_name(launch.state_dir.as_deref()))
        .callback(|app, words, folder| {
            window::show(app);
            app.state::<Shell>().start_over(Launch::of_words(&words, Path::new(&folder)));
        })
        .build()
}

/// The name on the session bus: one for each state folder that was named, and one for starts that
/// name none.
fn instance_name(state_dir: Option<&Path>) -> String {
    let Some(state_dir) = state_dir else { return IDENTIFIER.to_owned() };
    let mut hasher = DefaultHasher::new();
    state_dir.hash(&mut hasher);
    format!("{IDENTIFIER}.s{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_folder_has_a_window_of_its_own() {
        let name = |text: &'static str| instance_name(Some(Path::new(text)));
        assert_eq!(name("/tmp/a"), name("/tmp/a/"));
        assert_ne!(name("/tmp/a"), name("/tmp/b"));
        assert_eq!(instance_name(None), IDENTIFIER);
    }
}
