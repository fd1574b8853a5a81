//! People and warnings without a display: a new conversation, who reads one, what is warned about, security, the switcher and
//! the search.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use std::sync::Arc;

use amanat_client::{
    Command, Event,
    api::{Alarm, Notice, Target},
};
use amanat_desktop::{
    app::Message,
    fake::{self, Fake},
    language::Language,
    screens::{new_conversation, picker, search, switcher},
    settings::Theme,
    words::Words,
};
use driver::{LOOKS, Window, unlocked};
use iced::{
    keyboard::{Key, Modifiers, key::Named},
    widget::Id,
};

fn english() -> (Window, Arc<Fake>) {
    unlocked(40, Language::English, Theme::Light)
}

/// A key that no widget takes.
fn press(window: &mut Window, key: Key, modifiers: Modifiers) {
    let task = window.app.update(Message::Key(key, modifiers));
    window.run(task);
}

fn control(window: &mut Window, letter: &str) {
    press(window, Key::Character(letter.into()), Modifiers::COMMAND);
}

/// So many seconds after the machine's start have gone by.
fn look_for(window: &mut Window, seconds: u64) {
    let task = window.app.update(Message::Tick(std::time::Duration::from_secs(seconds)));
    window.run(task);
}

/// Types one letter after the other, as the window is shown anew.
fn write(window: &mut Window, field: &'static str, text: &str) {
    window.type_into(Id::new(field), text);
}

fn say(window: &mut Window, fake: &Fake, events: impl IntoIterator<Item = Event>) {
    for event in events {
        fake.say(event);
    }
    window.run(iced::Task::none());
}

#[test]
fn somebody_new_is_named_before_the_first_message_goes() {
    let (mut window, fake) = english();
    control(&mut window, "n");
    assert!(window.shows("New conversation"));
    write(&mut window, picker::QUERY, "accounts");
    window.click("Sana Tariq");
    assert!(window.shows("Sana Tariq ✕") || window.shows("\u{2068}Sana Tariq\u{2069} ✕"));
    write(&mut window, new_conversation::TEXT, "سلام");
    window.click("Send");
    assert!(window.shows("Is this who you mean?"));
    let sent = |fake: &Fake| {
        fake.asked().into_iter().any(|command| matches!(command, Command::SendText { to: Target::Person(..), .. }))
    };
    assert!(!sent(&fake));
    window.click("Yes, send");
    assert!(sent(&fake));
    assert!(!window.shows("Is this who you mean?"));
}

#[test]
fn a_group_is_begun_at_a_tier_that_all_are_cleared_for() {
    let (mut window, fake) = english();
    window.click("New");
    window.click("Director, Budget Wing");
    write(&mut window, picker::QUERY, "registrar");
    window.click("Registrar");
    window.click("SECRET");
    write(&mut window, new_conversation::TITLE, "Audit");
    window.click("Begin");
    let tier = fake.asked().into_iter().find_map(|command| match command {
        Command::New { tier, .. } => Some(tier),
        _ => None,
    });
    assert_eq!(tier, Some(amanat_identity::Tier::Official), "a tier above somebody's clearance cannot be chosen");
}

#[test]
fn a_warning_stays_until_it_was_read() {
    let (mut window, fake) = english();
    let list = fake::conversations();
    let gap = fake::alarms().remove(0);
    say(&mut window, &fake, [Event::Alarm { conversation: list[3].id, alarm: gap }]);
    assert!(window.shows("Show"), "it is said whatever is shown");
    window.click("Show");
    press(&mut window, Key::Named(Named::Escape), Modifiers::empty());
    assert!(window.shows("I have read this"));
    window.click("I have read this");
    assert!(window.shows("I have read this"), "it has just come into its place");
    look_for(&mut window, 1);
    window.click("I have read this");
    assert!(!window.shows("I have read this"));
    assert!(fake.asked().into_iter().any(|command| matches!(command, Command::WarningsRead { .. })));
}

#[test]
fn a_safety_number_is_compared_and_a_member_removed_after_a_question() {
    let (mut window, fake) = english();
    window.click("Cabinet Division · Budget");
    window.click("Who reads this");
    window.click("Safety number");
    window.click("Hide the number");
    window.click("Remove");
    let removed = |fake: &Fake| fake.asked().into_iter().any(|command| matches!(command, Command::Remove { .. }));
    press(&mut window, Key::Named(Named::Escape), Modifiers::empty());
    assert!(!removed(&fake));
    let verified = fake.asked().into_iter().any(|command| matches!(command, Command::Verify { compared: None, .. }));
    assert!(verified);
}

#[test]
fn the_switcher_and_the_search_lead_to_their_place() {
    let (mut window, fake) = english();
    control(&mut window, "k");
    write(&mut window, switcher::FIELD, "f");
    press(&mut window, Key::Named(Named::ArrowDown), Modifiers::empty());
    press(&mut window, Key::Named(Named::Escape), Modifiers::empty());
    assert!(!window.shows("Go to"));
    press(&mut window, Key::Character("F".into()), Modifiers::COMMAND | Modifiers::SHIFT);
    assert!(window.shows("Search all conversations"));
    write(&mut window, search::FIELD, "paragraph");
    let searched =
        fake.asked().into_iter().any(|command| matches!(command, Command::Search { query, .. } if query.contains('p')));
    assert!(searched);
    window.act(|shown| {
        shown.click(Id::new(search::FIELD)).map(|_| ()).unwrap();
        shown.tap_key(Named::Enter);
    });
    assert!(!window.shows("Search all conversations"));
    assert!(window.shows("Who reads this"));
}

#[test]
fn new_conversations_look_as_they_should() {
    for (name, language, theme) in LOOKS {
        let words = Words::new(language);
        let (mut window, _) = unlocked(40, language, theme);
        control(&mut window, "n");
        window.click("Section Officer, Accounts");
        window.picture(&format!("new-{name}"));
        write(&mut window, new_conversation::TEXT, "x");
        window.click(&words.say("composer-send"));
        window.picture(&format!("new-question-{name}"));
    }
}

#[test]
fn readers_look_as_they_should() {
    for (name, language, theme) in LOOKS {
        let words = Words::new(language);
        let (mut window, fake) = unlocked(40, language, theme);
        window.click("Cabinet Division · Budget");
        window.click(&words.say("conversation-readers"));
        window.picture(&format!("readers-{name}"));
        window.click(&words.say("readers-show"));
        let list = fake::conversations();
        let alarms = fake::alarms().into_iter().take(3).map(|alarm| Event::Alarm { conversation: list[0].id, alarm });
        say(&mut window, &fake, alarms);
        let address = "clerk@cabinet.example".parse().unwrap();
        let device = amanat_primitives::DeviceId::from_bytes([9; 32]);
        say(&mut window, &fake, [Event::Notice(Notice::NewDevice { address, device })]);
        let alarm = Alarm::Receipt { position: 3 };
        say(&mut window, &fake, [Event::Alarm { conversation: list[3].id, alarm }]);
        window.picture(&format!("warnings-{name}"));
        press(&mut window, Key::Named(Named::ArrowDown), Modifiers::ALT);
        window.click(&words.say("readers-show"));
        window.picture(&format!("number-{name}"));
    }
}

#[test]
fn security_looks_as_it_should() {
    for (name, language, theme) in LOOKS {
        let words = Words::new(language);
        let (mut window, _) = unlocked(40, language, theme);
        window.click(&words.say("security-open"));
        window.picture(&format!("security-{name}"));
    }
}

#[test]
fn the_switcher_and_the_search_look_as_they_should() {
    for (name, language, theme) in LOOKS {
        let (mut window, _) = unlocked(40, language, theme);
        window.click("Cabinet Division · Budget");
        control(&mut window, "k");
        write(&mut window, switcher::FIELD, "a");
        window.picture(&format!("switcher-{name}"));
        press(&mut window, Key::Named(Named::Escape), Modifiers::empty());
        press(&mut window, Key::Character("F".into()), Modifiers::COMMAND | Modifiers::SHIFT);
        write(&mut window, search::FIELD, "p");
        window.picture(&format!("search-{name}"));
    }
}
