//! Blocks (protocol-spec/07-delivery, section 12): the folded texts of messages that stand side by side, in one piece, so
//! that they are sealed, opened and looked through together.

use std::collections::HashMap;

use amanat_primitives::Timestamp;
use amanat_wire::{Bytes, List};
use memchr::memmem::Finder;

use crate::rows::{BLOCK, BLOCK_TEXT, BlockLine, BlockRow};

/// Behind each text: no UTF-8 holds it, so that no word is found across two texts.
const END: u8 = 0xff;

/// What searches know of a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    number: u64,
    /// Messages up to this sequence are in it.
    read: u64,
    lines: Vec<Line>,
    /// Of each line its text and [`END`].
    texts: Vec<u8>,
}

/// A message that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) sequence: u64,
    pub(super) at: Timestamp,
    /// Where its text ends.
    end: usize,
    /// Its text is never sealed with others.
    apart: bool,
}

/// The words of a query.
pub(super) struct Words<'q>(Vec<Finder<'q>>);

impl<'q> Words<'q> {
    /// Folded already; at least one.
    pub(super) fn new(mut words: Vec<&'q str>) -> Self {
        // The longest is the rarest, as a rule.
        words.sort_unstable_by_key(|word| std::cmp::Reverse(word.len()));
        Self(words.into_iter().map(Finder::new).collect())
    }

    /// Whether a folded text holds all of them.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.0.iter().all(|word| word.find(text).is_some())
    }
}

impl Block {
    /// Nothing of it is read yet.
    pub(super) fn new(number: u64) -> Self {
        let read = number.saturating_mul(BLOCK as u64);
        Self { number, read, lines: Vec::new(), texts: Vec::new() }
    }

    /// The sequence of the last message that belongs into a block.
    pub(super) fn last(number: u64) -> u64 {
        number.saturating_add(1).saturating_mul(BLOCK as u64)
    }

    /// Messages up to this sequence are in it.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Whether no more messages belong into it.
    pub(super) fn is_full(&self) -> bool {
        self.read >= Self::last(self.number)
    }

    /// Bytes of text.
    pub(super) fn bytes(&self) -> usize {
        self.texts.len()
    }

    /// Adds what a message says, folded; whether it is to be kept `apart`.
    pub(super) fn add(&mut self, sequence: u64, at: Timestamp, text: &str, apart: bool) {
        if !text.is_empty() {
            self.texts.extend_from_slice(text.as_bytes());
            self.lines.push(Line { sequence, at, end: self.texts.len(), apart });
            self.texts.push(END);
        }
    }

    /// When each message that says something was sent.
    pub(super) fn times(&self) -> HashMap<u64, Timestamp> {
        self.lines.iter().map(|line| (line.sequence, line.at)).collect()
    }

    /// All messages up to this sequence have been added.
    pub(super) fn reaches(&mut self, sequence: u64) {
        self.read = self.read.max(sequence);
    }

    /// Hands each message that holds all words to `found`.
    pub(super) fn find(&self, words: &Words<'_>, mut found: impl FnMut(&Line)) {
        let Some((first, others)) = words.0.split_first() else { return };
        let (mut lines, mut from) = (self.lines.iter(), 0);
        while let Some(at) = self.texts.get(from..).and_then(|texts| first.find(texts)) {
            let place = from + at;
            let mut start = from;
            let Some(line) = lines.find(|line| {
                let here = place < line.end;
                start = if here { start } else { line.end + 1 };
                here
            }) else {
                return;
            };
            let text = self.texts.get(start..line.end).unwrap_or_default();
            if others.iter().all(|word| word.find(text).is_some()) {
                found(line);
            }
            from = line.end + 1;
        }
    }

    /// The row that spares reading the messages' own; none where all would be read all the same. [DELIV-105]
    pub(super) fn row(&self) -> Option<BlockRow> {
        let (mut lines, mut rest, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        for line in &self.lines {
            let text = self.texts.get(start..line.end)?;
            start = line.end + 1;
            let place = u8::try_from((line.sequence - 1) % BLOCK as u64).ok()?;
            if line.apart || text.len() > BLOCK_TEXT {
                rest.push(place);
                continue;
            }
            lines.push(BlockLine { place, at: line.at, length: u16::try_from(text.len()).ok()? });
            texts.extend_from_slice(text);
            texts.push(END);
        }
        let spares = rest.is_empty() || !lines.is_empty();
        spares.then_some(())?;
        let (lines, rest) = (List::new(lines).ok()?, List::new(rest).ok()?);
        Some(BlockRow { number: self.number, lines, texts: Bytes::new(texts).ok()?, rest })
    }

    /// What a row holds, and the messages that are still to be added by their rows; none where it is not well-formed.
    /// [DELIV-106]
    pub(super) fn of(row: BlockRow, number: u64) -> Option<(Self, Vec<u64>)> {
        let mut block = Self::new(number);
        let first = block.read + 1;
        let (mut end, mut before) = (0, None);
        let texts = row.texts.into_vec();
        for line in &*row.lines {
            end += usize::from(line.length);
            let in_order = before.replace(line.place).is_none_or(|before| before < line.place);
            if !in_order || usize::from(line.place) >= BLOCK || texts.get(end) != Some(&END) {
                return None;
            }
            let sequence = first + u64::from(line.place);
            block.lines.push(Line { sequence, at: line.at, end, apart: false });
            end += 1;
        }
        let rest_fits = row.rest.iter().all(|place| usize::from(*place) < BLOCK);
        if row.number != number || end != texts.len() || !rest_fits {
            return None;
        }
        block.texts = texts;
        block.read = Self::last(number);
        Some((block, row.rest.iter().map(|place| first + u64::from(*place)).collect()))
    }
}

#[cfg(test)]
mod tests;
