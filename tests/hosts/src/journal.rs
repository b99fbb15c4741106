//! What a run decided, read from its journal, and what must hold of every run whatever happened to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The facts of a run, in their order.
#[derive(Debug, Clone)]
pub struct Journal(Vec<Value>, Vec<String>);

impl Journal {
    /// Reads a journal; a last line that is not whole yet is left out.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let (mut facts, mut times) = (Vec::new(), Vec::new());
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let mut entry: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            facts.push(entry["fact"].take());
            times.push(entry["at"].as_str().unwrap_or_default().to_owned());
        }
        Ok(Self(facts, times))
    }

    /// All facts of a name, as in `host_lost`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |fact| fact["fact"] == name)
    }

    /// The first fact of a name that fits, and when it was decided; as RFC 3339 text.
    #[must_use]
    pub fn first(&self, name: &str, fits: impl Fn(&Value) -> bool) -> Option<(&Value, &str)> {
        let found = self.0.iter().position(|fact| fact["fact"] == name && fits(fact))?;
        Some((&self.0[found], &self.1[found]))
    }

    /// How many facts there are of a name.
    #[must_use]
    pub fn count(&self, name: &str) -> usize {
        self.all(name).count()
    }

    /// The attempts of a task, with the agents that had them.
    #[must_use]
    pub fn attempts(&self, task: &str) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let assigned = self.all("assigned").map(|fact| (word(&fact["attempt"]), word(&fact["agent"])));
        assigned.filter(|(attempt, _)| task_of(attempt) == task).collect()
    }

    /// What must hold of every run that came to its end: each task was completed once, none before what
    /// it needs, and no attempt was begun while another one of the same task counted.
    ///
    /// # Errors
    /// With what does not hold.
    pub fn holds(&self) -> Result<()> {
        let needs = self.needs()?;
        let mut completed = BTreeSet::new();
        let mut current: BTreeMap<&str, &str> = BTreeMap::new();
        for fact in &self.0 {
            let Some(attempt) = fact["attempt"].as_str() else { continue };
            let task = task_of(attempt);
            match fact["fact"].as_str().unwrap_or_default() {
                "assigned" => {
                    let missing = needs.get(task).with_context(|| format!("{task} is not in the plan"))?;
                    let missing: Vec<_> =
                        missing.iter().filter(|need| !completed.contains(need.as_str())).collect();
                    ensure!(missing.is_empty(), "{attempt} was begun before {missing:?}");
                    ensure!(!completed.contains(task), "{attempt} was begun after the end of its task");
                    let other = current.insert(task, attempt);
                    ensure!(other.is_none(), "{attempt} was begun while {other:?} counted");
                }
                "completed" => {
                    ensure!(
                        completed.insert(task),
                        "{task} was completed twice, the second time as {attempt}"
                    );
                    ensure!(current.remove(task) == Some(attempt), "{attempt} did not count");
                }
                "attempt_failed" | "withdrawn" => drop(current.remove(task)),
                _ => {}
            }
        }
        let lost: Vec<_> = needs.keys().filter(|task| !completed.contains(task.as_str())).collect();
        ensure!(lost.is_empty(), "never completed: {lost:?}");
        Ok(())
    }

    fn needs(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let opened = self.all("opened").next().context("the journal has no opening")?;
        let tasks = opened["opening"]["plan"]["tasks"].as_array().context("tasks")?;
        let words = |value: &Value| {
            let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.map(str::to_owned).collect()
        };
        let entry =
            |task: &Value| Ok((task["id"].as_str().context("an id")?.to_owned(), words(&task["needs"])));
        // A conflict is a task of its own, which no plan names.
        let added = self.all("task_added").map(|fact| &fact["task"]);
        tasks.iter().chain(added).map(entry).collect()
    }
}

/// The task of an attempt, as `Task-2` of `Task-2.1`.
fn task_of(attempt: &str) -> &str {
    attempt.rsplit_once('.').map_or(attempt, |(task, _)| task)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn journal(facts: &[(&str, &str)]) -> Journal {
        let tasks = json!([{ "id": "a", "needs": [] }, { "id": "b", "needs": ["a"] }]);
        let opened = json!({ "fact": "opened", "opening": { "plan": { "tasks": tasks } } });
        let fact =
            |(name, attempt): &(&str, &str)| json!({ "fact": name, "attempt": attempt, "agent": "A-1" });
        Journal([opened].into_iter().chain(facts.iter().map(fact)).collect(), Vec::new())
    }

    fn refused(facts: &[(&str, &str)]) -> String {
        journal(facts).holds().expect_err("it does not hold").to_string()
    }

    #[test]
    fn a_sound_run_holds_and_every_breach_is_named() {
        let a = [("assigned", "a.1"), ("attempt_failed", "a.1"), ("assigned", "a.2"), ("completed", "a.2")];
        let sound = [&a[..], &[("assigned", "b.1"), ("completed", "b.1")]].concat();
        journal(&sound).holds().expect("sound");
        assert_eq!(journal(&sound).attempts("a").len(), 2);
        assert_eq!(refused(&[("assigned", "b.1")]), r#"b.1 was begun before ["a"]"#);
        assert_eq!(refused(&a), r#"never completed: ["b"]"#);
        let twice = [&a[..], &[("completed", "a.2")]].concat();
        assert!(refused(&twice).starts_with("a was completed twice"));
        assert!(refused(&[("assigned", "a.1"), ("assigned", "a.2")]).contains("while Some(\"a.1\") counted"));
        let late = [("assigned", "a.1"), ("withdrawn", "a.1"), ("assigned", "a.2"), ("completed", "a.1")];
        assert_eq!(refused(&late), "a.1 did not count");
    }
}
