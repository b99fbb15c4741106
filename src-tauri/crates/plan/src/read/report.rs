//! The growing list of findings, and the guess what a misspelt word was meant to be.

use crate::finding::{Finding, Place, Severity};

/// The findings so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &str,
        place: Place,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (code, message, remedy) = (code.to_owned(), message.into(), remedy.into());
        self.findings.push(Finding { severity, code, place, message, remedy });
    }

    pub(crate) fn error(
        &mut self,
        code: &str,
        place: Place,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Error, code, place, message, remedy);
    }

    pub(crate) fn warning(
        &mut self,
        code: &str,
        place: Place,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Warning, code, place, message, remedy);
    }

    /// Whether there is an error at this place, or inside it.
    pub(crate) fn tells_of(&self, place: &Place) -> bool {
        let inside = |other: &Place| other.file == place.file && other.path.starts_with(&place.path);
        self.findings.iter().any(|found| found.severity == Severity::Error && inside(&found.place))
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// The known word that a text most likely was meant to be, if any is near.
pub(crate) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = text.to_ascii_lowercase();
    let allowed = (text.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|word| {
            let lower = word.to_ascii_lowercase();
            let mut distance = strsim::damerau_levenshtein(&folded, &lower);
            // `time_limit` and `estimated` were meant as the longer words that they begin.
            if folded.len() > 2 && (lower.starts_with(&folded) || folded.starts_with(&lower)) {
                distance = distance.min(1);
            }
            (distance, word)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let keys = ["needs", "title", "time_limit_seconds", "estimated_seconds"];
        assert_eq!(nearest("neds", keys), Some("needs"));
        assert_eq!(nearest("Title", keys), Some("title"));
        assert_eq!(nearest("time_limit", keys), Some("time_limit_seconds"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("task-1", ["Task-1", "Task-2"]), Some("Task-1"));
    }
}
