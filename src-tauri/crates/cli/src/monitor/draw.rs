//! The monitor's picture, from its state alone.

use miyabi_api::{AgentView, HostContact, HostView, Notice, NoticeKind, RunSnapshot, TaskView};
use miyabi_plan::{RunPhase, TaskPhase};
use miyabi_protocol::{AgentStatus, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table};

use super::state::{Link, MonitorState};
use crate::{follow, text};

/// From this height on there is room to breathe.
const ROOMY: u16 = 24;

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &MonitorState) {
    let area = frame.area();
    let roomy = area.height >= ROOMY;
    let (hosts, notices) = match &state.snapshot {
        None => (0, 0),
        Some(snapshot) => {
            let rows = |count: usize, most: u16| u16::try_from(count).unwrap_or(most).min(most);
            let notices = snapshot.notices.len().max(1);
            (rows(snapshot.hosts.len(), if roomy { 5 } else { 2 }), rows(notices, if roomy { 6 } else { 2 }))
        }
    };
    let [head, agents, host_rows, notice_rows, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(hosts + 1),
        Constraint::Length(notices + 1),
        Constraint::Length(1),
    ])
    .areas(area);
    match &state.snapshot {
        None => nothing_yet(frame, head, state),
        Some(snapshot) => {
            draw_head(frame, head, snapshot, state);
            draw_agents(frame, agents, snapshot, state);
            draw_hosts(frame, host_rows, snapshot);
            draw_notices(frame, notice_rows, snapshot);
        }
    }
    draw_foot(frame, foot, state);
}

fn nothing_yet(frame: &mut Frame<'_>, area: Rect, state: &MonitorState) {
    let Link::Away { why, .. } = &state.link else { return };
    let lines = vec![
        Line::from(text::clean(why)).yellow(),
        Line::from(format!("state folder {}", state.state_dir)),
        Line::from("looking again every second").dim(),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, snapshot: &RunSnapshot, state: &MonitorState) {
    let run = &snapshot.run;
    let mut title = Vec::new();
    if let Some(speed) = run.rehearsal_speed {
        title.push(format!("[rehearsal {speed}x] ").magenta().bold());
    }
    if run.label.is_some() {
        title.push(text::label(run.label.as_deref()).magenta().bold());
    }
    title.push(Span::styled(text::run_phase(run.phase), phase_style(run.phase)));
    title.push(format!("  {}", text::clean(&run.title)).bold());
    let width = usize::from(area.width / 3).clamp(10, 40);
    let failed = format!("{} failed", run.failed);
    let progress = Line::from(vec![
        text::bar(run.progress, width).green(),
        format!(
            " {:>3.0} %  {}/{} done  {} running  ",
            run.progress * 100.0,
            run.completed,
            run.total,
            run.running
        )
        .into(),
        if run.failed > 0 { failed.red().bold() } else { failed.dim() },
    ]);
    let expected = text::real_seconds(run.expected_seconds, run.rehearsal_speed);
    let elapsed = text::elapsed(snapshot, state.now);
    let time = format!("{} of {} expected", text::clock(elapsed), text::duration(expected));
    let late = elapsed > expected && !run.phase.has_ended();
    let mut last = vec![if late { time.yellow() } else { time.into() }];
    last.push(text::used(&run.usage).dim());
    for lost in &run.stand_ins {
        last.push(format!("  {} cannot work: others stand in (+50 %)", lost.runner.word()).yellow());
    }
    if !snapshot.inbox.is_empty() {
        let waiting = text::count(snapshot.inbox.len(), "item waits", "items wait");
        last.push(format!("  {waiting} for you: miyabi inbox").yellow().bold());
    }
    if let Link::Away { since, why } = &state.link {
        let away = state.now.millis_since(*since).max(0) as f64 / 1000.0;
        let text = format!("  backend away for {}: {}", text::duration(away.round()), text::clean(why));
        last.push(text.yellow().bold());
    }
    frame.render_widget(Paragraph::new(vec![Line::from(title), progress, Line::from(last)]), area);
}

fn phase_style(phase: RunPhase) -> Style {
    let style = Style::new().add_modifier(Modifier::BOLD);
    match phase {
        RunPhase::Planned => style,
        RunPhase::Running => style.fg(Color::Cyan),
        RunPhase::Paused | RunPhase::Stuck => style.fg(Color::Yellow),
        RunPhase::Completed => style.fg(Color::Green),
        RunPhase::Failed | RunPhase::Cancelled => style.fg(Color::Red),
    }
}

fn section(title: String) -> Block<'static> {
    Block::new().borders(Borders::TOP).border_style(Style::new().dim()).title(title.bold())
}

fn draw_agents(frame: &mut Frame<'_>, area: Rect, snapshot: &RunSnapshot, state: &MonitorState) {
    let visible = usize::from(area.height.saturating_sub(1));
    let all = snapshot.agents.len();
    // The last agents stay at the bottom, however far one has scrolled.
    let first = state.scroll.min(all.saturating_sub(visible));
    let last = (first + visible).min(all);
    let title = if all > visible {
        format!(" agents {}–{last} of {all} ", first + 1)
    } else {
        " agents ".to_owned()
    };
    let bar = usize::from(area.width.saturating_sub(48)).clamp(6, 24);
    let is_unverified = |agent: &AgentView| {
        let of = |task: &&TaskView| Some(&task.id) == agent.task.as_ref();
        snapshot.tasks.iter().find(of).is_some_and(|task| task.phase == TaskPhase::Unverified)
    };
    let rows = snapshot.agents[first..last]
        .iter()
        .map(|agent| agent_row(agent, is_unverified(agent), state.now, bar));
    let widths = [
        Constraint::Length(1),
        Constraint::Length(10),
        Constraint::Length(10),
        Constraint::Length(u16::try_from(bar).unwrap_or(24)),
        Constraint::Length(5),
        Constraint::Length(9),
        Constraint::Fill(1),
    ];
    frame.render_widget(Table::new(rows, widths).block(section(title)), area);
}

fn agent_row(agent: &AgentView, is_unverified: bool, now: Timestamp, bar: usize) -> Row<'static> {
    let (glyph, style) = match is_unverified {
        true => ("?", Style::new().yellow()),
        false => agent_sign(agent),
    };
    let works = agent.task.is_some() && agent.status == Some(AgentStatus::InProgress);
    let age = agent.updated_at.map(|at| now.millis_since(at).max(0) as f64 / 1000.0);
    let remark = match (&agent.problem, agent.draining) {
        (Some(problem), _) => text::clean(problem).red(),
        (None, _) if is_unverified => format!("unverified: {} is lost", agent.host).yellow(),
        (None, true) => "draining".yellow(),
        (None, false) if works && !agent.activity.is_empty() => text::clean(&agent.activity).into(),
        (None, false) => text::clean(&agent.title).dim(),
    };
    Row::new([
        Cell::from(Span::styled(glyph, style)),
        Cell::from(Span::styled(agent.id.to_string(), style)),
        Cell::from(agent.task.as_ref().map(ToString::to_string).unwrap_or_default()),
        Cell::from(if works { text::bar(agent.progress, bar).cyan() } else { Span::default() }),
        Cell::from(if works { format!("{:.0} %", agent.progress * 100.0) } else { String::new() }),
        Cell::from(age.map(|age| text::duration(age.round())).unwrap_or_default().dim()),
        Cell::from(remark),
    ])
}

fn agent_sign(agent: &AgentView) -> (&'static str, Style) {
    let style = Style::new();
    if agent.problem.is_some() {
        return ("!", style.red().bold());
    }
    match agent.status {
        None => ("·", style.dim()),
        Some(AgentStatus::Idle) => ("○", style.dim()),
        Some(AgentStatus::Busy) => ("◔", style.yellow()),
        Some(AgentStatus::InProgress) => ("▶", style.cyan()),
        Some(AgentStatus::Completed) => ("✓", style.green()),
        Some(AgentStatus::Failed) => ("✗", style.red()),
    }
}

fn draw_hosts(frame: &mut Frame<'_>, area: Rect, snapshot: &RunSnapshot) {
    let rows = snapshot.hosts.iter().map(|host| host_row(host, snapshot.run.now));
    let widths = [
        Constraint::Length(1),
        Constraint::Length(10),
        Constraint::Length(10),
        Constraint::Length(12),
        Constraint::Fill(1),
    ];
    frame.render_widget(Table::new(rows, widths).block(section(" hosts ".to_owned())), area);
}

fn host_row(host: &HostView, now: Timestamp) -> Row<'static> {
    let sign = match host.contact {
        HostContact::Unknown if host.connected => "●".green(),
        HostContact::Unknown => "○".red(),
        HostContact::Ready => text::contact_glyph(host).green(),
        HostContact::Connecting => text::contact_glyph(host).cyan(),
        HostContact::Probing | HostContact::Reconnecting => text::contact_glyph(host).yellow(),
        HostContact::Refused | HostContact::Gone => text::contact_glyph(host).red(),
    };
    let contact = text::contact(host, now);
    let load = host.load.map(|load| format!("load {:.1}/{}", load.load_1m, load.cpus));
    let rest = match (&host.problem, host.load) {
        _ if host.question.is_some() => format!("{contact}: miyabi host answer {}", host.id).yellow().bold(),
        _ if !contact.is_empty() => contact.yellow(),
        (Some(problem), _) => text::clean(problem).red(),
        (None, Some(load)) => {
            let gib = |mib: u32| f64::from(mib) / 1024.0;
            format!(
                "memory {:.1} GiB free, disk {:.0} GiB free",
                gib(load.memory_free_mib),
                gib(load.disk_free_mib)
            )
            .dim()
        }
        (None, None) => Span::default(),
    };
    Row::new([
        Cell::from(sign),
        Cell::from(host.id.to_string()),
        Cell::from(format!("{}/{} busy", host.running, host.capacity)),
        Cell::from(load.unwrap_or_default()),
        Cell::from(rest),
    ])
}

fn draw_notices(frame: &mut Frame<'_>, area: Rect, snapshot: &RunSnapshot) {
    let visible = usize::from(area.height.saturating_sub(1));
    let first = snapshot.notices.len().saturating_sub(visible);
    let lines: Vec<Line<'_>> = snapshot.notices[first..].iter().map(notice_line).collect();
    let empty = lines.is_empty();
    let lines = if empty { vec![Line::from("nothing needs you").dim()] } else { lines };
    frame.render_widget(Paragraph::new(lines).block(section(" notices ".to_owned())), area);
}

fn notice_line(notice: &Notice) -> Line<'static> {
    // `2026-11-22T15:34:14.000Z`: the time of the day is enough here.
    let time: String = notice.at.to_string().chars().skip(11).take(8).collect();
    let style = match notice.kind {
        NoticeKind::TaskFailed
        | NoticeKind::RunFailed
        | NoticeKind::StateProblem
        | NoticeKind::HostLost
        | NoticeKind::VerificationFailed
        | NoticeKind::RunnerLost => Style::new().red(),
        NoticeKind::RunCompleted | NoticeKind::RunnerBack | NoticeKind::HostBack => Style::new().green(),
        NoticeKind::AgentJoined | NoticeKind::QueueEditFollowed => Style::new(),
        NoticeKind::AttemptFailed
        | NoticeKind::RunStuck
        | NoticeKind::BadStatus
        | NoticeKind::QueueEditUndone
        | NoticeKind::LateClaim
        | NoticeKind::AgentProblem
        | NoticeKind::HostGivenUp
        | NoticeKind::ApprovalAsked
        | NoticeKind::BudgetReached
        | NoticeKind::Overlap
        | NoticeKind::MergeConflict
        | NoticeKind::ReviewAsked
        | NoticeKind::AccountRests => Style::new().yellow(),
    };
    Line::from(vec![format!("{time} ").dim(), Span::styled(follow::notice_words(notice), style)])
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, state: &MonitorState) {
    let paused = state.snapshot.as_ref().is_some_and(|snapshot| snapshot.run.phase == RunPhase::Paused);
    let key = |key: &'static str, what: &'static str| [key.reversed(), Span::from(format!(" {what}  "))];
    let mut spans: Vec<Span<'_>> = Vec::new();
    spans.extend(key(" q ", "leave"));
    spans.extend(key(" p ", if paused { "resume" } else { "pause" }));
    let has_lost = state.snapshot.iter().flat_map(|snapshot| &snapshot.hosts).any(|host| {
        matches!(host.contact, HostContact::Reconnecting | HostContact::Refused | HostContact::Gone)
    });
    if has_lost {
        spans.extend(key(" t ", "try lost hosts"));
    }
    spans.extend(key(" ↑↓ ", "scroll"));
    spans.push(text::clean(&state.message).yellow());
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::follow::tests::{START, far_away, halfway};

    fn picture(state: &MonitorState, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("terminal");
        terminal.draw(|frame| draw(frame, state)).expect("drawn");
        terminal.backend().to_string()
    }

    fn state() -> MonitorState {
        let mut state = MonitorState::new(Path::new("/tmp/small"), START.plus_seconds(20));
        state.connected(halfway());
        state
    }

    /// Fifteen agents, as in the plan that the program exists for.
    fn crowded() -> MonitorState {
        let mut state = state();
        let snapshot = state.snapshot.as_mut().expect("there");
        let one = snapshot.agents[1].clone();
        snapshot.agents.extend(
            (3..15)
                .map(|number| AgentView { id: format!("CG-{number}").parse().expect("id"), ..one.clone() }),
        );
        snapshot.notices[0].detail = "a long line about what went wrong ".repeat(8);
        state
    }

    #[test]
    fn a_run_on_a_large_screen() {
        insta::assert_snapshot!(picture(&crowded(), 100, 30));
    }

    #[test]
    fn a_run_on_a_small_screen() {
        let mut state = crowded();
        state.scroll = 99;
        insta::assert_snapshot!(picture(&state, 60, 15));
    }

    #[test]
    fn a_lost_host_and_one_that_asks() {
        let mut state = state();
        state.connected(far_away());
        insta::assert_snapshot!(picture(&state, 110, 26));
    }

    #[test]
    fn a_backend_that_went_away() {
        let mut state = state();
        state.away("no run is at work in the state folder /tmp/small", START.plus_seconds(18));
        insta::assert_snapshot!(picture(&state, 100, 30));
    }

    #[test]
    fn before_anything_was_heard() {
        let state = MonitorState::new(Path::new("/tmp/small"), START);
        insta::assert_snapshot!(picture(&state, 60, 15));
    }

    #[test]
    fn no_size_is_too_small_to_draw() {
        for (width, height) in [(1, 1), (10, 3), (20, 8), (300, 5), (3, 100)] {
            picture(&crowded(), width, height);
        }
    }
}
