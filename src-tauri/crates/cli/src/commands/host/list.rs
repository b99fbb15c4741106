//! `miyabi host list`: hosts, how contact with them stands, and the names that SSH offers.

use std::fmt::Write as _;

use miyabi_api::{ApiError, ErrorCode, HostContact, HostView, RunView};
use miyabi_plan::{Choice, TransportKind};
use serde::Serialize;

use super::questions;
use crate::args::HostList;
use crate::exit::Exit;
use crate::{terminal, text};

/// What is listed.
#[derive(Debug, Serialize)]
struct Listed {
    /// Whose hosts these are, for people.
    of: Option<String>,
    hosts: Vec<HostView>,
    /// The names in `~/.ssh/config`.
    ssh_names: Vec<String>,
    #[serde(skip)]
    run: Option<RunView>,
}

/// Prints the hosts.
pub(crate) async fn list(args: &HostList) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let ssh_names = service.ssh_names().await;
    let listed = match &args.plan {
        Some(plan) => {
            let view = service.inspect_plan(plan, Choice::default(), None, None).await?;
            let Some(preview) = view.preview else {
                eprint!("{}", super::super::validate::render(&view));
                return Ok(Exit::BadInput);
            };
            Listed { of: Some(format!("plan {}", view.path)), hosts: preview.hosts, ssh_names, run: None }
        }
        None => match args.target.snapshot().await {
            Ok(snapshot) => {
                let of = Some(format!("run {}", snapshot.run.run_id));
                Listed { of, hosts: snapshot.hosts, ssh_names, run: Some(snapshot.run) }
            }
            Err(error) if error.code == ErrorCode::NoRun => {
                Listed { of: None, hosts: Vec::new(), ssh_names, run: None }
            }
            Err(error) => return Err(error),
        },
    };
    terminal::print(&if args.output.json { text::json(&listed)? } else { render(&listed) });
    Ok(Exit::Done)
}

fn render(listed: &Listed) -> String {
    let mut out = String::new();
    if let Some(of) = &listed.of {
        let mark = listed.run.as_ref().map(text::mark).unwrap_or_default();
        let _ = writeln!(out, "{mark}{}", text::clean(of));
        out.push_str(&table(&listed.hosts, listed.run.as_ref()));
    } else {
        out.push_str("no run is at work\n");
    }
    if listed.ssh_names.is_empty() {
        out.push_str("\n~/.ssh/config names no host\n");
    } else {
        let names: Vec<String> = listed.ssh_names.iter().map(|name| text::clean(name)).collect();
        let _ = writeln!(out, "\n~/.ssh/config offers {}", names.join(", "));
    }
    out.push_str("  → miyabi host test NAME   tries one out; miyabi host add NAME --plan PLAN   adds it\n");
    out
}

fn table(hosts: &[HostView], run: Option<&RunView>) -> String {
    let id = hosts.iter().map(|host| host.id.as_str().len()).max().unwrap_or(0).max(4);
    let way = hosts.iter().map(|host| reached(host).chars().count()).max().unwrap_or(0).max(10);
    let mut out = String::new();
    let head = if run.is_some() {
        format!(
            "  {:<id$}  {:<way$}  {:>7}  {:<12}  {:<9}  {:<9}  {:<8}  CLOCK",
            "HOST", "REACHED BY", "RUNNING", "LOAD", "MEMORY", "DISK", "ANSWERS"
        )
    } else {
        format!("  {:<id$}  {:<way$}  CAPACITY  LABELS", "HOST", "REACHED BY")
    };
    let _ = writeln!(out, "{}", head.trim_end());
    for host in hosts {
        let line = match run {
            Some(_) => {
                let load = host.load;
                let gib = |mib: u32| format!("{:.1} GiB", f64::from(mib) / 1024.0);
                format!(
                    "{} {:<id$}  {:<way$}  {:>7}  {:<12}  {:<9}  {:<9}  {:<8}  {}",
                    text::contact_glyph(host),
                    host.id,
                    reached(host),
                    format!("{}/{}", host.running, host.capacity),
                    load.map(|load| format!("{:.1} of {}", load.load_1m, load.cpus)).unwrap_or_default(),
                    load.map(|load| gib(load.memory_free_mib)).unwrap_or_default(),
                    load.map(|load| gib(load.disk_free_mib)).unwrap_or_default(),
                    host.round_trip_ms.map(|millis| format!("{millis:.0} ms")).unwrap_or_default(),
                    clock(host),
                )
            }
            None => format!(
                "· {:<id$}  {:<way$}  {:>8}  {}",
                host.id,
                reached(host),
                host.capacity,
                text::clean(&host.labels.join(", "))
            ),
        };
        let _ = writeln!(out, "{}", line.trim_end());
        for more in run.map(|run| remarks(host, run)).unwrap_or_default() {
            let _ = writeln!(out, "  {:<id$}  {more}", "");
        }
    }
    out
}

fn reached(host: &HostView) -> String {
    match host.transport {
        TransportKind::Local => "this machine".to_owned(),
        TransportKind::Ssh => text::short(&format!("ssh {}", host.address), 40),
        TransportKind::Command => text::short(&host.address, 40),
    }
}

fn clock(host: &HostView) -> String {
    match host.clock_ahead_seconds {
        None => String::new(),
        Some(ahead) if ahead.abs() < 1.0 => "as ours".to_owned(),
        Some(ahead) => {
            let by = text::duration(ahead.abs().round());
            format!("{by} {}", if ahead > 0.0 { "ahead" } else { "behind" })
        }
    }
}

/// What there is to say of a host besides its figures.
fn remarks(host: &HostView, run: &RunView) -> Vec<String> {
    let mut out = Vec::new();
    let contact = text::contact(host, run.now);
    if !contact.is_empty() {
        out.push(contact);
    }
    if let Some(question) = &host.question {
        out.push(format!("{}   → miyabi host answer {}", questions::line(question), host.id));
    }
    if let Some(problem) = &host.problem {
        out.push(text::clean(problem));
    }
    if host.contact == HostContact::Reconnecting && host.unverified > 0 {
        out.push(format!("→ miyabi host try {0}   miyabi host give-up {0}", host.id));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::tests::far_away;

    #[test]
    fn the_hosts_of_a_run_with_one_lost_and_one_that_asks() {
        let run = far_away();
        let listed = Listed {
            of: Some("run 20261122-153400-4f2a".to_owned()),
            hosts: run.hosts,
            ssh_names: vec!["mugen".to_owned(), "majin".to_owned()],
            run: Some(run.run),
        };
        insta::assert_snapshot!(render(&listed));
    }

    #[test]
    fn the_hosts_of_a_plan_and_a_machine_that_knows_none() {
        let run = far_away();
        let of = Some("plan p".to_owned());
        insta::assert_snapshot!(render(&Listed { of, hosts: run.hosts, ssh_names: Vec::new(), run: None }));
    }
}
