//! What there is in the model: ciphertexts, the two honest members' vaults, and what a hostile third device and a hostile
//! relay have (protocol-spec/05-conversation, sections 5, 7 and 8). Positions begin at 1 behind the founding commit, which
//! stands at 0; the epoch that it begins is 0.

use std::hash::{Hash, Hasher};

/// The members: two honest ones, and a third that is hostile, and revoked as of statement 1.
pub(crate) const THIRD: u8 = 2;
pub(crate) const EVERYBODY: u8 = 0b111;

/// FNV-1a: the same in each run, so that paths replay.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

pub(crate) fn digest(of: &impl Hash) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    of.hash(&mut hasher);
    hasher.finish()
}

/// What a member says of a content, the same however often it is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Content {
    pub(crate) counter: u8,
    /// Of its sender's content before.
    pub(crate) previous: u64,
    /// The third device may tell two.
    pub(crate) story: u8,
}

/// What a reader cannot see and the invariants are judged by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Ghost {
    /// All entries that its sender had processed and what they had come to, whatever enters R.
    pub(crate) history: u64,
    /// The members of the epoch that it is encrypted in.
    pub(crate) readers: u8,
    /// Its sender knew that the third device is revoked.
    pub(crate) knew: bool,
    /// Its sender had merged a commit that removes the third device.
    pub(crate) removed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Body {
    Message {
        content: Content,
        position: u8,
        running: u64,
        ghost: Ghost,
    },
    /// `made` counts its author's commits, so that no two are the same.
    Commit {
        made: u8,
        removes: bool,
        status: u8,
        well_formed: bool,
    },
    /// Something of another conversation that the relay calls a commit.
    Foreign,
}

/// A unit's body as the relay has it. `epoch` is the one that it was encrypted in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Ciphertext {
    pub(crate) by: u8,
    pub(crate) epoch: u64,
    pub(crate) body: Body,
}

impl Ciphertext {
    pub(crate) fn is_commit(&self) -> bool {
        !matches!(self.body, Body::Message { .. })
    }
}

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Verdict {
    Own,
    Taken,
    /// A content that is known already, encrypted again.
    Again,
    Merged,
    Void,
    /// On an epoch that is over, or of nobody.
    Late,
    /// Of an epoch that has not begun here.
    Future,
    /// In this device's name and not known.
    NotOurs,
    Refused,
}

/// An entry of a member's log. `receipt` is whether the relay's receipt bears out a commit's time and statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Row {
    pub(crate) what: Ciphertext,
    pub(crate) receipt: bool,
    pub(crate) verdict: Verdict,
}

/// What another member's contents have come to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Track {
    pub(crate) highest: u8,
    pub(crate) last: u64,
    /// Counters that are missing, a bit each.
    pub(crate) missing: u8,
}

/// What a member was told of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) struct Alarms {
    pub(crate) fork: bool,
    pub(crate) gap: bool,
    pub(crate) broken: bool,
    pub(crate) void: bool,
    /// Refused, with the entry's place.
    pub(crate) refused: bool,
}

/// An honest member's vault.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Client {
    pub(crate) log: Vec<Row>,
    /// Epochs that it has keys for, the present one last.
    pub(crate) epochs: Vec<u64>,
    pub(crate) members: u8,
    /// The statement that the last accepted commit names.
    pub(crate) accepted_status: u8,
    /// The latest statement that it has.
    pub(crate) knows: u8,
    pub(crate) pending: Option<Ciphertext>,
    /// Own commits of this epoch that the relay said it refused.
    pub(crate) given_up: Vec<Ciphertext>,
    /// Its last content, and whether it stands in the log.
    pub(crate) said: Option<(Content, bool)>,
    pub(crate) tracks: [Track; 3],
    /// Members from whom something came of an epoch that has not begun, a bit each.
    pub(crate) beyond: u8,
    pub(crate) fell_out: bool,
    pub(crate) alarms: Alarms,
    /// What it may still do, within the bounds.
    pub(crate) may_say: u8,
    pub(crate) may_say_again: u8,
    pub(crate) commits_made: u8,
}

impl Client {
    pub(crate) fn epoch(&self) -> u64 {
        self.epochs.last().copied().unwrap_or_default()
    }
    pub(crate) fn position(&self) -> u8 {
        self.log.len() as u8
    }
    pub(crate) fn has_third(&self) -> bool {
        self.members & (1 << THIRD) != 0
    }
    /// Whether a member has to go, as far as this device knows.
    pub(crate) fn unfit(&self) -> bool {
        self.knows > 0 && self.has_third()
    }
    /// Whether a ciphertext stands in its log.
    pub(crate) fn had(&self, what: &Ciphertext) -> bool {
        self.log.iter().any(|row| row.what == *what)
    }
}

/// A moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    /// All that was ever sent, in ascending order: the order in which it was sent binds the relay to nothing.
    pub(crate) pool: Vec<Ciphertext>,
    pub(crate) clients: [Client; 2],
    /// What the third device may still do.
    pub(crate) third_may: u8,
}

impl World {
    pub(crate) fn send(&mut self, what: Ciphertext) {
        if let Err(place) = self.pool.binary_search(&what) {
            self.pool.insert(place, what);
        }
    }
}
