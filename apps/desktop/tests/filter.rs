//! The leak filter's strip without a display: what was found while one writes, and what has to be done before it is sent; how
//! it looks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use amanat_client::{
    Command,
    api::{Consent, Target},
};
use amanat_desktop::{
    app::Message,
    fake::Fake,
    language::Language,
    screens::{conversation, filter, new_conversation, over, shell},
    settings::Theme,
    words::Words,
};
use driver::{LOOKS, Window, unlocked};
use iced::{Task, keyboard::key::Named, widget::Id};

const FLOOD: &str = "Flood Response Cell";
const CARD: &str = "The guard is 35202-1234567-1.";

fn opened() -> (Window, std::sync::Arc<Fake>, Words) {
    let (mut window, fake) = unlocked(40, Language::English, Theme::Light);
    window.click(FLOOD);
    (window, fake, Words::new(Language::English))
}

fn write(window: &mut Window, text: &str) {
    window.type_into(Id::new(conversation::COMPOSER), text);
}

/// Writes on, where the caret is.
fn insert(window: &mut Window, text: &str) {
    let flood = amanat_desktop::fake::conversations()[3].id;
    let typed = conversation::Message::Typed(amanat_ui::edit::Action::insert(text));
    window.run(Task::done(Message::Shell(shell::Message::Conversation(flood, typed))));
}

fn enter(window: &mut Window, field: &'static str) {
    window.act(|shown| {
        shown.click(Id::new(field)).map(|_| ()).unwrap();
        shown.tap_key(Named::Enter);
    });
}

/// How what was sent was agreed to; none for each that was not.
fn sent(fake: &Fake) -> Vec<Consent> {
    let consent = |command| match command {
        Command::SendText { .. } => Some(Consent::None),
        Command::SendWith { options, .. } => Some(options.consent),
        _ => None,
    };
    fake.asked().into_iter().filter_map(consent).collect()
}

fn warned(words: &Words) -> String {
    words.with("filter-warn", &[("tier", words.say("tier-official").into())])
}

#[test]
fn the_strip_looks_as_it_should() {
    for (name, language, theme) in LOOKS {
        let (mut window, _) = unlocked(40, language, theme);
        let words = Words::new(language);
        window.click(FLOOD);
        write(&mut window, "گارڈ کا شناختی کارڈ 35202-1234567-1 ہے، Annex-B میں 35201-7654321-9 بھی درج ہے۔");
        window.picture(&format!("filter-warn-{name}"));
        insert(&mut window, "\nThe account is paid from 4111-1111-1111-1111.");
        window.type_into(Id::new(filter::REASON), "The bank asked for it today");
        window.picture(&format!("filter-reason-{name}"));
        insert(&mut window, "\nThis is SECRET");
        enter(&mut window, conversation::COMPOSER);
        window.picture(&format!("filter-refuse-{name}"));
        window.click("Bilal Ahmed");
        window.click(&words.say("inbox-new"));
        window.click("Director, Budget Wing");
        window.type_into(Id::new(new_conversation::TEXT), CARD);
        window.picture(&format!("filter-new-{name}"));
    }
}

#[test]
fn a_warning_is_shown_while_one_writes_and_needs_a_press_of_its_own() {
    let (mut window, fake, words) = opened();
    write(&mut window, "Good morning");
    assert!(!window.shows(&warned(&words)), "nothing was found");
    write(&mut window, &format!(" {CARD}"));
    let count = words.with("kind-cnic", &[("count", 1_u64.into())]);
    assert!(window.shows(&words.with("filter-found", &[("found", count.into())])) && window.shows(&warned(&words)));
    enter(&mut window, conversation::COMPOSER);
    window.click(&words.say("composer-send"));
    assert!(sent(&fake).is_empty(), "neither Enter nor the button sends it");
    window.later();
    window.later();
    window.click(&words.say("filter-send"));
    assert_eq!(sent(&fake), [Consent::Seen]);
    assert!(!window.shows(&warned(&words)), "the strip is gone with the text");
    write(&mut window, "Thank you");
    enter(&mut window, conversation::COMPOSER);
    assert_eq!(sent(&fake), [Consent::Seen, Consent::None]);
}

#[test]
fn what_was_found_can_be_taken_out() {
    let (mut window, fake, words) = opened();
    write(&mut window, CARD);
    assert!(window.shows(&warned(&words)));
    window.act(|shown| {
        shown.click(Id::new(conversation::COMPOSER)).map(|_| ()).unwrap();
        for _ in 0..4 {
            shown.tap_key(Named::Backspace);
        }
    });
    assert!(!window.shows(&warned(&words)));
    enter(&mut window, conversation::COMPOSER);
    assert_eq!(sent(&fake), [Consent::None]);
}

#[test]
fn a_reason_needs_words() {
    let (mut window, fake, words) = opened();
    write(&mut window, "Paid from 4111-1111-1111-1111");
    window.later();
    window.later();
    window.click(&words.say("filter-send-reason"));
    enter(&mut window, filter::REASON);
    assert!(sent(&fake).is_empty());
    window.type_into(Id::new(filter::REASON), "The bank asked for it");
    window.click(&words.say("filter-send-reason"));
    assert_eq!(sent(&fake), [Consent::Reason("The bank asked for it".into())]);
    write(&mut window, "And from 4111-1111-1111-1112");
    enter(&mut window, filter::REASON);
    assert_eq!(sent(&fake).len(), 1, "each text has a reason of its own");
    window.type_into(Id::new(filter::REASON), "This one, too");
    enter(&mut window, filter::REASON);
    assert_eq!(sent(&fake).last(), Some(&Consent::Reason("This one, too".into())));
}

#[test]
fn what_is_refused_is_not_sent() {
    let (mut window, fake, words) = opened();
    write(&mut window, "This is SECRET");
    window.later();
    window.later();
    let refused = words.with("filter-refuse", &[("tier", words.say("tier-official").into())]);
    assert!(window.shows(&refused) && !window.shows(&words.say("filter-send")));
    enter(&mut window, conversation::COMPOSER);
    window.click(&words.say("composer-send"));
    assert!(sent(&fake).is_empty());
    window.click("Cabinet Division · Budget");
    write(&mut window, "This is SECRET");
    enter(&mut window, conversation::COMPOSER);
    assert_eq!(sent(&fake), [Consent::None], "it is for a conversation at that tier");
    window.click(FLOOD);
    assert!(window.shows(&refused), "a text that was kept is judged when one comes back to it");
}

#[test]
fn a_first_message_is_judged_for_the_tier_that_it_would_have() {
    let (mut window, fake, words) = opened();
    window.click(&words.say("inbox-new"));
    window.click("Director, Budget Wing");
    window.type_into(Id::new(new_conversation::TEXT), CARD);
    assert!(window.shows(&warned(&words)));
    let tier = over::Message::New(new_conversation::Message::Tier(amanat_identity::Tier::Secret));
    window.run(Task::done(Message::Shell(shell::Message::Over(tier))));
    assert!(!window.shows(&warned(&words)));
    let asked = fake.asked();
    let mut tiers = asked.iter().filter_map(|command| match command {
        Command::Judge { to: Target::Person(_, tier), text } if text == CARD => *tier,
        _ => None,
    });
    assert_eq!(tiers.next_back(), Some(amanat_identity::Tier::Secret));
}
