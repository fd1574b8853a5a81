//! Tables of persons' data (protocol-spec/09-policy, section 7): call records, subscribers, travel, told by what stands in
//! their columns, not by what is written above them.
//!
//! Each cell is taken for what it looks like ([`Cell`]); a column is what at least seven in ten of its filled cells are. A
//! [`TableShape`] asks for several columns of different kinds, in any order, beside any others.

use std::{collections::BTreeMap, ops::Range};

use amanat_wire::{List, Text, code, record};

use crate::{check, find::Finding, fold::Folded, rule::Kind};

/// Shapes of one policy.
pub const SHAPES: usize = 64;
/// Columns that are looked at.
const COLUMNS: usize = 64;
/// Rows that are looked at to tell what a column is.
const ROWS: usize = 200;
/// The fewest rows of a table.
const ROWS_MIN: usize = 3;

code!(
    /// What a cell looks like.
    pub enum Cell {
        /// Nothing that is looked for.
        0 => Other,
        /// Thirteen digits of an identity card.
        1 => Card,
        /// A telephone number, mobile or not, with or without the country's code.
        2 => Phone,
        /// Fifteen digits of a handset.
        3 => Imei,
        /// Fifteen digits of a SIM.
        4 => Imsi,
        /// Two letters and seven digits.
        5 => Passport,
        /// A date, with or without a time of day.
        6 => Date,
        /// A time of day, or how long something took.
        7 => Time,
        /// Two to five words of letters.
        8 => Name,
        /// An airline's code and a number.
        9 => Flight,
        /// Three capital letters.
        10 => Airport,
        /// An e-mail address.
        11 => Email,
        /// An account, by its IBAN.
        12 => Account,
        /// A whole number of at most six digits.
        13 => Number,
    }
);

impl Cell {
    /// The name in a policy's source.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Card => "cnic",
            Self::Phone => "phone",
            Self::Imei => "imei",
            Self::Imsi => "imsi",
            Self::Passport => "passport",
            Self::Date => "date",
            Self::Time => "time",
            Self::Name => "name",
            Self::Flight => "flight",
            Self::Airport => "airport",
            Self::Email => "email",
            Self::Account => "account",
            Self::Number => "number",
        }
    }

    /// What a cell's text looks like.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let folded = Folded::new(text.trim().get(..text.trim().floor_char_boundary(CELL)).unwrap_or_default());
        let cell = folded.text();
        let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
        let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
        let only = |others: &str| cell.chars().all(|c| c.is_ascii_digit() || others.contains(c));
        if !digits.is_empty() && letters == 0 && only(" -./+()'*") && !is_date(cell) {
            return of_digits(&digits, only(""));
        }
        if cell.contains('@') {
            return if cell.split('@').count() == 2 && cell.contains('.') && !cell.contains(' ') {
                Self::Email
            } else {
                Self::Other
            };
        }
        if is_date(cell) {
            return Self::Date;
        }
        if is_time(cell) {
            return Self::Time;
        }
        let code = cell.bytes().take_while(u8::is_ascii_alphabetic).count();
        let joined: String = cell.chars().filter(|c| *c != ' ' && *c != '-').collect();
        if check::iban(&joined).is_some() {
            return Self::Account;
        }
        match (code, digits.len(), letters) {
            (2, 7, 2) if joined.len() == 9 => Self::Passport,
            (2, 2..=4, 2) if joined.len() == 2 + digits.len() => Self::Flight,
            (3, 0, 3) if text.trim().chars().all(|c| c.is_ascii_uppercase()) => Self::Airport,
            (_, 0, 4..) if is_name(cell) => Self::Name,
            _ => Self::Other,
        }
    }
}

/// Bytes of a cell that are looked at.
const CELL: usize = 120;

fn of_digits(digits: &str, plain: bool) -> Cell {
    let national = digits.trim_start_matches('0');
    let subscriber = national.strip_prefix("92").filter(|rest| rest.len() >= 9).unwrap_or(national);
    let region = digits.starts_with(|first: char| ('1'..='9').contains(&first));
    match digits.len() {
        13 if region && !digits.starts_with("92") => Cell::Card,
        15 if digits.starts_with("410") => Cell::Imsi,
        15 if check::luhn(digits) => Cell::Imei,
        9..=14 if (9..=10).contains(&subscriber.len()) => Cell::Phone,
        1..=6 if plain => Cell::Number,
        _ => Cell::Other,
    }
}

/// `2026-11-29`, `29/11/2026 14:05`, `29-Nov-26`, `29.11.2026`.
fn is_date(cell: &str) -> bool {
    let day = cell.split([' ', 't', ',']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let [first, month, last] = parts.as_slice() else { return false };
    let number =
        |part: &str, most: u32| part.len() <= 4 && part.parse::<u32>().is_ok_and(|value| (1..=most).contains(&value));
    let named = (3..=9).contains(&month.len()) && month.chars().all(|c| c.is_ascii_alphabetic());
    let year_first = first.len() == 4 && number(first, 2199) && number(last, 31);
    let year_last = (last.len() == 4 || last.len() == 2) && number(first, 31) && number(last, 2199);
    (year_first || year_last) && (named || number(month, 31))
}

/// `14:05`, `14:05:59`, `00:12:03`, `2:05 pm`.
fn is_time(cell: &str) -> bool {
    let clock = cell.trim_end_matches(" am").trim_end_matches(" pm");
    let parts: Vec<&str> = clock.split(':').collect();
    let two = |part: &&str| (1..=2).contains(&part.len()) && part.chars().all(|c| c.is_ascii_digit());
    (2..=3).contains(&parts.len()) && parts.iter().all(two)
}

fn is_name(cell: &str) -> bool {
    let words: Vec<&str> = cell.split_whitespace().collect();
    (2..=5).contains(&words.len()) && cell.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '.' | '-' | '\''))
}

record!(
    /// What makes a table one of a kind.
    pub struct TableShape {
        /// For instance `call-record`.
        name: Text<48>,
        /// Each is a column of its own, of one of these kinds.
        columns: List<List<Cell, 8>, 8>,
        /// The fewest rows that count, [`ROWS_MIN`] at least.
        rows: u32,
    }
);

impl TableShape {
    /// Whether the columns hold what the shape asks for, each in a column of its own.
    #[must_use]
    pub fn fits(&self, columns: &[Cell], rows: usize) -> bool {
        let least = usize::try_from(self.rows).unwrap_or(usize::MAX).max(ROWS_MIN);
        let wanted: Vec<&[Cell]> = self.columns.iter().map(|column| &**column).collect();
        rows >= least && !wanted.is_empty() && assign(&wanted, columns)
    }
}

/// Whether each wanted kind can have a column of its own: a matching, grown by one path after the other.
fn assign(wanted: &[&[Cell]], columns: &[Cell]) -> bool {
    let columns = columns.get(..COLUMNS.min(columns.len())).unwrap_or_default();
    let mut owners: Vec<Option<usize>> = vec![None; columns.len()];
    (0..wanted.len()).all(|want| grow(want, wanted, columns, &mut owners, &mut vec![false; columns.len()]))
}

/// Finds `want` a column, also by moving who has one to another; each column is tried once.
fn grow(want: usize, wanted: &[&[Cell]], columns: &[Cell], owners: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    let kinds = wanted.get(want).copied().unwrap_or_default();
    for (place, _) in columns.iter().enumerate().filter(|(_, column)| kinds.contains(column)) {
        if tried.get_mut(place).is_none_or(|tried| std::mem::replace(tried, true)) {
            continue;
        }
        let owner = owners.get(place).copied().flatten();
        if owner.is_none_or(|owner| grow(owner, wanted, columns, owners, tried)) {
            if let Some(slot) = owners.get_mut(place) {
                *slot = Some(want);
            }
            return true;
        }
    }
    false
}

/// What each column holds.
#[must_use]
pub fn columns<'a>(rows: impl IntoIterator<Item = &'a [&'a str]>) -> Vec<Cell> {
    let mut counts: Vec<BTreeMap<Cell, usize>> = Vec::new();
    for row in rows.into_iter().take(ROWS) {
        for (place, text) in row.iter().take(COLUMNS).enumerate() {
            if counts.len() <= place {
                counts.resize_with(place + 1, BTreeMap::new);
            }
            if let Some(column) = counts.get_mut(place).filter(|_| !text.trim().is_empty()) {
                *column.entry(Cell::of(text)).or_default() += 1;
            }
        }
    }
    let most = |column: &BTreeMap<Cell, usize>| {
        let filled: usize = column.values().sum();
        let (cell, count) = column.iter().max_by_key(|(_, count)| **count)?;
        (count * 10 >= filled * 7).then_some(*cell)
    };
    counts.iter().map(|column| most(column).unwrap_or(Cell::Other)).collect()
}

/// [POL-23] The tables in a text that have one of the shapes: lines below one another with the same number of columns.
#[must_use]
pub fn find(original: &str, shapes: &[TableShape]) -> Vec<Finding> {
    let mut found = Vec::new();
    for block in blocks(original) {
        let rows: Vec<&[&str]> = block.rows.iter().map(Vec::as_slice).collect();
        let columns = columns(rows.iter().copied());
        if let Some(shape) = shapes.iter().find(|shape| shape.fits(&columns, rows.len())) {
            found.push(finding(shape, block.range));
        }
    }
    found
}

/// What is said of a table of this shape.
fn finding(shape: &TableShape, range: Range<usize>) -> Finding {
    let value = format!("{} at {}", &*shape.name, range.start);
    Finding { kind: Kind::own(Kind::TABLE), rule: shape.name.to_string(), range, value }
}

struct Block<'a> {
    rows: Vec<Vec<&'a str>>,
    range: Range<usize>,
}

/// Neighbouring lines of at least two columns, by one separator.
fn blocks(original: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<(Separator, Block<'_>)> = Vec::new();
    let (mut start, mut open) = (0, false);
    for line in original.split('\n') {
        let range = start..start + line.len();
        start = range.end + 1;
        if line.chars().all(|c| matches!(c, '-' | '|' | '+' | '=' | ' ' | ':' | '\r')) {
            // A rule between heading and rows belongs to the table; an empty line ends it.
            open &= !line.trim().is_empty();
            continue;
        }
        if open && let Some((separator, block)) = blocks.last_mut() {
            let cells = separator.split(line);
            if block.rows.first().is_some_and(|first| first.len().abs_diff(cells.len()) <= 1) && cells.len() >= 2 {
                block.range.end = range.end;
                block.rows.push(cells);
                continue;
            }
        }
        let separator = Separator::ALL.iter().find(|separator| separator.split(line).len() >= 2);
        open = separator.is_some();
        if let Some(separator) = separator {
            blocks.push((*separator, Block { rows: vec![separator.split(line)], range }));
        }
    }
    blocks.into_iter().map(|(_, block)| block).filter(|block| block.rows.len() >= ROWS_MIN).collect()
}

#[derive(Clone, Copy)]
enum Separator {
    Char(char),
    Spaces,
}

impl Separator {
    const ALL: [Self; 6] =
        [Self::Char('\t'), Self::Char('|'), Self::Char(';'), Self::Char(','), Self::Char('،'), Self::Spaces];

    fn split<'a>(&self, line: &'a str) -> Vec<&'a str> {
        let trim = |cell: &'a str| cell.trim().trim_matches('"').trim();
        match self {
            Self::Char('|') => line.trim().trim_matches('|').split('|').take(COLUMNS).map(trim).collect(),
            Self::Char(separator) => line.split(*separator).take(COLUMNS).map(trim).collect(),
            Self::Spaces => line.trim().split("  ").map(trim).filter(|cell| !cell.is_empty()).take(COLUMNS).collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn shape(name: &str, columns: &[&[Cell]]) -> TableShape {
        let columns = columns.iter().map(|column| List::new(column.to_vec()).unwrap()).collect::<Vec<_>>();
        TableShape { name: Text::new(name).unwrap(), columns: List::new(columns).unwrap(), rows: 5 }
    }

    fn shapes() -> [TableShape; 2] {
        use Cell::{Airport, Card, Date, Flight, Imei, Imsi, Passport, Phone};
        [
            shape("call-record", &[&[Phone], &[Phone, Imei, Imsi], &[Date]]),
            shape("travel", &[&[Passport, Card], &[Date], &[Flight, Airport]]),
        ]
    }

    #[test]
    fn cells_are_what_they_look_like() {
        for (text, cell) in [
            ("35202-1234567-1", Cell::Card),
            ("۳۵۲۰۲۱۲۳۴۵۶۷۱", Cell::Card),
            ("0300-1234567", Cell::Phone),
            ("+92 300 1234567", Cell::Phone),
            ("923001234567", Cell::Phone),
            ("3001234567", Cell::Phone),
            ("051-9201234", Cell::Phone),
            ("490154203237518", Cell::Imei),
            ("410011234567890", Cell::Imsi),
            ("AB1234567", Cell::Passport),
            ("2026-11-29", Cell::Date),
            ("29/11/2026 14:05", Cell::Date),
            ("29-Nov-26", Cell::Date),
            ("14:05:59", Cell::Time),
            ("2:05 PM", Cell::Time),
            ("Muhammad Aslam", Cell::Name),
            ("محمد اسلم", Cell::Name),
            ("PK 304", Cell::Flight),
            ("ISB", Cell::Airport),
            ("someone@example.com", Cell::Email),
            ("PK36 SCBL 0000 0011 2345 6702", Cell::Account),
            ("1200", Cell::Number),
            ("1,200.50", Cell::Other),
            ("", Cell::Other),
            ("a sentence that is far too long to be a name of anybody", Cell::Other),
        ] {
            assert_eq!(Cell::of(text), cell, "{text}");
        }
    }

    // [POL-23]
    #[test]
    fn a_table_is_told_by_its_columns() {
        let rows = |separator: &str, heading: &str| {
            let row = |i: usize| {
                [
                    format!("0300-12345{i:02}"),
                    format!("0321-76543{i:02}"),
                    format!("2026-11-{:02} 10:{i:02}", i + 1),
                    format!("{i}7"),
                ]
                .join(separator)
            };
            std::iter::once(heading.to_owned()).chain((0..8).map(row)).collect::<Vec<_>>().join("\n")
        };
        for separator in [",", "\t", "|", ";", "   ", " | "] {
            for heading in ["Please see:", ["stock", "price", "week", "room"].join(separator).as_str(), ""] {
                let text = rows(separator, heading);
                let found = find(&text, &shapes());
                assert_eq!(found.len(), 1, "{separator:?} {heading:?}");
                assert_eq!(found[0].rule, "call-record");
                assert!(text[found[0].range.clone()].contains("0300-1234500"), "{separator:?} {heading:?}");
            }
        }
        let few = rows(",", "x").lines().take(4).collect::<Vec<_>>().join("\n");
        assert_eq!(find(&few, &shapes()), []);
        let budget =
            (0..9).map(|i| format!("Item {i}, 2026-11-0{i}, {i}00000, 12:0{i}")).collect::<Vec<_>>().join("\n");
        assert_eq!(find(&budget, &shapes()), []);
    }

    #[test]
    fn each_wanted_column_is_another_one() {
        let call = &shapes()[0];
        assert!(!call.fits(&[Cell::Phone, Cell::Date], 9));
        assert!(call.fits(&[Cell::Date, Cell::Other, Cell::Phone, Cell::Phone], 9));
        assert!(!call.fits(&[Cell::Date, Cell::Phone, Cell::Phone], 4));
        // The first phone column is needed for what takes phones alone.
        let travel = shape("x", &[&[Cell::Phone, Cell::Imei], &[Cell::Phone]]);
        assert!(travel.fits(&[Cell::Phone, Cell::Imei], 9) && !travel.fits(&[Cell::Phone, Cell::Date], 9));
        let many = shape("x", &[[Cell::Phone].as_slice(); 7]);
        assert!(!many.fits(&[Cell::Phone; 6], 9) && many.fits(&[Cell::Phone; 64], 9));
    }
}
