//! Messages with something in them that should be found.

use super::{
    Draw, KINDS, Message, Planted, carriers, clean,
    disguise::{self, Disguise},
    markings,
    numbers::{self, Value},
    slots::Writer,
    tables,
};

/// The message at `place`: its kind and its disguise come round in turn.
pub(crate) fn message(mut draw: Draw, place: usize) -> Message {
    let kind = KINDS[place % KINDS.len()];
    let disguise = disguise_at(kind, place / KINDS.len());
    let language = clean::language(&mut draw);
    let mut writer = Writer::new(draw, language);
    let one = |text: String, value: String| Message {
        text,
        planted: vec![Planted { kind, value, disguise: disguise.name() }],
    };
    match kind {
        "marking" => {
            let (text, marking) = markings::letter(&mut writer, disguise);
            one(text, marking)
        }
        "table" => {
            let (table, what) = tables::of_records(&mut writer, disguise);
            one(surrounded(&mut writer, table), what)
        }
        _ => {
            let values = values(&mut writer.draw, kind, disguise);
            let tell = values.iter().all(|(value, _)| form_tells(kind, value, disguise));
            let word = !tell || writer.draw.percent(70);
            let written: Vec<String> = values.iter().map(|(_, written)| written.clone()).collect();
            let carrier = carriers::carry(&mut writer, kind, &written, word, tell);
            let text = surrounded(&mut writer, carrier);
            let planted =
                |(value, _): (Value, String)| Planted { kind, value: value.canonical, disguise: disguise.name() };
            Message { text, planted: values.into_iter().map(planted).collect() }
        }
    }
}

/// Every fourth time none; else the kind's disguises in turn.
fn disguise_at(kind: &str, turn: usize) -> Disguise {
    let all = disguise::of(kind);
    if turn.is_multiple_of(4) { Disguise::None } else { all[1 + (turn - turn / 4 - 1) % (all.len() - 1)] }
}

fn draw_value(draw: &mut Draw, kind: &str) -> Value {
    match kind {
        "cnic" => numbers::cnic(draw),
        "nicop" => numbers::nicop(draw),
        "passport" => numbers::passport(draw),
        "mobile" => numbers::mobile(draw),
        "landline" => numbers::landline(draw),
        "imsi" => numbers::imsi(draw),
        "imei" => numbers::imei(draw),
        "iccid" => numbers::iccid(draw),
        "iban" => numbers::iban(draw),
        "card" => numbers::card(draw),
        "ntn" => numbers::ntn(draw),
        "vehicle" => numbers::vehicle(draw),
        "email" => numbers::email(draw),
        _ => numbers::coordinates(draw),
    }
}

/// One value, or in three messages of ten two to six, all distinct, as they are and as they are written.
fn values(draw: &mut Draw, kind: &str, disguise: Disguise) -> Vec<(Value, String)> {
    let count = if draw.percent(70) { 1 } else { draw.between(2, 6) as usize };
    let mut values: Vec<(Value, String)> = Vec::new();
    while values.len() < count {
        let value = draw_value(draw, kind);
        let Some(written) = disguise::value(draw, &value, disguise) else { continue };
        if values.iter().all(|(other, _)| other.canonical != value.canonical) {
            values.push((value, written));
        }
    }
    values
}

/// Whether a value can be told by its form alone, as it is written; the others have a word beside them.
pub(crate) fn form_tells(kind: &str, value: &Value, disguise: Disguise) -> bool {
    let joined = matches!(
        disguise,
        Disguise::GroupSpaces | Disguise::Dashes | Disguise::Dots | Disguise::Slashes | Disguise::ThinSpaces
    );
    let grouped = (joined || !value.between.is_empty()) && disguise != Disguise::DigitSpaces;
    match kind {
        "cnic" => grouped,
        "nicop" => grouped && value.canonical.starts_with('9'),
        "landline" => grouped && !matches!(disguise, Disguise::Dots | Disguise::Slashes),
        "mobile" | "imsi" => disguise != Disguise::DigitSpaces,
        "imei" | "iccid" | "iban" | "card" | "email" | "coordinates" => true,
        // A year between letters and number.
        "vehicle" => value.groups.len() == 3,
        _ => false,
    }
}

/// The carrier alone, among sentences, or as a paragraph of a letter.
fn surrounded(writer: &mut Writer, carrier: String) -> String {
    // What does not end as a sentence does stands in a line of its own.
    let between = if carrier.ends_with(['.', '۔']) && !carrier.contains('\n') { " " } else { "\n" };
    let mut around = |most: u64| {
        let count = writer.draw.between(0, most) as usize;
        clean::prose(writer, count)
    };
    match around(2) {
        before if before.is_empty() => carrier,
        before => {
            let after = around(2);
            if writer.draw.percent(40) {
                let mut paragraphs = clean::paragraphs(writer);
                paragraphs.truncate(3);
                let place = writer.draw.below(paragraphs.len() + 1);
                paragraphs.insert(place, carrier);
                return clean::headed_letter(writer, paragraphs);
            }
            let parts: Vec<String> = [before, carrier, after].into_iter().filter(|part| !part.is_empty()).collect();
            parts.join(between)
        }
    }
}
