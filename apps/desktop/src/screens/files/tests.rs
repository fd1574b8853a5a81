//! What is asked before a file goes out, and what is said when one came in.

use amanat_client::FailureCode;

use super::*;
use crate::fake;

fn conversation() -> ConversationView {
    fake::conversations().swap_remove(0)
}

fn failure() -> Failure {
    Failure::new(FailureCode::File, "no", "again")
}

fn asks(wishes: &[Wish<Message, Action>]) -> Vec<&Command> {
    fn command(wish: &Wish<Message, Action>) -> Option<&Command> {
        match wish {
            Wish::Ask(command, _) => Some(command),
            _ => None,
        }
    }
    wishes.iter().filter_map(command).collect()
}

#[test]
fn nothing_is_sent_before_the_question_is_answered() {
    let mut state = State::default();
    let wishes = state.attach(conversation());
    assert!(matches!(wishes.first(), Some(Wish::Parent(Action::Pick))));
    assert!(state.update(Message::Go).is_empty(), "no path");
    state.update(Message::Picked(None));
    assert!(state.is_open(), "without a portal the field stays");
    let wishes = state.update(Message::Picked(Some("/tmp/a.pdf".into())));
    assert!(asks(&wishes).is_empty());
    let wishes = state.update(Message::Looked("/tmp/a.pdf".into(), Err(failure())));
    assert!(wishes.is_empty() && state.is_open());
    let wishes = state.update(Message::Looked("/tmp/a.pdf".into(), Ok(12)));
    assert!(matches!(asks(&wishes)[..], [Command::Members { .. }]));
    let wishes = state.update(Message::Go);
    assert!(matches!(asks(&wishes)[..], [Command::SendDocument { path, .. }] if path == Path::new("/tmp/a.pdf")));
    assert!(state.update(Message::Go).is_empty(), "once");
    state.update(Message::Sent(Err(failure())));
    assert_eq!(asks(&state.update(Message::Go)).len(), 1, "and again after a failure");
}

#[test]
fn files_dropped_together_are_asked_about_one_by_one() {
    let mut state = State::default();
    state.dropped(conversation(), "/tmp/1".into());
    state.update(Message::Looked("/tmp/1".into(), Ok(1)));
    assert!(state.dropped(conversation(), "/tmp/2".into()).is_empty());
    let wishes = state.update(Message::Close);
    assert!(matches!(&wishes[..], [Wish::Parent(Action::LookAt(path))] if path == Path::new("/tmp/2")));
    state.update(Message::Looked("/tmp/2".into(), Ok(2)));
    assert!(state.update(Message::Close).is_empty() && !state.is_open());
}

#[test]
fn a_document_is_saved_and_opened_after_a_question_only() {
    let mut state = State::default();
    state.save_into("/home/a".into());
    let document = fake::documents(conversation().id).swap_remove(0);
    let wishes = state.save(document.clone());
    assert!(matches!(wishes.first(), Some(Wish::Parent(Action::PickPlace(..)))));
    let wishes = state.update(Message::Go);
    assert!(
        matches!(asks(&wishes)[..], [Command::Save { out, .. }] if *out == Path::new("/home/a").join(&document.name))
    );
    assert!(!state.is_open(), "its card shows how far it is");
    let saved = Reply::Saved { path: "/home/a/x".into(), size: 1 };
    let wishes = state.update(Message::Saved(document.name.clone(), Ok(saved)));
    assert!(state.is_open() && !wishes.iter().any(|wish| matches!(wish, Wish::Parent(Action::Open(_)))));
    let wishes = state.update(Message::Go);
    assert!(matches!(&wishes[..], [Wish::Parent(Action::Open(path))] if path == Path::new("/home/a/x")));
    state.update(Message::Opened(Err(failure())));
    assert!(state.is_open(), "that it did not open is said");
    state.update(Message::Close);
    state.update(Message::Saved(document.name, Err(failure())));
    assert!(state.is_open(), "that it was not saved is said");
}

#[test]
fn paths_are_read_as_they_are_copied() {
    let read = |text: &str| path_of(&edit::Content::with_text(text));
    assert_eq!(read(" '/tmp/a b.pdf'\n"), Some("/tmp/a b.pdf".into()));
    assert_eq!(read("file:///tmp/a"), Some("/tmp/a".into()));
    assert_eq!(read("  "), None);
}
