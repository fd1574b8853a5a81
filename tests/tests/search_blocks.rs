//! Blocks of texts for searching (protocol-spec/07-delivery, section 12): what is found is what the messages' own rows say,
//! whatever lies beside them, and what is gone is in no block. Real engines, and the vaults that they leave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::{collections::BTreeSet, time::Duration};

use amanat_client::{
    Command, FailureCode, Reply,
    api::{MessageBody, MessageRef, SendOptions, Target},
    rehearsal,
    testing::census,
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, MessageId};
use amanat_store::table::faults::{self, Fault};
use amanat_tests::{Person, Rig};
use rand_core::{OsRng, RngCore as _};

/// Words of which texts are made.
const WORDS: [&str; 12] =
    ["budget", "summary", "cabinet", "annex", "draft", "report", "minister", "lahore", "اجلاس", "خلاصہ", "بجٹ", "منظوری"];
/// Longer than the rest between a change and the making of blocks.
const QUIET: Duration = Duration::from_secs(3);

/// Makes another row of a block's.
type Spoil = dyn Fn(&[u8]) -> Vec<u8>;

fn swap(row: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut row = row.to_vec();
    while let Some(at) = row.windows(from.len()).position(|window| window == from) {
        row[at..at + from.len()].copy_from_slice(to);
    }
    row
}

fn random(below: usize) -> usize {
    OsRng.next_u32() as usize % below
}

fn text() -> String {
    (0..1 + random(5)).map(|_| WORDS[random(WORDS.len())]).collect::<Vec<_>>().join(" ")
}

/// The secretary's vault with so many messages in a conversation with the director; no engine runs.
async fn filled(texts: &[String]) -> (Rig, ConversationId) {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    rig.enrol("director", Tier::Secret).await;
    let (id, _) = secretary.say(&rig.to("director", Tier::Official), "the first").await;
    secretary.sync().await;
    secretary.engine.stop().await;
    fill(&rig, id, texts).await;
    (rig, id)
}

async fn fill(rig: &Rig, id: ConversationId, texts: &[String]) {
    rehearsal::fill(&rig.profile("secretary").await, id, texts, rig.clock.now()).unwrap();
}

/// Numbers of the blocks in somebody's vault, and whether a text is in one of them; no engine may run.
async fn blocks(rig: &Rig, handle: &str, id: ConversationId, text: &str) -> (Vec<u8>, bool) {
    let rows = census::blocks(&rig.profile(handle).await, id).unwrap();
    let holds = |row: &[u8]| row.windows(text.len()).any(|window| window == text.as_bytes());
    (rows.iter().map(|(key, _)| key[7]).collect(), rows.iter().any(|(_, row)| holds(row)))
}

async fn found(person: &Person, query: &str) -> BTreeSet<MessageId> {
    let Reply::Hits(hits) =
        person.ask(Command::Search { query: query.into(), conversation: None, limit: 10_000 }).await
    else {
        panic!()
    };
    let ids: BTreeSet<MessageId> = hits.iter().map(|hit| hit.message.id).collect();
    assert_eq!(ids.len(), hits.len(), "each once");
    assert!(hits.windows(2).all(|two| two[0].message.at >= two[1].message.at), "the newest first");
    ids
}

/// What a plain search over all messages finds.
async fn plainly(person: &Person, id: ConversationId, words: &[&str]) -> BTreeSet<MessageId> {
    let holds = |body: &MessageBody| match body {
        MessageBody::Text(text) => words.iter().all(|word| text.contains(word)),
        _ => false,
    };
    person.messages(id).await.into_iter().filter(|view| holds(&view.body)).map(|view| view.id).collect()
}

async fn compare(person: &Person, id: ConversationId) {
    for _ in 0..6 {
        let words = [WORDS[random(WORDS.len())], WORDS[random(WORDS.len())]];
        let words = &words[random(2)..];
        assert_eq!(found(person, &words.join(" ")).await, plainly(person, id, words).await, "{words:?}");
    }
}

/// Waits until all blocks are made that there can be.
async fn prepared(person: &Person) {
    assert!(found(person, "").await.is_empty());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let Reply::Status(overview) = person.ask(Command::Status).await else { panic!() };
        if !overview.preparing_search {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "not prepared within 30 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn delete(person: &Person, conversation: ConversationId, message: MessageId) {
    person.ask(Command::Delete { message: MessageRef { conversation, message } }).await;
}

// [DELIV-103] [DELIV-106]
#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_messages_a_search_finds_what_they_say() {
    let texts: Vec<String> = (0..300).map(|_| text()).collect();
    let (rig, id) = filled(&texts).await;
    let mut person = rig.start_with("secretary", false).await;
    for round in 0..12 {
        if round % 3 == 1 {
            person.engine.stop().await;
            fill(&rig, id, &texts[..40]).await;
            person = rig.start_with("secretary", false).await;
        }
        if round % 4 == 2 {
            prepared(&person).await;
        }
        compare(&person, id).await;
        let views = person.messages(id).await;
        for _ in 0..6 {
            let message = MessageRef { conversation: id, message: views[random(views.len())].id };
            let options = SendOptions { expires_after: Some(Duration::from_secs(60)), ..SendOptions::default() };
            let command = match random(4) {
                0 => Command::Delete { message },
                1 => Command::Edit { message, text: text(), consent: Default::default() },
                2 => Command::React { message, text: "budget".into() },
                _ => Command::SendWith { to: Target::Conversation(id), text: text(), options },
            };
            // What is gone already, or has no meaning, is refused.
            let refused = person.engine.ask(command).await.err();
            assert!(refused.is_none_or(|failure| failure.code == FailureCode::NotAllowed));
            if random(3) == 0 {
                compare(&person, id).await;
            }
        }
        rig.clock.forward(Duration::from_secs(20));
        compare(&person, id).await;
    }
}

// [DELIV-104]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_or_edited_is_in_no_block() {
    let mut texts: Vec<String> = (0..400).map(|number| format!("text {number}")).collect();
    texts[200] = "the secret of the annex".into();
    texts[201] = "a word that was too much".into();
    let (rig, id) = filled(&texts).await;
    let person = rig.start_with("secretary", false).await;
    let secret = found(&person, "secret annex").await.first().copied().unwrap();
    let edited = found(&person, "too much").await.first().copied().unwrap();
    person.engine.stop().await;
    assert_eq!(
        blocks(&rig, "secretary", id, "secret of the annex").await,
        (vec![0, 1, 2], true),
        "or it shows nothing"
    );

    let person = rig.start_with("secretary", false).await;
    delete(&person, id, secret).await;
    person.engine.stop().await;
    assert_eq!(blocks(&rig, "secretary", id, "secret of the annex").await, (vec![0, 2], false));

    // Made again while nothing else is to be done, without it.
    let person = rig.start_with("secretary", false).await;
    rig.clock.forward(QUIET);
    prepared(&person).await;
    assert!(found(&person, "secret annex").await.is_empty());
    person.engine.stop().await;
    assert_eq!(blocks(&rig, "secretary", id, "secret of the annex").await, (vec![0, 1, 2], false));
    assert!(blocks(&rig, "secretary", id, "a word that was too much").await.1);

    let person = rig.start_with("secretary", false).await;
    let message = MessageRef { conversation: id, message: edited };
    person.ask(Command::Edit { message, text: "better so".into(), consent: Default::default() }).await;
    assert_eq!(found(&person, "better so").await, BTreeSet::from([edited]));
    assert!(found(&person, "too much").await.is_empty());
    person.engine.stop().await;
    assert_eq!(blocks(&rig, "secretary", id, "too much").await, (vec![0, 1, 2], false));
    assert!(blocks(&rig, "secretary", id, "better so").await.1);
}

// [DELIV-104]
#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_deletion_is_cut_short_text_and_block_go_together() {
    let (rig, id) = filled(&(0..300).map(|number| format!("text {number}.")).collect::<Vec<_>>()).await;
    let vault = rig.dir.path().join("secretary/vault");
    for (fault, stays) in [(Fault::Full, true), (Fault::Before, true), (Fault::After, false)] {
        let person = rig.start_with("secretary", false).await;
        prepared(&person).await;
        let message = found(&person, "text 17").await.into_iter().next_back().unwrap();
        let body = person.messages(id).await.into_iter().find(|view| view.id == message).unwrap().body;
        let MessageBody::Text(text) = body else { panic!() };
        let plan = faults::plan(&vault, fault, 1);
        let command = Command::Delete { message: MessageRef { conversation: id, message } };
        assert!(person.engine.ask(command).await.is_err());
        assert!(plan.met());
        drop(plan);
        person.engine.stop().await;
        let (numbers, holds) = blocks(&rig, "secretary", id, &text).await;
        assert_eq!((numbers.len(), holds), if stays { (2, true) } else { (1, false) }, "{fault:?}");
        let person = rig.start_with("secretary", false).await;
        assert_eq!(found(&person, &text).await.contains(&message), stays, "{fault:?}");
        person.engine.stop().await;
    }
}

// [DELIV-106]
#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_are_wrong_change_nothing_of_what_is_found() {
    let texts: Vec<String> = (0..300).map(|number| format!("text {number} in lahore")).collect();
    let (rig, id) = filled(&texts).await;
    let person = rig.start_with("secretary", false).await;
    let (all, some) = (found(&person, "text").await, found(&person, "text 17").await);
    assert_eq!((all.len(), some.len()), (300, 13));
    person.engine.stop().await;
    let good = census::blocks(&rig.profile("secretary").await, id).unwrap();
    let spoil: [(&str, &Spoil); 4] = [
        ("cut short", &|row| row[..row.len() - 1].to_vec()),
        ("empty", &|_| Vec::new()),
        ("of another number", &|row| swap(row, &[0, 0, 0, 0, 0, 0, 0, 1], &[0, 0, 0, 0, 0, 0, 0, 9])),
        ("without ends", &|row| swap(row, &[0xff], b" ")),
    ];
    for (what, spoilt) in spoil {
        let rows = good.iter().map(|(key, row)| (key.clone(), spoilt(row))).collect();
        census::replace_blocks(&rig.profile("secretary").await, id, rows).unwrap();
        let person = rig.start_with("secretary", false).await;
        assert_eq!(
            (found(&person, "text").await, found(&person, "text 17").await),
            (all.clone(), some.clone()),
            "{what}"
        );
        person.engine.stop().await;
        let again = census::blocks(&rig.profile("secretary").await, id).unwrap();
        assert!(again[1] == good[1], "made again: {what}");
    }
    // One that says what its messages do not say finds nothing, and is made again.
    let rows = good.iter().map(|(key, row)| (key.clone(), swap(row, b"lahore", b"murree"))).collect();
    census::replace_blocks(&rig.profile("secretary").await, id, rows).unwrap();
    let person = rig.start_with("secretary", false).await;
    assert!(found(&person, "murree").await.is_empty());
    assert_eq!(found(&person, "lahore").await, all);
    person.engine.stop().await;
    let again = census::blocks(&rig.profile("secretary").await, id).unwrap();
    assert!(again == good);
}

// [DELIV-107]
#[tokio::test(flavor = "multi_thread")]
async fn a_search_answers_where_the_disk_takes_no_blocks() {
    let (rig, id) = filled(&(0..300).map(|number| format!("text {number}")).collect::<Vec<_>>()).await;
    let vault = rig.dir.path().join("secretary/vault");
    let person = rig.start_with("secretary", false).await;
    let plan = faults::plan(&vault, Fault::Full, 1);
    assert_eq!(found(&person, "text").await.len(), 300);
    assert!(plan.met());
    drop(plan);
    person.engine.stop().await;
    assert!(blocks(&rig, "secretary", id, "text").await.0.is_empty());

    // The same between other work; and a disk that fails is one that has failed.
    for (fault, goes_on, left) in [(Fault::Full, true, 0), (Fault::Before, false, 0), (Fault::After, false, 2)] {
        let person = rig.start_with("secretary", false).await;
        let plan = faults::plan(&vault, fault, 1);
        person.ask(Command::Search { query: String::new(), conversation: None, limit: 0 }).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while !plan.met() {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(plan);
        let answer =
            person.engine.ask(Command::Search { query: "text".into(), conversation: None, limit: 10_000 }).await;
        assert_eq!(answer.is_ok(), goes_on, "{fault:?}");
        person.engine.stop().await;
        assert_eq!(blocks(&rig, "secretary", id, "text").await.0.len(), left, "{fault:?}");
    }
}

// [DELIV-104] [DELIV-105]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_is_in_blocks_but_for_what_expires_and_what_is_taken_back() {
    let (rig, id) = filled(&[]).await;
    let secretary = rig.start("secretary").await;
    let mut director = rig.start("director").await;
    director.next_message().await;
    let to = Target::Conversation(id);
    let mut taken_back = None;
    for number in 0..127 {
        match number {
            30 => {
                let options = SendOptions { expires_after: Some(Duration::from_secs(3600)), ..SendOptions::default() };
                let text = "gone by tomorrow".into();
                secretary.ask(Command::SendWith { to: to.clone(), text, options }).await;
            }
            60 => taken_back = Some(secretary.say(&to, "never said").await.1),
            _ => drop(secretary.say(&to, &format!("text {number}")).await),
        }
    }
    secretary.sync().await;
    director.sync().await;
    rig.clock.forward(QUIET);
    prepared(&director).await;
    assert_eq!(found(&director, "tomorrow").await.len(), 1);
    assert_eq!(found(&director, "never said").await.len(), 1);
    director.engine.stop().await;
    assert_eq!(blocks(&rig, "director", id, "never said").await, (vec![0], true));
    assert!(!blocks(&rig, "director", id, "gone by tomorrow").await.1);

    delete(&secretary, id, taken_back.unwrap()).await;
    secretary.sync().await;
    let director = rig.start("director").await;
    director.sync_when_linked().await;
    assert!(found(&director, "never said").await.is_empty());
    assert_eq!(found(&director, "tomorrow").await.len(), 1);
    director.engine.stop().await;
    assert!(!blocks(&rig, "director", id, "never said").await.1);

    rig.clock.forward(Duration::from_secs(3601));
    let director = rig.start_with("director", false).await;
    assert!(found(&director, "tomorrow").await.is_empty());
    assert_eq!(found(&director, "text").await.len(), 125);
}

// [DELIV-107]
#[tokio::test(flavor = "multi_thread")]
async fn full_blocks_are_made_while_nothing_else_is_to_be_done() {
    let (rig, id) = filled(&(0..700).map(|number| format!("text {number}")).collect::<Vec<_>>()).await;
    // Not by a command that ends at once.
    let person = rig.start_with("secretary", false).await;
    person.ask(Command::Conversations).await;
    person.engine.stop().await;
    assert!(blocks(&rig, "secretary", id, "text").await.0.is_empty());
    let person = rig.start_with("secretary", false).await;
    person.ask(Command::Conversations).await;
    rig.clock.forward(QUIET);
    person.ask(Command::Conversations).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    person.engine.stop().await;
    assert_eq!(blocks(&rig, "secretary", id, "text 600").await, (vec![0, 1, 2, 3, 4], true));
}
