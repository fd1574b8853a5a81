//! A passphrase: shown as dots, Latin places only. The toolkit's field keeps its own copies of what is typed and does not wipe
//! them; whoever holds the passphrase wipes theirs.

use iced::{
    Element, Theme, border,
    widget::{
        Id, column, text_input,
        text_input::{Status, Style},
    },
};

use crate::{
    fonts,
    look::Look,
    text::{Role, muted},
    theme::{radius, space},
};

/// How a field for a passphrase behaves.
pub struct Secret<'a, Message> {
    /// To be found and given the keyboard by.
    pub id: &'static str,
    /// Shown while it is empty.
    pub placeholder: &'a str,
    /// What Enter does.
    pub submit: Option<Message>,
    /// Shown as it is, while somebody asks for it.
    pub shown: bool,
}

/// A field for a passphrase.
#[must_use]
pub fn secret<'a, Message: Clone + 'a>(
    value: &str,
    field: Secret<'a, Message>,
    on_input: Option<impl Fn(String) -> Message + 'a>,
    look: Look,
) -> Element<'a, Message> {
    let k = look.tokens;
    let size = Role::Body.size();
    let weight = Role::Body.weight();
    // As high as the other fields of the interface, whatever is in it.
    let height = size * fonts::face_for(look.direction, size, weight).line_height;
    let font = match (value.is_empty(), field.shown) {
        (true, _) => fonts::face(field.placeholder, size, weight).font,
        (false, true) => fonts::face(value, size, weight).font,
        (false, false) => fonts::LATIN,
    };
    text_input(field.placeholder, value)
        .id(Id::new(field.id))
        .secure(!field.shown)
        .on_input_maybe(on_input)
        .on_submit_maybe(field.submit)
        .font(font)
        .size(size)
        .line_height(iced::widget::text::LineHeight::Absolute(height.max(22.0).into()))
        .padding([space::S, space::M])
        .align_x(look.direction.start())
        .style(move |_: &Theme, status| {
            let focused = matches!(status, Status::Focused { .. });
            Style {
                background: k.field.into(),
                border: border::rounded(radius::M).width(if focused { 2 } else { 1 }).color(if focused {
                    k.focus
                } else {
                    k.line
                }),
                icon: k.muted,
                placeholder: k.muted,
                value: k.text,
                selection: iced::Color { a: 0.35, ..k.focus },
            }
        })
        .into()
}

/// Such a field under its name; what is typed cannot be changed where `on_input` is none.
pub fn named<'a, Message: Clone + 'a>(
    id: &'static str,
    name: impl Into<String>,
    value: &str,
    on_input: Option<impl Fn(String) -> Message + 'a>,
    submit: Message,
    look: Look,
) -> Element<'a, Message> {
    let field = Secret { id, placeholder: "", submit: Some(submit), shown: false };
    column![muted(name, Role::Label, look), secret(value, field, on_input, look)]
        .spacing(space::XS)
        .align_x(look.direction.start_items())
        .into()
}

#[cfg(test)]
mod tests {
    use iced::{advanced::widget::Id as WidgetId, keyboard::key::Named};
    use iced_test::selector::id;

    use super::*;
    use crate::{
        direction::Direction,
        stage::stage,
        theme::{Appearance, Tokens},
    };

    #[test]
    fn what_is_typed_is_told_and_enter_submits() {
        let look = Look::new(Tokens::of(Appearance::Dark), Direction::Rtl);
        let field = Secret { id: "secret", placeholder: "پاس فریز", submit: Some("!".to_owned()), shown: false };
        let mut window = stage(secret("", field, Some(|value| value), look), (300.0, 100.0));
        window.click(id(WidgetId::new("secret"))).unwrap();
        window.typewrite("a");
        window.tap_key(Named::Enter);
        assert_eq!(window.into_messages().collect::<Vec<_>>(), ["a", "!"]);
    }
}
