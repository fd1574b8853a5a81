//! What happens to an office, as the window shows it: somebody comes back after a week, a laptop is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use std::time::Duration;

use amanat_client::{
    Command, Event,
    api::{Alarm, LinkState, Notice},
};
use amanat_desktop::{app::Message, fake, language::Language, settings::Theme, words::Words};
use amanat_identity::Reason;
use amanat_primitives::DeviceId;
use driver::{Window, unlocked};
use iced::{
    Task,
    keyboard::{Key, Modifiers, key::Named},
};

const FLOOD: &str = "Flood Response Cell";

fn tell(window: &mut Window, message: Message) {
    window.run(Task::done(message));
}

/// So much has gone by since the machine's start.
fn wait_until(window: &mut Window, seconds: u64) {
    tell(window, Message::Tick(Duration::from_secs(seconds)));
}

/// A banner whose text all runs one way isolates nothing in it.
fn one_way(text: String) -> String {
    text.replace(['\u{2068}', '\u{2069}'], "")
}

#[test]
fn who_comes_back_after_a_week_finds_what_came_in_order_and_what_is_wrong_said() {
    let (mut window, fake) = unlocked(1_000, Language::English, Theme::Light);
    let flood = fake::conversations()[3].id;
    // What came meanwhile was found by the engine while nobody had a window open.
    let sender = "clerk@cabinet.example".parse().unwrap();
    fake.say(Event::Alarm { conversation: flood, alarm: Alarm::Gap { sender, from: 3, to: 4 } });
    fake.say(Event::Missed);
    fake.say(Event::Link(LinkState::CaughtUp));
    window.run(Task::none());
    assert_eq!(window.app.title(), "(18) Amanat");
    window.click(FLOOD);
    let words = Words::new(Language::English);
    let gap = words.with("alarm-gap", &[("sender", "clerk@cabinet.example".into()), ("missing", 2_u64.into())]);
    assert!(window.shows(&one_way(gap)), "it waits above them");
    let read = |fake: &fake::Fake| {
        let since = fake.asked().into_iter().filter_map(|command| match command {
            Command::Read { conversation, since, mark: true, .. } if conversation == flood => Some(since),
            _ => None,
        });
        since.max()
    };
    assert!(read(&fake).is_some_and(|since| since >= 1_000 - 128), "to the last page, and told");
    // From the first on: both ends are a key away.
    let before = fake.asked().iter().any(|command| matches!(command, Command::Read { since: 0, .. }));
    assert!(!before, "a week is not read at once");
    tell(&mut window, Message::Key(Key::Named(Named::Home), Modifiers::CTRL));
    let first = |command: &Command| matches!(command, Command::Read { since: 0, .. });
    assert!(fake.asked().iter().any(first), "its first page is read");
}

#[test]
fn a_lost_laptop_is_said_until_it_is_read_and_what_is_written_meanwhile_waits() {
    let (mut window, fake) = unlocked(40, Language::English, Theme::Light);
    let words = Words::new(Language::English);
    let address: amanat_identity::Address = "director@cabinet.example".parse().unwrap();
    let device = DeviceId::from_bytes([9; 32]);
    fake.say(Event::Notice(Notice::Revoked { address, device, reason: Reason::Lost }));
    window.run(Task::none());
    let (whom, which) = ("director@cabinet.example".into(), "09090909".into());
    let reason = words.say("reason-lost").into();
    let said = one_way(words.with("notice-revoked", &[("address", whom), ("device", which), ("reason", reason)]));
    assert!(window.shows(&said), "{said}");
    // Not by looking elsewhere, and not by Escape.
    window.click(FLOOD);
    tell(&mut window, Message::Key(Key::Named(Named::Escape), Modifiers::empty()));
    assert!(window.shows(&said));
    wait_until(&mut window, 1);
    window.click(&words.say("warnings-read"));
    assert!(!window.shows(&said));
    let kept = fake.asked().into_iter().any(|command| matches!(command, Command::WarningsRead { .. }));
    assert!(kept, "it stays read when this is closed");
    // Where the member is still to be removed.
    window.click("Convoy timings");
    assert!(window.shows(&words.say("state-removing")));
}
