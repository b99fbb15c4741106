//! One seed: a plan, a world and an engine, until nothing can happen any more.

mod people;

use miyabi_plan::Site;
use std::collections::BTreeMap;

use miyabi_engine::{
    Effect, Engine, Entry, Event, Fact, Order, OrderError, Standing, Step, Weakening, journal,
};
use miyabi_plan::{AgentId, HostId, RunPhase};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{Carriage, StatusFile, Timestamp};

use crate::bodies::Body;
use crate::chance::Chance;
use crate::links::{Who, Wire};
use crate::models::Model;
use crate::plans;
use crate::rules::{Broken, Rules};
use crate::world::{Act, Chaos, Happening, World};

/// No run takes longer, in virtual ms.
const MOST_MILLIS: i64 = 20 * 24 * 3600 * 1000;
/// Nor more steps.
const MOST_STEPS: u64 = 100_000;

/// What a seed came to.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    pub(crate) steps: u64,
    pub(crate) millis: i64,
    pub(crate) kills: u32,
    pub(crate) phase: Option<RunPhase>,
    /// What happened, how often.
    pub(crate) seen: BTreeMap<&'static str, u32>,
}

struct Run {
    engine: Engine,
    world: World,
    rules: Rules,
    /// The journal's text as it is on the disk.
    disk: Vec<u8>,
    kills_left: u32,
    kill_one_in: u32,
    is_down: bool,
    weakening: Option<Weakening>,
    outcome: Outcome,
}

/// Plays a seed.
pub(crate) fn play(seed: u64, weakening: Option<Weakening>, trace: bool) -> Result<Outcome, Broken> {
    let mut chance = Chance::of(seed);
    let opening = plans::opening(&mut chance, seed);
    let evil = if chance.one_in(4) { 0 } else { 1 };
    let kills_left = if chance.one_in(3) { 0 } else { chance.small(1..=5) };
    let kill_one_in = *chance.pick(&[15, 60, 200]);
    let world = World::new(chance, &opening, evil, trace);
    let (engine, step) = Engine::open(opening, Timestamp::from_millis(0));
    let rules = Rules::new(engine.state().clone());
    let engine = weaken(engine, weakening);
    let mut run = Run {
        engine,
        world,
        rules,
        disk: Vec::new(),
        kills_left,
        kill_one_in,
        is_down: false,
        weakening,
        outcome: Outcome::default(),
    };
    run.world.say(|| format!("{:#?}", run.engine.state().opening));
    run.people_the_world();
    run.take(step)?;
    let step = run.engine.backend_started(run.world.time());
    run.take(step)?;
    run.reach_out();
    run.go()?;
    run.look_back()?;
    run.outcome.millis = run.world.now;
    run.outcome.seen = run.rules.seen();
    run.outcome.phase = Some(run.engine.state().phase());
    Ok(run.outcome)
}

fn weaken(engine: Engine, weakening: Option<Weakening>) -> Engine {
    match weakening {
        Some(weakening) => engine.weakened(weakening),
        None => engine,
    }
}

impl Run {
    fn people_the_world(&mut self) {
        let state = self.engine.state();
        let agents: Vec<_> = state.agents.iter().map(|a| (a.id.clone(), a.is_ours())).collect();
        for (id, ours) in agents {
            let mut body = Body::new(ours, self.world.evil, &mut self.world.chance);
            body.model = self.model_of(&id);
            if let Some(model) = &body.model {
                self.world.models.insert(id.clone(), model.clone());
            }
            let site = self.engine.state().site_of(&id);
            let site = self.world.sites.iter().position(|known| Some(&known.site) == site.as_ref());
            let id = (site.expect("every agent is at a site of the run"), id);
            self.world.bodies.insert(id.clone(), body);
            let never = self.world.evil > 0 && self.world.chance.one_in(12);
            if !ours && !never {
                let after = match self.world.chance.one_in(8) {
                    true => self.world.chance.within(0..=200_000),
                    false => self.world.chance.within(0..=3_000),
                };
                self.world.plan(after, Happening::Act(id, 0, Act::Rise));
            }
        }
        if self.world.evil > 0 {
            let has_hosts = self.world.sites.len() > 1;
            for _ in 0..self.world.chance.small(0..=if has_hosts { 12 } else { 6 }) {
                use Chaos::*;
                let all = [
                    Order,
                    Order,
                    Order,
                    EditQueue,
                    EditQueue,
                    KillAgent,
                    KillAgent,
                    KillAllRunners,
                    WipeFolder,
                    Reboot,
                    CutLink,
                    StrangerAppears,
                    Sleep,
                ];
                let to_hosts =
                    [CutHost, CutHost, CutHost, HalfOpen, RebootHost, KillHelper, Load, Load, Load, Order];
                let (chaos, latest) = match has_hosts && !self.world.chance.one_in(3) {
                    true => (*self.world.chance.pick(&to_hosts), 200_000),
                    false => (*self.world.chance.pick(&all), 500_000),
                };
                let at = self.world.chance.within(0..=latest);
                self.world.plan(at, Happening::Chaos(chaos));
            }
        }
    }

    fn model_of(&self, agent: &AgentId) -> Option<Model> {
        let state = self.engine.state();
        let account = state.account_of(state.agent_index(agent)?)?.to_owned();
        let agent = state.agent(agent)?;
        Some(Model { runner: agent.runner, account, host: agent.host.to_string() })
    }

    fn go(&mut self) -> Result<(), Broken> {
        loop {
            self.outcome.steps += 1;
            if self.outcome.steps > MOST_STEPS || self.world.now > MOST_MILLIS {
                return Err(format!("the run has not ended: {:?}", self.engine.state().phase()));
            }
            for (older, newer) in std::mem::take(&mut self.world.overlaps) {
                self.rules.check_overlap(&older, &newer)?;
            }
            if !self.world.violations.is_empty() {
                return Err(self.world.violations.join("; "));
            }
            let wake = self.engine.wake_at().filter(|_| !self.is_down).map(Timestamp::as_millis);
            match (self.world.next_at(), wake) {
                (Some(next), wake) if wake.is_none_or(|wake| next <= wake) => self.happens()?,
                (_, Some(wake)) => {
                    if wake < self.world.now {
                        return Err("the engine wants to be woken in the past".to_owned());
                    }
                    self.world.now = wake;
                    self.handle(Event::Tick)?;
                }
                (_, None) if self.engine.state().paused && self.engine.state().ended.is_none() => {
                    self.order(Order::Resume)?;
                }
                (_, None)
                    if self.engine.state().ended.is_none() && !self.engine.state().inbox().is_empty() =>
                {
                    let order = self.some_answer();
                    self.order(order)?;
                }
                (_, None)
                    if self.engine.state().ended.is_none()
                        && self.engine.state().conflicts().next().is_some() =>
                {
                    let task = self.engine.state().conflicts().next().expect("it was just found").id.clone();
                    self.order(Order::TakeCommit { task, revision: "mine".to_owned() })?;
                }
                (_, None) if self.engine.state().ended.is_none() && self.lost_for_good().is_some() => {
                    let host = self.lost_for_good().expect("it was just found");
                    self.order(Order::GiveUpHost(host))?;
                }
                (_, None) if self.is_unverified() && !self.world.chance.one_in(4) => {
                    self.order(Order::VerifyAgain)?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Whether only the verification did not hold.
    fn is_unverified(&self) -> bool {
        let state = self.engine.state();
        let failed = state.verification().is_some_and(|found| !found.passed());
        failed && state.phase() == RunPhase::Failed && !self.is_down
    }

    /// A host that does not come back, and that nobody has given up.
    fn lost_for_good(&self) -> Option<HostId> {
        let mut lost = self.engine.state().lost_hosts().filter(|host| host.given_up.is_none());
        lost.next().map(|host| host.id.clone())
    }

    fn happens(&mut self) -> Result<(), Broken> {
        let Some(happening) = self.world.pop() else { return Ok(()) };
        match happening {
            Happening::Execute(site, command) => self.world.execute(site, command),
            Happening::Deliver(from, report) => {
                let site = self.world.sites[from].site.clone();
                self.rules.told(&site, &report, self.world.now);
                self.handle(Event::Reported { site, report })?;
            }
            Happening::Carried { site, links, backend, carriage } => {
                self.carried(site, links, backend, carriage)?;
            }
            Happening::Look(agent) => self.world.look(agent),
            Happening::LookAtQueue(site) => self.world.look_at_queue(site),
            Happening::List(site) => self.world.list(site),
            Happening::Missed(site, links) => self.missed(site, links)?,
            Happening::Reach(site) => self.reach(site)?,
            Happening::LeaseEnds(site) => self.world.lease_ends(site),
            Happening::LeaseOver(site, links) => self.lease_over(site, links)?,
            Happening::Act(agent, life, act) => self.world.act(&agent, life, act),
            Happening::Restart => self.restart()?,
            Happening::Chaos(chaos) => self.chaos(chaos)?,
        }
        Ok(())
    }

    fn carried(&mut self, site: usize, links: u32, backend: u32, carriage: Carriage) -> Result<(), Broken> {
        let Some(problem) = self.world.arrives(site, links, &carriage) else { return Ok(()) };
        if backend != self.world.gits.backends {
            return Ok(());
        }
        if self.world.chance.one_in(10) {
            self.handle(Event::Carried { carriage: carriage.clone(), problem: problem.clone() })?;
        }
        self.handle(Event::Carried { carriage, problem })
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { site, command } => self.world.send(&site, command),
            Effect::Carry(carriage) => self.world.carry(carriage),
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Broken> {
        if self.is_down {
            return Ok(());
        }
        self.world.say(|| format!("{event:?}"));
        let step = self.engine.handle(self.world.time(), event);
        self.take(step)
    }

    /// Checks a step, brings it to the disk and carries it out, unless the backend is killed.
    fn take(&mut self, step: Step) -> Result<(), Broken> {
        for entry in &step.facts {
            self.world.say(|| {
                format!(
                    "  > {}",
                    serde_json::to_string(&entry.fact)
                        .unwrap_or_default()
                        .chars()
                        .take(300)
                        .collect::<String>()
                )
            });
        }
        for effect in &step.effects {
            self.world.say(|| format!("  < {}", format!("{effect:?}").chars().take(200).collect::<String>()));
        }
        self.rules.check(&self.engine, &step, &self.world)?;
        let dies = self.kills_left > 0 && self.world.now > 0 && self.world.chance.one_in(self.kill_one_in);
        if dies {
            return self.die_in(step);
        }
        self.save(&step.facts);
        for effect in step.effects {
            self.perform(effect);
        }
        Ok(())
    }

    fn save(&mut self, facts: &[Entry]) {
        for entry in facts {
            self.disk.extend_from_slice(journal::line(entry.seq, entry.at, &entry.fact).as_bytes());
        }
    }

    /// Kills the backend in a step: before its facts are on the disk, amid them, or amid its effects.
    fn die_in(&mut self, step: Step) -> Result<(), Broken> {
        self.kills_left -= 1;
        self.outcome.kills += 1;
        let kept = match self.world.chance.one_in(2) {
            true => step.facts.len(),
            false => self.world.chance.up_to(step.facts.len()),
        };
        self.save(&step.facts[..kept]);
        if kept == step.facts.len() {
            let sent = self.world.chance.up_to(step.effects.len());
            for effect in step.effects.into_iter().take(sent) {
                self.perform(effect);
            }
        } else if self.world.chance.one_in(2) {
            let torn = &step.facts[kept];
            let line = journal::line(torn.seq, torn.at, &torn.fact);
            self.disk.extend_from_slice(&line.as_bytes()[..line.len() / 2]);
        }
        self.world.say(|| {
            format!("*** the backend is killed; {kept} of {} facts are on the disk", step.facts.len())
        });
        self.go_down();
        if self.world.chance.one_in(6) {
            self.world.wipe(0);
        }
        Ok(())
    }

    fn go_down(&mut self) {
        self.is_down = true;
        self.world.gits.backends += 1;
        for site in 0..self.world.sites.len() {
            if self.world.sites[site].link_is_up {
                self.world.cut(site);
            }
        }
        let after = self.world.chance.within(0..=30_000);
        self.world.plan(after, Happening::Restart);
    }

    /// A backend that has just begun reaches out for its helper, and for the hosts.
    fn reach_out(&mut self) {
        self.world.connect(0);
        for site in 1..self.world.sites.len() {
            self.world.count_whole_lease(site);
            let links = self.world.sites[site].links;
            if self.world.sites[site].cut_until > self.world.now {
                let after = self.world.chance.within(0..=10_000);
                self.world.plan(after, Happening::Missed(site, links));
            }
            self.reach_again(site);
        }
    }

    fn reach_again(&mut self, site: usize) {
        let until = self.world.sites[site].cut_until.max(self.world.now);
        if until < i64::MAX / 2 {
            let after = until - self.world.now + self.world.chance.within(0..=30_000);
            self.world.plan(after, Happening::Reach(site));
        }
    }

    fn reach(&mut self, site: usize) -> Result<(), Broken> {
        let own = &self.world.sites[site];
        if self.is_down || own.link_is_up {
            return Ok(());
        }
        if own.cut_until > self.world.now {
            self.reach_again(site);
            return self.tell_of_loss(site);
        }
        self.world.connect(site);
        Ok(())
    }

    /// No answer came over this link for too long, or none was made.
    fn missed(&mut self, site: usize, links: u32) -> Result<(), Broken> {
        if self.is_down || self.world.sites[site].links != links {
            return Ok(());
        }
        if self.world.sites[site].link_is_up {
            self.world.cut(site);
            self.reach_again(site);
        }
        self.tell_of_loss(site)
    }

    fn tell_of_loss(&mut self, at: usize) -> Result<(), Broken> {
        let site = self.world.sites[at].site.clone();
        self.rules.unlink(&site);
        self.handle(Event::LinkDown { site, why: "no answer".to_owned() })?;
        match self.world.sites[at].lease_is_over {
            true => self.tell_of_lease(at),
            false => Ok(()),
        }
    }

    fn lease_over(&mut self, site: usize, links: u32) -> Result<(), Broken> {
        if self.is_down || self.world.sites[site].links != links {
            return Ok(());
        }
        self.world.sites[site].lease_is_over = true;
        self.tell_of_lease(site)
    }

    fn tell_of_lease(&mut self, site: usize) -> Result<(), Broken> {
        match self.world.sites[site].site.host().cloned() {
            Some(host) => self.handle(Event::LeaseOver { host }),
            None => Ok(()),
        }
    }

    fn restart(&mut self) -> Result<(), Broken> {
        if !self.is_down {
            return Ok(());
        }
        let read = journal::read(&self.disk).map_err(|error| error.to_string())?;
        self.disk.truncate(read.sound_bytes);
        let text: String = read.entries.iter().map(|e| journal::line(e.seq, e.at, &e.fact)).collect();
        if text.as_bytes() != self.disk {
            return Err("the journal does not read back as it was written".to_owned());
        }
        let engine = Engine::replay(&read.entries).ok_or("the journal has no opening")?;
        self.rules.forget(engine.state().clone(), &read.entries);
        self.engine = weaken(engine, self.weakening);
        self.is_down = false;
        self.world.say(|| "*** a backend starts".to_owned());
        let step = self.engine.backend_started(self.world.time());
        self.save(&step.facts);
        self.rules.check(&self.engine, &step, &self.world)?;
        self.reach_out();
        Ok(())
    }

    fn chaos(&mut self, chaos: Chaos) -> Result<(), Broken> {
        self.world.say(|| format!("*** {chaos:?}"));
        match chaos {
            Chaos::Order => {
                let order = self.some_order();
                self.order(order)?;
            }
            Chaos::EditQueue => self.edit_queue(),
            Chaos::KillAgent => {
                let agents: Vec<Who> = self.world.bodies.keys().cloned().collect();
                let agent = self.world.chance.pick(&agents).clone();
                self.world.die(&agent, "killed by signal 9");
            }
            Chaos::KillAllRunners => self.kill_runners(),
            Chaos::WipeFolder => {
                let site = self.world.chance.up_to(self.world.sites.len() - 1);
                self.world.wipe(site);
            }
            Chaos::Reboot => {
                self.go_down();
                self.world.reboot(0);
            }
            Chaos::CutLink if !self.is_down => {
                self.world.cut(0);
                self.rules.unlink(&Site::Here);
                self.handle(Event::LinkDown { site: Site::Here, why: "the helper ended".to_owned() })?;
                if !self.is_down {
                    self.world.connect(0);
                }
            }
            Chaos::CutLink => {}
            Chaos::StrangerAppears => self.stranger_appears(),
            Chaos::Sleep => {
                let millis = self.world.chance.within(1..=3_600_000);
                self.world.sleep(millis);
                self.handle(Event::Slept { millis })?;
            }
            Chaos::CutHost | Chaos::HalfOpen | Chaos::RebootHost | Chaos::KillHelper | Chaos::Load => {
                self.chaos_at_host(chaos)?;
            }
        }
        Ok(())
    }

    fn chaos_at_host(&mut self, chaos: Chaos) -> Result<(), Broken> {
        let site = self.world.chance.small(1..=u32::try_from(self.world.sites.len() - 1).expect("few"));
        let site = site as usize;
        let millis = match self.world.chance.small(0..=6) {
            0 => self.world.chance.within(1..=8_000),
            1 | 2 => self.world.chance.within(9_000..=60_000),
            3 | 4 => self.world.chance.within(60_000..=900_000),
            5 => self.world.chance.within(900_000..=20_000_000),
            _ => i64::MAX,
        };
        let is_up = self.world.sites[site].link_is_up;
        match chaos {
            Chaos::CutHost if is_up => self.world.damage(site, Wire::Cut, millis),
            Chaos::HalfOpen if is_up => {
                let wire = *self.world.chance.pick(&[Wire::ToHost, Wire::FromHost]);
                self.world.damage(site, wire, millis);
            }
            Chaos::RebootHost => {
                self.world.reboot(site);
                if is_up {
                    let millis = self.world.chance.within(20_000..=300_000);
                    self.world.damage(site, Wire::Cut, millis);
                }
            }
            Chaos::KillHelper if is_up => {
                let links = self.world.sites[site].links;
                self.missed(site, links)?;
            }
            Chaos::Load => {
                let site = self.world.chance.up_to(self.world.sites.len() - 1);
                self.world.tell_load(site);
            }
            _ => {}
        }
        Ok(())
    }

    fn kill_runners(&mut self) {
        let ours = self.world.bodies.iter().filter(|(_, body)| body.ours);
        let ours: Vec<Who> = ours.map(|(agent, _)| agent.clone()).collect();
        for agent in ours {
            self.world.die(&agent, "the tmux server was killed");
        }
    }

    fn stranger_appears(&mut self) {
        let plan = &self.engine.state().opening.plan;
        let kind = plan.agents[0].id.kind();
        let agent = AgentId::new(format!("{kind}-9{}", self.world.chance.small(0..=9))).expect("a valid id");
        let body = Body::new(false, self.world.evil, &mut self.world.chance);
        let site = self.world.chance.up_to(self.world.sites.len() - 1);
        if !self.world.bodies.keys().any(|(_, known)| known == &agent) {
            let agent = (site, agent);
            self.world.bodies.insert(agent.clone(), body);
            self.world.plan(0, Happening::Act(agent, 0, Act::Rise));
        }
    }

    fn order(&mut self, order: Order) -> Result<(), Broken> {
        if self.is_down {
            return Ok(());
        }
        let before = self.engine.state().clone();
        let stops = order == Order::StopAll;
        self.world.say(|| format!("{order:?}"));
        match self.engine.order(self.world.time(), order) {
            Ok(step) if stops && step.effects.iter().any(is_offer) => {
                return Err("a run that is being stopped hands out work".to_owned());
            }
            Ok(step) => self.take(step)?,
            Err(OrderError::UnknownTask(_) | OrderError::UnknownAgent(_)) => {
                return Err("the order named what is there".to_owned());
            }
            Err(_) if self.engine.state() != &before => {
                return Err("a refused order changed the run".to_owned());
            }
            Err(_) => {}
        }
        if stops && !self.is_down {
            let more = self
                .engine
                .handle(self.world.time(), Event::Reported { site: Site::Here, report: Report::Listed });
            if more != Step::default() {
                return Err("a run that is being stopped goes on".to_owned());
            }
            self.go_down();
            self.kill_runners();
        }
        Ok(())
    }

    /// All work is one, and what was verified holds.
    fn look_at_the_result(&self, phase: RunPhase) -> Result<(), Broken> {
        let state = self.engine.state();
        let is_verified = state.verification().is_none_or(miyabi_engine::Verification::passed);
        let is_merged = state.git().is_none() || state.result().is_some();
        let fits = match phase {
            RunPhase::Completed => is_merged && is_verified,
            RunPhase::Failed => is_merged && !is_verified,
            RunPhase::Stuck => !is_merged,
            _ => phase == RunPhase::Cancelled,
        };
        if !fits {
            return Err(format!("every task is COMPLETED, and the run ended as {phase:?}"));
        }
        let Some(result) = state.result() else { return Ok(()) };
        for task in &state.tasks {
            let own = state.result_of(&task.id).ok_or("a COMPLETED task has no result")?;
            if !self.world.gits.has_all_of(&result.commit, own) {
                return Err(format!("the result does not hold the work of {}", task.id));
            }
        }
        Ok(())
    }

    /// After the last event.
    fn look_back(&self) -> Result<(), Broken> {
        let state = self.engine.state();
        let Some((phase, _)) = state.ended else {
            let reasons: Vec<_> = (0..state.tasks.len())
                .map(|task| (state.tasks[task].standing, self.engine.waiting(task)))
                .collect();
            return Err(format!("nothing happens any more, and the run has not ended: {reasons:?}"));
        };
        let all = |wanted| state.tasks.iter().all(|task| task.standing == wanted);
        if all(Standing::Completed) {
            self.look_at_the_result(phase)?;
        } else if phase == RunPhase::Completed {
            return Err(format!("the run ended as {phase:?} and its tasks did not"));
        }
        let waits = |task: &Standing| matches!(task, Standing::Waiting | Standing::BackOff(_));
        let could = |index: usize| waits(&state.tasks[index].standing) && !self.rules.is_held_back(index);
        let is_unmerged = all(Standing::Completed) && state.git().is_some() && state.result().is_none();
        if phase == RunPhase::Stuck && !is_unmerged && !(0..state.tasks.len()).any(could) {
            return Err("the run is stuck, and nothing in it could ever go on".to_owned());
        }
        if let Some((attempt, times)) = self.world.begun.iter().find(|(_, times)| **times > 1) {
            return Err(format!("{attempt} was begun {times} times"));
        }
        // One that spoke of old work while it was at new work has still to show the end of that.
        let is_done = |(site, agent): &Who| {
            let drains = state.agent(agent).is_some_and(|agent| agent.draining);
            !drains && self.world.sites[*site].link_is_up
        };
        let open = self.world.files.iter().find(|(agent, file)| is_open_claim(file) && is_done(agent));
        if let Some((agent, file)) = open {
            return Err(format!("the {:?} of {agent:?} was never acknowledged", file.status));
        }
        let entries = journal::read(&self.disk).map_err(|error| error.to_string())?.entries;
        let replayed = Engine::replay(&entries).ok_or("the journal has no opening")?;
        let opened = entries.iter().filter(|entry| matches!(entry.fact, Fact::Opened { .. })).count();
        match replayed.state() == state && opened == 1 {
            true => Ok(()),
            false => Err("the journal, replayed, does not give the live state".to_owned()),
        }
    }
}

fn is_offer(effect: &Effect) -> bool {
    matches!(effect, Effect::Send { command: Command::Offer { .. }, .. })
}

fn is_open_claim(file: &StatusFile) -> bool {
    use miyabi_protocol::AgentStatus::{Completed, Failed};
    matches!(file.status, Completed | Failed)
}
