//! Declining (protocol-spec/07-delivery, section 5): a device that refused a Welcome, or whose person has left, leaves the
//! roster that it stands in, whose log would otherwise call for it for good.

use amanat_primitives::ConversationId;
use amanat_wire::{client::Request, relay::Answer};

use super::{
    changes::keep_notice,
    core::{Core, Open, put_conversation},
    join::ended,
};
use crate::{
    Failure,
    api::{MemberChange, Notice},
    rows::{ConversationRow, Stage},
    vault::Batch,
};

impl Core {
    /// Leaves where this device has fallen out and can tell nobody: it asks to be added again no more, and its roster is left.
    /// [DELIV-138]
    pub(crate) fn leave_unheard(&mut self, id: ConversationId) -> Result<(), Failure> {
        let open = self.conversation(id)?;
        let mut row = match self.direct.welcome_to(id) {
            None => open.row.clone(),
            // One that waits is none that this person wants.
            Some(position) => ConversationRow { joined: position.max(open.row.joined), ..ended(open) },
        };
        row.stage = Stage::Left;
        let own = self.own_who();
        let (whom, by, change) = (own.clone(), own, MemberChange::Left);
        let mut batch = Batch::default();
        let left = Notice::Member { conversation: id, by, whom, device: None, change };
        keep_notice(&mut row, &left, self.now(), &mut batch)?;
        self.rolled_back.forget(&id, &mut batch)?;
        put_conversation(&mut batch, &row);
        self.vault.commit(batch)?;
        if let Some(open) = self.conversations.get_mut(&id) {
            open.row = row;
        }
        self.emit_conversation(id)?;
        self.read_logs_for_own()?;
        self.process_direct()?;
        self.decline(id);
        Ok(())
    }

    /// Takes this device out of a conversation in which it takes no part. [DELIV-134]
    pub(crate) fn decline(&mut self, id: ConversationId) {
        // Another Welcome may be the good one of an honest member.
        let out = |open: &Open| matches!(open.row.stage, Stage::Left | Stage::Removed);
        let takes_part = self.conversations.get(&id).is_some_and(|open| !out(open));
        if takes_part || self.direct.welcome_to(id).is_some() {
            return;
        }
        self.unknown.insert(id, true);
        let Some(calls) = self.calls() else { return };
        self.runtime.spawn(async move {
            // Where it fails, the log is passed over whenever it has news: no harm is done by not asking again.
            if !matches!(calls.call(Request::Decline(id)).await, Ok(Answer::Done(_))) {
                tracing::debug!("a conversation could not be declined");
            }
        });
    }
}
