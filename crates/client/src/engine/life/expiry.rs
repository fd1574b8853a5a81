//! Expiring messages (protocol-spec/05-conversation, section 7, and 03-identity, section 3): when a content goes, and the
//! timer that removes it.

use std::{collections::BTreeSet, time::Duration};

use amanat_identity::policy;
use amanat_primitives::{ConversationId, Timestamp};

use super::Lives;
use crate::{
    Failure,
    engine::core::{Core, tier_of},
    rows::{ExpiryRow, LifeRow, MessageRow, Presence, WaitingRow},
    vault::{Batch, Scope},
};

/// Messages whose content is removed in one batch.
const BATCH: usize = 64;
/// ExpiryRows that one step reads.
const STEP: usize = 1024;
/// How long a change waits for a message that does not come: as long as the relay keeps messages.
pub(super) const WAIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// When messages expire. Read from the vault by the timer, from the start on and in steps, so that opening takes no longer
/// where there are many.
#[derive(Default)]
pub(crate) struct Expiries {
    loaded: bool,
    /// How far it is read.
    place: Option<Vec<u8>>,
    due: BTreeSet<(Timestamp, ConversationId, u64)>,
}

impl Expiries {
    /// When the timer is due next.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        if self.loaded { self.due.first().map(|(at, ..)| *at) } else { Some(Timestamp::default()) }
    }

    /// Whether all are here that the last runs left.
    pub(crate) fn are_read(&self) -> bool {
        self.loaded
    }

    /// A message's life is durable: it expires, or has.
    pub(crate) fn note(&mut self, id: ConversationId, life: &LifeRow) {
        let Some(at) = life.expires_at else { return };
        let key = (at, id, life.sequence);
        if life.presence == Presence::Here {
            self.due.insert(key)
        } else {
            self.due.remove(&key)
        };
    }
}

/// When a content that was sent at `sent` is to be removed: its sender's wish and the tier's limit, whichever is first.
/// A clock that runs ahead does not make it stay longer. [CONV-66]
pub(crate) fn expiry_of(tier: u8, sent: Timestamp, now: Timestamp, wish: Option<Duration>) -> Option<Timestamp> {
    let limit = policy::builtin(tier_of(tier)).max_lifetime;
    [wish, limit].into_iter().flatten().min().map(|lifetime| sent.min(now).after(lifetime))
}

impl Core {
    /// Removes what is due. [CONV-66]
    pub(crate) fn expire_due(&mut self) -> Result<(), Failure> {
        if !self.expiries.loaded {
            self.read_expiries()?;
        }
        let now = self.now();
        loop {
            let due = self.expiries.due.iter().take_while(|(at, ..)| *at <= now).take(BATCH);
            let due: Vec<(Timestamp, ConversationId, u64)> = due.copied().collect();
            let Some((_, id, _)) = due.first().copied() else { return Ok(()) };
            let of_one: Vec<_> = due.into_iter().filter(|(_, other, _)| *other == id).collect();
            self.expire(id, &of_one)?;
            of_one.iter().for_each(|key| {
                self.expiries.due.remove(key);
            });
        }
    }

    fn expire(&mut self, id: ConversationId, due: &[(Timestamp, ConversationId, u64)]) -> Result<(), Failure> {
        let (mut lives, mut batch) = (Lives::default(), Batch::default());
        for (_, _, sequence) in due {
            batch.delete(Scope::Expiries, &key(id, *sequence));
            if self.conversations.contains_key(&id) && self.load_row(id, &mut lives, *sequence)?.is_some() {
                self.wipe(&mut lives, *sequence, Presence::Expired)?;
            }
        }
        self.write_lives(id, &lives, &mut batch)?;
        self.vault.commit(batch)?;
        if self.conversations.contains_key(&id) { self.lives_changed(id, &lives) } else { Ok(()) }
    }

    /// Reads some of what the last runs left; in the end forgets changes whose message never came.
    fn read_expiries(&mut self) -> Result<(), Failure> {
        let rows: Vec<ExpiryRow> = self.vault.scan_on(Scope::Expiries, &mut self.expiries.place, STEP)?;
        self.expiries.due.extend(rows.iter().map(|row| (row.at, row.conversation, row.sequence)));
        if rows.len() == STEP {
            return Ok(());
        }
        let now = self.now();
        let mut batch = Batch::default();
        for id in self.conversations.keys() {
            let rows = self.vault.scan::<WaitingRow>(Scope::Waiting(*id))?;
            for row in rows.iter().filter(|row| row.changes.iter().all(|change| change.came.after(WAIT) < now)) {
                batch.delete(Scope::Waiting(*id), row.message.as_bytes());
            }
        }
        self.vault.commit(batch)?;
        self.expiries.loaded = true;
        Ok(())
    }

    /// One's own message is durable: it expires when its row says so.
    pub(crate) fn note_expiry(&mut self, id: ConversationId, sequence: u64) -> Result<(), Failure> {
        if let Some(life) = self.life(id, sequence)? {
            self.expiries.note(id, &life);
        }
        Ok(())
    }

    /// Under which key a batch seals a message, its document, and what it queues of it: where its content will go, the
    /// key of that day. [DELIV-174]
    pub(crate) fn keep_until(&self, id: ConversationId, row: &MessageRow, life: Option<&LifeRow>, batch: &mut Batch) {
        let now = self.now();
        let at = life.filter(|life| life.presence == Presence::Here).and_then(|life| life.expires_at);
        batch.expires(Scope::Messages(id), &row.sequence.to_be_bytes(), at, now);
        if let Some(document) = super::document_in(row.content_type, &row.body) {
            batch.expires(Scope::Documents, document.as_bytes(), at, now);
        }
        batch.queue_expires(at, now);
    }

    /// A message that expires is gone.
    pub(super) fn delete_expiry(&self, id: ConversationId, sequence: u64, batch: &mut Batch) {
        batch.delete(Scope::Expiries, &key(id, sequence));
    }

    /// The row by which a later run finds what expires.
    pub(super) fn write_expiry(&self, id: ConversationId, life: &LifeRow, batch: &mut Batch) {
        let Some(at) = life.expires_at else { return };
        let key = key(id, life.sequence);
        match life.presence {
            Presence::Here => {
                let row = ExpiryRow { conversation: id, sequence: life.sequence, at };
                batch.put(Scope::Expiries, &key, &row);
            }
            Presence::Deleted | Presence::Expired => batch.delete(Scope::Expiries, &key),
        }
    }
}

fn key(id: ConversationId, sequence: u64) -> Vec<u8> {
    [id.as_bytes().as_slice(), &sequence.to_be_bytes()].concat()
}
