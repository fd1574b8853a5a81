//! The field as operations of the toolkit see it: a text whose places are counted in characters.

use iced::advanced::widget::operation;

use super::{Action, Kind};

/// The text and the state, for operations on text.
pub(super) struct Operated<'a> {
    pub(super) text: &'a str,
    pub(super) asked: &'a mut Option<Action>,
}

impl Operated<'_> {
    /// Operations count characters.
    fn place(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(at, _)| at)
    }

    fn ask(&mut self, kind: Kind) {
        *self.asked = Some(Action(kind));
    }
}

impl operation::TextInput for Operated<'_> {
    fn text(&self) -> &str {
        self.text
    }

    fn move_cursor_to_front(&mut self) {
        self.ask(Kind::Place { at: 0, select: false });
    }

    fn move_cursor_to_end(&mut self) {
        self.ask(Kind::Place { at: usize::MAX, select: false });
    }

    fn move_cursor_to(&mut self, position: usize) {
        self.ask(Kind::Place { at: self.place(position), select: false });
    }

    fn select_all(&mut self) {
        *self.asked = Some(Action::select_all());
    }

    fn select_range(&mut self, start: usize, end: usize) {
        self.ask(Kind::Select { from: self.place(start), to: self.place(end) });
    }
}
