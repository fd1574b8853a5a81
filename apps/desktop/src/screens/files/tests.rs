//! What is asked before a file goes out, and what is said when one came in.

use std::path::Path;

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

/// The file that is to be looked at.
fn looked_at(wishes: &[Wish<Message, Action>]) -> Vec<&Path> {
    fn path(wish: &Wish<Message, Action>) -> Option<&Path> {
        match wish {
            Wish::Parent(Action::LookAt(_, path)) => Some(path),
            _ => None,
        }
    }
    wishes.iter().filter_map(path).collect()
}

/// The file that is looked at is there, and so is who will have it.
fn found(state: &mut State, path: &str) {
    let number = state.number;
    state.update(Message::Looked(number, path.into(), Ok(1)));
    told(state);
}

/// Who will have it is there.
fn told(state: &mut State) {
    let number = state.number;
    state.update(Message::Members(number, Ok(Reply::Members(fake::members()))));
}

/// The main button is pressed, after the question was in sight for a while.
fn go(state: &mut State) -> Wishes {
    state.at(state.moment + FRESH);
    state.update(Message::Go(state.number))
}

fn asked_about(state: &State) -> Option<(ConversationId, &Path)> {
    match &state.dialog {
        Some(Dialog::Ask { to, file, .. }) => Some((to.id, &file.path)),
        _ => None,
    }
}

#[test]
fn nothing_is_sent_before_the_question_is_answered() {
    let mut state = State::default();
    let wishes = state.attach(conversation());
    assert!(matches!(wishes.first(), Some(Wish::Parent(Action::Pick(1)))));
    assert!(go(&mut state).is_empty(), "no path");
    state.update(Message::Picked(1, None));
    assert!(state.is_open(), "without a portal the field stays");
    let wishes = state.update(Message::Picked(1, Some("/tmp/a.pdf".into())));
    assert!(asks(&wishes).is_empty());
    let wishes = state.update(Message::Looked(1, "/tmp/a.pdf".into(), Err(failure())));
    assert!(wishes.is_empty() && state.is_open());
    let wishes = state.update(Message::Looked(1, "/tmp/a.pdf".into(), Ok(12)));
    assert!(matches!(asks(&wishes)[..], [Command::Members { .. }]));
    assert!(go(&mut state).is_empty(), "before one sees who will have it");
    told(&mut state);
    let wishes = go(&mut state);
    assert!(matches!(asks(&wishes)[..], [Command::SendDocument { path, .. }] if path == Path::new("/tmp/a.pdf")));
    assert!(go(&mut state).is_empty(), "once");
    state.update(Message::Sent(2, "/tmp/a.pdf".into(), Err(failure())));
    assert_eq!(asks(&go(&mut state)).len(), 1, "and again after a failure");
}

#[test]
fn an_answer_to_an_earlier_question_says_nothing() {
    let mut state = State::default();
    state.attach(conversation());
    state.update(Message::Close);
    assert!(state.update(Message::Picked(1, Some("/tmp/late".into()))).is_empty() && !state.is_open());
    state.save(fake::documents(conversation().id).swap_remove(0));
    assert!(state.update(Message::Picked(1, Some("/tmp/late".into()))).is_empty(), "nothing is saved over it");
    assert!(matches!(state.dialog, Some(Dialog::Save { .. })));
    state.update(Message::Close);
    state.dropped(conversation(), "/tmp/a".into());
    found(&mut state, "/tmp/a");
    let number = state.number;
    go(&mut state);
    state.update(Message::Close);
    state.dropped(conversation(), "/tmp/b".into());
    found(&mut state, "/tmp/b");
    state.update(Message::Sent(number, "/tmp/a".into(), Ok(Reply::Kept)));
    assert_eq!(asked_about(&state).unwrap().1, Path::new("/tmp/b"), "the answer about a does not answer b");
}

#[test]
fn files_dropped_together_are_asked_about_one_by_one() {
    let mut state = State::default();
    assert_eq!(looked_at(&state.dropped(conversation(), "/tmp/1".into())), [Path::new("/tmp/1")]);
    assert!(state.dropped(conversation(), "/tmp/2".into()).is_empty(), "while the first is looked at");
    found(&mut state, "/tmp/1");
    assert!(state.dropped(conversation(), "/tmp/3".into()).is_empty());
    assert_eq!(state.nth(), Some((1, 3)));
    assert_eq!(looked_at(&state.update(Message::Close)), [Path::new("/tmp/2")]);
    let number = state.number;
    state.update(Message::Looked(number, "/tmp/2".into(), Err(failure())));
    assert_eq!(state.nth(), Some((2, 3)));
    assert_eq!(looked_at(&state.update(Message::Close)), [Path::new("/tmp/3")]);
    assert_eq!(state.nth(), Some((3, 3)));
    assert!(state.update(Message::Close).is_empty() && !state.is_open());
    state.dropped(conversation(), "/tmp/4".into());
    assert_eq!(state.nth(), None);
}

#[test]
fn a_file_is_asked_about_for_the_conversation_that_it_was_dropped_on() {
    let mut state = State::default();
    let [first, second, ..] = &fake::conversations()[..] else { panic!() };
    state.save(fake::documents(first.id).swap_remove(0));
    assert!(state.dropped(first.clone(), "/tmp/1".into()).is_empty());
    assert!(state.dropped(second.clone(), "/tmp/2".into()).is_empty());
    assert!(matches!(state.dialog, Some(Dialog::Save { .. })), "what is asked stays");
    let wishes = go(&mut state);
    assert!(matches!(asks(&wishes)[..], [Command::Save { .. }]));
    assert_eq!(looked_at(&wishes), [Path::new("/tmp/1")]);
    found(&mut state, "/tmp/1");
    assert_eq!(asked_about(&state), Some((first.id, Path::new("/tmp/1"))));
    state.update(Message::Close);
    found(&mut state, "/tmp/2");
    assert_eq!(asked_about(&state), Some((second.id, Path::new("/tmp/2"))));
    state.update(Message::Close);
    // To be chosen for one, dropped on another.
    state.attach(first.clone());
    assert!(state.dropped(second.clone(), "/tmp/3".into()).is_empty());
    assert_eq!(looked_at(&state.dropped(first.clone(), "/tmp/4".into())), [Path::new("/tmp/4")]);
}

#[test]
fn what_ends_while_something_is_asked_is_said_after_it() {
    let mut state = State::default();
    state.dropped(conversation(), "/tmp/1".into());
    found(&mut state, "/tmp/1");
    state.dropped(conversation(), "/tmp/2".into());
    let document = fake::documents(conversation().id).swap_remove(0);
    let saved = Reply::Saved { path: "/home/a/x".into(), size: 1 };
    state.update(Message::Saved(document.id, document.name, Ok(saved)));
    state.failed("b.pdf".into(), true, failure());
    assert!(asked_about(&state).is_some());
    state.update(Message::Close);
    assert!(matches!(&state.dialog, Some(Dialog::Saved { path, .. }) if path == Path::new("/home/a/x")));
    state.update(Message::Close);
    assert!(matches!(&state.dialog, Some(Dialog::Failed { name, .. }) if name == "b.pdf"));
    assert_eq!(looked_at(&state.update(Message::Close)), [Path::new("/tmp/2")], "and then the next file");
    assert_eq!(state.nth(), Some((2, 2)));
}

#[test]
fn what_is_pasted_is_asked_about_where_it_names_files() {
    let mut state = State::default();
    let wishes = state.pasted(conversation(), "file:///tmp/a%20b\nfile:///tmp/c".into());
    assert_eq!(looked_at(&wishes), [Path::new("/tmp/a b")]);
    assert_eq!(state.nth(), Some((1, 2)));
    let mut state = State::default();
    let wishes = state.pasted(conversation(), "/tmp/a".into());
    let [Wish::Parent(Action::Check(to, text, files))] = &wishes[..] else { panic!() };
    assert!(!state.is_open(), "not before somebody has looked");
    let wishes = state.update(Message::Checked(to.clone(), text.clone(), files.clone(), false));
    assert!(matches!(&wishes[..], [Wish::Parent(Action::Insert(_, text))] if text == "/tmp/a"));
    let wishes = state.update(Message::Checked(to.clone(), text.clone(), files.clone(), true));
    assert_eq!(looked_at(&wishes), [Path::new("/tmp/a")]);
}

#[test]
fn a_document_is_saved_and_opened_after_a_question_only() {
    let mut state = State::default();
    state.save_into("/home/a".into());
    let document = fake::documents(conversation().id).swap_remove(0);
    let wishes = state.save(document.clone());
    assert!(matches!(wishes.first(), Some(Wish::Parent(Action::PickPlace(..)))));
    let wishes = go(&mut state);
    assert!(
        matches!(asks(&wishes)[..], [Command::Save { out, .. }] if *out == Path::new("/home/a").join(&document.name))
    );
    assert!(!state.is_open(), "its card shows how far it is");
    let saved = Reply::Saved { path: "/home/a/x".into(), size: 1 };
    let wishes = state.update(Message::Saved(document.id, document.name.clone(), Ok(saved)));
    assert!(state.is_open() && !wishes.iter().any(|wish| matches!(wish, Wish::Parent(Action::Open(..)))));
    let wishes = go(&mut state);
    assert!(matches!(&wishes[..], [Wish::Parent(Action::Open(_, path))] if path == Path::new("/home/a/x")));
    state.update(Message::Opened(state.number, Err(failure())));
    assert!(state.is_open(), "that it did not open is said");
    state.update(Message::Close);
    state.update(Message::Saved(document.id, document.name, Err(failure())));
    assert!(state.is_open(), "that it was not saved is said");
}

#[test]
fn images_have_thumbnails_in_the_question_and_where_they_were_sent_or_saved() {
    let small = || Some(Thumbnail { width: 1, height: 1, rgba: vec![9; 4] });
    fn pictured(wishes: &[Wish<Message, Action>]) -> Option<Of> {
        wishes.iter().find_map(|wish| match wish {
            Wish::Parent(Action::Picture(of, _)) => Some(*of),
            _ => None,
        })
    }
    let mut state = State::default();
    let looked = |state: &mut State, path: &str| {
        state.dropped(conversation(), path.into());
        state.update(Message::Looked(state.number, path.into(), Ok(1)))
    };
    assert_eq!(pictured(&looked(&mut state, "/tmp/a.pdf")), None);
    state.update(Message::Close);
    let of = pictured(&looked(&mut state, "/tmp/a.PNG")).unwrap();
    state.update(Message::Pictured(Of::Question(1), small()));
    assert!(matches!(state.dialog, Some(Dialog::Ask { picture: None, .. })), "that is another question's");
    state.update(Message::Pictured(of, None));
    state.update(Message::Pictured(of, small()));
    assert!(matches!(state.dialog, Some(Dialog::Ask { picture: Some(_), .. })));
    let [one, other] = [1, 2].map(|n| DocumentId::from_bytes([n; 16]));
    let (conversation, message) = (conversation().id, None);
    let sent = Reply::Sent { conversation, message, document: Some(one) };
    let wishes = state.update(Message::Sent(state.number, "/tmp/a.PNG".into(), Ok(sent)));
    assert!(pictured(&wishes).is_none() && state.pictures().of(one).is_some(), "it is made once");
    let saved = Reply::Saved { path: "/home/a/x.jpg".into(), size: 1 };
    let wishes = state.update(Message::Saved(other, "x.jpg".into(), Ok(saved)));
    assert_eq!(pictured(&wishes), Some(Of::Document(other)));
    state.update(Message::Pictured(Of::Document(other), small()));
    assert!(state.pictures().of(other).is_some());
}

#[test]
fn what_was_meant_for_one_question_does_not_answer_the_next() {
    let mut state = State::default();
    state.dropped(conversation(), "/tmp/1".into());
    found(&mut state, "/tmp/1");
    state.dropped(conversation(), "/tmp/2".into());
    let first = state.number;
    assert!(state.update(Message::Go(first)).is_empty(), "it has just appeared");
    assert_eq!(asks(&go(&mut state)).len(), 1);
    state.update(Message::Sent(first, "/tmp/1".into(), Ok(Reply::Kept)));
    found(&mut state, "/tmp/2");
    assert!(state.update(Message::Go(first)).is_empty(), "the second press of a double click");
    assert!(state.update(Message::Go(state.number)).is_empty(), "or a second Enter");
    assert_eq!(asks(&go(&mut state)).len(), 1);
}

#[test]
fn people_of_other_ministries_stand_first_and_are_marked() {
    let mut members = fake::members();
    let own = members.iter().position(|member| member.own).unwrap();
    members.rotate_left(own);
    let people = people(&members);
    let foreign: Vec<_> = people.iter().map(|reader| reader.ministry.as_deref()).collect();
    assert_eq!(foreign.first(), Some(&Some("finance.example")));
    assert!(foreign.len() > 1 && foreign.iter().skip(1).all(Option::is_none));
}
