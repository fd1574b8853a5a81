//! Revocation as people meet it (protocol-spec/03-identity, section 8): engines and a relay in one process, and an officer
//! whose words are spoken by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::time::Duration;

use amanat_client::{
    Command, Event, FailureCode, Reply,
    api::{ConversationState, LinkState, MemberChange, MessageState, Notice, SendOptions, Target, Verification},
};
use amanat_identity::{
    Address, DeviceChain, ListSummary, OfficerChain, Powers, Reason, RevocationEntry, SignedStatus, Target as Of, Tier,
    armour::{self, FileKind},
    body::{RenewalBody, RevocationBody},
    policy,
};
use amanat_net::RelayTarget;
use amanat_primitives::{DeviceId, Timestamp};
use amanat_tests::{Person, Rig};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List, Text,
    client::{Hello, Identity, NumberedRequest, People, Request, StatusUpdate, ToRelay},
    limits,
    relay::{Answer, FromRelay},
};
use rand_core::OsRng;

/// Publishes revocations behind those before.
async fn revoke(rig: &Rig, before: &[RevocationEntry], targets: &[Of]) -> Vec<RevocationEntry> {
    let (status, entries) = rig.office.revoke(before, targets, rig.clock.now());
    publish(rig, before.len(), &status, &entries).await;
    entries
}

/// Gives the relay a status statement and what is new of its list.
async fn publish(rig: &Rig, before: usize, status: &SignedStatus, entries: &[RevocationEntry]) {
    let new: Vec<_> = entries.iter().skip(before).map(|entry| Bytes::new(entry.to_bytes()).unwrap()).collect();
    let update = StatusUpdate {
        status: Bytes::new(status.to_bytes()).unwrap(),
        first: u32::try_from(before).unwrap(),
        revocations: List::new(new).unwrap(),
    };
    assert!(matches!(as_officer(rig, Request::PutStatement(update)).await, Answer::Done(_)));
}

/// Lists a lower clearance of somebody.
async fn lower(rig: &Rig, handle: &str, to: Tier) {
    let (office, now) = (&rig.office, rig.clock.now());
    let (officer, number) = (office.officer(now), SignedStatus::next_number(None, now));
    let target = Of::Person(handle.parse().unwrap());
    let body = RevocationBody { target, ceiling: Some(to), reason: Reason::Other, note: None };
    let entry = office.officer_keys.revoke(&officer, number, &body, now).unwrap();
    let summary = ListSummary::default().with(&entry);
    let status = office.officer_keys.attest(&officer, number, summary, now, policy::STATUS_VALIDITY).unwrap();
    publish(rig, 0, &status, &[entry]).await;
}

/// Asks the relay something over the officer's link.
async fn as_officer(rig: &Rig, request: Request) -> Answer {
    let relay = rig.office.relay(rig.clock.now());
    let target = RelayTarget {
        addresses: relay.addresses().iter().map(ToString::to_string).collect(),
        tls_key: relay.tls_key(),
        noise_key: *relay.noise_key(),
        allow_public: false,
    };
    let mut link = amanat_net::dial(&target, rig.office.officer_keys.noise()).await.unwrap();
    let identity = Identity::Officer(Bytes::new(rig.office.officer_chain().to_bytes()).unwrap());
    let hello = ToRelay::Hello(Hello { version: limits::PROTOCOL_VERSION, identity });
    let request = ToRelay::Request(NumberedRequest { number: 1, request });
    link.sender.send_all([hello.to_bytes(), request.to_bytes()]).await.unwrap();
    loop {
        let message = link.receiver.recv().await.unwrap().unwrap();
        if let FromRelay::Answer(answer) = FromRelay::from_bytes(&message).unwrap() {
            return answer.answer;
        }
    }
}

async fn told_of(person: &mut Person) -> (String, DeviceId, Reason) {
    person
        .until("notice of a revocation", |event| match event {
            Event::Notice(Notice::Revoked { address, device, reason }) => Some((address.to_string(), *device, *reason)),
            _ => None,
        })
        .await
}

// [DELIV-93] [DELIV-94] [DELIV-95]
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_device_stops_and_the_others_know_it() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let to = rig.to("director", Tier::Restricted);
    secretary.say(&to, "before").await;
    director.next_message().await;
    let lost = director.device().await;
    let entries = revoke(&rig, &[], &[Of::Device(lost)]).await;
    assert_eq!(told_of(&mut secretary).await, ("director@interior.gov.pk".into(), lost, Reason::Lost));

    // The lost device is told, and does not dial again.
    let ended = director
        .until("end of the link", |event| match event {
            Event::Link(LinkState::Down { failure, retry_in }) => Some((failure.code, *retry_in)),
            _ => None,
        })
        .await;
    assert_eq!(ended, (FailureCode::Revoked, std::time::Duration::MAX));
    assert_eq!(director.engine.ask(Command::Sync).await.unwrap_err().code, FailureCode::Revoked);

    // Nothing new is opened with it, and it is refused by name.
    let refused = secretary.engine.ask(Command::SendText { to: rig.to("director", Tier::Secret), text: "x".into() });
    let failure = refused.await.unwrap_err();
    assert_eq!(failure.code, FailureCode::NotFound);
    assert!(failure.failed.contains("director@interior.gov.pk") && failure.failed.contains("revoked"), "{failure}");
    let Reply::People { people, .. } = secretary.ask(Command::People { query: String::new() }).await else { panic!() };
    assert_eq!(people.len(), 1);

    // What is known stays known without the relay.
    secretary.engine.stop().await;
    let secretary = rig.start_with("secretary", false).await;
    let Reply::People { people, from_cache } = secretary.ask(Command::People { query: String::new() }).await else {
        panic!()
    };
    assert!(from_cache && people.iter().all(|person| person.address.handle.as_str() != "director"));
    secretary.engine.stop().await;

    // And the list goes on: whoever was away gets all of it at once.
    let secretary = rig.start("secretary").await;
    let mut clerk = rig.person("clerk", Tier::Official).await;
    let (_, _) = (clerk.sync().await, secretary.sync().await);
    let grantless = Of::Person("nobody".parse().unwrap());
    revoke(&rig, &entries, &[grantless, Of::Person("clerk".parse().unwrap())]).await;
    // The secretary has never met the clerk, and so is not told.
    clerk
        .until("end of the link", |event| match event {
            Event::Link(LinkState::Down { failure, .. }) if failure.code == FailureCode::Revoked => Some(()),
            _ => None,
        })
        .await;
    secretary.sync().await;
    let refused = secretary.engine.ask(Command::SendText { to: rig.to("clerk", Tier::Official), text: "x".into() });
    assert_eq!(refused.await.unwrap_err().code, FailureCode::NotFound);
}

// [DELIV-123] A relay that has forgotten a revocation is told of it by whoever links first.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_relay_is_told_of_revocations() {
    let mut rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    director.sync().await;
    rig.back_up().await;
    secretary.sync_when_linked().await;
    let lost = director.device().await;
    director.engine.stop().await;
    let entries = revoke(&rig, &[], &[Of::Device(lost)]).await;
    let number = entries.last().unwrap().number();
    let told = |event: &Event| match event {
        Event::Notice(Notice::RelayRestored) => Some(()),
        _ => None,
    };
    secretary.sync().await;
    let Reply::Status(overview) = secretary.ask(Command::Status).await else { panic!() };
    assert_eq!(overview.status.unwrap().number, number);
    rig.restore().await;
    secretary.until("restored", told).await;
    secretary.sync().await;
    let mut director = rig.start("director").await;
    director
        .until("end of the link", |event| match event {
            Event::Link(LinkState::Down { failure, .. }) if failure.code == FailureCode::Revoked => Some(()),
            _ => None,
        })
        .await;
}

// [DELIV-93] A device that was away gets them all, over several pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_away_fetches_the_whole_list() {
    let rig = Rig::new().await;
    rig.enrol("secretary", Tier::Secret).await;
    let mut entries = Vec::new();
    for part in 0..3u8 {
        // More than one page in all.
        let targets: Vec<_> = (0..100u8).map(|i| Of::Device(DeviceId::from_bytes([part; 32].map(|b| b ^ i)))).collect();
        entries = revoke(&rig, &entries, &targets).await;
    }
    let secretary = rig.start("secretary").await;
    secretary.sync().await;
    let Reply::Status(overview) = secretary.ask(Command::Status).await else { panic!() };
    assert_eq!(overview.status.unwrap().number, entries.last().unwrap().number());
    secretary.engine.stop().await;
    // Read back from the vault.
    let secretary = rig.start_with("secretary", false).await;
    let Reply::Status(overview) = secretary.ask(Command::Status).await else { panic!() };
    assert_eq!(overview.status.unwrap().number, entries.last().unwrap().number());
}

// [ID-22] What waits for a statement goes on when it is here, documents too, over the link that brings it.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_waits_for_the_status_and_goes_on_with_it() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    revoke(&rig, &[], &[]).await;
    let (conversation, message) = secretary.say(&rig.to("director", Tier::Confidential), "one").await;
    director.next_message().await;
    secretary.until_state(message, MessageState::Delivered).await;
    secretary.engine.stop().await;
    let path = rig.dir.path().join("annex.txt");
    std::fs::write(&path, b"a document's content").unwrap();
    let queued = rig.start_with("secretary", false).await;
    let send = Command::SendDocument { to: Target::Conversation(conversation), path, options: SendOptions::default() };
    queued.ask(send).await;
    queued.engine.stop().await;
    rig.clock.forward(Duration::from_secs(30 * 3600));
    // The statement that it needs names a list, which it has to fetch first.
    revoke(&rig, &[], &[Of::Device(DeviceId::from_bytes([9; 32]))]).await;
    let _secretary = rig.start("secretary").await;
    director.next_message().await;
}

// [CONV-45] Whoever is revoked is removed by those who stay; what was queued meanwhile goes out after that.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_revoked_disappears_from_the_conversations() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Secret).await;
    let members = ["director", "clerk"].map(|handle| format!("{handle}@interior.gov.pk").parse().unwrap()).to_vec();
    let new = Command::New { title: "Budget".into(), tier: Tier::Secret, members };
    let Reply::Sent { conversation, .. } = secretary.ask(new).await else { panic!() };
    let to = Target::Conversation(conversation);
    secretary.say(&to, "before").await;
    clerk.next_message().await;

    let lost = director.device().await;
    let begun = std::time::Instant::now();
    revoke(&rig, &[], &[Of::Device(lost)]).await;
    told_of(&mut secretary).await;
    let (_, message) = secretary.say(&to, "after").await;
    secretary
        .until("two members", |event| match event {
            Event::Conversation(view) => (view.id == conversation && view.members == 2).then_some(()),
            _ => None,
        })
        .await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
    secretary.until_state(message, MessageState::Accepted).await;
    clerk.next_message().await;
    let members = clerk.members(conversation).await;
    assert!(members.len() == 2 && members.iter().all(|member| member.device != lost));
    assert_eq!(director.texts(conversation).await, ["before"]);
}

// [CONV-45] A program that only syncs sees to it, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_does_not_end_before_whoever_is_revoked_is_removed() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (conversation, _) = secretary.say(&rig.to("director", Tier::Secret), "before").await;
    director.next_message().await;
    let lost = director.device().await;
    secretary.sync().await;
    secretary.engine.stop().await;
    revoke(&rig, &[], &[Of::Device(lost)]).await;
    let mut secretary = rig.start("secretary").await;
    secretary.sync().await;
    let members = secretary.members(conversation).await;
    assert_eq!(members.len(), 1);
    // Each of these is said once.
    let (mut revoked, mut removed, mut alone) = (0, 0, 0);
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(300), secretary.events.next()).await {
        match event {
            Event::Notice(Notice::Revoked { .. }) => revoked += 1,
            Event::Notice(Notice::Member { change: MemberChange::Removed, .. }) => removed += 1,
            Event::Conversation(view) if view.members == 1 => alone += 1,
            _ => {}
        }
    }
    assert_eq!((revoked, removed, alone), (1, 1, 1));
}

// [ID-22] That the statement has lapsed is said once, although the relay's newer one has lapsed as well.
#[tokio::test(flavor = "multi_thread")]
async fn that_a_statement_has_lapsed_is_said_once() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    revoke(&rig, &[], &[]).await;
    secretary.sync().await;
    secretary.engine.stop().await;
    rig.clock.forward(Duration::from_secs(60));
    revoke(&rig, &[], &[]).await;
    rig.clock.forward(policy::STATUS_VALIDITY + Duration::from_secs(24 * 3600));
    let mut secretary = rig.start("secretary").await;
    secretary.sync().await;
    let mut lapsed = 0;
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(300), secretary.events.next()).await {
        lapsed += usize::from(matches!(event, Event::Notice(Notice::StatusExpired { .. })));
    }
    assert_eq!(lapsed, 1);
}

// [DELIV-137] A 1:1 in which nobody else is left is over: what is said to that person goes where the person is now.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_somebody_who_was_enrolled_again_arrives() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let to = rig.to("director", Tier::Restricted);
    let (old, _) = secretary.say(&to, "before").await;
    director.next_message().await;
    let lost = director.device().await;
    secretary.engine.stop().await;
    director.engine.stop().await;
    let mut secretary = rig.start_with("secretary", false).await;
    let (_, waits) = secretary.say(&to, "queued").await;
    secretary.engine.stop().await;
    revoke(&rig, &[], &[Of::Device(lost)]).await;
    secretary = rig.start("secretary").await;
    // Once it is known to be revoked, the old one is not used either, whether the device is removed yet or not.
    secretary.sync().await;
    let nobody = secretary.engine.ask(Command::SendText { to: to.clone(), text: "nobody".into() }).await.unwrap_err();
    assert_eq!(nobody.code, FailureCode::NotFound);
    let state = |person: &Person| {
        let engine = person.engine.clone();
        async move {
            let Reply::Conversations(list) = engine.ask(Command::Conversations).await.unwrap() else { panic!() };
            list.iter().find(|view| view.id == old).map(|view| (view.state, view.title.clone())).unwrap()
        }
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while state(&secretary).await.0 != ConversationState::Over {
        assert!(std::time::Instant::now() < deadline, "{:?}", state(&secretary).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(state(&secretary).await.1, "Name of director");
    let by_id = Command::SendText { to: Target::Conversation(old), text: "by its id".into() };
    let refused = secretary.engine.ask(by_id).await.unwrap_err();
    assert_eq!(refused.code, FailureCode::Conversation);
    assert!(refused.failed.contains("nobody else") && refused.advice.contains("director@"), "{refused:?}");

    let invitation = rig.office.invite(&mut OsRng, "director", Tier::Secret, rig.clock.now());
    let invitation = armour::write(FileKind::Invitation, &invitation.to_secret_bytes()).unwrap();
    rig.join("director again", invitation.as_bytes()).await.unwrap();
    let mut director = rig.start("director again").await;
    director.sync().await;
    let (new, message) = secretary.say(&to, "after").await;
    assert_ne!(new, old);
    assert_eq!(director.next_message().await.1.id, message);
    // What was queued is sent to nobody.
    secretary.sync().await;
    let kept = secretary.messages(old).await.into_iter().find(|message| message.id == waits).unwrap();
    assert_eq!(kept.state, MessageState::Queued);
}

// [CONV-87] Whose clearance was lowered sends nothing there any more, though nobody has removed that person yet.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_cleared_for_less_sends_nothing_above_that() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (conversation, _) = secretary.say(&rig.to("director", Tier::Secret), "one").await;
    director.next_message().await;
    let to = Target::Conversation(conversation);
    for person in [secretary, director] {
        person.sync().await;
        person.engine.stop().await;
    }
    let offline = rig.start_with("director", false).await;
    let (_, queued) = offline.say(&to, "queued").await;
    offline.engine.stop().await;
    lower(&rig, "director", Tier::Restricted).await;
    let director = rig.start("director").await;
    director.sync().await;
    let refused = director.engine.ask(Command::SendText { to: to.clone(), text: "x".into() }).await.unwrap_err();
    assert_eq!(refused.code, FailureCode::Clearance);
    assert_eq!(refused.failed, "you are cleared up to restricted; this conversation is secret");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let held = director.messages(conversation).await.into_iter().find(|message| message.id == queued).unwrap();
    assert_eq!(held.state, MessageState::Queued);
    let Reply::Conversations(list) = director.ask(Command::Conversations).await else { panic!() };
    assert_eq!(list[0].state, ConversationState::Removing);
}

async fn verify(person: &Person, address: Address, confirm: bool) -> Verification {
    let verification = |reply| match reply {
        Reply::Verification(verification) => verification,
        other => panic!("{other:?}"),
    };
    let shown: Verification =
        verification(person.ask(Command::Verify { address: address.clone(), compared: None }).await);
    if !confirm {
        return shown;
    }
    verification(person.ask(Command::Verify { address, compared: Some(shown.safety_number) }).await)
}

/// Whether `verify` and `people` say that somebody is verified; they must not differ.
async fn is_verified(person: &Person, address: Address) -> bool {
    let query = address.handle.to_string();
    let Reply::People { people, .. } = person.ask(Command::People { query }).await else { panic!() };
    let verification = verify(person, address, false).await;
    assert_eq!((people.len(), &people[0]), (1, &verification.person));
    verification.person.verified
}

// [DELIV-136]
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_counts_for_nothing_where_numbers_are_compared() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    let (one, other) = (rig.address("secretary"), rig.address("director"));
    let invitation = rig.office.invite(&mut OsRng, "secretary", Tier::Secret, rig.clock.now());
    let invitation = armour::write(FileKind::Invitation, &invitation.to_secret_bytes()).unwrap();
    let code = rig.join("laptop", invitation.as_bytes()).await.unwrap().waits.unwrap();
    secretary.ask(Command::ApproveDevice { code }).await;
    let laptop = rig.start("laptop").await;
    laptop.sync().await;
    let both = verify(&director, one.clone(), true).await;
    assert_eq!((both.person.devices.len(), both.chains.len()), (2, 2));
    for (chain, device) in both.chains.iter().zip(&both.person.devices) {
        assert!(chain.iter().any(|link| link.contains(&device.to_string())), "{chain:?}");
    }
    assert_eq!(both.safety_number, verify(&secretary, other.clone(), true).await.safety_number);
    assert!(is_verified(&director, one.clone()).await && is_verified(&secretary, other.clone()).await);

    let lost = laptop.device().await;
    laptop.engine.stop().await;
    revoke(&rig, &[], &[Of::Device(lost)]).await;
    for person in [&secretary, &director] {
        person.sync().await;
    }
    let alone = verify(&director, one.clone(), false).await;
    assert_eq!((alone.person.devices.len(), alone.chains.len()), (1, 1));
    assert_ne!(alone.safety_number, both.safety_number);
    assert_eq!(alone.safety_number, verify(&secretary, other, false).await.safety_number);
    // What was compared stays compared.
    assert!(is_verified(&director, one).await);
}

/// Renews somebody's certificate for two years, perhaps for another clearance, by an officer whose own is as new.
async fn renew(rig: &Rig, handle: &str, clearance: Tier) {
    let (office, now) = (&rig.office, rig.clock.now());
    let who = People { query: Text::new(handle).unwrap(), after: Text::default() };
    let Answer::Chains(found) = as_officer(rig, Request::People(who)).await else { panic!() };
    let chain = DeviceChain::from_bytes(&found.chains[0]).unwrap();
    let device = chain.verify(office.authority(), now, Timestamp::CLOCK_TOLERANCE).unwrap();
    let body = RenewalBody {
        grant: device.grant(),
        name: device.name().clone(),
        post: device.post().clone(),
        clearance,
        powers: device.powers(),
    };
    let (card, years) =
        (office.officer_keys.card("Officer".parse().unwrap()), Duration::from_secs(2 * 365 * 24 * 3600));
    let root = &office.authority_keys;
    let certificate = root.certify_officer(office.authority(), &card, Powers::OFFICER, now, years).unwrap();
    let officer = OfficerChain { certificate }.verify(office.authority(), now).unwrap();
    let renewal = office.officer_keys.renew(&officer, &body, now, years).unwrap();
    let put = Request::PutRenewal(Bytes::new(renewal.to_bytes()).unwrap());
    assert!(matches!(as_officer(rig, put).await, Answer::Done(_)));
}

// [CONV-56] A member who has the chain from before asks once more before a commit is void for them alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_from_before_a_renewal_parts_nobody() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Official).await;
    let id = rig.group(&secretary, &["director"], Tier::Secret).await;
    director.sync().await;
    let Reply::People { people, .. } = director.ask(Command::People { query: "clerk".into() }).await else { panic!() };
    assert_eq!(people[0].clearance, Tier::Official);
    rig.clock.forward(Duration::from_secs(60));
    renew(&rig, "clerk", Tier::Secret).await;
    secretary.ask(Command::Add { conversation: id, members: vec![rig.address("clerk")] }).await;
    let members = director
        .until("the clerk, or an alarm", |event| match event {
            Event::Alarm { alarm, .. } => panic!("{alarm:?}"),
            Event::Conversation(view) if view.id == id && view.members == 3 => Some(view.members),
            _ => None,
        })
        .await;
    assert_eq!(members, 3);
    clerk
        .until("the group", |event| match event {
            Event::Notice(Notice::JoinRefused { failure, .. }) => panic!("{failure:?}"),
            Event::Conversation(view) => (view.id == id).then_some(()),
            _ => None,
        })
        .await;
    director.say(&Target::Conversation(id), "to all").await;
    assert_eq!(clerk.next_message().await.1.from, rig.address("director"));
}

// [CONV-58] Whose certificate has ended is a member until somebody removes it, and keeps nobody out.
#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_member_keeps_nobody_from_joining() {
    let mut rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Official).await;
    let director = rig.person("director", Tier::Official).await;
    let clerk = rig.person("clerk", Tier::Official).await;
    let id = rig.group(&secretary, &["director"], Tier::Official).await;
    for person in [secretary, director, clerk] {
        person.sync().await;
        person.engine.stop().await;
    }
    rig.clock.forward(Duration::from_secs(60));
    for handle in ["secretary", "clerk"] {
        renew(&rig, handle, Tier::Official).await;
    }
    rig.stop_relay().await;
    rig.clock.forward(Duration::from_secs(380 * 24 * 3600));
    rig.start_relay().await;
    let mut clerk = rig.start("clerk").await;
    clerk.sync_when_linked().await;
    let secretary = rig.start("secretary").await;
    secretary.sync_when_linked().await;
    secretary.ask(Command::Add { conversation: id, members: vec![rig.address("clerk")] }).await;
    let members = clerk
        .until("the group", |event| match event {
            Event::Notice(Notice::JoinRefused { failure, .. }) => panic!("{failure:?}"),
            Event::Conversation(view) => (view.id == id).then_some(view.members),
            _ => None,
        })
        .await;
    assert_eq!(members, 3);
}
