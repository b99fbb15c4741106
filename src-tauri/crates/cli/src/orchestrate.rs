//! `miyabi orchestrate`: the backend of one run, in this process.

use miyabi_api::{ApiError, ErrorCode};
use miyabi_backend::{BackendError, Options};

use crate::args::Orchestrate;
use crate::exit::Exit;

/// Serves until the run's backend has nothing left to do.
pub(crate) async fn orchestrate(args: &Orchestrate) -> Result<Exit, ApiError> {
    let environment = args.target.environment()?;
    let helpers = environment.helpers();
    let options = Options {
        state_home: environment.state_home,
        runtime_dir: environment.runtime_dir,
        run_id: args.run_id.clone(),
        miyabi_host: environment.miyabi_host,
        miyabi: environment.miyabi,
        helpers,
        owner: miyabi_backend::owner(std::env::var("USER").ok().as_deref()),
    };
    miyabi_backend::orchestrate(options).await.map_err(|error| told(&error))?;
    Ok(Exit::Done)
}

/// A backend's error, for the edge.
pub(crate) fn told(error: &BackendError) -> ApiError {
    let code = match error {
        BackendError::NoRun(_) => ErrorCode::NoRun,
        BackendError::Held { .. } => ErrorCode::Held,
        _ => ErrorCode::Environment,
    };
    ApiError::new(code, error.to_string())
}
