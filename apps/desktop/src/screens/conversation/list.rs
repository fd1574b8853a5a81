//! The list of messages: numbered rows, of which a page at a time is read from the vault and only those near the view are laid
//! out. What is not read yet has an estimated height; what a number does not stand for has none.

use std::collections::{BTreeMap, BTreeSet};

use amanat_client::api::{DocumentView, Line, MessageBody, MessageView};
use amanat_primitives::{DocumentId, MessageId};
use amanat_ui::heights::Heights;
use iced::{
    Element, Fill, Task,
    widget::{Id, column, keyed_column, operation, scrollable, sensor, space},
};

use super::{Message, Shown, row};
use crate::screens::Context;

/// The list's name.
pub(super) const LIST: &str = "messages";
/// Rows that are read at once.
pub(super) const PAGE: u64 = 128;
/// Pages that are kept in memory on either side of the view.
const KEPT: u64 = 4;
/// Pixels above and below the view that are laid out, too.
const BEYOND: f32 = 600.0;
/// A row that was not laid out yet.
const ESTIMATE: f32 = 64.0;

/// The rows of a conversation.
pub(super) struct List {
    /// By sequence.
    lines: BTreeMap<u64, Line>,
    /// Pages that were read, and those that are being read.
    pages: BTreeSet<u64>,
    /// Row 0 is sequence 1.
    heights: Heights,
    /// How far the view's lower edge is from the end.
    from_end: f32,
    view_height: f32,
    width: f32,
    /// The sequence that is to be in view, until a person scrolls.
    goal: Option<u64>,
    /// It is shown as what was looked for.
    marked: bool,
    /// The two places that it was last scrolled to for that.
    told: [f32; 2],
}

/// Pixels by which the list is moved when it is a person who does it.
const MOVED: f32 = 4.0;

impl List {
    /// With rows up to a sequence, none of them read.
    pub(super) fn new(last: u64) -> Self {
        Self {
            lines: BTreeMap::new(),
            pages: BTreeSet::new(),
            heights: Heights::new(usize::try_from(last).unwrap_or_default(), ESTIMATE),
            from_end: 0.0,
            view_height: 800.0,
            width: 0.0,
            goal: None,
            marked: false,
            told: [0.0; 2],
        }
    }

    /// The highest sequence.
    pub(super) fn last(&self) -> u64 {
        self.heights.len() as u64
    }

    /// The end is in view.
    pub(super) fn at_end(&self) -> bool {
        self.from_end < ESTIMATE
    }

    /// A line, new or another than before; whether it is new.
    pub(super) fn put(&mut self, line: Line) -> bool {
        let sequence = line.sequence();
        while self.last() < sequence {
            self.heights.push(0.0);
        }
        let new = self.lines.insert(sequence, line).is_none();
        if new {
            self.heights.measure(row_of(sequence), ESTIMATE);
        }
        new
    }

    /// A page was read.
    pub(super) fn fill(&mut self, page: u64, lines: Vec<Line>) {
        let before: BTreeSet<u64> = lines.iter().map(Line::sequence).collect();
        lines.into_iter().for_each(|line| {
            self.put(line);
        });
        // What does not exist takes no room.
        for sequence in (page * PAGE + 1)..=((page + 1) * PAGE).min(self.last()) {
            if !before.contains(&sequence) && !self.lines.contains_key(&sequence) {
                self.heights.measure(row_of(sequence), 0.0);
            }
        }
        self.pages.insert(page);
    }

    /// A page could not be read: it is tried again when the list is scrolled.
    pub(super) fn unfilled(&mut self, page: u64) {
        self.pages.remove(&page);
    }

    /// All of it is to be read again.
    pub(super) fn forget(&mut self) {
        self.pages.clear();
    }

    /// A message that was read.
    pub(super) fn find(&self, id: MessageId) -> Option<&MessageView> {
        self.lines.values().rev().find_map(|line| match line {
            Line::Message(message) if message.id == id => Some(&**message),
            _ => None,
        })
    }

    /// The same, to change it.
    pub(super) fn find_mut(&mut self, id: MessageId) -> Option<&mut MessageView> {
        self.lines.values_mut().rev().find_map(|line| match line {
            Line::Message(message) if message.id == id => Some(&mut **message),
            _ => None,
        })
    }

    /// A document of a message that was read.
    pub(super) fn document_mut(&mut self, id: DocumentId) -> Option<&mut DocumentView> {
        self.lines.values_mut().rev().find_map(|line| match line {
            Line::Message(message) => match &mut message.body {
                MessageBody::Document(document) if document.id == id => Some(document),
                _ => None,
            },
            Line::Change(_) => None,
        })
    }

    /// It was scrolled, or has another size.
    pub(super) fn scrolled(&mut self, viewport: scrollable::Viewport) {
        let bounds = viewport.bounds();
        // Anchored at the bottom: the offset counts from the end.
        let here = viewport.absolute_offset().y;
        if self.told.iter().all(|told| (told - here).abs() > MOVED) {
            self.goal = None;
        }
        (self.from_end, self.view_height) = (viewport.absolute_offset().y, bounds.height);
        if (self.width - bounds.width).abs() > 0.5 {
            self.width = bounds.width;
        }
    }

    /// This sequence is to be in view.
    pub(super) fn aim(&mut self, sequence: u64) {
        self.goal = (1..=self.last()).contains(&sequence).then_some(sequence);
        self.marked = true;
        self.goal_offset();
    }

    /// The first one is to be in view.
    pub(super) fn aim_at_first(&mut self) {
        self.aim(1);
        self.marked = false;
    }

    /// Nothing is to be kept in view.
    pub(super) fn let_go(&mut self) {
        self.goal = None;
    }

    /// Where the view's lower edge is a page up or down, from the end.
    pub(super) fn paged(&mut self, down: bool) -> f32 {
        self.goal = None;
        let page = (self.view_height - ESTIMATE).max(ESTIMATE);
        let most = (self.heights.total() - self.view_height).max(0.0);
        self.from_end = (self.from_end + if down { -page } else { page }).clamp(0.0, most);
        self.from_end
    }

    /// One's own last message, where the end was read.
    pub(super) fn last_own(&self) -> Option<&MessageView> {
        let known = self.lines.contains_key(&self.last());
        let own = self.lines.values().rev().find_map(|line| match line {
            Line::Message(message) if message.own => Some(&**message),
            _ => None,
        });
        own.filter(|_| known)
    }

    /// Whether a sequence is to be in view.
    pub(super) fn is_goal(&self, sequence: u64) -> bool {
        self.marked && self.goal == Some(sequence)
    }

    /// Where the view's lower edge is to be, from the end, so that what is to be in view is in its middle.
    pub(super) fn goal_offset(&mut self) -> Option<f32> {
        let row = row_of(self.goal?);
        let below = self.heights.total() - self.heights.offset(row);
        let most = (self.heights.total() - self.view_height).max(0.0);
        self.from_end = (below - self.view_height / 2.0).clamp(0.0, most);
        let [last, _] = self.told;
        if (last - self.from_end).abs() > MOVED {
            self.told = [self.from_end, last];
        }
        Some(self.from_end)
    }

    /// A row was laid out.
    pub(super) fn measured(&mut self, sequence: u64, height: f32) {
        self.heights.measure(row_of(sequence), height);
    }

    /// Sequences that are laid out.
    fn visible(&self) -> std::ops::RangeInclusive<u64> {
        let bottom = self.heights.total() - self.from_end;
        let first = self.heights.row_at(bottom - self.view_height - BEYOND);
        let last = self.heights.row_at(bottom + BEYOND);
        sequence_of(first)..=sequence_of(last).min(self.last())
    }

    /// Pages that are in view and not read; they count as read from now on. Those far away are let go.
    pub(super) fn wanted(&mut self) -> Vec<u64> {
        if self.last() == 0 {
            return Vec::new();
        }
        let visible = self.visible();
        let (first, last) = (page_of(*visible.start()), page_of(*visible.end()));
        let near = first.saturating_sub(KEPT)..=last + KEPT;
        self.pages.retain(|page| near.contains(page));
        self.lines.retain(|sequence, _| near.contains(&page_of(*sequence)));
        (first..=last).rev().filter(|page| self.pages.insert(*page)).collect()
    }

    /// How it looks. Spacers stand for what is not laid out, outside the keyed column, which never compares kinds of widgets.
    pub(super) fn view<'a>(&'a self, with: Shown<'a>, context: Context<'a>) -> Element<'a, Message> {
        let visible = self.visible();
        let above = self.heights.offset(row_of(*visible.start()));
        let below = (self.heights.total() - self.heights.offset(row_of(*visible.end()) + 1)).max(0.0);
        let mut before = self.lines.range(..*visible.start()).next_back().map(|(_, line)| line);
        let mut rows = Vec::new();
        for (sequence, line) in self.lines.range(visible) {
            let shown = row::view(line, before, with, context);
            let measured = |size| Message::Measured(*sequence, size);
            rows.push((*sequence, sensor(shown).key(*sequence).on_show(measured).on_resize(measured).into()));
            before = Some(line);
        }
        let rows = column![space().height(above), keyed_column(rows), space().height(below)];
        scrollable(rows).id(Id::new(LIST)).anchor_bottom().on_scroll(Message::Scrolled).width(Fill).height(Fill).into()
    }
}

/// To the last row. The list is anchored at the bottom, from where its offsets count: its start is there.
pub(super) fn to_end<M: Send + 'static>() -> Task<M> {
    operation::snap_to(Id::new(LIST), scrollable::RelativeOffset::START)
}

fn row_of(sequence: u64) -> usize {
    usize::try_from(sequence.saturating_sub(1)).unwrap_or(usize::MAX)
}

fn sequence_of(row: usize) -> u64 {
    row as u64 + 1
}

fn page_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_aimed_at_is_in_the_middle_and_in_reach() {
        let mut list = List::new(1000);
        list.aim(500);
        assert!(list.is_goal(500));
        let offset = list.goal_offset().unwrap();
        assert!((offset - (501.0 * ESTIMATE - 400.0)).abs() < 1.0, "{offset}");
        assert!(list.visible().contains(&500));
        assert!(list.wanted().contains(&3), "its page is read");
        list.aim(1000);
        assert_eq!(list.goal_offset(), Some(0.0), "the end is not passed");
        list.aim(1001);
        assert!(!list.is_goal(1001), "it is not there");
    }
}
