//! From a command's flags to the run that it is about.

use miyabi_api::{ApiError, ErrorCode, RunSnapshot};
use miyabi_client::{Connection, Environment, Service};

use crate::args::Target;
use crate::offline;

impl Target {
    /// The places of this process, as the flags change them.
    pub(crate) fn environment(&self) -> Result<Environment, ApiError> {
        let mut environment = Environment::from_process()?;
        if let Some(folder) = &self.runtime_dir {
            environment.runtime_dir.clone_from(folder);
        }
        if let Some(folder) = &self.state_home {
            environment.state_home.clone_from(folder);
        }
        Ok(environment)
    }

    /// The service over these places.
    pub(crate) fn service(&self) -> Result<Service, ApiError> {
        Ok(Service::new(self.environment()?))
    }

    /// A connection to the one run that is meant.
    pub(crate) async fn connect(&self) -> Result<Connection, ApiError> {
        let service = self.service()?;
        let state_dir = service.live_state_dir(self.state_dir.as_deref()).await?;
        service.connect(&state_dir).await
    }

    /// The run as its backend tells it, else as its journal does.
    pub(crate) async fn snapshot(&self) -> Result<RunSnapshot, ApiError> {
        match self.connect().await {
            Ok(connection) => connection.snapshot().await,
            Err(error) if error.code == ErrorCode::NoRun => {
                match self.service()?.last_run(self.state_dir.as_deref())? {
                    Some(run) => offline::snapshot(&run),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}
