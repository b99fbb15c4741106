//! The one list of commands and events. The program and the TypeScript file are both made of it.

use specta_typescript::semantic::Configuration;
use tauri_specta::{Builder, ErrorHandlingMode, collect_commands, collect_events};

use crate::commands;
use crate::events::{BackendState, FocusTask, RunEvent};
use crate::work_commands;

/// All commands and events of the window.
pub(crate) fn bindings() -> Builder<tauri::Wry> {
    Builder::new()
        .error_handling(ErrorHandlingMode::Throw)
        // One TypeScript type for each type here: what may be missing is null, both ways.
        .disable_serde_phases()
        // No figure of ours is infinite, so that none arrives as null.
        .semantic_types(Configuration::empty().enable_lossless_floats())
        .typ::<miyabi_api::ApiError>()
        .commands(collect_commands![
            commands::inspect_plan,
            commands::start_run,
            commands::list_runs,
            commands::doctor,
            commands::initial_target,
            commands::open_run,
            commands::close_run,
            commands::pause,
            commands::resume,
            commands::cancel_run,
            commands::stop_all,
            commands::cancel_task,
            commands::retry_task,
            commands::reassign,
            commands::answer,
            commands::raise_budget,
            commands::say,
            commands::answer_host,
            commands::give_up_host,
            commands::ssh_names,
            commands::test_host,
            commands::add_host,
            commands::prompt_plan,
            commands::goal_plan,
            commands::choose_folder,
            commands::follow_log,
            commands::log_credit,
            commands::drop_log,
            commands::open_terminal,
            commands::type_in_terminal,
            commands::resize_terminal,
            commands::terminal_credit,
            commands::close_terminal,
            commands::export_report,
            commands::choose_plan,
            work_commands::hand_over,
            work_commands::task_diff,
            work_commands::accept,
            work_commands::send_back,
            work_commands::take_commit,
            work_commands::verify_again,
            work_commands::history,
            work_commands::snapshot_at,
            work_commands::kept_trees,
            work_commands::remove_trees,
            work_commands::open_pull_request,
            commands::set_notifications,
            commands::set_language,
        ])
        .events(collect_events![RunEvent, BackendState, FocusTask])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use specta_typescript::Typescript;

    use super::*;

    const COMMITTED: &str = "ui/src/platform/bindings.ts";

    #[test]
    fn the_committed_typescript_is_what_the_commands_say() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let fresh = folder.path().join("bindings.ts");
        bindings().export(Typescript::default(), &fresh).expect("the types can be exported");
        let fresh = std::fs::read_to_string(fresh).expect("was just written");
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
        if std::env::var_os("UPDATE_BINDINGS").is_some() {
            std::fs::write(&committed, &fresh).expect("the bindings can be written");
        }
        let held = std::fs::read_to_string(&committed).unwrap_or_default();
        assert!(
            held == fresh,
            "{COMMITTED} has drifted from the commands; mend it by\n\
             UPDATE_BINDINGS=1 cargo test -p miyabi-desktop --lib bindings"
        );
    }
}
