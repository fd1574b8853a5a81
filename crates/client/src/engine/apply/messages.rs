//! Taking messages in (protocol-spec/07-delivery, section 12, and 05-conversation): what a member's frame says goes into
//! the draft of its batch.

use std::time::Duration;

use amanat_conversation::{
    Conversation, LeaveProof, Message,
    content::{Body, ContentType},
    history::{Claim, Order},
};
use amanat_identity::{Address, VerifiedDevice};
use amanat_primitives::{MessageId, Timestamp};
use amanat_wire::log::Entry;

use super::Draft;
use crate::{
    Failure,
    api::{Alarm, Who},
    engine::{
        acknowledged,
        core::{Core, bounded},
        documents,
        life::{Cause, Verdict, target_of},
        outgoing::{put_message, text},
        roles::may_change,
    },
    failure,
    rows::{DocumentRow, LifeRow, MessageRow, Presence, WaitingChange},
    vault::Scope,
};

impl Core {
    pub(super) fn apply_message(
        &mut self,
        group: &Conversation,
        draft: &mut Draft,
        entry: &Entry,
        message: Message,
    ) -> Result<(), Failure> {
        let Some(device) = self.known_device(message.sender)? else {
            // A member whose chain was verified once and has gone out of use since: its grant was used twice.
            draft.alarms.push(Alarm::Undecryptable { position: entry.position, sender: entry.sender });
            return Ok(());
        };
        let address = device.address().clone();
        if !judge_order(draft, &address, entry, &message) {
            return Ok(());
        }
        let content = &message.frame.fixed;
        // The id makes showing idempotent whatever the log says. [DELIV-82]
        if self.is_shown(draft, message.id)? {
            draft.alarms.push(Alarm::Replay { sender: address });
            return Ok(());
        }
        let body = match content.body() {
            Ok(body) => body,
            Err(_) => {
                draft.alarms.push(Alarm::Undecryptable { position: entry.position, sender: entry.sender });
                return Ok(());
            }
        };
        let (body, lifetime) = match body {
            Body::Expiring(expiring) => {
                let lifetime = expiring.lifetime();
                (expiring.into_inner(), Some(lifetime))
            }
            body => (body, None),
        };
        match body {
            Body::Receipt(receipt) => {
                let (own, accepted) = (self.own.id(), draft.row.accepted);
                if let Some(line) = receipt.lines().iter().find(|line| line.device == own) {
                    draft.acknowledged |= acknowledged::take(draft.track(message.sender), line, accepted);
                }
                Ok(())
            }
            Body::Title(title) => {
                let by = Who { address, name: device.name().as_str().to_owned() };
                self.take_title(group, draft, &by, content.sent_at, &title)
            }
            Body::Leave(signature) => {
                // [CONV-48] What is void here is void for everyone: it is asked again.
                if group.leaver(&LeaveProof { device: message.sender, signature }).is_some() {
                    draft.leaver = true;
                    draft.track(message.sender).leaving = Some(signature);
                }
                Ok(())
            }
            change if target_of(&change).is_some() => self.apply_change(draft, &message, &address, &change),
            message_body => self.apply_shown(draft, entry, &message, &device, (message_body, lifetime)),
        }
    }

    /// Whether a message has come from the log before. What a file said of it does not count. [DELIV-223]
    fn is_shown(&self, draft: &Draft, message: MessageId) -> Result<bool, Failure> {
        if draft.messages.iter().any(|row| row.id == message) {
            return Ok(true);
        }
        let (known, open) = (self.sequence_of(draft.id, message)?, self.conversation(draft.id)?);
        Ok(known.is_some_and(|sequence| !open.is_imported(sequence)))
    }

    /// A title counts where its author may change the conversation at that place in the log. One's own person gives it to a
    /// new device of one's own, which has none yet. [CONV-49]
    fn take_title(
        &self,
        group: &Conversation,
        draft: &mut Draft,
        author: &Who,
        at: Timestamp,
        title: &str,
    ) -> Result<(), Failure> {
        let for_a_new_device = draft.row.title.is_empty() && author.address == *self.own.address();
        let counts = may_change(group, &author.address);
        if for_a_new_device || counts {
            draft.retitle(title, author, at)?;
            draft.own_title = counts.then_some(false).or(draft.own_title);
        } else if crate::show::one_line(title) != *draft.row.title {
            draft.alarms.push(Alarm::NotAllowed { sender: author.address.clone() });
        }
        Ok(())
    }

    /// A change of a message, or one that waits for it.
    fn apply_change(
        &self,
        draft: &mut Draft,
        message: &Message,
        address: &Address,
        body: &Body,
    ) -> Result<(), Failure> {
        let content = &message.frame.fixed;
        let from = address.to_string();
        let cause = Cause { from: &from, at: content.sent_at, content: message.id };
        match self.change(draft.id, &mut draft.lives, cause, body)? {
            Verdict::Done | Verdict::Nothing => {}
            Verdict::NotAuthor(message) => {
                draft.alarms.push(Alarm::NotAuthor { sender: address.clone(), message });
            }
            Verdict::Unknown(target) => {
                let waiting = WaitingChange {
                    id: message.id,
                    device: message.sender,
                    from: text(from)?,
                    at: content.sent_at,
                    came: self.now(),
                    content_type: content.content_type,
                    body: bounded(content.body.to_vec())?,
                };
                self.wait(draft.id, &mut draft.lives, target, waiting)?;
            }
        }
        Ok(())
    }

    /// A message that people see, with its lifetime where its sender gave it one.
    fn apply_shown(
        &self,
        draft: &mut Draft,
        entry: &Entry,
        message: &Message,
        device: &VerifiedDevice,
        (body, lifetime): (Body, Option<Duration>),
    ) -> Result<(), Failure> {
        let content = &message.frame.fixed;
        if let Some(sequence) = self.displace(draft.id, &mut draft.lives, message.id, &mut draft.batch)? {
            draft.displaced.push(sequence);
        }
        draft.row.used = true;
        draft.row.sequence += 1;
        draft.row.unread += 1;
        draft.row.latest = draft.row.latest.max(entry.stamp);
        let mut row = MessageRow {
            id: message.id,
            sequence: draft.row.sequence,
            device: message.sender,
            from: text(device.address().to_string())?,
            name: text(device.name().as_str().to_owned())?,
            counter: content.counter,
            joined: 0,
            at: content.sent_at,
            content_type: body.content_type().0,
            body: Default::default(),
            own: false,
        };
        if let Some(document) = documents::received(draft.id, message.sender, draft.row.tier, &mut row, &body)? {
            // A document's id belongs to its first message: another that names it is shown as not understood.
            let known = self.vault.read::<DocumentRow>(Scope::Documents, document.id.as_bytes())?;
            // A file alone gives it to none. [DELIV-223]
            let (from_file, other): (Vec<_>, Vec<_>) = known.into_iter().partition(|known| self.is_from_file(known));
            if !other.is_empty() || !draft.documents.insert(document.id) {
                row.content_type = u16::MAX;
            } else {
                let another = from_file.iter().any(|known| known.manifest != document.manifest);
                draft.displaced_documents.extend(another.then_some(document.id));
                draft.batch.put(Scope::Documents, document.id.as_bytes(), &document);
                draft.lives.add_document(document);
            }
        }
        put_message(&mut draft.batch, draft.id, &row);
        self.begin_received(draft, &row, lifetime)?;
        let track = draft.track(message.sender);
        track.shown = track.shown.max(content.counter);
        draft.owes_receipt = true;
        draft.messages.push(row);
        Ok(())
    }

    /// A message's life begins, with what waited for it; where its time is over already, it ends.
    fn begin_received(&self, draft: &mut Draft, row: &MessageRow, lifetime: Option<Duration>) -> Result<(), Failure> {
        let life = self.new_life(draft.row.tier, row, lifetime).unwrap_or_else(|| LifeRow::new(row.sequence));
        let over = life.expires_at.is_some_and(|at| at <= self.now());
        draft.lives.add(row.clone(), life);
        if over {
            self.wipe(&mut draft.lives, row.sequence, Presence::Expired)?;
        }
        for change in self.apply_waiting(draft.id, &mut draft.lives, row.id)? {
            let sender = change.from.parse().map_err(|_| failure::damaged())?;
            draft.alarms.push(Alarm::NotAuthor { sender, message: row.id });
        }
        Ok(())
    }
}

/// Shows what is wrong with a message's place among its sender's; whether it may be shown itself.
fn judge_order(draft: &mut Draft, address: &Address, entry: &Entry, message: &Message) -> bool {
    match message.order {
        Order::InOrder | Order::Late | Order::Expired => {}
        Order::Gap { from, to } => draft.alarms.push(Alarm::Gap { sender: address.clone(), from, to }),
        // Receipts go after a day: who could not see that the relay had taken one has encrypted it once more. [CONV-93] What
        // it says twice it says once.
        Order::Replay if message.frame.fixed.content_type == ContentType::RECEIPT.0 => return false,
        Order::Replay => {
            draft.alarms.push(Alarm::Replay { sender: address.clone() });
            return false;
        }
        Order::Broken => draft.alarms.push(Alarm::Broken { sender: address.clone() }),
    }
    // What stands behind this entry cannot have been seen when it was written: `Ahead` is another log, too.
    if matches!(message.claim, Claim::Fork | Claim::Ahead) {
        draft.alarms.push(Alarm::Fork { sender: address.clone(), position: entry.position });
    }
    true
}
