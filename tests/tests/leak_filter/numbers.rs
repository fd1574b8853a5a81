//! Numbers that name a person, a line, a device or an account, with right check digits; and what has such a form by chance.

use super::Draw;

/// A value as its owner writes it.
#[derive(Clone)]
pub(crate) struct Value {
    /// Undisguised and without separators.
    pub(crate) canonical: String,
    /// Its groups, digits and letters.
    pub(crate) groups: Vec<String>,
    /// What stands between the groups.
    pub(crate) between: &'static str,
}

impl Value {
    fn new(canonical: String, groups: Vec<String>, between: &'static str) -> Self {
        Self { canonical, groups, between }
    }

    /// A number cut into groups of these lengths.
    fn cut(number: &str, lengths: &[usize], between: &'static str) -> Self {
        let mut rest = number;
        let groups = lengths
            .iter()
            .map(|length| {
                let (group, after) = rest.split_at((*length).min(rest.len()));
                rest = after;
                group.to_owned()
            })
            .filter(|group| !group.is_empty())
            .collect();
        Self::new(number.to_owned(), groups, between)
    }

    /// As its owner writes it.
    pub(crate) fn plain(&self) -> String {
        self.groups.join(self.between)
    }
}

/// Divisions of NADRA's numbering, and how many districts each has.
const DIVISIONS: [(u64, u64); 31] = [
    (11, 2),
    (12, 2),
    (13, 5),
    (14, 3),
    (15, 7),
    (16, 2),
    (17, 3),
    (21, 7),
    (22, 6),
    (31, 3),
    (32, 4),
    (33, 3),
    (34, 6),
    (35, 4),
    (36, 6),
    (37, 4),
    (38, 4),
    (41, 4),
    (42, 5),
    (43, 3),
    (44, 4),
    (45, 5),
    (51, 5),
    (52, 3),
    (53, 2),
    (54, 4),
    (55, 4),
    (56, 3),
    (71, 5),
    (72, 2),
    (81, 3),
];

fn identity_digits(draw: &mut Draw) -> String {
    let region = match draw.below(20) {
        0..=2 => "61101".to_owned(),
        3 => "42000".to_owned(),
        4 => "54400".to_owned(),
        5 => format!("8{}{}0{}", draw.between(2, 3), draw.between(1, 3), draw.between(1, 4)),
        _ => {
            let (division, districts) = draw.pick(&DIVISIONS);
            format!("{division}{}0{}", draw.between(1, districts), draw.between(1, 7))
        }
    };
    format!("{region}{}{}", draw.digits(7), draw.between(1, 9))
}

/// 13 digits, 5-7-1.
pub(crate) fn cnic(draw: &mut Draw) -> Value {
    let between = if draw.percent(70) { "-" } else { "" };
    Value::cut(&identity_digits(draw), &[5, 7, 1], between)
}

/// A card of those abroad: its own range, from 90 to 96, or that of [`cnic`], which only the word tells apart.
pub(crate) fn nicop(draw: &mut Draw) -> Value {
    if draw.one_in(3) {
        return cnic(draw);
    }
    let digits = format!("9{}{}{}", draw.between(0, 6), draw.digits(10), draw.between(1, 9));
    let between = if draw.percent(70) { "-" } else { "" };
    Value::cut(&digits, &[5, 7, 1], between)
}

/// Two capitals and 7 digits.
pub(crate) fn passport(draw: &mut Draw) -> Value {
    let letter = |draw: &mut Draw| char::from(b'A' + draw.below(26) as u8);
    let number = format!("{}{}{}", letter(draw), letter(draw), draw.number(7));
    Value::cut(&number, &[2, 7], "")
}

/// The forms in which a national number (without its leading 0) is written.
fn telephone(draw: &mut Draw, code: &str, rest: &str, brackets: bool) -> Value {
    let national = format!("0{code}");
    let (groups, between): (Vec<String>, _) = match draw.below(if brackets { 8 } else { 7 }) {
        0 | 1 => (vec![national, rest.into()], "-"),
        2 => (vec![national, rest.into()], ""),
        3 => (vec!["+92".into(), code.into(), rest.into()], ""),
        4 => (vec!["+92".into(), code.into(), rest.into()], "-"),
        5 => (vec!["+92".into(), code.into(), rest.into()], " "),
        6 => (vec!["0092".into(), code.into(), rest.into()], draw.pick(&["", "-", " "])),
        _ => (vec![format!("({national})"), rest.into()], " "),
    };
    Value::new(format!("0{code}{rest}"), groups, between)
}

/// A mobile number: 03, an operator, 8 digits.
pub(crate) fn mobile(draw: &mut Draw) -> Value {
    let code = format!("3{}{}", draw.between(0, 4), draw.between(0, 9));
    let rest = draw.number(7);
    telephone(draw, &code, &rest, false)
}

/// Area codes without the leading 0, and the digits that follow.
const AREAS: [(&str, usize); 12] = [
    ("51", 7),
    ("21", 8),
    ("42", 8),
    ("41", 7),
    ("61", 7),
    ("81", 7),
    ("91", 7),
    ("22", 7),
    ("52", 7),
    ("55", 7),
    ("62", 7),
    ("71", 7),
];

/// A number of the fixed network.
pub(crate) fn landline(draw: &mut Draw) -> Value {
    let (area, length) = draw.pick(&AREAS);
    // Eight digits begin with 3 or, for government, 99.
    let rest = match (length, draw.one_in(3)) {
        (8, true) => format!("99{}", draw.digits(6)),
        (8, false) => format!("3{}", draw.digits(7)),
        (_, true) => format!("9{}", draw.digits(6)),
        _ => format!("{}{}", draw.between(2, 8), draw.digits(6)),
    };
    telephone(draw, area, &rest, true)
}

const OPERATORS: [&str; 5] = ["01", "03", "04", "06", "07"];

/// 15 digits: 410, an operator, 10 digits.
pub(crate) fn imsi(draw: &mut Draw) -> Value {
    let number = format!("410{}{}", draw.pick(&OPERATORS), draw.digits(10));
    let between = if draw.percent(75) { "" } else { draw.pick(&[" ", "-"]) };
    Value::cut(&number, &[3, 2, 10], between)
}

/// 15 digits, the last by Luhn.
pub(crate) fn imei(draw: &mut Draw) -> Value {
    let number = with_luhn(format!("{}{}", draw.pick(&["01", "35", "35", "86"]), draw.digits(12)));
    if draw.percent(70) {
        return Value::cut(&number, &[8, 6, 1], "");
    }
    Value::cut(&number, draw.pick(&[&[2, 6, 6, 1][..], &[8, 6, 1], &[6, 2, 6, 1]]), draw.pick(&["-", " "]))
}

/// 19 digits of a SIM, the last by Luhn.
pub(crate) fn iccid(draw: &mut Draw) -> Value {
    let number = with_luhn(format!("8992{}{}", draw.pick(&OPERATORS), draw.digits(12)));
    let between = if draw.percent(70) { "" } else { draw.pick(&[" ", "-"]) };
    Value::cut(&number, &[4, 4, 4, 4, 3], between)
}

/// PK, two check digits, a bank, 16 digits.
pub(crate) fn iban(draw: &mut Draw) -> Value {
    let bank = draw.pick(&["SCBL", "HABB", "MUCB", "NBPA", "UNIL", "MEZN", "ABPA"]);
    let account = if draw.percent(60) { format!("0000{}", draw.digits(12)) } else { draw.digits(16) };
    let check = 98 - mod_97(&format!("{bank}{account}PK00"));
    let number = format!("PK{check:02}{bank}{account}");
    Value::cut(&number, &[4; 6], if draw.percent(60) { "" } else { " " })
}

/// 16 digits, or 15 for American Express, the last by Luhn.
pub(crate) fn card(draw: &mut Draw) -> Value {
    let between = draw.pick(&["", "", " ", " ", "-"]);
    let (prefix, length): (String, usize) = match draw.below(6) {
        0 => ("4".into(), 16),
        1 => (draw.between(51, 55).to_string(), 16),
        2 => (draw.between(2221, 2720).to_string(), 16),
        3 => (draw.pick(&["34", "37"]).into(), 15),
        4 => ("62".into(), 16),
        _ => ("2205".into(), 16),
    };
    let number = with_luhn(format!("{prefix}{}", draw.digits(length - 1 - prefix.len())));
    Value::cut(&number, if length == 15 { &[4, 6, 5] } else { &[4, 4, 4, 4] }, between)
}

/// 7 digits and 1.
pub(crate) fn ntn(draw: &mut Draw) -> Value {
    Value::cut(&draw.number(8), &[7, 1], "-")
}

/// A number plate. Three groups, the middle one a year, tell by themselves; letters and a number do not.
pub(crate) fn vehicle(draw: &mut Draw) -> Value {
    let series =
        draw.pick(&["LEA", "LEB", "LEC", "LED", "LZA", "MNA", "FDA", "RIA", "BKA", "AJK", "BHC", "QAA", "RLD"]);
    let groups: Vec<String> = match draw.below(4) {
        0 | 1 => vec![series.into(), format!("{:02}", draw.between(8, 26)), draw.number(4)],
        2 => vec![series.into(), draw.number(4)],
        _ => vec!["ICT".into(), draw.pick(&["ABC", "AKM", "BCD", "CAE", "MHT"]).into(), draw.number(3)],
    };
    if groups.len() == 3 && groups[0] == "ICT" {
        let written = vec![format!("ICT {}", groups[1]), groups[2].clone()];
        return Value::new(groups.concat(), written, "-");
    }
    let between = if groups.len() == 2 && draw.one_in(3) { " " } else { "-" };
    Value::new(groups.concat(), groups, between)
}

/// An address that is not an office's.
pub(crate) fn email(draw: &mut Draw) -> Value {
    let first =
        draw.pick(&["asif", "ayesha", "bilal", "sana", "usman", "nadia", "zafar", "kashif", "hina", "rabia", "shahid"]);
    let last =
        draw.pick(&["khan", "malik", "qureshi", "baloch", "afridi", "raza", "iqbal", "mehmood", "soomro", "shah"]);
    let between = draw.pick(&["", ".", "_", "-"]);
    let number = match draw.below(3) {
        0 => String::new(),
        1 => draw.between(1, 99).to_string(),
        _ => draw.between(1975, 2004).to_string(),
    };
    let domain = draw.pick(&[
        "gmail.com",
        "gmail.com",
        "yahoo.com",
        "hotmail.com",
        "outlook.com",
        "live.com",
        "yahoo.co.uk",
        "icloud.com",
        "proton.me",
        "alnoortraders.com.pk",
    ]);
    let local = format!("{first}{between}{last}{number}");
    Value::new(format!("{local}@{domain}"), vec![local, domain.into()], "@")
}

/// Places in thousandths of a degree north and east, all well inside the borders.
const PLACES: [(u64, u64); 10] = [
    (33_684, 73_048),
    (24_861, 67_010),
    (31_520, 74_300),
    (34_010, 71_580),
    (30_180, 66_990),
    (30_157, 71_520),
    (35_920, 74_300),
    (27_700, 68_850),
    (25_390, 68_370),
    (32_080, 72_670),
];

/// A place: decimal degrees, or degrees, minutes and seconds.
pub(crate) fn coordinates(draw: &mut Draw) -> Value {
    let (north, east) = draw.pick(&PLACES);
    // In millionths of a degree; up to a tenth of a degree to each side.
    let north = north * 1000 + draw.between(0, 200_000) - 100_000;
    let east = east * 1000 + draw.between(0, 100_000) - 50_000;
    if draw.one_in(3) {
        let parts = |millionths: u64| {
            let seconds = millionths * 3600 / 1_000_000;
            (seconds / 3600, seconds / 60 % 60, seconds % 60)
        };
        let ((d, m, s), (e, n, t)) = (parts(north), parts(east));
        let canonical = format!("{d} {m:02} {s:02} N {e} {n:02} {t:02} E");
        let (groups, between) = match draw.below(3) {
            0 => (vec![format!("{d}°{m:02}'{s:02}\"N"), format!("{e}°{n:02}'{t:02}\"E")], " "),
            1 => (vec![format!("{d}° {m:02}′ {s:02}″ N"), format!("{e}° {n:02}′ {t:02}″ E")], ", "),
            _ => (vec![format!("N {d}°{m:02}'{s:02}\""), format!("E {e}°{n:02}'{t:02}\"")], " "),
        };
        return Value::new(canonical, groups, between);
    }
    let places = draw.between(4, 6) as usize;
    let decimal = |millionths: u64| {
        let all = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        all[..all.len() - (6 - places)].to_owned()
    };
    let (north, east) = (decimal(north), decimal(east));
    let canonical = format!("{north},{east}");
    let (groups, between) = match draw.below(4) {
        0 | 1 => (vec![north, east], ", "),
        2 => (vec![format!("{north}° N"), format!("{east}° E")], ", "),
        _ => (vec![format!("{north}N"), format!("{east}E")], " "),
    };
    Value::new(canonical, groups, between)
}

/// Whether the last digit is right by Luhn.
pub(crate) fn luhn(number: &str) -> bool {
    luhn_sum(number, false).is_multiple_of(10)
}

fn luhn_sum(number: &str, mut twice: bool) -> u32 {
    let mut sum = 0;
    for digit in number.chars().rev().filter_map(|c| c.to_digit(10)) {
        let value = if twice { digit * 2 } else { digit };
        sum += value / 10 + value % 10;
        twice = !twice;
    }
    sum
}

fn with_luhn(mut number: String) -> String {
    let check = (10 - luhn_sum(&number, true) % 10) % 10;
    number.push_str(&check.to_string());
    number
}

/// The same digits with a last one that is wrong by Luhn.
pub(crate) fn without_luhn(draw: &mut Draw, number: &str) -> String {
    let right = with_luhn(number.to_owned());
    let check = right.bytes().last().map_or(0, |last| u64::from(last - b'0'));
    format!("{number}{}", (check + draw.between(1, 9)) % 10)
}

/// An account number's remainder: what has its first four characters moved to the end, letters as 10 to 35.
pub(crate) fn mod_97(moved: &str) -> u32 {
    moved
        .chars()
        .filter_map(|c| c.to_digit(36))
        .fold(0, |sum, digit| (if digit < 10 { sum * 10 } else { sum * 100 } + digit) % 97)
}

/// The last digit of a barcode or an ISBN of 13 digits.
pub(crate) fn with_ean(twelve: String) -> String {
    let sum: u32 =
        twelve.chars().filter_map(|c| c.to_digit(10)).zip([1, 3].into_iter().cycle()).map(|(d, by)| d * by).sum();
    format!("{twelve}{}", (10 - sum % 10) % 10)
}

/// Whether a clean text holds digits, with at most one space or dash between groups, that have the form and the check digit
/// of a kind. Drawn figures do by chance; such a text is drawn again.
pub(crate) fn by_chance(text: &str) -> bool {
    let mut groups: Vec<String> = Vec::new();
    let mut gap = 2;
    for c in text.chars() {
        if let Some(digit) = ascii_digit(c) {
            if gap > 1 {
                groups.clear();
            }
            if gap > 0 {
                groups.push(String::new());
            }
            if let Some(last) = groups.last_mut() {
                last.push(digit);
            }
            gap = 0;
        } else {
            if gap == 0 && identifies(&groups) {
                return true;
            }
            gap = if gap == 0 && matches!(c, ' ' | '-') { 1 } else { 2 };
        }
    }
    gap == 0 && identifies(&groups)
}

/// The digit, of ASCII or Urdu.
pub(crate) fn ascii_digit(c: char) -> Option<char> {
    c.to_digit(10)
        .or_else(|| u32::from(c).checked_sub(0x6f0).filter(|value| *value < 10))
        .and_then(|value| char::from_digit(value, 10))
}

/// Whether the last groups, joined, are a value. Called at the end of each group, so that whole groups inside a longer
/// row of them count as well.
fn identifies(groups: &[String]) -> bool {
    (0..groups.len()).rev().take(8).any(|from| {
        let some = &groups[from..];
        let number = some.concat();
        match number.len() {
            10 | 11 => {
                let area = AREAS.iter().any(|(area, rest)| number[1..].starts_with(area) && number.len() == 3 + rest);
                let mobile = number.len() == 11 && number.starts_with("03") && number.as_bytes()[2] < b'5';
                number.starts_with('0') && (mobile || area)
            }
            12 => number.starts_with("923"),
            13 => {
                let region = &number[..2];
                let listed = DIVISIONS.iter().any(|(division, _)| division.to_string() == region);
                let grouped = some.iter().map(String::len).eq([5, 7, 1]);
                let tells = listed || ["61", "82", "83"].contains(&region);
                grouped || (tells && &number[3..4] == "0" && some.len() == 1)
            }
            15 => {
                let device =
                    ["01", "35", "86", "34", "37"].iter().any(|prefix| number.starts_with(prefix)) && luhn(&number);
                device || (number.starts_with("410") && OPERATORS.contains(&&number[3..5]))
            }
            16 => luhn(&number) && matches!(number.as_bytes()[0], b'2' | b'4' | b'5' | b'6'),
            19 => number.starts_with("8992"),
            _ => false,
        }
    })
}
