//! The commands of the window, each one line into the client or the shell. Their TypeScript is
//! generated; `bindings.rs` lists them.

use std::path::Path;

use miyabi_api::{
    AgentId, ApiError, ApprovalAnswer, ApprovalScope, Choice, DoctorLine, GoalPlan, HostAnswer, HostId,
    HostTest, NewHost, PlanView, PromptPlan, ReportFormat, Request, RunSnapshot, RunSummary, StartOptions,
    Started, TaskId, TerminalSize, TestHost,
};
use tauri::ipc::Channel;
use tauri::{AppHandle, State};

use crate::dialogs;
use crate::events::InitialTarget;
use crate::log_frames::LogFrame;
use crate::shell::Shell;
use crate::terminals::TerminalFrame;
use crate::texts::Language;

/// A plan with its findings, its forecasts and how it would be drawn.
#[tauri::command]
#[specta::specta]
pub(crate) async fn inspect_plan(
    shell: State<'_, Shell>,
    path: String,
    choice: Choice,
    rehearse: Option<f64>,
    state_dir: Option<String>,
) -> Result<PlanView, ApiError> {
    shell.service.inspect_plan(path.as_ref(), choice, rehearse, state_dir.as_deref().map(Path::new)).await
}

/// Starts a run; open it by its state folder.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_run(shell: State<'_, Shell>, options: StartOptions) -> Result<Started, ApiError> {
    shell.service.start(options).await
}

/// All runs that are kept, newest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_runs(shell: State<'_, Shell>) -> Result<Vec<RunSummary>, ApiError> {
    shell.service.runs().await
}

/// What is installed and what is missing, for a plan or for none.
#[tauri::command]
#[specta::specta]
pub(crate) async fn doctor(
    shell: State<'_, Shell>,
    plan: Option<String>,
    state_dir: Option<String>,
) -> Result<Vec<DoctorLine>, ApiError> {
    let (plan, state_dir) = (plan.as_deref().map(Path::new), state_dir.as_deref().map(Path::new));
    Ok(shell.service.doctor_before_start(plan, state_dir).await)
}

/// What the program was started with, and whether that run is there.
#[tauri::command]
#[specta::specta]
pub(crate) async fn initial_target(shell: State<'_, Shell>) -> Result<InitialTarget, ApiError> {
    Ok(shell.initial_target().await)
}

/// Opens the run of a state folder in place of the one that was open. What happens in it comes as
/// `run-event`s; when its backend goes away, a `backend-state` says so. Opening the same run again
/// gives it whole again; its logs go on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_run(shell: State<'_, Shell>, state_dir: String) -> Result<RunSnapshot, ApiError> {
    shell.open(state_dir.into()).await
}

/// Closes the open run's view. The run goes on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn close_run(shell: State<'_, Shell>) -> Result<(), ApiError> {
    shell.close();
    Ok(())
}

/// Starts nothing new in the open run.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pause(shell: State<'_, Shell>) -> Result<(), ApiError> {
    shell.done(Request::Pause).await
}

/// Lets the open run go on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resume(shell: State<'_, Shell>) -> Result<(), ApiError> {
    shell.done(Request::Resume).await
}

/// Ends the open run; running attempts are stopped.
#[tauri::command]
#[specta::specta]
pub(crate) async fn cancel_run(shell: State<'_, Shell>) -> Result<(), ApiError> {
    shell.done(Request::CancelRun).await
}

/// Ends every agent of ours and the backend of the open run.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_all(shell: State<'_, Shell>) -> Result<(), ApiError> {
    shell.stop_all().await
}

/// Takes a task out of the open run.
#[tauri::command]
#[specta::specta]
pub(crate) async fn cancel_task(shell: State<'_, Shell>, task: TaskId) -> Result<(), ApiError> {
    shell.done(Request::CancelTask { task }).await
}

/// Tries a failed or cancelled task again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn retry_task(shell: State<'_, Shell>, task: TaskId) -> Result<(), ApiError> {
    shell.done(Request::RetryTask { task }).await
}

/// Gives a task to another agent.
#[tauri::command]
#[specta::specta]
pub(crate) async fn reassign(
    shell: State<'_, Shell>,
    task: TaskId,
    agent: AgentId,
    stop_running: bool,
    across_kinds: bool,
    packet: Option<String>,
) -> Result<(), ApiError> {
    shell.done(Request::Reassign { task, agent, stop_running, across_kinds, packet }).await
}

/// Answers a request for permission in the inbox. A refusal may say why; the agent is told.
#[tauri::command]
#[specta::specta]
pub(crate) async fn answer(
    shell: State<'_, Shell>,
    number: u32,
    answer: ApprovalAnswer,
    scope: ApprovalScope,
) -> Result<(), ApiError> {
    shell.done(Request::Answer { number, answer, scope }).await
}

/// Lets more be spent, so that what a budget holds back goes on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn raise_budget(
    shell: State<'_, Shell>,
    number: u32,
    limit_usd: f64,
) -> Result<(), ApiError> {
    shell.done(Request::RaiseBudget { number, limit_usd }).await
}

/// Says something to an agent at its work.
#[tauri::command]
#[specta::specta]
pub(crate) async fn say(shell: State<'_, Shell>, agent: AgentId, text: String) -> Result<(), ApiError> {
    shell.done(Request::Say { agent, text }).await
}

/// Answers what a host asks before it can be reached, or has it tried now.
#[tauri::command]
#[specta::specta]
pub(crate) async fn answer_host(
    shell: State<'_, Shell>,
    host: HostId,
    answer: HostAnswer,
) -> Result<(), ApiError> {
    shell.done(Request::AnswerHost { host, answer }).await
}

/// Runs the tasks of a lost host elsewhere, under new attempts.
#[tauri::command]
#[specta::specta]
pub(crate) async fn give_up_host(shell: State<'_, Shell>, host: HostId) -> Result<(), ApiError> {
    shell.done(Request::GiveUpHost { host }).await
}

/// The names that `~/.ssh/config` knows.
#[tauri::command]
#[specta::specta]
pub(crate) async fn ssh_names(shell: State<'_, Shell>) -> Result<Vec<String>, ApiError> {
    Ok(shell.service.ssh_names().await)
}

/// Tries a host out, or goes on with the answer to what it asked.
#[tauri::command]
#[specta::specta]
pub(crate) async fn test_host(shell: State<'_, Shell>, asked: TestHost) -> Result<HostTest, ApiError> {
    shell.service.test_host(asked).await
}

/// Writes a host into a plan's `agent_config.json`. Answers the file.
#[tauri::command]
#[specta::specta]
pub(crate) async fn add_host(
    shell: State<'_, Shell>,
    plan: String,
    host: NewHost,
) -> Result<String, ApiError> {
    shell.service.add_host(plan.as_ref(), &host).await.map(|file| file.display().to_string())
}

/// Makes a plan of one task from a prompt. Answers its folder.
#[tauri::command]
#[specta::specta]
pub(crate) async fn prompt_plan(shell: State<'_, Shell>, plan: PromptPlan) -> Result<String, ApiError> {
    shell.service.prompt_plan(&plan).await.map(|folder| folder.display().to_string())
}

/// Makes the plan whose run drafts a plan from a goal. Answers its folder.
#[tauri::command]
#[specta::specta]
pub(crate) async fn goal_plan(shell: State<'_, Shell>, plan: GoalPlan) -> Result<String, ApiError> {
    shell.service.goal_plan(&plan).await.map(|folder| folder.display().to_string())
}

/// Asks for a folder by a native dialog. Answers its path, or nothing when the person cancelled.
#[tauri::command]
#[specta::specta]
pub(crate) async fn choose_folder(
    app: AppHandle,
    shell: State<'_, Shell>,
) -> Result<Option<String>, ApiError> {
    Ok(dialogs::choose_folder(&app, shell.language()).await)
}

/// Sends an agent's log, or the orchestrator's, from an offset and then as it grows. Each message
/// holds the offset of its first byte (8 bytes, most significant first), then the log's bytes. So
/// many bytes come as credit is given: 512 KiB to begin with. Answers the stream's number.
#[tauri::command]
#[specta::specta]
pub(crate) async fn follow_log(
    shell: State<'_, Shell>,
    agent: Option<AgentId>,
    offset: f64,
    channel: Channel<LogFrame>,
) -> Result<u32, ApiError> {
    shell.follow_log(agent, offset, channel).await
}

/// Allows more bytes on a stream.
#[tauri::command]
#[specta::specta]
pub(crate) async fn log_credit(shell: State<'_, Shell>, stream: u32, bytes: u32) -> Result<(), ApiError> {
    shell.logs.add_credit(stream, bytes);
    Ok(())
}

/// Ends a stream.
#[tauri::command]
#[specta::specta]
pub(crate) async fn drop_log(shell: State<'_, Shell>, stream: u32) -> Result<(), ApiError> {
    shell.logs.drop_stream(stream);
    Ok(())
}

/// Opens an agent's tmux window, wherever it is, to be typed into. Each message is a 0 and what it
/// draws, or a 1 and why it is over; nothing comes after that. So many bytes come as credit is given:
/// 256 KiB to begin with. Answers the terminal's number.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_terminal(
    shell: State<'_, Shell>,
    agent: AgentId,
    size: TerminalSize,
    channel: Channel<TerminalFrame>,
) -> Result<u32, ApiError> {
    shell.open_terminal(agent, size, channel).await
}

/// Types a text into a terminal.
#[tauri::command]
#[specta::specta]
pub(crate) async fn type_in_terminal(
    shell: State<'_, Shell>,
    stream: u32,
    text: String,
) -> Result<(), ApiError> {
    shell.terminals.type_in(stream, text);
    Ok(())
}

/// Tells a terminal its size.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resize_terminal(
    shell: State<'_, Shell>,
    stream: u32,
    size: TerminalSize,
) -> Result<(), ApiError> {
    shell.terminals.resize(stream, size);
    Ok(())
}

/// Allows a terminal more bytes.
#[tauri::command]
#[specta::specta]
pub(crate) async fn terminal_credit(
    shell: State<'_, Shell>,
    stream: u32,
    bytes: u32,
) -> Result<(), ApiError> {
    shell.terminals.add_credit(stream, bytes);
    Ok(())
}

/// Hangs up a terminal. What runs in the window goes on.
#[tauri::command]
#[specta::specta]
pub(crate) async fn close_terminal(shell: State<'_, Shell>, stream: u32) -> Result<(), ApiError> {
    shell.terminals.close(stream);
    Ok(())
}

/// Asks where by a native dialog and writes the open run's report there. Answers the path, or
/// nothing when the person cancelled.
#[tauri::command]
#[specta::specta]
pub(crate) async fn export_report(
    app: AppHandle,
    shell: State<'_, Shell>,
    format: ReportFormat,
) -> Result<Option<String>, ApiError> {
    dialogs::export_report(&app, &shell, format).await
}

/// Asks for a plan by a native dialog. Answers its path, or nothing when the person cancelled.
#[tauri::command]
#[specta::specta]
pub(crate) async fn choose_plan(app: AppHandle, shell: State<'_, Shell>) -> Result<Option<String>, ApiError> {
    Ok(dialogs::choose_plan(&app, shell.language()).await)
}

/// Turns native notifications on or off.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_notifications(shell: State<'_, Shell>, enabled: bool) -> Result<(), ApiError> {
    shell.set_notifications(enabled);
    Ok(())
}

/// Sets the language of menus, dialogs and notifications.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_language(shell: State<'_, Shell>, language: Language) -> Result<(), ApiError> {
    shell.set_language(language);
    Ok(())
}
