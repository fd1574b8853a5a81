//! History (protocol-spec/05-conversation, section 8): what a member can tell about the log that the relay shows it.
//!
//! [`SenderTrack`] follows one sender's counters and hashes: what was dropped, repeated or changed. [`LogTrack`] follows
//! the running hash over all entries and compares it with what other members say inside their ciphertexts: whether they
//! were shown the same log.

use std::collections::VecDeque;

use amanat_primitives::Digest;
use amanat_wire::{
    Decode, DecodeError, Encode, List, Reader, Writer,
    log::{ciphertext_hash, running_hash},
    record,
};

use crate::content::Content;

/// Gaps of one sender that are remembered; the oldest is given up beyond that.
pub const GAPS: usize = 32;
/// Positions whose running hash is remembered.
pub const RING: usize = 2048;

/// Positions beyond this are no honest relay's; it leaves room to count on.
pub const MAX_POSITION: u64 = 1 << 62;

/// How a content stands to those that its sender sent before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The next one.
    InOrder,
    /// Contents before it are missing.
    Gap {
        /// First counter that is missing.
        from: u64,
        /// Last counter that is missing.
        to: u64,
    },
    /// One that was missing, come late.
    Late,
    /// Its counter was seen before: the relay, or the sender, repeats itself.
    Replay,
    /// It contradicts its neighbours: the sender has told two stories, or its state was copied.
    Broken,
}

record!(
    /// A run of missing contents.
    struct Missing {
        from: u64,
        to: u64,
        /// Digest of the content before `from`.
        before: Digest,
        /// Digest that the content `to` must have.
        last: Digest,
    }
);

/// One sender's contents, as seen from one member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SenderTrack {
    /// The counter that comes next; 0 where this member joined later and takes the first one it sees.
    next: u64,
    /// Digest of the content before `next`.
    last: Digest,
    missing: Vec<Missing>,
    /// First counter of the earliest gap that was given up: what is missing there will not be told, or taken, again.
    given_up: Option<u64>,
    /// The epoch that its last addition began, where this member saw it: what it said before belongs to an earlier
    /// membership.
    since: u64,
}

impl SenderTrack {
    /// Of a sender that joined with this member or after it.
    #[must_use]
    pub fn from_start() -> Self {
        Self { next: 1, last: Digest::ZERO, missing: Vec::new(), given_up: None, since: 0 }
    }

    /// Of a sender that was added by the commit which began this epoch.
    #[must_use]
    pub fn from_epoch(since: u64) -> Self {
        Self { since, ..Self::from_start() }
    }

    /// Whether a content of that epoch is of an earlier membership.
    #[must_use]
    pub fn is_of_earlier_membership(&self, epoch: u64) -> bool {
        epoch < self.since
    }

    /// Of a sender that was there before this member: its first content is taken as it comes.
    #[must_use]
    pub fn from_now() -> Self {
        Self { next: 0, ..Self::from_start() }
    }

    /// The highest counter up to which nothing is missing, for receipts. It never passes a gap, also not one that was
    /// given up: a receipt claims nothing that did not come. `[CONV-80]`
    #[must_use]
    pub fn contiguous(&self) -> u64 {
        let first = self.missing.first().map_or(self.next, |missing| missing.from);
        self.given_up.map_or(first, |given_up| given_up.min(first)).saturating_sub(1)
    }

    /// Judges a content and remembers it. `[CONV-32]`
    pub fn observe(&mut self, content: &Content) -> Order {
        let Content { counter, previous, .. } = *content;
        if self.next == 0 {
            self.pass(content);
            return Order::InOrder;
        }
        if counter < self.next {
            return self.observe_earlier(content);
        }
        let order = if counter > self.next {
            self.missing.push(Missing { from: self.next, to: counter - 1, before: self.last, last: previous });
            self.forget_oldest_gaps();
            Order::Gap { from: self.next, to: counter - 1 }
        } else if previous == self.last {
            Order::InOrder
        } else {
            Order::Broken
        };
        self.pass(content);
        order
    }

    fn forget_oldest_gaps(&mut self) {
        while self.missing.len() > GAPS {
            let oldest = self.missing.remove(0);
            self.given_up = Some(self.given_up.map_or(oldest.from, |earlier| earlier.min(oldest.from)));
        }
    }

    fn pass(&mut self, content: &Content) {
        self.next = content.counter.saturating_add(1);
        self.last = content.digest();
    }

    fn observe_earlier(&mut self, content: &Content) -> Order {
        let counter = content.counter;
        let Some(at) = self.missing.iter().position(|missing| (missing.from..=missing.to).contains(&counter)) else {
            return Order::Replay;
        };
        let gap = self.missing.remove(at);
        let digest = content.digest();
        // It must fit both neighbours, as far as they are known.
        if (counter == gap.to && digest != gap.last) || (counter == gap.from && content.previous != gap.before) {
            self.missing.insert(at, gap);
            return Order::Broken;
        }
        if counter < gap.to {
            self.missing.insert(at, Missing { from: counter + 1, before: digest, ..gap.clone() });
        }
        if counter > gap.from {
            self.missing.insert(at, Missing { to: counter - 1, last: content.previous, ..gap });
        }
        self.forget_oldest_gaps();
        Order::Late
    }
}

impl Encode for SenderTrack {
    fn encode(&self, w: &mut Writer) {
        self.next.encode(w);
        self.last.encode(w);
        if let Ok(missing) = List::<Missing, GAPS>::new(self.missing.clone()) {
            missing.encode(w);
        }
        self.given_up.encode(w);
        self.since.encode(w);
    }
}
impl Decode for SenderTrack {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (next, last) = (u64::decode(r)?, Digest::decode(r)?);
        let missing = List::<Missing, GAPS>::decode(r)?.into_vec();
        Ok(Self { next, last, missing, given_up: Option::decode(r)?, since: u64::decode(r)? })
    }
}

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

    /// Takes in the next entry's body, whatever it is. `[CONV-33]`
    ///
    /// # Errors
    /// [`NotNext`]; nothing has changed then.
    pub fn advance(&mut self, position: u64, body: &[u8]) -> Result<(), NotNext> {
        self.advance_by(position, &ciphertext_hash(body))
    }

    pub(crate) fn advance_by(&mut self, position: u64, body_hash: &Digest) -> Result<(), NotNext> {
        self.expect(position)?;
        let running = running_hash(&self.running(), body_hash);
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
    use super::*;
    use amanat_primitives::{MessageSeed, Timestamp};
    use amanat_wire::Bytes;
    use proptest::prelude::*;

    fn chain(length: u64) -> Vec<Content> {
        let mut previous = Digest::ZERO;
        let make = |counter| {
            let content = Content {
                version: 1,
                seed: MessageSeed::from_bytes([counter as u8; 16]),
                counter,
                previous,
                sent_at: Timestamp::default(),
                content_type: 1,
                body: Bytes::default(),
            };
            previous = content.digest();
            content
        };
        (1..=length).map(make).collect()
    }

    // [CONV-32]
    #[test]
    fn drops_repeats_and_late_arrivals_are_told_apart() {
        let sent = chain(6);
        let mut track = SenderTrack::from_start();
        assert_eq!(track.observe(&sent[0]), Order::InOrder);
        assert_eq!(track.observe(&sent[4]), Order::Gap { from: 2, to: 4 });
        assert_eq!(track.contiguous(), 1);
        assert_eq!(track.observe(&sent[4]), Order::Replay);
        assert_eq!(track.observe(&sent[2]), Order::Late);
        assert_eq!(track.observe(&sent[2]), Order::Replay);
        assert_eq!(track.observe(&sent[1]), Order::Late);
        assert_eq!(track.contiguous(), 3);
        assert_eq!(track.observe(&sent[3]), Order::Late);
        assert_eq!(track.observe(&sent[5]), Order::InOrder);
        assert_eq!(track.contiguous(), 6);
        assert_eq!(SenderTrack::from_bytes(&track.to_bytes()), Ok(track));
    }

    // [CONV-32]
    #[test]
    fn a_second_story_is_found_at_each_end() {
        let sent = chain(5);
        let other = Content { body: Bytes::new(vec![1]).unwrap(), ..sent[1].clone() };
        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        track.observe(&other);
        assert_eq!(track.observe(&sent[2]), Order::Broken);

        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        track.observe(&sent[4]);
        let changed_last = Content { body: Bytes::new(vec![1]).unwrap(), ..sent[3].clone() };
        assert_eq!(track.observe(&changed_last), Order::Broken);
        let changed_first = Content { previous: Digest::from_bytes([9; 32]), ..sent[1].clone() };
        assert_eq!(track.observe(&changed_first), Order::Broken);
        assert_eq!(track.observe(&sent[3]), Order::Late);
        assert_eq!(track.observe(&sent[1]), Order::Late);
        assert_eq!(track.observe(&sent[2]), Order::Late);
        assert_eq!(track.contiguous(), 5);
    }

    #[test]
    fn a_later_member_begins_with_what_it_sees_first() {
        let sent = chain(5);
        let mut track = SenderTrack::from_now();
        assert_eq!(track.contiguous(), 0);
        assert_eq!(track.observe(&sent[2]), Order::InOrder);
        assert_eq!(track.observe(&sent[1]), Order::Replay);
        assert_eq!(track.observe(&sent[3]), Order::InOrder);
        assert_eq!(track.contiguous(), 4);
    }

    #[test]
    fn no_more_gaps_are_kept_than_allowed() {
        let sent = chain(200);
        let mut track = SenderTrack::from_start();
        for content in sent.iter().step_by(2) {
            track.observe(content);
        }
        assert_eq!(track.missing.len(), GAPS);
        let mut wide = SenderTrack::from_start();
        for content in [&sent[0], &sent[199]].into_iter().chain(sent.iter().take(190).skip(3).step_by(3)) {
            wide.observe(content);
        }
        assert_eq!(wide.missing.len(), GAPS);
        assert_eq!(SenderTrack::from_bytes(&wide.to_bytes()), Ok(wide));
        assert_eq!(SenderTrack::from_bytes(&track.to_bytes()), Ok(track));
    }

    // [CONV-80]
    #[test]
    fn a_gap_that_was_given_up_is_never_passed() {
        let sent = chain(200);
        let mut track = SenderTrack::from_start();
        for content in sent.iter().step_by(2) {
            track.observe(content);
            assert_eq!(track.contiguous(), 1);
        }
        // All that is still remembered as missing comes late; what was given up stays missing.
        let remembered: Vec<u64> = track.missing.iter().map(|missing| missing.from).collect();
        for counter in remembered {
            assert_eq!(track.observe(&sent[counter as usize - 1]), Order::Late);
        }
        assert!(track.missing.is_empty());
        assert_eq!(track.contiguous(), 1);
        assert_eq!(track.observe(&sent[1]), Order::Replay);
        let again = SenderTrack::from_bytes(&track.to_bytes()).unwrap();
        assert_eq!(again.contiguous(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        // [CONV-32] In whatever order contents come, each is taken exactly once, and honest senders are never `Broken`.
        #[test]
        fn every_order_of_arrival_ends_complete(order in Just((0usize..12).collect::<Vec<_>>()).prop_shuffle()) {
            let sent = chain(12);
            let mut track = SenderTrack::from_start();
            for &i in &order {
                let verdict = track.observe(&sent[i]);
                prop_assert!(!matches!(verdict, Order::Replay | Order::Broken), "{verdict:?}");
                prop_assert_eq!(track.observe(&sent[i]), Order::Replay);
            }
            prop_assert_eq!(track.contiguous(), 12);
            prop_assert_eq!(SenderTrack::from_bytes(&track.to_bytes()), Ok(track));
        }
    }

    // [CONV-33] [CONV-34]
    #[test]
    fn logs_that_differ_are_found() {
        let bodies: Vec<Vec<u8>> = (0..9u8).map(|n| vec![n; 3]).collect();
        let (mut a, mut b) = (LogTrack::from_start(), LogTrack::from_start());
        for (i, body) in bodies.iter().enumerate() {
            a.advance(i as u64 + 1, body).unwrap();
            let shown = if i == 5 { &bodies[0] } else { body };
            b.advance(i as u64 + 1, shown).unwrap();
        }
        let mut at_three = LogTrack::from_start();
        for (i, body) in bodies.iter().take(3).enumerate() {
            at_three.advance(i as u64 + 1, body).unwrap();
        }
        assert_eq!(a.check(3, &at_three.running()), Claim::Agree);
        assert_eq!(a.check(0, &Digest::ZERO), Claim::Agree);
        assert_eq!(a.check(9, &b.running()), Claim::Fork);
        assert_eq!(a.check(10, &b.running()), Claim::Ahead);
        assert_eq!(a.advance(9, b""), Err(NotNext { expected: 10, given: 9 }));
        assert_eq!(a.advance(11, b""), Err(NotNext { expected: 10, given: 11 }));
    }

    // [CONV-34]
    #[test]
    fn a_joiner_is_confirmed_by_the_first_member_that_agrees() {
        let mut member = LogTrack::from_start();
        member.advance(1, b"create").unwrap();
        let mut joiner = LogTrack::joined(1, member.running());
        let mut fooled = LogTrack::joined(1, Digest::from_bytes([7; 32]));
        assert_eq!(joiner.check(0, &Digest::ZERO), Claim::TooOld);
        assert!(!joiner.confirmed());
        for track in [&mut member, &mut joiner, &mut fooled] {
            track.advance(2, b"message").unwrap();
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
            track.advance(position, b"x").unwrap();
        }
        assert_eq!(track.ring.len(), RING);
        assert_eq!(track.check(0, &first), Claim::TooOld);
        assert_ne!(track.check(1, &first), Claim::TooOld);
    }
}
