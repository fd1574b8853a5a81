//! What is kept for a window, without a display: drafts, order, warnings, the passphrase; why it was locked, and a safety number
//! that changes while it is compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use std::{sync::Arc, time::Duration};

use amanat_client::{Command, Event, Failure, FailureCode, api::Alarm};
use amanat_desktop::{
    app::{App, Message},
    fake::{self, Fake},
    language::Language,
    screens::{conversation, inbox, over, readers, security, security::passphrase, shell},
    settings::{Settings, Theme},
    words::Words,
};
use amanat_identity::Address;
use driver::{LOOKS, Window, unlocked};
use iced::{
    Point, Task,
    keyboard::{Key, Modifiers},
    widget::Id,
};
use zeroize::Zeroizing;

fn english() -> (Window, Arc<Fake>) {
    unlocked(40, Language::English, Theme::Light)
}

fn tell(window: &mut Window, message: Message) {
    let task = window.app.update(message);
    window.run(task);
}

/// So much has gone by since the machine's start.
fn wait_until(window: &mut Window, millis: u64) {
    tell(window, Message::Tick(Duration::from_millis(millis)));
}

fn shortcut(window: &mut Window, letter: &str) {
    tell(window, Message::Key(Key::Character(letter.into()), Modifiers::COMMAND | Modifiers::SHIFT));
}

fn drafts(fake: &Fake) -> Vec<String> {
    let text = |command| match command {
        Command::KeepDraft { text, .. } => Some(text),
        _ => None,
    };
    fake.asked().into_iter().filter_map(text).collect()
}

fn security(window: &mut Window, message: security::Message) {
    tell(window, Message::Shell(shell::Message::Over(over::Message::Security(message))));
}

#[test]
fn a_draft_is_kept_a_second_after_the_last_key_and_shown_in_the_inbox() {
    let (mut window, fake) = english();
    window.click("Flood Response Cell");
    window.type_into(Id::new(conversation::COMPOSER), "boats ");
    wait_until(&mut window, 900);
    assert!(drafts(&fake).is_empty() && !window.shows("Draft: \u{2068}boats\u{2069}"));
    wait_until(&mut window, 1_000);
    assert_eq!(drafts(&fake), ["boats "]);
    window.type_into(Id::new(conversation::COMPOSER), "and rice");
    window.click("Cabinet Division · Budget");
    assert_eq!(drafts(&fake).last().map(String::as_str), Some("boats and rice"), "as soon as it is left");
    assert!(window.shows("Draft: \u{2068}boats and rice\u{2069}"));
    window.type_into(Id::new(conversation::COMPOSER), "secret figure");
    window.click("Flood Response Cell");
    assert!(window.shows("Draft") && !window.shows("Draft: \u{2068}secret figure\u{2069}"), "no more at this tier");
    assert_eq!(drafts(&fake).len(), 3);
    window.act(|shown| {
        shown.click(Id::new(conversation::COMPOSER)).map(|_| ()).unwrap();
        shown.tap_key(iced::keyboard::key::Named::Enter);
    });
    let sent = |command: &Command| matches!(command, Command::SendText { text, .. } if text == "boats and rice");
    assert!(fake.asked().iter().any(sent), "it was there when one came back");
    assert_eq!(drafts(&fake).last().map(String::as_str), Some(""), "what is sent is no draft");
}

#[test]
fn what_is_written_is_kept_before_it_is_locked_or_closed_and_there_the_next_time() {
    for ending in [Message::Shell(shell::Message::Lock), Message::Close] {
        let (mut window, fake) = english();
        window.click("Flood Response Cell");
        window.type_into(Id::new(conversation::COMPOSER), "half");
        tell(&mut window, ending);
        assert!(fake.is_stopped());
        assert_eq!(drafts(&fake), ["half"]);
        let mut window = Window::open(App::with(&fake.reopened(), Settings::default(), fake::NOW));
        assert!(window.shows("Draft: \u{2068}half\u{2069}"));
    }
}

#[test]
fn a_draft_that_cannot_be_kept_is_said_and_tried_again() {
    let (mut window, fake) = english();
    fake.fill_the_disk(true);
    window.click("Flood Response Cell");
    window.type_into(Id::new(conversation::COMPOSER), "half");
    wait_until(&mut window, 2_000);
    assert!(window.shows("The disk is full."));
    fake.fill_the_disk(false);
    wait_until(&mut window, 40_000);
    assert_eq!(drafts(&fake), ["half", "half"]);
    window.click("Cabinet Division · Budget");
    assert!(!window.shows("The disk is full.") && window.shows("Draft: \u{2068}half\u{2069}"));
}

#[test]
fn pinned_ones_stand_first_and_muted_ones_are_silent() {
    let (mut window, fake) = english();
    let flood = fake::conversations()[3].id;
    let before = window.app.title();
    tell(&mut window, Message::Shell(shell::Message::Inbox(inbox::Message::Menu(flood))));
    window.click("Pin");
    window.click("Flood Response Cell");
    shortcut(&mut window, "M");
    let arranged = fake.asked().into_iter().filter_map(|command| match command {
        Command::Arrange { conversation, pinned, muted } => Some((conversation, pinned, muted)),
        _ => None,
    });
    assert_eq!(arranged.collect::<Vec<_>>(), [(flood, true, false), (flood, true, true)]);
    assert_eq!(before, "(18) Amanat");
    assert_eq!(window.app.title(), "(6) Amanat");
    // Pinned: nothing stands before it.
    tell(&mut window, Message::Key(Key::Named(iced::keyboard::key::Named::ArrowUp), Modifiers::ALT));
    shortcut(&mut window, "P");
    assert!(fake.asked().into_iter().any(|command| matches!(command,
        Command::Arrange { conversation, pinned: false, muted: true } if conversation == flood)));
    fake.fill_the_disk(true);
    shortcut(&mut window, "M");
    assert!(window.shows("The disk is full."));
    assert_eq!(window.app.title(), "(6) Amanat", "it is as the vault has it");
}

#[test]
fn warnings_are_there_again_the_next_time_until_they_were_read() {
    let (mut window, fake) = english();
    let conversation = fake::conversations()[3].id;
    for position in [1, 2] {
        fake.say(Event::Alarm { conversation, alarm: Alarm::Receipt { position } });
    }
    window.run(Task::none());
    window.click("Show");
    wait_until(&mut window, 1_000);
    let read = |fake: &Fake| {
        fake.asked().into_iter().filter(|command| matches!(command, Command::WarningsRead { .. })).count()
    };
    window.click("I have read this");
    window.click("I have read this");
    assert_eq!(read(&fake), 1, "a double click reads one");
    tell(&mut window, Message::Shell(shell::Message::Lock));
    let mut window = Window::open(App::with(&fake.reopened(), Settings::default(), fake::NOW));
    assert!(window.shows("Show"));
    window.click("Show");
    wait_until(&mut window, 2_000);
    window.click("I have read this");
    assert!(!window.shows("I have read this") && read(&fake) == 2);
}

#[test]
fn a_number_that_changes_while_it_is_compared_is_not_remembered() {
    for (name, language, theme) in LOOKS {
        let words = Words::new(language);
        let (mut window, fake) = unlocked(40, language, theme);
        window.click("Cabinet Division · Budget");
        window.click(&words.say("conversation-readers"));
        // Somebody who was not compared.
        let clerk: Address = "clerk@cabinet.example".parse().unwrap();
        let tell_readers = |window: &mut Window, message| {
            tell(window, Message::Shell(shell::Message::Over(over::Message::Readers(message))));
        };
        tell_readers(&mut window, readers::Message::Show(clerk.clone()));
        let verified = |fake: &Fake| {
            let numbers = fake.asked().into_iter().filter_map(|command| match command {
                Command::Verify { compared, .. } => compared,
                _ => None,
            });
            numbers.collect::<Vec<_>>()
        };
        fake.change_numbers();
        tell_readers(&mut window, readers::Message::Compared(clerk.clone()));
        assert!(window.shows(&words.say("readers-number-changed")));
        let panel = if language == Language::Urdu { 180.0 } else { 1060.0 };
        window.scrolled_picture(&format!("number-changed-{name}"), Point::new(panel, 600.0), 520.0);
        tell_readers(&mut window, readers::Message::Compared(clerk));
        assert!(!window.shows(&words.say("readers-number-changed")));
        let numbers = verified(&fake);
        assert!(numbers.len() == 2 && numbers[0] != numbers[1], "each is what was on the screen");
    }
}

#[test]
fn the_passphrase_is_changed_where_the_old_one_is_right() {
    let (mut window, _) = english();
    window.click("Security");
    let typed = |window: &mut Window, old: &str| {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        for message in [
            passphrase::Message::Old(text(old)),
            passphrase::Message::New(text("copper lantern seventy maple")),
            passphrase::Message::Again(text("copper lantern seventy maple")),
            passphrase::Message::Change,
        ] {
            security(window, security::Message::Passphrase(message));
        }
    };
    typed(&mut window, "wrong");
    assert!(window.shows("The passphrase is wrong.") && window.shows("The present passphrase is missing."));
    typed(&mut window, fake::PASSPHRASE);
    assert!(window.shows("It is changed. Keep the new one in mind: nobody can give it back to you."));
    typed(&mut window, fake::PASSPHRASE);
    assert!(window.shows("The passphrase is wrong."), "the old one opens nothing any more");
}

#[test]
fn a_report_is_written_where_it_was_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let (mut window, _) = english();
    window.click("Security");
    let path = dir.path().join("report.txt");
    security(&mut window, security::Message::Pick);
    security(&mut window, security::Message::Picked(Some(path.clone())));
    assert!(window.shows("Written."));
    assert!(std::fs::read_to_string(path).unwrap().starts_with("amanat-desktop "));
}

#[test]
fn it_locks_with_the_session() {
    let (mut window, fake) = english();
    tell(&mut window, Message::SessionLocks);
    assert!(fake.is_stopped() && !window.shows("Flood Response Cell"));
}

#[test]
fn what_is_kept_looks_as_it_should() {
    for (name, language, theme) in LOOKS {
        let words = Words::new(language);
        let (mut window, _) = unlocked(40, language, theme);
        window.click("Cabinet Division · Budget");
        window.type_into(Id::new(conversation::COMPOSER), "secret");
        window.click("Flood Response Cell");
        window.type_into(Id::new(conversation::COMPOSER), "کل صبح کشتیاں");
        window.click("Bilal Ahmed");
        let list = fake::conversations();
        for (n, arrange) in [(3, inbox::Arrange::Pin), (4, inbox::Arrange::Mute), (2, inbox::Arrange::Pin)] {
            let arrange = inbox::Message::Arrange(list[n].id, arrange);
            tell(&mut window, Message::Shell(shell::Message::Inbox(arrange)));
        }
        let arrange = inbox::Message::Arrange(list[2].id, inbox::Arrange::Mute);
        tell(&mut window, Message::Shell(shell::Message::Inbox(arrange)));
        tell(&mut window, Message::Shell(shell::Message::Inbox(inbox::Message::Menu(list[3].id))));
        window.picture(&format!("inbox-kept-{name}"));
        let full = Failure::new(FailureCode::DiskFull, "the disk is full", "free some space");
        tell(&mut window, Message::Shell(shell::Message::Heard(Box::new(Event::Stopped(full)))));
        assert!(window.shows(&words.say("unlock-stopped")));
        window.picture(&format!("unlock-stopped-{name}"));
    }
}

#[test]
fn another_passphrase_looks_as_it_should() {
    for (name, language, theme) in LOOKS {
        let words = Words::new(language);
        let (mut window, _) = unlocked(40, language, theme);
        window.click(&words.say("security-open"));
        let text = |text: &str| Zeroizing::new(text.to_owned());
        for message in [
            passphrase::Message::Old(text("wrong")),
            passphrase::Message::New(text("copper lantern seventy maple")),
            passphrase::Message::Again(text("copper lantern seventy maple")),
            passphrase::Message::Change,
        ] {
            security(&mut window, security::Message::Passphrase(message));
        }
        window.scrolled_picture(&format!("passphrase-{name}"), Point::new(620.0, 410.0), 680.0);
    }
}
