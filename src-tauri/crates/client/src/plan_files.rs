//! A plan as it lies on disk: which files it is made of, their text and their hash.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miyabi_api::{ApiError, ErrorCode};
use miyabi_plan::schema::{
    AGENT_CONFIG_FILE, PRICES_FILE, PROMPT_TEMPLATE_FILE, TASK_DAG_FILE, TMUX_LAYOUT_FILE,
};
use miyabi_plan::{Finding, Place, Severity};
use sha2::{Digest as _, Sha256};

/// The tasks and their edges; what makes a folder a plan.
pub const DAG_FILE: &str = TASK_DAG_FILE;
/// Agents, hosts and limits.
pub const AGENTS_FILE: &str = AGENT_CONFIG_FILE;
/// How the tmux session looks.
pub const LAYOUT_FILE: &str = TMUX_LAYOUT_FILE;
/// What agents are told.
pub const TEMPLATE_FILE: &str = PROMPT_TEMPLATE_FILE;
/// What tokens cost.
pub const PRICE_FILE: &str = PRICES_FILE;
/// Another tool's queue, taken as a plan.
pub const QUEUE_FILE: &str = "task_queue.json";

/// The longest plan file that is read: a larger one is surely something else.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The files of a plan, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFiles {
    /// The plan's folder, absolute.
    pub folder: PathBuf,
    /// `task_dag.json` and its like, or `task_queue.json`: name and text.
    pub tasks: (String, String),
    /// `agent_config.json`, where there is one.
    pub agents: Option<String>,
    /// `tmux_layout.conf`, where there is one.
    pub layout: Option<String>,
    /// `prompt_template.md`, where there is one.
    pub template: Option<String>,
    /// `prices.json`, where there is one.
    pub prices: Option<String>,
}

impl PlanFiles {
    /// Reads a plan: a folder that holds `task_dag.json` (or `task_queue.json`), or such a file.
    ///
    /// # Errors
    /// [`ErrorCode::BadPlan`] when there is no plan, or a file of it cannot be read.
    pub fn read(path: &Path) -> Result<Self, ApiError> {
        let path = std::path::absolute(path).map_err(|error| unreadable(path, &error))?;
        let metadata = fs::metadata(&path).map_err(|error| missing(&path, &error))?;
        let (folder, name) = if metadata.is_dir() {
            let name = [DAG_FILE, QUEUE_FILE].into_iter().find(|name| path.join(name).exists());
            let name = name.ok_or_else(|| {
                ApiError::new(ErrorCode::BadPlan, format!("{} holds no {DAG_FILE}", path.display()))
                    .hint("miyabi init FOLDER   starts a new plan")
            })?;
            (path, name.to_owned())
        } else {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let folder = path.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
            (folder, name)
        };
        let text = read_text(&folder.join(&name))?;
        let optional = |name: &str| -> Result<Option<String>, ApiError> {
            let file = folder.join(name);
            if file.exists() { read_text(&file).map(Some) } else { Ok(None) }
        };
        Ok(Self {
            tasks: (name, text),
            agents: optional(AGENTS_FILE)?,
            layout: optional(LAYOUT_FILE)?,
            template: optional(TEMPLATE_FILE)?,
            prices: optional(PRICE_FILE)?,
            folder,
        })
    }

    /// SHA-256 over the names and contents of all files, in hex: what trust is bound to.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        let files = [
            Some((self.tasks.0.as_str(), self.tasks.1.as_str())),
            self.agents.as_deref().map(|text| (AGENTS_FILE, text)),
            self.layout.as_deref().map(|text| (LAYOUT_FILE, text)),
            self.template.as_deref().map(|text| (TEMPLATE_FILE, text)),
            self.prices.as_deref().map(|text| (PRICE_FILE, text)),
        ];
        for (name, text) in files.into_iter().flatten() {
            // The lengths keep a text that moves from one file to the next from hashing the same.
            digest.update((name.len() as u64).to_be_bytes());
            digest.update(name);
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        digest.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn read_text(file: &Path) -> Result<String, ApiError> {
    let metadata = fs::metadata(file).map_err(|error| unreadable(file, &error))?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        let message =
            format!("{} is no file of a plan: it is no plain file, or larger than 64 MiB", file.display());
        return Err(ApiError::new(ErrorCode::BadPlan, message));
    }
    let bytes = fs::read(file).map_err(|error| unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count();
        not_utf8(file, line)
    })
}

fn missing(path: &Path, error: &io::Error) -> ApiError {
    if error.kind() != io::ErrorKind::NotFound {
        return unreadable(path, error);
    }
    ApiError::new(ErrorCode::BadPlan, format!("there is no plan at {}", path.display()))
        .hint(format!("a plan is a folder with a {DAG_FILE}, or such a file"))
        .hint("miyabi init FOLDER   starts a new one")
}

fn unreadable(path: &Path, error: &io::Error) -> ApiError {
    ApiError::new(ErrorCode::BadPlan, format!("cannot read {}: {error}", path.display()))
}

fn not_utf8(file: &Path, line: usize) -> ApiError {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut error = ApiError::new(ErrorCode::BadPlan, format!("{}:{line} is not UTF-8 text", file.display()));
    error.findings.push(Finding {
        severity: Severity::Error,
        code: "not-utf8".to_owned(),
        place: Place { file: name, path: String::new(), line: u32::try_from(line).ok() },
        message: "The file is not UTF-8 text.".to_owned(),
        remedy: "Save it as UTF-8.".to_owned(),
    });
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    #[test]
    fn a_folder_and_its_file_are_the_same_plan() {
        let folder = plan(&[(DAG_FILE, "{}"), (AGENTS_FILE, "{ }")]);
        let from_folder = PlanFiles::read(folder.path()).expect("read");
        let from_file = PlanFiles::read(&folder.path().join(DAG_FILE)).expect("read");
        assert_eq!(from_folder, from_file);
        assert_eq!(from_folder.agents.as_deref(), Some("{ }"));
        assert_eq!(from_folder.layout, None);
    }

    #[test]
    fn a_plain_queue_is_a_plan_and_a_dag_goes_before_it() {
        let folder = plan(&[(QUEUE_FILE, "q")]);
        assert_eq!(PlanFiles::read(folder.path()).expect("read").tasks.0, QUEUE_FILE);
        fs::write(folder.path().join(DAG_FILE), "d").expect("written");
        assert_eq!(PlanFiles::read(folder.path()).expect("read").tasks.0, DAG_FILE);
    }

    #[test]
    fn the_hash_knows_every_file_and_where_one_ends() {
        let hash = |files: &[(&str, &str)]| PlanFiles::read(plan(files).path()).expect("read").hash();
        let base = hash(&[(DAG_FILE, "a"), (AGENTS_FILE, "b")]);
        assert_eq!(base.len(), 64);
        assert_eq!(base, hash(&[(DAG_FILE, "a"), (AGENTS_FILE, "b")]));
        assert_ne!(base, hash(&[(DAG_FILE, "a"), (AGENTS_FILE, "c")]));
        assert_ne!(base, hash(&[(DAG_FILE, "a"), (LAYOUT_FILE, "b")]));
        assert_ne!(base, hash(&[(DAG_FILE, "ab"), (AGENTS_FILE, "")]));
        assert_ne!(base, hash(&[(DAG_FILE, "a")]));
        for more in [LAYOUT_FILE, TEMPLATE_FILE, PRICE_FILE] {
            assert_ne!(base, hash(&[(DAG_FILE, "a"), (AGENTS_FILE, "b"), (more, "")]), "{more}");
        }
    }

    #[test]
    fn what_is_no_plan_is_told_with_its_place() {
        let error = PlanFiles::read(Path::new("/nowhere/plan")).expect_err("missing");
        assert!(error.message.contains("/nowhere/plan"), "{error}");
        assert!(PlanFiles::read(plan(&[]).path()).expect_err("empty").message.contains(DAG_FILE));
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join(DAG_FILE), b"{\n\n \xff}").expect("written");
        let error = PlanFiles::read(folder.path()).expect_err("not text");
        assert!(error.message.contains("task_dag.json:3"), "{error}");
    }
}
