//! The leak filter in front of the outbox (protocol-spec/09-policy, section 10): engines and a relay in one process. What is
//! stopped reaches nobody, what its sender answers for is sent, and each is on record.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use amanat_client::{
    Command, Event, Failure, FailureCode, Reply,
    api::{Action, Consent, Judged, MessageBody, MessageRef, RecordView, SendOptions, Subject, Target},
    testing::census,
};
use amanat_identity::Tier;
use amanat_tests::{Person, Rig};

const ONE: &str = "گواہ کا شناختی کارڈ ۳۵۲۰۲-۱۲۳۴۵۶۷-۱ ہے۔";
const THREE: &str = "35202-1234567-1, 42101-7654321-2 and 61101-1112223-4";

fn seen() -> Consent {
    Consent::Seen
}

fn because(reason: &str) -> Consent {
    Consent::Reason(reason.into())
}

async fn send(person: &Person, to: &Target, text: &str, consent: Consent) -> Result<MessageRef, Failure> {
    let options = SendOptions { consent, ..SendOptions::default() };
    match person.engine.ask(Command::SendWith { to: to.clone(), text: text.into(), options }).await? {
        Reply::Sent { conversation, message: Some(message), .. } => Ok(MessageRef { conversation, message }),
        other => panic!("{other:?}"),
    }
}

async fn filtered(person: &Person, command: Command) -> String {
    let failure = person.engine.ask(command).await.expect_err("the filter stops it");
    assert_eq!(failure.code, FailureCode::Filtered, "{failure:?}");
    failure.failed
}

async fn stops(person: &Person, to: &Target, text: &str, consent: Consent) -> String {
    let failure = send(person, to, text, consent).await.expect_err("the filter stops it");
    assert_eq!(failure.code, FailureCode::Filtered, "{failure:?}");
    failure.failed
}

async fn records(person: &Person) -> Vec<RecordView> {
    match person.ask(Command::Records { since: 0 }).await {
        Reply::Records(records) => records,
        other => panic!("{other:?}"),
    }
}

async fn judged(person: &Person, to: &Target, text: &str) -> Judged {
    match person.ask(Command::Judge { to: to.clone(), text: text.into() }).await {
        Reply::Judged(judged) => judged,
        other => panic!("{other:?}"),
    }
}

fn count(record: &RecordView, kind: &str) -> u32 {
    record.found.iter().find(|(found, _)| found.as_str() == kind).map_or(0, |(_, count)| *count)
}

async fn office() -> (Rig, Person, Person) {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::TopSecret).await;
    let director = rig.person("director", Tier::TopSecret).await;
    (rig, secretary, director)
}

// [POL-52] [POL-53]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stopped_reaches_nobody_and_what_is_answered_for_is_sent() {
    let (rig, secretary, mut director) = office().await;
    let to = rig.to("director", Tier::Official);
    assert!(stops(&secretary, &to, ONE, Consent::None).await.contains("1 identity card number"));
    send(&secretary, &to, ONE, seen()).await.unwrap();
    assert!(stops(&secretary, &to, THREE, seen()).await.contains("a conversation at official"));
    stops(&secretary, &to, THREE, because("  ")).await;
    send(&secretary, &to, THREE, because("the committee asked for it")).await.unwrap();
    // Ten need a second person, whom nobody can ask yet; a marking above the tier goes nowhere.
    let ten: Vec<String> = (0..10).map(|n| format!("35202-123450{n}-1")).collect();
    stops(&secretary, &to, &ten.join("\n"), because("the committee asked for it")).await;
    stops(&secretary, &to, "SECRET\nThe visit is on Monday.", because("it is harmless")).await;
    // At a tier that it is for, it is nobody's business.
    send(&secretary, &rig.to("director", Tier::Secret), ONE, Consent::None).await.unwrap();
    send(&secretary, &to, "Nothing in it.", Consent::None).await.unwrap();

    let mut came = Vec::new();
    while came.len() < 4 {
        let (_, message) = director.next_message().await;
        if let MessageBody::Text(text) = message.body {
            came.push(text);
        }
    }
    came.sort();
    let mut sent = vec![ONE.to_owned(), ONE.to_owned(), THREE.to_owned(), "Nothing in it.".to_owned()];
    sent.sort();
    assert_eq!(came, sent);

    let records = records(&secretary).await;
    let said: Vec<(Action, bool, u32)> =
        records.iter().map(|record| (record.action, record.passed, count(record, "cnic"))).collect();
    assert_eq!(
        said,
        [
            (Action::Warn, false, 1),
            (Action::Warn, true, 1),
            (Action::Reason, false, 3),
            (Action::Reason, false, 3),
            (Action::Reason, true, 3),
            (Action::Approve, false, 10),
            (Action::Refuse, false, 0),
        ]
    );
}

// [POL-50] [POL-51] [POL-52]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_verdict_is_on_record_signed_and_in_its_place_over_restarts() {
    let (rig, secretary, _director) = office().await;
    let to = rig.to("director", Tier::Official);
    stops(&secretary, &to, ONE, Consent::None).await;
    let sent = send(&secretary, &to, THREE, because("asked for")).await.unwrap();
    secretary.engine.stop().await;
    let secretary = rig.start_with("secretary", false).await;
    let held = Target::Conversation(sent.conversation);
    stops(&secretary, &held, ONE, Consent::None).await;
    let listed = records(&secretary).await;
    let numbers: Vec<u64> = listed.iter().map(|record| record.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(listed[0].conversation, None, "it was not open yet");
    assert_eq!(listed[2].conversation, Some(sent.conversation));
    assert_eq!(listed[1].reason, "asked for");
    let Reply::Records(later) = secretary.ask(Command::Records { since: 2 }).await else { panic!() };
    assert_eq!(later, listed[2..]);
    secretary.engine.stop().await;
    assert_eq!(census::records(&rig.profile("secretary").await).unwrap(), 3);
}

// [POL-52]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_write_is_judged() {
    let (rig, secretary, _director) = office().await;
    let to = rig.to("director", Tier::Official);
    let sent = send(&secretary, &to, "A first draft.", Consent::None).await.unwrap();
    let group = rig.group(&secretary, &["director"], Tier::Official).await;
    let edit = |consent| Command::Edit { message: sent, text: ONE.into(), consent };
    filtered(&secretary, edit(Consent::None)).await;
    secretary.ask(edit(seen())).await;
    filtered(&secretary, Command::SendReply { to: sent, text: ONE.into(), options: SendOptions::default() }).await;
    filtered(&secretary, Command::React { message: sent, text: "35202-1234567-1".into() }).await;
    filtered(&secretary, Command::Retitle { conversation: group, title: "35202-1234567-1".into() }).await;
    let members = vec![rig.address("director")];
    filtered(&secretary, Command::New { title: ONE.into(), tier: Tier::Official, members }).await;
    filtered(&secretary, Command::SendText { to: to.clone(), text: ONE.into() }).await;
    let path = rig.dir.path().join("35202-1234567-1.txt");
    std::fs::write(&path, "x").unwrap();
    let document =
        |to: &Target| Command::SendDocument { to: to.clone(), path: path.clone(), options: SendOptions::default() };
    filtered(&secretary, document(&to)).await;
    // Nothing is opened for it, either.
    let _minister = rig.person("minister", Tier::Secret).await;
    filtered(&secretary, document(&rig.to("minister", Tier::Official))).await;
    let what: Vec<Subject> = records(&secretary).await.into_iter().map(|record| record.subject).collect();
    use Subject::{DocumentName, Edit, Text, Title};
    assert_eq!(what, [Edit, Edit, Text, Text, Title, Title, Text, DocumentName, DocumentName]);
}

// [POL-54]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_written_is_judged_where_it_stands_and_leaves_no_record() {
    let (rig, secretary, _director) = office().await;
    let to = rig.to("director", Tier::Official);
    let found = judged(&secretary, &to, ONE).await;
    assert_eq!((found.action, found.tier, found.unread), (Action::Warn, Tier::Official, false));
    assert_eq!(&ONE[found.places[0].range.clone()], "۳۵۲۰۲-۱۲۳۴۵۶۷-۱");
    assert_eq!((found.kinds[0].kind.as_str(), found.kinds[0].count, found.kinds[0].action), ("cnic", 1, Action::Warn));
    let clean = judged(&secretary, &to, "Nothing in it.").await;
    assert_eq!((clean.action, clean.places.len()), (Action::Allow, 0));
    assert_eq!(judged(&secretary, &rig.to("director", Tier::Secret), ONE).await.action, Action::Allow);
    let failure = secretary.engine.ask(Command::Judge { to, text: "x".repeat(65 * 1024) }).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::TooLarge);
    assert_eq!(records(&secretary).await, []);
}

// [POL-52]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_the_link_keeps_its_answer_and_is_judged_once() {
    let (mut rig, secretary, _director) = office().await;
    rig.stop_relay().await;
    let mut secretary = secretary;
    secretary
        .until("no link", |event| {
            matches!(event, Event::Link(amanat_client::api::LinkState::Down { .. })).then_some(())
        })
        .await;
    let conversation = rig.to("director", Tier::Restricted);
    let text = "42101-7654321-2, 35202-1234567-1, 61101-1112223-4";
    // No conversation is open, and there is no link to open one.
    let failure = send(&secretary, &conversation, text, seen()).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::Offline);
    assert_eq!(records(&secretary).await, [], "nothing was taken, and nothing stopped");
    rig.start_relay().await;
    let mut sent = send(&secretary, &conversation, text, seen()).await;
    while sent.as_ref().is_err_and(|failure| failure.code == FailureCode::Offline) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        sent = send(&secretary, &conversation, text, seen()).await;
    }
    sent.unwrap();
    let passed: Vec<bool> = records(&secretary).await.iter().map(|record| record.passed).collect();
    assert_eq!(passed, [true]);
}
