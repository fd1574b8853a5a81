//! Coming and going without a display: the first run, unlocking, settings, locking and closing, and how they look in both
//! languages and all themes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

#[path = "screens/driver.rs"]
mod driver;

use std::{path::Path, sync::Arc, time::Duration};

use amanat_client::{
    Failure, FailureCode,
    profile::{JoinStage, Joined},
};
use amanat_desktop::{
    app::{App, Ending, Message, Start},
    fake::{self, Fake},
    language::Language,
    screens::{shell, unlock, welcome},
    settings::{Holder, Settings},
    system::idle,
};
use amanat_identity::{DeviceCode, Tier};
use amanat_primitives::{DeviceId, StatementId};
use amanat_ui::theme::Appearance;
use driver::{LOOKS, Window};
use iced::{
    keyboard::{Key, Modifiers, key::Named},
    widget::Id,
};
use zeroize::Zeroizing;

const PASSPHRASE: &str = "velvet harbour nineteen okra";

fn tell(window: &mut Window, message: Message) {
    let task = window.app.update(message);
    window.run(task);
}

fn first_run(dir: &Path, settings: &Settings) -> Window {
    settings.write(dir).unwrap();
    Window::open(App::new(&Start { profile: dir.to_path_buf() }))
}

/// A profile's screen; nothing of it but that it is there.
fn locked(dir: &Path, settings: &Settings) -> Window {
    std::fs::write(dir.join("key"), []).unwrap();
    first_run(dir, settings)
}

fn unlocked(settings: Settings) -> (Window, Arc<Fake>) {
    let (opened, fake) = Fake::open(40);
    (Window::open(App::with(&opened, settings, fake::NOW)), fake)
}

fn read(needs_code: bool) -> Message {
    let says = Box::new(fake::invitation(needs_code).unwrap());
    let file = Arc::new(Zeroizing::new(b"file".to_vec()));
    Message::Welcome(welcome::Message::Read(Ok(welcome::Invitation { file, says })))
}

fn typed(text: &str) -> Message {
    Message::Welcome(welcome::Message::Passphrase(Zeroizing::new(text.into())))
}

fn again(text: &str) -> Message {
    Message::Welcome(welcome::Message::Again(Zeroizing::new(text.into())))
}

fn stage(stage: JoinStage) -> Message {
    Message::Welcome(welcome::Message::Stage(stage))
}

fn joined(waits: bool) -> Joined {
    let says = fake::invitation(false).unwrap();
    Joined {
        address: says.address,
        name: says.name.to_string(),
        post: says.post.to_string(),
        clearance: Tier::Secret,
        device: DeviceId::from_bytes([2; 32]),
        authority: "Cabinet Division (cabinet.example)".into(),
        waits: waits.then(|| DeviceCode::of(StatementId::from_bytes([9; 32]))),
    }
}

fn offline() -> Failure {
    Failure::new(FailureCode::Offline, "the relay does not answer", "check the network, then try again")
}

#[test]
fn the_first_run_looks_as_it_should() {
    for (name, language, theme) in LOOKS {
        let dir = tempfile::tempdir().unwrap();
        let mut window = first_run(dir.path(), &Settings { language, theme, ..Settings::default() });
        window.picture(&format!("welcome-{name}"));
        tell(&mut window, Message::Welcome(welcome::Message::Hovered(true)));
        let refused = Failure::new(FailureCode::Invitation, "this is not an invitation", "use the officer's file");
        tell(&mut window, Message::Welcome(welcome::Message::Read(Err(refused))));
        window.picture(&format!("welcome-refused-{name}"));
        tell(&mut window, read(false));
        tell(&mut window, typed("elizabeth"));
        window.picture(&format!("welcome-invitation-{name}"));
        tell(&mut window, read(true));
        tell(&mut window, typed(PASSPHRASE));
        tell(&mut window, again(PASSPHRASE));
        window.picture(&format!("welcome-code-{name}"));
        tell(&mut window, stage(JoinStage::Enrolling));
        window.picture(&format!("welcome-joining-{name}"));
        tell(&mut window, Message::Welcome(welcome::Message::Joined(Ok(joined(true)))));
        window.picture(&format!("welcome-waits-{name}"));
    }
}

#[test]
fn unlocking_leaving_and_settings_look_as_they_should() {
    for (name, language, theme) in LOOKS {
        let dir = tempfile::tempdir().unwrap();
        let holder = Holder { name: "Hassan Khalid".into(), authority: "Cabinet Division (cabinet.example)".into() };
        let settings = Settings { language, theme, holder: Some(holder), ..Settings::default() };
        let mut window = locked(dir.path(), &settings);
        window.picture(&format!("unlock-{name}"));
        let wrong = Failure::new(FailureCode::Passphrase, "the passphrase is wrong", "type it again");
        tell(&mut window, Message::Opened(Err(wrong)));
        window.picture(&format!("unlock-wrong-{name}"));
        let (mut window, _) = unlocked(settings);
        tell(&mut window, Message::Shell(shell::Message::Settings));
        window.picture(&format!("settings-{name}"));
        tell(&mut window, Message::Shell(shell::Message::Lock));
        window.picture(&format!("locking-{name}"));
    }
}

#[test]
fn the_largest_text_is_still_all_there() {
    let (mut window, _) = unlocked(Settings { text_size: 200, ..Settings::default() });
    tell(&mut window, Message::Key(Key::Character(",".into()), Modifiers::CTRL));
    // As large as a window at 200 % is in logical pixels.
    let fonts = amanat_ui::fonts::FONTS.iter().map(|font| (*font).into()).collect();
    let settings = iced::Settings { fonts, default_font: amanat_ui::fonts::LATIN, ..iced::Settings::default() };
    let size = iced::Size::new(620.0, 410.0);
    let mut shown = iced_test::Simulator::with_size(settings, size, window.app.view());
    let close = shown.find("Close").unwrap().visible_bounds().unwrap();
    assert!(close.x + close.width <= size.width && close.y + close.height <= size.height);
    assert!(shown.find("Lock by itself").is_ok(), "the rest is there to be scrolled to");
}

#[test]
fn somebody_joins() {
    let dir = tempfile::tempdir().unwrap();
    let mut window = first_run(dir.path(), &Settings::default());
    assert!(window.shows("Drop the invitation here"));
    tell(&mut window, read(false));
    assert!(window.shows("Hassan Khalid") && window.shows("Cabinet Division (cabinet.example)"));
    assert!(window.shows("SECRET") && window.shows("The passphrase is missing."));
    tell(&mut window, typed("password1"));
    assert!(window.shows("The passphrase is too weak."));
    tell(&mut window, typed(PASSPHRASE));
    tell(&mut window, again("velvet harbour"));
    assert!(window.shows("The two passphrases are not the same."));
    tell(&mut window, again(PASSPHRASE));
    assert!(window.shows("All is ready."));
    tell(&mut window, stage(JoinStage::Connecting));
    assert!(window.shows("Connecting to the relay"));
    tell(&mut window, Message::Welcome(welcome::Message::Joined(Err(offline()))));
    assert!(window.shows("The relay cannot be reached.") && window.shows("Hassan Khalid"), "nothing typed is lost");
    assert!(window.shows("The passphrase that you chose before") && window.shows("All is ready."));
    let (opened, _) = Fake::open(4);
    tell(&mut window, Message::Opened(Ok(opened)));
    assert!(window.shows("Flood Response Cell"));
}

#[test]
fn a_join_that_was_broken_off_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut window = locked(dir.path(), &Settings::default());
    let never = Failure::new(FailureCode::NoProfile, "never enrolled", "join again");
    tell(&mut window, Message::Opened(Err(never)));
    assert!(window.shows("Go on with joining"));
    tell(&mut window, read(false));
    tell(&mut window, typed("weak"));
    assert!(window.shows("All is ready."), "it was judged when it was chosen");
}

#[test]
fn what_fails_when_it_is_unlocked_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut window = locked(dir.path(), &Settings { language: Language::Urdu, ..Settings::default() });
    window.type_into(Id::new(unlock::PASSPHRASE), "c");
    for (code, said) in [
        (FailureCode::Passphrase, "پاس فریز غلط ہے۔"),
        (FailureCode::InUse, "یہ پروفائل کسی اور پروگرام میں کھلا ہے۔"),
        (FailureCode::Damaged, "محفوظ شدہ مواد خراب ہے۔"),
    ] {
        tell(&mut window, Message::Opened(Err(Failure::new(code, "failed", "try"))));
        assert!(window.shows(said));
    }
}

#[test]
fn settings_take_effect_at_once_and_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut window = locked(dir.path(), &Settings::default());
    assert!(window.shows("Unlock"));
    window.click("اردو");
    assert!(window.shows("کھولیں"));
    window.click("A+");
    assert!((window.app.scale() - 1.15).abs() < 0.001);
    let kept = Settings::read(dir.path());
    assert_eq!((kept.language, kept.text_size), (Language::Urdu, 115));

    let (mut window, _) = unlocked(Settings::default());
    window.click("Settings");
    window.click("Dark");
    assert_eq!(window.app.look().tokens.appearance, Appearance::Dark);
    assert!(window.shows("High contrast"));
    tell(&mut window, Message::Key(Key::Named(Named::Escape), Modifiers::empty()));
    assert!(!window.shows("High contrast"));
}

#[test]
fn it_locks_by_key_and_when_nobody_is_there_and_closes_cleanly() {
    let lock = |window: &mut Window| tell(window, Message::Key(Key::Character("l".into()), Modifiers::CTRL));
    let later = |seconds| Message::Tick(idle::now() + Duration::from_secs(seconds));
    let (mut window, fake) = unlocked(Settings { lock_after: 2, ..Settings::default() });
    tell(&mut window, later(60));
    assert!(!fake.is_stopped() && window.shows("Flood Response Cell"));
    tell(&mut window, later(121));
    assert!(fake.is_stopped() && !window.shows("Flood Response Cell"));

    let (mut window, fake) = unlocked(Settings::default());
    window.click("Flood Response Cell");
    lock(&mut window);
    assert!(fake.is_stopped() && window.shows("Locked. Keys and text are being taken out of memory."));

    let (mut window, fake) = unlocked(Settings::default());
    tell(&mut window, Message::Close);
    assert!(fake.is_stopped() && window.shows("Closing. What is queued is kept and sent later."));
    tell(&mut window, Message::Stopped(Ending::Closed));
}

#[test]
fn locking_puts_a_new_process_in_place_of_this_one() {
    const NOTES: &str = "AMANAT_TEST_NOTES";
    let Some(notes) = std::env::var_os(NOTES) else {
        // A process of this test alone, which notes its number each time that it begins.
        let dir = tempfile::tempdir().unwrap();
        let notes = dir.path().join("notes");
        let name = "locking_puts_a_new_process_in_place_of_this_one";
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", name]).env(NOTES, &notes).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let numbers = std::fs::read_to_string(&notes).unwrap();
        let numbers: Vec<_> = numbers.lines().filter_map(|line| line.split_once(' ')).collect();
        assert!(matches!(numbers[..], [first, second] if first.0 == second.0), "{numbers:?}");
        assert_eq!((numbers[0].1, numbers[1].1), ("None", "Some(DiskFull)"), "it says why");
        return;
    };
    let before = std::fs::read_to_string(&notes).unwrap_or_default();
    let why = amanat_desktop::system::lock::why();
    std::fs::write(&notes, format!("{before}{} {why:?}\n", std::process::id())).unwrap();
    if before.is_empty() {
        amanat_desktop::system::lock::relock(Some(FailureCode::DiskFull));
    }
}

#[test]
fn an_engine_that_has_stopped_is_said() {
    let (mut window, _) = unlocked(Settings::default());
    let full = Failure::new(FailureCode::DiskFull, "the disk is full", "free some space");
    let stopped = amanat_client::Event::Stopped(full);
    tell(&mut window, Message::Shell(shell::Message::Heard(Box::new(stopped))));
    assert!(window.shows("The disk is full.") && window.shows("Unlock"));
}

#[test]
fn whose_profile_it_is_is_known_the_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut window = locked(dir.path(), &Settings::default());
    let (opened, _) = Fake::open(4);
    tell(&mut window, Message::Opened(Ok(opened)));
    tell(&mut window, Message::Shell(shell::Message::Lock));
    let mut window = Window::open(App::new(&Start { profile: dir.path().to_path_buf() }));
    assert!(window.shows("Hassan Khalid") && window.shows("Cabinet Division"));
}
