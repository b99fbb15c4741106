//! `miyabi host test` and `miyabi host add`: whether a host can run agents, and then into the plan.

use std::path::Path;

use miyabi_api::{
    ApiError, ErrorCode, HostId, HostSaid, HostTest, HostWay, NewHost, TestHost, TransportKind,
};
use miyabi_client::{Environment, Service, places};
use miyabi_plan::Choice;

use super::super::doctor;
use super::questions;
use crate::args::{HostAdd, HostTest as TestArgs, WhichHost};
use crate::exit::Exit;
use crate::{terminal, text};

/// Tries a host out and prints what was found.
pub(crate) async fn test(args: &TestArgs) -> Result<Exit, ApiError> {
    let service = Service::new(Environment::from_process()?);
    let plan = args.host.plan.as_deref().map(places::normal).transpose()?;
    let way = way(&service, &args.host, plan.as_deref()).await?;
    let test = tried(&service, &args.host.name, plan.as_deref(), way).await?;
    terminal::print(&if args.output.json { text::json(&test)? } else { doctor::table(&test.lines) });
    Ok(doctor::verdict(&test.lines))
}

/// Tries a host out, and writes it into the plan.
pub(crate) async fn add(args: &HostAdd) -> Result<Exit, ApiError> {
    let service = Service::new(Environment::from_process()?);
    let plan = places::normal(args.host.plan.as_deref().unwrap_or(Path::new(".")))?;
    let way = new_way(&args.host);
    let host = new_host(args, &way)?;
    // What cannot be written need not be tested.
    let view = service.inspect_plan(&plan, Choice::default(), None, None).await?;
    let hosts = view.preview.iter().flat_map(|preview| &preview.hosts);
    if let Some(taken) = hosts.into_iter().find(|other| other.id.folded() == host.id.folded()) {
        let message = format!("the plan {} has a host {} already", plan.display(), taken.id);
        return Err(ApiError::new(ErrorCode::BadInput, message)
            .hint("--id ID   gives the new one another name")
            .hint(format!("miyabi host test {} --plan {}   tries that one out", taken.id, plan.display())));
    }
    let test = tried(&service, &args.host.name, Some(&plan), way).await?;
    terminal::print(&doctor::table(&test.lines));
    if doctor::verdict(&test.lines) != Exit::Done && !args.untested {
        let message = format!("{} is not added: it cannot run agents as it is", text::clean(&args.host.name));
        return Err(ApiError::new(ErrorCode::Environment, message).hint("--untested   adds it all the same"));
    }
    let file = service.add_host(&plan, &host).await?;
    println!("\n{} is in {} now, and no agent is placed on it yet.", host.id, file.display());
    println!("  → give agents \"host\": \"{}\", then: miyabi validate {}", host.id, plan.display());
    Ok(Exit::Done)
}

/// Tests, asks what has to be asked, and tests again.
async fn tried(
    service: &Service,
    name: &str,
    plan: Option<&Path>,
    host: HostWay,
) -> Result<HostTest, ApiError> {
    let plan = plan.map(|plan| plan.display().to_string());
    let mut asked = TestHost { plan, host, answer: None, before: Vec::new() };
    let mut open = None;
    loop {
        let test = service.test_host(asked.clone()).await?;
        if let (Some(question), Some(answer)) = (open.take(), asked.answer.take()) {
            asked.before.push(HostSaid { question, answer });
        }
        let Some(question) = test.question.clone() else { return Ok(test) };
        let Some(answer) = questions::ask(name, &question, asked.before.last().map(|said| &said.question))
        else {
            return Ok(test);
        };
        (open, asked.answer) = (Some(question), Some(answer));
    }
}

/// How the host is reached: as the plan says where it knows it, else as written here.
async fn way(service: &Service, which: &WhichHost, plan: Option<&Path>) -> Result<HostWay, ApiError> {
    let mut way = new_way(which);
    let Some(plan) = plan else { return Ok(way) };
    let view = service.inspect_plan(plan, Choice::default(), None, None).await?;
    let hosts = view.preview.map(|preview| preview.hosts).unwrap_or_default();
    if let Some(known) = hosts.iter().find(|host| host.id.folded() == which.name.to_ascii_lowercase()) {
        way.id = Some(known.id.clone());
        if which.command.is_empty() {
            way = service.way_to(plan, &known.id)?.unwrap_or(way);
        }
    }
    Ok(way)
}

fn new_way(which: &WhichHost) -> HostWay {
    let is_ssh = which.command.is_empty();
    HostWay {
        id: None,
        transport: if is_ssh { TransportKind::Ssh } else { TransportKind::Command },
        address: if is_ssh { which.name.clone() } else { String::new() },
        command: which.command.clone(),
        state_dir: which.state_dir.clone(),
    }
}

fn new_host(args: &HostAdd, way: &HostWay) -> Result<NewHost, ApiError> {
    let id = match &args.id {
        Some(id) => id.clone(),
        None => HostId::new(&args.host.name).map_err(|error| {
            ApiError::new(ErrorCode::BadInput, format!("{} is no name for a plan: {error}", args.host.name))
                .hint("--id ID   gives it one, as in --id MUGEN")
        })?,
    };
    Ok(NewHost {
        id,
        title: args.title.clone().unwrap_or_default(),
        transport: way.transport,
        address: way.address.clone(),
        command: way.command.clone(),
        capacity: args.capacity,
        labels: args.labels.clone(),
        state_dir: way.state_dir.clone(),
        work_folder: args.work_folder.clone(),
    })
}
