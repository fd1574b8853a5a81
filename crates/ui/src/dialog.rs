//! Dialogs: a card in the middle, a veil over everything else. While one is open, what lies behind has neither the pointer nor the
//! keyboard, so that Tab stays within it. Escape is the screen's.

mod behind;

use behind::Behind;
use iced::{
    Element, Fill,
    widget::{column, container, opaque, space as gap, stack},
};

use crate::{
    look::Look,
    surface,
    text::{Role, plain},
    theme::space,
};

/// As wide as a line can be read.
const WIDTH: f32 = 460.0;

/// A page with a dialog over it, or none yet: a page keeps its state only if it is given through here in both cases.
#[must_use]
pub fn over<'a, Message: 'a>(
    page: impl Into<Element<'a, Message>>,
    dialog: Option<Element<'a, Message>>,
) -> Element<'a, Message> {
    let behind = Behind::new(page.into(), dialog.is_some());
    let veil = dialog.map(|dialog| opaque(container(dialog).center(Fill).padding(space::XL).style(surface::veil())));
    stack(std::iter::once(behind.into()).chain(veil)).width(Fill).height(Fill).into()
}

/// A dialog: its title, what it says or asks, and what can be done, the main thing last.
#[must_use]
pub fn card<'a, Message: 'a>(
    title: impl Into<String>,
    content: impl Into<Element<'a, Message>>,
    buttons: Vec<Element<'a, Message>>,
    look: Look,
) -> Element<'a, Message> {
    let mut row = vec![gap().width(Fill).into()];
    row.extend(buttons);
    let start = look.direction.start_items();
    let heading = column![plain(title, Role::Heading)].width(Fill).align_x(start);
    let content = column![content.into()].width(Fill).align_x(start);
    let buttons = look.direction.row(row).spacing(space::S).width(Fill);
    container(column![heading, content, buttons].spacing(space::L))
        .max_width(WIDTH)
        .padding(space::XL)
        .style(surface::card(look))
        .into()
}

#[cfg(test)]
mod tests {
    use iced::{
        advanced::widget::{Id, operation::focusable},
        keyboard::key::Named,
        widget::column,
    };

    use super::*;
    use crate::{
        button::{Kind, word, word_as},
        direction::Direction,
        stage::{operate, stage},
        theme::{Appearance, Tokens},
    };

    #[test]
    fn what_lies_behind_cannot_be_reached() {
        let look = Look::new(Tokens::of(Appearance::Light), Direction::Ltr);
        let page = || column![word_as("page", "Page", Kind::Primary, Some("page"), look)];
        let dialog = || {
            let ok = word_as("ok", "Well", Kind::Primary, Some("ok"), look);
            card("Title", plain("Text", Role::Body), vec![word("No", Kind::Secondary, Some("no"), look), ok], look)
        };
        let mut window = stage(over(page(), Some(dialog())), (500.0, 400.0));
        operate(&mut window, focusable::focus(Id::new("ok")));
        // After the last comes none, then the first again.
        for _ in 0..4 {
            operate(&mut window, focusable::focus_next::<()>());
            window.tap_key(Named::Enter);
        }
        operate(&mut window, focusable::focus(Id::new("page")));
        window.tap_key(Named::Enter);
        window.click("Page").unwrap();
        let messages: Vec<_> = window.into_messages().collect();
        assert_eq!(messages, ["no", "ok"]);

        let mut window = stage(over(page(), None), (500.0, 400.0));
        window.click("Page").unwrap();
        assert_eq!(window.into_messages().collect::<Vec<_>>(), ["page"]);
    }
}
