//! How the work came together, as SVG: a row a commit, oldest first, a lane an agent, grouped by host. It is as
//! high as it must be and never wider than the page; in pieces, so that a page of paper ends between two rows.

use std::collections::HashMap;

use miyabi_plan::{AgentId, HostId};

use crate::html::escape;
use crate::lineage::{Node, NodeKind, lineage};
use crate::model::{Report, TaskReport};
use crate::words::{self, short};

const WIDTH: f64 = 1100.0;
/// The lane of what belongs to the run as a whole.
const TRUNK: f64 = 30.0;
/// The room for all lanes at the most; the rest is for words.
const LANES: f64 = 640.0;
const LANE: f64 = 46.0;
/// Below this width a lane's name stands upright.
const NARROW: f64 = 40.0;
const HEAD: f64 = 70.0;
const ROW: f64 = 22.0;
/// How many rows a piece has.
const PIECE: usize = 36;
/// With more lanes than this, a lane is a host.
const MANY_LANES: usize = 40;
/// A longer history is a table only.
const MANY_NODES: usize = 2_000;
/// How many colours there are for hosts.
const COLOURS: usize = 5;
/// How many characters of a title are shown.
const TITLE: usize = 34;

/// The picture with everything around it.
pub(crate) fn figure(report: &Report) -> String {
    let nodes = lineage(report);
    if nodes.len() < 2 {
        return "<p>Nothing has been committed yet.</p>\n".to_owned();
    }
    if nodes.len() > MANY_NODES {
        return format!("<p>{} commits are too many for a picture; the tables name them.</p>\n", nodes.len());
    }
    let plot = Plot::new(report, &nodes);
    let pieces: String = (0..nodes.len()).step_by(PIECE).map(|from| plot.piece(from)).collect();
    format!("<figure class=\"merges\">\n{pieces}</figure>\n")
}

/// Where everything stands.
struct Plot<'a> {
    report: &'a Report,
    nodes: &'a [Node],
    tasks: HashMap<&'a str, &'a TaskReport>,
    lanes: Vec<Lane>,
    /// Each agent's lane, counted from 1; 0 is the trunk.
    of_agent: HashMap<&'a AgentId, usize>,
    lane: f64,
}

struct Lane {
    name: String,
    host: String,
    colour: usize,
}

impl<'a> Plot<'a> {
    fn new(report: &'a Report, nodes: &'a [Node]) -> Self {
        let mut plot = Self {
            report,
            nodes,
            tasks: report.tasks.iter().map(|task| (task.id.as_str(), task)).collect(),
            lanes: Vec::new(),
            of_agent: HashMap::new(),
            lane: LANE,
        };
        plot.take_lanes();
        plot.lane = (LANES / f64_of(plot.lanes.len().max(1))).min(LANE);
        plot
    }

    /// A lane for each agent that has left something, in the report's order, host by host.
    fn take_lanes(&mut self) {
        let report = self.report;
        let used: Vec<&AgentId> = self.nodes.iter().filter_map(|node| node.agent.as_ref()).collect();
        let is_used = |id: &AgentId| used.contains(&id);
        let mut hosts: Vec<&HostId> = report.hosts.iter().map(|host| &host.id).collect();
        for agent in &report.agents {
            if !hosts.contains(&&agent.host) {
                hosts.push(&agent.host);
            }
        }
        let many = report.agents.iter().filter(|agent| is_used(&agent.id)).count() > MANY_LANES;
        for (number, host) in hosts.into_iter().enumerate() {
            let members = report.agents.iter().filter(|agent| agent.host == *host && is_used(&agent.id));
            for (place, agent) in members.enumerate() {
                if place == 0 || !many {
                    let name = if many { host.to_string() } else { agent.id.to_string() };
                    let colour = number % COLOURS;
                    self.lanes.push(Lane { name, host: host.to_string(), colour });
                }
                self.of_agent.insert(&agent.id, self.lanes.len());
            }
        }
    }

    /// The lane of a node: 0 is the trunk.
    fn lane_of(&self, node: &Node) -> usize {
        node.agent.as_ref().and_then(|agent| self.of_agent.get(agent)).copied().unwrap_or(0)
    }

    fn x(&self, lane: usize) -> f64 {
        if lane == 0 { TRUNK / 2.0 + 2.0 } else { TRUNK + self.lane * (f64_of(lane) - 0.5) }
    }

    /// Where the words begin.
    fn words_at(&self) -> f64 {
        TRUNK + self.lane * f64_of(self.lanes.len()) + 16.0
    }

    /// The rows from one on.
    fn piece(&self, from: usize) -> String {
        let until = (from + PIECE).min(self.nodes.len());
        let top = if from == 0 { 0.0 } else { y(from) - ROW / 2.0 };
        let bottom = y(until - 1) + ROW / 2.0;
        let title = match from {
            0 => format!(
                "How the work of {} came together: a row a commit, oldest first; a lane an agent, grouped by host",
                words::one_line(&self.report.run.title)
            ),
            _ => format!("How the work came together, from row {} on", from + 1),
        };
        let mut out = format!(
            "<svg viewBox=\"0 {top:.0} {WIDTH} {:.0}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">\n<title>{}</title>\n",
            bottom - top,
            escape(&title)
        );
        if from == 0 {
            out.push_str(&self.heads());
        }
        out.push_str(&self.guides(top.max(HEAD - 6.0), bottom));
        let here = |at: usize| (from..until).contains(&at);
        for (at, node) in self.nodes.iter().enumerate() {
            for parent in &node.parents {
                // A line belongs to every piece that it crosses.
                if *parent < until && at >= from {
                    out.push_str(&self.line(*parent, at));
                }
            }
        }
        for (at, node) in self.nodes.iter().enumerate().filter(|(at, _)| here(*at)) {
            out.push_str(&self.node(at, node));
        }
        out.push_str("</svg>\n");
        out
    }

    /// The names of hosts and agents.
    fn heads(&self) -> String {
        let mut out = String::new();
        let mut from = 0;
        while let Some(first) = self.lanes.get(from) {
            let members = self.lanes[from..].iter().take_while(|lane| lane.host == first.host).count();
            let (left, width) = (TRUNK + self.lane * f64_of(from), self.lane * f64_of(members));
            let room = (width / 7.0).max(3.0);
            out.push_str(&format!(
                "<rect x=\"{:.1}\" y=\"2\" width=\"{:.1}\" height=\"18\" rx=\"4\" class=\"g-host\"/><text x=\"{:.1}\" y=\"15\" text-anchor=\"middle\" class=\"t t-host\">{}</text>\n",
                left + 1.0,
                width - 2.0,
                left + width / 2.0,
                escape(&cut(&first.host, room))
            ));
            from += members;
        }
        for (at, lane) in self.lanes.iter().enumerate() {
            let (x, name) = (self.x(at + 1), escape(&cut(&lane.name, 8.0)));
            out.push_str(&if self.lane < NARROW {
                format!("<text transform=\"translate({:.1} {:.1}) rotate(-90)\" class=\"t t-lane\">{name}</text>\n", x + 3.5, HEAD - 6.0)
            } else {
                format!("<text x=\"{x:.1}\" y=\"40\" text-anchor=\"middle\" class=\"t t-lane\">{name}</text>\n")
            });
        }
        out
    }

    fn guides(&self, top: f64, bottom: f64) -> String {
        let lines = (0..=self.lanes.len()).map(|lane| format!("M{:.1} {top:.1}V{bottom:.1}", self.x(lane)));
        format!("<path d=\"{}\" class=\"g\"/>\n", lines.collect::<String>())
    }

    /// From a commit to one that was made from it.
    fn line(&self, parent: usize, child: usize) -> String {
        let (from, to) = (self.lane_of(&self.nodes[parent]), self.lane_of(&self.nodes[child]));
        let (x1, x2, y1, y2) = (self.x(from), self.x(to), y(parent), y(child));
        // Along its own lane past another commit it goes round that one.
        let crosses = |at: usize| self.lane_of(&self.nodes[at]) == to;
        let aside =
            if from == to && (parent + 1..child).any(crosses) { self.lane.min(20.0) * 0.45 } else { 0.0 };
        let bend = (y2 - y1).min(3.0 * ROW);
        let colour = match to
            .max(from)
            .checked_sub(1)
            .and_then(|lane| self.lanes.get(if to > 0 { to - 1 } else { lane }))
        {
            Some(lane) => format!("h{}", lane.colour),
            None => "h-trunk".to_owned(),
        };
        format!(
            "<path d=\"M{x1:.1} {y1:.1}C{:.1} {:.1} {:.1} {:.1} {x2:.1} {y2:.1}\" class=\"way {colour}\"/>\n",
            x1 + aside,
            y1 + bend * 0.6,
            x2 + aside,
            y2 - bend
        )
    }

    fn node(&self, at: usize, node: &Node) -> String {
        let lane = self.lane_of(node);
        let (x, y) = (self.x(lane), y(at));
        let colour = match lane.checked_sub(1).and_then(|lane| self.lanes.get(lane)) {
            Some(lane) => format!("h{}", lane.colour),
            None => "h-trunk".to_owned(),
        };
        let (shape, name, more) = self.told(node, x, y);
        let commit = escape(&short(&node.commit));
        let words = self.words_at();
        format!(
            "<g class=\"{colour}\"><title>{}</title><path d=\"M{:.1} {y:.1}H{:.1}\" class=\"lead\"/>{shape}<text x=\"{words:.1}\" y=\"{:.1}\" class=\"t\"><tspan class=\"t-code\">{commit}</tspan><tspan dx=\"8\" class=\"t-agent\">{}</tspan><tspan dx=\"7\">{}</tspan></text></g>\n",
            escape(&format!("{name} {more} {}", node.commit)),
            x + 8.0,
            words - 6.0,
            y + 4.0,
            escape(&name),
            escape(&more)
        )
    }

    /// The shape of a commit, its name and what else there is to say.
    fn told(&self, node: &Node, x: f64, y: f64) -> (String, String, String) {
        let circle =
            |class: &str| format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" class=\"commit{class}\"/>");
        let diamond =
            || format!("<path d=\"M{x:.1} {:.1}l5.5 5.5-5.5 5.5-5.5-5.5z\" class=\"commit\"/>", y - 5.5);
        let square = |class: &str| {
            format!(
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" rx=\"1.5\" class=\"commit{class}\"/>",
                x - 5.0,
                y - 5.0
            )
        };
        let task = node.task.as_ref().map(ToString::to_string).unwrap_or_default();
        let git = self.report.git.as_ref();
        match &node.kind {
            NodeKind::Base => {
                let branch = git.and_then(|git| git.base_branch.clone()).unwrap_or_default();
                (square(" hollow"), "base".to_owned(), cut(&branch, 40.0))
            }
            NodeKind::Merge => (diamond(), "merge".to_owned(), format!("for {task}")),
            NodeKind::Result => {
                let branch = git.map(|git| git.result_branch.clone()).unwrap_or_default();
                (square(""), "result".to_owned(), cut(&branch, 48.0))
            }
            NodeKind::Taken => (diamond(), task, "resolved by a person".to_owned()),
            NodeKind::Work { attempt, completed: false, .. } => {
                (circle(" hollow"), attempt.clone(), "left unfinished".to_owned())
            }
            NodeKind::Work { resolves, .. } => {
                let shape = if *resolves { diamond() } else { circle("") };
                let more = self.size(&task);
                (shape, task, more)
            }
        }
    }

    /// A task's title and how much it changed.
    fn size(&self, id: &str) -> String {
        let Some(task) = self.tasks.get(id) else { return String::new() };
        let title = cut(&task.title, f64_of(TITLE));
        let Some(work) = &task.work else { return title };
        format!("{title} · {} +{} −{}", words::counted(work.files, "file", "files"), work.added, work.removed)
    }
}

/// The middle of a row.
fn y(row: usize) -> f64 {
    HEAD + ROW * (f64_of(row) + 0.5)
}

fn f64_of(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A text on one line, cut where it has no room.
fn cut(text: &str, room: f64) -> String {
    let line = words::one_line(text);
    let mut wide = 0.0;
    for (at, c) in line.char_indices() {
        wide += if c < '\u{1100}' { 1.0 } else { 2.0 };
        if wide > room {
            return format!("{}…", line[..at].trim_end());
        }
    }
    line
}
