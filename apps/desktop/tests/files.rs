//! Documents without a display: a file is dropped, asked about, sent, paused and saved; the list of documents; how all of it
//! looks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use std::{path::PathBuf, sync::Arc};

use amanat_client::{
    Command, Event,
    api::{Direction, Progress},
};
use amanat_desktop::{
    app::Message,
    fake::Fake,
    language::Language,
    screens::{files, shell},
    settings::Theme,
    words::Words,
};
use driver::{LOOKS, Window};
use iced::{Task, keyboard::key::Named, widget::Id};

fn unlocked(language: Language, theme: Theme) -> (Window, Arc<Fake>, Words) {
    let (window, fake) = driver::unlocked(40, language, theme);
    (window, fake, Words::new(language))
}

fn drop_file(window: &mut Window, path: PathBuf) {
    window.run(Task::done(Message::Dropped(path)));
}

/// A file with a name that would deceive.
fn file(dir: &std::path::Path) -> PathBuf {
    let path = dir.join("Relief summary \u{202E}fdp.pdf");
    std::fs::write(&path, vec![7; 300_000]).unwrap();
    path
}

#[test]
fn every_question_about_a_file_looks_as_it_should() {
    let dir = tempfile::tempdir().unwrap();
    for (name, language, theme) in LOOKS {
        let (mut window, _, words) = unlocked(language, theme);
        window.click("Flood Response Cell");
        window.run(Task::done(Message::Shell(shell::Message::Attach)));
        window.picture(&format!("attach-{name}"));
        drop_file(&mut window, file(dir.path()));
        window.picture(&format!("attach-question-{name}"));
        window.later();
        window.click(&words.say("attach-send"));
        window.picture(&format!("document-sending-{name}"));
        window.click(&words.say("documents-title"));
        window.picture(&format!("documents-{name}"));
        window.click(&words.say("document-save"));
        window.picture(&format!("save-{name}"));
        window.later();
        window.click(&words.say("save-save"));
        window.picture(&format!("saved-{name}"));
    }
}

#[test]
fn a_dropped_file_is_sent_after_the_question_alone_and_can_be_paused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut window, fake, _) = unlocked(Language::English, Theme::Light);
    let sent = |fake: &Fake| fake.asked().into_iter().any(|asked| matches!(asked, Command::SendDocument { .. }));
    drop_file(&mut window, file(dir.path()));
    assert!(!window.shows("Send this document?"), "no conversation is open");
    window.click("Flood Response Cell");
    drop_file(&mut window, dir.path().to_path_buf());
    assert!(window.shows("This is a folder, not a file."));
    drop_file(&mut window, file(dir.path()));
    assert!(window.shows("Send this document?") && window.shows("Relief summary fdp.pdf") && !sent(&fake));
    window.run(Task::done(Message::Key(iced::keyboard::Key::Named(Named::Escape), iced::keyboard::Modifiers::empty())));
    assert!(!window.shows("Send this document?") && !sent(&fake));
    drop_file(&mut window, file(dir.path()));
    window.later();
    window.click("Send document");
    assert!(sent(&fake));
    window.click("Pause");
    assert!(window.shows("Resume"));
    window.click("Cancel");
    assert!(fake.asked().into_iter().any(|asked| matches!(asked, Command::CancelDocument { .. })));
}

#[test]
fn a_path_is_written_where_no_portal_asks() {
    let dir = tempfile::tempdir().unwrap();
    let (mut window, fake, _) = unlocked(Language::English, Theme::Light);
    window.click("Flood Response Cell");
    window.click("Attach");
    let path = dir.path().join("plain.txt");
    std::fs::write(&path, "text").unwrap();
    window.act(|shown| {
        shown.click(Id::new(files::PATH)).map(|_| ()).unwrap();
        shown.typewrite(path.to_str().unwrap());
    });
    window.later();
    window.act(|shown| {
        shown.click(Id::new(files::PATH)).map(|_| ()).unwrap();
        shown.tap_key(Named::Enter);
    });
    window.later();
    window.click("Send document");
    let sent = fake.asked().into_iter().find_map(|asked| match asked {
        Command::SendDocument { path, .. } => Some(path),
        _ => None,
    });
    assert_eq!(sent, Some(path));
}

#[test]
fn progress_is_shown_and_a_failure_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (mut window, fake, _) = unlocked(Language::English, Theme::Light);
    window.click("Flood Response Cell");
    drop_file(&mut window, file(dir.path()));
    window.later();
    window.click("Send document");
    let document = amanat_primitives::DocumentId::from_bytes([0; 16]);
    let progress = |done| Progress { document, direction: Direction::Sending, done, total: 8 * 1024 * 1024 };
    fake.say(Event::Progress(progress(4 * 1024 * 1024)));
    window.run(Task::none());
    assert!(window.shows("\u{2068}Sending\u{2069} · \u{2068}4.2\u{a0}MB\u{2069} of \u{2068}8.4\u{a0}MB\u{2069}"));
    let failure = amanat_client::Failure::new(amanat_client::FailureCode::Quota, "no room", "ask the IT team");
    fake.say(Event::DocumentFailed { document, failure });
    window.run(Task::none());
    assert!(window.shows("No room.") && window.shows("Resume"));
}

#[test]
fn a_name_that_the_leak_filter_does_not_let_pass_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Guard 35202-1234567-1.txt");
    std::fs::write(&path, "text").unwrap();
    let (mut window, _, words) = unlocked(Language::English, Theme::Light);
    window.click("Flood Response Cell");
    drop_file(&mut window, path);
    window.later();
    window.click(&words.say("attach-send"));
    assert!(window.shows(&words.say("attach-filtered")) && window.shows(&words.say("attach-question")));
}
