//! The strip by itself: what it asks for, what counts as an answer, and what is forgotten when the text changes.

use amanat_client::{
    Failure, FailureCode,
    api::{Kind, KindFound},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;

use super::{view::KINDS, *};
use crate::{language::Language, words::Words};

type Wishes = Vec<Wish<Message, ()>>;
type Then = Box<dyn FnOnce(Answer) -> Message + Send>;

const HERE: Target = Target::Conversation(ConversationId::from_bytes([4; 16]));
const CARD: &str = "35202-1234567-1";

fn kind(name: &str) -> Kind {
    name.parse().unwrap()
}

/// One identity card, at these bytes.
fn judged(action: Action, range: Range<usize>) -> Answer {
    let place = Place { kind: kind("cnic"), rule: "identity card".into(), range };
    let kinds = vec![KindFound { kind: kind("cnic"), count: 1, action }];
    Ok(Reply::Judged(Judged { tier: Tier::Official, action, kinds, places: vec![place], unread: false }))
}

fn over(state: &mut State, text: &str) -> Wishes {
    state.look_over(&HERE, text, |message| message)
}

/// The text that is asked about, and what takes the answer.
fn asked(wishes: Wishes) -> Option<(String, Then)> {
    wishes.into_iter().find_map(|wish| match wish {
        Wish::Ask(Command::Judge { text, .. }, then) => Some((text, then)),
        _ => None,
    })
}

/// It was seen for long enough.
fn later(state: &mut State) {
    state.at(state.moment);
    state.at(state.moment + FRESH);
}

/// A text of which this was said.
fn told(action: Action) -> (State, String) {
    let (mut state, text) = (State::default(), format!("It is {CARD}."));
    let (_, then) = asked(over(&mut state, &text)).unwrap();
    assert!(!state.update(then(judged(action, 6..6 + CARD.len()))));
    (state, text)
}

#[test]
fn one_question_is_open_and_an_answer_about_another_text_is_dropped() {
    let mut state = State::default();
    assert!(over(&mut state, " \n").is_empty(), "nothing is written");
    let (first, then) = asked(over(&mut state, CARD)).unwrap();
    assert!(over(&mut state, CARD).is_empty());
    assert!(over(&mut state, "Hello").is_empty() && over(&mut state, "Hello!").is_empty(), "one at a time");
    state.update(then(judged(Action::Refuse, 0..CARD.len())));
    assert!(first == CARD && !state.has_found() && state.lets_pass(), "of an older text");
    let (next, then) = asked(over(&mut state, "Hello!")).unwrap();
    assert_eq!(next, "Hello!");
    state.update(then(Err(Failure::new(FailureCode::Internal, "no", "again"))));
    assert!(over(&mut state, "Hello!").is_empty() && state.lets_pass(), "the engine judges when it is sent");
}

#[test]
fn an_answer_to_a_question_of_another_window_is_dropped() {
    let (_, then) = asked(over(&mut State::default(), CARD)).unwrap();
    let mut state = State::default();
    state.update(then(judged(Action::Refuse, 0..4)));
    assert!(!state.has_found());
}

#[test]
fn a_warning_needs_a_press_of_its_own_for_the_text_as_it_reads() {
    let (mut state, text) = told(Action::Warn);
    assert!(!state.lets_pass() && !state.refuses());
    assert!(state.waits() && !state.update(Message::Press), "nobody has seen it");
    state.at(FRESH * 9);
    assert!(!state.update(Message::Press), "the second press of a double click, however old the time was");
    later(&mut state);
    assert!(!state.waits() && state.update(Message::Press) && state.lets_pass());
    over(&mut state, &format!("{text} And more"));
    assert!(!state.lets_pass() && state.has_found(), "that was agreed to of another text");
    assert!(!state.update(Message::Press), "which is not judged yet");
    assert_eq!(state.take_consent(), Consent::None);
}

#[test]
fn a_reason_needs_words_and_has_a_limit() {
    let (mut state, text) = told(Action::Reason);
    later(&mut state);
    assert!(!state.update(Message::Press));
    state.update(Message::Reason(edit::Action::insert("  ")));
    assert!(!state.update(Message::Press) && !state.lets_pass(), "white space is none");
    state.update(Message::Reason(edit::Action::insert("و".repeat(600))));
    assert!(state.update(Message::Press) && state.lets_pass());
    let Consent::Reason(reason) = state.take_consent() else { panic!("a reason") };
    assert!(reason.len() <= REASON_BYTES && reason.len() > REASON_BYTES - 4);
    state.sent();
    over(&mut state, "");
    assert!(state.reason.is_empty());
    state.came_back(&Consent::Reason(reason.clone()));
    over(&mut state, &text);
    assert_eq!(state.reason.as_str(), reason, "what could not be sent comes back with its reason");
}

#[test]
fn what_is_refused_is_not_sent_whatever_is_pressed() {
    for action in [Action::Approve, Action::Refuse] {
        let (mut state, _) = told(action);
        later(&mut state);
        state.update(Message::Reason(edit::Action::insert("because")));
        assert!(!state.update(Message::Press) && !state.lets_pass() && state.refuses());
        let _ = state.point::<()>();
        assert!(state.pointed);
    }
}

#[test]
fn marks_move_with_the_text_until_the_next_answer() {
    let (mut state, text) = told(Action::Warn);
    let shown = |state: &State, text: &str| -> Vec<String> {
        state.marks().into_iter().map(|mark| text[mark].to_owned()).collect()
    };
    let greeted = format!("جی! {text}");
    for text in [greeted.clone(), format!("{greeted} شکریہ"), greeted, text.clone(), format!("{text} {text}")] {
        over(&mut state, &text);
        assert_eq!(shown(&state, &text), [CARD], "{text}");
    }
    over(&mut state, "It is 35202-0.");
    assert!(shown(&state, "It is 35202-0.").is_empty(), "a key within it");
    over(&mut state, "");
    assert!(!state.has_found(), "nothing is written any more");
}

#[test]
fn kinds_that_are_allowed_are_not_marked() {
    let (mut state, text) = (State::default(), format!("{CARD} a@b.example"));
    let (_, then) = asked(over(&mut state, &text)).unwrap();
    let Ok(Reply::Judged(mut found)) = judged(Action::Warn, 0..CARD.len()) else { panic!() };
    found.kinds.push(KindFound { kind: kind("email"), count: 1, action: Action::Allow });
    found.places.push(Place { kind: kind("email"), rule: "e-mail address".into(), range: CARD.len() + 1..text.len() });
    state.update(then(Ok(Reply::Judged(found))));
    let card = 0..CARD.len();
    assert_eq!(state.marks(), [card]);
}

#[test]
fn every_kind_of_the_built_in_policy_has_words_in_every_language() {
    for language in [Language::English, Language::Urdu] {
        let words = Words::new(language);
        let mut seen = std::collections::BTreeSet::new();
        for count in [1, 2, 12] {
            for name in KINDS {
                let said = view::kind_words(name, count, &words);
                assert!(said.contains(&language.number(count.into())) && !said.contains("kind-"), "{said}");
                seen.insert(said);
            }
            assert!(view::kind_words("service-number", count, &words).contains("service-number"));
        }
        assert_eq!(seen.len(), KINDS.len() * 3);
        for key in ["filter-warn", "filter-needs-reason", "filter-approve", "filter-refuse"] {
            assert!(words.with(key, &[("tier", "TIER".into())]).contains("TIER"), "{key}");
        }
        for key in ["filter-send", "filter-change", "filter-send-reason", "filter-change-reason", "filter-why"] {
            assert_ne!(words.say(key), key);
        }
    }
}
