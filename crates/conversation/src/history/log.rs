//! A conversation's log (protocol-spec/05-conversation, section 8): the running hash over all entries, compared with what
//! other members say inside their ciphertexts.

use std::collections::VecDeque;

use amanat_primitives::Digest;
use amanat_wire::log::Entry;

/// Positions whose running hash is remembered.
pub const RING: usize = 2048;

/// Positions beyond this are no honest relay's: far beyond any log, far from overflow.
pub const MAX_POSITION: u64 = 1 << 48;

/// What a sender's place in the log says about the logs that it and this member were shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The same log up to that position.
    Agree,
    /// Before what this member remembers.
    TooOld,
    /// Beyond what this member has seen, which cannot be where entries are processed in order.
    Ahead,
    /// Another log: the relay shows members different things. An alarm.
    Fork,
}

/// An entry that does not follow the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("log entry {given} came where {expected} was expected")]
pub struct NotNext {
    /// The position that comes next.
    pub expected: u64,
    /// The position given.
    pub given: u64,
}

/// A conversation's log, as seen from one member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogTrack {
    pub(crate) position: u64,
    pub(crate) confirmed: bool,
    /// R of the last positions, the last one at `position`. Never empty.
    pub(crate) ring: VecDeque<Digest>,
}

impl LogTrack {
    /// Of the founder: from the very beginning.
    #[must_use]
    pub fn from_start() -> Self {
        Self { position: 0, confirmed: true, ring: VecDeque::from([Digest::ZERO]) }
    }

    /// Of a member that joined at `position`, where R was `running` as the relay says. It stays unconfirmed until
    /// another member's message agrees.
    #[must_use]
    pub fn joined(position: u64, running: Digest) -> Self {
        Self { position: position.min(MAX_POSITION), confirmed: false, ring: VecDeque::from([running]) }
    }

    /// Position of the last entry processed.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// R at [`position`](Self::position).
    #[must_use]
    pub fn running(&self) -> Digest {
        self.ring.back().copied().unwrap_or(Digest::ZERO)
    }

    /// R at a position, as far back as it is remembered.
    #[must_use]
    pub fn running_at(&self, position: u64) -> Option<Digest> {
        let back = usize::try_from(self.position.checked_sub(position)?).ok()?;
        let index = self.ring.len().checked_sub(1)?.checked_sub(back)?;
        self.ring.get(index).copied()
    }

    /// Whether another member has agreed with what the relay said on joining.
    #[must_use]
    pub fn confirmed(&self) -> bool {
        self.confirmed
    }

    /// Whether `position` comes next.
    ///
    /// # Errors
    /// [`NotNext`].
    pub fn expect(&self, position: u64) -> Result<(), NotNext> {
        let expected = self.position.saturating_add(1);
        if position == expected { Ok(()) } else { Err(NotNext { expected, given: position }) }
    }

    /// Takes in the next entry, whatever it is. `[CONV-33]`
    ///
    /// # Errors
    /// [`NotNext`]; nothing has changed then.
    pub fn advance(&mut self, entry: &Entry) -> Result<(), NotNext> {
        self.advance_to(entry.position, entry.running(&self.running()))
    }

    /// The same, where R at the next position is known.
    pub(crate) fn advance_to(&mut self, position: u64, running: Digest) -> Result<(), NotNext> {
        self.expect(position)?;
        if self.ring.len() >= RING {
            self.ring.pop_front();
        }
        self.ring.push_back(running);
        self.position = position;
        Ok(())
    }

    /// Goes on behind entries that the relay no longer has; unconfirmed again.
    pub fn jump(&mut self, position: u64, running: Digest) {
        *self = Self::joined(position, running);
    }

    /// Judges what another member says about the log in its ciphertext, and confirms this member's own view where
    /// they agree. `[CONV-34]`
    pub fn check(&mut self, position: u64, running: &Digest) -> Claim {
        if position > self.position {
            return Claim::Ahead;
        }
        match self.running_at(position) {
            None => Claim::TooOld,
            Some(known) if known == *running => {
                self.confirmed = true;
                Claim::Agree
            }
            Some(_) => Claim::Fork,
        }
    }
}

#[cfg(test)]
mod tests {
    use amanat_primitives::{DeviceId, Timestamp, UnitId};
    use amanat_wire::{
        Bytes,
        log::{RetentionClass, UnitKind},
    };

    use super::*;

    fn entry(position: u64, kind: UnitKind, body: &[u8], receipt: &[u8]) -> Entry {
        Entry {
            position,
            kind,
            stamp: Timestamp::default(),
            sender: DeviceId::from_bytes([1; 32]),
            unit: UnitId::from_bytes([2; 16]),
            seen_commit: 0,
            accepted_commit: 0,
            body: Bytes::new(body).unwrap(),
            gone: None,
            receipt: Bytes::new(receipt).unwrap(),
            class: RetentionClass::Day,
            seal: Digest::ZERO,
        }
    }

    fn message(position: u64, body: &[u8]) -> Entry {
        entry(position, UnitKind::Message, body, b"")
    }

    // [CONV-33] [CONV-34]
    #[test]
    fn logs_that_differ_are_found() {
        let bodies: Vec<Vec<u8>> = (0..9u8).map(|n| vec![n; 3]).collect();
        let (mut a, mut b) = (LogTrack::from_start(), LogTrack::from_start());
        for (i, body) in bodies.iter().enumerate() {
            a.advance(&message(i as u64 + 1, body)).unwrap();
            let shown = if i == 5 { &bodies[0] } else { body };
            b.advance(&message(i as u64 + 1, shown)).unwrap();
        }
        let mut at_three = LogTrack::from_start();
        for (i, body) in bodies.iter().take(3).enumerate() {
            at_three.advance(&message(i as u64 + 1, body)).unwrap();
        }
        assert_eq!(a.check(3, &at_three.running()), Claim::Agree);
        assert_eq!(a.check(0, &Digest::ZERO), Claim::Agree);
        assert_eq!(a.check(9, &b.running()), Claim::Fork);
        assert_eq!(a.check(10, &b.running()), Claim::Ahead);
        assert_eq!(a.advance(&message(9, b"")), Err(NotNext { expected: 10, given: 9 }));
        assert_eq!(a.advance(&message(11, b"")), Err(NotNext { expected: 10, given: 11 }));
    }

    // [CONV-33] All that an entry is judged by enters R, and what is the relay's word alone does not.
    #[test]
    fn kind_ciphertext_and_receipt_enter_the_running_hash() {
        let commit = entry(1, UnitKind::Commit, b"commit", b"receipt");
        let after = |entry: &Entry| {
            let mut track = LogTrack::from_start();
            track.advance(entry).unwrap();
            track.running()
        };
        let others = [
            entry(1, UnitKind::Create, b"commit", b"receipt"),
            entry(1, UnitKind::Message, b"commit", b"receipt"),
            entry(1, UnitKind::Commit, b"another", b"receipt"),
            entry(1, UnitKind::Commit, b"commit", b"another"),
            entry(1, UnitKind::Commit, b"commit", b""),
            entry(1, UnitKind::Commit, b"commitreceipt", b""),
        ];
        for other in others {
            assert_ne!(after(&commit), after(&other), "{other:?}");
        }
        let gone = Entry { body: Bytes::default(), gone: Some(commit.ciphertext_hash()), ..commit.clone() };
        let stamped = Entry { stamp: Timestamp::from_secs(5), class: RetentionClass::Year, ..commit.clone() };
        assert_eq!([after(&commit); 2], [after(&gone), after(&stamped)]);
    }

    // [CONV-34]
    #[test]
    fn a_joiner_is_confirmed_by_the_first_member_that_agrees() {
        let mut member = LogTrack::from_start();
        member.advance(&message(1, b"create")).unwrap();
        let mut joiner = LogTrack::joined(1, member.running());
        let mut fooled = LogTrack::joined(1, Digest::from_bytes([7; 32]));
        assert_eq!(joiner.check(0, &Digest::ZERO), Claim::TooOld);
        assert!(!joiner.confirmed());
        for track in [&mut member, &mut joiner, &mut fooled] {
            track.advance(&message(2, b"message")).unwrap();
        }
        assert_eq!(joiner.check(2, &member.running()), Claim::Agree);
        assert!(joiner.confirmed());
        assert_eq!(fooled.check(2, &member.running()), Claim::Fork);
        assert!(!fooled.confirmed());
    }

    #[test]
    fn only_the_last_positions_are_remembered() {
        let mut track = LogTrack::from_start();
        let first = track.running();
        for position in 1..=RING as u64 {
            track.advance(&message(position, b"x")).unwrap();
        }
        assert_eq!(track.ring.len(), RING);
        assert_eq!(track.check(0, &first), Claim::TooOld);
        assert_ne!(track.check(1, &first), Claim::TooOld);
    }
}
