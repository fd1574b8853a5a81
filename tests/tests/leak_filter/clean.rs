//! Ordinary messages: a few words, some sentences, a letter, a list, a table. Also what planted values are surrounded by.

use super::{
    Draw, numbers,
    sentences::{ENGLISH, ITEMS, MIXED, SHORT_ENGLISH, SHORT_MIXED, SHORT_URDU, TABLE_INTRODUCTIONS, URDU},
    slots::{self, Language, Writer},
    tables,
};

/// The longest clean message, in bytes.
pub(crate) const LONGEST: usize = 1500;

/// A clean message. One in sixty holds a number as long as a card's that is none.
pub(crate) fn message(mut draw: Draw) -> String {
    loop {
        let language = language(&mut draw);
        let mut writer = Writer::new(draw, language);
        let mut text = match writer.draw.below(20) {
            0..=4 => short(&mut writer),
            5..=9 => {
                let count = writer.draw.between(1, 4) as usize;
                prose(&mut writer, count)
            }
            10..=14 => {
                let paragraphs = paragraphs(&mut writer);
                headed_letter(&mut writer, paragraphs)
            }
            15..=16 => list(&mut writer),
            _ => table(&mut writer),
        };
        if writer.draw.one_in(60) {
            let sentence = slots::long_number(&mut writer);
            text = format!("{text}{}{sentence}", if text.contains('\n') { "\n" } else { " " });
        }
        if text.len() <= LONGEST && !numbers::by_chance(&text) {
            return text;
        }
        draw = writer.draw;
    }
}

/// Half English, a third Urdu, the rest both.
pub(crate) fn language(draw: &mut Draw) -> Language {
    match draw.below(6) {
        0..=2 => Language::English,
        3..=4 => Language::Urdu,
        _ => Language::Mixed,
    }
}

fn short(writer: &mut Writer) -> String {
    let template = match writer.language {
        Language::English => writer.draw.pick(&SHORT_ENGLISH),
        Language::Urdu => writer.draw.pick(&SHORT_URDU),
        Language::Mixed => writer.draw.pick(&SHORT_MIXED),
    };
    writer.fill(template)
}

fn sentence(writer: &mut Writer) -> String {
    match writer.language {
        Language::English => writer.say_new(&ENGLISH),
        Language::Urdu => writer.say_new(&URDU),
        Language::Mixed if writer.draw.percent(30) => writer.say_new(&ENGLISH),
        Language::Mixed => writer.say_new(&MIXED),
    }
}

/// Sentences in one paragraph.
pub(crate) fn prose(writer: &mut Writer, count: usize) -> String {
    (0..count).map(|_| sentence(writer)).collect::<Vec<_>>().join(" ")
}

/// The body of a letter: as many paragraphs as fit.
pub(crate) fn paragraphs(writer: &mut Writer) -> Vec<String> {
    let mut length = 0;
    let wanted = writer.draw.between(1, 5);
    let mut paragraphs = Vec::new();
    for _ in 0..wanted {
        let count = writer.draw.between(1, 3) as usize;
        let paragraph = prose(writer, count);
        length += paragraph.len();
        if length > LONGEST - 600 && !paragraphs.is_empty() {
            break;
        }
        paragraphs.push(paragraph);
    }
    paragraphs
}

/// Lines above a letter that resemble a marking and are none; most letters have nothing there.
const ABOVE: [(&str, &str); 8] = [
    ("IMMEDIATE", "فوری"),
    ("MOST URGENT", "نہایت ضروری"),
    ("CONFIDENTIAL REPORTS", "سالانہ خفیہ رپورٹیں"),
    ("SECRET BALLOT", "خفیہ رائے دہی"),
    ("UNCLASSIFIED", "غیر خفیہ"),
    ("Classification: Unclassified", "درجہ بندی: عام"),
    ("RESTRICTED PARKING ON {date}", "محدود نشستیں"),
    ("BY HAND", "بدست"),
];

/// A letter, sometimes with one of these lines above it.
pub(crate) fn headed_letter(writer: &mut Writer, paragraphs: Vec<String>) -> String {
    let letter = letter(writer, paragraphs);
    if !writer.draw.one_in(6) {
        return letter;
    }
    let line = writer.say(&ABOVE);
    format!("{}\n\n{letter}", writer.fill(line))
}

/// A letter or an office memorandum with these paragraphs.
pub(crate) fn letter(writer: &mut Writer, paragraphs: Vec<String>) -> String {
    let mut lines = Vec::new();
    let capitals = writer.draw.one_in(4);
    let head = match (writer.language, writer.draw.below(3)) {
        (Language::Urdu, 0) => "حکومتِ پاکستان\n{office}\n{file}\n{city}، مورخہ {date}\n\nعنوان: {subject}",
        (Language::Urdu, 1) => "{office}\n\n{file}\tتاریخ: {date}\nموضوع: {subject}\n\nجنابِ عالی!",
        (Language::Urdu, _) => "دفتری یادداشت\n\nعنوان: {subject}",
        (_, 0) => "GOVERNMENT OF PAKISTAN\n{office}\n*****\n{file}\t\t{city}, the {day}\n\nSubject: {subject}",
        (_, 1) => "{office}\n{file} dated {date}\n\nOFFICE MEMORANDUM\n\nSUBJECT:- {subject}",
        (Language::English, _) => "{file}\n\nSubject: {subject}\n\nDear Sir,",
        _ => "AoA sir,\nSubject: {subject}",
    };
    let head = writer.fill(head);
    lines.push(if capitals { in_capitals(&head) } else { head });
    let numbered = paragraphs.len() > 1 && writer.draw.percent(60);
    for (at, paragraph) in paragraphs.into_iter().enumerate() {
        lines.push(String::new());
        if !numbered {
            lines.push(paragraph);
        } else if writer.is_urdu() {
            let number = writer.figures(&(at + 1).to_string());
            lines.push(format!("{number}۔ {paragraph}"));
        } else {
            lines.push(format!("{}. {paragraph}", at + 1));
        }
    }
    let foot = match (writer.language, writer.draw.below(3)) {
        (Language::Urdu, 0) => "\n({name})\n{post}",
        (Language::Urdu, 1) => "\nآپ کا مخلص\n{name}\n{post}\n{ext}",
        (Language::Urdu, _) => "\nوالسلام\n{name}",
        (_, 0) => "\n({name})\n{post}\n{ext}",
        (_, 1) => "\nRegards,\n{name}\n{post}, {room}",
        _ => "\n\t\t\t({name})\n\t\t\t{post}\nCopy to: {office}",
    };
    lines.push(writer.fill(foot));
    lines.join("\n")
}

/// The subject line in capitals.
fn in_capitals(head: &str) -> String {
    let line =
        |line: &str| if line.to_lowercase().starts_with("subject") { line.to_uppercase() } else { line.to_owned() };
    head.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn introduction(writer: &mut Writer) -> String {
    let template = writer.say(&TABLE_INTRODUCTIONS);
    writer.fill(template)
}

fn list(writer: &mut Writer) -> String {
    let mut lines = vec![introduction(writer)];
    let alike = writer.draw.one_in(2).then(|| writer.say(&ITEMS));
    let bullet = writer.draw.below(4);
    for at in 1..=writer.draw.between(3, 9) {
        let template = alike.unwrap_or_else(|| writer.say(&ITEMS));
        let item = writer.fill(template);
        lines.push(match bullet {
            0 if writer.is_urdu() => format!("{}۔ {item}", writer.figures(&at.to_string())),
            0 => format!("{at}. {item}"),
            1 => format!("{at}) {item}"),
            2 => format!("- {item}"),
            _ => format!("• {item}"),
        });
    }
    lines.join("\n")
}

fn table(writer: &mut Writer) -> String {
    let table = tables::of_figures(writer);
    if writer.draw.one_in(4) {
        return table;
    }
    format!("{}\n{table}", introduction(writer))
}
