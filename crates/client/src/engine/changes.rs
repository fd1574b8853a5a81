//! Who came and went, what people may do, and how a conversation was called (protocol-spec/07-delivery, section 12): kept
//! among its messages, where the log has it.
//!
//! Changes share the messages' numbers, so that `read --since N` gives both in one order; they have rows of their own, so
//! that nothing that looks for messages (unread counts, receipts, search, history files) finds them. What only turns keys
//! leaves none. [DELIV-210] [DELIV-211]

use amanat_primitives::{ConversationId, Timestamp};

use super::{core::Core, outgoing::text};
use crate::{
    Failure,
    api::{Change, ChangeView, MessageView, Notice, Who},
    failure,
    rows::{ChangeOf, ChangeRow, ConversationRow, MemberChangeRow, PersonRow},
    vault::{Batch, Scope},
};

/// How many changes a list looks behind for the last message.
const BEHIND: usize = 256;

/// Gives a change the conversation's next number, in the batch that brings it.
pub(crate) fn keep_change(
    row: &mut ConversationRow,
    by: &Who,
    at: Timestamp,
    of: ChangeOf,
    batch: &mut Batch,
) -> Result<(), Failure> {
    row.sequence += 1;
    let change = ChangeRow { sequence: row.sequence, by: person(by)?, at, of };
    batch.put(Scope::Changes(row.id), &row.sequence.to_be_bytes(), &change);
    Ok(())
}

/// The same, of what is told of members.
pub(crate) fn keep_notice(
    row: &mut ConversationRow,
    notice: &Notice,
    at: Timestamp,
    batch: &mut Batch,
) -> Result<(), Failure> {
    let Notice::Member { by, whom, device, change, .. } = notice else { return Ok(()) };
    let of = ChangeOf::Member(MemberChangeRow { whom: person(whom)?, device: *device, change: *change });
    keep_change(row, by, at, of, batch)
}

impl Core {
    /// The change that stands under a number.
    pub(crate) fn change_at(&self, id: ConversationId, sequence: u64) -> Result<Option<ChangeView>, Failure> {
        let row = self.vault.read::<ChangeRow>(Scope::Changes(id), &sequence.to_be_bytes())?;
        row.as_ref().map(view).transpose()
    }

    /// The last message that a list shows of a conversation.
    pub(crate) fn last_message(&self, id: ConversationId) -> Result<Option<MessageView>, Failure> {
        let open = self.conversation(id)?;
        for sequence in (1..=open.last_shown()).rev().take(BEHIND) {
            if let Some(row) = self.message_row(id, sequence)? {
                return self.message_view(open, &row).map(Some);
            }
        }
        Ok(None)
    }

    /// This person.
    pub(crate) fn own_who(&self) -> Who {
        Who { address: self.own.address().clone(), name: self.own.name().as_str().to_owned() }
    }
}

fn person(who: &Who) -> Result<PersonRow, Failure> {
    Ok(PersonRow { address: text(who.address.to_string())?, name: text(who.name.clone())? })
}

fn who(row: &PersonRow) -> Result<Who, Failure> {
    Ok(Who { address: row.address.parse().map_err(|_| failure::damaged())?, name: row.name.to_string() })
}

fn view(row: &ChangeRow) -> Result<ChangeView, Failure> {
    let change = match &row.of {
        ChangeOf::Member(row) => Change::Member { whom: who(&row.whom)?, device: row.device, change: row.change },
        ChangeOf::Title(title) => Change::Title(title.to_string()),
    };
    Ok(ChangeView { sequence: row.sequence, by: who(&row.by)?, at: row.at, change })
}
