//! The forecast's play: list scheduling from event to event, by the engine's own rules.

use std::cmp::Reverse;
use std::collections::btree_set::Iter;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::iter::{Copied, Peekable};

use crate::graph::PlanGraph;
use crate::ids::{AgentId, HostId, Kind};
use crate::model::Plan;
use crate::order::compare;

/// When, and by which agent (an index into the plan's agents), a task is expected to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turn {
    pub(crate) agent: Option<usize>,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Plays the plan with every task taking its estimate.
///
/// A task that no rule would ever hand out (which validation refuses) is put at the end, so that
/// the play always ends.
pub(crate) fn play(plan: &Plan, graph: &PlanGraph) -> Vec<Turn> {
    let mut play = Play::new(plan, graph);
    play.open_wave();
    loop {
        play.hand_out();
        let Some(Reverse((now, task))) = play.running.pop() else { break };
        play.now = now;
        play.end(task);
        while play.running.peek().is_some_and(|Reverse((at, _))| *at == now) {
            let Some(Reverse((_, task))) = play.running.pop() else { break };
            play.end(task);
        }
        play.open_wave();
    }
    play.finish()
}

struct Play<'a> {
    plan: &'a Plan,
    graph: &'a PlanGraph,
    now: u64,
    /// A task's place in the order in which ready tasks go, and back.
    place: Vec<usize>,
    by_place: Vec<usize>,
    open_needs: Vec<usize>,
    /// Ready tasks by kind, and by the agent that the plan gave them to, as their places.
    ready: BTreeMap<Kind, BTreeSet<usize>>,
    ready_by_agent: Vec<BTreeSet<usize>>,
    /// Tasks whose needs are met and whose wave has not begun.
    barred: BTreeMap<u32, Vec<usize>>,
    /// How many tasks of each wave have not ended.
    unended: BTreeMap<u32, usize>,
    running: BinaryHeap<Reverse<(u64, usize)>>,
    crew: Crew<'a>,
    turns: Vec<Option<Turn>>,
}

impl<'a> Play<'a> {
    fn new(plan: &'a Plan, graph: &'a PlanGraph) -> Self {
        let count = plan.tasks.len();
        let mut by_place: Vec<usize> = (0..count).collect();
        let standings = graph.standings();
        by_place.sort_by(|one, other| compare(plan.order, &standings[*one], &standings[*other]));
        let mut place = vec![0; count];
        for (at, task) in by_place.iter().enumerate() {
            place[*task] = at;
        }
        let mut unended = BTreeMap::new();
        for wave in (0..count).filter_map(|task| graph.wave(task)) {
            *unended.entry(wave).or_insert(0) += 1;
        }
        let open_needs: Vec<usize> = (0..count).map(|task| graph.dag().needs(task).len()).collect();
        let mut play = Self {
            plan,
            graph,
            now: 0,
            place,
            by_place,
            open_needs,
            ready: BTreeMap::new(),
            ready_by_agent: vec![BTreeSet::new(); plan.agents.len()],
            barred: BTreeMap::new(),
            unended,
            running: BinaryHeap::new(),
            crew: Crew::new(plan),
            turns: vec![None; count],
        };
        for task in 0..count {
            if play.open_needs[task] == 0 {
                play.admit(task);
            }
        }
        play
    }

    fn wave_now(&self) -> Option<u32> {
        self.unended.keys().next().copied()
    }

    /// Takes in a task whose needs are met.
    fn admit(&mut self, task: usize) {
        match self.graph.wave(task) {
            Some(wave) if Some(wave) > self.wave_now() => self.barred.entry(wave).or_default().push(task),
            _ => self.make_ready(task),
        }
    }

    fn make_ready(&mut self, task: usize) {
        self.crew.own_ready(task, 1);
        self.ready.entry(self.plan.tasks[task].kind()).or_default().insert(self.place[task]);
        if let Some(agent) = self.crew.own_agent(task) {
            self.ready_by_agent[agent].insert(self.place[task]);
        }
    }

    /// Lets the tasks of the wave that has begun in.
    fn open_wave(&mut self) {
        let now = self.wave_now();
        while let Some(entry) = self.barred.first_entry() {
            if now.is_some_and(|now| *entry.key() > now) {
                return;
            }
            for task in entry.remove() {
                self.make_ready(task);
            }
        }
    }

    fn hand_out(&mut self) {
        let mut given = Vec::new();
        let mut queues = queues(&self.ready, &self.ready_by_agent, &self.crew);
        while self.crew.room > 0 {
            let fronts = queues.iter_mut().enumerate().filter(|(_, (takers, _))| self.crew.is_idle(takers));
            let next = fronts.filter_map(|(at, (_, queue))| Some((*queue.peek()?, at))).min();
            let Some((place, queue)) = next else { break };
            queues[queue].1.next();
            let task = self.by_place[place];
            if let Some(agent) = self.crew.taker(task) {
                self.crew.take(task, agent);
                given.push((task, agent));
            }
        }
        for (task, agent) in given {
            if let Some(places) = self.ready.get_mut(&self.plan.tasks[task].kind()) {
                places.remove(&self.place[task]);
            }
            if let Some(own) = self.crew.own_agent(task) {
                self.ready_by_agent[own].remove(&self.place[task]);
            }
            let end = self.now + u64::from(self.plan.tasks[task].estimated_seconds);
            self.turns[task] = Some(Turn { agent: Some(agent), start: self.now, end });
            self.running.push(Reverse((end, task)));
        }
    }

    fn end(&mut self, task: usize) {
        if let Some(agent) = self.turns[task].and_then(|turn| turn.agent) {
            self.crew.free(agent);
        }
        if let Some(wave) = self.graph.wave(task) {
            let left = self.unended.get(&wave).copied().unwrap_or(1) - 1;
            if left == 0 {
                self.unended.remove(&wave);
            } else {
                self.unended.insert(wave, left);
            }
        }
        for next in self.graph.dag().dependents(task) {
            self.open_needs[next] -= 1;
            if self.open_needs[next] == 0 {
                self.admit(next);
            }
        }
    }

    fn finish(self) -> Vec<Turn> {
        let mut now = self.now;
        let plan = self.plan;
        let late = |(task, turn): (usize, Option<Turn>)| {
            turn.unwrap_or_else(|| {
                let entry = &plan.tasks[task];
                let start = now;
                now += u64::from(entry.estimated_seconds);
                Turn { agent: plan.agents.iter().position(|agent| agent.id == entry.agent), start, end: now }
            })
        };
        self.turns.into_iter().enumerate().map(late).collect()
    }
}

/// Who may take the tasks of a queue.
enum Takers {
    One(usize),
    Kind(Kind),
}

/// The ready tasks that an idle agent could take, each queue in its order. While every idle agent
/// of a kind has tasks of its own, no other tasks of that kind need be looked at.
fn queues<'a>(
    by_kind: &'a BTreeMap<Kind, BTreeSet<usize>>,
    by_agent: &'a [BTreeSet<usize>],
    crew: &Crew<'_>,
) -> Vec<(Takers, Peekable<Copied<Iter<'a, usize>>>)> {
    let mut queues = Vec::new();
    for (kind, idle) in &crew.idle_by_kind {
        if crew.stealing && idle.iter().any(|agent| crew.own[*agent] == 0) {
            let ready = by_kind.get(kind).into_iter();
            queues.extend(ready.map(|queue| (Takers::Kind(kind.clone()), queue.iter().copied().peekable())));
        } else {
            let own = |agent: &usize| (Takers::One(*agent), by_agent[*agent].iter().copied().peekable());
            queues.extend(idle.iter().map(own));
        }
    }
    queues
}

/// Who is idle, and how much room there is.
struct Crew<'a> {
    stealing: bool,
    agents: HashMap<&'a AgentId, usize>,
    /// The host of each agent; none for one that the plan does not have.
    host: Vec<Option<usize>>,
    idle: Vec<bool>,
    idle_by_kind: BTreeMap<Kind, BTreeSet<usize>>,
    /// How many ready tasks each agent could take that the plan gave to it.
    own: Vec<usize>,
    host_room: Vec<u32>,
    room: u32,
    plan: &'a Plan,
}

impl<'a> Crew<'a> {
    fn new(plan: &'a Plan) -> Self {
        let hosts: HashMap<&HostId, usize> =
            plan.hosts.iter().enumerate().map(|(at, host)| (&host.id, at)).collect();
        let mut idle_by_kind: BTreeMap<Kind, BTreeSet<usize>> = BTreeMap::new();
        for (at, agent) in plan.agents.iter().enumerate() {
            idle_by_kind.entry(agent.id.kind()).or_default().insert(at);
        }
        Self {
            stealing: plan.work_stealing,
            agents: plan.agents.iter().enumerate().map(|(at, agent)| (&agent.id, at)).collect(),
            host: plan.agents.iter().map(|agent| hosts.get(&agent.host).copied()).collect(),
            idle: vec![true; plan.agents.len()],
            idle_by_kind,
            own: vec![0; plan.agents.len()],
            host_room: plan.hosts.iter().map(|host| host.capacity).collect(),
            room: plan.limits.parallel.unwrap_or(u32::MAX),
            plan,
        }
    }

    fn is_idle(&self, takers: &Takers) -> bool {
        match takers {
            Takers::One(agent) => self.idle[*agent],
            Takers::Kind(kind) => self.idle_by_kind.get(kind).is_some_and(|idle| !idle.is_empty()),
        }
    }

    /// The agent that the plan gave a task to.
    fn own_agent(&self, task: usize) -> Option<usize> {
        self.agents.get(&self.plan.tasks[task].agent).copied()
    }

    fn own_ready(&mut self, task: usize, change: isize) {
        if let Some(agent) = self.own_agent(task)
            && self.is_on_host(agent, self.plan.tasks[task].host.as_ref())
        {
            self.own[agent] = self.own[agent].saturating_add_signed(change);
        }
    }

    fn is_on_host(&self, agent: usize, host: Option<&HostId>) -> bool {
        host.is_none_or(|host| &self.plan.agents[agent].host == host)
    }

    fn could_take(&self, agent: usize, host: Option<&HostId>) -> bool {
        self.idle[agent]
            && self.host[agent].is_some_and(|at| self.host_room[at] > 0)
            && self.is_on_host(agent, host)
    }

    fn taker(&self, task: usize) -> Option<usize> {
        let entry = &self.plan.tasks[task];
        if let Some(own) = self.own_agent(task).filter(|own| self.could_take(*own, entry.host.as_ref())) {
            return Some(own);
        }
        let others = self.idle_by_kind.get(&entry.kind()).filter(|_| self.stealing)?;
        let free = |agent: &usize| self.own[*agent] == 0 && self.could_take(*agent, entry.host.as_ref());
        others.iter().copied().find(free)
    }

    fn take(&mut self, task: usize, agent: usize) {
        self.own_ready(task, -1);
        self.idle[agent] = false;
        if let Some(idle) = self.idle_by_kind.get_mut(&self.plan.agents[agent].id.kind()) {
            idle.remove(&agent);
        }
        if let Some(host) = self.host[agent] {
            self.host_room[host] -= 1;
        }
        self.room -= 1;
    }

    fn free(&mut self, agent: usize) {
        self.idle[agent] = true;
        self.idle_by_kind.entry(self.plan.agents[agent].id.kind()).or_default().insert(agent);
        if let Some(host) = self.host[agent] {
            self.host_room[host] += 1;
        }
        self.room += 1;
    }
}
