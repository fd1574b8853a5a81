//! Check digits (protocol-spec/09-policy, section 5): what tells a number of a kind from any other of its length.

use amanat_wire::code;

code!(
    /// What a rule asks of a number beyond its shape.
    pub enum Check {
        /// Nothing.
        0 => None,
        /// Its last digit is the Luhn sum of the others (ISO/IEC 7812-1, annex B).
        1 => Luhn,
        /// An IBAN: the length of its country, and mod 97 (ISO 13616, ISO/IEC 7064).
        2 => Iban,
        /// Latitude and longitude are on the globe.
        3 => Globe,
    }
);

/// Whether the last digit is the Luhn sum of the others; not where all digits are the same.
#[must_use]
pub fn luhn(digits: &str) -> bool {
    let values: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let first = values.first().copied();
    if values.len() < 2 || values.len() != digits.len() || values.iter().all(|value| Some(*value) == first) {
        return false;
    }
    let doubled = |value: u32| if value > 4 { value * 2 - 9 } else { value * 2 };
    let sum: u32 = values
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(value, twice)| if twice { doubled(*value) } else { *value })
        .sum();
    sum.is_multiple_of(10)
}

/// Lengths of IBANs by country (SWIFT, IBAN registry), of those that an office of Pakistan meets.
const IBAN_LENGTHS: [(&str, usize); 30] = [
    ("pk", 24),
    ("ae", 23),
    ("sa", 24),
    ("qa", 29),
    ("kw", 30),
    ("bh", 22),
    ("om", 23),
    ("gb", 22),
    ("de", 22),
    ("fr", 27),
    ("it", 27),
    ("es", 24),
    ("nl", 18),
    ("be", 16),
    ("ch", 21),
    ("at", 20),
    ("tr", 26),
    ("se", 24),
    ("no", 15),
    ("dk", 18),
    ("fi", 18),
    ("ie", 22),
    ("pt", 25),
    ("gr", 27),
    ("pl", 28),
    ("cz", 24),
    ("hu", 28),
    ("az", 28),
    ("kz", 20),
    ("jo", 30),
];

/// The IBAN with which `characters` (lower-case letters and digits, separators taken out) begins: its length. Letters that
/// stand for digits in its account are taken for these.
#[must_use]
pub fn iban(characters: &str) -> Option<usize> {
    let country = characters.get(..2)?;
    let (_, length) = IBAN_LENGTHS.iter().find(|(known, _)| *known == country)?;
    let iban = characters.get(..*length)?.as_bytes();
    let digit = |(place, byte): (usize, &u8)| match *byte {
        b'o' if place >= ACCOUNT || (2..4).contains(&place) => b'0',
        b'i' | b'l' | b'|' if place >= ACCOUNT || (2..4).contains(&place) => b'1',
        byte => byte,
    };
    let read: Vec<u8> = iban.iter().enumerate().map(digit).collect();
    (is_mod_97(iban) || is_mod_97(&read)).then_some(*length)
}

/// Where the account begins behind country, check digits and the bank's four letters.
const ACCOUNT: usize = 8;

fn is_mod_97(iban: &[u8]) -> bool {
    let mut moved = iban.iter().skip(4).chain(iban.iter().take(4));
    let rest = moved.try_fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => Some((rest * 10 + u32::from(byte - b'0')) % 97),
        b'a'..=b'z' => Some((rest * 100 + u32::from(byte - b'a') + 10) % 97),
        _ => None,
    });
    rest == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_sums() {
        for good in ["4111111111111111", "378282246310005", "490154203237518", "79927398713"] {
            assert!(luhn(good), "{good}");
        }
        for bad in ["4111111111111112", "79927398710", "0000000000000000", "", "7", "41a1"] {
            assert!(!luhn(bad), "{bad}");
        }
    }

    #[test]
    fn ibans_of_their_countries() {
        assert_eq!(iban("pk36scbl0000001123456702"), Some(24));
        assert_eq!(iban("pk36scbl0000001123456702andmore"), Some(24));
        // Letters for digits in the account, not in the bank's name.
        assert_eq!(iban("pk36scblooooool1234567o2"), Some(24));
        assert_eq!(iban("pk36scb10000001123456702"), None);
        assert_eq!(iban("gb82west12345698765432"), Some(22));
        for bad in ["pk37scbl0000001123456702", "pk36scbl", "xx36scbl0000001123456702", "", "pk36scbl00000011234567٠2"]
        {
            assert_eq!(iban(bad), None, "{bad}");
        }
    }
}
