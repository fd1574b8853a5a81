//! Entries that break a rule (protocol-spec/05-conversation, sections 5 and 10): passed over and shown. Some of them say that
//! this device cannot go on by itself.

use amanat_conversation::{Conversation, Refusal, VoidReason};
use amanat_wire::log::{Entry, UnitKind};

use super::Draft;
use crate::{api::Alarm, engine::core::Core, rows::Stage};

impl Core {
    pub(super) fn apply_refused(&self, group: &Conversation, draft: &mut Draft, entry: &Entry, reason: Refusal) {
        // Its author had not seen yet that this device was added: it is not for this one. What is withheld so shows by what
        // stands behind it, as all that is withheld. [CONV-24]
        if matches!(reason, Refusal::TooOld) && entry.accepted_commit < draft.row.joined {
            tracing::debug!(position = entry.position, "an entry of before this device was added");
            return;
        }
        tracing::warn!(?reason, "an entry of the log was refused");
        let (position, sender) = (entry.position, entry.sender);
        draft.alarms.push(match reason {
            Refusal::Void(VoidReason::Repeated) => Alarm::VoidCommit { position, sender },
            _ => Alarm::Undecryptable { position, sender },
        });
        draft.wrong_roster |= entry.kind != UnitKind::Message;
        match reason {
            // Its author is a member, so it may be good for the others; this device can follow no longer. [CONV-43] [CONV-90]
            Refusal::PathUndecryptable | Refusal::GivenUp => draft.row.stage = Stage::FellOut,
            Refusal::FutureEpoch | Refusal::OtherBranch => {
                if draft.tracks.contains_key(&sender) {
                    draft.track(sender).beyond = entry.accepted_commit.max(1);
                }
                if self.is_parted(group, &draft.tracks) {
                    draft.row.stage = Stage::FellOut;
                }
            }
            // The relay took it from this device: so this vault is not the one that sent it. A member who only claims to be
            // this device's leaf does not get that far. [DELIV-178]
            Refusal::NotOurs if sender == self.own.id() => {
                draft.row.stage = Stage::FellOut;
                draft.rolled_back = true;
            }
            _ => {}
        }
    }
}
