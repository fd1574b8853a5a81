//! The end of a run: the world is healed, and everything must agree. What was accepted is with everybody who was a member
//! there, once and in its order; all members are in the same epoch of the same log; and nobody was told of anything that
//! did not happen.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use amanat_client::{
    Command, Reply,
    api::{Change, ConversationState, Line, MemberChange, MessageState, MessageView, Notice, WarningOf},
    testing::loot,
};
use amanat_conversation::Conversation;
use amanat_identity::Address;
use amanat_primitives::{ConversationId, Digest, MessageId};
use tokio::time::sleep;

use crate::{
    machine::Machine,
    world::{Talk, World, address},
};

/// Mends everything and waits until nothing happens any more.
pub(crate) async fn heal(world: &mut World) {
    world.trace.note("world", "healed");
    world.relay.clock.set_wrong_by(0);
    for number in 0..world.people.len() {
        // Whose clock was too far off starts again with the right one: what was felt to differ, or to have lapsed, is felt
        // when it starts and when it links.
        world.people[number].set_clock(0, true).await;
    }
    world.calm().await;
    world.take_opened();
    // What was waited for with a rest of a minute, and what others do because of it.
    sleep(Duration::from_secs(120)).await;
    assert!(world.calm().await, "the world does not come to rest");
}

/// What somebody is shown of a conversation.
struct Shown {
    lines: Vec<Line>,
    state: Option<ConversationState>,
    members: BTreeSet<String>,
}

/// Checks all that is said above. Ends the engines.
pub(crate) async fn check(world: &mut World) {
    let mut shown = Vec::new();
    for person in &world.people {
        no_false_alarms(world, &person.name, person.ask(Command::Warnings).await);
        let mut here = BTreeMap::new();
        for conversation in world.talks.keys().copied() {
            here.insert(conversation, look(person, conversation).await);
        }
        shown.push(here);
    }
    for (conversation, talk) in &world.talks {
        let of = |number: usize| &shown[number][conversation];
        members_agree(world, talk, of);
        messages_agree(world, talk, |number| &of(number).lines);
    }
    for person in &mut world.people {
        person.stop().await;
    }
    for (conversation, talk) in &world.talks {
        groups_agree(world, *conversation, talk, |number| shown[number][conversation].state);
    }
}

async fn look(person: &Machine, conversation: ConversationId) -> Shown {
    let read = Command::Read { conversation, since: 0, limit: u32::MAX, mark: false };
    let lines = match person.ask(read).await {
        Some(Ok(Reply::Lines(lines))) => lines,
        // A guest that was never there.
        Some(Err(_)) => return Shown { lines: Vec::new(), state: None, members: BTreeSet::new() },
        other => panic!("{}: {other:?}", person.name),
    };
    let Some(Ok(Reply::Conversations(all))) = person.ask(Command::Conversations).await else { panic!() };
    let state = all.iter().find(|view| view.id == conversation).map(|view| view.state);
    let Some(Ok(Reply::Members(members))) = person.ask(Command::Members { conversation }).await else { panic!() };
    Shown { lines, state, members: members.iter().map(|member| member.address.to_string()).collect() }
}

/// Who is in it, and who knows it.
fn members_agree<'a>(world: &World, talk: &Talk, of: impl Fn(usize) -> &'a Shown) {
    let founder = talk.staying[0];
    for number in talk.staying.iter().chain(&talk.guests).copied() {
        let (name, here) = (&world.people[number].name, of(number));
        let is_in = of(founder).members.contains(&address(name).to_string());
        assert!(is_in || talk.guests.contains(&number), "{name} is in it no more");
        assert_eq!(here.state == Some(ConversationState::Active), is_in, "{name} takes it for {:?}", here.state);
        assert!(!is_in || here.members == of(founder).members, "{name} sees other members: {:?}", here.members);
    }
}

fn no_false_alarms(world: &World, name: &str, reply: Option<Result<Reply, amanat_client::Failure>>) {
    let Some(Ok(Reply::Warnings(warnings))) = reply else { panic!("{name}: {reply:?}") };
    for warning in warnings {
        let justified = match &warning.of {
            WarningOf::Alarm { .. } => false,
            WarningOf::Notice(notice) => match notice {
                Notice::Member { .. } | Notice::NewDevice { .. } | Notice::LastResortUsed => true,
                Notice::ClockSkew { .. } => world.clocks_differed,
                // No officer publishes another one.
                Notice::StatusExpired { since } => *since < world.time.now(),
                _ => false,
            },
        };
        assert!(justified, "{name} was told without a reason: {:?}", warning.of);
    }
}

fn messages(lines: &[Line]) -> Vec<&MessageView> {
    lines.iter().filter_map(|line| if let Line::Message(message) = line { Some(&**message) } else { None }).collect()
}

/// What everybody is shown of a conversation.
fn messages_agree<'a>(world: &World, talk: &Talk, of: impl Fn(usize) -> &'a Vec<Line>) {
    let names = |number: usize| &world.people[number].name;
    let everybody = || talk.staying.iter().chain(&talk.guests).copied();
    for number in everybody() {
        once_and_in_order(names(number), &messages(of(number)));
    }
    // Who promised and stayed has kept it.
    let mut accepted: BTreeMap<MessageId, usize> = BTreeMap::new();
    for promise in &talk.promised {
        let own = messages(of(promise.by)).into_iter().find(|message| message.id == promise.message);
        let own = own.unwrap_or_else(|| panic!("{} has lost {}", names(promise.by), promise.message));
        if own.state >= MessageState::Accepted {
            accepted.insert(promise.message, promise.by);
        } else {
            assert!(talk.guests.contains(&promise.by), "{} still waits to send: {own:?}", names(promise.by));
        }
    }
    // Who stayed has all of it, and nothing else.
    for number in talk.staying.iter().copied() {
        let mut here: Vec<_> = messages(of(number)).iter().map(|message| message.id).collect();
        here.retain(|id| accepted.contains_key(id) || !talk.promised.iter().any(|promise| promise.message == *id));
        here.sort_unstable();
        let all: Vec<_> = accepted.keys().copied().collect();
        assert!(here == all, "{} lacks {:?}", names(number), difference(&all, &here));
    }
    // Of two who stayed, both have what others said in the same order.
    for (one, other) in talk.staying.iter().zip(talk.staying.iter().skip(1)) {
        let order = |number: usize| -> Vec<MessageId> {
            let theirs = [names(*one), names(*other)].map(|name| address(name));
            let all = messages(of(number)).into_iter();
            all.filter(|message| !theirs.contains(&message.from)).map(|message| message.id).collect()
        };
        assert_eq!(order(*one), order(*other), "{} and {} differ in order", names(*one), names(*other));
    }
    for guest in talk.guests.iter().copied() {
        guest_has_what_was_said_there(world, talk, guest, &of);
    }
}

/// What the founder saw between a guest's coming and going is what the guest has of others. Who asks to leave reads no
/// more from then on, though others are removing the device still: of that time it has a beginning.
fn guest_has_what_was_said_there<'a>(world: &World, talk: &Talk, guest: usize, of: &impl Fn(usize) -> &'a Vec<Line>) {
    let (founder, whom) = (talk.staying[0], address(&world.people[guest].name));
    let mut stays = vec![Stay::default()];
    // The guests come with the conversation.
    let mut is_in = true;
    for line in of(founder) {
        match line {
            Line::Change(change) => {
                if let Change::Member { whom: other, change, .. } = &change.change
                    && other.address == whom
                {
                    match change {
                        MemberChange::Added => stays.push(Stay::default()),
                        MemberChange::Left => stays.iter_mut().next_back().unwrap().asked_to_leave = true,
                        _ => {}
                    }
                    is_in = match change {
                        MemberChange::Added => true,
                        MemberChange::Removed | MemberChange::Left => false,
                        _ => is_in,
                    };
                }
            }
            // One's own stand where they were said, not where they are in the log.
            Line::Message(message) if message.own || message.from == whom => {}
            Line::Message(message) if is_in => {
                let early = added_before(of, world, message, &whom) < stays.len() - 1;
                stays.iter_mut().next_back().unwrap().said.push(Said { id: message.id, early });
            }
            Line::Message(_) => {}
        }
    }
    let founder = address(&world.people[founder].name);
    let others = |message: &&MessageView| !message.own && message.from != founder;
    let here: Vec<_> = messages(of(guest)).into_iter().filter(others).map(|message| message.id).collect();
    let mut rest = here.iter().peekable();
    for stay in &stays {
        let has = |said: &Said| rest.next_if(|id| **id == said.id).is_some() || said.early;
        let whole = stay.said.iter().all(has) || stay.asked_to_leave;
        assert!(whole, "{whom} lacks what was said while in it: {stays:?}, {here:?}");
    }
    assert_eq!(rest.next(), None, "{whom} was shown what was said while not in it: {stays:?}, {here:?}");
}

/// How often somebody had been added, by the account of a message's author, when that one wrote it.
fn added_before<'a>(
    of: &impl Fn(usize) -> &'a Vec<Line>,
    world: &World,
    message: &MessageView,
    whom: &Address,
) -> usize {
    let author = world.people.iter().position(|person| address(&person.name) == message.from).unwrap();
    let is_it = |line: &&Line| matches!(line, Line::Message(other) if other.id == message.id);
    let before = of(author).iter().take_while(|line| !is_it(line));
    let adds = before.filter(|line| {
        let Line::Change(change) = line else { return false };
        let Change::Member { whom: other, change: MemberChange::Added, .. } = &change.change else { return false };
        other.address == *whom
    });
    adds.count()
}

/// A time in which a guest is in a conversation.
#[derive(Debug, Default)]
struct Stay {
    /// What others said, by the founder's account.
    said: Vec<Said>,
    asked_to_leave: bool,
}

/// Something that was said.
#[derive(Debug)]
struct Said {
    id: MessageId,
    /// Its author did not know yet that the guest had been added: so the guest may not be able to read it.
    early: bool,
}

fn once_and_in_order(name: &str, messages: &[&MessageView]) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for message in messages {
        assert!(ids.insert(message.id), "{name} is shown {} twice", message.id);
        let amanat_client::api::MessageBody::Text(text) = &message.body else { panic!("{:?}", message.body) };
        let number: u64 = text.split(' ').next().and_then(|number| number.parse().ok()).unwrap();
        let before = last.insert(message.from.to_string(), number);
        assert!(before < Some(number), "{name}: {} is out of order", message.from);
    }
}

fn difference(all: &[MessageId], here: &[MessageId]) -> Vec<String> {
    let missing = all.iter().filter(|id| !here.contains(id)).map(|id| format!("-{id}"));
    missing.chain(here.iter().filter(|id| !all.contains(id)).map(|id| format!("+{id}"))).collect()
}

/// Epoch, its secret, position and R.
type Place = (u64, Vec<u8>, u64, Digest);

/// Epoch, secret and log of whoever is in it.
fn groups_agree(world: &World, id: ConversationId, talk: &Talk, state: impl Fn(usize) -> Option<ConversationState>) {
    let mut first: Option<(String, Place)> = None;
    let is_in = |number: &usize| state(*number) == Some(ConversationState::Active);
    for number in talk.staying.iter().chain(&talk.guests).copied().filter(is_in) {
        let person = &world.people[number];
        let profile = person.open().unwrap();
        let group = Conversation::load(&id, loot::records(&profile, id).unwrap()).unwrap().unwrap();
        let log = group.log();
        let here = (group.epoch(), group.epoch_authenticator(), log.position(), log.running());
        world.trace.note(&person.name, format!("{id}: epoch {}, position {}", here.0, here.2));
        match &first {
            Some((other, there)) => assert!(*there == here, "{other} and {} differ: {there:?} {here:?}", person.name),
            None => first = Some((person.name.clone(), here)),
        }
    }
}
