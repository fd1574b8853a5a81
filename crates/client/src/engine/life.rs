//! The life of messages (protocol-spec/05-conversation, section 7): answers, reactions, edits, deletions and
//! acknowledgements, drafted with the batch that brings them.
//!
//! Members apply changes in the order of the log, so that all end with the same. What one does oneself is seen at once,
//! and done again where it stands in the log. `own` has the commands, `expiry` the clock. Here is what makes a change
//! count, whoever it comes from.

mod expiry;
mod own;

use std::collections::BTreeMap;

use amanat_conversation::content::{Body, ContentType, Reply};
use amanat_primitives::{ConversationId, DocumentId, MessageId, Timestamp};
use amanat_wire::{Bytes, Decode as _, Encode as _, List, Text};

use self::expiry::expiry_of;
pub(crate) use self::{
    expiry::Expiries,
    own::{command_of, expiring},
};
use super::core::{Core, bounded};
use crate::{
    Event, Failure, failure,
    rows::{DocumentRow, LifeRow, MessageRow, Presence, ReactionRow, Upload, WaitingChange, WaitingRow},
    vault::{Batch, Scope},
};

/// Changes of one device that may wait for messages which are not here.
const WAITING_OF_DEVICE: usize = 16;
/// Messages of one conversation for which changes may wait.
const WAITED_FOR: usize = 256;

/// Messages of one conversation as a batch leaves them, before it is durable.
#[derive(Default)]
pub(crate) struct Lives {
    messages: BTreeMap<u64, Kept>,
    ids: BTreeMap<MessageId, u64>,
    /// By the message they wait for; none left where it has come.
    waiting: BTreeMap<MessageId, Vec<WaitingChange>>,
    /// Documents that are new, or whose manifest is forgotten.
    documents: BTreeMap<DocumentId, DocumentRow>,
}

struct Kept {
    row: MessageRow,
    life: LifeRow,
    /// It was there before the batch.
    old: bool,
    changed: bool,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    /// It has no meaning for this message, or not any more.
    Nothing,
    /// Only the message's author may do that.
    NotAuthor(MessageId),
    /// The message is not here.
    Unknown(MessageId),
}

/// Who changes a message, when by his clock, and the id of the content that says so.
#[derive(Clone, Copy)]
pub(crate) struct Cause<'a> {
    pub(crate) from: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) content: MessageId,
}

impl Lives {
    /// A message that is new in this batch.
    pub(crate) fn add(&mut self, row: MessageRow, life: LifeRow) {
        let changed = life.expires_at.is_some();
        self.ids.insert(row.id, row.sequence);
        self.messages.insert(row.sequence, Kept { row, life, old: false, changed });
    }

    /// A message from a file, with what had happened to it.
    pub(crate) fn add_taken(&mut self, row: MessageRow, life: LifeRow) {
        let changed = life != LifeRow::new(row.sequence);
        self.ids.insert(row.id, row.sequence);
        self.messages.insert(row.sequence, Kept { row, life, old: false, changed });
    }

    /// A document that is new in this batch.
    pub(crate) fn add_document(&mut self, row: DocumentRow) {
        self.documents.insert(row.id, row);
    }

    /// A message as the batch leaves it.
    pub(crate) fn message(&self, sequence: u64) -> Option<&MessageRow> {
        self.messages.get(&sequence).map(|kept| &kept.row)
    }
}

/// Which message a content changes; `None` for what is no change.
pub(crate) fn target_of(body: &Body) -> Option<MessageId> {
    match body {
        Body::Reaction(reaction) => Some(reaction.to),
        Body::Edit(edit) => Some(edit.of),
        Body::Delete(message) => Some(*message),
        Body::Acknowledgement(acknowledgement) => Some(acknowledgement.of),
        _ => None,
    }
}

/// What a message says, where that is a text.
pub(crate) fn text_of(row: &MessageRow) -> Option<String> {
    match ContentType(row.content_type) {
        ContentType::TEXT | ContentType::ACKNOWLEDGE => Some(String::from_utf8_lossy(&row.body).into_owned()),
        ContentType::REPLY => Reply::from_bytes(&row.body).ok().map(|reply| reply.text.into_string()),
        _ => None,
    }
}

impl Core {
    /// What has happened to a message.
    pub(crate) fn life(&self, id: ConversationId, sequence: u64) -> Result<Option<LifeRow>, Failure> {
        self.vault.read(Scope::Lives(id), &sequence.to_be_bytes())
    }

    /// The sequence of a message in this vault.
    pub(crate) fn sequence_of(&self, id: ConversationId, message: MessageId) -> Result<Option<u64>, Failure> {
        self.vault.read(Scope::MessageIds(id), message.as_bytes())
    }

    /// Applies a change to the message that it names. It counts by the person who says it, whatever the device.
    pub(crate) fn change(
        &self,
        id: ConversationId,
        lives: &mut Lives,
        cause: Cause<'_>,
        body: &Body,
    ) -> Result<Verdict, Failure> {
        let Some(target) = target_of(body) else { return Ok(Verdict::Nothing) };
        let Some(sequence) = self.load(id, lives, target)? else { return Ok(Verdict::Unknown(target)) };
        let Some(kept) = lives.messages.get_mut(&sequence) else { return Ok(Verdict::Unknown(target)) };
        let by_author = *kept.row.from == *cause.from;
        // [CONV-61] A change of someone else's message is no change.
        if !by_author && matches!(body, Body::Edit(_) | Body::Delete(_)) {
            return Ok(Verdict::NotAuthor(target));
        }
        let done = match body {
            Body::Edit(edit) => edited(kept, &edit.text, cause)?,
            Body::Reaction(reaction) => reacted(kept, &reaction.text, cause),
            Body::Acknowledgement(said) => !by_author && acknowledged(kept, said.version, cause),
            Body::Delete(_) if kept.life.presence != Presence::Deleted => {
                self.wipe(lives, sequence, Presence::Deleted)?;
                true
            }
            _ => false,
        };
        if let Some(kept) = lives.messages.get_mut(&sequence) {
            kept.changed |= done;
        }
        Ok(if done { Verdict::Done } else { Verdict::Nothing })
    }

    /// Has the message in `lives`, from the vault if need be.
    fn load(&self, id: ConversationId, lives: &mut Lives, message: MessageId) -> Result<Option<u64>, Failure> {
        if let Some(sequence) = lives.ids.get(&message) {
            return Ok(Some(*sequence));
        }
        let Some(sequence) = self.sequence_of(id, message)? else { return Ok(None) };
        self.load_row(id, lives, sequence)
    }

    fn load_row(&self, id: ConversationId, lives: &mut Lives, sequence: u64) -> Result<Option<u64>, Failure> {
        let Some(row) = self.vault.read::<MessageRow>(Scope::Messages(id), &sequence.to_be_bytes())? else {
            return Ok(None);
        };
        let life = self.life(id, sequence)?.unwrap_or_else(|| LifeRow::new(sequence));
        lives.ids.insert(row.id, sequence);
        lives.messages.insert(sequence, Kept { row, life, old: true, changed: false });
        Ok(Some(sequence))
    }

    /// Removes a message's content; its place, its author and its acknowledgements stay. [CONV-62] [CONV-66]
    pub(crate) fn wipe(&self, lives: &mut Lives, sequence: u64, why: Presence) -> Result<(), Failure> {
        let Some(kept) = lives.messages.get_mut(&sequence) else { return Ok(()) };
        let body = std::mem::take(&mut kept.row.body);
        kept.life.presence = why;
        kept.life.reactions = List::default();
        kept.changed = true;
        let message = kept.row.id;
        let document = document_in(kept.row.content_type, &body);
        let Some(document) = document else { return Ok(()) };
        let row = match lives.documents.get(&document) {
            Some(row) => Some(row.clone()),
            None => self.vault.read::<DocumentRow>(Scope::Documents, document.as_bytes())?,
        };
        if let Some(row) = row.filter(|row| row.message == message) {
            lives.documents.insert(document, forgotten(row));
        }
        Ok(())
    }

    /// A message that a file brought has come from the log: all goes that the file said of it. Its sequence, if there was
    /// one. [DELIV-223]
    pub(crate) fn displace(
        &self,
        id: ConversationId,
        lives: &mut Lives,
        message: MessageId,
        batch: &mut Batch,
    ) -> Result<Option<u64>, Failure> {
        let Some(sequence) = self.load(id, lives, message)? else { return Ok(None) };
        self.wipe(lives, sequence, Presence::Deleted)?;
        lives.messages.remove(&sequence);
        lives.ids.remove(&message);
        let key = sequence.to_be_bytes();
        batch.delete(Scope::Messages(id), &key);
        batch.delete(Scope::Lives(id), &key);
        self.delete_expiry(id, sequence, batch);
        Ok(Some(sequence))
    }

    /// Whether a document is known by a message from a file alone.
    pub(crate) fn is_from_file(&self, document: &DocumentRow) -> bool {
        self.conversation(document.conversation).is_ok_and(|open| open.is_imported(document.sequence))
    }

    /// Keeps a change until its message comes; within bounds, beyond which it is dropped. [CONV-63]
    pub(crate) fn wait(
        &self,
        id: ConversationId,
        lives: &mut Lives,
        message: MessageId,
        change: WaitingChange,
    ) -> Result<(), Failure> {
        let mut rows: BTreeMap<MessageId, Vec<WaitingChange>> = BTreeMap::new();
        for row in self.vault.scan::<WaitingRow>(Scope::Waiting(id))? {
            rows.insert(row.message, row.changes.into_vec());
        }
        rows.extend(lives.waiting.iter().map(|(message, changes)| (*message, changes.clone())));
        let of_device = rows.values().flatten().filter(|other| other.device == change.device).count();
        let mut changes = rows.remove(&message).unwrap_or_default();
        let room = changes.len() < crate::rows::WAITING
            && of_device < WAITING_OF_DEVICE
            && rows.values().filter(|changes| !changes.is_empty()).count() < WAITED_FOR;
        if room {
            changes.push(change);
            lives.waiting.insert(message, changes);
        }
        Ok(())
    }

    /// The message has come: applies what waited for it. Returns what was not its author's to do. [CONV-63]
    pub(crate) fn apply_waiting(
        &self,
        id: ConversationId,
        lives: &mut Lives,
        message: MessageId,
    ) -> Result<Vec<WaitingChange>, Failure> {
        let changes = match lives.waiting.get(&message) {
            Some(changes) => changes.clone(),
            None => match self.vault.read::<WaitingRow>(Scope::Waiting(id), message.as_bytes())? {
                Some(row) => row.changes.into_vec(),
                None => return Ok(Vec::new()),
            },
        };
        lives.waiting.insert(message, Vec::new());
        let mut refused = Vec::new();
        for change in changes {
            let Ok(body) = Body::read(ContentType(change.content_type), &change.body) else { continue };
            let cause = Cause { from: &change.from, at: change.at, content: change.id };
            if let Verdict::NotAuthor(_) = self.change(id, lives, cause, &body)? {
                refused.push(change);
            }
        }
        Ok(refused)
    }

    /// Puts what `lives` changed into its batch.
    pub(crate) fn write_lives(&self, id: ConversationId, lives: &Lives, batch: &mut Batch) -> Result<(), Failure> {
        for (sequence, kept) in lives.messages.iter().filter(|(_, kept)| kept.changed) {
            let key = sequence.to_be_bytes();
            batch.put(Scope::Messages(id), &key, &kept.row);
            batch.put(Scope::Lives(id), &key, &kept.life);
            self.write_expiry(id, &kept.life, batch);
            self.keep_until(id, &kept.row, Some(&kept.life), batch);
        }
        for (message, changes) in &lives.waiting {
            match List::new(changes.clone()) {
                Ok(changes) if !changes.is_empty() => {
                    let row = WaitingRow { message: *message, changes };
                    let now = self.now();
                    batch.expires(Scope::Waiting(id), message.as_bytes(), Some(now.after(expiry::WAIT)), now);
                    batch.put(Scope::Waiting(id), message.as_bytes(), &row);
                }
                _ => batch.delete(Scope::Waiting(id), message.as_bytes()),
            }
        }
        for row in lives.documents.values() {
            batch.put(Scope::Documents, row.id.as_bytes(), row);
            if row.manifest.is_empty() {
                // What is left of it stays, and its day's key goes.
                batch.expires(Scope::Documents, row.id.as_bytes(), None, self.now());
                self.delete_segments(row.id, batch)?;
            }
        }
        Ok(())
    }

    /// After the batch is durable: timers, the search index, transfers of what is gone, and faces.
    pub(crate) fn lives_changed(&mut self, id: ConversationId, lives: &Lives) -> Result<(), Failure> {
        for (sequence, kept) in lives.messages.iter().filter(|(_, kept)| kept.changed) {
            self.expiries.note(id, &kept.life);
            if kept.old {
                self.search.forget(id, *sequence, self.now());
                let message = self.message_view(self.conversation(id)?, &kept.row)?;
                self.emit(Event::MessageChanged { conversation: id, message });
            }
        }
        for row in lives.documents.values().filter(|row| row.manifest.is_empty()) {
            self.stop_transfers_of(row.id)?;
            let unsent = |kept: &Kept| kept.row.id == row.message && kept.row.own && kept.row.counter == 0;
            if lives.messages.values().any(|kept| unsent(kept) && kept.life.presence == Presence::Expired) {
                let (document, failure) = (row.id, failure::expired_unsent());
                self.emit(Event::DocumentFailed { document, failure });
            }
        }
        Ok(())
    }
}

/// The document that a message's body names.
fn document_in(content_type: u16, body: &[u8]) -> Option<DocumentId> {
    let id = <[u8; 16]>::try_from(body).ok().filter(|_| ContentType(content_type).is_document());
    id.map(DocumentId::from_bytes)
}

/// What is left of a document whose message is gone: enough to say so.
fn forgotten(row: DocumentRow) -> DocumentRow {
    DocumentRow {
        name: Text::default(),
        size: 0,
        manifest: Bytes::default(),
        upload: Upload::None,
        path: Bytes::default(),
        key: Bytes::default(),
        modified: 0,
        ..row
    }
}

fn edited(kept: &mut Kept, text: &str, cause: Cause<'_>) -> Result<bool, Failure> {
    let body = match ContentType(kept.row.content_type) {
        ContentType::TEXT | ContentType::ACKNOWLEDGE => text.as_bytes().to_vec(),
        ContentType::REPLY => match (Reply::from_bytes(&kept.row.body), Text::new(text)) {
            (Ok(reply), Ok(text)) => Reply { text, ..reply }.to_bytes(),
            _ => return Ok(false),
        },
        _ => return Ok(false),
    };
    // [CONV-67] What is gone stays gone.
    if kept.life.presence != Presence::Here {
        return Ok(false);
    }
    kept.row.body = bounded(body)?;
    kept.life.edited = Some(cause.at);
    kept.life.version = Some(cause.content);
    // [CONV-68] What was acknowledged is not what it says now.
    kept.life.acknowledged = List::default();
    Ok(true)
}

/// One reaction a person, the last one said; an empty one takes it back. [CONV-64]
fn reacted(kept: &mut Kept, text: &Text<{ amanat_conversation::content::REACTION }>, cause: Cause<'_>) -> bool {
    let Ok(from) = Text::new(cause.from) else { return false };
    if kept.life.presence != Presence::Here {
        return false;
    }
    let mut rows = std::mem::take(&mut kept.life.reactions).into_vec();
    let before = rows.clone();
    let place = rows.iter().position(|row| row.from == from);
    if text.is_empty() {
        rows.retain(|row| row.from != from);
    } else if let Some(row) = place.and_then(|place| rows.get_mut(place)) {
        row.text = text.clone();
    } else if rows.len() < crate::rows::PEOPLE {
        rows.push(ReactionRow { from, text: text.clone() });
    }
    let done = rows != before;
    kept.life.reactions = List::new(rows).unwrap_or_default();
    done
}

/// Counts once a person, where the message asks for it and says what was acknowledged. [CONV-65] [CONV-68]
fn acknowledged(kept: &mut Kept, version: MessageId, cause: Cause<'_>) -> bool {
    let Ok(from) = Text::new(cause.from) else { return false };
    let asks = ContentType(kept.row.content_type).asks_acknowledgement();
    if !asks || kept.life.presence != Presence::Here {
        return false;
    }
    let mut people = std::mem::take(&mut kept.life.acknowledged).into_vec();
    let before = people.len();
    let current = kept.life.version.unwrap_or(kept.row.id) == version;
    let named = people.contains(&from);
    if current && !named && people.len() < crate::rows::PEOPLE {
        people.push(from);
    } else if !current {
        // One's own, which was shown before its place in the log was known.
        people.retain(|person| *person != from);
    }
    let done = people.len() != before;
    kept.life.acknowledged = List::new(people).unwrap_or_default();
    done
}
