//! Letters that carry a classification.

use super::{
    clean,
    disguise::{self, Disguise},
    slots::{Language, Writer},
};

const ENGLISH: [&str; 6] = ["SECRET", "TOP SECRET", "CONFIDENTIAL", "RESTRICTED", "ADDRESSEE ONLY", "FOR EYES ONLY"];
const URDU: [&str; 5] = ["خفیہ", "انتہائی خفیہ", "صیغۂ راز", "محدود", "صرف مکتوب الیہ کے لیے"];

/// A letter or a note with a marking at its head, its foot or both, or in a line that says what its classification is; and
/// the marking.
pub(crate) fn letter(writer: &mut Writer, disguise: Disguise) -> (String, String) {
    let urdu = match disguise {
        Disguise::Tatweel | Disguise::VowelSigns | Disguise::ArabicLetters => true,
        Disguise::LookAlikes | Disguise::FullWidthLetters | Disguise::BoldLetters | Disguise::SmallLetters => false,
        _ => writer.is_urdu(),
    };
    if urdu != writer.is_urdu() {
        writer.language = if urdu { Language::Urdu } else { Language::English };
        writer.urdu_digits = false;
    }
    let (marking, written) = loop {
        let marking = writer.draw.pick(if urdu { &URDU[..] } else { &ENGLISH[..] });
        let written = disguise::text(&mut writer.draw, marking, disguise);
        if disguise == Disguise::None || written != marking {
            break (marking, written);
        }
    };
    let paragraphs = clean::paragraphs(writer);
    let body = if writer.draw.percent(70) { clean::letter(writer, paragraphs) } else { paragraphs.join("\n\n") };
    let text = match writer.draw.below(6) {
        0..=2 => format!("{}\n\n{body}", decorated(writer, &written)),
        3 => format!("{body}\n\n{}", decorated(writer, &written)),
        4 => {
            let line = decorated(writer, &written);
            format!("{line}\n\n{body}\n\n{line}")
        }
        _ => format!("{}\n\n{body}", declared(writer, &written, disguise)),
    };
    (text, marking.to_owned())
}

fn decorated(writer: &mut Writer, marking: &str) -> String {
    match writer.draw.below(10) {
        0 => format!("*** {marking} ***"),
        1 => format!("[{marking}]"),
        2 => format!("- {marking} -"),
        3 => format!("{marking}\n{}", "=".repeat(marking.chars().count())),
        4 => format!("\t\t\t{marking}"),
        5 if !writer.is_urdu() => format!("{marking}/IMMEDIATE"),
        5 => format!("{marking} / فوری"),
        _ => marking.to_owned(),
    }
}

/// `Classification: Secret`.
fn declared(writer: &mut Writer, marking: &str, disguise: Disguise) -> String {
    if writer.is_urdu() {
        return format!("{}: {marking}", writer.draw.pick(&["درجہ بندی", "درجۂ رازداری"]));
    }
    let as_word = |word: &str| {
        let (first, rest) = word.split_at(1.min(word.len()));
        format!("{first}{}", rest.to_lowercase())
    };
    let marking = if disguise == Disguise::None && writer.draw.percent(70) {
        marking.split(' ').map(as_word).collect::<Vec<_>>().join(" ")
    } else {
        marking.to_owned()
    };
    format!(
        "{}{marking}",
        writer.draw.pick(&["Classification: ", "CLASSIFICATION: ", "Classification - ", "Security classification: "])
    )
}
