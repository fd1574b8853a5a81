//! Entries that break a rule (protocol-spec/05-conversation, sections 5 and 10): passed over and shown. Some of them say that
//! this device cannot go on by itself.

use amanat_conversation::{Conversation, Refusal, VoidReason};
use amanat_wire::log::{Entry, UnitKind};

use super::Draft;
use crate::{api::Alarm, engine::core::Core, rows::Stage};

impl Core {
    pub(super) fn apply_refused(&self, group: &Conversation, draft: &mut Draft, entry: &Entry, reason: Refusal) {
        // Its author, who has said nothing here since, had not seen yet that this device was added: it is not for this one.
        // [CONV-24]
        let unheard = draft.tracks.get(&entry.sender).is_some_and(|track| track.shown == 0 && track.has == 0);
        let early = entry.kind == UnitKind::Message && entry.accepted_commit < draft.row.joined;
        if matches!(reason, Refusal::TooOld) && early && unheard {
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
