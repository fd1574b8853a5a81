//! An engine against a relay that does what a test says (protocol-spec/07-delivery, section 12): what the client must do,
//! and must refuse, whatever the other side is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::result_large_err)] // what fails, fails the test

#[path = "scripted_relay/crossing.rs"]
mod crossing;
#[path = "scripted_relay/given_again.rs"]
mod given_again;
#[path = "scripted_relay/leaving.rs"]
mod leaving;
#[path = "scripted_relay/old_copy.rs"]
mod old_copy;
#[path = "scripted_relay/own_devices.rs"]
mod own_devices;
#[path = "scripted_relay/parted.rs"]
mod parted;
#[path = "scripted_relay/people.rs"]
mod people;
#[path = "scripted_relay/receipts.rs"]
mod receipts;
#[path = "scripted_relay/refused.rs"]
mod refused;
#[path = "scripted_relay/revoked.rs"]
mod revoked;
#[path = "scripted_relay/status.rs"]
mod status;

use std::{net::SocketAddr, time::Duration};

use amanat_client::{
    Command, Event, FailureCode,
    api::{Alarm, ConversationState, LinkState, MessageState, Target},
};
use amanat_identity::{RelayKeys, Tier};
use amanat_net::{Link, Server};
use amanat_primitives::{ConversationId, Digest, Incarnation, Timestamp, agree::NoiseSecret};
use amanat_relay_core::{Config, folder};
use amanat_tests::{Person, Rig};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::{Hello, Identity, NumberedRequest, Read, Request, ToRelay},
    limits,
    log::{Entry, RetentionClass, Unit, UnitKind},
    relay::{
        Answer, Appended, Chains, ClaimedKeyPackage, Cursors, Entries, FromRelay, LogState, News, NumberedAnswer, Push,
        Ready, Refusal,
    },
};

/// What a test waits for comes long before this, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A relay's keys and address, without the relay.
struct Script {
    server: Server,
    incarnation: Incarnation,
    keys: RelayKeys,
}

/// One link, past its hello.
struct Scripted {
    link: Link,
    /// The device's chain, as its hello showed it.
    chain: Vec<u8>,
}

impl Script {
    /// Takes the place of the rig's relay, which was stopped.
    fn in_place_of(rig: &Rig) -> Self {
        let keys = folder::load_keys(&rig.relay_dir()).unwrap();
        let address: SocketAddr = Config::load(&rig.relay_dir()).unwrap().listen[0];
        let noise = NoiseSecret::from_secret(keys.noise().secret().duplicate());
        let server = Server::bind(address, &folder::tls_key(&keys).unwrap(), noise, false).unwrap();
        Self { server, incarnation: rig.incarnation(), keys }
    }

    async fn accept(&self) -> Link {
        self.server.accept().await.handshake().await.unwrap()
    }

    /// Accepts, reads the hello, and greets with a status statement.
    async fn greet(&self, status: Bytes<{ limits::CHAIN }>) -> Scripted {
        self.greet_at(Timestamp::from(std::time::SystemTime::now()), status).await
    }

    /// The same, by a clock that shows this.
    async fn greet_at(&self, now: Timestamp, status: Bytes<{ limits::CHAIN }>) -> Scripted {
        let mut link = self.accept().await;
        let hello = link.receiver.recv().await.unwrap().unwrap();
        let Ok(ToRelay::Hello(Hello { identity: Identity::Device(chain), .. })) = ToRelay::from_bytes(&hello) else {
            panic!()
        };
        let mut scripted = Scripted { link, chain: chain.into_vec() };
        scripted.say(&FromRelay::Ready(Ready { now, incarnation: self.incarnation, status })).await;
        scripted
    }

    /// Accepts, reads the hello, greets, and answers the first question for news with "nothing". The question for the
    /// person's devices comes before or after it.
    async fn session(&self) -> Scripted {
        let mut scripted = self.greet(Bytes::default()).await;
        loop {
            match scripted.request().await {
                (number, Request::News(_)) => {
                    scripted.answer(number, nothing_new()).await;
                    return scripted;
                }
                (
                    number,
                    request @ (Request::OwnDevices(_)
                    | Request::Cursors(_)
                    | Request::PutStatement(_)
                    | Request::AskAgain(_)),
                ) => {
                    scripted.pass(number, request).await;
                }
                (_, other) => panic!("{other:?}"),
            }
        }
    }
}

impl Scripted {
    async fn say(&mut self, message: &FromRelay) {
        self.link.sender.send(&message.to_bytes()).await.unwrap();
        self.link.sender.flush().await.unwrap();
    }

    async fn answer(&mut self, number: u32, answer: Answer) {
        self.say(&FromRelay::Answer(NumberedAnswer { number, answer })).await;
    }

    async fn request(&mut self) -> (u32, Request) {
        let message = tokio::time::timeout(PATIENCE, self.link.receiver.recv()).await;
        match ToRelay::from_bytes(&message.unwrap().unwrap().unwrap()).unwrap() {
            ToRelay::Request(NumberedRequest { number, request }) => (number, request),
            other => panic!("{other:?}"),
        }
    }

    /// Answers what a test does not ask about with "nothing new" or "done".
    async fn pass(&mut self, number: u32, request: Request) {
        let answer = match request {
            Request::News(_) => nothing_new(),
            Request::Read(read) => no_entries(read.after),
            Request::OwnDevices(_) => Answer::Devices(List::default()),
            Request::Cursors(_) => Answer::Cursors(Cursors { logs: List::default(), more: None }),
            Request::Chains(_) => Answer::Chains(Chains { chains: List::default(), more: false }),
            _ => Answer::Done(amanat_wire::client::Nothing {}),
        };
        self.answer(number, answer).await;
    }

    /// Whether the engine sends nothing into a log before it asks for news, which it is told to: what it may send goes out
    /// first.
    async fn gets_no_append(&mut self, by: &Person) -> bool {
        let engine = by.engine.clone();
        drop(tokio::spawn(async move { engine.ask(Command::Sync).await }));
        loop {
            match self.request().await {
                (_, Request::Append(_)) => return false,
                (number, request) => {
                    let asked = matches!(request, Request::News(_));
                    self.pass(number, request).await;
                    if asked {
                        return true;
                    }
                }
            }
        }
    }

    /// The next append, everything else on the way passed.
    async fn append(&mut self) -> (u32, Unit) {
        loop {
            match self.request().await {
                (number, Request::Append(unit)) => return (number, unit),
                (number, request) => self.pass(number, request).await,
            }
        }
    }
}

fn nothing_new() -> Answer {
    Answer::News(News {
        logs: List::default(),
        direct: List::default(),
        more_logs: None,
        more_direct: false,
        key_packages: 100,
        last_resort_used: 0,
    })
}

fn no_entries(after: u64) -> Answer {
    let entries = List::default();
    Answer::Entries(Entries { entries, running_before: Digest::ZERO, head: after, first_kept: 1 })
}

/// An entry of somebody who is no member, which nobody can read.
fn of_another(position: u64, kind: UnitKind) -> Entry {
    Entry {
        position,
        kind,
        stamp: Timestamp::from(std::time::SystemTime::now()),
        sender: amanat_primitives::DeviceId::from_bytes([1; 32]),
        unit: amanat_primitives::UnitId::from_bytes([position as u8; 16]),
        seen_commit: 1,
        accepted_commit: 1,
        body: Bytes::new(vec![9; 64]).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    }
}

/// Two people who have talked once; then the relay is stopped, the director too, and the script takes its place.
async fn after_one_message() -> (Rig, Person, Target, Script) {
    let mut rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (conversation, message) = secretary.say(&rig.to("director", Tier::Official), "one").await;
    director.next_message().await;
    secretary.until_state(message, MessageState::Delivered).await;
    director.engine.stop().await;
    secretary.sync().await;
    rig.stop_relay().await;
    let script = Script::in_place_of(&rig);
    (rig, secretary, Target::Conversation(conversation), script)
}

async fn until_down(person: &mut Person) -> FailureCode {
    let down = |event: &Event| match event {
        Event::Link(LinkState::Down { failure, .. }) if failure.code != FailureCode::Offline => Some(failure.code),
        _ => None,
    };
    person.until("refusal of the link", down).await
}

fn appended(position: u64, running: Digest) -> Answer {
    let stamp = Timestamp::from(std::time::SystemTime::now());
    Answer::Appended(Appended { position, stamp, running, receipt: Bytes::default(), seal: Digest::ZERO })
}

// [DELIV-85]
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_the_greeting_ends_the_link() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let mut scripted = Scripted { link: script.accept().await, chain: Vec::new() };
    scripted.link.receiver.recv().await.unwrap().unwrap();
    let entry = Entry {
        position: 99,
        kind: UnitKind::Message,
        stamp: Timestamp::default(),
        sender: amanat_primitives::DeviceId::from_bytes([1; 32]),
        unit: amanat_primitives::UnitId::from_bytes([2; 16]),
        seen_commit: 0,
        accepted_commit: 0,
        body: Bytes::new(vec![1, 2, 3]).unwrap(),
        gone: None,
        receipt: Bytes::default(),
        class: RetentionClass::Month,
        seal: Digest::ZERO,
    };
    scripted.say(&FromRelay::Push(Push { conversation, entry })).await;
    assert_eq!(until_down(&mut secretary).await, FailureCode::Refused);
}

// [DELIV-80]: the relay may or may not have taken it; the same bytes come again under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_append_is_sent_again_byte_for_byte() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let mut scripted = script.session().await;
    let (_, message) = secretary.say(&target, "two").await;
    let (_, first) = scripted.append().await;
    drop(scripted);
    let mut scripted = script.session().await;
    let (number, second) = scripted.append().await;
    assert_eq!(first, second);
    // The log has the creation, the first message and a receipt; this is the fourth entry.
    scripted.answer(number, appended(4, Digest::ZERO)).await;
    secretary.until_state(message, MessageState::Accepted).await;
}

// [DELIV-81] [CONV-23]
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_only_says_stale_gets_nothing_encrypted() {
    let (_rig, secretary, target, script) = after_one_message().await;
    let mut scripted = script.session().await;
    secretary.say(&target, "two").await;
    let (number, first) = scripted.append().await;
    // A position that the message was encrypted after is no reason: the same bytes come again, after a while.
    scripted.answer(number, Answer::StaleEpoch(first.seen_commit)).await;
    let (number, again) = scripted.append().await;
    assert_eq!(first, again);
    // One that this device has not seen is, once the log has brought it: here it is garbage, which counts as seen.
    scripted.answer(number, Answer::StaleEpoch(1_000)).await;
    let (number, read) = until_read(&mut scripted).await;
    let position = read.after + 1;
    let garbage = script.garbage(read.conversation, position);
    let entries = List::new(vec![garbage]).unwrap();
    let answer = Entries { entries, running_before: Digest::ZERO, head: position, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
    let waits = tokio::time::timeout(Duration::from_secs(2), scripted.append()).await;
    assert!(waits.is_err(), "encrypted before the commit that it was told of is here");
}

// [DELIV-81] [CONV-23]
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_stale_is_encrypted_again_when_its_commit_is_here() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let mut scripted = script.session().await;
    let (_, message) = secretary.say(&target, "two").await;
    let (number, first) = scripted.append().await;
    // The client's position: the next commit stands right behind it.
    let at = first.seen_commit + 3;
    scripted.answer(number, Answer::StaleEpoch(at)).await;
    let (number, read) = until_read(&mut scripted).await;
    let commit = |position: u64| script.garbage(read.conversation, position);
    let (first_new, last) = (read.after + 1, at.max(read.after + 1));
    let entries = List::new((first_new..=last).map(commit).collect::<Vec<_>>()).unwrap();
    let answer = Entries { entries, running_before: Digest::ZERO, head: last, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
    let (number, second) = scripted.append().await;
    assert_eq!(first.id, second.id);
    assert_ne!(first.body, second.body);
    scripted.answer(number, appended(last + 1, Digest::ZERO)).await;
    secretary.until_state(message, MessageState::Accepted).await;
}

// [DELIV-83]: an entry that skips one is not applied before the one between is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_skips_an_entry_leads_to_reading_the_log() {
    let (_rig, secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let mut scripted = script.session().await;
    let garbage = |position: u64| of_another(position, UnitKind::Message);
    scripted.say(&FromRelay::Push(Push { conversation, entry: garbage(9) })).await;
    let read = loop {
        match scripted.request().await {
            (_, Request::Read(read)) => break read,
            (number, request) => scripted.pass(number, request).await,
        }
    };
    assert_eq!(read.conversation, conversation);
    assert!(read.after < 8);
    drop(secretary);
}

/// A commit that is none comes, and is shown; its position.
async fn garbage_comes(person: &mut Person, script: &Script, scripted: &mut Scripted, to: ConversationId) -> u64 {
    // What the vault has: the next position follows from the first read that a skipping push provokes.
    scripted.say(&FromRelay::Push(Push { conversation: to, entry: of_another(1_000, UnitKind::Commit) })).await;
    let (number, Read { after, .. }) = until_read(scripted).await;
    let entries = Entries {
        entries: List::new(vec![script.garbage(to, after + 1)]).unwrap(),
        running_before: Digest::ZERO,
        head: after + 1,
        first_kept: 1,
    };
    scripted.answer(number, Answer::Entries(entries)).await;
    let position = |event: &Event| match event {
        Event::Alarm { alarm: Alarm::Undecryptable { position, .. }, .. } => Some(*position),
        _ => None,
    };
    let shown = person.until("alarm", position).await;
    assert_eq!(shown, after + 1);
    shown
}

// [DELIV-88]: garbage never stops the log.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_the_log_is_passed_over_and_shown() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let mut scripted = script.session().await;
    let garbage = garbage_comes(&mut secretary, &script, &mut scripted, conversation).await;
    // The conversation goes on.
    let (_, message) = secretary.say(&target, "two").await;
    let (number, _) = scripted.append().await;
    scripted.answer(number, appended(garbage + 1, Digest::ZERO)).await;
    secretary.until_state(message, MessageState::Accepted).await;
    let texts = secretary.texts(conversation).await;
    assert_eq!(texts, ["one", "two"]);
    secretary.ask(Command::Status).await;
}

/// Answers everything on the way until a request that `wanted` recognises.
async fn until_request<T>(scripted: &mut Scripted, wanted: impl Fn(Request) -> Result<T, Request>) -> (u32, T) {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let (number, request) = scripted.request().await;
            match wanted(request) {
                Ok(found) => return (number, found),
                Err(request) => scripted.pass(number, request).await,
            }
        }
    });
    found.await.expect("what is waited for is asked")
}

/// The same until the client reads a log.
async fn until_read(scripted: &mut Scripted) -> (u32, Read) {
    until_request(scripted, |request| match request {
        Request::Read(read) => Ok(read),
        other => Err(other),
    })
    .await
}

// [DELIV-82]: the same ciphertext at a second position is not shown a second time, and the log goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_entry_is_shown_once() {
    let (rig, secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let mut scripted = script.session().await;
    secretary.say(&target, "two").await;
    let (_, unit) = scripted.append().await;
    drop(scripted);
    secretary.engine.stop().await;

    let mut director = rig.start("director").await;
    let mut scripted = script.session().await;
    let entry = |position: u64, unit_byte: u8| Entry {
        unit: amanat_primitives::UnitId::from_bytes([unit_byte; 16]),
        seen_commit: unit.seen_commit,
        accepted_commit: unit.accepted_commit,
        body: unit.body.clone(),
        ..of_another(position, UnitKind::Message)
    };
    // A push far ahead makes the client say where it is.
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(1_000, 9) })).await;
    let (number, read) = until_read(&mut scripted).await;
    let twice = vec![entry(read.after + 1, 5), entry(read.after + 2, 6)];
    let entries = List::new(twice).unwrap();
    let answer = Entries { entries, running_before: Digest::ZERO, head: read.after + 2, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
    let at = director
        .until("alarm", |event| match event {
            Event::Alarm { alarm: Alarm::Undecryptable { position, .. }, .. } => Some(*position),
            _ => None,
        })
        .await;
    assert_eq!(at, read.after + 2);
    assert_eq!(director.texts(conversation).await, ["one", "two"]);
}

// [DELIV-89]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_package_no_conversation_is_opened() {
    let (rig, secretary, _, script) = after_one_message().await;
    let (_, chain, device) = rig.office.enrol(&mut rand_core::OsRng, "ghost", Tier::Secret, rig.clock.now());
    let mut scripted = script.session().await;
    let to = rig.to("ghost", Tier::Official);
    let engine = secretary.engine.clone();
    let asked = tokio::spawn(async move { engine.ask(Command::SendText { to, text: "x".into() }).await });
    let (number, ()) = until_request(&mut scripted, |request| match request {
        Request::People(_) => Ok(()),
        other => Err(other),
    })
    .await;
    let chains = List::new(vec![Bytes::new(chain.to_bytes()).unwrap()]).unwrap();
    scripted.answer(number, Answer::Chains(Chains { chains, more: false })).await;
    let (number, devices) = until_request(&mut scripted, |request| match request {
        Request::ClaimKeyPackages(devices) => Ok(devices),
        other => Err(other),
    })
    .await;
    assert_eq!(devices.to_vec(), [device.id()]);
    let none = ClaimedKeyPackage { device: device.id(), key_package: Bytes::default(), last_resort: false };
    scripted.answer(number, Answer::KeyPackages(List::new(vec![none]).unwrap())).await;
    assert_eq!(asked.await.unwrap().unwrap_err().code, FailureCode::NoKeyPackage);
}

// [DELIV-140] A log whose Welcome may still be on its way is not passed over. [DELIV-218] Then it is asked for, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_not_passed_over_before_its_welcome_can_have_come() {
    let (_rig, _secretary, _to, script) = after_one_message().await;
    let mut scripted = script.session().await;
    let log = LogState { conversation: ConversationId::from_bytes([3; 16]), cursor: 0, head: 7, first_kept: 1 };
    let told = |more_direct| {
        let Answer::News(news) = nothing_new() else { panic!() };
        Answer::News(News { logs: List::new(vec![log.clone()]).unwrap(), more_direct, ..news })
    };
    scripted.say(&FromRelay::NewsHint(amanat_wire::client::Nothing {})).await;
    let (mut rounds, mut asked) = (0, 0);
    while rounds < 3 || asked == 0 {
        let (number, request) = scripted.request().await;
        match request {
            Request::News(_) => {
                rounds += 1;
                scripted.answer(number, told(rounds < 3)).await;
            }
            Request::AskAgain(again) if again.conversation == log.conversation => {
                assert_eq!((rounds, asked), (3, 0));
                asked += 1;
                scripted.pass(number, Request::AskAgain(again)).await;
                scripted.say(&FromRelay::NewsHint(amanat_wire::client::Nothing {})).await;
            }
            Request::Advance(advance)
                if advance.cursors.iter().any(|cursor| cursor.conversation == log.conversation) =>
            {
                assert!(rounds >= 3, "passed over while there was more");
                scripted.pass(number, Request::Advance(advance)).await;
            }
            request => scripted.pass(number, request).await,
        }
    }
}

/// What becomes of the conversation when the relay says that an entry of `kind` has gone, some days after its stamp.
async fn after_gone(kind: UnitKind, days: u64) -> ConversationState {
    let (rig, mut secretary, to, script) = after_one_message().await;
    let Target::Conversation(conversation) = to else { panic!() };
    gone(&rig, &mut secretary, conversation, &script, (kind, days)).await
}

async fn gone(
    rig: &Rig,
    secretary: &mut Person,
    conversation: ConversationId,
    script: &Script,
    (kind, days): (UnitKind, u64),
) -> ConversationState {
    let gone = |position| {
        let gone = Some(Digest::from_bytes([9; 32]));
        script.vouched(conversation, Entry { body: Bytes::default(), gone, ..of_another(position, kind) })
    };
    let mut scripted = script.session().await;
    rig.clock.forward(Duration::from_secs(days * 24 * 3600));
    // One that skips, so that the log is read.
    scripted.say(&FromRelay::Push(Push { conversation, entry: gone(1_000) })).await;
    let serve = async {
        loop {
            let (number, request) = scripted.request().await;
            let Request::Read(read) = request else {
                scripted.pass(number, request).await;
                continue;
            };
            let head = read.after + 1;
            let entries = List::new(vec![gone(head)]).unwrap();
            let answer = Entries { entries, running_before: Digest::ZERO, head, first_kept: 1 };
            scripted.answer(number, Answer::Entries(answer)).await;
        }
    };
    let state = secretary.until("end of the conversation", |event| match event {
        Event::Conversation(view) => (view.state != ConversationState::Active).then_some(view.state),
        _ => None,
    });
    tokio::select! { state = state => state, () = serve => unreachable!() }
}

// [DELIV-141]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_have_expired_yet_is_withheld_and_stops_the_conversation() {
    assert_eq!(after_gone(UnitKind::Message, 0).await, ConversationState::Frozen);
    assert_eq!(after_gone(UnitKind::Commit, 0).await, ConversationState::Frozen);
}

// [CONV-43]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_members_that_is_gone_cannot_be_followed() {
    assert_eq!(after_gone(UnitKind::Commit, 2).await, ConversationState::FellOut);
}

// [CONV-54] A device that has fallen out asks by itself, and is put in again by whoever is there; nobody does anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_fell_out_comes_back_by_itself() {
    let (mut rig, mut secretary, to, script) = after_one_message().await;
    let Target::Conversation(conversation) = to else { panic!() };
    let fell_out = gone(&rig, &mut secretary, conversation, &script, (UnitKind::Commit, 2)).await;
    assert_eq!(fell_out, ConversationState::FellOut);
    drop(script);
    rig.start_relay().await;
    let mut director = rig.start("director").await;
    let active = |event: &Event| match event {
        Event::Conversation(view) if view.id == conversation => (view.state == ConversationState::Active).then_some(()),
        _ => None,
    };
    secretary.until("return", active).await;
    secretary.say(&to, "two").await;
    assert_eq!(director.next_message().await.1.from, rig.address("secretary"));
    assert_eq!(secretary.texts(conversation).await, ["one", "two"]);
}
