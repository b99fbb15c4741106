//! Texts that the desktop shows outside the window: menus, dialogs and notifications. The window
//! has its own; both follow the language that the person chose there.

use miyabi_api::{Notice, NoticeKind};
use serde::{Deserialize, Serialize};

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

/// Fixed texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// In menus: bring the window to the front.
    Show,
    /// In menus.
    Pause,
    /// In menus.
    Resume,
    /// In menus.
    Quit,
    /// A menu's name.
    Edit,
    /// In dialogs.
    Cancel,
    /// A dialog's title.
    QuitTitle,
    /// A dialog's title.
    ChoosePlan,
    /// A dialog's title.
    ChooseFolder,
    /// A dialog's title.
    SaveReport,
    /// A kind of file, in a dialog.
    Plan,
    /// A kind of file, in a dialog.
    Report,
    /// The title of the notification that the window went to the tray.
    HiddenTitle,
    /// Its text.
    HiddenBody,
}

impl Language {
    /// A fixed text.
    pub(crate) fn text(self, text: Text) -> &'static str {
        let (english, japanese) = match text {
            Text::Show => ("Show Miyabi Orchestra", "Miyabi Orchestra を表示"),
            Text::Pause => ("Pause the run", "実行を一時停止"),
            Text::Resume => ("Resume the run", "実行を再開"),
            Text::Quit => ("Quit", "終了"),
            Text::Edit => ("Edit", "編集"),
            Text::Cancel => ("Cancel", "キャンセル"),
            Text::QuitTitle => ("Quit the window?", "ウィンドウを終了しますか？"),
            Text::ChoosePlan => ("Open a plan", "計画を開く"),
            Text::ChooseFolder => ("Choose a folder", "フォルダーを選択"),
            Text::SaveReport => ("Save the report", "レポートを保存"),
            Text::Plan => ("Plan (task_dag.json, task_queue.json)", "計画 (task_dag.json, task_queue.json)"),
            Text::Report => ("Report", "レポート"),
            Text::HiddenTitle => ("Miyabi Orchestra is in the tray", "Miyabi Orchestra はトレイにあります"),
            Text::HiddenBody => (
                "The run goes on; its icon brings the window back.",
                "実行は続いています。アイコンから再表示できます。",
            ),
        };
        match self {
            Self::En => english,
            Self::Ja => japanese,
        }
    }

    /// What a person is told before the program ends while a run is at work.
    pub(crate) fn agents_go_on(self, session: &str) -> String {
        match self {
            Self::En => format!(
                "The run goes on without the window: its agents work in the tmux session {session}.\n\n\
                 `miyabi attach` shows them in a terminal, and opening the window again shows the run as it is."
            ),
            Self::Ja => format!(
                "ウィンドウがなくても実行は続きます。エージェントは tmux セッション {session} で動いています。\n\n\
                 端末では `miyabi attach` で見られ、ウィンドウを開き直すと今の様子が表示されます。"
            ),
        }
    }

    /// Title and text of the notification of a notice; none where the inbox is enough.
    pub(crate) fn notification(self, notice: &Notice) -> Option<(String, String)> {
        let task = notice.task.as_ref().map_or("", |task| task.as_str());
        let agent = notice.agent.as_ref().map_or("", |agent| agent.as_str());
        let who = if agent.is_empty() { task } else { agent };
        let title = match (self, notice.kind) {
            (Self::En, NoticeKind::TaskFailed) => format!("{task} failed"),
            (Self::Ja, NoticeKind::TaskFailed) => format!("{task} が失敗しました"),
            (Self::En, NoticeKind::ApprovalAsked) => format!("{who} asks for permission"),
            (Self::Ja, NoticeKind::ApprovalAsked) => format!("{who} が許可を求めています"),
            (Self::En, NoticeKind::BudgetReached) => "A budget is reached".to_owned(),
            (Self::Ja, NoticeKind::BudgetReached) => "予算に達しました".to_owned(),
            (Self::En, NoticeKind::RunnerLost) => "An agent program cannot work".to_owned(),
            (Self::Ja, NoticeKind::RunnerLost) => "エージェントのプログラムが動作できません".to_owned(),
            (Self::En, NoticeKind::HostGivenUp) => "A lost host’s tasks run elsewhere".to_owned(),
            (Self::Ja, NoticeKind::HostGivenUp) => "失われたホストのタスクを別の場所で実行します".to_owned(),
            (Self::En, NoticeKind::RunStuck) => "The run is stuck".to_owned(),
            (Self::Ja, NoticeKind::RunStuck) => "実行が進めなくなりました".to_owned(),
            (Self::En, NoticeKind::RunFailed) => "The run ended with failed tasks".to_owned(),
            (Self::Ja, NoticeKind::RunFailed) => "失敗したタスクを残して実行が終わりました".to_owned(),
            (Self::En, NoticeKind::RunCompleted) => "The run is complete".to_owned(),
            (Self::Ja, NoticeKind::RunCompleted) => "実行が完了しました".to_owned(),
            _ => return None,
        };
        let lines = [notice.detail.clone(), self.waiting_behind(notice.blocks)];
        let body: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        Some((title, body.join("\n")))
    }

    fn waiting_behind(self, tasks: u32) -> String {
        match (self, tasks) {
            (_, 0) => String::new(),
            (Self::En, 1) => "1 task waits behind it.".to_owned(),
            (Self::En, _) => format!("{tasks} tasks wait behind it."),
            (Self::Ja, _) => format!("{tasks} 件のタスクが後に続いています。"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tests::notice;

    #[test]
    fn a_failed_task_is_named_with_its_cause_and_what_waits_behind_it() {
        let notice = Notice { blocks: 3, ..notice(1, NoticeKind::TaskFailed) };
        let (title, body) = Language::En.notification(&notice).expect("is told");
        assert_eq!(title, "Task-7 failed");
        assert_eq!(body, "exit status 2\n3 tasks wait behind it.");
        let (title, body) = Language::Ja.notification(&notice).expect("is told");
        assert_eq!(title, "Task-7 が失敗しました");
        assert_eq!(body, "exit status 2\n3 件のタスクが後に続いています。");
    }

    #[test]
    fn what_the_run_mends_by_itself_makes_no_notification() {
        for kind in
            [NoticeKind::AttemptFailed, NoticeKind::BadStatus, NoticeKind::HostLost, NoticeKind::HostBack]
        {
            assert_eq!(Language::En.notification(&notice(1, kind)), None, "{kind:?}");
        }
    }
}
