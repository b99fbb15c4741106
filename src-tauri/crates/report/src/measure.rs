//! Arithmetic over spans of time: how many at once, how long in all.

/// From one moment to a later one, in milliseconds; the later one does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// From when.
    pub(crate) from: i64,
    /// Until when.
    pub(crate) until: i64,
}

impl Span {
    /// A span whose end is not before its beginning.
    pub(crate) fn new(from: i64, until: i64) -> Self {
        Self { from, until: until.max(from) }
    }

    /// How long it is.
    pub(crate) fn millis(self) -> i64 {
        self.until - self.from
    }
}

/// The most spans at one moment, and the first such moment. Spans that touch do not overlap: a
/// hand-over is not two tasks at once.
pub(crate) fn most_at_once(spans: &[Span]) -> Option<(u32, i64)> {
    let mut turns: Vec<(i64, i32)> = Vec::new();
    for span in spans.iter().filter(|span| span.millis() > 0) {
        turns.push((span.from, 1));
        turns.push((span.until, -1));
    }
    // An end sorts before a beginning at the same moment.
    turns.sort_unstable();
    let mut now = 0_i32;
    let mut most = None;
    for (at, step) in turns {
        now += step;
        let count = u32::try_from(now).unwrap_or(0);
        if most.is_none_or(|(best, _)| count > best) {
            most = Some((count, at));
        }
    }
    // A span of no length overlaps nothing, and yet it was there.
    most.or_else(|| spans.iter().map(|span| span.from).min().map(|at| (1, at)))
}

/// How long at least one span goes on.
pub(crate) fn covered(spans: &[Span]) -> i64 {
    let mut sorted = spans.to_vec();
    sorted.sort_unstable();
    let mut total = 0;
    let mut reached = i64::MIN;
    for span in sorted {
        total += (span.until - span.from.max(reached)).max(0);
        reached = reached.max(span.until);
    }
    total
}

/// The length of all spans, added up.
pub(crate) fn added(spans: &[Span]) -> i64 {
    spans.iter().map(|span| span.millis()).sum()
}

/// Milliseconds as seconds.
pub(crate) fn seconds(millis: i64) -> f64 {
    let whole = std::time::Duration::from_millis(millis.unsigned_abs()).as_secs_f64();
    if millis < 0 { -whole } else { whole }
}

/// A figure with three digits after the point, so that files do not show the noise of arithmetic.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// `part / whole`, rounded; 0 where there is no whole.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { rounded(part / whole) } else { 0.0 }
}

/// How many there are.
pub(crate) fn count(items: impl IntoIterator) -> u32 {
    u32::try_from(items.into_iter().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(bounds: &[(i64, i64)]) -> Vec<Span> {
        bounds.iter().map(|(from, until)| Span::new(*from, *until)).collect()
    }

    #[test]
    fn a_hand_over_is_not_two_at_once() {
        assert_eq!(most_at_once(&spans(&[(0, 10), (10, 20)])), Some((1, 0)));
        assert_eq!(most_at_once(&spans(&[(0, 11), (10, 20)])), Some((2, 10)));
        assert_eq!(most_at_once(&spans(&[(0, 30), (5, 20), (6, 7), (25, 30)])), Some((3, 6)));
        assert_eq!(most_at_once(&[]), None);
    }

    #[test]
    fn a_task_that_took_no_time_was_there() {
        assert_eq!(most_at_once(&spans(&[(5, 5), (3, 3)])), Some((1, 3)));
        assert_eq!(
            most_at_once(&spans(&[(9, 2)])),
            Some((1, 9)),
            "an end before the beginning, as by a clock set back"
        );
    }

    #[test]
    fn overlapping_work_is_covered_once_and_added_twice() {
        let both = spans(&[(0, 10), (5, 15), (20, 25), (6, 8)]);
        assert_eq!(covered(&both), 20);
        assert_eq!(added(&both), 27);
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert!(share(5.0, 0.0).abs() < f64::EPSILON);
        assert!((share(1.0, 3.0) - 0.333).abs() < 1e-9);
        assert!((seconds(-1500) + 1.5).abs() < 1e-9);
    }
}
