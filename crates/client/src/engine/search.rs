//! Search (protocol-spec/07-delivery, section 12): messages that hold all words of a query, the newest first.
//!
//! The vault is sealed row by row, so nothing can be looked up in it by word. The first search reads all messages once and
//! keeps their folded texts in memory; later ones read only what is new or has changed, and look through memory. A face
//! that is about to search says so with an empty query: then what is missing is read in small steps between other work.
//! Up to [`MEMORY`] bytes of text are kept: what is beyond is read again from the vault in each search, so that a large
//! vault costs time, never results. Nothing of it is written anywhere.

use std::collections::{BTreeMap, HashMap};

use amanat_conversation::content::ContentType;
use amanat_primitives::{ConversationId, DocumentId, Timestamp};

use super::{core::Core, life::text_of};
use crate::{
    Failure, Reply,
    api::Hit,
    fold::fold,
    rows::{DocumentRow, MessageRow},
    vault::Scope,
};

/// Bytes of folded text that are kept.
const MEMORY: usize = 64 << 20;
/// Messages that one step reads.
const STEP: usize = 256;
/// Words of a query; more are left out.
const WORDS: usize = 32;
/// Results of one search at most.
const HITS: u32 = 10_000;

/// What earlier searches have read.
#[derive(Default)]
pub(crate) struct Search {
    conversations: HashMap<ConversationId, BTreeMap<u64, Line>>,
    bytes: usize,
    /// Someone is about to search.
    warming: bool,
}

struct Line {
    at: Timestamp,
    /// Folded; `None` where it is to be read from the vault.
    text: Option<Box<str>>,
}

impl Search {
    /// A message has changed: its text is read again.
    pub(crate) fn forget(&mut self, id: ConversationId, sequence: u64) {
        if let Some(line) = self.conversations.get_mut(&id).and_then(|lines| lines.get_mut(&sequence)) {
            self.bytes -= line.text.take().map_or(0, |text| text.len());
        }
    }

    /// When the next step is due: at once while there is one.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.warming.then(Timestamp::default)
    }

    fn keep(&mut self, id: ConversationId, sequence: u64, at: Timestamp, text: String) {
        self.forget(id, sequence);
        let text = (self.bytes + text.len() <= MEMORY).then(|| text.into_boxed_str());
        self.bytes += text.as_ref().map_or(0, |text| text.len());
        self.conversations.entry(id).or_default().insert(sequence, Line { at, text });
    }
}

impl Core {
    /// [`Command::Search`](crate::Command::Search). [DELIV-103]
    pub(crate) fn search(&mut self, query: &str, limit: u32) -> Result<Reply, Failure> {
        let folded = fold(query);
        let words: Vec<&str> = folded.split_whitespace().take(WORDS).collect();
        if words.is_empty() {
            self.search.warming = true;
            return Ok(Reply::Hits(Vec::new()));
        }
        self.read_for_search(usize::MAX)?;
        self.search.warming = false;
        let mut found: Vec<(Timestamp, ConversationId, u64)> = Vec::new();
        for (id, lines) in &self.search.conversations {
            for (sequence, line) in lines {
                let all = |text: &str| words.iter().all(|word| text.contains(word));
                let fits = match &line.text {
                    Some(text) => all(text),
                    None => match self.message_row(*id, *sequence)? {
                        Some(row) => all(&self.folded(&row)?),
                        None => false,
                    },
                };
                if fits {
                    found.push((line.at, *id, *sequence));
                }
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(usize::try_from(limit.min(HITS)).unwrap_or(usize::MAX));
        let mut hits = Vec::with_capacity(found.len());
        for (_, conversation, sequence) in found {
            let Some(row) = self.message_row(conversation, sequence)? else { continue };
            let message = self.message_view(self.conversation(conversation)?, &row)?;
            hits.push(Hit { conversation, message });
        }
        Ok(Reply::Hits(hits))
    }

    /// Reads a little of what a search will need.
    pub(crate) fn warm_search(&mut self) -> Result<(), Failure> {
        if self.search.warming {
            self.search.warming = !self.read_for_search(STEP)?;
        }
        Ok(())
    }

    /// Reads what no search has read, or what has changed since, where there is room to keep it; at most `limit`
    /// messages. Whether that was all.
    fn read_for_search(&mut self, mut limit: usize) -> Result<bool, Failure> {
        let mut search = std::mem::take(&mut self.search);
        search.conversations.retain(|id, _| self.conversations.contains_key(id));
        search.bytes = search.conversations.values().flat_map(BTreeMap::values).map(Line::bytes).sum();
        let mut all = true;
        for (id, open) in &self.conversations {
            let room = search.bytes < MEMORY;
            let lines = search.conversations.entry(*id).or_default();
            let last = lines.keys().next_back().copied().unwrap_or(0);
            if last == 0 && limit == usize::MAX {
                // In the order of the disk, which is faster than by sequence.
                self.vault.for_each(Scope::Messages(*id), |row: MessageRow| {
                    search.keep(*id, row.sequence, row.at, self.folded(&row)?);
                    Ok(())
                })?;
                continue;
            }
            let again = lines.iter().filter(|(_, line)| room && line.text.is_none()).map(|(sequence, _)| *sequence);
            let mut wanted = again.chain(last + 1..=open.row.sequence);
            let now: Vec<u64> = wanted.by_ref().take(limit).collect();
            all &= wanted.next().is_none();
            limit -= now.len();
            for sequence in now {
                if let Some(row) = self.message_row(*id, sequence)? {
                    search.keep(*id, sequence, row.at, self.folded(&row)?);
                }
            }
        }
        self.search = search;
        Ok(all)
    }

    /// A message's folded text, or its document's name; empty where it has neither, or not any more.
    fn folded(&self, row: &MessageRow) -> Result<String, Failure> {
        if row.content_type != ContentType::DOCUMENT.0 {
            return Ok(text_of(row).map(|text| fold(&text)).unwrap_or_default());
        }
        let Ok(id) = <[u8; 16]>::try_from(&row.body[..]).map(DocumentId::from_bytes) else { return Ok(String::new()) };
        let document = self.vault.read::<DocumentRow>(Scope::Documents, id.as_bytes())?;
        Ok(document.filter(|document| document.message == row.id).map(|row| fold(&row.name)).unwrap_or_default())
    }
}

impl Line {
    fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ConversationId = ConversationId::from_bytes([3; 16]);

    #[test]
    fn memory_is_bounded_and_counted() {
        let mut search = Search::default();
        let (large, at) = ("x".repeat(MEMORY - 10), Timestamp::default());
        search.keep(ID, 1, at, large);
        search.keep(ID, 2, at, "ten bytes.".into());
        assert_eq!(search.bytes, MEMORY);
        search.keep(ID, 3, at, "beyond".into());
        assert_eq!(search.bytes, MEMORY);
        let kept =
            |search: &Search| search.conversations[&ID].values().map(|line| line.text.is_some()).collect::<Vec<_>>();
        assert_eq!(kept(&search), [true, true, false]);
        search.forget(ID, 1);
        search.forget(ID, 1);
        assert_eq!(search.bytes, 10);
        search.keep(ID, 3, at, "fits".into());
        assert_eq!(kept(&search), [false, true, true]);
        search.forget(ConversationId::from_bytes([4; 16]), 1);
    }
}
