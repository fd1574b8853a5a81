//! Giving a restored relay its logs back, by hand (protocol-spec/07-delivery, section 14).

use amanat_primitives::{ConversationId, Digest};
use amanat_relay_core::{backup, folder};
use amanat_wire::{
    Bytes, Decode as _, Encode as _, List,
    client::Request,
    log::{CommitReceipt, Entry, ReceiptBody},
    relay::{Answer, Direct, FromRelay, Refusal},
    resupply::{HeldEntry, Resupply, Welcomes},
};

use crate::harness::*;

async fn back_up(site: &mut Site) {
    site.stop().await;
    let file = std::fs::File::create(site.dir.path().join("relay.backup")).unwrap();
    backup::export(site.dir.path(), false, file, &mut |_| ()).await.unwrap();
    site.start().await;
}

async fn restore(site: &mut Site) {
    site.stop().await;
    let dir = site.dir.path().to_owned();
    std::fs::remove_dir_all(dir.join(&site.config.data)).unwrap();
    let archive = dir.join("relay.backup");
    let restored = tokio::task::spawn_blocking(move || {
        backup::restore(&archive, &dir, backup::Into::Prepared, &mut |_| ()).map_err(|error| error.to_string())
    });
    restored.await.unwrap().unwrap();
    site.start().await;
}

fn held(entry: Entry) -> HeldEntry {
    HeldEntry { entry, roster_add: List::default(), roster_remove: List::default() }
}

fn supply(conversation: ConversationId, after: u64, entries: Vec<HeldEntry>) -> Request {
    let entries = List::new(entries).unwrap();
    // R is looked at where nothing is brought, at the log's end alone.
    Request::Resupply(Resupply { conversation, after, running: Digest::ZERO, entries })
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_this_relay_has_taken_before_comes_back() {
    // [DELIV-114] [DELIV-115] [DELIV-116] [DELIV-117] [DELIV-118]
    let mut site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let (b, _) = site.enrol("bilal").await;
    let (c, _) = site.enrol("chand").await;
    let (e, _) = site.enrol("eve").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    let other = found(&mut ayesha, &[b.id()]).await;
    back_up(&mut site).await;
    ayesha = site.connect(&a).await;
    let mut bilal = site.connect(&b).await;
    let adding = commit(conversation, 1, &[c.id()], &[]);
    let said = message(conversation, 1);
    let appended = ayesha.append(said.clone()).await;
    ayesha.append(adding.clone()).await;
    ayesha.append(message(conversation, 3)).await;
    ayesha.append(message(other, 1)).await;
    let mut entries: Vec<_> = bilal.read(conversation, 1).await.entries.into_iter().map(held).collect();
    let foreign = held(bilal.read(other, 1).await.entries.into_iter().next().unwrap());
    entries[1].roster_add = adding.roster_add.clone();

    restore(&mut site).await;
    (ayesha, bilal) = (site.connect(&a).await, site.connect(&b).await);
    let (mut chand, mut eve) = (site.connect(&c).await, site.connect(&e).await);
    // Nothing new while members may be ahead.
    assert_eq!(ayesha.ask(Request::Append(message(conversation, 1))).await, Answer::Refused(Refusal::Settling));
    assert_eq!(chand.ask(supply(conversation, 1, Vec::new())).await, Answer::Refused(Refusal::NotAllowed));

    let wrong = |change: &dyn Fn(&mut Vec<HeldEntry>)| {
        let mut entries = entries.clone();
        change(&mut entries);
        supply(conversation, 1, entries)
    };
    // By the relay's own key: it signs this for no place but another.
    let keys = folder::load_keys(site.dir.path()).unwrap();
    let receipt = CommitReceipt::from_bytes(&entries[1].entry.receipt).unwrap();
    let body = ReceiptBody { previous: receipt.id(), ..receipt.body };
    let another = Bytes::new(CommitReceipt::sign(body, keys.signing()).to_bytes()).unwrap();
    let swap: [(&str, Request); 10] = [
        ("a receipt that names another before it", wrong(&|all| all[1].entry.receipt = another.clone())),
        ("another body", wrong(&|all| all[0].entry.body = Bytes::new(vec![9; 40]).unwrap())),
        ("another author", wrong(&|all| all[0].entry.sender = b.id())),
        ("another time", wrong(&|all| all[0].entry.stamp = now())),
        ("no seal", wrong(&|all| all[2].entry.seal = Digest::ZERO)),
        ("a commit without its receipt", wrong(&|all| all[1].entry.receipt = Bytes::default())),
        ("another roster", wrong(&|all| all[1].roster_add = List::new(vec![e.id()]).unwrap())),
        ("out of order", wrong(&|all| all.swap(0, 1))),
        ("with a gap", wrong(&|all| drop(all.remove(0)))),
        ("of another log", wrong(&|all| all[0] = foreign.clone())),
    ];
    for (what, request) in swap {
        assert_eq!(bilal.ask(request).await, Answer::Refused(Refusal::Malformed), "{what}");
        assert_eq!(bilal.read(conversation, 0).await.head, 1, "{what}");
    }
    // Eve is in no roster, before or after.
    let right = supply(conversation, 1, entries.clone());
    assert_eq!(eve.ask(right.clone()).await, Answer::Refused(Refusal::NotAllowed));
    assert_eq!(bilal.ask(supply(conversation, 7, entries.clone())).await, Answer::Resupplied(1));

    assert_eq!(bilal.ask(right.clone()).await, Answer::Resupplied(4));
    let back = bilal.read(conversation, 1).await.entries;
    assert!(back.iter().zip(&entries).all(|(back, held)| *back == held.entry) && back.len() == 3);
    // Again, by another one: nothing changes. And what its author sends again has its first answer.
    assert_eq!(ayesha.ask(right).await, Answer::Resupplied(4));
    assert_eq!(bilal.read(conversation, 0).await.head, 4);
    // The Welcome comes from the commit's author alone, once.
    let welcomes = |position| {
        let (group_info, joiners) = (adding.group_info.clone(), adding.joiners.clone());
        Request::Welcomes(Welcomes { conversation, position, group_info, joiners })
    };
    assert_eq!(bilal.ask(welcomes(3)).await, Answer::Refused(Refusal::NotAllowed));
    assert_eq!(ayesha.ask(welcomes(2)).await, Answer::Refused(Refusal::NotAllowed));
    for _ in 0..2 {
        assert!(matches!(ayesha.ask(welcomes(3)).await, Answer::Done(_)));
    }
    let direct = chand.news().await.direct;
    assert_eq!(direct.len(), 1);
    assert!(
        matches!(&direct[0].body, Direct::Welcome(part) if part.position == 3 && part.conversation == conversation)
    );

    // When all have said that they have nothing more, the log goes on.
    for client in [&mut ayesha, &mut bilal] {
        assert_eq!(client.ask(supply_nothing(conversation, &back[2], &entries)).await, Answer::Resupplied(4));
        assert_eq!(client.ask(Request::Append(message(conversation, 3))).await, Answer::Refused(Refusal::Settling));
    }
    assert_eq!(chand.ask(supply_nothing(conversation, &back[2], &entries)).await, Answer::Resupplied(4));
    assert_eq!(ayesha.append(said).await, appended);
    assert_eq!(bilal.append(message(conversation, 3)).await.position, 5);
    // The other log waits until the ten minutes are over.
    assert_eq!(ayesha.ask(Request::Append(message(other, 1))).await, Answer::Refused(Refusal::Settling));
    site.ahead.store(601_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(ayesha.append(message(other, 1)).await.position, 2);
    while let Some(push) = chand.pushes.pop_front() {
        assert!(matches!(push, FromRelay::Push(_) | FromRelay::PushDirect(_)), "{push:?}");
    }
}

/// A device that only the entries given back add, and one that they remove: each alone has them.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_the_log_before_or_after_what_comes_back_may_bring_it() {
    // [DELIV-116]
    let mut site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let (b, _) = site.enrol("bilal").await;
    let (c, _) = site.enrol("chand").await;
    let (added, removed) = (found(&mut ayesha, &[]).await, found(&mut ayesha, &[b.id()]).await);
    back_up(&mut site).await;
    let mut ayesha = site.connect(&a).await;
    let (adding, removing) = (commit(added, 1, &[c.id()], &[]), commit(removed, 1, &[], &[b.id()]));
    ayesha.append(adding.clone()).await;
    ayesha.append(removing.clone()).await;
    let mut entries: Vec<_> = ayesha.read(added, 1).await.entries.into_iter().map(held).collect();
    entries[0].roster_add = adding.roster_add;
    let mut others: Vec<_> = ayesha.read(removed, 1).await.entries.into_iter().map(held).collect();
    others[0].roster_remove = removing.roster_remove;

    restore(&mut site).await;
    let (mut bilal, mut chand) = (site.connect(&b).await, site.connect(&c).await);
    assert_eq!(bilal.ask(supply(added, 1, entries.clone())).await, Answer::Refused(Refusal::NotAllowed));
    assert_eq!(chand.ask(supply(removed, 1, others.clone())).await, Answer::Refused(Refusal::NotAllowed));
    assert_eq!(chand.ask(supply(added, 1, entries)).await, Answer::Resupplied(2));
    assert_eq!(bilal.ask(supply(removed, 1, others)).await, Answer::Resupplied(2));
    assert_eq!(chand.read(added, 1).await.entries.len(), 1);
}

/// R at the log's end, as a member knows it: a chain of hashes from the first body on is not at hand here, so the relay is
/// told of the position before, of which it takes the member's word.
fn supply_nothing(conversation: ConversationId, last: &Entry, entries: &[HeldEntry]) -> Request {
    assert_eq!(last.seal, entries[2].entry.seal);
    supply(conversation, last.position - 1, Vec::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_behind_its_author_takes_nothing_and_key_packages_do_not_come_back() {
    // [DELIV-119] [DELIV-122]
    let mut site = Site::new().await;
    let (a, mut ayesha) = site.enrol("ayesha").await;
    let (b, _) = site.enrol("bilal").await;
    let conversation = found(&mut ayesha, &[b.id()]).await;
    assert_eq!(ayesha.ask(Request::Append(message(conversation, 2))).await, Answer::Refused(Refusal::Settling));
    assert_eq!(
        ayesha.ask(Request::Append(commit(conversation, 2, &[], &[]))).await,
        Answer::Refused(Refusal::Settling)
    );
    let package = |n: u8| Bytes::new(vec![n; 100]).unwrap();
    let put = amanat_wire::client::PutKeyPackages {
        one_time: List::new(vec![package(1), package(2)]).unwrap(),
        last_resort: Some(package(3)),
    };
    assert!(matches!(ayesha.ask(Request::PutKeyPackages(put)).await, Answer::Done(_)));
    back_up(&mut site).await;
    restore(&mut site).await;
    ayesha = site.connect(&a).await;
    let news = ayesha.news().await;
    assert_eq!((news.key_packages, news.last_resort_used), (0, 1), "new ones are wanted, of both kinds");
    let claimed = ayesha.ask(Request::ClaimKeyPackages(List::new(vec![a.id()]).unwrap())).await;
    assert!(matches!(claimed, Answer::KeyPackages(list) if list[0].key_package.is_empty()));
}
