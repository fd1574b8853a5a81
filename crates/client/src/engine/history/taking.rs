//! Taking a history file in (protocol-spec/07-delivery, section 12): who may have made it, and what of it becomes rows.
//!
//! A file's author is believed about what this device was not there to see, and about nothing else: whatever comes
//! from the log takes the place of what a file said.

use std::collections::HashSet;

use amanat_conversation::{ContentType, content::Body};
use amanat_identity::{Address, VerifiedDevice};
use amanat_primitives::{DocumentId, MessageId, passphrase::WorkPolicy};
use amanat_wire::{List, Text};

use super::{NOT_EXPORTED, NOT_TRANSFERRED, not_taken};
use crate::{
    Failure, FailureCode, Reply,
    api::HistoryTaken,
    engine::{
        core::{Core, Open, put_conversation, tier_of},
        documents,
        life::Lives,
        outgoing::{put_message, text},
    },
    history::{HistoryConversation, HistoryMessage, HistoryPassphrase, Sealed},
    rows::{ConversationRow, DocumentRow, ImportedRow, LifeRow, MessageRow, Presence, READS_FROM, Stage, WaitingRow},
    vault::{Batch, Scope},
};

/// What is taken into one conversation, before it is visible.
struct TakenIn {
    row: ConversationRow,
    count: u64,
    known: u64,
    imported: Option<ImportedRow>,
    lives: Lives,
}

impl Core {
    /// [`Command::TakeHistory`](crate::Command::TakeHistory): the whole file is verified, then written as one batch.
    pub(crate) fn take_history(
        &mut self,
        bytes: &[u8],
        passphrase: Option<&HistoryPassphrase>,
        from_lost: bool,
    ) -> Result<Reply, Failure> {
        let sealed = Sealed::read(bytes, &self.authority).map_err(not_taken)?;
        self.require_author(sealed.author(), from_lost && passphrase.is_some())?;
        let opened = sealed.open((&self.keys, &self.own), passphrase, &WorkPolicy::STANDARD).map_err(not_taken)?;
        let transfer = passphrase.is_none();
        let limit = if transfer { NOT_TRANSFERRED } else { NOT_EXPORTED };
        let mut taken = HistoryTaken::default();
        let (mut batch, mut new, mut seen, mut documents) =
            (Batch::default(), Vec::new(), HashSet::new(), HashSet::new());
        for (said, messages) in opened {
            let known = self.conversations.get(&said.id).map(|open| open.row.clone());
            // A transfer brings nothing into a conversation that this device is not in. [DELIV-165]
            let is_in = known.as_ref().is_some_and(|row| row.stage != Stage::Archived);
            let tier = tier_of(known.as_ref().map_or(said.tier, |row| row.tier));
            let left_out = tier >= limit || tier > self.own.clearance() || (transfer && !is_in);
            let row = match known {
                _ if left_out || !seen.insert(said.id) => None,
                Some(row) => Some(row),
                None => self.archived(&said)?,
            };
            let Some(row) = row else {
                taken.left_out += 1;
                continue;
            };
            let is_known = self.conversations.contains_key(&said.id);
            let of_one = self.take_messages(row, messages, &mut documents, &mut batch)?;
            taken.conversations += u64::from(is_known || of_one.count > 0);
            taken.messages += of_one.count;
            taken.known += of_one.known;
            if of_one.count > 0 {
                new.push(of_one);
            }
        }
        // All of it durable, then all of it in memory, and then told of.
        self.vault.commit(batch)?;
        new.iter().for_each(|of_one| self.put_in_place(of_one));
        for of_one in new {
            self.tell_taken(&of_one)?;
        }
        Ok(Reply::HistoryTaken(taken))
    }

    /// Refuses a file that was not made by a device which speaks for this person now: with the passphrase, or with keys
    /// that were lost, anybody could put words into the mouths of others. Whoever kept the file of a device that is lost may
    /// say so. [DELIV-222]
    fn require_author(&self, author: &VerifiedDevice, from_lost: bool) -> Result<(), Failure> {
        if author.address() != self.own.address() {
            let failed = "the file was made by another person";
            return Err(Failure::new(FailureCode::NotAllowed, failed, "take in files of your own devices only"));
        }
        if author.id() == self.own.id() || from_lost {
            return Ok(());
        }
        self.require_kin(author).map_err(|failure| match failure.code {
            FailureCode::NotAllowed => Failure::new(
                FailureCode::NotAllowed,
                "the file was made by a device of yours that has not approved this one and is not approved, or that is \
                 revoked or replaced",
                "have the newer of the two approved on the other (`amanat device approve`), and sync; where the other one is \
                 lost, and you wrote and kept the file yourself, take it with --from-lost",
            ),
            _ => failure,
        })
    }

    /// A row for a conversation that this device is not in: it can be read, and nothing else. None where the file says
    /// what cannot be. [DELIV-168] [DELIV-221]
    fn archived(&self, said: &HistoryConversation) -> Result<Option<ConversationRow>, Failure> {
        let peer = if said.peer.is_empty() { Some(Text::default()) } else { address(&said.peer) };
        let Some(peer) = peer else { return Ok(None) };
        let title = text(crate::show::one_line(&said.title))?;
        let row = ConversationRow::new(said.id, tier_of(said.tier).number(), Stage::Archived, self.now());
        Ok(Some(ConversationRow { title, peer, ..row }))
    }

    /// Drafts the messages of one conversation that are not in the vault yet; nothing where there are none. [DELIV-167]
    fn take_messages(
        &self,
        mut row: ConversationRow,
        messages: Vec<HistoryMessage>,
        documents: &mut HashSet<DocumentId>,
        batch: &mut Batch,
    ) -> Result<TakenIn, Failure> {
        let id = row.id;
        let waited: HashSet<MessageId> =
            self.vault.scan::<WaitingRow>(Scope::Waiting(id))?.into_iter().map(|row| row.message).collect();
        let mut lives = Lives::default();
        let (first, mut ids, mut known) = (row.sequence + 1, HashSet::new(), 0);
        let first_at = messages.first().map(|message| message.at).unwrap_or_default();
        for message in messages {
            if self.sequence_of(id, message.id)?.is_some() || !ids.insert(message.id) {
                known += 1;
                continue;
            }
            let Some(message) = believable(message) else {
                tracing::warn!("a history file holds what is no message");
                continue;
            };
            row.sequence += 1;
            row.latest = row.latest.max(message.at.min(self.now()));
            let (taken, life) = self.row_of(&row, message, documents, &mut lives)?;
            let message = taken.id;
            put_message(batch, id, &taken);
            lives.add_taken(taken, life);
            // What its author did to it since stands in the log, and has waited for it. [CONV-63]
            if waited.contains(&message) {
                self.apply_waiting(id, &mut lives, message)?;
            }
        }
        let count = row.sequence + 1 - first;
        let imported = (count > 0).then_some(ImportedRow { first, last: row.sequence, first_at });
        if let Some(imported) = &imported {
            self.write_lives(id, &lives, batch)?;
            batch.put(Scope::Imported(id), &first.to_be_bytes(), imported);
            put_conversation(batch, &row);
        }
        Ok(TakenIn { count, known, row, imported, lives })
    }

    fn row_of(
        &self,
        conversation: &ConversationRow,
        said: HistoryMessage,
        documents: &mut HashSet<DocumentId>,
        lives: &mut Lives,
    ) -> Result<(MessageRow, LifeRow), Failure> {
        let mut row = MessageRow {
            id: said.id,
            sequence: conversation.sequence,
            device: said.device,
            from: said.from,
            name: text(crate::show::one_line(&said.name))?,
            counter: 0,
            joined: 0,
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
            life.reactions = List::default();
            return Ok((row, life));
        }
        let Ok(body) = Body::read(ContentType(row.content_type), &row.body) else {
            row.content_type = u16::MAX;
            return Ok((row, life));
        };
        if let Some(document) = documents::received(conversation.id, row.device, conversation.tier, &mut row, &body)? {
            let known = self.vault.read::<DocumentRow>(Scope::Documents, document.id.as_bytes())?.is_some();
            if known || !documents.insert(document.id) {
                row.content_type = u16::MAX;
            } else {
                lives.add_document(document);
            }
        }
        Ok((row, life))
    }

    /// The batch is durable: memory says what the disk does.
    fn put_in_place(&mut self, new: &TakenIn) {
        let open = self.conversations.entry(new.row.id).or_insert_with(|| Open::of(new.row.clone()));
        open.row = new.row.clone();
        open.imported.extend(new.imported.clone());
        open.imported.sort_by_key(|range| (range.first_at, range.first));
    }

    fn tell_taken(&mut self, new: &TakenIn) -> Result<(), Failure> {
        self.lives_changed(new.row.id, &new.lives)?;
        self.emit_conversation(new.row.id)
    }
}

/// A message of a file with what of it can be so; none where it is no message that a conversation shows. [DELIV-221]
fn believable(said: HistoryMessage) -> Option<HistoryMessage> {
    let no_message = [
        ContentType::RECEIPT,
        ContentType::TITLE,
        ContentType::REACTION,
        ContentType::EDIT,
        ContentType::DELETE,
        ContentType::EXPIRING,
        ContentType::ACKNOWLEDGED,
        ContentType::LEAVE,
        ContentType(READS_FROM),
    ];
    if no_message.contains(&ContentType(said.content_type)) {
        return None;
    }
    let from = address(&said.from)?;
    let mut people = HashSet::new();
    let mut reactions = said.reactions.into_vec();
    reactions.retain_mut(|reaction| {
        let Some(person) = address(&reaction.from) else { return false };
        reaction.from = person.clone();
        !reaction.text.is_empty() && people.insert(person)
    });
    people.clear();
    let asks = said.content_type == ContentType::ACKNOWLEDGE.0;
    let acknowledged = said.acknowledged.into_iter().filter(|_| asks).filter_map(|person: Text<256>| address(&person));
    let acknowledged: Vec<_> = acknowledged.filter(|person| *person != from && people.insert(person.clone())).collect();
    // Neither has become longer.
    let (reactions, acknowledged) = (List::new(reactions).ok()?, List::new(acknowledged).ok()?);
    Some(HistoryMessage { from, reactions, acknowledged, ..said })
}

/// An address in its one form; none for what is no address.
fn address(said: &str) -> Option<Text<256>> {
    Text::new(said.parse::<Address>().ok()?.to_string()).ok()
}
