//! The list that an officer's machine goes on with (protocol-spec/03-identity, section 8): its own, and what a relay
//! has beyond it that an officer of today vouches for. A relay may show less than it has, or what it has made with a
//! former officer's key; and whoever signs for another list than the one that is known cuts everybody off.

use amanat_identity::{Authority, ChainError, Proposal, RevocationEntry, Target, body::RevocationBody};
use amanat_primitives::Timestamp;

use super::publish::Held;
use crate::problem::Problem;

/// What this machine has of the list.
pub(crate) struct Local {
    pub(crate) entries: Vec<RevocationEntry>,
    /// So many of these a relay has, or may have: they stay as they are.
    pub(crate) published: usize,
    /// It has neither a list nor a statement: it takes what it finds.
    pub(crate) is_new: bool,
}

/// Why a relay's list is not gone on with, nor given anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotFollowed {
    /// It lacks or changes something that a relay has already.
    Differs,
    /// It is longer, and nobody who is an officer now has signed that.
    Unvouched,
}

/// The list to go on with.
pub(super) struct Continued {
    /// What relays have, then what none has yet and still fits behind it.
    pub(super) entries: Vec<RevocationEntry>,
    /// So many of `entries` a relay has, or may have.
    pub(super) published: usize,
    /// What no relay has and must be signed again under a new number.
    pub(super) again: Vec<Proposal>,
    /// Above the numbers of these statements the next one stands.
    pub(super) highest: u64,
}

/// Whether a list says the same already, under whatever number.
pub(super) fn is_listed(entries: &[RevocationEntry], said: &RevocationBody, at: Timestamp) -> bool {
    entries.iter().any(|entry| entry.at() == at && entry.said().is_ok_and(|body| body == *said))
}

impl Local {
    /// Goes on with the local list and what the relays have. What no relay has yet although an officer of today has
    /// signed a later statement is to be signed again under the new number. [ID-31] Of each relay also why it is left
    /// alone, if it is.
    pub(super) fn continued(
        &self,
        relays: &[&Held],
        authority: &Authority,
        now: Timestamp,
    ) -> Result<(Continued, Vec<Option<NotFollowed>>), ChainError> {
        let base = self.base(relays);
        let refused: Vec<_> = relays.iter().map(|held| not_followed(held, base)).collect();
        let followed = || relays.iter().zip(&refused).filter(|(_, refused)| refused.is_none()).map(|(held, _)| held);
        let vouched = followed().filter(|held| held.is_vouched).map(|held| held.number).max().unwrap_or(0);
        // A relay takes no number that is further ahead: nobody is to be driven there.
        let latest = now.after(Timestamp::CLOCK_TOLERANCE).as_millis();
        let shown = followed().map(|held| held.number).filter(|number| *number <= latest).max().unwrap_or(0);
        let mut entries = base.to_vec();
        let mut again = Vec::new();
        let known = self.entries.iter().zip(base).take_while(|(own, other)| own == other).count();
        for entry in self.entries.iter().skip(known) {
            let said = entry.said()?;
            if is_listed(base, &said, entry.at()) {
                continue;
            }
            let by_revoked =
                |other: &RevocationEntry| other.said().is_ok_and(|said| said.target == Target::Officer(entry.issuer()));
            let follows = entries.last().is_none_or(|last| last.number() <= entry.number());
            // [ID-66]
            if entry.number() > vouched && follows && !entries.iter().any(by_revoked) {
                entries.push(entry.clone());
            } else {
                let unsigned = Proposal::new(authority, said, entry.at());
                again.push(Proposal { cosignatures: entry.cosignatures.clone(), ..unsigned });
            }
        }
        let highest = entries.last().map_or(0, RevocationEntry::number).max(vouched).max(shown);
        Ok((Continued { entries, published: base.len(), again, highest }, refused))
    }

    /// What relays have: the longest list that begins with what was published from here, and that is vouched for, or
    /// known here, or all that there is.
    // [ID-64] [ID-65]
    fn base<'a>(&'a self, relays: &[&'a Held]) -> &'a [RevocationEntry] {
        let published = self.entries.get(..self.published).unwrap_or(&self.entries);
        let takes_any = self.is_new && !relays.iter().any(|held| held.is_vouched);
        let may_be = |held: &&&Held| {
            let vouched = held.is_vouched || takes_any || self.entries.starts_with(&held.entries);
            vouched && held.entries.starts_with(published)
        };
        let longest = relays.iter().filter(may_be).max_by_key(|held| held.entries.len());
        longest.map_or(published, |held| held.entries.as_slice())
    }
}

/// Why a relay is not given what follows `base`, if it is not.
// [ID-64] [ID-65]
fn not_followed(held: &Held, base: &[RevocationEntry]) -> Option<NotFollowed> {
    if let Some(lacking) = base.strip_prefix(held.entries.as_slice()) {
        let passed_over = held.is_vouched && lacking.iter().any(|entry| entry.number() <= held.number);
        return passed_over.then_some(NotFollowed::Differs);
    }
    let is_longer = !held.is_vouched && held.entries.starts_with(base);
    Some(if is_longer { NotFollowed::Unvouched } else { NotFollowed::Differs })
}

impl From<NotFollowed> for Problem {
    fn from(error: NotFollowed) -> Self {
        let (failed, advice) = match error {
            NotFollowed::Differs => (
                "The relay's list of revocations is not the one that is known here: it lacks or changes some of it. \
                 The relay is given nothing.",
                "Compare revocations in the officers' folders. If the relay's store was restored from a copy, restore its \
                 latest one. If its list is the right one, move revocations, published and status out of this folder, \
                 run amanat attest, and revoke anew what is missing.",
            ),
            NotFollowed::Unvouched => (
                "The relay shows revocations that are not known here and that nobody has signed for who is an officer now. \
                 The relay is given nothing.",
                "Copy revocations from the folder of the officer who signed last. If nobody has it and the relay is to be \
                 believed, move revocations, published and status out of this folder and run it again.",
            ),
        };
        Self::new("certificate", failed, advice)
    }
}
