//! Search (protocol-spec/07-delivery, section 12): messages that hold all words of a query, the newest first.
//!
//! The vault is sealed row by row, so nothing can be looked up in it by word. What a search looks through are blocks: the
//! folded texts of messages that stand side by side. It keeps in memory what it has read of them, up to [`MEMORY`] bytes
//! of text: what is beyond is read again in each search, so that a large vault costs time, never results. Full blocks lie
//! in the vault, too, as rows of their own (`making`), so that the first search opens hundreds of rows and not a hundred
//! thousand. A face that is about to search says so with an empty query: then what is missing is read in small steps
//! between other work.

mod block;
mod making;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use amanat_conversation::content::ContentType;
use amanat_primitives::{ConversationId, DocumentId, Timestamp};

use self::{
    block::{Block, Words},
    making::Making,
};
use super::{core::Core, life::text_of};
use crate::{
    Failure, Reply,
    api::{Hit, MessageBody},
    fold::fold,
    rows::{DocumentRow, MessageRow, block_of},
    vault::Scope,
};

/// Bytes of folded text that are kept.
const MEMORY: usize = 64 << 20;
/// Words of a query; more are left out.
const WORDS: usize = 32;
/// Rows that are read one by one to find a time; what is beyond, and says nothing, is passed over.
const ROWS: usize = 100_000;
/// Results of one search at most.
const HITS: u32 = 10_000;

/// A message that holds the words, by the order in which it is shown.
type Found = (Timestamp, ConversationId, u64);

/// What earlier searches have read.
#[derive(Default)]
pub(crate) struct Search {
    /// By conversation and the block's number.
    blocks: HashMap<ConversationId, BTreeMap<u64, Block>>,
    /// Of text in them.
    bytes: usize,
    /// Someone is about to search.
    warming: bool,
    /// What is on the disk.
    making: Making,
}

impl Search {
    /// A message has changed: its block is read again, and made again when nothing more has changed for a while.
    pub(crate) fn forget(&mut self, id: ConversationId, sequence: u64, now: Timestamp) {
        let number = block_of(sequence);
        drop(self.take(id, number));
        self.making.forget(id, number, now);
    }

    /// A conversation is gone.
    pub(crate) fn forget_all(&mut self, id: ConversationId) {
        self.keep_only(|other| *other != id);
    }

    /// Whether what the next search needs is still being read.
    pub(crate) fn is_warming(&self) -> bool {
        self.warming
    }

    /// Makes no blocks for a while.
    pub(crate) fn rest(&mut self, now: Timestamp) {
        self.making.rest(now);
    }

    fn kept(&self, id: ConversationId, number: u64) -> Option<&Block> {
        self.blocks.get(&id)?.get(&number)
    }

    fn take(&mut self, id: ConversationId, number: u64) -> Option<Block> {
        let block = self.blocks.get_mut(&id)?.remove(&number)?;
        self.bytes -= block.bytes();
        Some(block)
    }

    /// Keeps a block where there is room for it.
    fn keep(&mut self, id: ConversationId, number: u64, block: Block) {
        drop(self.take(id, number));
        if self.bytes + block.bytes() <= MEMORY {
            self.bytes += block.bytes();
            self.blocks.entry(id).or_default().insert(number, block);
        }
    }

    /// Of conversations that are gone nothing is kept.
    fn keep_only(&mut self, is_there: impl Fn(&ConversationId) -> bool) {
        self.blocks.retain(|id, _| is_there(id));
        self.bytes = self.blocks.values().flat_map(BTreeMap::values).map(Block::bytes).sum();
        self.making.keep_only(is_there);
    }
}

/// A block as it was read.
struct Read {
    block: Block,
    /// Messages that were read one by one.
    rows: usize,
    /// Its row is on the disk.
    on_disk: bool,
}

impl Core {
    /// [`Command::Search`](crate::Command::Search). [DELIV-103]
    pub(crate) fn search(&mut self, query: &str, within: Option<ConversationId>, limit: u32) -> Result<Reply, Failure> {
        within.map(|id| self.conversation(id)).transpose()?;
        let folded = fold(query);
        let words: Vec<&str> = folded.split_whitespace().take(WORDS).collect();
        if words.is_empty() {
            self.search.warming = true;
            return Ok(Reply::Hits(Vec::new()));
        }
        let words = Words::new(words);
        let mut search = std::mem::take(&mut self.search);
        search.warming = false;
        let found = self.look_through(&mut search, &words, within);
        self.search = search;
        let mut found = found?;
        found.sort_unstable_by(|a, b| b.cmp(a));
        let limit = usize::try_from(limit.min(HITS)).unwrap_or(usize::MAX);
        let (mut hits, mut stale) = (Vec::with_capacity(limit.min(found.len())), BTreeSet::new());
        for (_, conversation, sequence) in found {
            if hits.len() == limit {
                break;
            }
            let Some(row) = self.message_row(conversation, sequence)? else { continue };
            // [DELIV-106] What a block says is no more than where to look.
            if !words.are_in(self.folded(&row)?.as_bytes()) {
                stale.insert((conversation, sequence));
                continue;
            }
            let message = self.message_view(self.conversation(conversation)?, &row)?;
            if !matches!(message.body, MessageBody::Gone) {
                hits.push(Hit { conversation, message });
            }
        }
        self.drop_blocks(&stale)?;
        Ok(Reply::Hits(hits))
    }

    /// All messages that hold the words.
    fn look_through(
        &self,
        search: &mut Search,
        words: &Words<'_>,
        within: Option<ConversationId>,
    ) -> Result<Vec<Found>, Failure> {
        search.keep_only(|id| self.conversations.contains_key(id));
        let (mut found, mut fresh) = (Vec::new(), Vec::new());
        let looked = self.conversations.iter().filter(|(id, _)| within.is_none_or(|within| within == **id));
        for (id, open) in looked {
            let last = open.row.sequence;
            for number in numbers(last) {
                let mut add = |block: &Block| block.find(words, |line| found.push((line.at, *id, line.sequence)));
                if let Some(block) = search.kept(*id, number).filter(|block| block.read() >= last_in(number, last)) {
                    add(block);
                    continue;
                }
                let read = self.read_block(search, *id, number, last)?;
                add(&read.block);
                if read.rows > 0 && !read.on_disk {
                    fresh.extend(read.block.is_full().then(|| (*id, number, read.block.row())));
                    self.write_if_many(search, &mut fresh)?;
                }
                search.keep(*id, number, read.block);
            }
        }
        self.write_blocks(search, fresh)?;
        Ok(found)
    }

    /// [`Command::FirstSince`](crate::Command::FirstSince): the first in the order in which they are shown, for authors'
    /// clocks do not go by it. Blocks give the times of what says something, so that few rows are read. [DELIV-230]
    pub(crate) fn first_since(&mut self, id: ConversationId, at: Timestamp) -> Result<Reply, Failure> {
        let last = self.conversation(id)?.row.sequence;
        let order = self.in_order(id, 0, last)?;
        let mut search = std::mem::take(&mut self.search);
        let found = self.first_of(&mut search, id, &order, at);
        self.search = search;
        found.map(Reply::Place)
    }

    fn first_of(
        &self,
        search: &mut Search,
        id: ConversationId,
        order: &[u64],
        at: Timestamp,
    ) -> Result<Option<u64>, Failure> {
        let last = self.conversation(id)?.row.sequence;
        let mut times = (None, HashMap::new());
        let (mut rows, now) = (0, self.now());
        for &sequence in order {
            let number = block_of(sequence);
            if times.0 != Some(number) {
                times = (Some(number), self.times_in(search, id, number, last)?);
            }
            let time = match times.1.get(&sequence) {
                Some(time) => Some(*time),
                None if rows < ROWS => {
                    rows += 1;
                    self.time_of(id, sequence)?
                }
                None => None,
            };
            // One that is dated ahead would answer for every later day.
            if time.is_some_and(|time| time >= at && time <= now) {
                return Ok(Some(sequence));
            }
        }
        Ok(None)
    }

    /// When each message of a block that says something was sent.
    fn times_in(
        &self,
        search: &mut Search,
        id: ConversationId,
        number: u64,
        last: u64,
    ) -> Result<HashMap<u64, Timestamp>, Failure> {
        let is_whole = |block: &&Block| block.read() >= last_in(number, last);
        if let Some(block) = search.kept(id, number).filter(is_whole) {
            return Ok(block.times());
        }
        let read = self.read_block(search, id, number, last)?;
        let times = read.block.times();
        search.keep(id, number, read.block);
        Ok(times)
    }

    /// When a message was sent, or a change made.
    fn time_of(&self, id: ConversationId, sequence: u64) -> Result<Option<Timestamp>, Failure> {
        if let Some(row) = self.message_row(id, sequence)? {
            return Ok(Some(row.at));
        }
        Ok(self.change_at(id, sequence)?.map(|change| change.at))
    }

    /// Reads what there is of a block: what is kept of it, or its row, and messages' own rows for the rest.
    fn read_block(&self, search: &mut Search, id: ConversationId, number: u64, last: u64) -> Result<Read, Failure> {
        let kept = search.take(id, number);
        let sealed = match kept {
            None if last >= Block::last(number) => self.sealed_block(id, number)?,
            _ => None,
        };
        let on_disk = sealed.is_some();
        let (mut block, rest) = match (kept, sealed) {
            (_, Some(sealed)) => sealed,
            (Some(kept), None) => (kept, Vec::new()),
            (None, None) => (Block::new(number), Vec::new()),
        };
        let mut rows = 0;
        let last = last_in(number, last);
        for sequence in rest.into_iter().chain(block.read() + 1..=last).collect::<BTreeSet<u64>>() {
            rows += 1;
            if let Some(row) = self.message_row(id, sequence)? {
                let expires = self.life(id, sequence)?.is_some_and(|life| life.expires_at.is_some());
                block.add(sequence, row.at, &self.folded(&row)?, expires);
            }
        }
        block.reaches(last);
        if on_disk {
            search.making.is_made(id, number);
        }
        Ok(Read { block, rows, on_disk })
    }

    /// A message's folded text, or its document's name; empty where it has neither, or not any more.
    fn folded(&self, row: &MessageRow) -> Result<String, Failure> {
        if !ContentType(row.content_type).is_document() {
            return Ok(text_of(row).map(|text| fold(&text)).unwrap_or_default());
        }
        let Ok(id) = <[u8; 16]>::try_from(&row.body[..]).map(DocumentId::from_bytes) else { return Ok(String::new()) };
        let document = self.vault.read::<DocumentRow>(Scope::Documents, id.as_bytes())?;
        Ok(document.filter(|document| document.message == row.id).map(|row| fold(&row.name)).unwrap_or_default())
    }
}

/// The numbers of blocks that hold messages up to this sequence.
fn numbers(last: u64) -> std::ops::Range<u64> {
    0..if last == 0 { 0 } else { block_of(last) + 1 }
}

/// The last message that is in a block, where messages end at `last`.
fn last_in(number: u64, last: u64) -> u64 {
    Block::last(number).min(last)
}

#[cfg(test)]
mod tests;
