//! A text laid out: which lines it has, where the caret stands, what lies under a point.
//!
//! Each paragraph is laid out by its own direction, in the face of that direction; only those in view are shaped, and after a
//! change only what changed. A place on a row is taken from the glyphs themselves, each of which knows its direction, so
//! that caret and selection are right where directions meet.

use std::{
    ops::Range,
    sync::{Arc, PoisonError},
};

use iced::{
    Point, Rectangle, Size,
    advanced::graphics::text::{
        Version,
        cosmic_text::{
            Align, Attrs, AttrsList, Buffer, BufferLine, FontSystem, LayoutLine, LineEnding, Metrics, Scroll, Shaping,
            Wrap,
        },
        font_system, to_attributes,
    },
    font::Weight,
};

use super::{row::Row, steps};
use crate::{bidi, direction::Direction, fonts};

/// A longer paragraph is laid out in pieces, so that a key typed in it costs no more than in a short one.
const PIECE: usize = 1536;
/// Wide enough for the caret.
const CARET: f32 = 2.0;
/// What shows that the end of a line is selected.
const STUB: f32 = 5.0;

/// How a text is to be laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    /// Of the lines.
    pub(super) width: f32,
    /// More than this is scrolled.
    pub(super) most: f32,
    /// Lines are broken; else there is one, scrolled sideways.
    pub(super) several: bool,
    /// Of the type.
    pub(super) size: f32,
    /// Of what has none of its own.
    pub(super) direction: Direction,
}

/// A piece of the text that is one line to the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    start: usize,
    end: usize,
    direction: Direction,
    /// The direction is its own.
    strong: bool,
    /// A line of text ends with it.
    ends: bool,
}

/// A text laid out.
pub(super) struct Lines {
    buffer: Arc<Buffer>,
    pieces: Vec<Piece>,
    measure: Option<Measure>,
    laid: (u64, Version),
    followed: Option<(u64, usize)>,
    /// How far the one line is scrolled.
    shift: f32,
    size: Size,
    /// There is more than is shown.
    over: bool,
    /// Counts what was shown.
    shown: u32,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            buffer: Arc::new(Buffer::new_empty(Metrics::new(1.0, 1.0))),
            pieces: Vec::new(),
            measure: None,
            laid: (0, Version::default()),
            followed: None,
            shift: 0.0,
            size: Size::ZERO,
            over: false,
            shown: 0,
        }
    }
}

impl Lines {
    /// Lays the text out, as far as it is not, and keeps the caret in view.
    pub(super) fn lay(&mut self, text: &str, revision: u64, caret: usize, measure: Measure) {
        let mut fonts = font_system().write().unwrap_or_else(PoisonError::into_inner);
        let laid = (revision, fonts.version());
        let again = self.measure != Some(measure) || self.laid != laid;
        if again {
            let faces = self.laid.1 != laid.1 || self.measure.map(|m| m.size) != Some(measure.size);
            if faces || self.measure.map(|m| m.several) != Some(measure.several) {
                self.pieces.clear();
                Arc::make_mut(&mut self.buffer).lines.clear();
            }
            self.renew(text, measure);
            self.fit(fonts.raw(), measure);
            self.measure = Some(measure);
            self.laid = laid;
        }
        if again || self.followed != Some((revision, caret)) {
            self.follow(fonts.raw(), text, caret);
            self.shown = self.shown.wrapping_add(1);
            self.followed = Some((revision, caret));
        }
    }

    /// What is drawn, and how far left of its place.
    pub(super) fn drawn(&self) -> (&Arc<Buffer>, f32) {
        (&self.buffer, self.shift)
    }

    /// How much is shown at once.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// There is more than is shown: it is to be cut.
    pub(super) fn overflows(&self) -> bool {
        self.over
    }

    fn renew(&mut self, text: &str, measure: Measure) {
        let pieces = pieces(text, measure);
        let buffer = Arc::make_mut(&mut self.buffer);
        let same = |old: &Piece, line: &BufferLine, new: &Piece| {
            let shown = shown(text, new, measure.several);
            (old.direction, old.strong) == (new.direction, new.strong) && line.text() == shown
        };
        let olds = || self.pieces.iter().zip(&buffer.lines);
        let first = olds().zip(&pieces).take_while(|((old, line), new)| same(old, line, new)).count();
        let most = pieces.len().min(buffer.lines.len()).saturating_sub(first);
        let last = olds()
            .rev()
            .zip(pieces.iter().rev())
            .take(most)
            .take_while(|((old, line), new)| same(old, line, new))
            .count();
        let changed = pieces.get(first..pieces.len() - last).unwrap_or_default();
        let lines = changed.iter().map(|piece| line(shown(text, piece, measure.several), *piece, measure));
        let until = buffer.lines.len() - last;
        drop(buffer.lines.splice(first..until.max(first), lines));
        self.pieces = pieces;
    }

    fn fit(&mut self, fonts: &mut FontSystem, measure: Measure) {
        let buffer = Arc::make_mut(&mut self.buffer);
        let mut scroll = buffer.scroll();
        if scroll.line >= buffer.lines.len() {
            scroll = Scroll { line: buffer.lines.len().saturating_sub(1), ..Scroll::default() };
            buffer.set_scroll(scroll);
        }
        let metrics = Metrics::new(
            measure.size,
            measure.size * fonts::face_for(measure.direction, measure.size, Weight::Normal).line_height,
        );
        buffer.set_wrap(fonts, if measure.several { Wrap::WordOrGlyph } else { Wrap::None });
        let height = buffer.size().1.unwrap_or(measure.most);
        let width = if measure.several {
            buffer.set_metrics_and_size(fonts, metrics, Some(measure.width), Some(height));
            measure.width
        } else {
            buffer.set_metrics_and_size(fonts, metrics, None, Some(height));
            let needed = buffer.line_layout(fonts, 0).and_then(<[_]>::first).map_or(0.0, |row| row.w);
            measure.width.max((needed + CARET).ceil())
        };
        let mut needed = 0.0;
        for n in 0..buffer.lines.len() {
            needed += height_of(buffer, fonts, n);
            if needed >= measure.most {
                break;
            }
        }
        let height = needed.min(measure.most);
        buffer.set_size(fonts, Some(width), Some(height));
        buffer.shape_until_scroll(fonts, false);
        self.size = Size::new(measure.width, height);
        self.over = width > measure.width || needed > height;
    }

    fn follow(&mut self, fonts: &mut FontSystem, text: &str, caret: usize) {
        let height = self.size.height;
        let (line, n) = self.locate_shaped(fonts, caret);
        let buffer = Arc::make_mut(&mut self.buffer);
        let tall = |row: &LayoutLine| row.line_height_opt.unwrap_or(1.0);
        let rows = buffer.line_layout(fonts, line).unwrap_or_default();
        let above: f32 = rows.iter().take(n).map(tall).sum();
        let mut reach = above + rows.get(n).map_or(0.0, tall);
        let mut scroll = buffer.scroll();
        if line < scroll.line || (line == scroll.line && above < scroll.vertical) {
            (scroll.line, scroll.vertical) = (line, above);
        } else {
            let mut from = line;
            while from > scroll.line && reach <= height {
                from -= 1;
                reach += height_of(buffer, fonts, from);
            }
            let hidden = reach - height;
            if from > scroll.line || hidden > scroll.vertical {
                (scroll.line, scroll.vertical) = (from, hidden.max(0.0));
            }
        }
        buffer.set_scroll(scroll);
        buffer.shape_until_scroll(fonts, false);
        let width = buffer.size().0.unwrap_or(self.size.width);
        let most = (width - self.size.width).max(0.0);
        if most == 0.0 {
            self.shift = 0.0;
        } else if let Some((x, ..)) = self.place(text, caret) {
            // A little of what lies beyond the caret is shown too.
            let margin = (self.size.width / 4.0).min(24.0);
            let (least, greatest) = (x + CARET + margin - self.size.width, x - margin);
            self.shift = self.shift.max(least).min(greatest).clamp(0.0, most);
        }
    }

    /// Up or down by the wheel; whether anything moved.
    pub(super) fn scroll(&mut self, by: f32) -> bool {
        let mut fonts = font_system().write().unwrap_or_else(PoisonError::into_inner);
        let buffer = Arc::make_mut(&mut self.buffer);
        let was = buffer.scroll();
        buffer.set_scroll(Scroll { vertical: was.vertical + by, ..was });
        buffer.shape_until_scroll(fonts.raw(), false);
        let moved = buffer.scroll() != was;
        self.shown = self.shown.wrapping_add(u32::from(moved));
        moved
    }

    /// Another number whenever it is to be drawn anew.
    pub(super) fn shown(&self) -> u32 {
        self.shown
    }

    fn locate(&self, at: usize) -> usize {
        self.pieces.partition_point(|piece| piece.start <= at).saturating_sub(1)
    }

    fn piece(&self, line: usize) -> Option<Piece> {
        self.pieces.get(line).copied()
    }

    /// The line and the row of a place, shaped if it was not.
    fn locate_shaped(&mut self, fonts: &mut FontSystem, at: usize) -> (usize, usize) {
        let line = self.locate(at);
        let index = at.saturating_sub(self.piece(line).map_or(0, |piece| piece.start));
        let rows = Arc::make_mut(&mut self.buffer).line_layout(fonts, line).unwrap_or_default();
        (line, Row::of(rows, index))
    }

    fn row<'a>(&'a self, text: &'a str, line: usize, n: usize) -> Option<Row<'a>> {
        let piece = self.piece(line)?;
        let glyphs = &self.buffer.lines.get(line)?.layout_opt()?.get(n)?.glyphs;
        let text = text.get(piece.start..piece.end)?;
        Some(Row::new(glyphs, text, piece.direction, self.buffer.size().0.unwrap_or(self.size.width)))
    }

    /// What is in view: line, row, top and height.
    fn in_view(&self) -> impl Iterator<Item = (usize, usize, f32, f32)> {
        let scroll = self.buffer.scroll();
        let mut top = -scroll.vertical;
        let lines = self.buffer.lines.iter().enumerate().skip(scroll.line);
        let rows = lines.map_while(|(n, line)| Some((n, line.layout_opt()?))).flat_map(|(line, rows)| {
            rows.iter().enumerate().map(move |(n, row)| (line, n, row.line_height_opt.unwrap_or(1.0)))
        });
        rows.map(move |(line, n, height)| {
            top += height;
            (line, n, top - height, height)
        })
        .take_while(|(.., top, _)| *top < self.size.height)
    }

    /// How far along its row a place is, and the top and the height of that row.
    fn place(&self, text: &str, at: usize) -> Option<(f32, f32, f32)> {
        let line = self.locate(at);
        let index = at.saturating_sub(self.piece(line)?.start);
        let n = Row::of(self.buffer.lines.get(line)?.layout_opt()?, index);
        let (.., top, height) = self.in_view().find(|(l, r, ..)| (*l, *r) == (line, n))?;
        Some((self.row(text, line, n)?.x(index), top, height))
    }

    /// Where the caret stands, from the corner of what is shown; none where it is out of view.
    pub(super) fn caret(&self, text: &str, at: usize) -> Option<Rectangle> {
        let (x, top, height) = self.place(text, at)?;
        // Spaces at the end of a row reach beyond it; the caret does not.
        let x = (x - self.shift).clamp(0.0, self.size.width);
        Some(Rectangle::new(Point::new(x, top), Size::new(CARET, height)))
    }

    /// What is painted behind a selection.
    pub(super) fn selection(&self, text: &str, (from, to): (usize, usize)) -> Vec<Rectangle> {
        let mut boxes = Vec::new();
        for (line, n, top, height) in self.in_view() {
            let Some((piece, row)) = self.piece(line).zip(self.row(text, line, n)) else { continue };
            let (a, b) = (from.max(piece.start), to.min(piece.end));
            let mut add = |left: f32, right: f32| {
                let corner = Point::new(left - self.shift, top);
                boxes.push(Rectangle::new(corner, Size::new(right - left, height)));
            };
            if a < b {
                row.spans(a - piece.start, b - piece.start).into_iter().for_each(|(left, right)| add(left, right));
            }
            if piece.ends && from <= piece.end && to > piece.end && self.is_last(line, n) {
                let x = row.x(piece.end - piece.start);
                if piece.direction.is_rtl() { add(x - STUB, x) } else { add(x, x + STUB) }
            }
        }
        boxes
    }

    /// What is painted behind places that stand out: several boxes for one where directions meet, or where it is broken.
    pub(super) fn marked(&self, text: &str, places: &[Range<usize>]) -> Vec<Rectangle> {
        if places.is_empty() {
            return Vec::new();
        }
        let mut boxes = Vec::new();
        for (line, n, top, height) in self.in_view() {
            let Some((piece, row)) = self.piece(line).zip(self.row(text, line, n)) else { continue };
            let (first, last) = (piece.start + row.first(), piece.start + row.last());
            for place in places.iter().filter(|place| place.start < last && place.end > first) {
                let (from, to) = (place.start.max(first) - piece.start, place.end.min(last) - piece.start);
                boxes.extend(row.spans(from, to).into_iter().map(|(left, right)| {
                    Rectangle::new(Point::new(left - self.shift, top), Size::new(right - left, height))
                }));
            }
        }
        boxes
    }

    fn is_last(&self, line: usize, n: usize) -> bool {
        self.buffer.lines.get(line).and_then(BufferLine::layout_opt).is_some_and(|rows| n + 1 == rows.len())
    }

    /// The place under a point.
    pub(super) fn hit(&self, text: &str, point: Point) -> usize {
        let rows = || self.in_view();
        let under = rows().find(|(.., top, height)| point.y < top + height).or_else(|| rows().last());
        under.and_then(|(line, n, ..)| self.at(text, line, n, point.x + self.shift)).unwrap_or(text.len())
    }

    fn at(&self, text: &str, line: usize, n: usize, x: f32) -> Option<usize> {
        let piece = self.piece(line)?;
        let row = self.row(text, line, n)?;
        let mut at = row.index(x);
        // Where a row is broken within a word, its end is the start of the next.
        if !self.is_last(line, n) && self.row(text, line, n + 1).is_some_and(|next| next.first() == at) {
            at = steps::back(text.get(piece.start..piece.end)?, at);
        }
        Some(piece.start + at)
    }

    /// The same place on the row above or below, and how far along it was sought; none where there is no such row.
    pub(super) fn beside(&mut self, text: &str, at: usize, down: bool, goal: Option<f32>) -> Option<(usize, f32)> {
        let mut fonts = font_system().write().unwrap_or_else(PoisonError::into_inner);
        let (line, n) = self.locate_shaped(fonts.raw(), at);
        let x = goal.or_else(|| Some(self.row(text, line, n)?.x(at - self.piece(line)?.start)))?;
        let buffer = Arc::make_mut(&mut self.buffer);
        let (line, n) = match (down, n.checked_sub(1)) {
            (false, Some(above)) => (line, above),
            (false, None) => {
                let line = line.checked_sub(1)?;
                (line, buffer.line_layout(fonts.raw(), line)?.len().saturating_sub(1))
            }
            (true, _) if n + 1 < buffer.line_layout(fonts.raw(), line)?.len() => (line, n + 1),
            (true, _) => {
                let _shaped = buffer.line_layout(fonts.raw(), line + 1)?;
                (line + 1, 0)
            }
        };
        Some((self.at(text, line, n, x)?, x))
    }

    /// Where the row of a place begins or ends.
    pub(super) fn edge(&mut self, text: &str, at: usize, end: bool) -> Option<usize> {
        let mut fonts = font_system().write().unwrap_or_else(PoisonError::into_inner);
        let (line, n) = self.locate_shaped(fonts.raw(), at);
        let piece = self.piece(line)?;
        let row = self.row(text, line, n)?;
        if !end {
            return Some(piece.start + row.first());
        }
        let mut last = row.last();
        if !self.is_last(line, n) && self.row(text, line, n + 1).is_some_and(|next| next.first() == last) {
            last = steps::back(text.get(piece.start..piece.end)?, last);
        }
        Some(piece.start + last)
    }

    /// How many rows a page has.
    pub(super) fn page(&self) -> usize {
        self.in_view().count().saturating_sub(1).max(1)
    }

    /// How it was laid out last.
    pub(super) fn measure(&self) -> Option<Measure> {
        self.measure
    }
}

fn height_of(buffer: &mut Buffer, fonts: &mut FontSystem, line: usize) -> f32 {
    let rows = buffer.line_layout(fonts, line).unwrap_or_default();
    rows.iter().map(|row| row.line_height_opt.unwrap_or(1.0)).sum()
}

/// A piece as it is drawn: on one line, a line's end is a space.
fn shown<'a>(text: &'a str, piece: &Piece, several: bool) -> std::borrow::Cow<'a, str> {
    let piece = text.get(piece.start..piece.end).unwrap_or_default();
    if several { piece.into() } else { piece.replace(['\n', '\t'], " ").into() }
}

fn pieces(text: &str, measure: Measure) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut before = measure.direction;
    let mut add = |start: usize, paragraph: &str| {
        let own = bidi::direction(paragraph);
        before = own.unwrap_or(before);
        let mut from = 0;
        while paragraph.len() - from > PIECE && measure.several {
            let most = steps::floor(paragraph, from + PIECE);
            let to = parted(paragraph, from, most, own);
            pieces.push(Piece {
                start: start + from,
                end: start + to,
                direction: before,
                strong: own.is_some(),
                ends: false,
            });
            from = to;
        }
        let (start, end) = (start + from, start + paragraph.len());
        pieces.push(Piece { start, end, direction: before, strong: own.is_some(), ends: measure.several });
    };
    if measure.several {
        let mut start = 0;
        for paragraph in text.split('\n') {
            add(start, paragraph);
            start += paragraph.len() + 1;
        }
    } else {
        add(0, text);
    }
    pieces
}

/// Where a long paragraph is parted: after a word, and where the library will find for the rest the direction of the whole.
fn parted(paragraph: &str, from: usize, most: usize, own: Option<Direction>) -> usize {
    let piece = paragraph.get(from..most).unwrap_or_default();
    let spaces = || piece.char_indices().rev().filter(|(_, c)| c.is_whitespace());
    let after = |(at, c): (usize, char)| from + at + c.len_utf8();
    let alike = |to: &usize| paragraph.get(*to..).and_then(bidi::direction) == own;
    spaces().map(after).find(alike).or_else(|| spaces().next().map(after)).unwrap_or(most)
}

fn attributes(direction: Direction, size: f32) -> Attrs<'static> {
    let face = fonts::face_for(direction, size, Weight::Normal);
    to_attributes(face.font).metrics(Metrics::new(size, size * face.line_height))
}

/// A line in the face of its direction; what runs the other way is set in that one's.
fn line(text: impl AsRef<str>, piece: Piece, measure: Measure) -> BufferLine {
    let text = text.as_ref();
    let defaults = attributes(piece.direction, measure.size);
    let mut list = AttrsList::new(&defaults);
    let mut other: Option<(usize, usize, Direction)> = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        match (bidi::strong(c), other) {
            (Some(runs), Some((from, ..))) if runs != piece.direction => other = Some((from, end, runs)),
            (Some(runs), None) if runs != piece.direction => other = Some((at, end, runs)),
            // A mark belongs to its letter.
            (None, Some((from, _, runs))) if !c.is_whitespace() && !c.is_ascii() => other = Some((from, end, runs)),
            (_, Some((from, to, runs))) => {
                list.add_span(from..to, &span(runs, piece.direction, measure.size));
                other = None;
            }
            _ => {}
        }
    }
    if let Some((from, to, runs)) = other {
        list.add_span(from..to, &span(runs, piece.direction, measure.size));
    }
    let mut line = BufferLine::new(text, LineEnding::None, list, Shaping::Advanced);
    if !piece.strong {
        line.set_align(Some(if piece.direction.is_rtl() { Align::Right } else { Align::Left }));
    }
    line
}

fn span(runs: Direction, within: Direction, size: f32) -> Attrs<'static> {
    let attributes = attributes(runs, size);
    if within.is_rtl() {
        let height = fonts::face_for(within, size, Weight::Normal).line_height;
        attributes.metrics(Metrics::new(size, size * height))
    } else {
        attributes
    }
}
