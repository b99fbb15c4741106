//! The first word to a site's helper: who speaks, for which run, and what lies there.

use miyabi_engine::RunState;
use miyabi_plan::{AgentId, Site};
use miyabi_protocol::RunOpening;
use miyabi_protocol::link::{Hello, LINK_VERSION};

use crate::Options;

/// How many times the time after which a host counts as lost a helper waits for a ping.
const SILENT_TIMES: u32 = 3;
/// A helper waits at least so many seconds.
const SILENT_AT_LEAST: u32 = 30;

/// Where an agent is at this moment.
pub(crate) fn site_of(state: &RunState, agent: &AgentId) -> Site {
    state.site_of(agent).unwrap_or(Site::Here)
}

/// The hello of a site, for its first link; the number of the link is counted by who opens it.
pub(crate) fn hello(state: &RunState, site: &Site, options: &Options) -> Hello {
    let opening = &state.opening;
    let plan = &opening.plan;
    let (there, elsewhere): (Vec<&AgentId>, Vec<&AgentId>) =
        state.agents.iter().map(|agent| &agent.id).partition(|agent| &site_of(state, agent) == site);
    let is_here = *site == Site::Here;
    // Agents of other sites have windows here, too: their places are kept free for them.
    let shown = there.into_iter().chain(elsewhere.iter().copied().filter(|_| is_here));
    let mut windows: Vec<(AgentId, String)> =
        shown.map(|agent| (agent.clone(), plan.window_name(agent))).collect();
    let planned = |id: &AgentId| state.agent_index(id).unwrap_or(usize::MAX);
    let place = |id: &AgentId| plan.layout.windows.iter().position(|window| &window.agent == id);
    windows.sort_by_key(|(id, _)| (place(id).unwrap_or(usize::MAX), planned(id)));
    let silent = plan.limits.lost_after_seconds.saturating_mul(SILENT_TIMES).max(SILENT_AT_LEAST);
    Hello {
        version: LINK_VERSION,
        run_id: opening.run_id.clone(),
        epoch: state.epoch,
        link: 1,
        owner: options.owner.clone(),
        host: site.host().cloned(),
        elsewhere: elsewhere.into_iter().cloned().collect(),
        silent_seconds: (!is_here).then_some(silent),
        lease_seconds: plan.failover.lease_seconds().filter(|_| !is_here),
        state_dir: opening.state_dir_at(site).to_owned(),
        session: opening.session.clone(),
        window_options: plan.layout.options.clone(),
        monitor: if is_here { words(opening, options, &["monitor"]) } else { Vec::new() },
        windows,
    }
}

/// What the window of an agent that is elsewhere shows.
pub(crate) fn view_of(opening: &RunOpening, options: &Options, agent: &AgentId) -> Vec<String> {
    words(opening, options, &["view", agent.as_str()])
}

/// A command of ours. All places are named: the tmux server may have another environment than ours.
fn words(opening: &RunOpening, options: &Options, what: &[&str]) -> Vec<String> {
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let mut words = vec![text(&options.miyabi)];
    words.extend(what.iter().map(|word| (*word).to_owned()));
    words.extend(["--state-dir".to_owned(), opening.state_dir.clone()]);
    words.extend(["--state-home".to_owned(), text(&options.state_home)]);
    words.extend(["--runtime-dir".to_owned(), text(&options.runtime_dir)]);
    words
}

/// This person at this machine, as in `me@macbook`.
#[must_use]
pub fn owner(user: Option<&str>) -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let uid = rustix::process::getuid().as_raw();
    let user = user.filter(|user| !user.is_empty()).map_or_else(|| uid.to_string(), str::to_owned);
    format!("{user}@{host}")
}
