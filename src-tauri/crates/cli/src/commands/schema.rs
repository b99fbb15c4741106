//! `miyabi schema`: the JSON Schemas of a plan's files, for editors and other tools.

use std::collections::BTreeMap;

use miyabi_api::ApiError;
use miyabi_plan::schema::json_schemas;

use crate::args::{Schema, SchemaFile};
use crate::exit::Exit;
use crate::{terminal, text};

/// Prints one schema, or all in one object by their names.
pub(crate) fn schema(args: &Schema) -> Result<Exit, ApiError> {
    let schemas: BTreeMap<&str, _> = json_schemas().into_iter().collect();
    let wanted = match args.file {
        None => None,
        Some(SchemaFile::TaskDag) => schemas.get("task_dag.schema.json"),
        Some(SchemaFile::AgentConfig) => schemas.get("agent_config.schema.json"),
        Some(SchemaFile::Prices) => schemas.get("prices.schema.json"),
    };
    terminal::print(&match wanted {
        Some(schema) => text::json(schema)?,
        None => text::json(&schemas)?,
    });
    Ok(Exit::Done)
}
