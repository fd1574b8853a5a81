//! The canaries: strings that nobody has written before, and the places that they are put in.
//!
//! A Latin one is 24 of a-z and 0-9; an Urdu one is 24 letters which folding for search leaves as they are. Neither has a
//! space, a capital or a sign that another form of the same text would write otherwise, so that a folded copy is found too.

use std::ops::Range;

use amanat_tests::extent::seed;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

/// How many there are, in all places.
pub(crate) const ALL: usize = 1_000;
/// Characters of one.
const LENGTH: usize = 24;
const LATIN: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const URDU: [char; 16] = ['ب', 'پ', 'ت', 'ج', 'چ', 'د', 'ر', 'س', 'ش', 'ص', 'ف', 'ق', 'ل', 'م', 'ن', 'و'];

/// Where content is, and how many canaries are put there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Put {
    Text,
    UrduText,
    ExpiringText,
    Reply,
    BeforeEdit,
    AfterEdit,
    Deleted,
    Queued,
    Title,
    UrduTitle,
    Reaction,
    SmallName,
    LargeName,
    Small,
    Large,
    SecretaryPassphrase,
    FirstPassphrase,
    ChangedPassphrase,
    OfficerPassphrase,
    HistoryPassphrase,
    Shown,
    Typed,
    Draft,
}

use Put::*;

/// The places; [`UrduText`], [`UrduTitle`] and [`LargeName`] are Urdu.
pub(crate) const PLACES: [(Put, usize); 23] = [
    (Text, 359),
    (UrduText, 100),
    (ExpiringText, 40),
    (Reply, 50),
    (BeforeEdit, 40),
    (AfterEdit, 40),
    (Deleted, 40),
    (Queued, 40),
    (Title, 4),
    (UrduTitle, 4),
    (Reaction, 1),
    (SmallName, 4),
    (LargeName, 2),
    (Small, 60),
    (Large, 120),
    (SecretaryPassphrase, 4),
    (FirstPassphrase, 4),
    (ChangedPassphrase, 4),
    (OfficerPassphrase, 4),
    (HistoryPassphrase, 4),
    (Shown, 60),
    (Typed, 8),
    (Draft, 8),
];

/// All of them, by place.
pub(crate) struct Canaries {
    /// Decides all of them.
    pub(crate) seed: u64,
    pub(crate) all: Vec<String>,
}

impl Canaries {
    /// As `AMANAT_SEED` says, or drawn.
    pub(crate) fn new() -> Self {
        let seed = seed();
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        let of = |urdu: bool| -> String {
            let mut one = |count: usize| random.next_u32() as usize % count;
            let letter = |_| if urdu { URDU[one(URDU.len())] } else { char::from(LATIN[one(LATIN.len())]) };
            (0..LENGTH).map(letter).collect()
        };
        let urdu = |put| matches!(put, UrduText | UrduTitle | LargeName);
        let all: Vec<String> = PLACES.iter().flat_map(|(put, count)| vec![urdu(*put); *count]).map(of).collect();
        assert_eq!(all.len(), ALL);
        Self { seed, all }
    }

    /// Where those of a place stand among all.
    pub(crate) fn range(put: Put) -> Range<usize> {
        let at = PLACES.iter().position(|(place, _)| *place == put).unwrap();
        let begin = PLACES[..at].iter().map(|(_, count)| count).sum();
        begin..begin + PLACES[at].1
    }

    /// Those of a place.
    pub(crate) fn of(&self, put: Put) -> &[String] {
        &self.all[Self::range(put)]
    }

    /// Those of a place as one text: a space between them.
    pub(crate) fn text(&self, put: Put) -> String {
        self.of(put).join(" ")
    }

    /// Those of a place as one word.
    pub(crate) fn word(&self, put: Put) -> String {
        self.of(put).join("-")
    }

    /// The place of one; none for what else is looked for.
    pub(crate) fn place(index: usize) -> Option<Put> {
        PLACES.into_iter().map(|(put, _)| put).find(|put| Self::range(*put).contains(&index))
    }

    /// A document of several segments, with its canaries all over it: one at its begin, one at its end, one across each
    /// mebibyte's end, the rest wherever. Between them stands nothing that repeats.
    pub(crate) fn large(&self) -> Vec<u8> {
        const MIB: usize = 1 << 20;
        const SIZE: usize = 7 * MIB / 2;
        let mut bytes = vec![0; SIZE];
        ChaCha20Rng::seed_from_u64(!self.seed).fill_bytes(&mut bytes);
        let canaries = self.of(Large);
        let fixed = [0, MIB - LENGTH / 2, 2 * MIB - 1, 3 * MIB - LENGTH + 1, SIZE - LENGTH];
        // The others stand far from these.
        let spread = (0..canaries.len() - fixed.len()).map(|n| 4_000 + n * 29_000);
        for (canary, at) in canaries.iter().zip(fixed.into_iter().chain(spread)) {
            bytes[at..at + LENGTH].copy_from_slice(canary.as_bytes());
        }
        bytes
    }
}
