//! What `miyabi init` writes: a small plan that runs as it is, and whose titles say what to change.

use crate::ids::TaskId;
use crate::prompt::BUILT_IN_TEMPLATE;
use crate::schema::{AGENT_CONFIG_FILE, PROMPT_TEMPLATE_FILE, TASK_DAG_FILE, TMUX_LAYOUT_FILE};

const TASK_DAG: &str = r#"{
  "version": "1.0.0",
  "name": "@NAME@",
  "title": "Two notes written side by side, then joined: a plan to start from",
  "work_folder": "work",
  "tasks": [
    {
      "id": "Task-1",
      "title": "No needs, so it starts at once; the prompt is what the agent reads",
      "prompt": "The first note. An agent of yours would find its orders here.",
      "agent": "CG-1",
      "needs": [],
      "priority": 1,
      "estimated_seconds": 2,
      "module": "notes",
      "outputs": ["Task-1.txt"],
      "acceptance": [["test", "-s", "Task-1.txt"]]
    },
    {
      "id": "Task-2",
      "title": "Runs beside Task-1: nothing orders the two",
      "prompt": "The second note.",
      "agent": "CG-2",
      "needs": [],
      "priority": 1,
      "estimated_seconds": 2,
      "module": "notes",
      "outputs": ["Task-2.txt"],
      "acceptance": [["test", "-s", "Task-2.txt"]]
    },
    {
      "id": "Task-3",
      "title": "Waits for both; counts as done only when its acceptance commands succeed",
      "prompt": "Join the notes.",
      "agent": "CCG-1",
      "needs": ["Task-1", "Task-2"],
      "priority": 1,
      "estimated_seconds": 2,
      "module": "summary",
      "outputs": ["summary.txt"],
      "acceptance": [
        ["grep", "-q", "first note", "summary.txt"],
        ["grep", "-q", "second note", "summary.txt"]
      ]
    }
  ]
}
"#;

const AGENT_CONFIG: &str = r#"{
  "version": "1.0.0",
  "hosts": [
    { "id": "local", "title": "This machine", "transport": "local", "capacity": 4, "labels": [] }
  ],
  "agents": [
    {
      "id": "CG-1",
      "title": "Write",
      "host": "local",
      "runner": "command",
      "command": ["sh", "-c", "sleep 1; echo '::progress 0.5'; sleep 1; cat > \"$MIYABI_TASK.txt\""]
    },
    {
      "id": "CG-2",
      "title": "Write",
      "host": "local",
      "runner": "command",
      "command": ["sh", "-c", "sleep 1; echo '::progress 0.5'; sleep 1; cat > \"$MIYABI_TASK.txt\""]
    },
    {
      "id": "CCG-1",
      "title": "Join",
      "host": "local",
      "runner": "command",
      "command": ["sh", "-c", "cat Task-1.txt Task-2.txt > summary.txt"]
    }
  ],
  "limits": { "retries": 2, "back_off_seconds": 5, "back_off_max_seconds": 300 }
}
"#;

const TMUX_LAYOUT: &str = "\
# The windows between Orchestrator and Monitor, in their order:  window AGENT NAME
window CG-1 CG-1-Write
window CG-2 CG-2-Write
window CCG-1 CCG-1-Join

# Window options from a short list:  option NAME VALUE
option monitor-bell off
";

/// Stands above the built-in template; it is a comment of the template's own language.
const TEMPLATE_HEAD: &str = "\
{# What agents with a model (runner claude, codex, acp or mcp) are told, once for each attempt. This is
   the built-in text; change it, or remove the file to go back to it. In double braces stands what is
   filled in: task.id, task.title, task.prompt, task.module, needs (each with id, title, files, summary),
   rules, outputs, acceptance, work_folder, attempt, and failures (each with number, error). The exact
   text that was sent is kept with each attempt. -#}
";

/// The files of a new plan, each with its name. A name that cannot be a plan's becomes one.
#[must_use]
pub fn init_files(name: &str) -> Vec<(&'static str, String)> {
    vec![
        (TASK_DAG_FILE, TASK_DAG.replace("@NAME@", &plan_name(name))),
        (AGENT_CONFIG_FILE, AGENT_CONFIG.to_owned()),
        (TMUX_LAYOUT_FILE, TMUX_LAYOUT.to_owned()),
        (PROMPT_TEMPLATE_FILE, format!("{TEMPLATE_HEAD}{BUILT_IN_TEMPLATE}")),
    ]
}

/// The nearest valid name: other characters become `-`.
fn plan_name(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let mut name: String =
        text.chars().map(|letter| if fits(letter) { letter } else { '-' }).take(48).collect();
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name = format!("plan-{name}").chars().take(48).collect();
    }
    let name = name.trim_end_matches('-');
    if TaskId::new(name).is_ok() { name.to_owned() } else { "plan".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{NamedText, PlanText, read};

    #[test]
    fn a_new_plan_is_without_findings() {
        let mut files = init_files("demo").into_iter().map(|(file, text)| NamedText::new(file, text));
        let text = PlanText {
            default_name: None,
            tasks: files.next(),
            agent_config: files.next(),
            tmux_layout: files.next(),
            prompt_template: files.next(),
            prices: None,
        };
        let found = read(&text);
        assert_eq!(found.findings, []);
        let plan = found.plan.expect("no findings");
        assert_eq!(plan.name, "demo");
        let template = plan.prompt_template.expect("a new plan shows its template");
        assert!(template.starts_with("{#") && template.ends_with(BUILT_IN_TEMPLATE));
    }

    #[test]
    fn any_folder_name_becomes_a_plan_name() {
        for (folder, name) in
            [("demo", "demo"), ("my plan!", "my-plan"), ("2026", "plan-2026"), ("計画", "plan"), ("", "plan")]
        {
            assert_eq!(plan_name(folder), name, "{folder}");
        }
        assert!(TaskId::new(plan_name(&"9".repeat(90))).is_ok());
    }
}
