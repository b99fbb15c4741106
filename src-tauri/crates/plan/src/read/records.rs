//! What the files of a plan may hold, key by key. A test holds these tables against the published
//! schemas.

use crate::finding::Severity;
use crate::read::shape::{Record, Shape, may, must};
use crate::schema::{
    MAX_DOLLARS, MAX_EXIT_CODE, MAX_FAILURES, MAX_MIB, MAX_PLACES, MAX_PORT, MAX_PORTS, MAX_RANK,
    MAX_RETRIES, MAX_SECONDS, MAX_TESTS,
};

const SECONDS: Shape = Shape::Whole { min: 1, max: MAX_SECONDS };
const PAUSE: Shape = Shape::Whole { min: 0, max: MAX_SECONDS };
const RANK: Shape = Shape::Whole { min: 0, max: MAX_RANK };
const RETRIES: Shape = Shape::Whole { min: 0, max: MAX_RETRIES };
const PLACES: Shape = Shape::Whole { min: 1, max: MAX_PLACES };
const MIB: Shape = Shape::Whole { min: 0, max: MAX_MIB };
const DOLLARS: Shape = Shape::Dollars { max: MAX_DOLLARS };
const ANSWER: Shape = Shape::Words(&["ask", "allow", "deny"]);

pub(crate) static TASK_DAG: Record = Record {
    what: "a task_dag file",
    unknown: Severity::Error,
    keys: &[
        may("$schema", Shape::Text),
        may("version", Shape::Text),
        must("name", Shape::Id),
        may("title", Shape::Text),
        may("label", Shape::Text),
        may("rules", Shape::List(&Shape::Text)),
        may("work_folder", Shape::Text),
        may("order", Shape::Words(&["priority", "critical-path"])),
        may("work_stealing", Shape::Flag),
        may("sequential_waves", Shape::List(&RANK)),
        may("git", Shape::FlagOr(&GIT)),
        may("verification", Shape::List(&Shape::Check)),
        must("tasks", Shape::Entries),
    ],
};

pub(crate) static TASK: Record = Record {
    what: "a task",
    unknown: Severity::Error,
    keys: &[
        must("id", Shape::Id),
        must("title", Shape::Text),
        must("prompt", Shape::Text),
        must("agent", Shape::Id),
        may("needs", Shape::List(&Shape::Id)),
        may("priority", RANK),
        must("estimated_seconds", SECONDS),
        may("module", Shape::Text),
        may("wave", RANK),
        may("outputs", Shape::List(&Shape::Text)),
        may("acceptance", Shape::List(&Shape::Check)),
        may("retries", RETRIES),
        may("time_limit_seconds", SECONDS),
        may("host", Shape::Id),
        may("approval", Shape::Words(&["person"])),
    ],
};

pub(crate) static CHECK: Record = Record {
    what: "a check",
    unknown: Severity::Error,
    keys: &[
        may("name", Shape::Text),
        must("run", Shape::List(&Shape::Text)),
        may("time_limit_seconds", SECONDS),
        may("exit_code", Shape::Whole { min: 0, max: MAX_EXIT_CODE }),
        may("number", Shape::Record(&NUMBER)),
        may("tests", Shape::Record(&TESTS)),
    ],
};

pub(crate) static NUMBER: Record = Record {
    what: "a bound of a number",
    unknown: Severity::Error,
    keys: &[
        may("equals", Shape::Number),
        may("about", Shape::Number),
        may("within_percent", Shape::Number),
        may("at_least", Shape::Number),
        may("at_most", Shape::Number),
    ],
};

pub(crate) static TESTS: Record = Record {
    what: "an object of tests",
    unknown: Severity::Error,
    keys: &[
        may("junit", Shape::Text),
        may("pytest", Shape::Flag),
        may("passed", Shape::Whole { min: 1, max: MAX_TESTS }),
    ],
};

pub(crate) static GIT: Record = Record {
    what: "an object of git",
    unknown: Severity::Error,
    keys: &[
        may("copy", Shape::List(&Shape::Text)),
        may("setup", Shape::List(&Shape::Check)),
        may("ports", Shape::Record(&PORTS)),
        may("remote", Shape::Text),
        may("api", Shape::Text),
        may("conflicts", Shape::Words(&["agent", "person"])),
        may("reviewer", Shape::Id),
    ],
};

pub(crate) static PORTS: Record = Record {
    what: "an object of ports",
    unknown: Severity::Error,
    keys: &[
        must("first", Shape::Whole { min: 1, max: MAX_PORT }),
        must("count", Shape::Whole { min: 1, max: MAX_PORTS }),
    ],
};

pub(crate) static AGENT_CONFIG: Record = Record {
    what: "an agent_config file",
    unknown: Severity::Error,
    keys: &[
        may("$schema", Shape::Text),
        may("version", Shape::Text),
        may("hosts", Shape::Entries),
        must("agents", Shape::Entries),
        may("limits", Shape::Record(&LIMITS)),
        may("approvals", Shape::Record(&APPROVALS)),
        may("budget", Shape::Record(&BUDGET)),
        may("fallback", Shape::Record(&FALLBACK)),
        may("failover", Shape::Text),
    ],
};

pub(crate) static HOST: Record = Record {
    what: "a host",
    unknown: Severity::Error,
    keys: &[
        must("id", Shape::Id),
        may("title", Shape::Text),
        may("transport", Shape::Words(&["local", "ssh", "command"])),
        may("address", Shape::Text),
        may("capacity", PLACES),
        may("labels", Shape::List(&Shape::Text)),
        may("command", Shape::List(&Shape::Text)),
        may("state_dir", Shape::Text),
        may("work_folder", Shape::Text),
        may("min_free_memory_mib", MIB),
        may("min_free_disk_mib", MIB),
    ],
};

pub(crate) static AGENT: Record = Record {
    what: "an agent",
    unknown: Severity::Error,
    keys: &[
        must("id", Shape::Id),
        may("title", Shape::Text),
        may("host", Shape::Id),
        must("runner", Shape::Words(&["claude", "codex", "acp", "mcp", "command", "external", "rehearsal"])),
        may("command", Shape::List(&Shape::Text)),
        may("environment", Shape::Variables),
        may("mode", Shape::Words(&["headless", "exec", "app-server", "mcp", "interactive"])),
        may("model", Shape::Text),
        may("access", Shape::Words(&["read", "edit", "full"])),
        may("account", Shape::Text),
        may("tools", Shape::Record(&TOOLS)),
    ],
};

pub(crate) static TOOLS: Record = Record {
    what: "an object of tools",
    unknown: Severity::Error,
    keys: &[must("start", Shape::Record(&TOOL)), may("reply", Shape::Record(&TOOL))],
};

pub(crate) static TOOL: Record = Record {
    what: "a tool",
    unknown: Severity::Error,
    keys: &[must("name", Shape::Text), must("arguments", Shape::Variables)],
};

pub(crate) static APPROVALS: Record = Record {
    what: "an object of approvals",
    unknown: Severity::Error,
    keys: &[
        may("default", ANSWER),
        may("rules", Shape::List(&Shape::Record(&APPROVAL_RULE))),
        may("time_out_seconds", SECONDS),
        may("on_time_out", ANSWER),
    ],
};

pub(crate) static APPROVAL_RULE: Record = Record {
    what: "an approval rule",
    unknown: Severity::Error,
    keys: &[
        must("tool", Shape::Text),
        may("pattern", Shape::Text),
        may("agent", Shape::Text),
        must("answer", ANSWER),
    ],
};

pub(crate) static BUDGET: Record = Record {
    what: "a budget",
    unknown: Severity::Error,
    keys: &[may("run_usd", DOLLARS), may("agent_usd", DOLLARS), may("task_usd", DOLLARS)],
};

pub(crate) static FALLBACK: Record = Record {
    what: "an object of fallbacks",
    unknown: Severity::Error,
    keys: &[
        may("codex_to_claude", Shape::Flag),
        may("claude_to_codex", Shape::Flag),
        may("after_failures", Shape::Whole { min: 1, max: MAX_FAILURES }),
        may("recheck_seconds", SECONDS),
    ],
};

pub(crate) static PRICES: Record = Record {
    what: "a prices file",
    unknown: Severity::Error,
    keys: &[
        may("$schema", Shape::Text),
        may("version", Shape::Text),
        may("source", Shape::Text),
        must("models", Shape::Table(&PRICE)),
    ],
};

pub(crate) static PRICE: Record = Record {
    what: "a price",
    unknown: Severity::Error,
    keys: &[must("input", DOLLARS), may("cached", DOLLARS), must("output", DOLLARS)],
};

pub(crate) static LIMITS: Record = Record {
    what: "an object of limits",
    unknown: Severity::Error,
    keys: &[
        may("parallel", PLACES),
        may("retries", RETRIES),
        may("back_off_seconds", PAUSE),
        may("back_off_max_seconds", PAUSE),
        may("time_limit_seconds", SECONDS),
        may("offer_seconds", SECONDS),
        may("silent_seconds", SECONDS),
        may("stagger_seconds", PAUSE),
        may("lost_after_seconds", SECONDS),
    ],
};

/// Other people's tools write this file, so a key too many is no error.
pub(crate) static TASK_QUEUE: Record = Record {
    what: "a task queue",
    unknown: Severity::Warning,
    keys: &[
        may("version", Shape::Anything),
        may("created_at", Shape::Anything),
        may("updated_at", Shape::Anything),
        must("tasks", Shape::Entries),
    ],
};

pub(crate) static QUEUE_TASK: Record = Record {
    what: "a task",
    unknown: Severity::Warning,
    keys: &[
        must("task_id", Shape::Id),
        must("agent", Shape::Id),
        must("description", Shape::Text),
        must("dependencies", Shape::List(&Shape::Id)),
        must("status", Shape::Text),
        must("priority", RANK),
        must("estimated_time", Shape::Seconds { min: 1, max: MAX_SECONDS }),
        may("module", Shape::Text),
        may("started_at", Shape::Anything),
        may("completed_at", Shape::Anything),
        may("error", Shape::Anything),
    ],
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The known keys and their bounds, against the published schema.
    fn compare(record: &Record, schema: &Value) {
        let properties = schema["properties"].as_object().expect("properties");
        let mut known: Vec<&str> = record.keys.iter().map(|key| key.name).collect();
        let mut published: Vec<&str> = properties.keys().map(String::as_str).collect();
        known.sort_unstable();
        published.sort_unstable();
        assert_eq!(known, published, "{}", record.what);
        let mut required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        required.sort_unstable();
        let mut must: Vec<&str> = record.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
        must.sort_unstable();
        assert_eq!(must, required, "{}", record.what);
        for key in record.keys {
            let bounds = match key.shape {
                Shape::Whole { min, max } => Some((min, max)),
                Shape::Dollars { max } => Some((0, max)),
                _ => None,
            };
            if let Some((min, max)) = bounds {
                let property = &properties[key.name];
                assert_eq!(
                    (&property["minimum"], &property["maximum"]),
                    (&json!(min), &json!(max)),
                    "{}",
                    key.name
                );
            }
        }
    }

    #[test]
    fn the_known_keys_are_those_of_the_published_schemas() {
        let schemas: Vec<Value> =
            crate::schema::json_schemas().into_iter().map(|(_, schema)| schema.to_value()).collect();
        let (dag, config, prices) = (&schemas[0], &schemas[1], &schemas[2]);
        compare(&TASK_DAG, dag);
        compare(&TASK, &dag["$defs"]["TaskEntry"]);
        compare(&CHECK, &dag["$defs"]["LimitedCheckEntry"]);
        compare(&NUMBER, &dag["$defs"]["NumberEntry"]);
        compare(&TESTS, &dag["$defs"]["TestsEntry"]);
        compare(&GIT, &dag["$defs"]["GitOptionsEntry"]);
        compare(&PORTS, &dag["$defs"]["PortsEntry"]);
        compare(&AGENT_CONFIG, config);
        compare(&HOST, &config["$defs"]["HostEntry"]);
        compare(&AGENT, &config["$defs"]["AgentEntry"]);
        compare(&LIMITS, &config["$defs"]["LimitsEntry"]);
        compare(&TOOLS, &config["$defs"]["McpToolsEntry"]);
        compare(&TOOL, &config["$defs"]["McpToolEntry"]);
        compare(&APPROVALS, &config["$defs"]["ApprovalsEntry"]);
        compare(&APPROVAL_RULE, &config["$defs"]["ApprovalRuleEntry"]);
        compare(&BUDGET, &config["$defs"]["BudgetEntry"]);
        compare(&FALLBACK, &config["$defs"]["FallbackEntry"]);
        compare(&PRICES, prices);
        compare(&PRICE, &prices["$defs"]["PriceEntry"]);
    }
}
