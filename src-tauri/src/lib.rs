//! The desktop shell: the window, its menus, tray icon, dialogs and notifications.
//!
//! It decides nothing about runs. Each command of the window is one line into `miyabi-client`,
//! which asks the backend; closing, crashing or upgrading this program stops no run.

mod bindings;
mod commands;
mod dialogs;
mod events;
mod farewell;
mod launch;
mod log_frames;
mod login_shell;
mod logs;
mod menu;
mod notifications;
mod shell;
mod start;
mod terminals;
mod texts;
mod tray;
mod tray_host;
mod watch;
mod window;
mod work_commands;

pub use start::main;
