//! Lines of a PDF page (protocol-spec/09-policy, section 9): the letters of a page in the order a reader reads
//! them.
//!
//! A page only says where letters stand. Those at one height are a line; within it they are sorted from left to right, a
//! gap is a space, and what is written from right to left is turned around, digits excepted.

use super::letters::{is_right_to_left, letter, two_letters};
use crate::piece::Place;
use crate::reading::{Block, Done, Reading};

/// Letters that are gathered before they are put in order.
const GLYPHS: usize = 400_000;

/// What a code shows, and where.
pub(super) struct Glyph {
    /// Which way its line runs: right, up, left, down.
    way: u8,
    /// Along its line, and across the lines in the order they are read.
    along: f32,
    across: f32,
    width: f32,
    size: f32,
    start: u32,
    length: u32,
}

impl Glyph {
    pub(super) fn new((a, b): (f64, f64), (x, y): (f64, f64), width: f64, size: f64) -> Self {
        let (way, along, across) = if a.abs() >= b.abs() {
            if a >= 0.0 { (0, x, -y) } else { (2, -x, y) }
        } else if b > 0.0 {
            (1, y, x)
        } else {
            (3, -y, -x)
        };
        let finite = |number: f64| if number.is_finite() { number as f32 } else { 0.0 };
        Self {
            way,
            along: finite(along),
            across: finite(across),
            width: finite(width),
            size: finite(size.abs()),
            start: 0,
            length: 0,
        }
    }
}

/// The letters of a page.
#[derive(Default)]
pub(super) struct Lines {
    glyphs: Vec<Glyph>,
    text: String,
}

impl Lines {
    pub(super) fn push(&mut self, mut glyph: Glyph, text: &str) {
        let Ok(start) = u32::try_from(self.text.len()) else { return };
        for c in text.chars().filter(|c| !c.is_control()) {
            match two_letters(c) {
                Some(two) => self.text.push_str(two),
                None => self.text.push(letter(c)),
            }
        }
        glyph.start = start;
        glyph.length = u32::try_from(self.text.len()).unwrap_or(start).saturating_sub(start);
        // One without a letter keeps its place, which is no gap.
        self.glyphs.push(glyph);
    }

    pub(super) fn is_full(&self) -> bool {
        self.glyphs.len() >= GLYPHS
    }

    fn text_of(&self, glyph: &Glyph) -> &str {
        let start = usize::try_from(glyph.start).unwrap_or_default();
        let length = usize::try_from(glyph.length).unwrap_or_default();
        self.text.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// Puts the letters in order and hands them on.
    pub(super) fn hand_on(&mut self, reading: &Reading<'_>, place: Place<'_>) -> Done {
        let mut glyphs = std::mem::take(&mut self.glyphs);
        reading.work(glyphs.len().saturating_mul(32))?;
        if self.text.chars().any(is_right_to_left) {
            self.hand_on_as_placed(&glyphs, reading, place)?;
        }
        glyphs.sort_by(|a, b| a.way.cmp(&b.way).then(a.across.total_cmp(&b.across)));
        let mut block = Block::new(place);
        let mut rest = glyphs.as_mut_slice();
        while let Some(first) = rest.first() {
            // Letters a little above or below belong to the line.
            let (way, limit) = (first.way, first.across + (first.size * 0.3).max(0.1));
            let length = rest.iter().take_while(|glyph| glyph.way == way && glyph.across <= limit).count();
            let (line, after) = rest.split_at_mut(length.max(1));
            rest = after;
            line.sort_by(|a, b| a.along.total_cmp(&b.along));
            let (text, turned) = self.line(line);
            block.line(reading, &text)?;
            for text in turned {
                block.line(reading, &text)?;
            }
            reading.work(line.len().saturating_mul(32))?;
        }
        self.text.clear();
        block.flush(reading)
    }

    /// Hands the letters on in the order in which the page places them. In Nastaliq a word slopes across the line, and
    /// heights do not tell lines apart; and some programs place Urdu as it is read. So it is taken for the order of reading,
    /// and for that of looks. What is read twice does no harm.
    fn hand_on_as_placed(&self, glyphs: &[Glyph], reading: &Reading<'_>, place: Place<'_>) -> Done {
        let mut block = Block::new(place);
        let same_line = |a: &Glyph, b: &Glyph| a.way == b.way && (a.across - b.across).abs() < a.size.max(b.size) * 1.2;
        for line in glyphs.chunk_by(same_line) {
            let mut texts: Vec<&str> = Vec::with_capacity(line.len());
            // Where spaces are written out, gaps are only letters that hang over each other.
            let spaced = line.iter().any(|glyph| self.text_of(glyph) == " ");
            let mut last: Option<&Glyph> = None;
            for glyph in line {
                let gap = last.map_or(0.0, |last| {
                    let (left, right) = if glyph.along < last.along { (glyph, last) } else { (last, glyph) };
                    right.along - (left.along + left.width)
                });
                if gap > glyph.size * 0.15 && !spaced {
                    texts.push(" ");
                }
                texts.push(self.text_of(glyph));
                last = Some(glyph);
            }
            block.line(reading, &texts.concat())?;
            block.line(reading, &order(&texts).0)?;
            reading.work(line.len().saturating_mul(32))?;
        }
        block.flush(reading)
    }

    /// One line's letters, which are sorted from left to right; and numbers in it that may be meant the other way around.
    fn line(&self, glyphs: &[Glyph]) -> (String, Vec<String>) {
        let mut clusters: Vec<&str> = Vec::with_capacity(glyphs.len());
        let mut last: Option<(&Glyph, &str)> = None;
        let mut end = f32::MIN;
        for glyph in glyphs {
            let text = self.text_of(glyph);
            if let Some((before, same)) = last {
                // A letter printed twice in one place is a bold one.
                if same == text && (glyph.along - before.along).abs() < before.size * 0.1 && text.trim() != "" {
                    continue;
                }
                let gap = glyph.along - end;
                if gap > glyph.size * 1.5 {
                    clusters.push("\t");
                } else if gap > glyph.size * 0.15 {
                    clusters.push(" ");
                }
            }
            clusters.push(text);
            end = end.max(glyph.along + glyph.width);
            last = Some((glyph, text));
        }
        order(&clusters)
    }
}

/// Which way a letter or sign is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Left,
    Right,
    Neither,
}

fn way(text: &str) -> Way {
    match text.chars().find(|c| c.is_alphanumeric()) {
        Some(c) if is_right_to_left(c) => Way::Left,
        Some(_) => Way::Right,
        None => Way::Neither,
    }
}

/// Turns a line as it looks, from left to right, into the text as it is read.
///
/// The groups of a number in an Urdu line stand in either order: `1-1234567-35202` is how programs that keep to Unicode's rules
/// show `35202-1234567-1`, and others show it as it is. Such a number is given once more, its groups turned around.
fn order(clusters: &[&str]) -> (String, Vec<String>) {
    let ways: Vec<Way> = clusters.iter().map(|text| way(text)).collect();
    // Digits do not tell which way a line runs.
    let letters = |wanted: Way| {
        let of_letters = |(text, way): &(&&str, &Way)| **way == wanted && text.chars().any(char::is_alphabetic);
        clusters.iter().zip(&ways).filter(of_letters).count()
    };
    if !ways.contains(&Way::Left) {
        return (clusters.concat(), Vec::new());
    }
    let base = if letters(Way::Left) >= letters(Way::Right) { Way::Left } else { Way::Right };
    // Stretches of one way; signs between two letters of the same way belong to them, others to the line.
    let mut stretches: Vec<(Way, Vec<&str>)> = Vec::new();
    let mut at = 0;
    while let (Some(text), Some(own)) = (clusters.get(at), ways.get(at)) {
        let way = match own {
            Way::Neither => {
                let before = stretches.last().map_or(base, |(way, _)| *way);
                let after = ways.get(at..).unwrap_or_default().iter().find(|way| **way != Way::Neither);
                if after == Some(&before) { before } else { base }
            }
            own => *own,
        };
        match stretches.last_mut() {
            Some((last, texts)) if *last == way => texts.push(text),
            _ => stretches.push((way, vec![text])),
        }
        at += 1;
    }
    if base == Way::Left {
        stretches.reverse();
    }
    let (mut line, mut turned) = (String::new(), Vec::new());
    for (way, texts) in stretches {
        match way {
            Way::Left => texts.iter().rev().for_each(|text| line.push_str(text)),
            Way::Right | Way::Neither => {
                let text = texts.concat();
                turned.extend(turn(&text));
                line.push_str(&text);
            }
        }
    }
    (line, turned)
}

/// A number with its groups in the other order; `None` where there is only one, or letters are among them.
fn turn(text: &str) -> Option<String> {
    let is_number = |c: char| c.is_numeric();
    if text.chars().any(char::is_alphabetic) || !text.contains(is_number) || !text.trim().contains(|c| !is_number(c)) {
        return None;
    }
    let mut groups: Vec<&str> = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_number(c) != is_number(first)).unwrap_or(rest.len());
        let (group, after) = rest.split_at(end);
        groups.push(group);
        rest = after;
    }
    groups.reverse();
    Some(groups.concat())
}

#[cfg(test)]
mod tests {
    use super::order;

    fn seen(text: &str) -> String {
        let letters: Vec<String> = text.chars().map(String::from).collect();
        order(&letters.iter().map(String::as_str).collect::<Vec<_>>()).0
    }

    #[test]
    fn numbers_in_urdu_lines_are_read_both_ways() {
        assert_eq!(super::turn("1-1234567-35202").as_deref(), Some("35202-1234567-1"));
        assert_eq!(super::turn("2031"), None);
        assert_eq!(super::turn("B-52"), None);
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        // As they look on the page, from left to right.
        let reversed = |text: &str| text.chars().rev().collect::<String>();
        assert_eq!(seen("CNIC 35202"), "CNIC 35202");
        assert_eq!(seen(&reversed("شناختی کارڈ")), "شناختی کارڈ");
        assert_eq!(seen(&format!("35202-1234567-1 {}", reversed("شناختی کارڈ"))), "شناختی کارڈ 35202-1234567-1");
        assert_eq!(seen(&format!("{} ۱۲۳ {}", reversed("تک"), reversed("سے"))), "سے ۱۲۳ تک");
        assert_eq!(seen(&format!("The word {} is long here", reversed("کارڈ"))), "The word کارڈ is long here");
    }
}
