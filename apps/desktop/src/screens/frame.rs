//! Dialogs over the window, and what several of them are made of.

use amanat_client::Failure;
use amanat_ui::{
    button::{self, Kind},
    dialog, fonts,
    look::Look,
    surface,
    text::{Role, plain},
    theme::{Pair, radius, space},
};
use iced::{
    Alignment, Element, Fill, Padding, Task,
    widget::{Id, Scrollable, column, container, operation, scrollable, space as gap},
};

use super::Context;

/// A dialog's width, in logical pixels.
const WIDTH: f32 = 640.0;
/// The name of what is scrolled in a dialog.
const SCROLLER: &str = "dialog";
/// A dialog's greatest height, in logical pixels.
const HEIGHT: f32 = 720.0;

/// What a dialog consists of.
pub struct Dialog<'a, Message> {
    /// At its head.
    pub title: String,
    /// Scrolled where it is higher than the window.
    pub content: Element<'a, Message>,
    /// At its foot, from the start on.
    pub buttons: Vec<Element<'a, Message>>,
    /// The button at its head; none where another one closes it.
    pub close: Option<Message>,
}

/// A window with a dialog over it, or none.
#[must_use]
pub fn over<'a, Message: 'a, M: Clone + 'a>(
    below: Element<'a, Message>,
    dialog: Option<Dialog<'a, M>>,
    wrap: impl Fn(M) -> Message + 'a,
    context: Context<'a>,
) -> Element<'a, Message> {
    dialog::over(below, dialog.map(|dialog| card(dialog, context).map(wrap)))
}

fn card<'a, Message: Clone + 'a>(dialog: Dialog<'a, Message>, context: Context<'a>) -> Element<'a, Message> {
    let Context { look, words, .. } = context;
    let mut head = vec![container(plain(dialog.title, Role::Title)).width(Fill).align_x(look.direction.start()).into()];
    if dialog.close.is_some() {
        head.push(button::word(words.say("close"), Kind::Quiet, dialog.close, look));
    }
    // Beside the scroller's bar, which stands at the right in all languages.
    let beside = Padding { right: space::M, ..Padding::ZERO };
    let head = look.direction.row(head).align_y(Alignment::Center).padding(beside);
    let content: Element<'a, Message> = beside_bar(dialog.content).id(Id::new(SCROLLER)).into();
    let content = if dialog.buttons.is_empty() {
        content
    } else {
        // Buttons have what the parts above them leave: that must be enough.
        container(content).max_height(HEIGHT - around_content(look)).into()
    };
    let mut parts = column![head, content].spacing(space::L);
    if !dialog.buttons.is_empty() {
        let mut buttons = vec![gap::horizontal().into()];
        buttons.extend(dialog.buttons);
        parts = parts.push(look.direction.row(buttons).spacing(space::S).padding(beside));
    }
    let around = Padding { right: space::XL - space::M, ..Padding::new(space::XL) };
    container(parts).width(WIDTH).max_height(HEIGHT).padding(around).style(surface::card(look)).into()
}

/// What a dialog with buttons has above, below and around its content.
fn around_content(look: Look) -> f32 {
    let line = |role: Role| role.size() * fonts::face_for(look.direction, role.size(), role.weight()).line_height;
    let (title, buttons) = (line(Role::Title), line(Role::Strong) + space::S * 2.0);
    (title + buttons + (space::XL + space::L) * 2.0).ceil()
}

/// Scrolled, with room for the bar at its right, where it stands in all languages.
#[must_use]
pub fn scrolled<'a, Message: 'a>(content: Element<'a, Message>) -> Element<'a, Message> {
    beside_bar(content).into()
}

fn beside_bar<'a, Message: 'a>(content: Element<'a, Message>) -> Scrollable<'a, Message> {
    let bar = Padding { right: space::M, ..Padding::ZERO };
    scrollable(container(content).padding(bar)).width(Fill)
}

/// Scrolls a dialog so that a row of so many, of like height, is in view.
pub fn to_row<Message: Send + 'static>(row: usize, last: usize) -> Task<Message> {
    let y = if last == 0 { 0.0 } else { row as f32 / last as f32 };
    operation::snap_to(Id::new(SCROLLER), scrollable::RelativeOffset { x: 0.0, y })
}

/// Parts below each other, each at the start.
#[must_use]
pub fn stacked<'a, Message: 'a>(parts: Vec<Element<'a, Message>>, look: Look) -> iced::widget::Column<'a, Message> {
    column(parts).spacing(space::S).width(Fill).align_x(look.direction.start_items())
}

/// Something set apart on a ground of its own.
#[must_use]
pub fn apart<'a, Message: 'a>(
    parts: Vec<Element<'a, Message>>,
    pair: Pair,
    look: Look,
) -> iced::widget::Container<'a, Message> {
    let parts = stacked(parts, look).spacing(space::XS);
    container(parts).padding(space::M).width(Fill).style(surface::filled(pair, radius::M))
}

/// What failed, and what to try.
#[must_use]
pub fn failure<'a, Message: 'a>(failure: &Failure, context: Context<'a>) -> Element<'a, Message> {
    let (failed, advice) = context.words.failure(failure);
    let parts = vec![plain(failed, Role::Strong).into(), plain(advice, Role::Label).into()];
    apart(parts, context.look.tokens.caution, context.look).into()
}
