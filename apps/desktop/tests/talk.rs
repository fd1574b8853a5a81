//! A conversation without a display: by keys through its messages, by the calendar to a day, asked before somebody of another
//! ministry reads along, files over it and pasted into it; how all of it looks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use std::{path::PathBuf, sync::Arc, time::Duration};

use amanat_client::{
    Command, Failure,
    api::{Change, MemberChange, Who},
};
use amanat_desktop::{
    app::{App, Message},
    backend::Later,
    fake::{self, Fake},
    language::Language,
    screens::{conversation, files, shell},
    settings::{Settings, Theme},
    system::{
        host::{Host, Nothing},
        notify::Notification,
    },
    thumbnail::Thumbnail,
    words::Words,
};
use amanat_primitives::ConversationId;
use driver::{LOOKS, Window};
use iced::{
    Task,
    keyboard::{Key, Modifiers, key::Named},
    widget::Id,
};

const FLOOD: &str = "Flood Response Cell";

/// A desktop whose images all look alike.
struct Images;

impl Host for Images {
    fn pick(&self) -> Later<Option<PathBuf>> {
        Nothing.pick()
    }

    fn save_as(&self, folder: PathBuf, name: String) -> Later<Option<PathBuf>> {
        Nothing.save_as(folder, name)
    }

    fn look_at(&self, path: PathBuf) -> Later<Result<u64, Failure>> {
        Nothing.look_at(path)
    }

    fn open(&self, path: PathBuf) -> Later<Result<(), Failure>> {
        Nothing.open(path)
    }

    fn notify(&self, notification: Notification) -> Later<()> {
        Nothing.notify(notification)
    }

    fn downloads(&self) -> PathBuf {
        Nothing.downloads()
    }

    fn moment(&self) -> Duration {
        Nothing.moment()
    }

    fn thumbnail(&self, _: PathBuf) -> Later<Option<Thumbnail>> {
        let (width, height) = (160, 120);
        let rgba = (0..width * height).flat_map(|n| [(n % width) as u8, (n / width) as u8 * 2, 140, 255]).collect();
        Box::pin(async move { Some(Thumbnail { width, height, rgba }) })
    }
}

fn unlocked(language: Language, theme: Theme) -> (Window, Arc<Fake>, Words) {
    let (opened, fake) = Fake::open(40);
    let settings = Settings { language, theme, ..Settings::default() };
    let (app, task) = App::with(&opened, settings, fake::NOW);
    (Window::open((app.hosted(Arc::new(Images)), task)), fake, Words::new(language))
}

fn press(window: &mut Window, key: Named, modifiers: Modifiers) {
    window.run(Task::done(Message::Key(Key::Named(key), modifiers)));
}

fn letter(window: &mut Window, key: &str) {
    window.run(Task::done(Message::Key(Key::Character(key.into()), Modifiers::CTRL)));
}

fn flood() -> ConversationId {
    fake::conversations()[3].id
}

fn added(fake: &Fake, window: &mut Window, address: &str, name: &str) {
    let who = |address: &str, name: &str| Who { address: address.parse().unwrap(), name: name.into() };
    let change = Change::Member { whom: who(address, name), device: None, change: MemberChange::Added };
    fake.change(flood(), who("director@cabinet.example", "Bilal Ahmed"), change);
    window.run(Task::none());
}

fn write(window: &mut Window, text: &str) {
    window.act(|shown| {
        shown.click(Id::new(conversation::COMPOSER)).map(|_| ()).unwrap();
        shown.typewrite(text);
        shown.tap_key(Named::Enter);
    });
}

fn sent(fake: &Fake) -> usize {
    fake.asked().iter().filter(|asked| matches!(asked, Command::SendText { .. })).count()
}

fn hover(window: &mut Window, over: bool) {
    window.run(Task::done(Message::Shell(shell::Message::Files(files::Message::Hovered(over)))));
}

#[test]
fn what_stands_over_a_conversation_looks_as_it_should() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["نقشہ ضلع شمالی، سیلاب سے متاثرہ دیہات اور امدادی مراکز کی تفصیل.png", "b.txt"];
    for (name, language, theme) in LOOKS {
        let (mut window, fake, words) = unlocked(language, theme);
        window.click(FLOOD);
        letter(&mut window, "g");
        press(&mut window, Named::ArrowDown, Modifiers::empty());
        window.picture(&format!("calendar-{name}"));
        press(&mut window, Named::Escape, Modifiers::empty());
        hover(&mut window, true);
        window.picture(&format!("drop-{name}"));
        for path in paths.map(|path| dir.path().join(path)) {
            std::fs::write(&path, "content").unwrap();
            window.run(Task::done(Message::Dropped(path)));
        }
        window.picture(&format!("image-question-{name}"));
        window.later();
        window.click(&words.say("attach-send"));
        press(&mut window, Named::Escape, Modifiers::empty());
        window.picture(&format!("image-sent-{name}"));
        added(&fake, &mut window, "registrar@health.example", "ڈاکٹر فرح نواز");
        added(&fake, &mut window, "deputy@finance.example", "Imran Qureshi");
        write(&mut window, "See the annex");
        window.picture(&format!("newcomers-{name}"));
    }
}

#[test]
fn a_hint_is_gone_once_files_are_dropped_or_leave() {
    let (mut window, _, words) = unlocked(Language::English, Theme::Light);
    let hint = words.with("drop-here", &[("title", FLOOD.into())]);
    hover(&mut window, true);
    window.run(Task::done(Message::Dropped("/no/such/file".into())));
    window.click(FLOOD);
    assert!(!window.shows(&hint), "it was dropped where nothing was open");
    hover(&mut window, true);
    assert!(window.shows(&hint));
    window.run(Task::done(Message::Dropped("/no/such/file".into())));
    press(&mut window, Named::Escape, Modifiers::empty());
    assert!(!window.shows(&hint));
    window.click(&words.say("documents-title"));
    hover(&mut window, true);
    assert!(window.shows(&hint), "the list of documents is the conversation's");
    hover(&mut window, false);
    assert!(!window.shows(&hint));
    letter(&mut window, "g");
    window.click(&words.say("back"));
    assert!(!window.shows(&words.say("calendar-go")), "nothing was opened that nobody saw");
}

#[test]
fn a_day_is_chosen_and_jumped_to() {
    let (mut window, fake, words) = unlocked(Language::English, Theme::Light);
    window.click(FLOOD);
    letter(&mut window, "g");
    assert!(window.shows(&words.say("calendar-go")));
    // The last message is of today: nothing is of tomorrow.
    press(&mut window, Named::ArrowRight, Modifiers::empty());
    press(&mut window, Named::Enter, Modifiers::empty());
    assert!(window.shows("Nothing was written on or after \u{2068}7 May 2031\u{2069}."));
    let today = Modifiers::empty();
    press(&mut window, Named::ArrowLeft, today);
    press(&mut window, Named::Enter, today);
    assert!(!window.shows(&words.say("calendar-go")), "it is gone once it has led there");
    let asked = fake.asked().iter().filter(|asked| matches!(asked, Command::FirstSince { .. })).count();
    assert_eq!(asked, 2);
    letter(&mut window, "g");
    letter(&mut window, "k");
    press(&mut window, Named::Escape, Modifiers::empty());
    assert!(!window.shows(&words.say("calendar-go")), "nothing else was opened over it");
}

#[test]
fn keys_go_through_the_messages_and_back_to_ones_own_last() {
    let (mut window, _, words) = unlocked(Language::English, Theme::Light);
    window.click(FLOOD);
    for (key, modifiers) in [(Named::PageUp, Modifiers::empty()), (Named::Home, Modifiers::CTRL)] {
        press(&mut window, key, modifiers);
    }
    assert!(!window.shows(&words.say("composer-edit")));
    press(&mut window, Named::End, Modifiers::CTRL);
    window.act(|shown| {
        shown.click(Id::new(conversation::COMPOSER)).map(|_| ()).unwrap();
        shown.tap_key(Named::ArrowUp);
    });
    assert!(window.shows(&words.say("composer-edit")));
}

#[test]
fn somebody_of_another_ministry_is_asked_about_once() {
    let (mut window, fake, words) = unlocked(Language::English, Theme::Light);
    window.click(FLOOD);
    added(&fake, &mut window, "other@cabinet.example", "Ayesha Malik");
    write(&mut window, "one");
    assert_eq!(sent(&fake), 1, "of one's own ministry");
    added(&fake, &mut window, "registrar@health.example", "Farah Nawaz");
    write(&mut window, "two");
    assert!(window.shows("Farah Nawaz") && sent(&fake) == 1);
    window.click(&words.say("newcomers-not-now"));
    assert_eq!(sent(&fake), 1);
    window.act(|shown| {
        shown.click(Id::new(conversation::COMPOSER)).map(|_| ()).unwrap();
        shown.tap_key(Named::Enter);
    });
    assert!(window.shows("Farah Nawaz"), "what was written is still there");
    let all = || Task::done(Message::Shell(shell::Message::Conversation(flood(), conversation::Message::SendAll)));
    window.run(all());
    assert_eq!(sent(&fake), 1, "the second press of a double click");
    window.later();
    window.run(all());
    assert_eq!(sent(&fake), 2);
    write(&mut window, "three");
    assert_eq!(sent(&fake), 3, "it is asked once");
}

#[test]
fn files_are_pasted_and_other_texts_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b.txt");
    std::fs::write(&path, "text").unwrap();
    let (mut window, _, words) = unlocked(Language::English, Theme::Light);
    window.click(FLOOD);
    let paste = |window: &mut Window, text: String| {
        let pasted = conversation::Message::Pasted(text);
        window.run(Task::done(Message::Shell(shell::Message::Conversation(flood(), pasted))));
    };
    paste(&mut window, format!("file://{}", path.display()).replace(' ', "%20"));
    assert!(window.shows(&words.say("attach-question")) && window.shows("a b.txt"));
    press(&mut window, Named::Escape, Modifiers::empty());
    paste(&mut window, path.display().to_string());
    assert!(window.shows(&words.say("attach-question")));
    press(&mut window, Named::Escape, Modifiers::empty());
    paste(&mut window, "/no/such/file".into());
    assert!(!window.shows(&words.say("attach-question")) && !window.shows(&words.say("attach-title")));
    window.click(&words.say("composer-send"));
    assert!(window.shows("/no/such/file"), "a path that is none is a text");
}

#[test]
fn a_reaction_is_sent_as_a_code_whatever_the_language() {
    let (mut window, fake, words) = unlocked(Language::Urdu, Theme::Light);
    window.click(FLOOD);
    let others = fake::hit(flood(), 40).unwrap().message;
    assert!(!others.own);
    let menu = conversation::Message::Menu(others.id);
    window.run(Task::done(Message::Shell(shell::Message::Conversation(flood(), menu))));
    window.click(&words.say("reaction-noted"));
    let sent = fake.asked().into_iter().find_map(|asked| match asked {
        Command::React { text, .. } => Some(text),
        _ => None,
    });
    assert_eq!(sent.as_deref(), Some("noted"));
    let reacted = vec![(others.from.clone(), "agreed".into()), (others.from.clone(), "\u{202E}so be it, then".into())];
    let message = amanat_client::api::MessageView { reactions: reacted, ..others };
    fake.say(amanat_client::Event::MessageChanged { conversation: flood(), message });
    window.run(Task::none());
    let shown = |word: String| words.with("reaction", &[("word", word.into()), ("count", 1_u64.into())]);
    assert!(window.shows(&shown(words.say("reaction-agreed"))) && window.shows(&shown("so be it, th…".into())));
}
