//! Buttons by keyboard.

use iced::{
    Element, Event,
    advanced::{
        mouse,
        widget::{Id, operation::focusable},
    },
    keyboard::{self, Key, Modifiers, key::Named},
    widget::column,
};
use iced_test::selector::id;

use super::{Kind, word_as};
use crate::{
    direction::Direction,
    look::Look,
    stage::{key, operate, stage},
    theme::{Appearance, Tokens},
};

fn view<'a>() -> Element<'a, &'static str> {
    let look = Look::new(Tokens::of(Appearance::Light), Direction::Ltr);
    column![
        word_as("one", "One", Kind::Primary, Some("one"), look),
        word_as("none", "None", Kind::Secondary, None, look),
        word_as("two", "Two", Kind::Secondary, Some("two"), look),
    ]
    .into()
}

#[test]
fn enter_and_space_press_what_has_the_keyboard() {
    let mut window = stage(view(), (200.0, 200.0));
    window.tap_key(Named::Enter);
    operate(&mut window, focusable::focus(Id::new("two")));
    window.tap_key(Named::Enter);
    window.tap_key(Named::Space);
    window.typewrite(" ");
    window.simulate([key(Key::Named(Named::Enter), Modifiers::CTRL)]);
    operate(&mut window, focusable::focus(Id::new("none")));
    window.tap_key(Named::Enter);
    assert_eq!(window.into_messages().collect::<Vec<_>>(), ["two"; 3]);
}

#[test]
fn a_key_held_down_presses_once() {
    let mut window = stage(view(), (200.0, 200.0));
    operate(&mut window, focusable::focus(Id::new("one")));
    let mut held = key(Key::Named(Named::Enter), Modifiers::empty());
    window.simulate([held.clone()]);
    if let Event::Keyboard(keyboard::Event::KeyPressed { repeat, .. }) = &mut held {
        *repeat = true;
    }
    window.simulate([held.clone(), held]);
    assert_eq!(window.into_messages().collect::<Vec<_>>(), ["one"]);
}

#[test]
fn tab_goes_past_what_cannot_be_pressed() {
    let mut window = stage(view(), (200.0, 200.0));
    operate(&mut window, focusable::focus(Id::new("one")));
    operate(&mut window, focusable::focus_next::<()>());
    window.tap_key(Named::Enter);
    assert_eq!(window.into_messages().collect::<Vec<_>>(), ["two"]);
}

#[test]
fn the_pointer_presses_once_and_draws_no_ring() {
    let mut window = stage(view(), (200.0, 200.0));
    let theme = Tokens::of(Appearance::Light).iced();
    let pixels = |window: &mut iced_test::Simulator<'_, &'static str>| {
        window.point_at((190.0, 190.0));
        crate::stage::picture(window, &theme, "ring")
    };
    let before = pixels(&mut window);
    window.click(id(Id::new("two"))).unwrap();
    window.simulate([Event::Mouse(mouse::Event::CursorMoved { position: (190.0, 190.0).into() })]);
    assert!(pixels(&mut window) == before, "a click leaves no ring");
    operate(&mut window, focusable::focus(Id::new("two")));
    assert!(pixels(&mut window) != before, "the keyboard shows where it is");
    assert_eq!(window.into_messages().collect::<Vec<_>>(), ["two"]);
}
