//! `miyabi report`: the report of a run, also long after its end.

use std::path::Path;

use miyabi_api::{Answer, ApiError, ErrorCode, ReportFormat, Request};
use miyabi_protocol::atomic::{self, Durability};

use crate::args::{Format, Report};
use crate::exit::Exit;
use crate::{offline, terminal};

/// Prints or writes the report.
pub(crate) async fn report(args: &Report) -> Result<Exit, ApiError> {
    let format = form(args.format, args.output.as_deref());
    let text = match args.target.connect().await {
        Ok(connection) => match connection.request(Request::Report { format }).await? {
            Answer::Report(text) => text,
            _ => return Err(ApiError::new(ErrorCode::Internal, "the backend answered without a report")),
        },
        Err(error) if error.code == ErrorCode::NoRun => {
            let run = args.target.service()?.last_run(args.target.state_dir.as_deref())?;
            offline::report(&run.ok_or(error)?, format)?
        }
        Err(error) => return Err(error),
    };
    match &args.output {
        None => terminal::print(&text),
        Some(file) => {
            atomic::write(file, text.as_bytes(), Durability::Relaxed)
                .map_err(|error| ApiError::new(ErrorCode::Environment, error.to_string()))?;
            println!("{}", file.display());
        }
    }
    Ok(Exit::Done)
}

fn form(asked: Option<Format>, file: Option<&Path>) -> ReportFormat {
    let ending = file.and_then(Path::extension).map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match (asked, ending.as_deref()) {
        (Some(format), _) => format.into(),
        (None, Some("html" | "htm")) => ReportFormat::Html,
        (None, Some("json")) => ReportFormat::Json,
        (None, _) => ReportFormat::Markdown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_flag_then_the_files_ending() {
        assert_eq!(form(None, None), ReportFormat::Markdown);
        assert_eq!(form(None, Some(Path::new("a/r.HTML"))), ReportFormat::Html);
        assert_eq!(form(Some(Format::Json), Some(Path::new("r.html"))), ReportFormat::Json);
    }
}
