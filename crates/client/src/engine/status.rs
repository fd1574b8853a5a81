//! Status statements and revocations (protocol-spec/03-identity, section 8): a statement that the relay shows is taken
//! only together with the whole list that it names, and what the list makes of a device is asked here.

use amanat_identity::{
    Acceptable, Address, DeviceChain, Freshness, ListError, NotAccepted, Reason, RevocationEntry, RevocationList,
    SignedStatus, Standing, StatusView, Subject, Tier, VerifiedDevice,
};
use amanat_primitives::ConversationId;
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::{Nothing, Request, StatusUpdate},
    limits,
    relay::Answer,
};

use super::{
    Input,
    core::Core,
    link::Question,
    people::{VerifiedChain, standing_order, with_approval_of},
    restored::Bring,
};
use crate::{
    Event, Failure,
    api::{Alarm, LinkState, Notice, WarningOf},
    failure,
    rows::{ChainRow, ProfileRow, Stage, meta},
    session::Calls,
    vault::{Batch, Scope},
};

/// Revocations that were fetched for a status statement.
pub(crate) struct FetchedRevocations {
    status: SignedStatus,
    /// So many were held.
    first: u32,
    entries: Result<Vec<RevocationEntry>, Failure>,
}

/// A status statement that was fetched for a log that waits for it.
pub(crate) struct FetchedStatus {
    generation: u64,
    conversation: ConversationId,
    bytes: Option<Vec<u8>>,
}

impl Core {
    /// The revocations that the latest accepted status statement names.
    pub(crate) fn revocations(&self) -> &RevocationList {
        self.status.revocations()
    }

    /// What is known of a device by now.
    pub(crate) fn standing(&self, device: &VerifiedDevice) -> Standing {
        self.revocations().standing(device, u64::MAX)
    }

    /// What a device's person is cleared for by now: what the list makes of what the chain says.
    pub(crate) fn clearance_of(&self, device: &VerifiedDevice) -> Tier {
        match self.standing(device) {
            Standing::Good { clearance } => clearance.min(device.clearance()),
            _ => device.clearance(),
        }
    }

    /// Refuses to go on once this device is revoked.
    pub(crate) fn require_own_standing(&self) -> Result<(), Failure> {
        if self.standing(&self.own).is_revoked() { Err(failure::revoked()) } else { Ok(()) }
    }

    /// Takes a status statement that is the authority's and newer than the one we have, once its list is here; anything
    /// else is ignored and logged, because a relay cannot make the one we have worse. [ID-23]
    pub(crate) fn take_status(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Ok(signed) = SignedStatus::from_bytes(bytes) else {
            tracing::warn!("the relay sent a status statement that cannot be decoded");
            return Ok(());
        };
        self.judge_status(signed, self.revocations().summary().count, Vec::new(), true)
    }

    /// Shows a relay what it does not know: one that was restored has an older statement than this vault, and shorter a
    /// list. [DELIV-123]
    pub(crate) fn bring_status(&mut self, shown: &[u8]) -> Result<(), Failure> {
        let shown =
            SignedStatus::from_bytes(shown).ok().and_then(|shown| shown.verify(&self.authority, self.now()).ok());
        let newer = |own: &u64| shown.as_ref().is_none_or(|shown| shown.number() < *own);
        let (Some(own), Some(_)) = (self.status.current(), self.status.number().filter(newer)) else { return Ok(()) };
        let status = own.published().to_bytes();
        // Where the relay shows none, it may hold a list all the same: it passes over what it knows.
        let first = shown.map_or(0, |shown| shown.revocations().count);
        let mut rest = Vec::new();
        for place in first..self.revocations().summary().count {
            let row = self.vault.read_bytes(Scope::Revocations, &place.to_be_bytes())?;
            rest.extend(row.map(Bytes::new).transpose().map_err(|_| failure::damaged())?);
        }
        // More than fits into one request is left to the officer's machine.
        let size: usize = rest.iter().map(|entry| entry.len()).sum();
        let (Ok(status), Ok(revocations), true) = (Bytes::new(status), List::new(rest), size < limits::BODY / 2) else {
            return Ok(());
        };
        self.unsettled.status_open = self.ask_relay(
            Question::Bring(Bring::Status),
            Request::PutStatement(StatusUpdate { status, first, revocations }),
        );
        Ok(())
    }

    fn judge_status(
        &mut self,
        signed: SignedStatus,
        first: u32,
        entries: Vec<RevocationEntry>,
        may_fetch: bool,
    ) -> Result<(), Failure> {
        let Ok(verified) = signed.verify(&self.authority, self.now()) else {
            tracing::warn!("the relay sent a status statement that does not verify");
            return Ok(());
        };
        let held = self.revocations().summary().count;
        // Another statement may have been taken meanwhile.
        let known = usize::try_from(held.saturating_sub(first)).unwrap_or(usize::MAX);
        let named = usize::try_from(verified.revocations().count.saturating_sub(held)).unwrap_or(usize::MAX);
        let all = verified.revocations().count;
        let new: Vec<RevocationEntry> = entries.into_iter().skip(known).take(named).collect();
        match self.status.judge(verified, &new, &self.authority) {
            Ok(acceptable) => self.accept_status(acceptable, &new),
            Err(NotAccepted::Old(_)) => Ok(()),
            // [DELIV-93]
            Err(NotAccepted::List(ListError::Missing { .. })) if may_fetch => {
                self.fetch_revocations(signed, all);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "a status statement is not taken");
                Ok(())
            }
        }
    }

    fn fetch_revocations(&mut self, status: SignedStatus, named: u32) {
        let Some(calls) = self.calls() else { return };
        let first = self.revocations().summary().count;
        self.status_fetches += 1;
        self.lists_open += 1;
        self.spawn(async move {
            let entries = fetch(&calls, first, named).await;
            Input::Revocations(FetchedRevocations { status, first, entries })
        });
    }

    /// The list that a status statement names has been fetched, or not: then the next link asks again.
    pub(crate) fn revocations_fetched(&mut self, fetched: FetchedRevocations) -> Result<(), Failure> {
        self.status_fetches = self.status_fetches.saturating_sub(1);
        self.lists_open = self.lists_open.saturating_sub(1);
        match fetched.entries {
            Ok(entries) => self.judge_status(fetched.status, fetched.first, entries, false)?,
            Err(failure) => tracing::warn!(code = failure.code.name(), "revocations could not be fetched"),
        }
        self.go_on_with_status()?;
        self.pump_outbox()
    }

    /// List and statement are one batch. [DELIV-93]
    fn accept_status(&mut self, acceptable: Acceptable, new: &[RevocationEntry]) -> Result<(), Failure> {
        let mut batch = Batch::default();
        batch.put_bytes(Scope::Meta, meta::STATUS.to_vec(), acceptable.status().published().to_bytes());
        let first = self.revocations().summary().count;
        for (place, entry) in (first..).zip(new) {
            batch.put(Scope::Revocations, &place.to_be_bytes(), entry);
        }
        let before = if new.is_empty() { Vec::new() } else { self.subjects_in_good_standing()? };
        let mut status = self.status.clone();
        status.accept(acceptable);
        let revoked = self.newly_revoked(before, &status);
        let warnings = self.warnings.draft(revoked.iter().cloned().map(WarningOf::Notice), self.now(), &mut batch)?;
        self.vault.commit(batch)?;
        self.status = status;
        self.warnings.settle(warnings);
        revoked.into_iter().for_each(|notice| self.emit(Event::Notice(notice)));
        if !new.is_empty() {
            self.judge_all_members()?;
        }
        self.say_whether_lapsed();
        self.go_on_with_status()?;
        // What may be sent again by this statement.
        self.start_uploads()?;
        self.pump_outbox()
    }

    /// Says that the statement has lapsed: once, until a fresh one comes.
    pub(crate) fn say_whether_lapsed(&mut self) {
        let Freshness::Expired { since } = self.status.freshness(self.now()) else {
            self.said_lapsed = false;
            return;
        };
        if !std::mem::replace(&mut self.said_lapsed, true) {
            self.notice(Notice::StatusExpired { since });
        }
    }

    /// A commit was judged by a later status statement than this device has: the latest is asked for, while its log waits.
    /// [CONV-50]
    pub(crate) fn fetch_status(&mut self, id: ConversationId) {
        let Some(calls) = self.calls() else { return };
        self.status_fetches += 1;
        let generation = self.links;
        self.spawn(async move {
            let bytes = match calls.call(Request::Status(Nothing {})).await {
                Ok(Answer::Status(bytes)) => Some(bytes.to_vec()),
                _ => None,
            };
            Input::Status(FetchedStatus { generation, conversation: id, bytes })
        });
    }

    /// The relay has answered; its list may still have to be fetched.
    pub(crate) fn status_fetched(&mut self, fetched: FetchedStatus) -> Result<(), Failure> {
        self.status_fetches = self.status_fetches.saturating_sub(1);
        if self.link.as_ref().is_none_or(|up| up.generation != fetched.generation) {
            return Ok(());
        }
        match fetched.bytes {
            Some(bytes) => self.take_status(&bytes)?,
            None => tracing::warn!(conversation = %fetched.conversation, "a status statement could not be fetched"),
        }
        self.go_on_with_status()
    }

    /// Logs that waited for a status statement go on with it; where it is not to be had, that is said.
    fn go_on_with_status(&mut self) -> Result<(), Failure> {
        let waiting: Vec<_> = self.conversations.values().filter(|open| open.needs_status > 0).collect();
        let waiting: Vec<_> = waiting.into_iter().map(|open| (open.row.id, open.needs_status)).collect();
        for (id, number) in waiting {
            let here = self.revocations().reaches(number);
            let Some(open) = self.conversations.get_mut(&id) else { continue };
            if !here && (self.status_fetches > 0 || open.stuck) {
                continue;
            }
            // Where it is pushed later, the log goes on by it.
            open.needs_status = if here { 0 } else { number };
            open.waiting = false;
            let was_stuck = std::mem::replace(&mut open.stuck, !here);
            if here {
                self.read_log(id);
            } else {
                self.alarm(id, Alarm::WaitingStatus { number });
            }
            if was_stuck || !here {
                self.emit_conversation(id)?;
            }
        }
        Ok(())
    }

    /// Everyone whom this vault knows and who is not revoked, this device included.
    fn subjects_in_good_standing(&self) -> Result<Vec<Subject>, Failure> {
        let mut subjects = vec![self.own.subject()];
        for row in self.vault.scan::<ChainRow>(Scope::Chains)? {
            subjects.extend(peek(&row).filter(|subject| subject.device != self.own.id()));
        }
        subjects.retain(|subject| !self.revocations().standing_of(subject, u64::MAX).is_revoked());
        Ok(subjects)
    }

    /// Who of those in good standing is revoked by another statement.
    fn newly_revoked(&self, before: Vec<Subject>, by: &StatusView) -> Vec<Notice> {
        let revoked = before.into_iter().filter_map(|subject| match by.revocations().standing_of(&subject, u64::MAX) {
            Standing::Revoked { reason, .. } => Some(self.notice_of(subject, reason)),
            _ => None,
        });
        revoked.collect()
    }

    fn notice_of(&self, subject: Subject, reason: Reason) -> Notice {
        let address = Address { handle: subject.handle, domain: self.authority.domain().clone() };
        Notice::Revoked { address, device: subject.device, reason }
    }

    /// Takes a renewed or approved chain of this device, durably. [DELIV-97]
    pub(crate) fn own_chain_fetched(&mut self, found: VerifiedChain) -> Result<(), Failure> {
        let Some(row) = self.vault.read::<ProfileRow>(Scope::Meta, meta::PROFILE)? else { return Ok(()) };
        // A first device is approved by nobody, and what a further one was let in by is settled once it has come into a
        // conversation: another approval would make somebody else's devices this person's. [DELIV-169]
        let settled = !row.further
            || self.own.approval().is_some()
            || self.conversations.values().any(|open| open.row.stage != Stage::Archived);
        let found = match settled {
            true => with_approval_of(&self.authority, self.now(), found, &self.chain),
            false => found,
        };
        let VerifiedChain { device, chain } = found;
        let same = device.certificate() == self.own.certificate();
        if !same || standing_order(&device) <= standing_order(&self.own) {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.put(Scope::Meta, meta::PROFILE, &ProfileRow { chain: chain.clone(), enrolled_at: self.now(), ..row });
        self.vault.commit(batch)?;
        tracing::info!("this device was renewed or approved");
        (self.own, self.chain) = (device, chain);
        Ok(())
    }

    /// At the start: a device that knows itself to be revoked dials nobody.
    pub(crate) fn say_revoked(&mut self) {
        let failure = failure::revoked();
        self.last_failure = Some(failure.clone());
        self.emit(Event::Link(LinkState::Down { failure, retry_in: std::time::Duration::MAX }));
    }

    /// Of these addresses, those of which this vault knows a revoked device.
    pub(crate) fn known_revoked(&self, addresses: &[Address]) -> Result<Vec<Address>, Failure> {
        if self.revocations().summary().count == 0 {
            return Ok(Vec::new());
        }
        let rows = self.vault.scan::<ChainRow>(Scope::Chains)?;
        let revoked: Vec<Subject> = rows
            .iter()
            .filter_map(peek)
            .filter(|subject| self.revocations().standing_of(subject, u64::MAX).is_revoked())
            .collect();
        let is_revoked = |address: &&Address| revoked.iter().any(|subject| subject.handle == address.handle);
        Ok(addresses.iter().filter(is_revoked).cloned().collect())
    }
}

/// Whom a stored chain is about: it was verified before it was stored.
fn peek(row: &ChainRow) -> Option<Subject> {
    DeviceChain::from_bytes(&row.chain).ok()?.peek_subject().ok()
}

/// The list from behind its first `first` entries up to entry `named`, as the relay has it.
async fn fetch(calls: &Calls, first: u32, named: u32) -> Result<Vec<RevocationEntry>, Failure> {
    let mut entries: Vec<RevocationEntry> = Vec::new();
    let wanted = usize::try_from(named.saturating_sub(first)).unwrap_or(usize::MAX);
    loop {
        let after = u32::try_from(entries.len()).ok().and_then(|got| first.checked_add(got));
        let after = after.filter(|after| *after <= amanat_identity::revocation::ENTRIES_MAX);
        let page = match calls.call(Request::Revocations(after.ok_or_else(failure::protocol)?)).await {
            Ok(Answer::Revocations(page)) => page,
            Ok(Answer::Refused(refusal)) => return Err(failure::from_refusal(refusal)),
            Ok(_) => return Err(failure::protocol()),
            Err(_) => return Err(failure::link_closed()),
        };
        let empty = page.revocations.is_empty();
        // A relay that gives more than the statement names fills no memory with it.
        let missing = wanted.saturating_sub(entries.len());
        for bytes in page.revocations.into_iter().take(missing) {
            entries.push(RevocationEntry::from_bytes(&bytes).map_err(|_| failure::protocol())?);
        }
        if !page.more || empty || entries.len() >= wanted {
            return Ok(entries);
        }
    }
}
