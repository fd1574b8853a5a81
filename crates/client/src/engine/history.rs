//! Earlier messages between devices (protocol-spec/07-delivery, section 12): collected from the vault into a history file,
//! and taken in from one, all or nothing: that is `taking`.

mod taking;

use amanat_conversation::ContentType;
use amanat_identity::{Tier, VerifiedDevice};
use amanat_primitives::{ConversationId, DocumentId, passphrase::WorkPolicy};
use amanat_wire::Encode as _;
use zeroize::Zeroizing;

use super::{
    core::{Core, Open, tier_of},
    queries::unique,
};
use crate::{
    Failure, FailureCode, Reply,
    api::{HistoryFile, MessageState},
    failure,
    history::{
        self, Audience, FILE, HistoryConversation, HistoryError, HistoryMessage, HistoryPassphrase, Piece, Tally,
    },
    rows::{ConversationRow, LifeRow, Presence, READS_FROM},
};

/// From this tier on nothing goes into a file under a passphrase. [DELIV-166]
const NOT_EXPORTED: Tier = Tier::Secret;
/// From this tier on nothing goes from device to device. [DELIV-165]
const NOT_TRANSFERRED: Tier = Tier::TopSecret;

impl Core {
    /// [`Command::PackTransfer`](crate::Command::PackTransfer).
    pub(crate) fn pack_transfer(&mut self, device: &str, only: &[ConversationId]) -> Result<Reply, Failure> {
        let reader = self.own_device_called(device)?;
        let (pieces, packed) = self.collect(only, NOT_TRANSFERRED)?;
        self.pack(pieces, packed, &Audience::Device(&reader))
    }

    /// [`Command::PackHistory`](crate::Command::PackHistory).
    pub(crate) fn pack_history(
        &mut self,
        passphrase: &HistoryPassphrase,
        only: &[ConversationId],
    ) -> Result<Reply, Failure> {
        let (pieces, packed) = self.collect(only, NOT_EXPORTED)?;
        self.pack(pieces, packed, &Audience::Passphrase(passphrase))
    }

    fn pack(&self, pieces: Zeroizing<Vec<u8>>, packed: HistoryFile, audience: &Audience<'_>) -> Result<Reply, Failure> {
        let author = (&*self.keys, &self.chain);
        let bytes = history::seal(pieces, author, audience, (&WorkPolicy::STANDARD, self.now()), &mut self.random())
            .map_err(not_taken)?;
        Ok(Reply::HistoryPacked(HistoryFile { bytes, ..packed }))
    }

    /// Another device of one's own, by its id or a beginning of it, that may stand beside this one.
    fn own_device_called(&mut self, prefix: &str) -> Result<VerifiedDevice, Failure> {
        let own = self.own.id();
        let mut known = self.known_own_devices()?;
        known.retain(|device| device.id() != own);
        let ids = known.iter().map(|device| (device, device.id().to_string()));
        let device = unique(prefix, ids, "other device of yours", "amanat device list")?.clone();
        self.require_kin(&device)?;
        Ok(device)
    }

    /// Refuses a device that neither was approved by one of this person's nor stands before this one. [DELIV-164]
    fn require_kin(&self, device: &VerifiedDevice) -> Result<(), Failure> {
        let kin = self.own.is_kin_of(device);
        if !kin || self.standing(device).is_revoked() || device.address() != self.own.address() {
            let failed = "that device is not approved, or is revoked";
            return Err(Failure::new(FailureCode::NotAllowed, failed, "see `amanat device list`"));
        }
        Ok(())
    }

    /// Messages of these conversations (of all where none is named), but for those from a tier upward.
    fn collect(&mut self, only: &[ConversationId], from: Tier) -> Result<(Zeroizing<Vec<u8>>, HistoryFile), Failure> {
        let mut rows: Vec<ConversationRow> = self.conversations.values().map(|open| open.row.clone()).collect();
        rows.retain(|row| only.is_empty() || only.contains(&row.id));
        rows.sort_by_key(|row| (row.since, row.id));
        let mut pieces = Zeroizing::new(Vec::new());
        let (mut packed, mut tally) = (HistoryFile::default(), Tally::default());
        let mut add = |piece: Piece| {
            tally.add(&piece).map_err(not_taken)?;
            pieces.extend_from_slice(&piece.to_bytes());
            let full = pieces.len() > FILE - 4 * 1024 * 1024;
            if full { Err(not_taken(HistoryError::TooLarge)) } else { Ok(()) }
        };
        for row in rows {
            if tier_of(row.tier) >= from {
                packed.left_out += 1;
                continue;
            }
            packed.conversations += 1;
            let said =
                HistoryConversation { id: row.id, title: row.title.clone(), peer: row.peer.clone(), tier: row.tier };
            add(Piece::Conversation(said))?;
            for sequence in self.in_order(row.id, 0, row.sequence)? {
                let Some(message) = self.history_message(row.id, sequence)? else { continue };
                packed.messages += 1;
                add(Piece::Message(message))?;
            }
        }
        Ok((pieces, packed))
    }

    /// A message for a file; none for what nobody else has, and for what is none.
    fn history_message(&self, id: ConversationId, sequence: u64) -> Result<Option<HistoryMessage>, Failure> {
        let Some(row) = self.message_row(id, sequence)? else { return Ok(None) };
        let open = self.conversation(id)?;
        let state = super::queries::state_of(open, &row);
        if row.content_type == READS_FROM || (row.own && state == MessageState::Queued) {
            return Ok(None);
        }
        let mut life = self.life(id, sequence)?.unwrap_or_else(|| LifeRow::new(sequence));
        if life.expires_at.is_some_and(|at| at <= self.now()) && life.presence == Presence::Here {
            life.presence = Presence::Expired;
        }
        let mut body = row.body.to_vec();
        if ContentType(row.content_type).is_document() {
            let document = <[u8; 16]>::try_from(&body[..]).ok().map(DocumentId::from_bytes);
            let document = document.map(|document| self.document_row(document)).transpose()?;
            body = document
                .filter(|found| found.message == row.id)
                .map(|found| found.manifest.to_vec())
                .unwrap_or_default();
        }
        if life.presence != Presence::Here {
            body.clear();
        }
        Ok(Some(HistoryMessage {
            id: row.id,
            device: row.device,
            from: row.from,
            name: row.name,
            at: row.at,
            content_type: row.content_type,
            body: super::core::bounded(body)?,
            presence: life.presence,
            expires_at: life.expires_at,
            edited: life.edited,
            version: life.version,
            reactions: life.reactions,
            acknowledged: life.acknowledged,
        }))
    }

    /// Sequences above `since` up to `last` in the order in which they are shown: what was taken in from a file stands
    /// before what this device has received itself. [DELIV-167]
    pub(crate) fn in_order(&self, id: ConversationId, since: u64, last: u64) -> Result<Vec<u64>, Failure> {
        let open = self.conversation(id)?;
        let wanted = since.saturating_add(1)..=last;
        let mut order = Vec::new();
        for range in &open.imported {
            order.extend((range.first..=range.last).filter(|sequence| wanted.contains(sequence)));
        }
        order.extend(wanted.filter(|sequence| !open.is_imported(*sequence)));
        Ok(order)
    }
}

impl Open {
    /// Whether a message came from a file.
    pub(crate) fn is_imported(&self, sequence: u64) -> bool {
        self.imported.iter().any(|range| (range.first..=range.last).contains(&sequence))
    }

    /// The last message that did not, or else the last one.
    pub(crate) fn last_shown(&self) -> u64 {
        let mut last = self.row.sequence;
        while let Some(range) = self.imported.iter().find(|range| range.last == last) {
            last = range.first.saturating_sub(1);
        }
        if last == 0 { self.row.sequence } else { last }
    }
}

fn not_taken(error: HistoryError) -> Failure {
    match error {
        HistoryError::Damaged | HistoryError::Key | HistoryError::Signature => Failure::new(
            FailureCode::File,
            "this is no history file, or it was altered on the way; nothing was taken in",
            "make it again on the other device",
        ),
        HistoryError::NotForThis => Failure::new(
            FailureCode::NotAllowed,
            "this file was made for another device, or is of the other kind",
            "files of `amanat device transfer` are for one device; those of `amanat history export` have a passphrase",
        ),
        HistoryError::Author => Failure::new(
            FailureCode::NotAllowed,
            "the certificate of the device that made the file is not believed",
            "check this machine's clock; make the file again on a device that is enrolled",
        ),
        HistoryError::TooLarge => {
            Failure::new(FailureCode::TooLarge, "that is more than one file may hold", "name fewer conversations")
        }
        HistoryError::Passphrase(error) => failure::from_unlock(error),
    }
}
