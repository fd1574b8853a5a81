//! The window's screens without a display, over the fake engine: what a person does, and how it looks, in both languages and
//! all themes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use amanat_client::{Command, Reply, api::Line};
use amanat_desktop::{
    app::Message,
    fake::Fake,
    language::Language,
    screens::{conversation, shell},
    settings::Theme,
};
use driver::{LOOKS, Window, unlocked};
use iced::{keyboard::key::Named, widget::Id};

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
}

/// The lines of a conversation, and which it is.
fn lines(window: &mut Window, fake: &Fake) -> (amanat_primitives::ConversationId, Vec<Line>) {
    let conversation = fake
        .asked()
        .into_iter()
        .rev()
        .find_map(|command| match command {
            Command::Read { conversation, .. } => Some(conversation),
            _ => None,
        })
        .unwrap();
    let read =
        amanat_desktop::backend::Backend::ask(fake, Command::Read { conversation, since: 0, limit: 40, mark: false });
    let Ok(Reply::Lines(lines)) = iced_test::futures::futures::executor::block_on(read) else { panic!() };
    window.run(iced::Task::none());
    (conversation, lines)
}

fn tell(window: &mut Window, conversation: amanat_primitives::ConversationId, message: conversation::Message) {
    let task = window.app.update(Message::Shell(shell::Message::Conversation(conversation, message)));
    window.run(task);
}

#[test]
fn an_answer_about_another_conversation_is_not_shown_in_this_one() {
    let (mut window, fake) = unlocked(40, Language::English, Theme::Light);
    window.click("Cabinet Division · Budget");
    let (secret, read) = lines(&mut window, &fake);
    window.click("Flood Response Cell");
    let mut strange = read;
    if let Some(Line::Message(last)) = strange.last_mut() {
        last.body = amanat_client::api::MessageBody::Text("from the secret one".into());
    }
    tell(&mut window, secret, conversation::Message::Lines { page: 0, answer: Ok(Reply::Lines(strange)) });
    assert!(!window.shows("from the secret one"));
    // What could not be sent there is there when one comes back.
    let failed = amanat_client::Failure::new(amanat_client::FailureCode::DiskFull, "full", "free some");
    tell(&mut window, secret, conversation::Message::Sent("half said".into(), Err(failed)));
    window.click("Cabinet Division · Budget");
    window.act(|shown| {
        shown.click(Id::new(conversation::COMPOSER)).map(|_| ()).unwrap();
        shown.tap_key(Named::Enter);
    });
    let sent = |command| matches!(command, Command::SendText { text, .. } if text == "half said");
    assert!(fake.asked().into_iter().any(sent));
}

#[test]
fn a_message_is_deleted_for_all_after_a_question() {
    let (mut window, fake) = unlocked(40, Language::English, Theme::Light);
    window.click("Flood Response Cell");
    let (conversation, read) = lines(&mut window, &fake);
    let own = read.into_iter().rev().filter_map(Line::into_message).find(|message| message.own).unwrap();
    tell(&mut window, conversation, conversation::Message::Menu(own.id));
    window.click("Delete for all");
    let deleted = |fake: &Fake| fake.asked().into_iter().any(|command| matches!(command, Command::Delete { .. }));
    assert!(!deleted(&fake) && window.shows("Delete this message for everyone? It cannot be undone."));
    window.click("Delete for all");
    assert!(deleted(&fake));
}
