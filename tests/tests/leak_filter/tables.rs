//! Tables: of figures, which are clean, and of calls, subscribers and journeys, which are not.

use super::{
    Draw,
    disguise::{self, Disguise},
    numbers::{self, Value},
    slots::{self, Writer},
    words::{CITIES, HEADS, NAMES, STOCK, STREETS},
};

#[derive(Clone, Copy)]
enum Layout {
    Commas,
    Tabs,
    Pipes,
    Spaces,
}

const LAYOUTS: [Layout; 4] = [Layout::Commas, Layout::Tabs, Layout::Pipes, Layout::Spaces];

fn lay_out(rows: &[Vec<String>], layout: Layout) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let quoted = |cell: &String| if cell.contains(',') { format!("\"{cell}\"") } else { cell.clone() };
    let padded =
        |row: &[String]| row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect::<Vec<_>>();
    let line = |row: &Vec<String>| match layout {
        Layout::Commas => row.iter().map(quoted).collect::<Vec<_>>().join(","),
        Layout::Tabs => row.join("\t"),
        Layout::Pipes => format!("| {} |", row.join(" | ")),
        Layout::Spaces => padded(row).join("  ").trim_end().to_owned(),
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// Attendance, budget, stock, meetings, flights or rooms: five to seven columns, none of which names a person's number.
pub(crate) fn of_figures(writer: &mut Writer) -> String {
    let urdu = writer.is_urdu();
    let which = writer.draw.below(6);
    let heading: &[&str] = match (which, urdu) {
        (0, false) => &["Section", "Mon", "Tue", "Wed", "Thu", "Fri"],
        (0, true) => &["شعبہ", "پیر", "منگل", "بدھ", "جمعرات", "جمعہ"],
        (1, false) => &["Head", "Object", "Q1", "Q2", "Q3", "Q4"],
        (1, true) => &["ہیڈ", "مد", "پہلی سہ ماہی", "دوسری", "تیسری", "چوتھی"],
        (2, false) => &["S.No.", "Item", "Opening", "Issued", "Balance"],
        (2, true) => &["نمبر شمار", "شے", "ابتدائی", "جاری شدہ", "بقایا"],
        (3, false) => &["Date", "Time", "Minutes", "Room", "Members"],
        (3, true) => &["تاریخ", "وقت", "دورانیہ", "کمرہ", "ارکان"],
        (4, false) => &["Flight", "From", "To", "Dep", "Arr", "Seats"],
        (4, true) => &["پرواز", "روانگی", "منزل", "وقت", "آمد", "نشستیں"],
        (_, false) => &["Name", "Room", "Ext.", "Post"],
        (_, true) => &["نام", "کمرہ", "ایکسٹینشن", "عہدہ"],
    };
    let mut rows = vec![row(heading)];
    for at in 1..=writer.draw.between(3, 9) {
        let cells = figures(writer, which, at as usize);
        rows.push(cells);
    }
    let layout = writer.draw.pick(&LAYOUTS);
    let table = lay_out(&rows, layout);
    writer.figures(&table)
}

fn figures(writer: &mut Writer, which: usize, at: usize) -> Vec<String> {
    let urdu = writer.is_urdu();
    let draw = &mut writer.draw;
    match which {
        0 => {
            let total = draw.between(20, 140);
            let mut cells = vec![writer.fill("{office}")];
            cells.extend((0..5).map(|_| writer.draw.between(total * 3 / 4, total).to_string()));
            cells
        }
        1 => {
            let (head, english, urdu_name) = HEADS[at % HEADS.len()];
            let mut cells = row(&[head, if urdu { urdu_name } else { english }]);
            cells.extend((0..4).map(|_| slots::grouped(draw.between(80, 9000) * 1000)));
            cells
        }
        2 => {
            let (english, urdu_name) = STOCK[at % STOCK.len()];
            let opening = draw.between(20, 4800);
            let issued = draw.between(0, opening);
            let figures = [opening, issued, opening - issued].map(|figure| figure.to_string());
            let mut cells = vec![at.to_string(), if urdu { urdu_name } else { english }.to_owned()];
            cells.extend(figures);
            cells
        }
        3 => vec![
            format!("{:02}-{:02}-2026", draw.between(1, 28), draw.between(1, 12)),
            format!("{:02}:{:02}", draw.between(8, 17), draw.pick(&[0, 15, 30, 45])),
            draw.pick(&["30", "45", "60", "90", "120"]).to_owned(),
            draw.between(1, 520).to_string(),
            draw.between(3, 40).to_string(),
        ],
        4 => {
            let from = draw.below(CITIES.len());
            let to = (from + 1 + draw.below(CITIES.len() - 1)) % CITIES.len();
            let city = |at: usize| if urdu { CITIES[at].1 } else { CITIES[at].0 }.to_owned();
            let hour = draw.between(5, 20);
            vec![
                format!("PK-{}", draw.between(300, 799)),
                city(from),
                city(to),
                format!("{hour:02}:{:02}", draw.between(0, 59)),
                format!("{:02}:{:02}", hour + 2, draw.between(0, 59)),
                draw.between(48, 180).to_string(),
            ]
        }
        _ => ["{name}", "{count}", "", "{post}"]
            .map(|slot| if slot.is_empty() { writer.draw.between(200, 4999).to_string() } else { writer.fill(slot) })
            .to_vec(),
    }
}

/// How one table writes its telephone numbers: groups of the code and the number, without what comes first and stays.
#[derive(Clone, Copy)]
enum Telephone {
    National,
    Dashed,
    Country,
    Plus,
    /// As a spreadsheet leaves them that took them for numbers.
    WithoutZero,
}

fn telephone(draw: &mut Draw) -> Telephone {
    use Telephone as T;
    draw.pick(&[T::National, T::National, T::Dashed, T::Country, T::Country, T::Country, T::Plus, T::WithoutZero])
}

fn mobile(draw: &mut Draw, how: Telephone) -> Value {
    let canonical = numbers::mobile(draw).canonical;
    let (code, rest) = (canonical[1..4].to_owned(), canonical[4..].to_owned());
    let (groups, between) = match how {
        Telephone::National => (vec![format!("0{code}"), rest], ""),
        Telephone::Dashed => (vec![format!("0{code}"), rest], "-"),
        Telephone::Country => (vec!["92".to_owned(), code, rest], ""),
        Telephone::Plus => (vec!["+92".to_owned(), code, rest], ""),
        Telephone::WithoutZero => (vec![code, rest], ""),
    };
    Value { canonical, groups, between }
}

/// A table of records, and what it is: `calls 12x6`.
pub(crate) fn of_records(writer: &mut Writer, disguise: Disguise) -> (String, String) {
    let which = writer.draw.below(3);
    let count = writer.draw.between(6, 40);
    let form = Form::new(&mut writer.draw, disguise);
    let caller = writer.draw.one_in(2).then(|| mobile(&mut writer.draw, form.telephone));
    let mut rows: Vec<Vec<String>> = (0..count)
        .map(|_| match which {
            0 => form.call(writer, caller.as_ref()),
            1 => form.subscriber(writer),
            _ => form.journey(writer),
        })
        .collect();
    let columns = rows.first().map_or(0, Vec::len);
    let name = ["calls", "subscribers", "journeys"][which];
    let heading = heading(writer, which);
    if !heading.is_empty() {
        rows.insert(0, row(&heading[..columns]));
    }
    let layout = writer.draw.pick(&LAYOUTS);
    (lay_out(&rows, layout), format!("{name} {count}x{columns}"))
}

/// A right heading, none, or one of something harmless.
fn heading(writer: &mut Writer, which: usize) -> &'static [&'static str] {
    let urdu = writer.is_urdu();
    match (writer.draw.below(5), which, urdu) {
        (0 | 1, 0, false) => &["A-Number", "B-Number", "Date", "Time", "Duration", "Cell ID", "IMEI"],
        (0 | 1, 0, true) => &["کال کرنے والا", "وصول کنندہ", "تاریخ", "وقت", "دورانیہ", "سیل", "آلہ"],
        (0 | 1, 1, false) => &["MSISDN", "Name", "CNIC", "Address", "Activated"],
        (0 | 1, 1, true) => &["موبائل", "نام", "شناختی کارڈ", "پتہ", "تاریخِ اجرا"],
        (0 | 1, _, false) => &["Name", "Passport", "Flight", "Date", "From", "To", "CNIC"],
        (0 | 1, _, true) => &["نام", "پاسپورٹ", "پرواز", "تاریخ", "روانگی", "منزل", "شناختی کارڈ"],
        (2, 0, false) => &["Item", "Ref", "Received", "Hour", "Qty", "Bin", "Batch"],
        (2, 0, true) => &["شے", "حوالہ", "وصولی", "گھنٹہ", "تعداد", "خانہ", "کھیپ"],
        (2, 1, false) => &["Stock code", "Supplier", "Invoice", "Warehouse", "Delivered"],
        (2, 1, true) => &["سٹاک کوڈ", "سپلائر", "انوائس", "گودام", "ترسیل"],
        (2, _, false) => &["Author", "Book", "Shelf", "Issued", "Branch", "Returned to", "Accession"],
        (2, _, true) => &["مصنف", "کتاب", "خانہ", "اجرا", "برانچ", "واپسی", "اندراج"],
        _ => &[],
    }
}

/// How one table writes.
struct Form {
    disguise: Disguise,
    telephone: Telephone,
    /// Between the groups of identity cards.
    between: &'static str,
    /// Extra columns.
    more: bool,
    dates: usize,
}

impl Form {
    fn new(draw: &mut Draw, disguise: Disguise) -> Self {
        Self {
            disguise,
            telephone: telephone(draw),
            between: draw.pick(&["-", "-", ""]),
            more: draw.one_in(2),
            dates: draw.below(3),
        }
    }

    fn value(&self, draw: &mut Draw, value: &Value) -> String {
        disguise::value(draw, value, self.disguise).unwrap_or_else(|| value.plain())
    }

    fn card(&self, draw: &mut Draw) -> String {
        let card = Value { between: self.between, ..numbers::cnic(draw) };
        self.value(draw, &card)
    }

    fn plain(&self, draw: &mut Draw, text: String) -> String {
        if self.disguise.is_of_digits() { disguise::digits(draw, &text, self.disguise) } else { text }
    }

    fn date(&self, draw: &mut Draw) -> String {
        let (day, month, year) = (draw.between(1, 28), draw.between(1, 12), draw.between(2024, 2026));
        let date = match self.dates {
            0 => format!("{year}-{month:02}-{day:02}"),
            1 => format!("{day:02}/{month:02}/{year}"),
            _ => format!("{day:02}.{month:02}.{}", year % 100),
        };
        self.plain(draw, date)
    }

    fn call(&self, writer: &mut Writer, caller: Option<&Value>) -> Vec<String> {
        let draw = &mut writer.draw;
        let from = caller.cloned().unwrap_or_else(|| mobile(draw, self.telephone));
        let to = mobile(draw, self.telephone);
        let mut cells = vec![self.value(draw, &from), self.value(draw, &to), self.date(draw)];
        let clock = format!("{:02}:{:02}:{:02}", draw.between(0, 23), draw.between(0, 59), draw.between(0, 59));
        cells.push(self.plain(draw, clock));
        let seconds = draw.between(3, 1800).to_string();
        cells.push(self.plain(draw, seconds));
        let cell = format!("{}-{}", draw.between(10_000, 64_000), draw.between(1, 3));
        cells.push(self.plain(draw, cell));
        if self.more {
            let device = Value { between: "", ..numbers::imei(draw) };
            cells.push(self.value(draw, &device));
        }
        cells
    }

    fn subscriber(&self, writer: &mut Writer) -> Vec<String> {
        let name = writer.say(&NAMES).to_owned();
        let draw = &mut writer.draw;
        let line = mobile(draw, self.telephone);
        let mut cells = vec![self.value(draw, &line), name, self.card(draw)];
        if self.more {
            let street = draw.pick(&STREETS).to_owned();
            cells.push(self.plain(draw, street));
            cells.push(self.date(draw));
        }
        cells
    }

    fn journey(&self, writer: &mut Writer) -> Vec<String> {
        let name = writer.say(&NAMES).to_owned();
        let draw = &mut writer.draw;
        let passport = numbers::passport(draw);
        let mut cells = vec![name, self.value(draw, &passport)];
        let flight = format!("{}{}", draw.pick(&["PK", "EK", "QR", "SV"]), draw.between(200, 799));
        cells.push(self.plain(draw, flight));
        cells.push(self.date(draw));
        let (from, to) = draw.pick(&[
            ("ISB", "DXB"),
            ("LHE", "JED"),
            ("KHI", "DOH"),
            ("ISB", "LHR"),
            ("PEW", "SHJ"),
            ("DXB", "KHI"),
        ]);
        cells.extend(row(&[from, to]));
        if self.more {
            cells.push(self.card(draw));
        }
        cells
    }
}
