//! Fields that text is written into: one line or several, in either direction.
//!
//! A face holds a [`Content`] for each and gives it every [`Action`] that the field reports. The toolkit's own fields count
//! places from the left and so go astray in Urdu; this one takes them from the glyphs.
//!
//! `draft` is the text and what is done to it, `lines` lays it out, `row` finds places on it, `keys` says what a key
//! does, `widget` puts them into a window, where `operated` is what operations see of it.

mod draft;
mod keys;
mod lines;
mod operated;
mod row;
mod steps;
#[cfg(test)]
mod tests;
mod widget;

use std::{cell::RefCell, fmt};

use iced::Element;

pub use draft::LIMIT;
use draft::{Draft, Motion, Reach};
use lines::Lines;
pub use widget::Editor;

use crate::look::Look;

/// The most that a field of one line holds, in bytes.
pub const LINE_LIMIT: usize = 1024;

/// How a field behaves.
pub struct Field<Message> {
    /// To be found and given the keyboard by.
    pub id: &'static str,
    /// Shown while it is empty.
    pub placeholder: String,
    /// What Enter does; Shift+Enter begins a line where there are several.
    pub submit: Option<Message>,
    /// Several lines, growing to a third of a small window.
    pub several: bool,
}

/// Something that a field asks of its content. Says what it is, never the text, when it is printed.
#[derive(Clone)]
pub struct Action(Kind);

#[derive(Clone)]
enum Kind {
    Insert { text: String, typed: bool, most: usize },
    Delete(Reach),
    Go(Motion, bool),
    Row { down: bool, select: bool },
    Page { down: bool, select: bool },
    Edge { end: bool, select: bool },
    Place { at: usize, select: bool },
    Select { from: usize, to: usize },
    Undo,
    Redo,
}

impl Action {
    /// Puts text in the place of what is selected.
    #[must_use]
    pub fn insert(text: impl Into<String>) -> Self {
        Self(Kind::Insert { text: text.into(), typed: false, most: LIMIT })
    }

    /// Selects everything.
    #[must_use]
    pub fn select_all() -> Self {
        Self(Kind::Select { from: 0, to: usize::MAX })
    }

    /// Takes back what was done last.
    #[must_use]
    pub fn undo() -> Self {
        Self(Kind::Undo)
    }

    /// Does again what was taken back.
    #[must_use]
    pub fn redo() -> Self {
        Self(Kind::Redo)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Insert { text, .. } => write!(f, "Action::Insert({} bytes)", text.len()),
            Kind::Delete(_) => f.write_str("Action::Delete"),
            Kind::Undo | Kind::Redo => f.write_str("Action::Undo"),
            _ => f.write_str("Action::Move"),
        }
    }
}

/// What is written in a field.
#[derive(Default)]
pub struct Content {
    draft: Draft,
    /// How far along a row the caret is sought while it goes up and down.
    goal: Option<f32>,
    lines: RefCell<Lines>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.draft.text().len())
    }
}

impl Content {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A text, cut at [`LIMIT`]; the caret stands at its end.
    #[must_use]
    pub fn with_text(text: &str) -> Self {
        Self { draft: Draft::new(text), ..Self::default() }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        self.draft.text().into()
    }

    /// The text, borrowed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.draft.text()
    }

    /// Nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.draft.text().is_empty()
    }

    /// What is selected.
    #[must_use]
    pub fn selection(&self) -> Option<String> {
        self.draft.selection().map(Into::into)
    }

    /// Does what the field asks.
    pub fn perform(&mut self, action: Action) {
        let goal = self.goal.take();
        match action.0 {
            Kind::Insert { text, typed, most } => self.draft.insert(&text, typed, most),
            Kind::Delete(reach) => self.draft.delete(reach),
            Kind::Go(motion, select) => self.draft.go_by(motion, select),
            Kind::Place { at, select } => self.draft.go(at, select),
            Kind::Select { from, to } => self.draft.select(from, to),
            Kind::Undo => self.draft.undo(),
            Kind::Redo => self.draft.redo(),
            Kind::Row { down, select } => self.by_rows(down, 1, select, goal),
            Kind::Page { down, select } => {
                let rows = self.lines.get_mut().page();
                self.by_rows(down, rows, select, goal);
            }
            Kind::Edge { end, select } => {
                let (lines, text, caret) = self.laid();
                let (start, stop) = steps::paragraph_at(text, caret);
                let at = lines.edge(text, caret, end).unwrap_or(if end { stop } else { start });
                self.draft.go(at, select);
            }
        }
    }

    /// The same; what is inserted is cut where the text would be longer than `most` bytes.
    pub fn perform_within(&mut self, mut action: Action, most: usize) {
        if let Kind::Insert { most: own, .. } = &mut action.0 {
            *own = (*own).min(most);
        }
        self.perform(action);
    }

    /// The lines as the text is now, where a window has shown it before.
    fn laid(&mut self) -> (&mut Lines, &str, usize) {
        let (lines, draft) = (self.lines.get_mut(), &self.draft);
        if let Some(measure) = lines.measure() {
            lines.lay(draft.text(), draft.revision(), draft.caret(), measure);
        }
        (lines, draft.text(), draft.caret())
    }

    fn by_rows(&mut self, down: bool, rows: usize, select: bool, mut goal: Option<f32>) {
        let (lines, text, mut at) = self.laid();
        for n in 0..rows {
            match lines.beside(text, at, down, goal) {
                Some((there, x)) => (at, goal) = (there, Some(x)),
                None if n == 0 => at = if down { text.len() } else { 0 },
                None => break,
            }
        }
        self.draft.go(at, select);
        self.goal = goal;
    }
}

/// A field for text.
pub fn field<'a, Message: Clone + 'a>(
    content: &'a Content,
    field: Field<Message>,
    on_action: impl Fn(Action) -> Message + 'a,
    look: Look,
) -> Element<'a, Message> {
    editor(content, field, on_action, look).into()
}

/// A field for text, to be given more: a height.
pub fn editor<'a, Message: Clone + 'a>(
    content: &'a Content,
    field: Field<Message>,
    on_action: impl Fn(Action) -> Message + 'a,
    look: Look,
) -> Editor<'a, Message> {
    Editor::new(content, field, on_action, look)
}
