//! Right to left or left to right: iced 0.14 mirrors nothing by itself, so what has a start and an end goes through here.

mod row;

use iced::{Alignment, Element, Padding, alignment::Horizontal};

pub use row::Row;

/// Of an interface or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Left to right.
    #[default]
    Ltr,
    /// Right to left.
    Rtl,
}

impl Direction {
    /// It is right to left.
    #[must_use]
    pub fn is_rtl(self) -> bool {
        self == Self::Rtl
    }

    /// Where lines begin.
    #[must_use]
    pub fn start(self) -> Horizontal {
        if self.is_rtl() { Horizontal::Right } else { Horizontal::Left }
    }

    /// Where lines end.
    #[must_use]
    pub fn end(self) -> Horizontal {
        if self.is_rtl() { Horizontal::Left } else { Horizontal::Right }
    }

    /// Where lines begin, for columns.
    #[must_use]
    pub fn start_items(self) -> Alignment {
        if self.is_rtl() { Alignment::End } else { Alignment::Start }
    }

    /// Where lines end, for columns.
    #[must_use]
    pub fn end_items(self) -> Alignment {
        if self.is_rtl() { Alignment::Start } else { Alignment::End }
    }

    /// Children from the start on.
    #[must_use]
    pub fn row<'a, Message: 'a>(self, children: Vec<Element<'a, Message>>) -> Row<'a, Message> {
        Row::new(children, self.is_rtl())
    }

    /// Children from the start on, in further lines where there is no room.
    #[must_use]
    pub fn wrapped<'a, Message: 'a>(self, children: Vec<Element<'a, Message>>, spacing: f32) -> Element<'a, Message> {
        let row = iced::widget::row(children).spacing(spacing).align_y(Alignment::Center);
        let wrapped = row.wrap().vertical_spacing(spacing).into();
        if self.is_rtl() { Element::new(row::Mirrored(wrapped)) } else { wrapped }
    }

    /// Margins by start and end.
    #[must_use]
    pub fn padding(self, top: f32, end: f32, bottom: f32, start: f32) -> Padding {
        let (left, right) = if self.is_rtl() { (end, start) } else { (start, end) };
        Padding { top, right, bottom, left }
    }
}
