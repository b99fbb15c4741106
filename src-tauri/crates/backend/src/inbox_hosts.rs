//! What hosts want of a person: to be given up or waited for, or an answer.

use std::fmt::Write as _;

use miyabi_api::{InboxItem, InboxKind};
use miyabi_engine::state::HostState;
use miyabi_engine::{Attempt, RunState, TaskState};
use miyabi_plan::{HostId, Site, TaskId, Usd};
use miyabi_protocol::{HostQuestion, Timestamp};

use crate::behind::Behind;
use crate::host_views::{HostsSeen, is_unverified};

/// Everything that hosts want.
pub(crate) fn items(state: &RunState, hosts: &HostsSeen, behind: &Behind) -> Vec<InboxItem> {
    let lost = state.lost_hosts().filter(|host| host.given_up.is_none());
    let lost = lost.filter_map(|host| lost_item(state, hosts, behind, host));
    let planned = &state.opening.plan.hosts;
    let asking = planned.iter().filter_map(|host| question_item(state, hosts, &host.id));
    lost.chain(asking).collect()
}

fn lost_item(state: &RunState, hosts: &HostsSeen, behind: &Behind, host: &HostState) -> Option<InboxItem> {
    let at_work: Vec<(&TaskState, &Attempt)> = state
        .tasks
        .iter()
        .filter(|task| is_unverified(state, task))
        .filter_map(|task| Some((task, task.current()?)))
        .filter(|(_, attempt)| attempt.host == host.id)
        .collect();
    if at_work.is_empty() {
        return None;
    }
    let tasks: Vec<&TaskId> = at_work.iter().map(|(task, _)| &task.id).collect();
    let names = tasks.iter().map(|task| task.as_str()).collect::<Vec<_>>().join(", ");
    let by_itself = hosts.lease_end(&state.opening.site(&host.id));
    Some(InboxItem {
        host: Some(host.id.clone()),
        what: format!("{} is lost, with {names} under way: {}", host.id, host.why),
        detail: cost_of_giving_up(host, &at_work, by_itself),
        blocks: behind.count_all(&tasks),
        answers_at: by_itself,
        ..InboxItem::new(format!("lost-{}", host.id), InboxKind::HostLost, host.since)
    })
}

fn cost_of_giving_up(
    host: &HostState,
    at_work: &[(&TaskState, &Attempt)],
    by_itself: Option<Timestamp>,
) -> String {
    let worked: i64 = at_work.iter().map(|(_, attempt)| worked_millis(attempt, host.since)).sum();
    let spent: Vec<Usd> = at_work.iter().filter_map(|(_, attempt)| attempt.usage.cost).collect();
    let mut text = format!("Giving it up loses {} of work", in_words(worked));
    if !spent.is_empty() {
        let dollars: f64 = spent.iter().map(|usd| usd.dollars()).sum();
        // Writing to a text cannot fail.
        let _ = write!(text, " and ${dollars:.2} that it cost");
    }
    text.push_str(", and runs these tasks again elsewhere, under new attempts. ");
    match by_itself {
        Some(at) => {
            let _ = write!(text, "If the host is not back by {at}, that happens by itself: the plan says so.");
        }
        None => text.push_str("Otherwise they wait for the host: it is tried again and again, and what was done there is taken."),
    }
    text
}

fn worked_millis(attempt: &Attempt, until: Timestamp) -> i64 {
    let began = attempt.started_at.map_or(0, |began| until.millis_since(began));
    (began - attempt.stood_still_millis).max(0)
}

fn in_words(millis: i64) -> String {
    match millis / 1000 {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn question_item(state: &RunState, hosts: &HostsSeen, host: &HostId) -> Option<InboxItem> {
    let site = state.opening.site(host);
    let contact = hosts.contact(&site).filter(|_| site != Site::Here)?;
    let question = contact.question.as_ref()?;
    let waits = state.agents.iter().filter(|agent| &agent.host == host);
    let waits = waits.flat_map(|agent| {
        state.tasks.iter().filter(|task| task.agent == agent.id && task.completed_at.is_none())
    });
    Some(InboxItem {
        host: Some(host.clone()),
        what: contact.problem.clone().unwrap_or_default(),
        detail: remedy(question, host),
        blocks: u32::try_from(waits.count()).unwrap_or(u32::MAX),
        ..InboxItem::new(format!("question-{host}"), InboxKind::HostQuestion, contact.since)
    })
}

fn remedy(question: &HostQuestion, host: &HostId) -> String {
    match question {
        HostQuestion::UnknownKey { fingerprint, kept_as, .. } => format!(
            "Compare {fingerprint} with what `ssh-keygen -lf` says of the key on the host itself. If they are the same, agree: it is kept as {kept_as}. In a terminal: miyabi host answer {host}"
        ),
        HostQuestion::Passphrase { .. } | HostQuestion::Password { .. } => format!(
            "What you type is kept in memory only, while this run's backend lives. In a terminal: miyabi host answer {host}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_api::HostContact;
    use miyabi_engine::{Engine, Fact};
    use miyabi_plan::{NamedText, PlanText};
    use miyabi_protocol::RunOpening;

    use crate::site::ContactSeen;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn opening() -> RunOpening {
        let dag = r#"{"name":"p","title":"P","tasks":[
            {"id":"A","title":"A","prompt":"p","agent":"X-1","needs":[],"estimated_seconds":60},
            {"id":"B","title":"B","prompt":"p","agent":"X-1","needs":["A"],"estimated_seconds":60},
            {"id":"C","title":"C","prompt":"p","agent":"X-1","needs":["B"],"estimated_seconds":60}]}"#;
        let config = r#"{"hosts":[{"id":"MUGEN","transport":"ssh","address":"mugen"}],
            "agents":[{"id":"X-1","title":"T","host":"MUGEN","runner":"command","command":["true"]}]}"#;
        let named = |file: &str, text: &str| Some(NamedText::new(file, text));
        let text = PlanText {
            tasks: named("task_dag.json", dag),
            agent_config: named("agent_config.json", config),
            ..PlanText::default()
        };
        let read = miyabi_plan::read(&text);
        RunOpening {
            run_id: "run-1".to_owned(),
            created_at: at(0),
            plan: read.plan.unwrap_or_else(|| panic!("{:?}", read.findings)),
            plan_dir: "/p".to_owned(),
            plan_hash: String::new(),
            work_folder: "/w".to_owned(),
            state_dir: "/s".to_owned(),
            session: "s".to_owned(),
            choice: miyabi_plan::Choice::default(),
            rehearse: None,
            external: false,
            checks_external: false,
            on_hosts: true,
            git: None,
        }
    }

    fn lost_at_work() -> RunState {
        let (engine, _) = Engine::open(opening(), at(0));
        let mut state = engine.state().clone();
        let attempt: miyabi_plan::AttemptId = "A.1".parse().expect("an attempt");
        let agent = "X-1".parse().expect("an agent");
        state.apply(&Fact::Assigned { attempt: attempt.clone(), agent, share: None }, at(10));
        state.apply(&Fact::Started { attempt }, at(20));
        let host = "MUGEN".parse().expect("a host");
        state.apply(&Fact::HostLost { host, why: "no answer for 10 s".to_owned() }, at(320));
        state
    }

    #[test]
    fn a_lost_host_says_what_giving_it_up_would_cost_and_what_the_plan_does() {
        let behind = Behind::new(&opening());
        let mut hosts = HostsSeen::default();
        let state = lost_at_work();
        let [item] = &items(&state, &hosts, &behind)[..] else { panic!("one item") };
        assert_eq!((item.kind, item.at, item.blocks), (InboxKind::HostLost, at(320), 2));
        assert_eq!(item.what, "MUGEN is lost, with A under way: no answer for 10 s");
        assert!(item.detail.contains("loses 5 min of work, and runs"), "{}", item.detail);
        assert!(item.detail.contains("they wait for the host"), "{}", item.detail);

        hosts.set_lease_end(&Site::There("MUGEN".parse().expect("a host")), Some(at(900)));
        let [item] = &items(&state, &hosts, &behind)[..] else { panic!("one item") };
        assert_eq!(item.answers_at, Some(at(900)));
        assert!(item.detail.contains("that happens by itself"), "{}", item.detail);

        let mut given_up = state;
        let by = miyabi_engine::GivenUpBy::Person;
        given_up.apply(&Fact::HostGivenUp { host: "MUGEN".parse().expect("a host"), by }, at(400));
        assert!(items(&given_up, &hosts, &behind).is_empty(), "nothing is left to decide");
    }

    #[test]
    fn what_a_host_asks_is_in_the_inbox_with_how_to_answer() {
        let (engine, _) = Engine::open(opening(), at(0));
        let mut hosts = HostsSeen::default();
        let question = HostQuestion::UnknownKey {
            fingerprint: "SHA256:abc".to_owned(),
            key_type: "ssh-ed25519".to_owned(),
            kept_as: "mugen in /k".to_owned(),
        };
        let contact = ContactSeen {
            word: HostContact::Refused,
            question: Some(question),
            problem: Some("the key of this host is not known".to_owned()),
            ..ContactSeen::new(at(7))
        };
        hosts.set_contact(Site::There("MUGEN".parse().expect("a host")), contact);
        let items = items(engine.state(), &hosts, &Behind::new(&opening()));
        let [item] = &items[..] else { panic!("one item: {items:?}") };
        assert_eq!((item.kind, item.at, item.blocks), (InboxKind::HostQuestion, at(7), 3));
        assert!(item.detail.contains("SHA256:abc") && item.detail.contains("miyabi host answer MUGEN"));
    }
}
