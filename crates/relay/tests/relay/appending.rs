//! Appending and pushing (protocol-spec/07-delivery, sections 3 and 4).

use amanat_primitives::Digest;
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::Request,
    log::{CommitReceipt, UnitKind, ciphertext_hash, running_hash},
    relay::{Answer, Direct, FromRelay, Refusal},
};

use crate::harness::*;

/// [DELIV-55] The whole way of a Welcome and a message.
#[tokio::test(flavor = "multi_thread")]
async fn a_founder_a_joiner_and_a_message() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let conversation = amanat_primitives::ConversationId::random(&mut rand_core::OsRng);
    let create = commit(conversation, 0, &[b.id()], &[]);
    let created = ayesha.append(create.clone()).await;
    assert_eq!(created.position, 1);
    assert_eq!(
        created.running,
        running_hash(&Digest::ZERO, UnitKind::Create, &ciphertext_hash(&create.body), &created.receipt)
    );
    let receipt = CommitReceipt::from_bytes(&created.receipt).unwrap();
    receipt.verify(site.office.relay(now()).signing_key()).unwrap();
    assert_eq!((receipt.body.commit, receipt.body.previous), (ciphertext_hash(&create.body), Digest::ZERO));

    // The joiner gets its part of the Welcome and the commit, in either order: a direct item and a log entry.
    let mut welcome = None;
    let mut first = None;
    for _ in 0..2 {
        match bilal.push().await.unwrap() {
            FromRelay::PushDirect(item) => welcome = Some(item),
            FromRelay::Push(push) => first = Some(push.entry),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(first.unwrap().receipt, created.receipt);
    match welcome.unwrap().body {
        Direct::Welcome(part) => {
            assert_eq!((part.conversation, part.position, part.running), (conversation, 1, created.running));
            assert_eq!((&*part.group_info, &*part.group_secrets), (&*create.group_info, b.id().as_bytes().as_slice()));
            assert_eq!(part.receipt, created.receipt);
        }
        other => panic!("{other:?}"),
    }

    let said = message(conversation, 1);
    let appended = bilal.append(said.clone()).await;
    assert_eq!(appended.position, 2);
    let entry = ayesha.pushed_entry().await;
    assert_eq!((entry.position, &entry.body, entry.sender, entry.unit), (2, &said.body, b.id(), said.id));
    // The same unit again: the same answer, no second entry, no second push.
    assert_eq!(bilal.append(said).await, appended);
    let next = bilal.append(message(conversation, 1)).await;
    assert_eq!(next.position, 3);
    assert_eq!(ayesha.pushed_entry().await.position, 3);
    assert!(bilal.pushes.is_empty(), "an entry is not pushed to the one who appended it");
}

/// [DELIV-54] [DELIV-50] Many senders at once: every member sees every entry, in order, and each sender's own order.
#[tokio::test(flavor = "multi_thread")]
async fn order_holds_under_many_senders() {
    const SENDERS: usize = 8;
    const EACH: usize = 40;
    let site = Site::new().await;
    let (_founder, mut founder) = site.enrol("founder").await;
    let mut senders = Vec::new();
    for i in 0..SENDERS {
        senders.push(site.enrol(&format!("sender{i}")).await);
    }
    let ids: Vec<_> = senders.iter().map(|(device, _)| device.id()).collect();
    let conversation = found(&mut founder, &ids).await;
    let mut tasks = Vec::new();
    for (device, mut client) in senders {
        tasks.push(tokio::spawn(async move {
            let units: Vec<_> = (0..EACH).map(|_| message(conversation, 1)).collect();
            let mut numbers = Vec::new();
            for unit in &units {
                numbers.push(client.start(Request::Append(unit.clone())).await);
            }
            let mut positions = Vec::new();
            for number in numbers {
                match client.answer(number).await.unwrap() {
                    Answer::Appended(appended) => positions.push(appended.position),
                    other => panic!("{other:?}"),
                }
            }
            assert!(positions.is_sorted(), "a sender's own order");
            // Its pushes and its own positions together are the whole log.
            let mut seen = positions.clone();
            let mut pushed = Vec::new();
            while seen.len() + pushed.len() < SENDERS * EACH + 1 {
                match client.push().await.unwrap() {
                    FromRelay::Push(push) => pushed.push(push.entry.position),
                    FromRelay::PushDirect(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert!(pushed.is_sorted());
            seen.append(&mut pushed);
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(1..=(SENDERS * EACH + 1) as u64));
            (device, units, positions)
        }));
    }
    let mut at = std::collections::BTreeMap::new();
    for task in tasks {
        let (_, units, positions) = task.await.unwrap();
        at.extend(positions.into_iter().zip(units));
    }
    let mut running = founder.read(conversation, 0).await.running_before;
    let mut after = 0;
    while after < (SENDERS * EACH + 1) as u64 {
        for entry in founder.read(conversation, after).await.entries {
            assert_eq!(entry.position, after + 1);
            after = entry.position;
            running = entry.running(&running);
            if let Some(unit) = at.get(&entry.position) {
                assert_eq!((entry.unit, &entry.body), (unit.id, &unit.body));
            }
        }
    }
    let last = founder.append(message(conversation, 1)).await;
    assert_eq!(founder.read(conversation, last.position).await.running_before, last.running);
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_stale_epochs_and_strangers() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let (_c, mut chand) = site.enrol("chand").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    // Two commits on one: the second loses.
    assert_eq!(ayesha.append(commit(conversation, 1, &[], &[])).await.position, 2);
    assert_eq!(bilal.ask(Request::Append(commit(conversation, 1, &[], &[]))).await, Answer::Conflict(2));
    assert_eq!(bilal.append(commit(conversation, 2, &[], &[])).await.position, 3);
    assert_eq!(bilal.append(commit(conversation, 3, &[], &[])).await.position, 4);
    // Two commits behind is the most that a message may be.
    assert_eq!(ayesha.append(message(conversation, 2)).await.position, 5);
    assert_eq!(ayesha.ask(Request::Append(message(conversation, 1))).await, Answer::StaleEpoch(4));
    for unit in [message(conversation, 4), commit(conversation, 4, &[], &[])] {
        assert_eq!(chand.ask(Request::Append(unit)).await, Answer::Refused(Refusal::NotAllowed));
    }
    let unknown = amanat_primitives::ConversationId::random(&mut rand_core::OsRng);
    assert_eq!(chand.ask(Request::Append(message(unknown, 1))).await, Answer::Refused(Refusal::Unknown));
    let taken = commit(conversation, 0, &[], &[]);
    assert_eq!(chand.ask(Request::Append(taken)).await, Answer::Refused(Refusal::Exists));
}

/// [DELIV-67]
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_contradicts_itself_is_refused() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, _bilal) = site.enrol("bilal").await;
    let conversation = found(&mut ayesha, &[]).await;
    let empty = amanat_wire::log::Unit { body: Bytes::default(), ..message(conversation, 1) };
    let adding = amanat_wire::log::Unit { roster_add: List::new(vec![b.id()]).unwrap(), ..message(conversation, 1) };
    let group_info =
        amanat_wire::log::Unit { group_info: Bytes::new(vec![1]).unwrap(), ..commit(conversation, 1, &[], &[]) };
    let no_group_info =
        amanat_wire::log::Unit { group_info: Bytes::default(), ..commit(conversation, 1, &[b.id()], &[]) };
    let uninvited = amanat_wire::log::Unit { roster_add: List::default(), ..commit(conversation, 1, &[b.id()], &[]) };
    for unit in [empty, adding, group_info, no_group_info, uninvited] {
        assert_eq!(ayesha.ask(Request::Append(unit)).await, Answer::Refused(Refusal::Malformed));
    }
    assert_eq!(ayesha.append(commit(conversation, 1, &[b.id()], &[])).await.position, 2);
}

/// Large bodies take the whole way too.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_passes() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let (b, mut bilal) = site.enrol("bilal").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    let mut large = message(conversation, 1);
    large.body = Bytes::new(vec![5; amanat_wire::limits::BODY]).unwrap();
    assert!(Request::Append(large.clone()).to_bytes().len() > amanat_wire::limits::BODY);
    assert_eq!(ayesha.append(large.clone()).await.position, 2);
    loop {
        if let FromRelay::Push(push) = bilal.push().await.unwrap()
            && push.entry.position == 2
        {
            assert_eq!(push.entry.body, large.body);
            break;
        }
    }
    assert_eq!(bilal.read(conversation, 1).await.entries[0].body, large.body);
}

// [DELIV-142]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_added_who_is_not_enrolled() {
    let site = Site::new().await;
    let (_a, mut ayesha) = site.enrol("ayesha").await;
    let conversation = amanat_primitives::ConversationId::random(&mut rand_core::OsRng);
    let stranger = amanat_primitives::DeviceId::from_bytes([7; 32]);
    let create = commit(conversation, 0, &[stranger], &[]);
    assert_eq!(ayesha.ask(Request::Append(create)).await, Answer::Refused(Refusal::Unknown));
}
