//! Folding for search (protocol-spec/07-delivery, section 12): texts that a reader takes for the same become the same.
//!
//! Upper and lower case; the Arabic and the Urdu code point of one letter, with or without hamza or madda above; digits
//! as ASCII; vowel signs, tatweel, joiners and direction marks dropped. Letters that Urdu tells apart stay apart (ے and
//! ی, ھ and ہ).

/// The folded text.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            folded.push(c.to_ascii_lowercase());
        } else if let Some(c) = letter(c) {
            folded.extend(c.to_lowercase());
        }
    }
    folded
}

/// One character's stand-in; `None` where it is dropped.
fn letter(c: char) -> Option<char> {
    Some(match c {
        // Joiners, direction marks, soft hyphen, tatweel.
        '\u{ad}' | '\u{640}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => return None,
        '\u{2060}'..='\u{2069}' | '\u{feff}' => return None,
        // Vowel signs and other marks above and below.
        '\u{300}'..='\u{36f}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' => return None,
        '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}' => return None,
        '\u{660}'..='\u{669}' => digit(c, 0x660),
        '\u{6f0}'..='\u{6f9}' => digit(c, 0x6f0),
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ي' | 'ى' | 'ئ' => 'ی',
        'ك' | 'ڪ' => 'ک',
        'ه' | 'ة' | 'ۀ' | 'ۂ' | 'ۃ' => 'ہ',
        'ؤ' => 'و',
        'ۓ' => 'ے',
        c => c,
    })
}

fn digit(c: char, zero: u32) -> char {
    u8::try_from(u32::from(c).saturating_sub(zero)).map_or(c, |value| char::from(b'0' + value.min(9)))
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn what_reads_the_same_is_the_same() {
        for (written, folded) in [
            ("Budget 2031", "budget 2031"),
            ("ÉTÉ", "été"),
            ("STRASSE ΑΘΗΝΑ", "strasse αθηνα"),
            ("۲۰۳۱", "2031"),
            ("٢٠٣١", "2031"),
            ("بجٹ ۱۲", "بجٹ 12"),
            // Arabic and Urdu keyboards.
            ("كابينة", "کابینہ"),
            ("کابینہ", "کابینہ"),
            ("كراچي", "کراچی"),
            ("کراچى", "کراچی"),
            ("آئین", "اایین".strip_prefix('ا').unwrap()),
            ("أحمد إسلام ٱلله", "احمد اسلام اللہ"),
            ("زكاة", "زکاہ"),
            ("وزیرِ اعظم", "وزیر اعظم"),
            ("مُحَمَّد", "محمد"),
            ("مؤثر", "موثر"),
            // Composed and decomposed.
            ("ا\u{653}ج", "اج"),
            ("آج", "اج"),
            ("ہ\u{654}", "ہ"),
            ("ۂ", "ہ"),
            // Tatweel, joiners, direction marks.
            ("محـــمد", "محمد"),
            ("جائے\u{200c}گا", "جایےگا"),
            ("a\u{200d}b\u{200f}c\u{202e}d\u{ad}e", "abcde"),
            // These are not the same.
            ("بھائی ے", "بھایی ے"),
            ("", ""),
        ] {
            assert_eq!(fold(written), folded, "{written}");
            assert_eq!(fold(folded), folded, "folding twice: {written}");
        }
    }
}
