//! Wide dialogs: a card of a given width that scrolls where the window is smaller, over a page that takes neither clicks nor
//! keys meanwhile.

use iced::{
    Element,
    widget::{container, scrollable},
};

use crate::{look::Look, surface, theme::space};

/// The card of a wide dialog, for [`dialog::over`](crate::dialog::over).
#[must_use]
pub fn card<'a, Message: 'a>(content: impl Into<Element<'a, Message>>, width: f32, look: Look) -> Element<'a, Message> {
    let content = scrollable(container(content).padding(space::XL)).width(width);
    container(content).max_width(width).style(surface::card(look)).into()
}
