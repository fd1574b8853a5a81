//! Joining (protocol-spec/05-conversation, section 6): Welcomes come as direct items, one after the other.
//!
//! A Welcome is staged, the chains of all members are fetched and verified, and only a group in which every leaf is the
//! certified key of someone cleared for the tier becomes a conversation; anything else is refused and shown. The item,
//! the KeyPackage that it used up and the new group are one batch.

use std::collections::BTreeMap;

use amanat_conversation::{Content, Conversation, JoinError, Kind, LeafClaim, NewConversation, Records};
use amanat_identity::VerifiedDevice;
use amanat_primitives::{ConversationId, DeviceId, Digest, MessageId, MessageSeed, UnitId};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    log::CommitReceipt,
    relay::{Direct, WelcomePart},
};

use super::{
    Input,
    acknowledged::acknowledged_up_to,
    changes::keep_notice,
    core::{Core, Open, bounded, put_conversation, tier_of},
    create::new_row,
    devices::Purpose,
    old_copy::Continued,
    outgoing::{put_message, text},
    people::{VerifiedChain, fetch_chains},
};
use crate::{
    Failure, FailureCode,
    api::{MemberChange, Notice},
    failure,
    rows::{
        ConversationRow, EndedRow, MEMBERSHIPS, MessageRow, OutboxRow, READS_FROM, RelayRow, Stage, TrackRow, meta,
    },
    vault::{Batch, Scope},
};

/// Chains that were fetched, and for what.
pub(crate) struct Fetched {
    /// Over which link.
    pub(crate) generation: u64,
    /// For a commit in this log; for the Welcome that is next where there is none.
    pub(crate) log: Option<ConversationId>,
    /// Whose.
    pub(crate) asked: Vec<DeviceId>,
    /// What came.
    pub(crate) chains: Result<Vec<VerifiedChain>, Failure>,
}

/// What became of a Welcome.
enum Outcome {
    Joined(ConversationId),
    /// It is a member already.
    Known,
    /// The log before it has to be applied first.
    Later,
    Fetching,
    Refused(Failure),
}

impl Core {
    /// Processes direct items in order, as far as possible.
    pub(crate) fn process_direct(&mut self) -> Result<(), Failure> {
        while !self.direct.fetching {
            let Some((number, item)) = self.direct.next() else {
                return Ok(());
            };
            match item.body {
                Direct::Welcome(part) => match self.welcome(number, &part)? {
                    Outcome::Fetching => return Ok(()),
                    Outcome::Later => {
                        self.read_log_for(part.conversation, number);
                        return Ok(());
                    }
                    Outcome::Known => {}
                    Outcome::Joined(id) => {
                        self.emit_conversation(id)?;
                        self.read_log(id);
                    }
                    Outcome::Refused(failure) => {
                        tracing::warn!(code = failure.code.name(), "a Welcome was refused");
                        let notice = Notice::JoinRefused { conversation: part.conversation, failure };
                        self.pass_direct_with(number, notice)?;
                        self.decline(part.conversation);
                    }
                },
                Direct::LastResortUsed(_) => {
                    self.pass_direct_with(number, Notice::LastResortUsed)?;
                    self.publish_key_packages(true)?;
                }
                Direct::GrantReused(reused) => {
                    self.pass_direct_with(number, Notice::InvitationReused { at: reused.at })?;
                }
                // What the relay says of it is only a reason to look: the chains say what is so.
                Direct::FurtherDevice(_) => {
                    self.pass_direct(number, Batch::default())?;
                    self.fetch_devices(Purpose::Look);
                }
            }
        }
        Ok(())
    }

    /// A Welcome that stands behind the end of a log, as that was read for its sake, is none, and holds up no other.
    /// [DELIV-219]
    pub(crate) fn refuse_beyond(&mut self, id: ConversationId, number: u64, head: u64) -> Result<(), Failure> {
        if number == 0 {
            return Ok(());
        }
        let beyond = |part: &WelcomePart| part.conversation == id && part.position > head;
        match self.direct.next() {
            Some((first, item)) if first == number && matches!(&item.body, Direct::Welcome(part) if beyond(part)) => {
                let failed = "a Welcome names a place in the log which the relay says that it does not have";
                let failure = Failure::new(FailureCode::Refused, failed, "tell the security officer");
                self.pass_direct_with(number, Notice::JoinRefused { conversation: id, failure })
            }
            _ => Ok(()),
        }
    }

    /// Writes that the item is done, together with what it changed.
    fn pass_direct(&mut self, number: u64, mut batch: Batch) -> Result<(), Failure> {
        let row = self.relay_row.clone().map(|row| RelayRow { direct: number, ..row });
        if let Some(row) = &row {
            batch.put(Scope::Meta, meta::RELAY, row);
        }
        self.vault.commit(batch)?;
        self.relay_row = row;
        self.direct.pass(number);
        self.taken += 1;
        self.advance_later(None);
        Ok(())
    }

    /// The same, of an item that people are told of.
    fn pass_direct_with(&mut self, number: u64, notice: Notice) -> Result<(), Failure> {
        let mut batch = Batch::default();
        let draft = self.draft_notice(&notice, &mut batch)?;
        self.pass_direct(number, batch)?;
        self.settle_notice(draft, notice);
        Ok(())
    }

    fn welcome(&mut self, number: u64, part: &WelcomePart) -> Result<Outcome, Failure> {
        if let Some(outcome) = self.stands_already(number, part)? {
            return Ok(outcome);
        }
        let named = match Conversation::named_key_package(part) {
            Ok(key) => key,
            Err(error) => return Ok(Outcome::Refused(refused(&error))),
        };
        let bundle = self.vault.read_bytes(Scope::DeviceRecords, &named)?;
        let mut packages = Records::load(bundle.map(|bundle| (named, bundle)));
        let staged = match Conversation::stage_join(part, &self.own, &packages) {
            Ok(staged) => staged,
            Err(error) => return Ok(Outcome::Refused(refused(&error))),
        };
        let members: Vec<DeviceId> = staged.members().iter().map(|member| member.device).collect();
        let (known, missing) = self.known_devices(members.iter().copied())?;
        if let Some(unasked) = self.direct.unasked(missing) {
            return Ok(self.fetch_for_welcome(unasked));
        }
        // [CONV-59] Whoever this device was told to have been let in by, those who are there know better.
        let own = |device: &VerifiedDevice| device.address() == self.own.address();
        if known.values().filter(|device| own(device)).any(|device| !device.is_kin_of(&self.own)) {
            if let Some(unasked) = self.direct.unasked(members) {
                return Ok(self.fetch_for_welcome(unasked));
            }
            let failed = "another device in your name is in it, and no approval ties it to this one";
            let advice = "see `amanat device list`; if you do not know that device, tell the security officer at once";
            return Ok(Outcome::Refused(Failure::new(FailureCode::Refused, failed, advice)));
        }
        let Some(receipt) = self.welcome_receipt(part) else {
            let failed = "the relay's receipt for the commit that added this device is missing or wrong";
            return Ok(Outcome::Refused(Failure::new(FailureCode::Refused, failed, "tell the security officer")));
        };
        let old = Records::load(self.vault.scan_bytes(Scope::GroupRecords(part.conversation))?);
        let inviter = staged.inviter();
        let group = match staged.approve(&known, &receipt.body, &mut packages, old) {
            Ok(group) => group,
            Err(error) => {
                // By chains from before a renewal, one's own among them, somebody may seem not to be cleared. [CONV-56]
                let rests = matches!(error, JoinError::Member(..) | JoinError::OwnLeaf(_));
                return Ok(match rests.then(|| self.direct.unasked(members)).flatten() {
                    Some(unasked) => self.fetch_for_welcome(unasked),
                    None => Outcome::Refused(refused(&error)),
                });
            }
        };
        if let Some(failure) = self.leads_elsewhere(&group, inviter)? {
            return Ok(Outcome::Refused(failure));
        }
        let Some(continued) = self.continues(part)? else { return Ok(Outcome::Later) };
        let again = self.conversations.get(&part.conversation).is_some_and(|open| open.row.stage == Stage::FellOut);
        let change = if again { MemberChange::AddedAgain } else { MemberChange::Added };
        // Of a founding the conversation itself tells.
        let added = if part.position > 1 { self.added(part.conversation, inviter, change)? } else { None };
        let stands = self.install((number, part), &receipt, group, packages, (added.as_ref(), &continued))?;
        self.say_continued(part, &continued, stands);
        self.joined_while_settling(part.conversation)?;
        if let Some(added) = added {
            self.notice(added);
        }
        Ok(Outcome::Joined(part.conversation))
    }

    /// What becomes of a Welcome without a look into it, by what this vault knows of its conversation.
    fn stands_already(&mut self, number: u64, part: &WelcomePart) -> Result<Option<Outcome>, Failure> {
        if self.rolled_back.holds_up(part) {
            return Ok(Some(Outcome::Later));
        }
        let Some(open) = self.conversations.get(&part.conversation) else { return Ok(None) };
        let row = &open.row;
        if row.stage.follows_log() && row.position < part.position {
            // The commit that adds this device again removes it first: the log says so.
            return Ok(Some(Outcome::Later));
        }
        if row.stage.follows_log() || part.position <= row.joined {
            self.pass_direct(number, Batch::default())?;
            return Ok(Some(Outcome::Known));
        }
        Ok(None)
    }

    /// Why a Welcome does not lead back to where this vault was, if it was anywhere.
    fn leads_elsewhere(&mut self, group: &Conversation, inviter: DeviceId) -> Result<Option<Failure>, Failure> {
        if !self.is_the_same(group) {
            let failed = "a device that is to come back was invited to another conversation under the same id";
            return Ok(Some(Failure::new(FailureCode::Refused, failed, "tell the security officer")));
        }
        if !self.is_vouched_for(group.facts().conversation, inviter)? {
            let failed = "whoever added this device was no member when it was last in the conversation, or is not now";
            let advice = "ask a member whom you know from it to add you; what is queued stays here until then";
            return Ok(Some(Failure::new(FailureCode::Refused, failed, advice)));
        }
        Ok(None)
    }

    /// Whether a group is what this vault knows under its id, if it knows any: a relay and somebody who has never been in it
    /// could otherwise put another one in its place, and what waits would go there. [CONV-55]
    fn is_the_same(&mut self, group: &Conversation) -> bool {
        let facts = group.facts();
        let Some(open) = self.conversations.get(&facts.conversation) else { return true };
        let row = &open.row;
        // What a file said of it shuts nobody out. [DELIV-224]
        if row.stage == Stage::Archived {
            return true;
        }
        let direct = facts.kind == Kind::Direct;
        let peer = |member: &LeafClaim| member.address.to_string() == *row.peer;
        let same = row.tier == facts.tier.number()
            && direct != row.peer.is_empty()
            && (!direct || group.members().iter().any(peer));
        let founder = |group: &Conversation| group.roles().map(|roles| roles.founder.clone());
        let known = self.group(facts.conversation).ok().and_then(|known| founder(known));
        same && known.is_none_or(|known| founder(group) == Some(known))
    }

    /// Whether what waits in a conversation may go where a Welcome leads. Its facts, members and founder are what its maker
    /// says; that the maker was a member where this vault stands is not, so it takes one of them, or this person, to lead
    /// back in. [CONV-88]
    fn is_vouched_for(&mut self, id: ConversationId, inviter: DeviceId) -> Result<bool, Failure> {
        let Some(open) = self.conversations.get(&id) else { return Ok(true) };
        let (fell_out, tier) = (open.row.stage == Stage::FellOut, tier_of(open.row.tier));
        if !fell_out && open.queue.is_empty() && !self.has_uploads(id)? {
            return Ok(true);
        }
        let Some(inviter) = self.known_device(inviter)? else { return Ok(false) };
        let known = self.group(id)?.members();
        let address = inviter.address();
        let member = address == self.own.address() || known.iter().any(|member| member.address == *address);
        Ok(member && self.standing(&inviter).require(tier).is_ok())
    }

    /// By whom this device was added.
    fn added(
        &mut self,
        id: ConversationId,
        inviter: DeviceId,
        change: MemberChange,
    ) -> Result<Option<Notice>, Failure> {
        let Some(by) = self.known_device(inviter)?.map(|device| device.address().clone()) else { return Ok(None) };
        let (by, own) = (self.who_of(&by, vec![inviter])?, self.own.address().clone());
        let whom = self.who_of(&own, vec![self.own.id()])?;
        let device = (change == MemberChange::AddedAgain).then(|| self.own.id());
        Ok(Some(Notice::Member { conversation: id, by, whom, device, change }))
    }

    /// The row of a conversation as it is joined, as if nothing were known of it.
    fn fresh_row(&self, group: &Conversation, others: &[LeafClaim]) -> Result<ConversationRow, Failure> {
        let facts = group.facts();
        let new = NewConversation {
            conversation: facts.conversation,
            kind: facts.kind,
            tier: facts.tier,
            relay: facts.relay,
        };
        let peer = match facts.kind {
            Kind::Direct => others.iter().map(|member| &member.address).find(|address| *address != self.own.address()),
            Kind::Group => None,
        };
        let peer = peer.map(ToString::to_string).unwrap_or_default();
        new_row(&new, peer, String::new(), self.now(), &mut self.random())
    }

    /// Makes a joined group durable together with the item, the KeyPackage that it used up, and who added this device.
    /// What this vault has of the conversation from before stays: messages, title, and what waits to be sent.
    fn install(
        &mut self,
        (number, part): (u64, &WelcomePart),
        receipt: &CommitReceipt,
        mut group: Conversation,
        mut packages: Records,
        (added, continued): (Option<&Notice>, &Continued),
    ) -> Result<Vec<OutboxRow>, Failure> {
        let others: Vec<_> = group.members().into_iter().filter(|member| member.device != self.own.id()).collect();
        let id = group.facts().conversation;
        let fresh = self.fresh_row(&group, &others)?;
        let imported = self.conversations.get(&id).map(|open| open.imported.clone()).unwrap_or_default();
        let before = self.conversations.get(&id).map(|open| (ended(open), open.queue.clone()));
        let archived = before.as_ref().is_some_and(|(row, _)| row.stage == Stage::Archived);
        let (row, queue) = before.unwrap_or((fresh.clone(), BTreeMap::new()));
        let row = if archived { of_archived(row, &fresh) } else { row };
        let row = begun(row, &fresh, receipt);
        let mut batch = Batch::default();
        let first = row.sequence;
        let further = row.sequence == 0 || archived;
        let mut row = if further { self.reads_from_here(row, &others, &mut batch)? } else { row };
        // That a further device reads from here says it already.
        if let Some(added) = added.filter(|_| row.sequence == first) {
            keep_notice(&mut row, added, receipt.body.stamp, &mut batch)?;
        }
        let mut open = Open { imported, ..Open::of(row) };
        let stays = self.conversations.get(&id).is_some_and(|open| open.row.stage == Stage::FellOut);
        if !stays {
            // Who had left or was removed, and comes back, adds nobody whom he wanted to add then.
            batch.delete(Scope::Newcomers, id.as_bytes());
        }
        let (stands, queue) = continued.part_queue(queue);
        for queued in &stands {
            batch.delete(Scope::Outbox, &queued.number.to_be_bytes());
        }
        self.rolled_back.forget(&id, &mut batch)?;
        open.queue = self.queue_all_again(&mut group, (queue, part.position), &mut batch)?;
        for (key, _) in self.vault.scan_bytes(Scope::Tracks(id))? {
            batch.delete(Scope::Tracks(id), &key);
        }
        batch.delete(Scope::Commits, id.as_bytes());
        // Another title may have come meanwhile.
        batch.delete(Scope::OwnTitles, id.as_bytes());
        batch.records(Scope::GroupRecords(id), group.take_changes());
        batch.turn_key(id, None);
        batch.records(Scope::DeviceRecords, packages.take_changes());
        put_conversation(&mut batch, &open.row);
        for member in others {
            let track = TrackRow::new(member.device);
            batch.put(Scope::Tracks(id), member.device.as_bytes(), &track);
            open.tracks.insert(member.device, track);
        }
        self.pass_direct(number, batch)?;
        open.group = Some(group);
        if let Some(before) = self.conversations.get_mut(&id).filter(|_| stays) {
            open.newcomers = std::mem::take(&mut before.newcomers);
        }
        self.conversations.insert(id, open);
        // Before anything is sent. [CONV-45]
        self.judge_members(id)?;
        // What was to be sent here before this device fell out.
        self.start_uploads()?;
        self.look_for_further(id)?;
        Ok(stands)
    }

    /// The first thing that a further device shows of a conversation is from when on it reads. [CONV-73]
    fn reads_from_here(
        &self,
        row: ConversationRow,
        others: &[LeafClaim],
        batch: &mut Batch,
    ) -> Result<ConversationRow, Failure> {
        let own = self.own.address();
        if others.iter().all(|member| member.address != *own) {
            return Ok(row);
        }
        let said = MessageRow {
            id: MessageId::of(row.id, self.own.id(), MessageSeed::random(&mut self.random())),
            sequence: row.sequence + 1,
            device: self.own.id(),
            from: text(own.to_string())?,
            name: text(self.own.name().as_str().to_owned())?,
            counter: 0,
            joined: 0,
            at: row.stamp,
            content_type: READS_FROM,
            body: Bytes::default(),
            own: false,
        };
        put_message(batch, row.id, &said);
        Ok(ConversationRow { sequence: said.sequence, read: said.sequence, ..row })
    }

    /// What waited while this device was out, and is not in the log, in its order.
    fn queue_all_again(
        &self,
        group: &mut Conversation,
        (queue, joined): (Vec<OutboxRow>, u64),
        batch: &mut Batch,
    ) -> Result<BTreeMap<u64, OutboxRow>, Failure> {
        let again = |queued| self.queue_again(group, (queued, joined), batch).map(|again| (again.number, again));
        queue.into_iter().map(again).collect()
    }

    /// A message that waited while this device was out: the same message, with a counter of the new membership.
    /// [CONV-35]
    fn queue_again(
        &self,
        group: &mut Conversation,
        (queued, joined): (OutboxRow, u64),
        batch: &mut Batch,
    ) -> Result<OutboxRow, Failure> {
        let content = Content::from_bytes(&queued.content).map_err(|_| failure::damaged())?;
        let body = content.body().map_err(|_| failure::damaged())?;
        let content = group.queue(content.seed, content.sent_at, &body).map_err(failure::from_conversation)?;
        let id = queued.conversation;
        if let Some(message) = queued.message
            && let Some(sequence) = self.vault.read::<u64>(Scope::MessageIds(id), message.as_bytes())?
            && let Some(row) = self.message_row(id, sequence)?
        {
            put_message(batch, id, &MessageRow { counter: content.counter, joined, ..row });
        }
        let (request, ciphertext) = (Bytes::default(), Digest::ZERO);
        // Under a new unit id: what an earlier membership may have put into the log is refused there by everybody. [CONV-81]
        let again = OutboxRow {
            unit: UnitId::random(&mut self.random()),
            counter: content.counter,
            content: bounded(content.to_bytes())?,
            request,
            ciphertext,
            ..queued
        };
        batch.put(Scope::Outbox, &again.number.to_be_bytes(), &again);
        Ok(again)
    }

    fn fetch_for_welcome(&mut self, missing: Vec<DeviceId>) -> Outcome {
        let Some(calls) = self.calls() else { return Outcome::Fetching };
        let (authority, now) = (self.authority.clone(), self.now());
        self.direct.fetching = true;
        let generation = self.links;
        self.spawn(async move {
            let chains = fetch_chains(&calls, &authority, now, &missing).await;
            Input::Chains(Fetched { generation, log: None, asked: missing, chains })
        });
        Outcome::Fetching
    }

    /// The receipt of the commit that added this device; its signature and place are checked, its commit cannot be: the
    /// commit itself is from before the joining.
    fn welcome_receipt(&self, part: &WelcomePart) -> Option<CommitReceipt> {
        let receipt = CommitReceipt::from_bytes(&part.receipt).ok()?;
        let body = &receipt.body;
        let fits = body.conversation == part.conversation && body.position == part.position;
        let signed = self.relays.iter().any(|relay| receipt.verify(relay.signing_key()).is_ok());
        (fits && signed).then_some(receipt)
    }

    /// Chains were fetched.
    pub(crate) fn chains_fetched(&mut self, fetched: Fetched) -> Result<(), Failure> {
        // What was asked over a link that is gone is asked again over the next.
        if self.link.as_ref().is_none_or(|up| up.generation != fetched.generation) {
            return Ok(());
        }
        let found = match fetched.chains {
            Ok(chains) => {
                let (own, others): (Vec<_>, Vec<_>) =
                    chains.into_iter().partition(|found| found.device.id() == self.own.id());
                own.into_iter().try_for_each(|found| self.own_chain_fetched(found))?;
                Some(self.remember(others)?.len())
            }
            Err(failure) => {
                tracing::warn!(code = failure.code.name(), "chains could not be fetched");
                None
            }
        };
        match fetched.log {
            None => {
                self.direct.fetching = false;
                // Only an answer says that someone is not to be had; anything else is tried again.
                if found.is_some() {
                    self.direct.fetched.extend(fetched.asked);
                }
                if found.is_none() {
                    self.news_later();
                    return Ok(());
                }
                self.process_direct()
            }
            Some(id) => {
                if let Some(open) = self.conversations.get_mut(&id) {
                    open.waiting = false;
                    if found.is_some() {
                        open.refreshed = open.row.position + 1;
                    }
                }
                // Refused for now: nothing is judged by it, and it is asked again.
                if found.is_none() {
                    self.news_later();
                    return Ok(());
                }
                self.read_log(id);
                Ok(())
            }
        }
    }
}

/// A conversation's row, in which the membership that ends with a Welcome is put by. [DELIV-216]
pub(crate) fn ended(open: &Open) -> ConversationRow {
    let mut row = open.row.clone();
    let (has, has_read) = acknowledged_up_to(&row, &open.tracks);
    let mut ended = std::mem::take(&mut row.ended).into_vec();
    ended.push(EndedRow { joined: row.joined, has, has_read });
    let first = ended.len().saturating_sub(MEMBERSHIPS);
    row.ended = List::new(ended.split_off(first)).unwrap_or_default();
    row
}

/// A conversation's row, in which a membership begins with the commit of a receipt.
fn begun(row: ConversationRow, fresh: &ConversationRow, receipt: &CommitReceipt) -> ConversationRow {
    let (position, stamp) = (receipt.body.position, receipt.body.stamp);
    ConversationRow {
        stage: Stage::Active,
        position,
        joined: position,
        stamp,
        receipt: receipt.id(),
        renew_at: fresh.renew_at,
        accepted: 0,
        accepted_lasting: 0,
        alone: 0,
        lost: List::default(),
        ..row
    }
}

/// What a file said of a conversation counts no more once the group is here; its messages stay. [DELIV-224]
fn of_archived(row: ConversationRow, fresh: &ConversationRow) -> ConversationRow {
    let ConversationRow { sequence, read, unread, latest, .. } = row;
    ConversationRow { sequence, read, unread, latest, ..fresh.clone() }
}

fn refused(error: &JoinError) -> Failure {
    let failed = format!("a conversation that this device was added to is refused: {error}");
    Failure::new(FailureCode::Conversation, failed, "tell the security officer; nothing of it was kept")
}
