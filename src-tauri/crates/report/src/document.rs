//! What Markdown and HTML have in common: a report as sections, tables and excerpts of plain text.
//!
//! Texts stand here as they are. The renderers escape all of them, without exception.

/// A piece of the report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    /// A heading; its id is a link target.
    Section(&'static str, String),
    /// A paragraph.
    Text(String),
    /// What nobody may overlook.
    Banner(String),
    /// Figures to be seen at a glance.
    Tiles(Vec<Tile>),
    /// A table.
    Table(Table),
    /// Lines that a program printed, under a line of ours.
    Excerpt(Cell, String),
    /// What is folded away until it is opened; a line says what it is.
    Folded {
        /// The line.
        title: String,
        /// Whether it is open at first.
        open: bool,
        /// What is folded.
        inside: Vec<Block>,
    },
    /// Where the timeline stands.
    Timeline,
    /// Where the picture of the merges stands.
    MergeHistory,
}

/// A figure to be seen at a glance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tile {
    /// What it is.
    pub(crate) label: &'static str,
    /// The figure.
    pub(crate) value: String,
    /// What it is measured against.
    pub(crate) note: String,
    /// Whether it is good.
    pub(crate) mark: Mark,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// What the columns are.
    pub(crate) columns: Vec<Column>,
    /// Each as long as the columns.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// How wide it is set.
    pub(crate) width: Width,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), width: Width::Page }
    }

    /// The same without the columns in which nothing stands.
    pub(crate) fn without_empty_columns(mut self) -> Self {
        let rows = &self.rows;
        let full: Vec<bool> = (0..self.columns.len())
            .map(|at| rows.iter().any(|row| row.get(at).is_some_and(|cell| *cell != Cell::default())))
            .collect();
        let keep = |at: usize| full.get(at).copied().unwrap_or(false);
        self.columns =
            self.columns.iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, column)| *column).collect();
        for row in &mut self.rows {
            let cells = std::mem::take(row).into_iter().enumerate();
            *row = cells.filter(|(at, _)| keep(*at)).map(|(_, cell)| cell).collect();
        }
        self
    }

    /// The same, only as wide as it must be.
    pub(crate) fn narrow(self) -> Self {
        Self { width: Width::Content, ..self }
    }

    /// The same with these rows.
    pub(crate) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        self.rows.extend(rows);
        self
    }
}

/// How wide a table is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// As wide as the page.
    Page,
    /// As wide as what stands in it.
    Content,
}

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Names and words, kept on one line.
    Word(&'static str),
    /// Running text.
    Prose(&'static str),
    /// Figures, set flush right.
    Figure(&'static str),
}

impl Column {
    /// The heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Word(title) | Self::Prose(title) | Self::Figure(title) => title,
        }
    }
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cell {
    /// Its state, shown by a shape as well as a colour.
    pub(crate) mark: Option<Mark>,
    /// What stands in it, one after the other.
    pub(crate) parts: Vec<Part>,
}

/// A part of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Words.
    Text(String),
    /// A path, a glob or a command.
    Code(String),
    /// Words of less weight.
    Faint(String),
}

/// A state, by a shape as well as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// A tick.
    Good,
    /// A cross.
    Bad,
    /// A ring that is half full.
    Running,
    /// An empty ring.
    Open,
    /// A bar.
    Stopped,
    /// A dash.
    Plain,
    /// A question mark.
    Unknown,
    /// A diamond: it stands on the critical path.
    Critical,
}

impl Mark {
    /// All, as the HTML draws each of them once.
    pub(crate) const ALL: [Self; 8] = [
        Self::Good,
        Self::Bad,
        Self::Running,
        Self::Open,
        Self::Stopped,
        Self::Plain,
        Self::Unknown,
        Self::Critical,
    ];

    /// As a character.
    pub(crate) fn glyph(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Running => "◐",
            Self::Open => "○",
            Self::Stopped => "■",
            Self::Plain => "–",
            Self::Unknown => "?",
            Self::Critical => "◆",
        }
    }

    /// As a name in the HTML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Running => "running",
            Self::Open => "open",
            Self::Stopped => "stopped",
            Self::Plain => "plain",
            Self::Unknown => "unknown",
            Self::Critical => "critical",
        }
    }
}

impl Cell {
    /// Words.
    #[expect(clippy::needless_pass_by_value, reason = "ids, numbers and texts alike become cells")]
    pub(crate) fn text(text: impl ToString) -> Self {
        Self::default().and(Part::Text(text.to_string()))
    }

    /// A path, a glob or a command.
    pub(crate) fn code(text: impl Into<String>) -> Self {
        Self::default().and(Part::Code(text.into()))
    }

    /// Words under a state.
    pub(crate) fn marked(mark: Mark, text: impl ToString) -> Self {
        Self { mark: Some(mark), ..Self::text(text) }
    }

    /// The same with one more part; an empty one is left out.
    pub(crate) fn and(mut self, part: Part) -> Self {
        let (Part::Text(text) | Part::Code(text) | Part::Faint(text)) = &part;
        if !text.is_empty() {
            self.parts.push(part);
        }
        self
    }
}
