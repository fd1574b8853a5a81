//! Declining (protocol-spec/07-delivery, section 5): a device that refused a Welcome, or whose person has left, leaves the
//! roster that it stands in, whose log would otherwise call for it for good.

use amanat_primitives::ConversationId;
use amanat_wire::{client::Request, relay::Answer};

use super::core::Core;
use crate::rows::Stage;

impl Core {
    /// Takes this device out of a conversation in which it takes no part. [DELIV-134]
    pub(crate) fn decline(&mut self, id: ConversationId) {
        // Another Welcome may be the good one of an honest member.
        let takes_part = self.conversations.get(&id).is_some_and(|open| open.row.stage != Stage::Left);
        if takes_part || self.direct.has_welcome(id) {
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
