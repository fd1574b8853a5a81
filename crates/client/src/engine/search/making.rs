//! Making blocks (protocol-spec/07-delivery, section 12): full ones are sealed in the vault while there is nothing else to
//! do, or by a search that had to read the messages one by one.
//!
//! The vault removes a block's row with whatever changes one of its messages, in the same batch. Here is only what makes it
//! again. A block that cannot be written costs the next search time.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use amanat_identity::policy;
use amanat_primitives::{ConversationId, Timestamp};

use super::{Block, Read, Search, last_in, numbers};
use crate::{
    Failure, FailureCode,
    engine::core::{Core, Open, tier_of},
    rows::{BLOCK, BlockRow, block_of},
    vault::{Batch, Scope},
};

/// What one step does: so many messages read one by one, or blocks for [`OF_BLOCK`] of them.
const STEP: usize = 256;
/// What opening or writing a block weighs, in messages read.
const OF_BLOCK: usize = 8;
/// Blocks that one batch of a search writes.
const TOGETHER: usize = 64;
/// Nothing is made so long after the start and after a change, so that what is about to end, or to change more, does not
/// make what is of no use.
const QUIET: Duration = Duration::from_secs(2);
/// And so long after the disk refused.
const REFUSED: Duration = Duration::from_secs(3600);

/// A block's row that is to be written; none where it would spare nothing.
pub(super) type Fresh = (ConversationId, u64, Option<BlockRow>);

/// Which blocks are on the disk, as far as that is known.
#[derive(Default)]
pub(super) struct Making {
    /// By conversation, their numbers; also of those that would spare nothing.
    made: HashMap<ConversationId, BTreeSet<u64>>,
    /// Nothing is made before.
    rest: Timestamp,
}

impl Making {
    pub(super) fn forget(&mut self, id: ConversationId, number: u64, now: Timestamp) {
        if self.made.get_mut(&id).is_some_and(|made| made.remove(&number)) {
            self.rest(now);
        }
    }

    pub(super) fn rest(&mut self, now: Timestamp) {
        self.rest = self.rest.max(now.after(QUIET));
    }

    pub(super) fn keep_only(&mut self, is_there: impl Fn(&ConversationId) -> bool) {
        self.made.retain(|id, _| is_there(id));
    }

    pub(super) fn is_made(&mut self, id: ConversationId, number: u64) {
        self.made.entry(id).or_default().insert(number);
    }

    /// A full block of a conversation with messages up to `last` that may not be on the disk.
    fn missing(&self, id: ConversationId, last: u64) -> Option<u64> {
        let full = last / BLOCK as u64;
        match self.made.get(&id) {
            None => (full > 0).then_some(0),
            Some(made) if made.len() as u64 >= full => None,
            Some(made) => (0..full).find(|number| !made.contains(number)),
        }
    }
}

impl Core {
    /// When the next step is due: at once for someone who is about to search.
    pub(crate) fn search_due(&self) -> Option<Timestamp> {
        match self.search.warming {
            true => Some(Timestamp::default()),
            false => self.missing_block(&self.search).map(|_| self.search.making.rest),
        }
    }

    /// Reads and makes a little of what a search will need. [DELIV-107]
    pub(crate) fn search_ahead(&mut self) -> Result<(), Failure> {
        let mut search = std::mem::take(&mut self.search);
        let done = if search.warming {
            self.warm(&mut search)
        } else if search.making.rest <= self.now() {
            self.make_blocks(&mut search)
        } else {
            Ok(())
        };
        if let Err(failure) = &done {
            search.warming = false;
            search.making.rest = self.now().after(REFUSED);
            tracing::warn!(%failure, "what searches need cannot be prepared");
        }
        self.search = search;
        // A row that is damaged shows where it is read for someone; a disk that has failed shows in the vault.
        self.vault.check()
    }

    /// First all is read that there is room for, then what is missing on the disk is written.
    fn warm(&self, search: &mut Search) -> Result<(), Failure> {
        search.keep_only(|id| self.conversations.contains_key(id));
        let mut work = 0;
        let of = |open: &Open| (open.row.id, open.row.sequence);
        let all = self.conversations.values().map(of).flat_map(|(id, last)| numbers(last).map(move |n| (id, n, last)));
        for (id, number, last) in all {
            if search.kept(id, number).is_some_and(|block| block.read() >= last_in(number, last)) {
                continue;
            }
            let Read { block, rows, .. } = self.read_block(search, id, number, last)?;
            search.keep(id, number, block);
            if search.kept(id, number).is_none() {
                break;
            }
            work += rows + OF_BLOCK;
            if work >= STEP {
                return Ok(());
            }
        }
        self.make_blocks(search)?;
        search.warming &= self.missing_block(search).is_some();
        Ok(())
    }

    /// A full block that may not be on the disk, where not all messages expire.
    fn missing_block(&self, search: &Search) -> Option<(ConversationId, u64)> {
        let stays = |open: &&Open| policy::builtin(tier_of(open.row.tier)).max_lifetime.is_none();
        let missing =
            |open: &Open| search.making.missing(open.row.id, open.row.sequence).map(|number| (open.row.id, number));
        self.conversations.values().filter(stays).find_map(missing)
    }

    /// Writes some of the blocks that are missing on the disk.
    fn make_blocks(&self, search: &mut Search) -> Result<(), Failure> {
        let (mut work, mut fresh): (usize, Vec<Fresh>) = (0, Vec::new());
        while work < STEP
            && let Some((id, number)) = self.missing_block(search)
        {
            work += OF_BLOCK;
            // Until it is written it counts as made, so that the next one is found.
            search.making.is_made(id, number);
            if let Some(block) = search.kept(id, number).filter(|block| block.is_full()) {
                fresh.push((id, number, block.row()));
                continue;
            }
            let last = Block::last(number);
            let was_kept = search.kept(id, number).is_some();
            match self.read_block(search, id, number, last) {
                Ok(Read { block, rows, on_disk }) => {
                    work += rows;
                    fresh.extend((!on_disk).then(|| (id, number, block.row())));
                    if was_kept {
                        search.keep(id, number, block);
                    }
                }
                // Without it, searches say what is damaged.
                Err(failure) if failure.code == FailureCode::Damaged => {
                    tracing::warn!(%failure, "a block for searches cannot be made");
                }
                Err(failure) => return Err(failure),
            }
        }
        self.write_blocks(search, fresh)
    }

    /// Blocks that say something else than these messages' rows go, and are made again.
    pub(super) fn drop_blocks(&mut self, stale: &BTreeSet<(ConversationId, u64)>) -> Result<(), Failure> {
        let mut batch = Batch::default();
        for (id, sequence) in stale {
            self.search.forget(*id, *sequence, self.now());
            batch.delete(Scope::Blocks(*id), &block_of(*sequence).to_be_bytes());
        }
        match self.vault.commit(batch) {
            Ok(()) => Ok(()),
            Err(_) => self.vault.check(),
        }
    }

    /// Writes what a search has come to, once it is much.
    pub(super) fn write_if_many(&self, search: &mut Search, fresh: &mut Vec<Fresh>) -> Result<(), Failure> {
        if fresh.len() < TOGETHER { Ok(()) } else { self.write_blocks(search, std::mem::take(fresh)) }
    }

    /// Writes blocks, if the disk takes them. [DELIV-107]
    pub(super) fn write_blocks(&self, search: &mut Search, fresh: Vec<Fresh>) -> Result<(), Failure> {
        let mut batch = Batch::default();
        for (id, number, row) in &fresh {
            if let Some(row) = row {
                batch.put(Scope::Blocks(*id), &number.to_be_bytes(), row);
            }
        }
        match self.vault.commit(batch) {
            Ok(()) => fresh.iter().for_each(|(id, number, _)| search.making.is_made(*id, *number)),
            Err(failure) => {
                tracing::warn!(%failure, "blocks for searches cannot be written now");
                fresh.iter().for_each(|(id, number, _)| search.making.forget(*id, *number, self.now()));
                search.making.rest = self.now().after(REFUSED);
                search.warming = false;
            }
        }
        self.vault.check()
    }

    /// A block as it lies in the vault, and the messages that are to be read by their own rows. One that does not open or
    /// is not well-formed counts as missing, and is made again. [DELIV-106]
    pub(super) fn sealed_block(&self, id: ConversationId, number: u64) -> Result<Option<(Block, Vec<u64>)>, Failure> {
        match self.vault.read::<BlockRow>(Scope::Blocks(id), &number.to_be_bytes()) {
            Ok(row) => Ok(row.and_then(|row| Block::of(row, number))),
            Err(failure) if failure.code == FailureCode::Damaged => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
