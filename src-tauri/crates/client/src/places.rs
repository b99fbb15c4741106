//! Which state folder a command is about.

use std::path::{Component, Path, PathBuf};

use miyabi_api::{ApiError, ErrorCode};
use miyabi_protocol::state_dir::{DEFAULT_STATE_DIR, REHEARSAL_STATE_DIR, StateDirError};

/// The state folder of a run that is to be started: the one asked for, else the default one; a
/// rehearsal has a default of its own, so that it never stands in the way of the real run.
///
/// # Errors
/// When the path cannot be made absolute.
pub fn state_dir_for(asked: Option<&Path>, rehearse: Option<f64>) -> Result<PathBuf, ApiError> {
    match (asked, rehearse) {
        (Some(path), _) => normal(path),
        (None, Some(_)) => Ok(PathBuf::from(REHEARSAL_STATE_DIR)),
        (None, None) => Ok(PathBuf::from(DEFAULT_STATE_DIR)),
    }
}

/// The absolute form without `.`, `..` and trailing slashes, so that one folder has one name for
/// its socket and session. Links are kept: a state folder that is one must be seen as one.
///
/// # Errors
/// When the path is empty or there is no current folder.
pub fn normal(path: &Path) -> Result<PathBuf, ApiError> {
    let absolute = std::path::absolute(path)
        .map_err(|error| ApiError::new(ErrorCode::BadInput, format!("{}: {error}", path.display())))?;
    let mut clean = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    Ok(clean)
}

/// A refused state folder is wrong input; one that the system would not make is the machine's.
#[must_use]
pub fn refused(error: &StateDirError) -> ApiError {
    let code = match error {
        StateDirError::Io { .. } => ErrorCode::Environment,
        StateDirError::Link(_)
        | StateDirError::NotAFolder(_)
        | StateDirError::Foreign { .. }
        | StateDirError::Relative(_) => ErrorCode::BadInput,
    };
    ApiError::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_name_however_it_is_written() {
        for text in ["/a/b", "/a/b/", "/a/./b", "/a/c/../b", "//a//b"] {
            assert_eq!(normal(Path::new(text)).expect("good"), Path::new("/a/b"), "{text}");
        }
        assert!(normal(Path::new("x")).expect("good").is_absolute());
    }

    #[test]
    fn a_rehearsal_has_a_folder_of_its_own() {
        let of = |asked: Option<&str>, speed| state_dir_for(asked.map(Path::new), speed).expect("good");
        assert_eq!(of(None, None), Path::new(DEFAULT_STATE_DIR));
        assert_eq!(of(None, Some(60.0)), Path::new(REHEARSAL_STATE_DIR));
        assert_eq!(of(Some("/x"), Some(60.0)), Path::new("/x"));
    }
}
