//! The report as one HTML file: no script, no other file, light and dark, made to be printed.
//!
//! Every text goes through [`escape`]. The page's policy forbids scripts and any connection, so
//! that even a defect here could not make it do something.

use crate::document::{Block, Cell, Column, Mark, Part, Table, Tile, Width};
use crate::model::Report;
use crate::sections::{document, run_mark};
use crate::{merge_svg, timeline_svg, words};

const STYLE: &str = include_str!("style.css");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The report as HTML.
pub(crate) fn write(report: &Report) -> String {
    let title = escape(&words::one_line(&report.run.title));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}<main>\n{}",
        symbols(),
        header(report)
    );
    let blocks = document(report);
    let mut open = false;
    for block in &blocks {
        if let Block::Section(..) = block {
            out.push_str(if open { "</section>\n" } else { "" });
            open = true;
        }
        out.push_str(&written(block, report));
    }
    out.push_str(if open { "</section>\n" } else { "" });
    out.push_str(&footer(report));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// A text that means nothing to HTML, in an element or in a quoted attribute.
pub(crate) fn escape(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    for c in words::visible(untrusted).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

fn header(report: &Report) -> String {
    let run = &report.run;
    let mut facts = Vec::new();
    if !run.run_id.is_empty() {
        facts.push(format!("<span>Run <code>{}</code></span>", escape(&run.run_id)));
    }
    facts.extend(run.started_at.map(|at| format!("<span>began {}</span>", words::time(at))));
    facts.push(match run.ended_at {
        Some(at) => format!("<span>ended {}</span>", words::time(at)),
        None => format!("<span>as of {}</span>", words::time(run.reported_at)),
    });
    let kind = match (run.rehearsal_speed, run.ended) {
        (Some(_), true) => "Report of a rehearsal",
        (Some(_), false) => "Report of a rehearsal so far",
        (None, true) => "Final report",
        (None, false) => "Report so far",
    };
    let mark = run_mark(run.phase);
    format!(
        "<header>\n<p class=\"kind\">Miyabi Orchestra · {kind}</p>\n<h1>{}</h1>\n\
         <p class=\"facts\"><span class=\"phase {}\">{} {}</span>{}</p>\n</header>\n",
        escape(&words::one_line(&run.title)),
        mark.name(),
        icon(mark),
        words::run_phase(run.phase),
        facts.concat()
    )
}

fn footer(report: &Report) -> String {
    let source = match report.run.journal_entries {
        0 => "Made from the run's state; its journal was not at hand.".to_owned(),
        lines => format!("Made from the {lines} lines of the run's journal."),
    };
    format!("<footer>{source} Times are in UTC.</footer>\n")
}

fn written(block: &Block, report: &Report) -> String {
    match block {
        Block::Section(id, title) => format!("<section id=\"{id}\">\n<h2>{}</h2>\n", escape(title)),
        Block::Text(words) => format!("<p>{}</p>\n", escape(words)),
        Block::Banner(words) => format!("<p class=\"banner\" role=\"note\">{}</p>\n", escape(words)),
        Block::Tiles(tiles) => {
            format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.iter().map(tile).collect::<String>())
        }
        Block::Table(rows) => table(rows),
        Block::Excerpt(title, lines) => {
            let lines = escape(lines.trim_end());
            format!(
                "<figure class=\"excerpt\"><figcaption>{}</figcaption><pre>{lines}</pre></figure>\n",
                cell(title)
            )
        }
        Block::Folded { title, open, inside } => {
            let open = if *open { " open" } else { "" };
            let inside: String = inside.iter().map(|block| written(block, report)).collect();
            format!("<details{open}>\n<summary>{}</summary>\n{inside}</details>\n", escape(title))
        }
        Block::MergeHistory => merge_svg::figure(report),
        Block::Timeline => format!("<figure class=\"timeline\">\n{}</figure>\n", timeline_svg::draw(report)),
    }
}

fn tile(tile: &Tile) -> String {
    format!(
        "<div class=\"{}\"><dt>{}</dt><dd>{}</dd><dd class=\"note\">{}</dd></div>\n",
        tile.mark.name(),
        escape(tile.label),
        escape(&tile.value),
        escape(&tile.note)
    )
}

fn table(table: &Table) -> String {
    let width = match table.width {
        Width::Page => "",
        Width::Content => " class=\"narrow\"",
    };
    let heads = table
        .columns
        .iter()
        .map(|column| format!("<th scope=\"col\"{}>{}</th>", class(*column), escape(column.title())));
    let mut out = format!(
        "<div class=\"scroll\"><table{width}>\n<thead><tr>{}</tr></thead>\n<tbody>\n",
        heads.collect::<String>()
    );
    for row in &table.rows {
        let cells = table.columns.iter().zip(row);
        let cells: String =
            cells.map(|(column, content)| format!("<td{}>{}</td>", class(*column), cell(content))).collect();
        out.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    out.push_str("</tbody>\n</table></div>\n");
    out
}

fn class(column: Column) -> &'static str {
    match column {
        Column::Word(_) => " class=\"word\"",
        Column::Prose(_) => "",
        Column::Figure(_) => " class=\"figure\"",
    }
}

fn cell(cell: &Cell) -> String {
    let parts = cell.parts.iter().map(|part| match part {
        Part::Text(words) => escape(words),
        Part::Code(words) => format!("<code>{}</code>", escape(words)),
        Part::Faint(words) => format!("<span class=\"faint\">{}</span>", escape(words)),
    });
    let parts = parts.collect::<Vec<_>>().join(" ");
    match cell.mark {
        Some(mark) => format!("<span class=\"mark {}\">{}{parts}</span>", mark.name(), icon(mark)),
        None => parts,
    }
}

/// The marks, drawn once: a font may lack their characters.
fn symbols() -> String {
    let symbols = Mark::ALL.map(|mark| {
        format!("<symbol id=\"m-{}\" viewBox=\"0 0 12 12\">{}</symbol>\n", mark.name(), shape(mark))
    });
    format!(
        "<svg width=\"0\" height=\"0\" class=\"symbols\" aria-hidden=\"true\">\n{}</svg>\n",
        symbols.concat()
    )
}

fn icon(mark: Mark) -> String {
    format!("<svg class=\"icon\" aria-hidden=\"true\"><use href=\"#m-{}\"/></svg>", mark.name())
}

fn shape(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => {
            r#"<path d="M2 6.5 4.8 9.2 10 3.2" fill="none" stroke="currentColor" stroke-width="2"/>"#
        }
        Mark::Bad => r#"<path d="M2.6 2.6 9.4 9.4M9.4 2.6 2.6 9.4" stroke="currentColor" stroke-width="2"/>"#,
        Mark::Running => {
            r#"<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M6 1.8a4.2 4.2 0 0 0 0 8.4z" fill="currentColor"/>"#
        }
        Mark::Open => {
            r#"<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.6"/>"#
        }
        Mark::Stopped => r#"<rect x="2.2" y="2.2" width="7.6" height="7.6" rx="1" fill="currentColor"/>"#,
        Mark::Plain => r#"<path d="M3 6h6" stroke="currentColor" stroke-width="1.8"/>"#,
        Mark::Unknown => {
            r#"<path d="M3.8 4.2a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.5" fill="none" stroke="currentColor" stroke-width="1.6"/><circle cx="6" cy="10" r="1.1" fill="currentColor"/>"#
        }
        Mark::Critical => r#"<path d="M6 1.2 10.8 6 6 10.8 1.2 6z" fill="currentColor"/>"#,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_means_anything() {
        let hostile = "<script>alert(1)</script> \" onload='x' &amp; \u{202e}";
        let escaped = escape(hostile);
        assert_eq!(
            escaped,
            "&lt;script&gt;alert(1)&lt;/script&gt; &quot; onload=&#39;x&#39; &amp;amp; \u{fffd}"
        );
    }
}
