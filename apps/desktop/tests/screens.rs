//! The window's screens without a display, over the fake engine: what a person does, and how it looks, in both languages and
//! all themes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use amanat_client::{Command, api::MessageBody};
use amanat_desktop::{
    app::App,
    fake::{self, Fake},
    language::Language,
    screens::conversation,
    settings::{Settings, Theme},
};
use driver::Window;
use iced::{keyboard::key::Named, widget::Id};

const LOOKS: [(&str, Language, Theme); 5] = [
    ("en-light", Language::English, Theme::Light),
    ("en-dark", Language::English, Theme::Dark),
    ("ur-light", Language::Urdu, Theme::Light),
    ("ur-dark", Language::Urdu, Theme::Dark),
    ("en-high-contrast", Language::English, Theme::HighContrast),
];

fn unlocked(messages: u64, language: Language, theme: Theme) -> (Window, std::sync::Arc<Fake>) {
    let (opened, fake) = Fake::open(messages);
    let settings = Settings { language, theme, ..Settings::default() };
    (Window::open(App::with(&opened, settings, fake::NOW)), fake)
}

#[test]
fn every_screen_looks_as_it_should() {
    for (name, language, theme) in LOOKS {
        let (mut window, _) = unlocked(40, language, theme);
        window.picture(&format!("inbox-{name}"));
        window.click("Cabinet Division · Budget");
        window.picture(&format!("conversation-{name}"));
    }
}

#[test]
fn a_message_is_written_and_shown() {
    let (mut window, fake) = unlocked(40, Language::English, Theme::Light);
    window.click("Flood Response Cell");
    window.act(|shown| {
        shown.click(Id::new(conversation::COMPOSER)).map(|_| ()).unwrap();
        shown.typewrite("جی، Annex-B ok");
        shown.tap_key(Named::Enter);
    });
    let sent = fake.asked().into_iter().find_map(|command| match command {
        Command::SendText { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(sent.as_deref(), Some("جی، Annex-B ok"));
    assert!(window.shows("جی، Annex-B ok"));
    let _ = MessageBody::Gone;
}
