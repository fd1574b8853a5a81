//! Text on one line, in a box that may be too narrow for it: what does not fit is left out at the text's own end, with an
//! ellipsis in its place. iced 0.14 has none: it lays out the whole line from its box's left edge, so that a long
//! right-to-left text would lose its beginning.

use iced::{
    Color, Element, Length, Rectangle, Renderer, Size, Theme,
    advanced::{
        Layout, Widget, layout, mouse, renderer,
        text::{self, Paragraph as _},
        widget::{Operation, Tree, text as core, tree},
    },
};

use super::Role;
use crate::fonts;

/// Widths are rounded on their way through boxes, in logical pixels.
const SLACK: f32 = 0.5;

type Paragraph = <Renderer as text::Renderer>::Paragraph;

/// Text on one line, cut at its end where its box is too narrow: for rows of lists.
#[must_use]
pub fn line<'a, Message: 'a>(content: impl Into<String>, role: Role, color: Color) -> Element<'a, Message> {
    let content = content.into();
    let face = fonts::face(&content, role.size(), role.weight());
    let format = core::Format {
        size: Some(role.size().into()),
        font: Some(face.font),
        line_height: text::LineHeight::Relative(face.line_height),
        shaping: text::Shaping::Advanced,
        wrapping: text::Wrapping::None,
        ..core::Format::default()
    };
    Element::new(Line { content, format, color })
}

struct Line {
    content: String,
    format: core::Format<iced::Font>,
    color: Color,
}

/// What of it is shown.
#[derive(Default)]
struct State {
    paragraph: core::State<Paragraph>,
    /// What `shown` was made for.
    content: String,
    width: f32,
    shown: String,
}

impl<Message> Widget<Message, Theme, Renderer> for Line {
    fn tag(&self) -> tree::Tag {
        tree::Tag::of::<State>()
    }

    fn state(&self) -> tree::State {
        tree::State::new(State::default())
    }

    fn size(&self) -> Size<Length> {
        Size::new(self.format.width, self.format.height)
    }

    fn layout(&mut self, tree: &mut Tree, renderer: &Renderer, limits: &layout::Limits) -> layout::Node {
        let state = tree.state.downcast_mut::<State>();
        let width = limits.max().width;
        if state.content != self.content || state.width.to_bits() != width.to_bits() {
            state.content.clone_from(&self.content);
            state.width = width;
            state.shown = fitting(&self.content, |part| self.width_of(part) <= width + SLACK);
        }
        core::layout(&mut state.paragraph, renderer, limits, &state.shown, self.format)
    }

    fn draw(
        &self,
        tree: &Tree,
        renderer: &mut Renderer,
        _theme: &Theme,
        defaults: &renderer::Style,
        layout: Layout<'_>,
        _cursor: mouse::Cursor,
        viewport: &Rectangle,
    ) {
        let state = tree.state.downcast_ref::<State>();
        let style = core::Style { color: Some(self.color) };
        core::draw(renderer, defaults, layout.bounds(), state.paragraph.raw(), style, viewport);
    }

    fn operate(&mut self, _tree: &mut Tree, layout: Layout<'_>, _renderer: &Renderer, operation: &mut dyn Operation) {
        operation.text(None, layout.bounds(), &self.content);
    }
}

impl Line {
    /// How wide a part of it is, in logical pixels.
    fn width_of(&self, content: &str) -> f32 {
        let format = &self.format;
        let paragraph = Paragraph::with_text(text::Text {
            content,
            bounds: Size::INFINITE,
            size: format.size.unwrap_or_default(),
            line_height: format.line_height,
            font: format.font.unwrap_or(fonts::LATIN),
            align_x: format.align_x,
            align_y: format.align_y,
            shaping: format.shaping,
            wrapping: format.wrapping,
        });
        paragraph.min_width()
    }
}

/// The first line of a text, or as much of it as fits with an ellipsis behind it.
fn fitting(text: &str, fits: impl Fn(&str) -> bool) -> String {
    let first = text.lines().next().unwrap_or_default();
    let cut = |end: usize| format!("{}…", first.get(..end).unwrap_or_default().trim_end());
    if first.len() == text.len() && fits(first) {
        return first.to_owned();
    }
    // Where it may be cut: not before what belongs to the character before.
    let ends = first.char_indices().filter(|(_, c)| !joins(*c)).map(|(at, _)| at);
    let ends: Vec<usize> = ends.chain([first.len()]).collect();
    let longest = ends.partition_point(|end| fits(&cut(*end)));
    cut(longest.checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or_default())
}

/// A mark, a joiner or a variation of the character before.
fn joins(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06ED}'
        | '\u{200C}'..='\u{200F}' | '\u{20D0}'..='\u{20FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}'
        | '\u{E0100}'..='\u{E01EF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(characters: usize) -> impl Fn(&str) -> bool {
        move |text| text.chars().count() <= characters
    }

    #[test]
    fn what_fits_stays_whole_and_what_does_not_ends_in_an_ellipsis() {
        assert_eq!(fitting("Budget", up_to(6)), "Budget");
        assert_eq!(fitting("Budget 2031", up_to(8)), "Budget…", "no space before it");
        assert_eq!(fitting("Budget", up_to(3)), "Bu…");
        assert_eq!(fitting("Budget", up_to(0)), "…");
        assert_eq!(fitting("", up_to(0)), "");
        assert_eq!(fitting("one\ntwo", up_to(20)), "one…", "there is more of it");
    }

    #[test]
    fn a_mark_stays_with_its_letter() {
        // With two characters beside the ellipsis, the vowel sign would be parted from its letter.
        assert_eq!(fitting("ab\u{064E}c", up_to(3)), "a…");
        assert_eq!(fitting("سَیکریٹری", up_to(3)), "سَ…");
    }
}
