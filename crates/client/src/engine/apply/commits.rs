//! Taking commits in (protocol-spec/05-conversation, section 5): each is judged by chains, by the relay's receipt and by the
//! list of revocations; what is missing of these is fetched first.

use amanat_conversation::{ApproveError, Conversation, Evidence, Merged, ReceivedCommit};
use amanat_primitives::{ConversationId, DeviceId, Timestamp};
use amanat_wire::{
    Decode as _,
    log::{CommitReceipt, Entry, ReceiptBody},
};

use super::{Draft, Step};
use crate::{
    Failure,
    api::Alarm,
    engine::{
        Input,
        acknowledged::{Devices, change_devices},
        changes::keep_notice,
        core::Core,
        join::Fetched,
        membership::{RENEW_AGAIN, RENEW_EVERY},
        people::fetch_chains,
        roles::{Before, holds_another_person, may_change},
    },
    failure,
    rows::{ConversationRow, Stage},
    vault::Scope,
};

impl Core {
    pub(super) fn apply_commit(
        &mut self,
        group: &mut Conversation,
        draft: &mut Draft,
        entry: &Entry,
        commit: ReceivedCommit,
        receipt: &ReceiptBody,
    ) -> Result<Step, Failure> {
        let concerned = commit.concerns();
        let (known, _) = self.known_devices(concerned.iter().copied())?;
        let own = commit.is_own();
        let refreshed = self.conversation(draft.id)?.refreshed == entry.position;
        draft.lists = Some((commit.facts().roster_add.clone(), commit.facts().roster_remove.clone()));
        let before = Before::of(group, commit.facts());
        let committed_at = commit.facts().committed_at;
        let evidence = Evidence { devices: &known, receipt: Some(receipt), revocations: self.revocations() };
        // Whatever needs no chain is judged first: nobody can make the log wait with a commit that is void anyway.
        match commit.approve(group, &evidence) {
            Ok(approved) => {
                let merged = group.merge(approved).map_err(failure::from_conversation)?;
                self.merged(group, draft, &before, &merged, committed_at)?;
            }
            // [CONV-56] Of all, so that what is judged then is judged by what holds now.
            Err(ApproveError::Unverified(device)) => {
                match refreshed {
                    true => draft.lacks = Some(device),
                    false => draft.missing = concerned,
                }
                return Ok(Step::Wait);
            }
            // [CONV-50]
            Err(ApproveError::NeedsStatus(number)) => {
                draft.needs_status = number;
                return Ok(Step::Wait);
            }
            // [CONV-56]
            Err(ApproveError::Void(reason)) if reason.rests_on_chains() && !refreshed => {
                draft.missing = concerned;
                return Ok(Step::Wait);
            }
            Err(ApproveError::Void(reason)) => {
                tracing::warn!(?reason, "a commit is void");
                group.void(entry).map_err(failure::from_conversation)?;
                draft.void_own = own.then(|| failure::void_commit(&reason));
                if own {
                    // What is wrong with this device's commits will not be right in a moment, and the others set the
                    // roster right.
                    draft.row.renew_at = self.now().after(RENEW_AGAIN);
                    draft.row.sent = 0;
                }
                draft.wrong_roster |= !own;
                draft.healed |= own;
                draft.alarms.push(Alarm::VoidCommit { position: entry.position, sender: entry.sender });
            }
        }
        Ok(Step::Applied)
    }

    /// What a merged commit changes in the draft.
    fn merged(
        &mut self,
        group: &Conversation,
        draft: &mut Draft,
        before: &Before,
        merged: &Merged,
        committed_at: Timestamp,
    ) -> Result<(), Failure> {
        if merged.own {
            draft.created |= draft.row.stage == Stage::Creating;
            // One that was given up ends no other. [CONV-90]
            draft.committed |= merged.awaited;
            if draft.row.stage != Stage::Creating {
                draft.let_in.extend(merged.added.iter().map(|member| member.device));
            }
            draft.row.renew_at = self.now().after(RENEW_EVERY);
            (draft.row.sent, draft.row.used) = (0, false);
        }
        (draft.wrong_roster, draft.healed) = (false, true);
        // That the relay takes an own one says nothing of where the others are. [CONV-57]
        if !merged.own {
            let beyond = draft.tracks.values().filter(|track| track.beyond > 0);
            for device in beyond.map(|track| track.device).collect::<Vec<_>>() {
                draft.track(device).beyond = 0;
            }
        }
        draft.changed |= !merged.added.is_empty() || !merged.removed.is_empty() || merged.roles.is_some();
        if draft.row.stage != Stage::Creating {
            let notices = self.changes_by_name(draft.id, group, before, merged)?;
            for notice in &notices {
                keep_notice(&mut draft.row, notice, committed_at, &mut draft.batch)?;
            }
            draft.notices.extend(notices);
        }
        draft.row.stage = self.stage_after(group, &draft.row, merged);
        let counts = before.address(&merged.by).is_some_and(|by| may_change(group, by));
        draft.lacks_title |= !counts && merged.added.iter().any(|claim| merged.removed.contains(&claim.device));
        self.newcomers_changed(group, draft, before, merged)?;
        self.change_others(group, draft, before, merged, committed_at);
        Ok(())
    }

    /// What this device is in the conversation after a commit.
    fn stage_after(&self, group: &Conversation, row: &ConversationRow, merged: &Merged) -> Stage {
        // Who is taken out and put in again needs the Welcome for it, and asks until it comes. [CONV-54]
        let returns = merged.added.iter().any(|member| member.device == self.own.id());
        match (merged.self_removed, returns) {
            // [DELIV-137]
            (false, _) if !row.peer.is_empty() && !holds_another_person(group, self.own.address()) => Stage::Over,
            (false, _) => Stage::Active,
            (true, false) => Stage::Removed,
            (true, true) => Stage::FellOut,
        }
    }

    /// The devices of the others, as a merged commit leaves them.
    fn change_others(
        &self,
        group: &Conversation,
        draft: &mut Draft,
        before: &Before,
        merged: &Merged,
        committed_at: Timestamp,
    ) {
        let own = self.own.id();
        let person = |device: &DeviceId| before.address(device).map(ToString::to_string).unwrap_or_default();
        let members = group.members().into_iter().filter(|member| member.device != own);
        let added: Vec<DeviceId> =
            merged.added.iter().map(|added| added.device).filter(|device| *device != own).collect();
        let devices = Devices {
            removed: merged.removed.iter().map(|device| (*device, person(device))).collect(),
            added: added.clone(),
            members: members.map(|member| (member.device, member.address.to_string())).collect(),
            committed_at,
        };
        change_devices(&mut draft.row, &mut draft.tracks, devices);
        for device in &merged.removed {
            draft.batch.delete(Scope::Tracks(draft.id), device.as_bytes());
        }
        draft.changed_tracks.extend(&added);
        draft.added.extend(added);
    }

    /// The relay's receipt for an entry that is no message, if it is one for this very entry. [DELIV-87]
    pub(super) fn receipt_of(&self, id: ConversationId, entry: &Entry) -> Option<CommitReceipt> {
        CommitReceipt::from_bytes(&entry.receipt).ok().filter(|receipt| {
            let body = &receipt.body;
            body.conversation == id
                && body.position == entry.position
                && body.stamp == entry.stamp
                && body.commit == entry.ciphertext_hash()
                && self.relays.iter().any(|relay| receipt.verify(relay.signing_key()).is_ok())
        })
    }

    /// Fetches chains that a commit needs; the log is read again when they are there.
    pub(super) fn fetch_missing(&self, id: ConversationId, missing: Vec<DeviceId>) {
        let Some(calls) = self.calls() else { return };
        let (authority, now, generation) = (self.authority.clone(), self.now(), self.links);
        self.spawn(async move {
            let chains = fetch_chains(&calls, &authority, now, &missing).await;
            Input::Chains(Fetched { generation, log: Some(id), asked: missing, chains })
        });
    }
}
