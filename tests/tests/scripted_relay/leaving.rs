//! Whoever leaves (protocol-spec/07-delivery, section 5), at a relay from which something still comes.

use amanat_conversation::{Conversation, Kind, NewConversation, check_key_package};
use amanat_identity::{DeviceChain, VerifiedDevice};
use amanat_wire::{
    log::{CommitReceipt, ReceiptBody, roster_change},
    relay::{Direct, DirectItem, WelcomePart},
};
use rand_core::OsRng;

use super::*;

/// The position of the commit that adds the secretary again.
const POSITION: u64 = 9;

/// Greets by the people's clock, says that there are no KeyPackages, and gives the secretary's device and the first that it
/// brings.
async fn with_a_key_package(rig: &Rig, script: &Script) -> (Scripted, VerifiedDevice, Vec<u8>) {
    let mut scripted = script.greet_at(rig.clock.now(), Bytes::default()).await;
    let chain = DeviceChain::from_bytes(&scripted.chain).unwrap();
    let device = chain.verify(rig.office.authority(), rig.clock.now(), Timestamp::CLOCK_TOLERANCE).unwrap();
    loop {
        match scripted.request().await {
            (number, Request::News(_)) => {
                let Answer::News(news) = nothing_new() else { panic!() };
                scripted.answer(number, Answer::News(News { key_packages: 0, ..news })).await;
            }
            (number, Request::PutKeyPackages(put)) => {
                let package = put.one_time[0].to_vec();
                scripted.pass(number, Request::PutKeyPackages(put)).await;
                return (scripted, device, package);
            }
            (number, request) => scripted.pass(number, request).await,
        }
    }
}

/// A Welcome of the director's second device to the 1:1, as good as any, and the chain that the secretary lacks for it.
fn welcome(
    rig: &Rig,
    script: &Script,
    id: ConversationId,
    to: &VerifiedDevice,
    package: &[u8],
) -> (WelcomePart, Vec<u8>) {
    let now = rig.clock.now();
    let (keys, chain, own) = rig.office.enrol(&mut OsRng, "director", Tier::Secret, now);
    let package = check_key_package(package, to, now).unwrap();
    let relay = rig.office.relay(now).id();
    let new = NewConversation { conversation: id, kind: Kind::Direct, tier: Tier::Official, relay };
    let made = Conversation::create(&new, &own, keys.signing(), vec![package], 0, now, &mut OsRng).unwrap().commit;
    let body = ReceiptBody {
        conversation: id,
        position: POSITION,
        commit: made.hash,
        stamp: now,
        roster: roster_change(made.roster_add.iter(), made.roster_remove.iter()),
        status_number: 0,
        previous: Digest::ZERO,
    };
    let receipt = CommitReceipt::sign(body, script.keys.signing());
    let part = WelcomePart {
        conversation: id,
        position: POSITION,
        running: Digest::ZERO,
        sender: own.id(),
        receipt: Bytes::new(receipt.to_bytes()).unwrap(),
        group_info: made.group_info,
        group_secrets: made.joiners[0].group_secrets.clone(),
    };
    (part, chain.to_bytes())
}

/// The secretary has fallen out, and a Welcome to come back waits for a chain; she leaves, or does not. What becomes of it
/// when the chain is here.
async fn after_a_welcome_that_waited(leaves: bool) -> ConversationState {
    let (rig, mut secretary, to, script) = after_one_message().await;
    let Target::Conversation(id) = to else { panic!() };
    assert_eq!(gone(&rig, &mut secretary, id, &script, (UnitKind::Commit, 2)).await, ConversationState::FellOut);
    let (mut scripted, device, package) = with_a_key_package(&rig, &script).await;
    let (part, chain) = welcome(&rig, &script, id, &device, &package);
    let inviter = part.sender;
    scripted.say(&FromRelay::PushDirect(DirectItem { number: 1, body: Direct::Welcome(part) })).await;
    let (number, ()) = until_request(&mut scripted, |request| match request {
        Request::Chains(devices) if devices.contains(&inviter) => Ok(()),
        other => Err(other),
    })
    .await;
    if leaves {
        secretary.ask(Command::Leave { conversation: id }).await;
        assert_eq!(secretary.state_of(id).await, ConversationState::Left);
    }
    let chains = List::new(vec![Bytes::new(chain).unwrap()]).unwrap();
    scripted.answer(number, Answer::Chains(Chains { chains, more: false })).await;
    let (number, advance) = until_request(&mut scripted, |request| match request {
        Request::Advance(advance) if advance.direct >= 1 => Ok(advance),
        other => Err(other),
    })
    .await;
    scripted.pass(number, Request::Advance(advance)).await;
    let state = secretary.state_of(id).await;
    if leaves {
        drop(scripted);
        is_declined(&rig, &script, id).await;
    }
    state
}

/// Over the next link it is not asked for again, and its roster is left.
async fn is_declined(rig: &Rig, script: &Script, id: ConversationId) {
    let mut scripted = script.greet_at(rig.clock.now(), Bytes::default()).await;
    let (number, ()) = until_request(&mut scripted, |request| match request {
        Request::Cursors(_) => Ok(()),
        other => Err(other),
    })
    .await;
    let log = LogState { conversation: id, cursor: 3, head: POSITION, first_kept: 1 };
    scripted.answer(number, Answer::Cursors(Cursors { logs: List::new(vec![log]).unwrap(), more: None })).await;
    let declined = until_request(&mut scripted, |request| match request {
        Request::AskAgain(asked) => panic!("{:?} is asked for again", asked.conversation),
        Request::Decline(conversation) => Ok(conversation),
        other => Err(other),
    });
    assert_eq!(declined.await.1, id);
}

// [DELIV-138]
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_unheard_passes_over_a_welcome_that_waits() {
    assert_eq!(after_a_welcome_that_waited(false).await, ConversationState::Active, "the Welcome is a good one");
    assert_eq!(after_a_welcome_that_waited(true).await, ConversationState::Left);
}

/// Whether the secretary commits behind a commit that has to be set right; where she leaves, the relay has not answered yet.
async fn commits_behind_garbage(leaves: bool) -> bool {
    let (rig, mut secretary, to, script) = after_one_message().await;
    let Target::Conversation(conversation) = to else { panic!() };
    let mut scripted = script.session().await;
    garbage_comes(&mut secretary, &script, &mut scripted, conversation).await;
    if leaves {
        secretary.ask(Command::Leave { conversation }).await;
        let (_, unit) = tokio::time::timeout(PATIENCE, scripted.append()).await.unwrap();
        if unit.kind == UnitKind::Commit {
            // Its random wait was shorter than the moment between.
            return Box::pin(commits_behind_garbage(leaves)).await;
        }
    }
    // Longer than anybody waits for others to do it first.
    rig.clock.forward(Duration::from_secs(6));
    let engine = secretary.engine.clone();
    drop(tokio::spawn(async move { engine.ask(Command::Sync).await }));
    let commit = async { while scripted.append().await.1.kind != UnitKind::Commit {} };
    tokio::time::timeout(Duration::from_secs(2), commit).await.is_ok()
}

// [CONV-48]
#[tokio::test(flavor = "multi_thread")]
async fn who_has_asked_to_leave_commits_nothing() {
    assert!(commits_behind_garbage(false).await);
    assert!(!commits_behind_garbage(true).await);
}
