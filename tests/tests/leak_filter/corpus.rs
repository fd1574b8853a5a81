//! Messages to measure the leak filter on (protocol-spec/09-policy, section 11): what it lets through, and what it stops for nothing.
//!
//! [`clean`] are ordinary office messages in English, Urdu and both, full of figures that resemble personal data and are
//! none; [`planted`] are the same with personal data, tables of it or a marking in them, openly or disguised. The message
//! at one place of one seed is always the same, however many are asked for. Every person and number is made up.
//!
//! What a filter can be held to: a value stands beside a word that tells its kind unless its form alone does
//! (`planted::form_tells`); a clean message holds nothing that has the form and the check digit of a kind
//! (`numbers::by_chance`).

mod carriers;
mod clean;
mod disguise;
mod markings;
mod numbers;
mod planted;
mod sentences;
mod slots;
mod tables;
mod tests;
mod words;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

/// The kinds that are planted, by the names of the filter; all but `pasted`, which is about what the device has seen.
pub(crate) const KINDS: [&str; 16] = [
    "cnic",
    "nicop",
    "passport",
    "mobile",
    "landline",
    "imsi",
    "imei",
    "iccid",
    "iban",
    "card",
    "ntn",
    "vehicle",
    "email",
    "coordinates",
    "table",
    "marking",
];

/// A message, and what was planted in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// As it would be sent.
    pub(crate) text: String,
    /// Empty for a clean message; else one to six values, all of one kind and in one disguise.
    pub(crate) planted: Vec<Planted>,
}

/// One planted value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planted {
    /// One of [`KINDS`]. A third of the nicop values have the numbers of a cnic, and only the word beside them tells.
    pub(crate) kind: &'static str,
    /// Undisguised and without separators. Digits for cnic, nicop, imsi, imei, iccid, card and ntn, and for mobile and landline
    /// with a leading 0 and no country code; capitals and digits for passport, iban and vehicle; an address in small
    /// letters; `33.6844,73.0479` or `33 41 04 N 73 02 52 E`; what a table is, its rows and columns (`calls 12x6`);
    /// a marking in capitals or in Urdu.
    pub(crate) value: String,
    /// One of [`disguises`] of its kind.
    pub(crate) disguise: &'static str,
}

/// `count` messages that hold no personal data and no marking.
pub(crate) fn clean(seed: u64, count: usize) -> impl Iterator<Item = Message> {
    (0..count)
        .map(move |place| Message { text: clean::message(Draw::new(seed, 2 * place as u64)), planted: Vec::new() })
}

/// `count` messages with something in them that the filter should find: kinds in turn, and a kind's disguises in turn,
/// every fourth time none.
pub(crate) fn planted(seed: u64, count: usize) -> impl Iterator<Item = Message> {
    (0..count).map(move |place| planted::message(Draw::new(seed, 2 * place as u64 + 1), place))
}

/// The disguises in which a kind is planted, `none` first; empty for a kind that is not planted.
pub(crate) fn disguises(kind: &str) -> Vec<&'static str> {
    disguise::of(kind).iter().map(|disguise| disguise.name()).collect()
}

/// What one message is drawn from.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// From 0 to `bound - 1`; 0 for a bound of 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % (bound.max(1) as u64)) as usize
    }

    /// From `low` to `high`, both included.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.next_u64() % (high - low + 1)
    }

    /// True once in `times`.
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// True in `share` of a hundred.
    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Decimal digits.
    fn digits(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    /// Decimal digits, the first of which is not 0.
    fn number(&mut self, length: usize) -> String {
        format!("{}{}", self.between(1, 9), self.digits(length.saturating_sub(1)))
    }

    /// Hexadecimal digits in small letters.
    fn hex(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b"0123456789abcdef"[self.below(16)])).collect()
    }
}
