//! A client that the others have left behind (protocol-spec/05-conversation, section 5): how it finds out.

use amanat_client::{Reply, api::Notice};
use amanat_primitives::DeviceId;

use super::{status::appointed, *};

/// A frame of an epoch that has not begun, as far as it can be read without its keys (RFC 9420, section 6.3).
fn of_epoch(conversation: ConversationId, epoch: u64) -> Vec<u8> {
    let mut frame = vec![0, 1, 0, 2, 16];
    frame.extend(conversation.as_bytes());
    frame.extend(epoch.to_be_bytes());
    frame.extend([1, 0]);
    for _ in 0..2 {
        frame.push(40);
        frame.extend([7; 40]);
    }
    frame
}

/// A group of the secretary with three others, who have gone, as has the relay: a test plays it, and she is linked to it.
async fn alone() -> (Rig, Person, ConversationId, [DeviceId; 2], Script, Scripted) {
    let mut rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    for other in ["director", "clerk", "driver"] {
        rig.person(other, Tier::Secret).await.engine.stop().await;
    }
    let conversation = rig.group(&secretary, &["director", "clerk", "driver"], Tier::Official).await;
    secretary.sync().await;
    let members = secretary.members(conversation).await;
    let mut others = members.iter().filter(|member| !member.own).map(|member| member.device);
    let others = std::array::from_fn(|_| others.next().unwrap());
    rig.stop_relay().await;
    let script = Script::in_place_of(&rig);
    let scripted = script.session().await;
    (rig, secretary, conversation, others, script, scripted)
}

/// The client asks to be added again: to which conversation.
async fn until_asked_again(scripted: &mut Scripted) -> ConversationId {
    let asked = until_request(scripted, |request| match request {
        Request::AskAgain(asked) => Ok(asked.conversation),
        other => Err(other),
    });
    asked.await.1
}

// [CONV-57]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_alone_in_an_epoch_falls_out_and_asks() {
    let (_rig, mut secretary, conversation, others, _script, mut scripted) = alone().await;
    let entry = |position, sender| Entry {
        sender,
        accepted_commit: 99,
        body: Bytes::new(of_epoch(conversation, 99)).unwrap(),
        ..of_another(position, UnitKind::Message)
    };
    // One that skips, so that the log is read.
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(1_000, others[0]) })).await;
    let (number, Read { after, .. }) = until_read(&mut scripted).await;
    // One person, however often, and a stranger: that says nothing. The second one is more than half.
    let stranger = DeviceId::from_bytes([1; 32]);
    let entries = (1..).zip([others[0], others[0], stranger]).map(|(place, sender)| entry(after + place, sender));
    let entries = List::new(entries.collect::<Vec<_>>()).unwrap();
    let answer = Entries { entries, running_before: Digest::ZERO, head: after + 3, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
    for _ in 0..3 {
        let alarm = |event: &Event| match event {
            Event::Alarm { alarm: Alarm::Undecryptable { .. }, .. } => Some(()),
            Event::Conversation(view) if view.state == ConversationState::FellOut => panic!("{view:?}"),
            _ => None,
        };
        secretary.until("alarm", alarm).await;
    }
    // The pushed one is still far ahead, so the log is read again; what is pushed meanwhile would wait for the next news.
    let (number, Read { after, .. }) = until_read(&mut scripted).await;
    scripted.answer(number, no_entries(after)).await;
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(after + 1, others[1]) })).await;
    assert_eq!(until_asked_again(&mut scripted).await, conversation);
}

// [CONV-57] The others' epoch has the number of her own; and a commit of hers says nothing of where they are.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_alone_on_a_branch_falls_out_and_asks() {
    let (rig, mut secretary, conversation, others, script, mut scripted) = alone().await;
    let said = |position, sender, epoch, accepted_commit| Entry {
        sender,
        accepted_commit,
        body: Bytes::new(of_epoch(conversation, epoch)).unwrap(),
        ..of_another(position, UnitKind::Message)
    };
    scripted.say(&FromRelay::Push(Push { conversation, entry: said(1_000, others[0], 1, 99) })).await;
    let (number, Read { after, .. }) = until_read(&mut scripted).await;
    // Of two people what is only damaged, which counts for nothing; of one what is of another branch.
    let entries = (1..).zip([(others[0], 1), (others[1], 1), (others[0], 99)]);
    let entries: Vec<Entry> = entries.map(|(place, (by, behind))| said(after + place, by, 1, behind)).collect();
    let answer =
        Entries { entries: List::new(entries).unwrap(), running_before: Digest::ZERO, head: after + 3, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
    for _ in 0..3 {
        let alarm =
            |event: &Event| matches!(event, Event::Alarm { alarm: Alarm::Undecryptable { .. }, .. }).then_some(());
        secretary.until("alarm", alarm).await;
    }
    assert_eq!(secretary.state_of(conversation).await, ConversationState::Active);

    // She makes a commit, which the relay takes.
    let (number, own, unit) = appointed(&secretary, &rig, &mut scripted, conversation).await;
    let Answer::Appended(taken) = appended(after + 4, Digest::ZERO) else { panic!() };
    let Reply::Status(overview) = secretary.ask(Command::Status).await else { panic!() };
    let status = overview.status.map_or(0, |status| status.number);
    let entry = script.vouched_by(conversation, Entry::of_own(unit, own, taken.clone()), status);
    scripted.answer(number, Answer::Appended(Appended { receipt: entry.receipt, ..taken })).await;
    let appointed = |event: &Event| matches!(event, Event::Notice(Notice::Member { .. })).then_some(());
    secretary.until("that her commit is merged", appointed).await;
    assert_eq!(secretary.state_of(conversation).await, ConversationState::Active);

    scripted.say(&FromRelay::Push(Push { conversation, entry: said(after + 5, others[1], 2, 99) })).await;
    assert_eq!(until_asked_again(&mut scripted).await, conversation);
}
