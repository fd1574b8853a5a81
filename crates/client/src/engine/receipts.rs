//! Receipts (protocol-spec/07-delivery, section 12): what came, and what was read, told to its senders cumulatively.
//!
//! A receipt is a content frame like any other, so that the relay cannot forge or drop one unseen. It says for each
//! other device up to which counter its frames are in this vault and read here. Receipts are not answered by receipts.
//! As a content frame it goes to all members, so that in a large conversation there must be few of them.

use std::time::Duration;

use amanat_conversation::content::{Body, Receipt};
use amanat_primitives::{ConversationId, Timestamp};
use amanat_wire::log::RetentionClass;
use rand_core::RngCore as _;

use super::{
    core::{Core, Open, put_conversation},
    outgoing::Outgoing,
};
use crate::{
    Event, Failure,
    api::MessageState,
    failure,
    rows::{MessageRow, TrackRow},
    vault::{Batch, Scope},
};

/// How long receipts are gathered before the first is sent.
const GATHER: Duration = Duration::from_millis(250);
/// From one receipt to the next in a conversation.
const SPACE: Duration = Duration::from_secs(5);
/// Devices of a conversation above which receipts are spaced further.
const LARGE: usize = 20;
/// The same, in such a conversation.
const LARGE_SPACE: Duration = Duration::from_secs(30);
/// Devices of a conversation above which nobody is told what was read.
const NO_READ: usize = 50;

impl Core {
    /// Marks others' messages up to `last` as read; `rows` are those that a face has just shown.
    pub(crate) fn mark_read(&mut self, id: ConversationId, last: u64, rows: &[MessageRow]) -> Result<(), Failure> {
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        if last <= open.row.read {
            return Ok(());
        }
        let mut row = open.row.clone();
        let mut tracks = open.tracks.clone();
        let newly = rows.iter().filter(|message| !message.own && message.sequence > row.read);
        let mut count = 0;
        for message in newly {
            count += 1;
            if let Some(track) = tracks.get_mut(&message.device) {
                track.read = track.read.max(message.counter);
            }
        }
        row.read = last;
        row.unread = row.unread.saturating_sub(count);
        let mut batch = Batch::default();
        put_conversation(&mut batch, &row);
        tracks.values().filter(|track| open.tracks.get(&track.device) != Some(track)).for_each(|track| {
            batch.put(Scope::Tracks(id), track.device.as_bytes(), track);
        });
        self.vault.commit(batch)?;
        open.row = row;
        open.tracks = tracks;
        if count > 0 {
            self.receipt_later(id);
        }
        Ok(())
    }

    /// Something came that its sender should be told of.
    pub(crate) fn receipt_later(&mut self, id: ConversationId) {
        let (now, mut random) = (self.now(), self.random());
        if let Some(open) = self.conversations.get_mut(&id) {
            let due = due(now, open.receipt_sent, devices(open), random.next_u32());
            open.receipt_due = open.receipt_due.or(Some(due));
        }
    }

    /// The link has caught up: what is owed from before goes out too.
    pub(crate) fn owed_receipts_later(&mut self) {
        let owing = self.conversations.values().filter(|open| open.tracks.values().any(|track| owes(track, open)));
        let ids: Vec<ConversationId> = owing.map(|open| open.row.id).collect();
        ids.into_iter().for_each(|id| self.receipt_later(id));
    }

    /// Queues the receipts that are due, or all that are owed.
    pub(crate) fn send_due_receipts(&mut self, all: bool) -> Result<(), Failure> {
        if self.link.is_none() && !all {
            // Without a link they wait: many become one.
            self.conversations.values_mut().for_each(|open| open.receipt_due = None);
            return Ok(());
        }
        let now = self.now();
        let ready = |open: &&Open| all || open.receipt_due.is_some_and(|due| due <= now);
        let ids: Vec<ConversationId> = self.conversations.values().filter(ready).map(|open| open.row.id).collect();
        for id in ids {
            self.send_receipt(id)?;
        }
        Ok(())
    }

    fn send_receipt(&mut self, id: ConversationId) -> Result<(), Failure> {
        let now = self.now();
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        open.receipt_due = None;
        let owed: Vec<TrackRow> = open.tracks.values().filter(|track| owes(track, open)).cloned().collect();
        if owed.is_empty() {
            return Ok(());
        }
        open.receipt_sent = Some(now);
        let tells_read = tells_read(open);
        let row = open.row.clone();
        let (mut lines, mut told) = (Vec::new(), Vec::new());
        let group = self.group(id)?;
        for track in owed {
            let read = if tells_read { track.read } else { track.told_read };
            let line = group.receipt_line(track.device, read).map_err(failure::from_conversation)?;
            // A gap holds `delivered` back; what came behind it is not told again until it is closed.
            told.push(TrackRow { told_delivered: line.delivered.max(track.shown), told_read: read, ..track });
            lines.push(line);
        }
        let Ok(receipt) = Receipt::new(lines) else { return Ok(()) };
        let mut batch = Batch::default();
        for track in &told {
            batch.put(Scope::Tracks(id), track.device.as_bytes(), track);
        }
        let outgoing =
            Outgoing { body: Body::Receipt(receipt), message: None, class: RetentionClass::Day, announce: false };
        self.queue(id, row, outgoing, batch)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            open.tracks.extend(told.into_iter().map(|track| (track.device, track)));
        }
        self.pump(id)
    }

    /// Tells faces the states of one's own last messages, after a receipt moved them.
    pub(crate) fn emit_states(&self, id: ConversationId, before: &Open) -> Result<(), Failure> {
        /// How far back a receipt is followed; older messages show their state when they are read.
        const BACK: u64 = 256;
        let Ok(open) = self.conversation(id) else { return Ok(()) };
        let first = open.row.sequence.saturating_sub(BACK);
        for sequence in (first + 1..=open.row.sequence).rev() {
            let Some(row) = self.vault.read::<MessageRow>(Scope::Messages(id), &sequence.to_be_bytes())? else {
                continue;
            };
            if !row.own {
                continue;
            }
            let (was, is) = (super::queries::state_of(before, &row), super::queries::state_of(open, &row));
            if was == is && is == MessageState::Read {
                break;
            }
            if was != is {
                self.emit(Event::MessageState { conversation: id, message: row.id, state: is });
            }
        }
        Ok(())
    }
}

fn owes(track: &TrackRow, open: &Open) -> bool {
    track.shown > track.told_delivered || (tells_read(open) && track.read > track.told_read)
}

/// Devices of a conversation, this one included.
fn devices(open: &Open) -> usize {
    open.tracks.len() + 1
}

/// [DELIV-102] In a large conversation "read by everyone" is never reached, and who reads when is nobody's business.
fn tells_read(open: &Open) -> bool {
    devices(open) <= NO_READ
}

/// When a receipt that is owed now goes out: soon, and not too soon after the last one. [DELIV-100] In a large
/// conversation at a random time, because all its devices owe one at once. [DELIV-101]
fn due(now: Timestamp, last: Option<Timestamp>, devices: usize, random: u32) -> Timestamp {
    let (gather, space) = match devices > LARGE {
        true => (LARGE_SPACE.mul_f64(f64::from(random) / f64::from(u32::MAX)), LARGE_SPACE),
        false => (GATHER, SPACE),
    };
    // A clock that was set back must not silence receipts.
    let earliest = last.map_or(now, |last| last.min(now).after(space));
    now.after(gather).max(earliest)
}

#[cfg(test)]
mod tests {
    use amanat_primitives::DeviceId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);

    // [DELIV-100]
    #[test]
    fn the_first_receipt_is_quick_and_the_next_is_not() {
        assert_eq!(due(NOW, None, 2, 0), NOW.after(GATHER));
        assert_eq!(due(NOW, Some(NOW), 2, u32::MAX), NOW.after(SPACE));
        assert_eq!(due(NOW, Some(NOW.before(Duration::from_secs(2))), LARGE, 7), NOW.after(Duration::from_secs(3)));
        assert_eq!(due(NOW, Some(NOW.before(Duration::from_secs(60))), LARGE, 7), NOW.after(GATHER));
        assert_eq!(due(NOW, Some(NOW.after(Duration::from_secs(3600))), 2, 0), NOW.after(SPACE));
    }

    // [DELIV-101]
    #[test]
    fn above_twenty_devices_none_comes_within_thirty_seconds_and_each_at_a_random_time() {
        let half_a_minute = Duration::from_secs(30);
        assert_eq!(due(NOW, Some(NOW), 20, u32::MAX), NOW.after(SPACE));
        assert_eq!(due(NOW, Some(NOW), 21, 0), NOW.after(half_a_minute));
        assert_eq!(due(NOW, Some(NOW.before(Duration::from_secs(29))), 21, 0), NOW.after(Duration::from_secs(1)));
        let first = |random| due(NOW, None, 21, random);
        assert_eq!((first(0), first(u32::MAX)), (NOW, NOW.after(half_a_minute)));
        assert!(first(u32::MAX / 3) > NOW && first(u32::MAX / 3) < first(u32::MAX / 2));
    }

    // [DELIV-102]
    #[test]
    fn above_fifty_devices_nobody_is_told_what_was_read() {
        let track = |n: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            TrackRow { shown: 3, told_delivered: 3, read: 3, ..TrackRow::new(DeviceId::from_bytes(id)) }
        };
        let mut open = Open::of(crate::rows::ConversationRow::new(
            ConversationId::from_bytes([1; 16]),
            1,
            crate::rows::Stage::Active,
            Timestamp::default(),
        ));
        for n in 1..NO_READ {
            open.tracks.insert(track(n).device, track(n));
        }
        assert!(owes(&track(1), &open));
        open.tracks.insert(track(0).device, track(0));
        assert!(!owes(&track(1), &open));
        assert!(owes(&TrackRow { shown: 4, ..track(1) }, &open));
    }
}
