//! Receipts (protocol-spec/07-delivery, section 12): what came, and what was read, told to its senders cumulatively.
//!
//! A receipt is a content frame like any other, so that the relay cannot forge or drop one unseen. It says for each
//! other device up to which counter its frames are in this vault and read here. Receipts are not answered by receipts.

use std::time::Duration;

use amanat_conversation::content::{Body, Receipt, ReceiptLine};
use amanat_primitives::{ConversationId, DeviceId};
use amanat_wire::log::RetentionClass;

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

/// How long receipts are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(250);

impl Core {
    /// Marks others' messages up to `last` as read; `rows` are those that a face has just shown.
    pub(crate) fn mark_read(&mut self, id: ConversationId, last: u64, rows: &[MessageRow]) -> Result<(), Failure> {
        let due = self.now();
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
            open.receipt_due = open.receipt_due.or(Some(due.after(GATHER)));
        }
        Ok(())
    }

    /// Something came that its sender should be told of.
    pub(crate) fn receipt_later(&mut self, id: ConversationId) {
        let due = self.now().after(GATHER);
        if let Some(open) = self.conversations.get_mut(&id) {
            open.receipt_due = open.receipt_due.or(Some(due));
        }
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
        let Some(open) = self.conversations.get_mut(&id) else { return Ok(()) };
        open.receipt_due = None;
        let owed: Vec<TrackRow> = open.tracks.values().filter(|track| owes(track)).cloned().collect();
        if owed.is_empty() {
            return Ok(());
        }
        let row = open.row.clone();
        let (mut lines, mut told) = (Vec::new(), Vec::new());
        let group = self.group(id)?;
        for track in owed {
            let delivered = group.delivered(&track.device).map_err(failure::from_conversation)?;
            lines.push(ReceiptLine { device: track.device, delivered, read: track.read.min(delivered) });
            // A gap holds `delivered` back; what came behind it is not told again until it is closed.
            told.push(TrackRow { told_delivered: delivered.max(track.shown), told_read: track.read, ..track });
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

    /// Another device says what it has of ours. Returns the messages whose state that moves, with their new state.
    pub(crate) fn told_by(track: &mut TrackRow, own: DeviceId, receipt: &Receipt) -> bool {
        let Some(line) = receipt.lines().iter().find(|line| line.device == own) else { return false };
        let before = (track.has, track.has_read);
        track.has = track.has.max(line.delivered);
        track.has_read = track.has_read.max(line.read);
        before != (track.has, track.has_read)
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

fn owes(track: &TrackRow) -> bool {
    track.shown > track.told_delivered || track.read > track.told_read
}
