//! What is kept, said and read.

use amanat_client::{FailureCode, api::Who};

use super::*;
use crate::{fake, language::Language, words::Words};

fn first() -> ConversationId {
    fake::conversations()[0].id
}

fn alarm(id: u64, alarm: Alarm) -> Warning {
    Warning { id, at: fake::NOW, read: false, of: WarningOf::Alarm { conversation: first(), alarm } }
}

fn notice(id: u64, notice: Notice) -> Warning {
    Warning { id, at: fake::NOW, read: false, of: WarningOf::Notice(notice) }
}

fn listed(state: &mut State, items: &[Warning]) -> Wishes {
    state.update(Message::Listed(Ok(Reply::Warnings(items.to_vec()))))
}

/// Somebody looks for long enough, and says that it was read.
fn read(state: &mut State, id: u64) -> Wishes {
    state.sighted(Some(first()));
    state.at(state.now + FRESH);
    state.update(Message::Read(id))
}

fn ids(state: &State, of: Option<ConversationId>) -> Vec<u64> {
    state.unread(of).iter().map(|item| item.id).collect()
}

fn own() -> Address {
    fake::overview().unwrap().address
}

#[test]
fn every_alarm_and_notice_is_worded_in_every_language() {
    for language in [Language::English, Language::Urdu] {
        let words = Words::new(language);
        let alarms = fake::alarms().into_iter().map(|alarm| WarningOf::Alarm { conversation: first(), alarm });
        let all: Vec<_> = alarms.chain(fake::notices().into_iter().map(WarningOf::Notice)).collect();
        assert!(all.len() > 30);
        for what in all {
            let (means, advice) = wording::words(&what, &words);
            for text in [means, advice] {
                let bare = text.starts_with("alarm-") || text.starts_with("notice-");
                assert!(!bare && !text.contains('{'), "{language:?}: {text}");
            }
        }
    }
}

#[test]
fn one_question_at_a_time_at_the_start_and_after_each_event() {
    let mut state = State::default();
    let conversation = first();
    assert!(matches!(state.begin()[..], [Wish::Ask(Command::Warnings, _)]));
    let gap = fake::alarms().remove(0);
    assert!(state.heard(&Event::Alarm { conversation, alarm: gap.clone() }).is_empty(), "one is on its way");
    assert!(state.heard(&Event::Missed).is_empty());
    assert!(matches!(listed(&mut state, &[])[..], [Wish::Ask(Command::Warnings, _)]), "once more");
    assert!(listed(&mut state, &[alarm(1, gap)]).is_empty());
    assert_eq!(ids(&state, Some(conversation)), [1]);
    assert_eq!(state.elsewhere(None), [conversation]);
    assert!(state.elsewhere(Some(conversation)).is_empty());
    assert_eq!(state.heard(&Event::Notice(Notice::RelayRestored)).len(), 1);
}

#[test]
fn danger_stands_before_caution_and_the_earliest_first() {
    let mut state = State::default();
    let (replay, gap) = (fake::alarms().remove(2), fake::alarms().remove(0));
    let mut items = vec![alarm(1, replay.clone()), alarm(2, gap.clone()), alarm(3, replay), alarm(4, gap)];
    items[3].at = amanat_primitives::Timestamp::from_secs(1);
    listed(&mut state, &items);
    assert_eq!(ids(&state, Some(first())), [4, 2, 1, 3]);
}

#[test]
fn what_is_read_is_kept_as_read_and_comes_back_where_it_cannot_be() {
    let context = Context { look: fake::look(), words: &Words::new(Language::English), now: fake::NOW };
    let mut state = State::default();
    let items = [alarm(7, fake::alarms().remove(0))];
    listed(&mut state, &items);
    let wishes = read(&mut state, 7);
    assert!(matches!(&wishes[..], [Wish::Ask(Command::WarningsRead { warnings }, _)] if warnings == &[7]));
    assert!(ids(&state, Some(first())).is_empty());
    listed(&mut state, &items);
    assert!(ids(&state, Some(first())).is_empty(), "a list from before does not bring it back");
    assert_eq!(state.kept(first(), &[], context).len(), 1, "it says who may read along, and stays");
    let full = Failure::new(FailureCode::DiskFull, "the disk is full", "free some space");
    state.update(Message::Kept(vec![7], Err(full)));
    assert_eq!(ids(&state, Some(first())), [7]);
    assert!(state.trouble(context).is_some());
    read(&mut state, 7);
    assert!(state.trouble(context).is_none());
    let done = [Warning { read: true, ..items[0].clone() }];
    listed(&mut state, &done);
    assert!(ids(&state, Some(first())).is_empty() && state.read.is_empty());
}

#[test]
fn the_second_press_of_a_double_click_reads_nothing() {
    let mut state = State::default();
    let gap = |position| Alarm::Receipt { position };
    listed(&mut state, &[alarm(1, gap(1)), alarm(2, gap(2)), alarm(3, gap(3))]);
    assert_eq!(read(&mut state, 1).len(), 1);
    state.sighted(Some(first()));
    // The second has moved into the place of the first.
    for id in [2, 3] {
        state.at(state.now + Duration::from_millis(100));
        assert!(state.update(Message::Read(id)).is_empty(), "{id}");
    }
    assert_eq!(read(&mut state, 2).len(), 1);
    assert!(state.update(Message::Read(9)).is_empty(), "what nobody sees");
}

#[test]
fn changes_of_members_wait_for_whose_device_it_is() {
    let change = |id, by: &Address, change| {
        let who = |address: &Address| Who { address: address.clone(), name: String::new() };
        let by = who(by);
        notice(id, Notice::Member { conversation: first(), whom: by.clone(), by, device: None, change })
    };
    let other: Address = "clerk@cabinet.example".parse().unwrap();
    let foreign: Address = "analyst@finance.example".parse().unwrap();
    let items = [
        change(1, &other, MemberChange::DeviceAdded),
        change(2, &own(), MemberChange::DeviceAdded),
        change(3, &foreign, MemberChange::Added),
        change(4, &other, MemberChange::Added),
    ];
    let mut state = State::default();
    assert!(listed(&mut state, &items).is_empty() && ids(&state, Some(first())).is_empty());
    let wishes = state.belongs_to(own());
    assert_eq!(ids(&state, Some(first())), [1, 3], "they waited, and were not dropped");
    assert!(matches!(&wishes[..], [Wish::Ask(Command::WarningsRead { warnings }, _)] if warnings == &[2, 4]));
    assert!(state.belongs_to(own()).is_empty(), "asked once");
}
