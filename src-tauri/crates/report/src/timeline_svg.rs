//! The timeline as SVG: a row an agent, grouped by host; what was planned as outlines, what was
//! done as filled bars. Its colours are the page's.

use std::collections::HashMap;

use miyabi_plan::{AgentId, TaskId};

use crate::html::escape;
use crate::model::{AgentFigures, AttemptReport, HistoryKind, Outcome, Report, TaskReport};
use crate::words;

const WIDTH: f64 = 1100.0;
const RIGHT: f64 = 22.0;
const AXIS: f64 = 26.0;
/// With a little air above it.
const HOST_ROW: f64 = 30.0;
const ROW: f64 = 36.0;
/// Below a row's top: the outline of the plan, then the bar of what was done.
const PLANNED_TOP: f64 = 5.0;
const PLANNED_HEIGHT: f64 = 7.0;
const REAL_TOP: f64 = 15.0;
const REAL_HEIGHT: f64 = 15.0;
/// Room for the words under the last row, and for the legend.
const FOOT: f64 = 62.0;
/// The width of a character of the small text, a little more than it has on average.
const CHARACTER: f64 = 6.4;
/// How many characters of an agent's title are shown beside its id.
const LABEL_LENGTH: usize = 22;
/// A bar is never thinner: short work is seen, too.
const THINNEST: f64 = 2.5;

/// Draws the timeline.
pub(crate) fn draw(report: &Report) -> String {
    let plot = Plot::new(report);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-labelledby=\"timeline-title\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <title id=\"timeline-title\">Timeline of {}: a row an agent, grouped by host; planned bars outlined, real bars filled.</title>\n\
         <defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path d=\"M0 0V6\" class=\"hatch\"/></pattern></defs>\n",
        plot.bottom + FOOT,
        escape(&words::one_line(&report.run.title))
    );
    out.push_str(&plot.axis());
    out.push_str(&plot.pauses(report));
    out.push_str(&plot.groups());
    out.push_str(&plot.ends(report));
    out.push_str(&plot.critical_links(report));
    for task in &report.tasks {
        out.push_str(&plot.planned(task));
    }
    // Badges of failed attempts lie above the bars of the attempts that follow at once.
    let mut badges = String::new();
    for task in &report.tasks {
        for attempt in &task.attempts {
            out.push_str(&plot.real(task, attempt, report));
            badges.push_str(&plot.badge(attempt));
        }
    }
    out.push_str(&badges);
    out.push_str(&legend(report, plot.bottom + 50.0));
    out.push_str("</svg>\n");
    out
}

/// Where everything stands.
struct Plot<'a> {
    left: f64,
    seconds: f64,
    bottom: f64,
    /// Each agent's row, by its top.
    rows: HashMap<&'a AgentId, f64>,
    /// What stands in the gutter: hosts and agents, with their tops.
    gutter: Vec<(f64, Label<'a>)>,
    /// For each row, where bars begin: the room for a name beside a short bar ends there.
    beginnings: HashMap<&'a AgentId, Vec<f64>>,
    /// For each row, where failed and stopped attempts end.
    badges: HashMap<&'a AgentId, Vec<f64>>,
}

enum Label<'a> {
    Host(String),
    Agent(&'a AgentFigures),
}

impl<'a> Plot<'a> {
    fn new(report: &'a Report) -> Self {
        let mut plot = Self {
            left: gutter_width(report),
            seconds: span(report),
            bottom: AXIS,
            rows: HashMap::new(),
            gutter: Vec::new(),
            beginnings: HashMap::new(),
            badges: HashMap::new(),
        };
        for host in &report.hosts {
            let title = if host.title.is_empty() { String::new() } else { format!(" · {}", host.title) };
            let label = format!(
                "{} · {} at once at the most, room for {}{title}",
                host.id, host.max_at_once, host.capacity
            );
            plot.gutter.push((plot.bottom, Label::Host(label)));
            plot.bottom += HOST_ROW;
            plot.take_rows(report.agents.iter().filter(|agent| agent.host == host.id));
        }
        // An agent of a host that is not known any more has its row all the same.
        let known = |agent: &&AgentFigures| report.hosts.iter().any(|host| host.id == agent.host);
        plot.take_rows(report.agents.iter().filter(|agent| !known(agent)));
        for attempt in report.tasks.iter().flat_map(|task| &task.attempts) {
            plot.beginnings.entry(&attempt.agent).or_default().push(attempt.start_seconds);
            if has_badge(attempt.outcome) {
                plot.badges.entry(&attempt.agent).or_default().push(attempt.end_seconds);
            }
        }
        plot
    }

    fn take_rows(&mut self, agents: impl Iterator<Item = &'a AgentFigures>) {
        for agent in agents {
            self.rows.insert(&agent.id, self.bottom);
            self.gutter.push((self.bottom, Label::Agent(agent)));
            self.bottom += ROW;
        }
    }

    fn x(&self, seconds: f64) -> f64 {
        self.left + (WIDTH - self.left - RIGHT) * (seconds / self.seconds).clamp(0.0, 1.0)
    }

    fn groups(&self) -> String {
        let mut out = String::new();
        for (top, label) in &self.gutter {
            match label {
                Label::Host(words) => {
                    let words = escape(&shortened(words, 90));
                    out.push_str(&format!(
                        "<rect x=\"0\" y=\"{:.1}\" width=\"{WIDTH}\" height=\"{:.1}\" rx=\"4\" class=\"g-host\"/><text x=\"8\" y=\"{:.1}\" class=\"t t-host\">{words}</text>\n",
                        top + 4.0,
                        HOST_ROW - 8.0,
                        top + 19.0
                    ));
                }
                Label::Agent(agent) => out.push_str(&agent_label(agent, *top)),
            }
        }
        out
    }

    fn axis(&self) -> String {
        let step = tick(self.seconds);
        let mut out = String::new();
        let mut at = 0.0;
        while at <= self.seconds * 1.000_1 {
            let x = self.x(at);
            let label = if at > 0.0 { words::duration(at) } else { "0".to_owned() };
            // The last label would leave the picture.
            let anchor = if x > WIDTH - RIGHT - 20.0 { "end" } else { "middle" };
            out.push_str(&format!(
                "<path d=\"M{x:.1} {:.1}V{:.1}\" class=\"g\"/><text x=\"{x:.1}\" y=\"13\" text-anchor=\"{anchor}\" class=\"t\">{label}</text>\n",
                AXIS - 8.0,
                self.bottom
            ));
            at += step;
        }
        out
    }

    fn pauses(&self, report: &Report) -> String {
        let mut out = String::new();
        let mut from = None;
        let end = report.time.actual_seconds.unwrap_or(0.0);
        let mut band = |from: f64, until: f64| {
            let (x, width) = (self.x(from), self.x(until) - self.x(from));
            out.push_str(&format!(
                "<g><title>paused for {}</title><rect x=\"{x:.1}\" y=\"{AXIS}\" width=\"{width:.1}\" height=\"{:.1}\" class=\"g-pause\"/></g>\n",
                words::duration(until - from),
                self.bottom - AXIS
            ));
        };
        for line in &report.history {
            match line.kind {
                HistoryKind::Paused => from = from.or(Some(line.after_seconds)),
                HistoryKind::Resumed => {
                    if let Some(from) = from.take() {
                        band(from, line.after_seconds);
                    }
                }
                _ => {}
            }
        }
        if let Some(from) = from {
            band(from, end);
        }
        out
    }

    /// Where the forecast ends, and where the run does.
    fn ends(&self, report: &Report) -> String {
        let mut out = self.upright(report.time.forecast.expected_seconds, "g-forecast", "forecast", 13.0);
        if let Some(took) = report.time.actual_seconds {
            let label = if report.run.ended { "end" } else { "now" };
            out.push_str(&self.upright(took, "g-end", label, 26.0));
        }
        if let Some(speed) = report.run.rehearsal_speed {
            out.push_str(&format!(
                "<text x=\"8\" y=\"{:.1}\" class=\"t t-mark\">[rehearsal at {}]</text>\n",
                self.bottom + 14.0,
                words::times(speed)
            ));
        }
        out
    }

    fn upright(&self, seconds: f64, class: &str, label: &str, below: f64) -> String {
        let x = self.x(seconds);
        let (anchor, beside) = if x > WIDTH / 2.0 { ("end", x - 4.0) } else { ("start", x + 4.0) };
        format!(
            "<path d=\"M{x:.1} {AXIS}V{:.1}\" class=\"{class}\"/><text x=\"{beside:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" class=\"t t-end\">{label} {}</text>\n",
            self.bottom + below,
            self.bottom + below,
            words::duration(seconds)
        )
    }

    fn planned(&self, task: &TaskReport) -> String {
        let Some(top) = self.rows.get(&task.planned.agent) else { return String::new() };
        let (from, until) = (self.x(task.planned.start_seconds), self.x(task.planned.end_seconds));
        let critical = if task.critical { " crit" } else { "" };
        format!(
            "<g><title>{} planned: {} to {}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{PLANNED_HEIGHT}\" rx=\"2\" class=\"planned{critical}\"/></g>\n",
            task.id,
            words::duration(task.planned.start_seconds),
            words::duration(task.planned.end_seconds),
            from + 0.5,
            top + PLANNED_TOP,
            (until - from - 1.0).max(THINNEST)
        )
    }

    fn real(&self, task: &TaskReport, attempt: &AttemptReport, report: &Report) -> String {
        let Some(top) = self.rows.get(&attempt.agent) else { return String::new() };
        let (from, width) = self.bar(attempt);
        let y = top + REAL_TOP;
        let class = class(attempt.outcome);
        let rect = |class: &str| {
            format!(
                "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{REAL_HEIGHT}\" rx=\"2.5\" {class}/>"
            )
        };
        let mut shapes = rect(&format!("class=\"real {class}\""));
        match attempt.outcome {
            Outcome::Failed => shapes.push_str(&rect("fill=\"url(#hatch)\"")),
            Outcome::Running => {
                let x = from + width;
                shapes.push_str(&format!(
                    "<path d=\"M{x:.1} {y:.1}l6 {0:.1} -6 {0:.1}z\" class=\"arrow\"/>",
                    REAL_HEIGHT / 2.0
                ));
            }
            _ => {}
        }
        if task.critical && matches!(attempt.outcome, Outcome::Completed | Outcome::Running) {
            let below = y + REAL_HEIGHT + 1.0;
            shapes.push_str(&format!(
                "<rect x=\"{from:.1}\" y=\"{below:.1}\" width=\"{width:.1}\" height=\"2.5\" class=\"crit-bar\"/>"
            ));
        }
        format!(
            "<g><title>{}</title>{shapes}{}</g>\n",
            about(task, attempt),
            self.name(task, attempt, report)
        )
    }

    fn bar(&self, attempt: &AttemptReport) -> (f64, f64) {
        let from = self.x(attempt.start_seconds);
        // A hair between two bars that touch.
        (from, (self.x(attempt.end_seconds) - from - 0.6).max(THINNEST))
    }

    /// A task's name: in its bar, else beside it, else nowhere.
    fn name(&self, task: &TaskReport, attempt: &AttemptReport, report: &Report) -> String {
        let Some(top) = self.rows.get(&attempt.agent) else { return String::new() };
        if matches!(attempt.outcome, Outcome::Withdrawn | Outcome::Offered) {
            return String::new();
        }
        let (from, width) = self.bar(attempt);
        let name = task.id.as_str();
        let badge = if has_badge(attempt.outcome) { 9.0 } else { 0.0 };
        let needed = CHARACTER * characters(name);
        let y = top + REAL_TOP + 11.5;
        let inset = self.inset(attempt);
        if needed + inset + 4.0 + badge <= width {
            return format!("<text x=\"{:.1}\" y=\"{y:.1}\" class=\"t t-on\">{name}</text>", from + inset);
        }
        let later = self.beginnings.get(&attempt.agent).into_iter().flatten();
        let next = later.filter(|at| **at > attempt.start_seconds).fold(f64::INFINITY, |a, b| a.min(*b));
        let end = if next.is_finite() { self.x(next) } else { WIDTH };
        let beside = from + width + badge + if attempt.outcome == Outcome::Running { 10.0 } else { 4.0 };
        let is_last = task.attempts.last().is_some_and(|last| last.id == attempt.id);
        if is_last && beside + needed <= end && report.tasks.len() <= 400 {
            return format!("<text x=\"{beside:.1}\" y=\"{y:.1}\" class=\"t t-out\">{name}</text>");
        }
        String::new()
    }

    /// Where a name begins in its bar: behind the badge of a failed attempt that ended right here.
    fn inset(&self, attempt: &AttemptReport) -> f64 {
        let from = self.x(attempt.start_seconds);
        let mut ends = self.badges.get(&attempt.agent).into_iter().flatten();
        if ends.any(|end| (self.x(*end) - from).abs() < 9.0) { 12.0 } else { 6.0 }
    }

    fn badge(&self, attempt: &AttemptReport) -> String {
        let Some(top) = self.rows.get(&attempt.agent).filter(|_| has_badge(attempt.outcome)) else {
            return String::new();
        };
        let (from, width) = self.bar(attempt);
        badge(attempt.outcome, from + width, top + REAL_TOP + REAL_HEIGHT / 2.0)
    }

    /// The critical path through what was done: from each end to the next beginning.
    fn critical_links(&self, report: &Report) -> String {
        let tasks: HashMap<&TaskId, &TaskReport> = report.tasks.iter().map(|task| (&task.id, task)).collect();
        let path: Vec<&TaskReport> =
            report.plan.critical_path.iter().filter_map(|id| tasks.get(id).copied()).collect();
        let middle = |attempt: &AttemptReport| {
            self.rows.get(&attempt.agent).map(|top| top + REAL_TOP + REAL_HEIGHT / 2.0)
        };
        let links = path.windows(2).filter_map(|pair| {
            let done = pair[0].attempts.iter().rev().find(|attempt| attempt.outcome == Outcome::Completed)?;
            let next = pair[1].attempts.iter().find(|attempt| attempt.outcome != Outcome::Withdrawn)?;
            let (from, until) = (self.x(done.end_seconds), self.x(next.start_seconds));
            let turn = if until - from > 8.0 { until - 4.0 } else { from.midpoint(until) };
            Some(format!(
                "<path d=\"M{from:.1} {:.1}H{turn:.1}V{:.1}H{until:.1}\" class=\"crit-link\"/>\n",
                middle(done)?,
                middle(next)?
            ))
        });
        links.collect()
    }
}

fn gutter_width(report: &Report) -> f64 {
    let label = |agent: &AgentFigures| {
        characters(&shortened(agent.id.as_str(), LABEL_LENGTH))
            + characters(&shortened(&agent.title, LABEL_LENGTH))
    };
    let longest = report.agents.iter().map(label).fold(10.0, f64::max);
    (longest * CHARACTER + 34.0).min(230.0)
}

/// What the axis spans: forecast and run, so that both ends are seen.
fn span(report: &Report) -> f64 {
    let planned = report.tasks.iter().map(|task| task.planned.end_seconds);
    let longest = planned.fold(report.time.forecast.expected_seconds, f64::max);
    longest.max(report.time.actual_seconds.unwrap_or(0.0)).max(0.001)
}

/// The distance of two marks of the axis, so that there are at most nine.
fn tick(seconds: f64) -> f64 {
    const ROUND: [f64; 21] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0,
        1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0,
    ];
    let least = seconds / 9.0;
    ROUND
        .into_iter()
        .find(|step| *step >= least)
        .unwrap_or_else(|| (least / 86_400.0).ceil().max(1.0) * 86_400.0)
}

fn agent_label(agent: &AgentFigures, top: f64) -> String {
    let id = shortened(agent.id.as_str(), LABEL_LENGTH);
    let title = escape(&shortened(&agent.title, LABEL_LENGTH));
    format!(
        "<path d=\"M0 {:.1}H{WIDTH}\" class=\"g-row\"/><text x=\"8\" y=\"{:.1}\" class=\"t t-agent\">{id}<tspan dx=\"7\" class=\"t\" font-weight=\"400\">{title}</tspan></text>\n",
        top + ROW - 1.0,
        top + 22.0
    )
}

/// A text on one line, cut where it is too long.
fn shortened(text: &str, length: usize) -> String {
    let line = words::one_line(text);
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// How many narrow characters a text is wide; those of East Asia count twice.
fn characters(text: &str) -> f64 {
    text.chars().map(|c| if c < '\u{1100}' { 1.0 } else { 2.0 }).sum()
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Failed => "failed",
        Outcome::Stopped => "stopped",
        Outcome::Withdrawn => "withdrawn",
        Outcome::Running => "running",
        Outcome::Offered => "offered",
    }
}

fn has_badge(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Failed | Outcome::Stopped)
}

fn badge(outcome: Outcome, x: f64, y: f64) -> String {
    let shape = match outcome {
        Outcome::Failed => {
            format!("<path d=\"M{:.1} {:.1}l5 5m0-5l-5 5\" class=\"cross\"/>", x - 2.5, y - 2.5)
        }
        _ => format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"4.6\" height=\"4.6\" class=\"square\"/>",
            x - 2.3,
            y - 2.3
        ),
    };
    format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6.5\" class=\"badge {}\"/>{shape}\n", class(outcome))
}

/// What hovering shows, and what a screen reader says.
fn about(task: &TaskReport, attempt: &AttemptReport) -> String {
    let mut words = format!(
        "{} {} by {}: {}, {} to {}",
        attempt.id,
        words::one_line(&task.title),
        attempt.agent,
        words::outcome(attempt.outcome),
        words::duration(attempt.start_seconds),
        words::duration(attempt.end_seconds)
    );
    if let Some(cause) = attempt.cause {
        words.push_str(&format!(" ({})", cause.words()));
    }
    if task.critical {
        words.push_str("; on the critical path");
    }
    escape(&words)
}

fn legend(report: &Report, y: f64) -> String {
    let has =
        |outcome: Outcome| report.tasks.iter().flat_map(|task| &task.attempts).any(|a| a.outcome == outcome);
    let rect = |class: &str, top: f64, height: f64, x: f64| {
        format!(
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"22\" height=\"{height}\" rx=\"2\" class=\"{class}\"/>",
            y + top
        )
    };
    let mut x = 8.0;
    let mut out = String::new();
    let mut item = |name: &str, swatch: &dyn Fn(f64) -> String| {
        let beside = if matches!(name, "failed" | "stopped") { 34.0 } else { 30.0 };
        let words = format!("<text x=\"{:.1}\" y=\"{:.1}\" class=\"t\">{name}</text>\n", x + beside, y + 4.0);
        out.push_str(&swatch(x));
        out.push_str(&words);
        x += beside + CHARACTER * characters(name) + 18.0;
    };
    item("planned", &|x| rect("planned", -3.5, PLANNED_HEIGHT, x));
    for outcome in
        [Outcome::Completed, Outcome::Failed, Outcome::Stopped, Outcome::Withdrawn, Outcome::Running]
    {
        if !has(outcome) {
            continue;
        }
        item(words::outcome(outcome), &|x| {
            let bar = rect(&format!("real {}", class(outcome)), -6.0, 12.0, x);
            match outcome {
                Outcome::Failed => {
                    let hatch = rect("", -6.0, 12.0, x).replace("class=\"\"", "fill=\"url(#hatch)\"");
                    format!("{bar}{hatch}{}", badge(outcome, x + 22.0, y))
                }
                Outcome::Stopped => format!("{bar}{}", badge(outcome, x + 22.0, y)),
                _ => bar,
            }
        });
    }
    item("critical path", &|x| {
        format!("{}{}", rect("planned crit", -6.0, 5.0, x), rect("crit-bar", 3.0, 2.5, x))
    });
    if report.history.iter().any(|line| line.kind == HistoryKind::Paused) {
        item("paused", &|x| rect("g-pause", -6.0, 12.0, x));
    }
    out
}
