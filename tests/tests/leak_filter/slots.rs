//! What fills a sentence's `{slots}`: names, dates, sums, and the many figures of an office that are not personal data.

use super::{
    Draw,
    disguise::{self, Disguise},
    numbers,
    words::{CITIES, HEADS, MONTHS, NAMES, OFFICES, POSTS, SUBJECTS, WEEKDAYS},
};

/// The language of a sentence. Mixed ones have English figures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Urdu,
    Mixed,
}

/// Who writes: what they draw from, and how.
pub(crate) struct Writer {
    pub(crate) draw: Draw,
    pub(crate) language: Language,
    /// Urdu digits in Urdu sentences.
    pub(crate) urdu_digits: bool,
    /// The year in which it is written.
    year: u64,
    /// The sentences that were written, so that none comes twice.
    said: Vec<&'static str>,
}

impl Writer {
    /// Someone who writes in this language.
    pub(crate) fn new(mut draw: Draw, language: Language) -> Self {
        let urdu_digits = language == Language::Urdu && draw.percent(60);
        let year = draw.between(2024, 2027);
        Self { draw, language, urdu_digits, year, said: Vec::new() }
    }

    pub(crate) fn is_urdu(&self) -> bool {
        self.language == Language::Urdu
    }

    /// One of the pairs, in the writer's language.
    pub(crate) fn say(&mut self, pairs: &[(&'static str, &'static str)]) -> &'static str {
        let (english, urdu) = self.draw.pick(pairs);
        if self.is_urdu() { urdu } else { english }
    }

    /// Digits as this writer writes them.
    pub(crate) fn figures(&mut self, text: &str) -> String {
        if self.urdu_digits { disguise::digits(&mut self.draw, text, Disguise::UrduDigits) } else { text.to_owned() }
    }

    /// The template with its slots filled; a slot that does not exist stays, for `fixed` to replace.
    pub(crate) fn fill(&mut self, template: &str) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((slot, after)) = after.split_once('}') else { break };
            match self.slot(slot) {
                Some(text) => filled.push_str(&text),
                None => filled.push_str(&format!("{{{slot}}}")),
            }
            rest = after;
        }
        filled.push_str(rest);
        // A time at the end of a sentence.
        filled.replace(".m..", ".m.")
    }

    /// One of the sentences, filled; one that was not written before, if a few tries find it.
    pub(crate) fn say_new(&mut self, templates: &[&'static str]) -> String {
        let mut template = self.draw.pick(templates);
        for _ in 0..8 {
            if !self.said.contains(&template) {
                break;
            }
            template = self.draw.pick(templates);
        }
        self.said.push(template);
        self.fill(template)
    }

    fn slot(&mut self, slot: &str) -> Option<String> {
        if let Some(text) = self.word(slot) {
            return Some(text);
        }
        if let Some(text) = self.figure(slot) {
            return Some(self.figures(&text));
        }
        technical(&mut self.draw, slot)
    }

    fn word(&mut self, slot: &str) -> Option<String> {
        Some(match slot {
            "name" => self.say(&NAMES).to_owned(),
            "post" => self.say(&POSTS).to_owned(),
            "office" => self.say(&OFFICES).to_owned(),
            "subject" => self.say(&SUBJECTS).to_owned(),
            "topic" => {
                let subject = self.say(&SUBJECTS);
                // In the middle of a sentence, without the capital that a subject has.
                let mut letters = subject.chars();
                letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
            }
            "city" => self.say(&CITIES).to_owned(),
            "month" => self.say(&MONTHS).to_owned(),
            "weekday" => self.say(&WEEKDAYS).to_owned(),
            "post_box" => {
                let (city, code) =
                    self.draw.pick(&[("Islamabad", 44000), ("Lahore", 54000), ("Karachi", 74200), ("Peshawar", 25000)]);
                format!("{city}{}{code}", self.draw.pick(&["-", " ", " - "]))
            }
            _ => return None,
        })
    }

    /// Figures that are in Urdu digits if the writer uses them.
    fn figure(&mut self, slot: &str) -> Option<String> {
        let urdu = self.is_urdu();
        let draw = &mut self.draw;
        let year = if draw.one_in(4) { self.year - 1 } else { self.year };
        Some(match slot {
            "date" => date(draw, year, urdu),
            // As the head of a letter has it, after "the".
            "day" if urdu => date(draw, year, urdu),
            "day" => english_day(draw.between(1, 28), draw.between(1, 12), year),
            "time" => time(draw, urdu),
            "money" => money(draw, urdu),
            "file" => file(draw, year, urdu),
            "section" => section(draw, urdu),
            "percent" if urdu => format!("{} فیصد", draw.between(3, 99)),
            "percent" if draw.one_in(3) => format!("{}%", draw.between(3, 99)),
            "percent" => format!("{}.{:02}%", draw.between(3, 99), draw.between(1, 99)),
            "number" => {
                let most = draw.pick(&[900, 9000, 98_000]);
                grouped(draw.between(40, most))
            }
            "sheets" => grouped(draw.between(60, 2400)),
            "sum" => {
                let sum = grouped(draw.between(4, 480) * 500);
                if urdu {
                    format!("{sum} روپے")
                } else {
                    format!("{}{sum}{}", draw.pick(&["Rs. ", "Rs.", "PKR "]), draw.pick(&["", "/-"]))
                }
            }
            // In the range of Pakistan's degrees, with too few decimals for a place.
            "pair" => {
                let (a, b) = (draw.between(24, 36), draw.between(61, 76));
                format!("{a}.{:02} and {b}.{:02}", draw.between(0, 99), draw.between(0, 99))
            }
            "gate" => draw.between(2, 9).to_string(),
            "grade" => draw.between(16, 21).to_string(),
            "count" => draw.between(2, 60).to_string(),
            "year" => draw.between(2019, 2027).to_string(),
            "fiscal" => {
                let year = draw.between(21, 27);
                format!("20{year}-{}", year + 1)
            }
            "room" if urdu => format!("کمرہ نمبر {}", draw.between(1, 520)),
            "room" => {
                let number = draw.between(1, 520);
                match draw.below(4) {
                    0 => format!("Room {number}"),
                    1 => format!("R-{number}"),
                    2 => format!("Room No. {number}, {} Block", draw.pick(&["A", "B", "Q", "R", "S"])),
                    _ => format!("Committee Room {}", draw.between(1, 5)),
                }
            }
            "ext" if urdu => format!("ایکسٹینشن {}", draw.between(200, 4999)),
            "ext" => format!("{}{}", draw.pick(&["Ext. ", "ext ", "Ext: ", "extension "]), draw.between(200, 4999)),
            "help" => draw.pick(&["1122", "15", "115", "1166", "1717", "130", "1334"]).to_owned(),
            _ => return None,
        })
    }
}

fn date(draw: &mut Draw, year: u64, urdu: bool) -> String {
    let (day, month) = (draw.between(1, 28), draw.between(1, 12));
    let (english_month, urdu_month) = MONTHS[month as usize - 1];
    if urdu {
        return match draw.below(5) {
            0 | 1 => format!("{day} {urdu_month} {year}ء"),
            2 => format!("{day} {urdu_month}"),
            3 => format!("{day:02}-{month:02}-{year}"),
            _ => format!("{day}/{month}/{year}"),
        };
    }
    match draw.below(9) {
        0 => format!("{day:02}.{month:02}.{year}"),
        1 => format!("{day:02}-{month:02}-{year}"),
        2 => format!("{day}/{month}/{}", year % 100),
        3 => format!("{year}-{month:02}-{day:02}"),
        4 => english_day(day, month, year),
        5 => format!("{english_month} {day}, {year}"),
        6 => format!("{day} {} {year}", &english_month[..3]),
        7 => format!("{day:02}-{}-{}", &english_month[..3], year % 100),
        _ => format!("{} {day} {english_month}", draw.pick(&WEEKDAYS).0),
    }
}

fn time(draw: &mut Draw, urdu: bool) -> String {
    let hour = draw.between(8, 17);
    if urdu {
        return match hour {
            8..=11 => format!("صبح {hour} بجے"),
            12 => "دوپہر 12 بجے".to_owned(),
            13..=15 => format!("دوپہر {} بجے", hour - 12),
            _ => format!("شام {} بجے", hour - 12),
        };
    }
    let minute = draw.pick(&[0, 0, 15, 30, 45]);
    let twelve = if hour > 12 { hour - 12 } else { hour };
    let half = if hour >= 12 { ("p.m.", "PM") } else { ("a.m.", "AM") };
    match draw.below(4) {
        0 => format!("{twelve}:{minute:02} {}", half.0),
        1 => format!("{twelve}:{minute:02} {}", half.1),
        2 => format!("{hour:02}{minute:02} hrs"),
        _ => format!("{hour:02}:{minute:02}"),
    }
}

fn english_day(day: u64, month: u64, year: u64) -> String {
    let suffix = match day {
        1 | 21 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    format!("{day}{suffix} {}, {year}", MONTHS[month as usize - 1].0)
}

/// With commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

fn money(draw: &mut Draw, urdu: bool) -> String {
    let thousands = draw.between(5, 95_000) * 1000;
    if urdu {
        return match draw.below(4) {
            0 => format!("{} کروڑ روپے", draw.between(2, 90)),
            1 => format!("{} لاکھ روپے", draw.between(2, 90)),
            2 => format!("{} روپے", grouped(thousands)),
            _ => format!("{}.{} ارب روپے", draw.between(1, 9), draw.between(1, 9)),
        };
    }
    match draw.below(7) {
        0 => format!("Rs. {}", grouped(thousands)),
        1 => format!("Rs. {}/-", grouped(thousands)),
        2 => format!("Rs {},{:02},000/-", draw.between(2, 85), draw.between(0, 99)),
        3 => format!("PKR {}.{} billion", draw.between(1, 9), draw.between(1, 9)),
        4 => format!("Rs. {}.{:03} million", draw.between(1, 950), draw.between(0, 999)),
        5 => format!("Rs.{thousands}"),
        _ => format!("PKR {}.{:02}", grouped(draw.between(40_000, 95_000_000)), draw.between(0, 99)),
    }
}

fn file(draw: &mut Draw, year: u64, urdu: bool) -> String {
    let (a, b) = (draw.between(1, 19), draw.between(1, 60));
    if urdu {
        let form = draw.pick(&["فائل نمبر", "مراسلہ نمبر", "یو او نمبر"]);
        return if draw.one_in(2) { format!("{form} {a}-{b}/{year}") } else { format!("{form} {a}({b})/{year}") };
    }
    let wing = draw.pick(&["Admin", "E-II", "Coord", "B&A", "Budget", "IT", "Estt", "R-3"]);
    match draw.below(7) {
        0 => format!("F.No. {a}-{b}/{year}-{wing}"),
        1 => format!("F. No. {a}({b})/{year}-{wing}"),
        2 => format!("No. {a}/{b}/{year}-{wing}"),
        3 => format!("D.O. No. F.{a}-{b}/{year}"),
        4 => format!("U.O. No. {a}({b})/{year}"),
        5 => format!("I.D. No. {a}-{b}/{year}-{wing}"),
        _ => format!("No.F.{a}({b}){wing}/{year}"),
    }
}

fn section(draw: &mut Draw, urdu: bool) -> String {
    if urdu {
        return draw
            .pick(&["دفعہ 144", "آرٹیکل 19-الف", "قاعدہ 7(2)", "دفعہ 489-ایف", "شق 13", "آرٹیکل 25"])
            .to_owned();
    }
    match draw.below(6) {
        0 => format!("Section {} of the Act", draw.between(3, 490)),
        1 => format!("Article {}-A of the Constitution", draw.between(9, 27)),
        2 => format!("Rule {}({})({})", draw.between(2, 60), draw.between(1, 7), draw.pick(&["a", "b", "c"])),
        3 => format!("S.R.O. {}(I)/{}", draw.between(100, 1950), draw.between(2019, 2027)),
        4 => format!("para {}.{} of the PC-I", draw.between(1, 9), draw.between(1, 20)),
        _ => format!("clause {}.{}.{}", draw.between(2, 14), draw.between(1, 9), draw.between(1, 9)),
    }
}

/// Codes that every writer writes in Latin letters and digits.
fn technical(draw: &mut Draw, slot: &str) -> Option<String> {
    Some(match slot {
        "head" => draw.pick(&HEADS).0.to_owned(),
        "tender" => match draw.below(4) {
            0 => format!("Tender No. {}/{}", draw.between(2, 90), draw.pick(&["2025-26", "2026-27"])),
            1 => format!("NIT-{}-{:03}", draw.between(2024, 2027), draw.between(1, 400)),
            2 => format!("TS{}E", draw.number(6)),
            _ => format!("PPRA/{}/{:04}", draw.between(2024, 2027), draw.between(1, 2000)),
        },
        "po" => match draw.below(6) {
            0 => format!("PO-{}-{:04}", draw.between(2024, 2027), draw.between(1, 900)),
            1 => format!("Invoice No. INV/{}/{}", draw.between(2024, 2027), draw.number(4)),
            2 => format!("Bill No. {}", draw.number(4)),
            3 => format!("GRN-00{}", draw.number(3)),
            4 => format!("work order {}/{}", draw.between(10, 900), draw.between(24, 27)),
            _ => format!("challan {}-{}", draw.number(7), draw.between(1, 9)),
        },
        "isbn" => {
            let number = numbers::with_ean(format!("978969{}", draw.digits(6)));
            format!("978-969-{}-{}-{}", &number[6..8], &number[8..12], &number[12..])
        }
        "version" => match draw.below(3) {
            0 => format!("v{}.{}.{}", draw.between(1, 12), draw.between(0, 30), draw.between(0, 20)),
            1 => format!("build 2026{:02}{:02}.{}", draw.between(1, 12), draw.between(1, 28), draw.between(1, 9)),
            _ => format!("release {}.{}", draw.between(2, 24), draw.between(0, 11)),
        },
        "build" => format!("{}.{}", draw.between(22_000, 26_200), draw.between(100, 4890)),
        "net" => format!("172.16.{}.0/24", draw.between(0, 255)),
        "ip" => match draw.below(3) {
            0 => format!("10.{}.{}.{}", draw.between(0, 60), draw.between(0, 255), draw.between(1, 254)),
            1 => format!("192.168.{}.{}", draw.between(0, 60), draw.between(1, 254)),
            _ => format!("fe80::{}:{}ff:fe{}:{}", draw.hex(4), draw.hex(2), draw.hex(2), draw.hex(4)),
        },
        "mac" => (0..6).map(|_| draw.hex(2)).collect::<Vec<_>>().join(draw.pick(&[":", "-"])),
        "uuid" => {
            format!("{}-{}-4{}-a{}-{}", draw.hex(8), draw.hex(4), draw.hex(3), draw.hex(3), draw.hex(12))
        }
        "hex" => {
            let length = draw.pick(&[32, 40, 64]);
            draw.hex(length)
        }
        "epoch" => draw.between(1_735_700_000, 1_797_000_000).to_string(),
        // Later than those that could be the number of a card from Peshawar.
        "millis" => draw.between(1_735_700_000_000, 1_797_000_000_000).to_string(),
        "mail" => {
            let who = draw.pick(&[
                "so.admin2",
                "helpdesk",
                "ds.budget",
                "registry",
                "it.support",
                "training",
                "asif.khan",
                "info",
            ]);
            format!("{who}@interior.gov.pk")
        }
        "link" => match draw.below(4) {
            0 => format!("https://www.interior.gov.pk/notices/{}/{}", draw.between(2023, 2027), draw.between(10, 990)),
            1 => format!("https://eoffice.interior.gov.pk/file/{}", draw.hex(12)),
            2 => format!("https://na.gov.pk/uploads/documents/{}.pdf", draw.epoch_name()),
            _ => format!("www.finance.gov.pk/budget/{}.html", draw.pick(&["2025_26", "2026_27"])),
        },
        "flight" => format!("{}-{}", draw.pick(&["PK", "PA", "ER", "PF"]), draw.between(200, 799)),
        _ => return goods(draw, slot),
    })
}

/// What is bought and kept, and whom to call about it.
fn goods(draw: &mut Draw, slot: &str) -> Option<String> {
    Some(match slot {
        "uan" => match draw.below(3) {
            0 => format!("0800-{}", draw.number(5)),
            _ => format!("111-{}-{}", draw.number(3), draw.number(3)),
        },
        "printer" => match draw.below(3) {
            0 => "LaserJet M404dn".to_owned(),
            1 => format!("Canon LBP-{}", draw.number(4)),
            _ => format!("CE{}A cartridge", draw.number(3)),
        },
        "cable" => format!("CAT6-{}M", draw.between(5, 305)),
        "product" => match draw.below(6) {
            0 => format!("lot no. {}-{}", draw.number(3), draw.number(5)),
            1 => format!("SKU {}-{}-{}", draw.number(3), draw.number(4), draw.pick(&["B", "C", "K"])),
            2 => format!("CAT6-{}M", draw.between(1, 305)),
            3 => format!("UPS-{}KVA", draw.between(1, 10)),
            4 => format!("model {}{}", draw.pick(&["X1-C", "T14-G", "DL380-G"]), draw.between(2, 11)),
            _ => format!("batch {}{}", draw.pick(&["LX", "QT", "GD", "BN"]), draw.number(7)),
        },
        "standard" => draw.pick(&["ISO-9001", "ISO 27001:2022", "IEC-62443", "IP-65", "PSQCA-2023"]).to_owned(),
        _ => return None,
    })
}

impl Draw {
    /// A file name as upload forms make it.
    fn epoch_name(&mut self) -> String {
        format!("{}_{}", self.between(1_735_700_000, 1_797_000_000), self.number(3))
    }
}

/// A number as long as a card's or a device's that is neither: a sentence about it for each language.
pub(crate) fn long_number(writer: &mut Writer) -> String {
    let draw = &mut writer.draw;
    let (number, about) = match draw.below(6) {
        0 => (numbers::with_ean(format!("896{}", draw.digits(9))), 0),
        1 => (numbers::with_ean(format!("978969{}", draw.digits(6))), 0),
        2 => (format!("20260{}{}", draw.between(1, 9), draw.digits(7)), 1),
        3 => {
            let digits = format!("{}{}", draw.pick(&["35", "86", "71", "22"]), draw.digits(12));
            (numbers::without_luhn(draw, &digits), 2)
        }
        4 => {
            let digits = draw.number(15);
            (numbers::without_luhn(draw, &digits), 1)
        }
        _ => {
            let digits = format!("{}{}", draw.pick(&["4", "52", "90"]), draw.digits(15));
            let number = numbers::without_luhn(draw, &digits[..15]);
            (format!("{} {} {} {}", &number[..4], &number[4..8], &number[8..12], &number[12..]), 2)
        }
    };
    let sentence = match (about, writer.language) {
        (0, Language::Urdu) => "ڈبے پر بارکوڈ {number} درج ہے۔",
        (1, Language::Urdu) => "ٹرانزیکشن آئی ڈی {number} ہے۔",
        (_, Language::Urdu) => "کورئیر کا کنسائنمنٹ نمبر {number} ہے۔",
        (0, _) => "The barcode on the carton reads {number}.",
        (1, _) => "Transaction ID {number} was generated by the portal.",
        _ => "Consignment number {number} was booked with the courier.",
    };
    sentence.replace("{number}", &number)
}
