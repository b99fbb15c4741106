//! The requests to a forge, and what its answers mean.

use std::error::Error as _;
use std::time::Duration;

use http::StatusCode;
use octocrab::Octocrab;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Api, Project};
use crate::token::Token;
use crate::{ForgeError, Opened, Proposal};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// How many letters of a forge's own words are passed on.
const LETTERS: usize = 300;

/// What is asked for.
#[derive(Serialize)]
struct NewPull<'a> {
    title: &'a str,
    body: &'a str,
    head: &'a str,
    base: &'a str,
    draft: bool,
}

/// Which pull requests are listed.
#[derive(Serialize)]
struct Listed<'a> {
    state: &'a str,
    head: &'a str,
    per_page: u32,
}

/// A pull request, as much of it as we need: forges differ in the rest.
#[derive(Deserialize)]
struct Pull {
    number: u32,
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    head: Head,
}

#[derive(Default, Deserialize)]
struct Head {
    #[serde(default, rename = "ref")]
    branch: String,
}

/// Opens the pull request, or finds the one that is open.
pub(crate) async fn open(
    api: &Api,
    project: &Project,
    token: Token,
    proposal: &Proposal,
) -> Result<Opened, ForgeError> {
    let failed = |error: octocrab::Error| told(&error, api, project, proposal);
    let crab = Octocrab::builder()
        .base_uri(api.base.as_str())
        .and_then(|builder| {
            builder
                .personal_token(token.into_secret())
                .set_connect_timeout(Some(CONNECT))
                .set_read_timeout(Some(ANSWER))
                .build()
        })
        .map_err(failed)?;
    let route = format!("/repos/{}/{}/pulls", project.owner, project.name);
    if let Some(pull) = standing(&crab, &route, project, proposal).await.map_err(failed)? {
        return Ok(opened(&pull, true, api));
    }
    let wanted = NewPull {
        title: &proposal.title,
        body: &proposal.body,
        head: &proposal.branch,
        base: &proposal.base,
        draft: proposal.draft,
    };
    match crab.post::<_, Pull>(&route, Some(&wanted)).await {
        Ok(pull) => Ok(opened(&pull, false, api)),
        // Somebody was faster, or the list does not know the filter.
        Err(error) => match standing(&crab, &route, project, proposal).await {
            Ok(Some(pull)) => Ok(opened(&pull, true, api)),
            Ok(None) | Err(_) => Err(failed(error)),
        },
    }
}

/// The open pull request of the branch.
async fn standing(
    crab: &Octocrab,
    route: &str,
    project: &Project,
    proposal: &Proposal,
) -> octocrab::Result<Option<Pull>> {
    let head = format!("{}:{}", project.owner, proposal.branch);
    let listed = Listed { state: "open", head: &head, per_page: 100 };
    let pulls: Vec<Pull> = crab.get(route, Some(&listed)).await?;
    Ok(pulls.into_iter().find(|pull| pull.head.branch == proposal.branch))
}

fn opened(pull: &Pull, existed: bool, api: &Api) -> Opened {
    let shown: String = pull.html_url.chars().filter(char::is_ascii_graphic).collect();
    let url = if shown.starts_with("https://") || (api.is_plain() && shown.starts_with("http://")) {
        shown
    } else {
        String::new()
    };
    Opened { number: pull.number, url, existed }
}

/// What went wrong, in plain words.
fn told(error: &octocrab::Error, api: &Api, project: &Project, proposal: &Proposal) -> ForgeError {
    let (host, base) = (&api.host, &api.base);
    let name = format!("{}/{}", project.owner, project.name);
    let octocrab::Error::GitHub { source, .. } = error else {
        if matches!(error, octocrab::Error::Json { .. } | octocrab::Error::Serde { .. }) {
            return ForgeError::new(format!("{base} answers, but not as GitHub's API does"))
                .hint("\"git\": { \"api\": \"…\" } in task_dag.json names the right address");
        }
        return ForgeError::new(format!("{base} cannot be reached: {}", cause(error)))
            .hint("look at the network; the branch is pushed, and the command can be given again");
    };
    let words = words(&source.message, source.errors.as_deref());
    match source.status_code {
        StatusCode::UNAUTHORIZED => ForgeError::new(format!("{host} refuses the token: {words}"))
            .hint(format!("gh auth login --hostname {host}   gets a new one"))
            .hint("or replace the one in git's credential helper"),
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => ForgeError::new(format!(
            "{host} does not allow it: {words}"
        ))
        .hint("the token must have the right to open pull requests (scope `repo`); at a rate limit, wait"),
        StatusCode::NOT_FOUND => {
            ForgeError::new(format!("{host} knows no project {name}, or the token may not see it: {words}"))
                .hint(format!(
                    "git -C {} remote -v   shows where it should be",
                    proposal.repository.display()
                ))
        }
        status if status.is_redirection() => {
            ForgeError::new(format!("{name} has moved to another place on {host}"))
                .hint(format!("git remote set-url {} ADDRESS   sets the new one", proposal.remote))
        }
        StatusCode::UNPROCESSABLE_ENTITY => {
            let (branch, into) = (&proposal.branch, &proposal.base);
            ForgeError::new(format!("{host} refuses a pull request from {branch} into {into}: {words}"))
                .hint(format!("{into} must be on {host}, and {branch} must hold something that it does not"))
        }
        status => ForgeError::new(format!("{host} answers with {}: {words}", status.as_u16()))
            .hint("try again later, or look at the forge's status page"),
    }
}

/// The innermost reason: those around it only say that there is one.
fn cause(error: &octocrab::Error) -> String {
    let mut inner = error.source();
    let mut said = "no answer".to_owned();
    while let Some(error) = inner {
        said = error.to_string();
        inner = error.source();
    }
    said
}

/// A forge's own words, with what it says of single fields.
fn words(message: &str, errors: Option<&[Value]>) -> String {
    let single = errors.into_iter().flatten().filter_map(|error| {
        let text = error.get("message").or(Some(error)).and_then(Value::as_str);
        let field = error.get("field").and_then(Value::as_str);
        let code = error.get("code").and_then(Value::as_str);
        text.map(str::to_owned).or_else(|| Some(format!("{} is {}", field?, code?)))
    });
    let all: Vec<String> = std::iter::once(message.to_owned()).chain(single).collect();
    let mut text: String = all.join("; ").chars().take(LETTERS).collect();
    // A page in HTML says nothing to a person.
    if text.trim_start().starts_with('<') {
        text = "no reason is given".to_owned();
    }
    text
}
