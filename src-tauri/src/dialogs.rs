//! Native dialogs that ask for a file, and the report that is written where the person said.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use miyabi_api::{ApiError, ErrorCode, ReportFormat};
use tauri::AppHandle;
use tauri_plugin_dialog::{DialogExt as _, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

use crate::shell::Shell;
use crate::texts::{Language, Text};
use crate::window;

/// The file that stands for a plan's folder.
const DAG_FILE: &str = "task_dag.json";
/// Readable by all, as any document that a person saves.
const REPORT_MODE: u32 = 0o644;

/// Asks for a plan: its `task_dag.json`, which stands for its folder, or a plain queue.
pub(crate) async fn choose_plan(app: &AppHandle, language: Language) -> Option<String> {
    let dialog =
        dialog(app, language.text(Text::ChoosePlan)).add_filter(language.text(Text::Plan), &["json"]);
    let chosen = answer(|done| dialog.pick_file(done)).await?;
    Some(plan_of(&chosen).to_string_lossy().into_owned())
}

/// Asks for a folder.
pub(crate) async fn choose_folder(app: &AppHandle, language: Language) -> Option<String> {
    let dialog = dialog(app, language.text(Text::ChooseFolder));
    let chosen = answer(|done| dialog.pick_folder(done)).await?;
    Some(chosen.to_string_lossy().into_owned())
}

fn plan_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if file.file_name().is_some_and(|name| name == DAG_FILE) => folder,
        _ => file,
    }
}

/// Gets the report of the open run, asks where, and writes it there.
pub(crate) async fn export_report(
    app: &AppHandle,
    shell: &Shell,
    format: ReportFormat,
) -> Result<Option<String>, ApiError> {
    let text = shell.report(format).await?;
    let language = shell.language();
    let extension = extension(format);
    let run_id = shell.open_run().map(|run| run.run_id).unwrap_or_default();
    let dialog = dialog(app, language.text(Text::SaveReport))
        .add_filter(language.text(Text::Report), &[extension])
        .set_file_name(format!("miyabi-report-{run_id}.{extension}"));
    let Some(file) = answer(|done| dialog.save_file(done)).await else { return Ok(None) };
    write_whole(&file, &text).map_err(|error| cannot_write(&file, &error))?;
    Ok(Some(file.to_string_lossy().into_owned()))
}

fn extension(format: ReportFormat) -> &'static str {
    match format {
        ReportFormat::Markdown => "md",
        ReportFormat::Html => "html",
        ReportFormat::Json => "json",
    }
}

fn cannot_write(file: &Path, error: &std::io::Error) -> ApiError {
    ApiError::new(ErrorCode::Environment, format!("{} cannot be written: {error}", file.display()))
        .hint("choose another folder, or make room on the disk")
}

/// Writes a file that is either the old one or the new one, never half of it.
fn write_whole(file: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mode = std::fs::Permissions::from_mode(REPORT_MODE);
    let mut fresh =
        tempfile::Builder::new().prefix(".miyabi-report-").permissions(mode).tempfile_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().sync_all()?;
    fresh.persist(file)?;
    Ok(())
}

fn dialog(app: &AppHandle, title: &str) -> FileDialogBuilder<tauri::Wry> {
    let dialog = app.dialog().file().set_title(title);
    match window::find(app) {
        Some(window) => dialog.set_parent(&window),
        None => dialog,
    }
}

/// Waits for what a dialog calls back with.
async fn answer(open: impl FnOnce(Box<dyn FnOnce(Option<FilePath>) + Send>)) -> Option<PathBuf> {
    let (done, answered) = oneshot::channel();
    open(Box::new(move |chosen| drop(done.send(chosen))));
    answered.await.ok().flatten()?.into_path().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_dag_stands_for_its_folder_and_a_queue_for_itself() {
        assert_eq!(plan_of(Path::new("/plans/a/task_dag.json")), Path::new("/plans/a"));
        assert_eq!(plan_of(Path::new("/tmp/task_queue.json")), Path::new("/tmp/task_queue.json"));
    }

    #[test]
    fn a_report_takes_the_place_of_the_old_one_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("report.md");
        write_whole(&file, "old").expect("is written");
        write_whole(&file, "new").expect("is written");
        assert_eq!(std::fs::read_to_string(&file).expect("is there"), "new");
        assert_eq!(std::fs::read_dir(folder.path()).expect("is there").count(), 1);
        let missing = folder.path().join("none").join("report.md");
        let error = write_whole(&missing, "text").expect_err("the folder is missing");
        assert!(cannot_write(&missing, &error).message.contains("none/report.md"));
    }
}
