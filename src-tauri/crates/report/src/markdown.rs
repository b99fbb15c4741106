//! The report as Markdown (CommonMark with GitHub's tables). Every text is escaped.

use crate::document::{Block, Cell, Column, Part, Table};
use crate::model::Report;
use crate::sections::{document, run_mark};
use crate::words;

/// The report as Markdown.
pub(crate) fn write(report: &Report) -> String {
    let run = &report.run;
    let mut out = format!("# {}\n\n", text(&run.title));
    let id = if run.run_id.is_empty() { "none yet".to_owned() } else { code(&run.run_id) };
    let began = run.started_at.map_or("not begun".to_owned(), words::time);
    let until = match (run.ended_at, run.started_at) {
        (Some(at), _) => format!(" · ended {}", words::time(at)),
        (None, Some(_)) => format!(" · as of {}", words::time(run.reported_at)),
        (None, None) => String::new(),
    };
    let phase = words::run_phase(run.phase);
    out.push_str(&format!("**{} {phase}** · run {id} · began {began}{until}\n", run_mark(run.phase).glyph()));
    for block in document(report) {
        out.push_str(&written(&block));
    }
    out
}

fn written(block: &Block) -> String {
    match block {
        Block::Section(_, title) => format!("\n## {}\n", text(title)),
        Block::Text(words) => format!("\n{}\n", text(words)),
        Block::Banner(words) => format!("\n> **{}**\n", text(words)),
        Block::Tiles(tiles) => {
            let lines = tiles.iter().map(|tile| {
                format!("- **{}:** {} ({})\n", text(tile.label), text(&tile.value), text(&tile.note))
            });
            format!("\n{}", lines.collect::<String>())
        }
        Block::Table(rows) => table(rows),
        Block::Excerpt(title, lines) => format!("\n{}\n\n{}", cell(title), fenced(lines)),
        Block::Folded { title, inside, .. } => {
            format!("\n{}:\n{}", text(title), inside.iter().map(written).collect::<String>())
        }
        Block::MergeHistory => "\nThe HTML report draws it; here is what was merged.\n".to_owned(),
        Block::Timeline => {
            "\nThe HTML report draws it; here are its figures, task by task and attempt by attempt.\n"
                .to_owned()
        }
    }
}

fn table(table: &Table) -> String {
    let heads: Vec<String> = table.columns.iter().map(|column| text(column.title())).collect();
    let rules: Vec<&str> = table
        .columns
        .iter()
        .map(|column| match column {
            Column::Figure(_) => "---:",
            Column::Word(_) | Column::Prose(_) => "---",
        })
        .collect();
    let mut out = format!("\n| {} |\n| {} |\n", heads.join(" | "), rules.join(" | "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

fn cell(cell: &Cell) -> String {
    let mark = cell.mark.map(|mark| mark.glyph().to_owned());
    let parts = cell.parts.iter().map(|part| match part {
        Part::Text(words) => text(words),
        Part::Faint(words) => format!("({})", text(words)),
        Part::Code(words) => code(words),
    });
    mark.into_iter().chain(parts).collect::<Vec<_>>().join(" ")
}

/// A text on one line that means nothing to Markdown: no markup, no link, no HTML, no new cell.
fn text(untrusted: &str) -> String {
    let line = words::one_line(untrusted);
    let characters: Vec<char> = line.chars().collect();
    let mut out = String::with_capacity(line.len());
    for (at, &c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let inside_word = before.is_some_and(|c| c.is_alphanumeric())
            && characters.get(at + 1).is_some_and(|c| c.is_alphanumeric());
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Readers of tables disagree about `\|`, and none about this.
            '|' => out.push_str("&#124;"),
            '_' if inside_word => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' | '$' => out.extend(['\\', c]),
            '-' | '+' | '=' if at == 0 => out.extend(['\\', c]),
            '.' | ')' if is_list_number(&characters, at) => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// Whether a text begins with what would be a numbered list: digits, then this, then a space.
fn is_list_number(characters: &[char], at: usize) -> bool {
    at > 0
        && characters[..at].iter().all(char::is_ascii_digit)
        && characters.get(at + 1).is_none_or(|c| *c == ' ')
}

/// A path or a command. What a code span in a table cannot hold safely is written as a text.
fn code(untrusted: &str) -> String {
    let line = words::one_line(untrusted);
    if line.is_empty() || line.contains(['|', '`', '\\']) || line != untrusted {
        return text(untrusted);
    }
    format!("`{line}`")
}

/// Printed lines between fences that are longer than any run of backticks within.
fn fenced(untrusted: &str) -> String {
    let lines = words::visible(untrusted);
    let mut longest = 0;
    let mut run = 0;
    for c in lines.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}text\n{}\n{fence}\n", lines.trim_end_matches('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_cell_and_one_line() {
        assert_eq!(text("a|b\nc"), "a&#124;b c");
        assert_eq!(text("[x](javascript:y) ![i](z)"), r"\[x\](javascript:y) \!\[i\](z)");
        assert_eq!(text("<script>&amp;"), "&lt;script&gt;&amp;amp;");
        assert_eq!(text("`a` *b* _c_ task_dag.json"), r"\`a\` \*b\* \_c\_ task_dag.json");
        assert_eq!(text("- item"), r"\- item");
        assert_eq!(text("12. item"), r"12\. item");
        assert_eq!(text("1.5 s"), "1.5 s");
    }

    #[test]
    fn code_that_could_break_out_is_a_text() {
        assert_eq!(code("src/app.py"), "`src/app.py`");
        assert_eq!(code("a|b"), "a&#124;b");
        assert_eq!(code("a`b"), r"a\`b");
        assert_eq!(code("a\nb"), "a b");
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fenced("a\n```\nb\n"), "````text\na\n```\nb\n````\n");
        assert_eq!(fenced("a"), "```text\na\n```\n");
    }
}
