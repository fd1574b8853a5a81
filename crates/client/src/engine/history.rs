//! Earlier messages between devices (protocol-spec/07-delivery, section 12): collected from the vault into a history file,
//! and taken in from one, all or nothing.

use amanat_conversation::{ContentType, content::Body};
use amanat_identity::{Tier, VerifiedDevice};
use amanat_primitives::{ConversationId, Digest, DocumentId, Timestamp, passphrase::WorkPolicy};
use amanat_wire::Encode as _;
use std::collections::HashSet;
use zeroize::Zeroizing;

use super::{
    core::{Core, Open, put_conversation, tier_of},
    documents,
    life::Lives,
    outgoing::put_message,
};
use crate::{
    Failure, FailureCode, Reply,
    api::{HistoryFile, HistoryTaken, MessageState},
    failure,
    history::{
        self, Audience, FILE, HistoryConversation, HistoryError, HistoryMessage, HistoryPassphrase, Opened, Piece,
    },
    rows::{ConversationRow, DocumentRow, ImportedRow, LifeRow, MessageRow, Presence, READS_FROM, Stage},
    vault::{Batch, Scope},
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
        let bytes = history::seal(pieces, author, audience, &WorkPolicy::STANDARD, self.now()).map_err(not_taken)?;
        Ok(Reply::HistoryPacked(HistoryFile { bytes, ..packed }))
    }

    /// Another device of one's own, by its id or a beginning of it, that may stand beside this one.
    fn own_device_called(&mut self, prefix: &str) -> Result<VerifiedDevice, Failure> {
        let own = self.own.id();
        let known = self.known_own_devices()?;
        let mut found = known.into_iter().filter(|device| device.id() != own);
        let called = |device: &VerifiedDevice| prefix.len() >= 8 && device.id().to_string().starts_with(prefix);
        let Some(device) = found.find(called) else {
            let failed = "you have no other device with this id";
            return Err(Failure::new(FailureCode::NotFound, failed, "list them with `amanat device list`"));
        };
        self.require_kin(&device)?;
        Ok(device)
    }

    /// Refuses a device that neither was approved by one of this person's nor stands before this one. [DELIV-164]
    fn require_kin(&self, device: &VerifiedDevice) -> Result<(), Failure> {
        let kin = device.is_admitted() || self.own.descends_from(device.id());
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
        let mut packed = HistoryFile::default();
        for row in rows {
            if tier_of(row.tier) >= from {
                packed.left_out += 1;
                continue;
            }
            packed.conversations += 1;
            let said =
                HistoryConversation { id: row.id, title: row.title.clone(), peer: row.peer.clone(), tier: row.tier };
            pieces.extend_from_slice(&Piece::Conversation(said).to_bytes());
            for sequence in self.in_order(row.id, 0, row.sequence)? {
                let Some(message) = self.history_message(row.id, sequence)? else { continue };
                packed.messages += 1;
                pieces.extend_from_slice(&Piece::Message(message).to_bytes());
                if packed.messages as usize > history::MESSAGES || pieces.len() > FILE - 4 * 1024 * 1024 {
                    return Err(not_taken(HistoryError::TooLarge));
                }
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
        if row.content_type == ContentType::DOCUMENT.0 {
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

    /// [`Command::TakeHistory`](crate::Command::TakeHistory): the whole file is verified, then written as one batch.
    pub(crate) fn take_history(
        &mut self,
        bytes: &[u8],
        passphrase: Option<&HistoryPassphrase>,
    ) -> Result<Reply, Failure> {
        let trust = (&self.authority, &WorkPolicy::STANDARD);
        let Opened { author, conversations } =
            history::open(bytes, (&self.keys, &self.own), passphrase, trust).map_err(not_taken)?;
        if author.address() != self.own.address() {
            let failed = "the file was made by another person";
            return Err(Failure::new(FailureCode::NotAllowed, failed, "take in files of your own devices only"));
        }
        let transfer = passphrase.is_none();
        if transfer {
            self.require_kin(&author)?;
        }
        let limit = if transfer { NOT_TRANSFERRED } else { NOT_EXPORTED };
        let mut taken = HistoryTaken::default();
        let (mut batch, mut opened, mut seen) = (Batch::default(), Vec::new(), HashSet::new());
        for (said, messages) in conversations {
            let known = self.conversations.get(&said.id).map(|open| open.row.clone());
            // A transfer brings nothing into a conversation that this device is not in. [DELIV-165]
            let tier = tier_of(known.as_ref().map_or(said.tier, |row| row.tier));
            if tier >= limit || tier > self.own.clearance() || (transfer && known.is_none()) || !seen.insert(said.id) {
                taken.left_out += 1;
                continue;
            }
            let fresh = known.is_none();
            let row = match known {
                Some(row) => row,
                None => self.archived(&said)?,
            };
            let new = self.take_messages(row, messages, &mut batch)?;
            taken.conversations += 1;
            taken.messages += new.count;
            taken.known += new.known;
            if new.count > 0 || fresh {
                opened.push(new);
            }
        }
        // Durable, then visible.
        self.vault.commit(batch)?;
        for new in opened {
            self.took(new)?;
        }
        Ok(Reply::HistoryTaken(taken))
    }

    /// A row for a conversation that this device is not in: it can be read, and nothing else. [DELIV-168]
    fn archived(&self, said: &HistoryConversation) -> Result<ConversationRow, Failure> {
        let now = self.now();
        Ok(ConversationRow {
            id: said.id,
            title: super::outgoing::text(crate::show::one_line(&said.title))?,
            peer: said.peer.clone(),
            tier: tier_of(said.tier).number(),
            stage: Stage::Archived,
            since: now,
            sequence: 0,
            read: 0,
            unread: 0,
            latest: Timestamp::default(),
            accepted: 0,
            position: 0,
            joined: 0,
            stamp: Timestamp::default(),
            receipt: Digest::ZERO,
            renew_at: now,
            sent: 0,
            used: false,
        })
    }

    /// Drafts the messages of one conversation that are not in the vault yet. [DELIV-167]
    fn take_messages(
        &self,
        mut row: ConversationRow,
        messages: Vec<HistoryMessage>,
        batch: &mut Batch,
    ) -> Result<TakenIn, Failure> {
        let id = row.id;
        let mut lives = Lives::default();
        let (first, mut ids, mut known) = (row.sequence + 1, HashSet::new(), 0);
        let first_at = messages.first().map(|message| message.at).unwrap_or_default();
        for message in messages {
            let there = self.sequence_of(id, message.id)?.is_some() || !ids.insert(message.id);
            if there || message.from.parse::<amanat_identity::Address>().is_err() {
                known += 1;
                continue;
            }
            row.sequence += 1;
            row.latest = row.latest.max(message.at.min(self.now()));
            let (taken, life) = self.row_of(&row, message, &mut lives)?;
            put_message(batch, id, &taken);
            lives.add_taken(taken, life);
        }
        self.write_lives(id, &lives, batch)?;
        let imported = (row.sequence >= first).then_some(ImportedRow { first, last: row.sequence, first_at });
        if let Some(imported) = &imported {
            batch.put(Scope::Imported(id), &first.to_be_bytes(), imported);
        }
        put_conversation(batch, &row);
        Ok(TakenIn { count: row.sequence + 1 - first, known, row, imported, lives })
    }

    fn row_of(
        &self,
        conversation: &ConversationRow,
        said: HistoryMessage,
        lives: &mut Lives,
    ) -> Result<(MessageRow, LifeRow), Failure> {
        let mut row = MessageRow {
            id: said.id,
            sequence: conversation.sequence,
            device: said.device,
            from: said.from,
            name: super::outgoing::text(crate::show::one_line(&said.name))?,
            counter: 0,
            at: said.at,
            content_type: said.content_type,
            body: said.body,
            own: false,
        };
        let mut life = LifeRow {
            sequence: conversation.sequence,
            presence: said.presence,
            expires_at: said.expires_at,
            edited: said.edited,
            version: said.version,
            reactions: said.reactions,
            acknowledged: said.acknowledged,
        };
        // The tier's own limit holds, whatever the file says. [CONV-66]
        let limit = self.new_life(conversation.tier, &row, None).and_then(|life| life.expires_at);
        life.expires_at = [life.expires_at, limit].into_iter().flatten().min();
        if life.presence == Presence::Here && life.expires_at.is_some_and(|at| at <= self.now()) {
            life.presence = Presence::Expired;
        }
        if life.presence != Presence::Here {
            row.body = Default::default();
            return Ok((row, life));
        }
        let Ok(body) = Body::read(ContentType(row.content_type), &row.body) else {
            row.content_type = u16::MAX;
            return Ok((row, life));
        };
        if let Some(document) = documents::received(conversation.id, row.device, conversation.tier, &mut row, &body)? {
            if self.vault.read::<DocumentRow>(Scope::Documents, document.id.as_bytes())?.is_some() {
                row.content_type = u16::MAX;
            } else {
                lives.add_document(document);
            }
        }
        Ok((row, life))
    }

    /// After the batch is durable.
    fn took(&mut self, new: TakenIn) -> Result<(), Failure> {
        let id = new.row.id;
        let open = self.conversations.entry(id).or_insert_with(|| Open::of(new.row.clone()));
        open.row = new.row;
        open.imported.extend(new.imported);
        open.imported.sort_by_key(|range| (range.first_at, range.first));
        self.lives_changed(id, &new.lives)?;
        let view = self.conversation_view(id)?;
        self.emit(crate::Event::Conversation(view));
        Ok(())
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

/// What is taken into one conversation, before it is visible.
struct TakenIn {
    row: ConversationRow,
    count: u64,
    known: u64,
    imported: Option<ImportedRow>,
    lives: Lives,
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
        HistoryError::Damaged => Failure::new(
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
