//! The globs under which a task promises files. Everyone who looks for outputs uses these, so that
//! the plan's checks and the evidence mean the same.

use globset::{Glob, GlobBuilder, GlobMatcher};

/// Why a text cannot be an output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// There is no text.
    #[error("An output is empty.")]
    Empty,
    /// It leads out of the work folder.
    #[error("The output `{0}` leads out of the work folder.")]
    Outside(String),
    /// It is not a glob.
    #[error("The output `{0}` is not a glob: {1}.")]
    Glob(String, String),
}

/// An output in its plain form: without a leading `./`.
///
/// # Errors
/// [`OutputError`] when it is empty, leads out of the work folder, or is not a glob.
pub fn plain_output(text: &str) -> Result<&str, OutputError> {
    let mut plain = text;
    while let Some(rest) = plain.strip_prefix("./") {
        plain = rest.trim_start_matches('/');
    }
    if plain.trim().is_empty() || plain == "." {
        return Err(OutputError::Empty);
    }
    let is_absolute = text.starts_with('/') || text.starts_with('~') || text.contains('\\');
    if is_absolute || plain.split('/').any(|part| part == "..") {
        return Err(OutputError::Outside(text.to_owned()));
    }
    glob(plain)?;
    Ok(plain)
}

/// What tells the files of an output: `*` stays within a folder, `**` goes through folders. Paths
/// are relative to the work folder, with `/` between their parts.
///
/// # Errors
/// [`OutputError`] as for [`plain_output`].
pub fn output_matcher(text: &str) -> Result<GlobMatcher, OutputError> {
    Ok(glob(plain_output(text)?)?.compile_matcher())
}

pub(crate) fn glob(plain: &str) -> Result<Glob, OutputError> {
    GlobBuilder::new(plain)
        .literal_separator(true)
        .build()
        .map_err(|error| OutputError::Glob(plain.to_owned(), error.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_stays_in_the_work_folder() {
        assert_eq!(plain_output("./a/*.py"), Ok("a/*.py"));
        assert_eq!(plain_output("a..b/c"), Ok("a..b/c"));
        for bad in ["", " ", ".", "./"] {
            assert_eq!(plain_output(bad), Err(OutputError::Empty), "{bad}");
        }
        for bad in ["/etc/passwd", "../x", "a/../../x", "~/x", ".//../x", "a\\..\\x"] {
            assert!(matches!(plain_output(bad), Err(OutputError::Outside(_))), "{bad}");
        }
        assert!(matches!(plain_output("a[/b"), Err(OutputError::Glob(..))));
    }

    #[test]
    fn a_star_stays_within_its_folder() {
        let star = output_matcher("a/*.py").expect("a glob");
        assert!(star.is_match("a/b.py") && !star.is_match("a/b/c.py"));
        assert!(output_matcher("a/**/*.py").expect("a glob").is_match("a/b/c.py"));
    }
}
