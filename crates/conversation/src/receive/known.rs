//! Receiving what is known by its hash (protocol-spec/05-conversation, sections 5 and 8): own frames and commits, which
//! OpenMLS could not read, and commits that were void before.

use amanat_primitives::Digest;
use amanat_wire::log::{Entry, UnitKind};
use openmls::prelude::StagedCommit;

use super::{Incoming, OwnFrame, Refusal, Stop, by};
use crate::{
    Conversation, ConversationError,
    commit::{CommitFacts, ReceivedCommit, VoidReason},
    remembered::{self, GivenUp},
    state,
    storage::Storage,
};

impl Conversation {
    /// What is known by its hash: own frames and commits, which OpenMLS could not read, and void commits. [CONV-19]
    pub(super) fn take_known(&mut self, entry: &Entry, hash: Digest) -> Result<Option<Incoming>, Stop> {
        let own = self.head.own;
        if let Some(sent) = remembered::sent(&self.records, &hash)? {
            if entry.kind != UnitKind::Message {
                return Err(by(own, Refusal::OtherKind));
            }
            remembered::note_came(&mut self.records, &hash);
            self.pass(entry)?;
            return Ok(Some(Incoming::Own(OwnFrame { hash, counter: sent.counter })));
        }
        // [CONV-91]
        if remembered::has_come(&self.records, &hash) {
            return Err(by(own, Refusal::Replayed));
        }
        // [CONV-89] By the log alone, so that all say the same of it, its author too.
        if remembered::is_void(&self.records, &hash)? {
            return Err(Refusal::Void(VoidReason::Repeated).into());
        }
        let pending = state::pending(&self.records)?.filter(|pending| pending.hash == hash);
        let (facts, staged) = match pending {
            Some(pending) => (pending.facts, None),
            None if !remembered::is_given_up(&self.records, &hash)? => return Ok(None),
            // [CONV-90]
            None => {
                let kept = remembered::given_up(&Storage::of_group(&mut self.records), &hash)?;
                let GivenUp { facts, staged } = kept.ok_or_else(|| by(own, Refusal::GivenUp))?;
                (facts, Some(staged))
            }
        };
        // Others take it as a commit alone, too; the founder's is the log's first entry.
        if entry.kind == UnitKind::Message || entry.kind == UnitKind::Create && self.epoch() > 0 {
            return Err(by(own, Refusal::OtherKind));
        }
        Ok(Some(Incoming::Commit(Box::new(self.own_commit(entry, hash, facts, staged)?))))
    }

    /// The one on its way, or one that was given up, with what was kept of it.
    fn own_commit(
        &self,
        entry: &Entry,
        hash: Digest,
        facts: CommitFacts,
        kept: Option<Box<StagedCommit>>,
    ) -> Result<ReceivedCommit, Stop> {
        let staged = kept.as_deref().or_else(|| self.group.pending_commit());
        let staged = staged.ok_or(ConversationError::NoCommitPending)?;
        let changed = self.changes_of(staged).map_err(|_| ConversationError::Library)?;
        Ok(ReceivedCommit { own: true, ..self.received(entry, hash, (self.head.own, facts), changed, kept) })
    }
}
