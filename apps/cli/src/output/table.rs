//! Tables and aligned lists for people: columns by what is seen, not by bytes, so that Urdu names line up too.

use anstyle::{AnsiColor, Style};

use super::text;

const GAP: usize = 2;
/// No column is squeezed below this.
const NARROWEST: usize = 8;

/// One cell: text that is already plain, and how it looks.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Somebody's text: made plain here.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: text::plain(text.as_ref()).into_owned(), style: Style::new() }
    }

    /// With a look.
    pub(crate) fn styled(text: impl AsRef<str>, style: Style) -> Self {
        Self { style, ..Self::new(text) }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// With these columns.
    pub(crate) fn new<const N: usize>(heading: [&'static str; N]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    /// One more row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.to_vec());
    }

    /// The lines, at most `columns` wide where that is given.
    pub(crate) fn render(&self, columns: Option<usize>) -> String {
        let widths = self.widths(columns);
        let heading_style = Style::new().bold();
        let heading: Vec<Cell> = self.heading.iter().map(|title| Cell::styled(title, heading_style)).collect();
        let lines: Vec<String> = std::iter::once(&heading).chain(&self.rows).map(|row| line(row, &widths)).collect();
        lines.join("\n")
    }

    fn widths(&self, columns: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heading.iter().map(|title| text::width(title)).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(text::width(&cell.text));
            }
        }
        let Some(columns) = columns else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > columns {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

fn line(cells: &[Cell], widths: &[usize]) -> String {
    let mut out = String::new();
    let mut owed = 0;
    for (cell, width) in cells.iter().zip(widths) {
        let shown = text::fit(&cell.text, *width);
        if !shown.is_empty() {
            out.extend(std::iter::repeat_n(' ', owed));
            owed = 0;
            out.push_str(&paint(&shown, cell.style));
        }
        owed += width - text::width(&shown).min(*width) + GAP;
    }
    out
}

/// Keys on the left, values on the right, aligned.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    rows: Vec<(String, Cell)>,
}

impl Pairs {
    /// One more line.
    pub(crate) fn push(&mut self, key: impl Into<String>, value: impl Into<Cell>) {
        self.rows.push((key.into(), value.into()));
    }

    /// The lines.
    pub(crate) fn render(&self) -> String {
        let widest = self.rows.iter().map(|(key, _)| text::width(key)).max().unwrap_or(0);
        let lines: Vec<String> = self
            .rows
            .iter()
            .map(|(key, value)| {
                let fill = " ".repeat(widest - text::width(key) + GAP);
                let key = paint(key, Style::new().dimmed());
                format!("{key}{fill}{}", paint(&value.text, value.style)).trim_end().to_owned()
            })
            .collect();
        lines.join("\n")
    }
}

/// `text` in `style`; colours vanish on their way to anything but a terminal.
pub(crate) fn paint(text: &str, style: Style) -> String {
    if style.is_plain() { text.to_owned() } else { format!("{style}{text}{style:#}") }
}

/// Good.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Look here.
pub(crate) const CAUTION: Style = AnsiColor::Yellow.on_default();
/// Bad.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Less important.
pub(crate) const QUIET: Style = Style::new().dimmed();
/// Stands out.
pub(crate) const STRONG: Style = Style::new().bold();

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Table {
        let mut table = Table::new(["NAME", "ADDRESS", "VERIFIED"]);
        table.row(["امانت داری".into(), "amin@cabinet.example".into(), "yes".into()]);
        table.row(["Secretary".into(), "s@cabinet.example".into(), "".into()]);
        table
    }

    fn bare(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_line_up_by_what_is_seen() {
        let lines: Vec<String> = bare(&people().render(None)).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "NAME        ADDRESS               VERIFIED");
        assert_eq!(lines[1], "امانت داری  amin@cabinet.example  yes");
        assert_eq!(lines[2], "Secretary   s@cabinet.example");
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest_columns_first() {
        let rendered = bare(&people().render(Some(36)));
        assert!(rendered.lines().all(|line| text::width(line) <= 36), "{rendered}");
        assert!(rendered.contains("امانت داری") && rendered.contains('…'));
    }

    #[test]
    fn what_others_wrote_cannot_leave_its_cell() {
        let mut table = Table::new(["NAME"]);
        table.row(["evil\n\u{1b}[31mroot".into()]);
        let rendered = bare(&table.render(None));
        assert_eq!(rendered.lines().nth(1), Some("evil\\u{a}\\u{1b}[31mroot"));
    }

    #[test]
    fn pairs_align() {
        let mut pairs = Pairs::default();
        pairs.push("address", "a@b");
        pairs.push("link", "");
        assert_eq!(bare(&pairs.render()), "address  a@b\nlink");
    }
}
