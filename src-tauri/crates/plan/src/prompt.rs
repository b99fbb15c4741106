//! What an agent with a model is told: the plan's template, or the built-in one, filled in.
//!
//! A template comes with the plan; what is filled in may come from anybody, an agent's last words
//! among it, and is never read as a template.

use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, UndefinedBehavior};
use serde::Serialize;

/// The template that is used where the plan has none.
pub const BUILT_IN_TEMPLATE: &str = include_str!("prompt_template.md");

/// The longest prompt, in bytes.
pub const MAX_PROMPT_BYTES: usize = 512 * 1024;

/// How many steps a template may take, so that a loop in it ends.
const FUEL: u64 = 2_000_000;

/// All that a template can name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromptContext {
    /// The task.
    pub task: PromptTask,
    /// What the tasks that it needs produced.
    pub needs: Vec<PromptNeed>,
    /// The plan's rules.
    pub rules: Vec<String>,
    /// Globs of the files that it promises.
    pub outputs: Vec<String>,
    /// The commands that must succeed afterwards, as people write them.
    pub acceptance: Vec<String>,
    /// Absolute.
    pub work_folder: String,
    /// Counts from 1.
    pub attempt: u32,
    /// The attempts before this one that failed, oldest first.
    pub failures: Vec<PromptFailure>,
}

/// The task in a [`PromptContext`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptTask {
    /// As in `Task-1`.
    pub id: String,
    /// A line for people.
    pub title: String,
    /// The task's own words.
    pub prompt: String,
    /// The part of the work; may be empty.
    pub module: String,
}

/// A task that the task of a [`PromptContext`] needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptNeed {
    /// As in `Task-1`.
    pub id: String,
    /// A line for people.
    pub title: String,
    /// What it wrote, as far as is known; else what it promised.
    pub files: Vec<String>,
    /// The last words of its agent; empty when they are not known.
    pub summary: String,
}

/// An earlier attempt in a [`PromptContext`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptFailure {
    /// Counts from 1.
    pub number: u32,
    /// What was wrong with it.
    pub error: String,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TemplateError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, with the remedy.
    pub message: String,
}

/// The text that a template gives; the built-in one where there is none.
///
/// # Errors
/// [`TemplateError`] when the template is broken, names what is not there, or does not end.
pub fn render(template: Option<&str>, context: &PromptContext) -> Result<String, TemplateError> {
    let source = template.unwrap_or(BUILT_IN_TEMPLATE);
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| explain(&error))?);
    environment.set_fuel(Some(FUEL));
    let mut text = Limited(Vec::new());
    let template = environment.template_from_str(source).map_err(|error| explain(&error))?;
    template.render_captured_to(Serde(context), &mut text).map_err(|error| explain(&error))?;
    Ok(String::from_utf8_lossy(&text.0).trim_end().to_owned())
}

/// Looks whether a template can be filled in, for a first attempt and for a later one.
///
/// # Errors
/// [`TemplateError`] when it cannot.
pub fn check_template(template: &str) -> Result<(), TemplateError> {
    render(Some(template), &example(1)).and_then(|_| render(Some(template), &example(2))).map(drop)
}

fn explain(error: &Error) -> TemplateError {
    let what = error.to_string().replace(" (in <string>:", " (line ");
    let names = "it can name `task.id`, `task.title`, `task.prompt`, `task.module`, `needs` (each with `id`, `title`, `files`, `summary`), `rules`, `outputs`, `acceptance`, `work_folder`, `attempt` and `failures` (each with `number`, `error`)";
    TemplateError { line: error.line().unwrap_or(1), message: format!("{what}; {names}") }
}

/// A run that shows every part of a template.
fn example(attempt: u32) -> PromptContext {
    let some = |text: &str| vec![text.to_owned()];
    let failures = (1..attempt).map(|number| PromptFailure { number, error: "a.txt is missing".to_owned() });
    PromptContext {
        task: PromptTask {
            id: "Task-2".to_owned(),
            title: "Write a.txt".to_owned(),
            prompt: "Write the file.".to_owned(),
            module: "core".to_owned(),
        },
        needs: vec![PromptNeed {
            id: "Task-1".to_owned(),
            title: "Plan it".to_owned(),
            files: some("plan.md"),
            summary: "Planned.".to_owned(),
        }],
        rules: some("Be brief."),
        outputs: some("a.txt"),
        acceptance: some("test -s a.txt"),
        work_folder: "/work".to_owned(),
        attempt,
        failures: failures.collect(),
    }
}

/// Text up to [`MAX_PROMPT_BYTES`].
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_PROMPT_BYTES {
            return Err(io::Error::other(format!("the prompt is longer than {MAX_PROMPT_BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_template_says_all_that_there_is_to_say() {
        insta::assert_snapshot!(render(None, &example(2)).expect("renders"));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let bare = PromptContext {
            needs: Vec::new(),
            rules: Vec::new(),
            outputs: Vec::new(),
            acceptance: Vec::new(),
            ..example(1)
        };
        let text = render(None, &bare).expect("renders");
        for word in ["Rules", "before this one", "attempt", "must succeed", "counts as done when"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn a_broken_template_names_its_line_and_what_can_be_named() {
        for (template, line) in [
            ("a\n{% if task %}", 2),
            ("a\nb\n{{ taks.id }}", 3),
            ("{{ task.nmae }}", 1),
            ("\n{% include 'other' %}", 2),
            ("{% for f in failures %}\n{{ f.nothing }}\n{% endfor %}", 2),
        ] {
            let error = check_template(template).expect_err(template);
            assert_eq!(error.line, line, "{template}: {error}");
            assert!(error.message.contains("`work_folder`"), "{error}");
        }
        assert_eq!(check_template(BUILT_IN_TEMPLATE), Ok(()));
    }

    #[test]
    fn a_template_that_does_not_end_or_grows_without_end_is_stopped() {
        let many = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        for template in [many, "{{ 'x' * 900000 }}"] {
            assert!(check_template(template).is_err());
        }
    }

    #[test]
    fn what_an_agent_said_is_never_read_as_a_template() {
        let mut context = example(2);
        context.failures[0].error = "{{ task.id }} {% raw %} <b>&".to_owned();
        let text = render(Some("{{ failures[0].error }}"), &context).expect("renders");
        assert_eq!(text, "{{ task.id }} {% raw %} <b>&");
    }
}
