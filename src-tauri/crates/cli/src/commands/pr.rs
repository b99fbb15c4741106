//! `miyabi pr`: the result as a pull request.

use std::fs;

use miyabi_api::{ApiError, ErrorCode, NewPullRequest};

use crate::args::Pr;
use crate::exit::Exit;
use crate::{terminal, text};

/// Opens it.
pub(crate) async fn pr(args: Pr) -> Result<Exit, ApiError> {
    let body = match &args.body_file {
        None => args.body,
        Some(file) => fs::read_to_string(file).map_err(|error| {
            ApiError::new(ErrorCode::BadInput, format!("cannot read {}: {error}", file.display()))
        })?,
    };
    let snapshot = args.target.snapshot().await?;
    let wanted = NewPullRequest { title: args.title, body, draft: args.draft };
    let opened = args.target.service()?.open_pull_request(&snapshot, wanted).await?;
    if args.output.json {
        terminal::print(&text::json(&opened)?);
    } else {
        println!("pull request {} is open: {}", opened.number, text::clean(&opened.url));
    }
    Ok(Exit::Done)
}
