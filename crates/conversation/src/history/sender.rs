//! One sender's contents (protocol-spec/05-conversation, section 8): its counters and hashes tell what was dropped,
//! repeated or changed, and what has only expired.

use amanat_primitives::Digest;
use amanat_wire::{Decode, DecodeError, Encode, List, Reader, Writer, record};

use crate::content::Content;

/// Gaps of one sender that are remembered; the oldest is given up beyond that.
const GAPS: usize = 32;

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
    /// What is missing before it had expired at the relay, which was told where more than receipts are among it.
    Expired,
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

record!(
    /// Entries that had expired when this member came for them.
    struct Gone {
        /// Of which a person was told.
        told: u64,
        /// Which the relay says it kept as short as receipts: whether they were, the sender's next content shows.
        short: u64,
    }
);

impl Gone {
    const NONE: Self = Self { told: 0, short: 0 };
}

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
    /// Contents before `next` that are no receipts, as it counts them itself.
    lasting: u64,
    /// Entries of this sender, since its last content, that the relay no longer has.
    gone: Gone,
    /// The epoch that its last addition began, where this member saw it: what it said before belongs to an earlier
    /// membership.
    since: u64,
    /// `lasting` of the first content that was taken as it came; 0 where nothing stands before what this member sees.
    begins: u64,
}

impl SenderTrack {
    /// Of a sender that joined with this member or after it.
    #[must_use]
    pub fn from_start() -> Self {
        Self {
            next: 1,
            last: Digest::ZERO,
            missing: Vec::new(),
            given_up: None,
            lasting: 0,
            gone: Gone::NONE,
            since: 0,
            begins: 0,
        }
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

    /// How many contents that are no receipts stood before the first one that this member took in. A receipt names it, so
    /// that its reader sees whether that was the first one sent to this member. `[DELIV-252]`
    #[must_use]
    pub fn begins(&self) -> u64 {
        self.begins
    }

    /// Judges a content and remembers it. `[CONV-32]`
    pub fn observe(&mut self, content: &Content) -> Order {
        let Content { counter, previous, .. } = *content;
        if self.next == 0 {
            self.begins = content.lasting;
            self.pass(content);
            return Order::InOrder;
        }
        if counter < self.next {
            return self.observe_earlier(content);
        }
        let missing = counter - self.next;
        let lasting = content.lasting.checked_sub(self.lasting).filter(|lasting| *lasting <= missing);
        let order = match lasting {
            None if missing == 0 => Order::Broken,
            // [CONV-80] Its count is a lie, and what it skips is missing all the same: no receipt passes that.
            None => {
                self.observe_gap(content, u64::MAX);
                Order::Broken
            }
            Some(_) if missing == 0 && previous != self.last => Order::Broken,
            Some(_) if missing == 0 => Order::InOrder,
            Some(lasting) => self.observe_gap(content, lasting),
        };
        self.pass(content);
        order
    }

    /// Contents are missing before this one, of which `lasting` are no receipts. `[CONV-32]` `[CONV-36]`
    fn observe_gap(&mut self, content: &Content, lasting: u64) -> Order {
        let (from, to) = (self.next, content.counter - 1);
        let expired = content.counter - from <= self.gone.told.saturating_add(self.gone.short);
        if expired && lasting == 0 {
            // Nothing that anyone would wait for: the sender tells again what its receipts said.
            return Order::Expired;
        }
        self.missing.push(Missing { from, to, before: self.last, last: content.previous });
        self.forget_oldest_gaps();
        if expired && lasting <= self.gone.told { Order::Expired } else { Order::Gap { from, to } }
    }

    /// An entry of this sender had expired: `told` where a person was told, else the relay kept it as short as receipts.
    pub fn gone(&mut self, told: bool) {
        let count = if told { &mut self.gone.told } else { &mut self.gone.short };
        *count = count.saturating_add(1);
    }

    /// Any number of entries had expired, of whatever sender: see [`gone`](Self::gone).
    pub fn all_gone(&mut self, told: bool) {
        let count = if told { &mut self.gone.told } else { &mut self.gone.short };
        *count = u64::MAX;
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
        self.lasting = content.lasting.saturating_add(u64::from(content.lasts()));
        self.gone = Gone::NONE;
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
        self.lasting.encode(w);
        self.gone.encode(w);
        self.since.encode(w);
        self.begins.encode(w);
    }
}
impl Decode for SenderTrack {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (next, last) = (u64::decode(r)?, Digest::decode(r)?);
        let missing = List::<Missing, GAPS>::decode(r)?.into_vec();
        let given_up = Option::decode(r)?;
        let (lasting, gone) = (u64::decode(r)?, Gone::decode(r)?);
        let (since, begins) = (u64::decode(r)?, u64::decode(r)?);
        Ok(Self { next, last, missing, given_up, lasting, gone, since, begins })
    }
}

#[cfg(test)]
mod tests {
    use amanat_primitives::{MessageSeed, Timestamp};
    use amanat_wire::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn chain(length: u64) -> Vec<Content> {
        let mut previous = Digest::ZERO;
        let make = |counter| {
            let content = Content {
                version: 1,
                seed: MessageSeed::from_bytes([counter as u8; 16]),
                counter,
                previous,
                lasting: counter - 1,
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

    /// Contents of these types, 3 being a receipt.
    fn of_types(types: &[u16]) -> Vec<Content> {
        let (mut previous, mut lasting) = (Digest::ZERO, 0);
        let typed = chain(types.len() as u64).into_iter().zip(types).map(|(content, kind)| {
            let content = Content { content_type: *kind, previous, lasting, ..content };
            (previous, lasting) = (content.digest(), lasting + u64::from(content.lasts()));
            content
        });
        typed.collect()
    }

    // [CONV-36]
    #[test]
    fn receipts_that_have_expired_are_no_gap() {
        let sent = of_types(&[1, 3, 3, 1, 3, 1]);
        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        track.gone(false);
        track.gone(false);
        let track = SenderTrack::from_bytes(&track.to_bytes()).unwrap();
        let mut other = track.clone();
        assert_eq!((other.observe(&sent[3]), other.contiguous()), (Order::Expired, 4));
        assert_eq!(other.observe(&sent[4]), Order::InOrder);
        // Without a word from the relay: one of them was dropped.
        assert_eq!(
            SenderTrack::from_bytes(&track.to_bytes()).unwrap().observe(&sent[4]),
            Order::Gap { from: 2, to: 4 }
        );
        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        track.gone(false);
        assert_eq!(track.observe(&sent[3]), Order::Gap { from: 2, to: 3 });
    }

    // [CONV-36]
    #[test]
    fn a_message_is_not_hidden_among_receipts() {
        let sent = of_types(&[1, 1, 3, 1]);
        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        track.gone(false);
        track.gone(false);
        assert_eq!((track.observe(&sent[3]), track.contiguous()), (Order::Gap { from: 2, to: 3 }, 1));
        // Where a person was told of one, it is no gap; a receipt never passes it.
        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        track.gone(true);
        track.gone(false);
        assert_eq!((track.observe(&sent[3]), track.contiguous()), (Order::Expired, 1));
        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        track.all_gone(true);
        assert_eq!((track.observe(&sent[3]), track.contiguous()), (Order::Expired, 1));
    }

    // [CONV-36]
    #[test]
    fn a_count_that_cannot_be_is_a_second_story() {
        let sent = of_types(&[1, 1, 3, 1]);
        for (at, lasting) in [(1, 0), (1, 2), (3, 0), (3, 4)] {
            let mut track = SenderTrack::from_start();
            track.observe(&sent[0]);
            assert_eq!(track.observe(&Content { lasting, ..sent[at].clone() }), Order::Broken, "{at} {lasting}");
        }
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

    // [DELIV-252]
    #[test]
    fn a_later_member_begins_with_what_it_sees_first() {
        let sent = chain(5);
        let mut track = SenderTrack::from_now();
        assert_eq!(track.contiguous(), 0);
        assert_eq!(track.observe(&sent[2]), Order::InOrder);
        assert_eq!(track.observe(&sent[1]), Order::Replay);
        assert_eq!(track.observe(&sent[3]), Order::InOrder);
        assert_eq!(track.contiguous(), 4);
        // And says so: two stood before it.
        assert_eq!(track.begins(), 2);
        assert_eq!(SenderTrack::from_bytes(&track.to_bytes()), Ok(track));
    }

    // [DELIV-252]
    #[test]
    fn of_whom_it_sees_all_it_has_seen_the_first() {
        let sent = chain(3);
        for mut track in [SenderTrack::from_start(), SenderTrack::from_epoch(4)] {
            track.observe(&sent[1]);
            assert_eq!((track.begins(), track.contiguous()), (0, 0));
        }
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
    fn what_a_false_count_skips_stays_missing() {
        let sent = chain(4);
        let mut track = SenderTrack::from_start();
        track.observe(&sent[0]);
        for lasting in [0, 9] {
            let mut track = track.clone();
            assert_eq!(track.observe(&Content { lasting, ..sent[3].clone() }), Order::Broken);
            assert_eq!(track.contiguous(), 1);
            assert_eq!(track.observe(&sent[1]), Order::Late);
            assert_eq!(track.contiguous(), 2);
        }
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
}
